//! scratch
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "scratch")]
use carrot_physics::*;
const DT: f32 = HandSpec::PHYSICS_DT;
const DECIMATION: u32 = HandSpec::DECIMATION;
fn dt() -> (f32,u32) { let d: u32 = std::env::var("DEC").ok().and_then(|v| v.parse().ok()).unwrap_or(DECIMATION); (0.04/d as f32, d) }
fn control_steps(row: &mut PhysicsRow, steps: usize) { let _=DT; let (t,d)=dt(); for _ in 0..steps { row.step(t,d); } assert!(!row.diverged()); }
fn box_over_table(height: f32, friction: f32) -> (PhysicsRow, BodyId) {
    let mut scene = SceneBuilder::new(HandSpec::default().solver()).unwrap();
    let table = scene.body("table", BodySpec::at(Motion::Fixed, [0.0, 0.0, -0.5])).unwrap();
    let top = ColliderSpec::new(Shape::Cuboid { half_extents: [5.0, 5.0, 0.5] }, 1.0);
    scene.collider(table, ColliderSpec { friction, ..top }).unwrap();
    let cube = scene.body("cube", BodySpec::at(Motion::Dynamic, [0.0, 0.0, 0.025 + height])).unwrap();
    let part = ColliderSpec::new(Shape::Cuboid { half_extents: [0.025; 3] }, 0.1);
    scene.collider(cube, ColliderSpec { friction, ..part }).unwrap();
    (scene.build().row(), cube)
}
fn main() {
    for (friction, speed) in [(0.2, 1.0_f32), (0.5, 0.5), (0.5, 1.0), (0.5, 2.0), (0.8, 1.5)] {
        let (mut row, cube) = box_over_table(0.0, friction);
        control_steps(&mut row, 10);
        let from = row.position(cube)[0];
        row.set_velocity(cube, [speed, 0.0, 0.0], [0.0; 3]);
        control_steps(&mut row, 60);
        let slid = row.position(cube)[0] - from;
        let expected = speed * speed / (2.0 * friction * 9.81);
        print!(" slide {friction}/{speed} {:.3} y {:.4};", slid/expected, row.position(cube)[1]);
    }
    println!();
    for h in [0.0, 0.02] {
        let (mut row, cube) = box_over_table(h, 0.5);
        control_steps(&mut row, 25);
        print!("rest from {h}: {:?} ", row.position(cube));
        control_steps(&mut row, 250);
        println!("later {:?} {:?}", row.position(cube), row.rotation(cube));
    }
    for spec in [HandSpec::default(), HandSpec { grip: Grip::Blocked, ..HandSpec::default() }] {
        let hand = spec.build().unwrap();
        let mut row = hand.template.row();
        control_steps(&mut row, 500);
        print!("hold {:.6} ", row.site(hand.tool)[2]);
        hand.drive(&mut row, [0.0,0.0,-0.5], 0.09);
        control_steps(&mut row, 30);
        print!("pushed down tool {:?} fz {:.3} ", row.site(hand.tool), row.contact(hand.table_contact).impulse[2]/0.04);
        hand.drive(&mut row, [0.2,0.0,-0.5], 0.09);
        control_steps(&mut row, 10);
        let vel = row.site_velocity(hand.tool);
        let mut worst=0.0f32; for _ in 0..25 { control_steps(&mut row,1); worst=worst.max(row.site_velocity(hand.tool)[2].abs()); }
        print!("worst vz {worst:.4} ");
        println!("dragged {:?} fz {:.3} x motor {:?}", vel, row.contact(hand.table_contact).impulse[2]/0.04, row.motor(hand.axes[0]).impulse/0.04);
    }
    let hand = HandSpec { cube: Some(CubeSpec::default()), start: [0.0,0.0,0.1], ..HandSpec::default() }.build().unwrap();
    let cube = hand.cube.unwrap();
    let mut row = hand.template.row();
    let rep = |row: &PhysicsRow, what: &str| { let t=row.site(hand.tool); let c=row.position(cube); println!("{what}: tool {t:.5?} cube-tool {:.5?} rot {:.4?} open {:.5} fz {:.3} f {:.2} fingers {:.3?}", [c[0]-t[0],c[1]-t[1],c[2]-t[2]], row.rotation(cube), hand.opening(row), row.contact(hand.cube_contact.unwrap()).impulse[2]/-0.04, row.contact(hand.cube_contact.unwrap()).impulse_magnitude/0.04, hand.fingers.unwrap().map(|f| row.motor(f).impulse/0.04)); };
    control_steps(&mut row, 1);
    hand.drive(&mut row, [0.0, 0.0, -0.2], 0.09);
    control_steps(&mut row, 10);
    rep(&row, "down");
    hand.drive(&mut row, [0.0, 0.0, 0.0], 0.0);
    control_steps(&mut row, 15);
    rep(&row, "closed");
    hand.drive(&mut row, [0.0, 0.0, 0.1], 0.0);
    control_steps(&mut row, 20);
    rep(&row, "lifted");
    hand.drive(&mut row, [0.0, 0.0, 0.0], 0.0);
    control_steps(&mut row, 250);
    rep(&row, "held 10 s");
}
