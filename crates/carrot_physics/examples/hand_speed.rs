//! Measures control steps per second of the hand and of the arm over the table, with one row and with 256 in turn.
//!
//! `cargo run --release -p carrot_physics --example hand_speed`
#![allow(clippy::print_stdout, reason = "an example reports on the terminal")]

use std::time::Instant;

use std::sync::Arc;

use carrot_physics::{
    ArmSpec, Bench, CubeSpec, Grip, Hand, HandSpec, PhysicsError, PhysicsRow, RobotModel, Template,
};

fn main() -> Result<(), PhysicsError> {
    for (name, grip, cube) in [
        ("blocked fingers", Grip::Blocked, false),
        ("blocked fingers, cube", Grip::Blocked, true),
        ("driven fingers", Grip::Driven, false),
        ("driven fingers, cube", Grip::Driven, true),
    ] {
        let (hand, template) = scene(grip, cube)?;
        report(name, &template, |row, velocity, opening| hand.drive(row, velocity, opening));
    }
    for (name, cube) in [("arm", false), ("arm, cube", true)] {
        let mut bench = Bench::new(ArmSpec::SOLVER, Bench::FRICTION)?;
        let Some(Ok(robot)) = RobotModel::built_in("six_joint_arm") else { continue };
        let arm = ArmSpec::new(robot).add_to(&mut bench)?;
        if cube {
            bench.cube("cube", CubeSpec::default(), [0.0; 2])?;
        }
        let template = bench.build();
        report(name, &template, |row, velocity, opening| arm.drive_tool(row, velocity, opening));
    }
    Ok(())
}

/// Commands the velocity of the tool (m/s) and the opening of the fingers (m).
trait Drive: Fn(&mut PhysicsRow, [f32; 3], f32) {}
impl<F: Fn(&mut PhysicsRow, [f32; 3], f32)> Drive for F {}

fn report(name: &str, template: &Arc<Template>, drive: impl Drive) {
    let bytes = template.row().snapshot().map_or(0, |bytes| bytes.len());
    println!("{name}: a snapshot takes {bytes} bytes");
    for rows in [1, 256] {
        let (rate, reset) = measure(&drive, template, rows);
        let each = 1e6 / rate;
        println!(
            "{name:22} {rows:4} rows: {rate:8.0} control steps/s, {each:5.1} us each, reset {reset:4.1} us"
        );
    }
}

fn scene(grip: Grip, cube: bool) -> Result<(Hand, Arc<Template>), PhysicsError> {
    let mut bench = Bench::new(HandSpec::SOLVER, Bench::FRICTION)?;
    let hand = HandSpec { grip, ..HandSpec::default() }.add_to(&mut bench)?;
    if cube {
        bench.cube("cube", CubeSpec::default(), [0.0; 2])?;
    }
    Ok((hand, bench.build()))
}

/// Control steps per second and microseconds per reset: the best of five windows.
fn measure(drive: &impl Drive, template: &Arc<Template>, num_rows: usize) -> (f64, f64) {
    let mut rows: Vec<_> = (0..num_rows).map(|_| template.row()).collect();
    let steps = 10_000 / num_rows;
    let (mut rate, mut reset) = (0.0_f64, f64::INFINITY);
    for _ in 0..5 {
        let start = Clock::start();
        for step in 0..steps {
            for (index, row) in rows.iter_mut().enumerate() {
                drive(row, command(step, index), if step % 50 < 25 { 0.02 } else { 0.09 });
                row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
            }
        }
        rate = rate.max((steps * num_rows) as f64 / start.secs());
        let start = Clock::start();
        for step in 0..2048 {
            rows[step % num_rows].reset();
        }
        reset = reset.min(start.secs() * 1e6 / 2048.0);
    }
    (rate, reset)
}

/// CPU time of this thread where Linux tells it, so that other work on the machine counts less; else wall time.
struct Clock(Instant, Option<u64>);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), cpu_nanos())
    }

    fn secs(&self) -> f64 {
        match (self.1, cpu_nanos()) {
            (Some(from), Some(to)) => (to - from) as f64 * 1e-9,
            _ => self.0.elapsed().as_secs_f64(),
        }
    }
}

fn cpu_nanos() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// A different velocity for every row and step, so that no constraint is reused for nothing.
fn command(step: usize, row: usize) -> [f32; 3] {
    let wave = |period: usize| ((step + row) % period) as f32 / period as f32 - 0.5;
    [wave(17), wave(29), wave(37)]
}
