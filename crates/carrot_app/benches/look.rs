//! What a person waits for at the window's desk: a kept step to be shown, and a weight to hold.
//! `cargo bench -p carrot_app`; as a test it looks at one scene for a moment.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops where it cannot go on"
)]

use std::path::Path;
use std::time::Instant;

use carrot_app::session::history::KEPT_STEPS;
use carrot_app::session::{Driver, RewardEdit, Session};
use carrot_lab::ModelFiles;

/// Scenes, steps that are kept, and those of them that are looked at.
type Plan = (&'static [&'static str], usize, u64);
const FULL: Plan = (&["cart_pole", "door_key_8x8", "reach", "pick_place"], KEPT_STEPS, 200);
const SHORT: Plan = (&["cart_pole"], 300, 5);

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (scenes, steps, seeks) = if is_measured { FULL } else { SHORT };
    println!(
        "{:>14} {:>6} {:>28} {:>28} {:>16}",
        "scene", "MiB", "one env: median, worst ms", "16 envs: median, worst ms", "weight, ms"
    );
    for scene in scenes {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenes");
        let mut session =
            Session::open_file(&folder.join(scene).with_extension("ron"), &ModelFiles::new()).unwrap();
        session.set_driver(Driver::Random);
        (0..steps).for_each(|_| session.step().unwrap());
        let [one, wall] = [1, 16].map(|wall| {
            session.set_wall(wall);
            seek_all_over(&mut session, seeks)
        });
        session.set_wall(16);
        session.go_live();
        let line = session.account(0).lines[0].path.clone();
        let start = Instant::now();
        let edit = RewardEdit::Set { graph: 0, path: format!("{line}.weight"), value: "0.25".into() };
        session.edit(&edit, None).unwrap();
        session.step().unwrap();
        session.frames().unwrap();
        assert_eq!(session.account(0).lines[0].weight, 0.25);
        let weight = millis(start);
        let mib = session.history().bytes() as f64 / f64::from(1 << 20);
        println!(
            "{scene:>14} {mib:>6.0} {:>19.1} {:>8.1} {:>19.1} {:>8.1} {weight:>16.1}",
            one.0, one.1, wall.0, wall.1
        );
    }
}

/// Median and worst of many jumps to and fro, frame and account of the step included.
fn seek_all_over(session: &mut Session, seeks: u64) -> (f64, f64) {
    let (first, last) = (session.history().first(), session.history().last());
    let jump = |i: u64| {
        // A step that shares no factor with the span visits all of it in disorder.
        session.seek(first + i * 7_919 % (last - first));
        let start = Instant::now();
        session.frames().unwrap();
        session.account(0);
        millis(start)
    };
    let mut times: Vec<f64> = (0..seeks).map(jump).collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() - 1])
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
