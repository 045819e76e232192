//! How fast the desk answers, without any window: a step of the watched rows, a scrub to any kept step, an edit.
//!
//! `cargo run --release -p carrot_app --example session_speed [SCENE..]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for people")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use carrot_app::session::history::KEPT_STEPS;
use carrot_app::session::{Driver, RewardEdit, Session};
use carrot_lab::ModelFiles;

/// Scrubs and edits that are timed.
const TIMES: u64 = 50;

fn main() {
    let mut scenes: Vec<PathBuf> = std::env::args().skip(1).map(Into::into).collect();
    if scenes.is_empty() {
        scenes = ["cart_pole", "door_key_8x8", "pick_place"]
            .map(|name| format!("scenes/{name}.ron").into())
            .into();
    }
    println!(
        "{:<20} {:>10} {:>12} {:>12} {:>10}",
        "task", "step ms", "scrub max ms", "edit max ms", "kept MiB"
    );
    for scene in scenes {
        let mut session = Session::open_file(&scene, &ModelFiles::new()).unwrap();
        session.set_driver(Driver::Random);
        let began = Instant::now();
        let mut steps = 0;
        // As many steps as are kept, or what a minute gives.
        while steps < KEPT_STEPS && began.elapsed() < Duration::from_secs(60) {
            session.step().unwrap();
            steps += 1;
        }
        let step = began.elapsed().as_secs_f64() * 1e3 / steps as f64;
        let (first, last) = (session.history().first(), session.history().last());
        let scrub = (0..TIMES).map(|i| {
            let began = Instant::now();
            session.seek(first + (i * 7919) % (last - first));
            session.frames().unwrap();
            began.elapsed()
        });
        let scrub = scrub.max().unwrap_or_default();
        session.go_live();
        // A list of one's own terms, so that the first timed edit is as any other.
        let path = format!("{}.weight", session.account(0).lines[0].path);
        let edit = (0..TIMES).map(|i| {
            let began = Instant::now();
            let value = format!("{:?}", 1.0 + i as f32);
            session.edit(&RewardEdit::Set { graph: 0, path: path.clone(), value }, None).unwrap();
            session.step().unwrap();
            session.frames().unwrap();
            began.elapsed()
        });
        let edit = edit.max().unwrap_or_default();
        println!(
            "{:<20} {step:>10.3} {:>12.2} {:>12.2} {:>10.1}",
            session.task().name,
            scrub.as_secs_f64() * 1e3,
            edit.as_secs_f64() * 1e3,
            session.history().bytes() as f64 / f64::from(1 << 20),
        );
    }
}
