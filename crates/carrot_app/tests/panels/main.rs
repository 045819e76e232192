//! Panels and the whole window without a screen: found by accessible names, driven by pointer and keys.
#![allow(clippy::unwrap_used, reason = "tests")]

mod clip;
mod desk;
mod equal;
mod labels;
mod reward;
mod scenario;
mod words;

use std::path::PathBuf;

use carrot_app::desk::{Desk, Places};
use carrot_app::layout;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

/// The repository's scenes, and a folder of its own for all else.
pub struct Workplace {
    pub(crate) folder: tempfile::TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn desk(&self) -> Desk {
        Desk::new(Places {
            scenes: scenes(),
            runs: self.folder.path().join("runs"),
            pictures: self.folder.path().join("pictures"),
            models: Default::default(),
        })
    }

    /// A desk with a scene on it.
    pub fn with(&self, scene: &str) -> Desk {
        let mut desk = self.desk();
        desk.open(&scenes().join(scene)).unwrap();
        desk
    }

    /// A desk with a scenario on it.
    pub fn with_scenario(&self, scenario: &std::path::Path) -> Desk {
        let mut desk = self.desk();
        desk.open(scenario).unwrap();
        opened(&mut desk);
        desk
    }
}

/// Waits until the scenario on its way is on the desk, or why it is not.
pub(crate) fn opened(desk: &mut Desk) {
    while desk.opening.is_some() {
        desk.advance(0.0, || true);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

pub(crate) fn scenes() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenes")
}

/// The whole window around a desk.
pub fn window(desk: Desk, size: (f32, f32)) -> Harness<'static, Desk> {
    let mut harness =
        Harness::builder().with_size(egui::vec2(size.0, size.1)).with_max_steps(12).build_ui_state(
            |ui, desk: &mut Desk| {
                layout::show(ui, desk);
            },
            desk,
        );
    harness.run_steps(4);
    harness
}

#[test]
fn the_start_page_offers_every_scene() {
    let place = Workplace::new();
    let desk = place.desk();
    let files = std::fs::read_dir(scenes())
        .unwrap()
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|e| e == "ron"));
    assert_eq!(desk.start.scenes.len(), files.count());
    assert!(desk.start.notes.is_empty(), "{:?}", desk.start.notes);
    assert!(desk.start.scenes.iter().all(|scene| !scene.solids.is_empty()), "every card has a picture");
    let mut harness = window(desk, (1280.0, 720.0));
    harness.get_by_label("Open cart_pole.ron").click();
    harness.run_steps(3);
    assert_eq!(harness.state().session.as_ref().unwrap().task().name, "CartPole-v1");
}

#[test]
fn one_click_begins_a_live_demo() {
    let place = Workplace::new();
    let mut harness = window(place.desk(), (1280.0, 720.0));
    harness.get_by_label("Live demo").click();
    harness.run_steps(3);
    assert!(harness.state().session.as_ref().unwrap().is_playing());
}
