//! Words and pictures: a scene whose reward asks an image-text model, with a small model of random weights.

use std::path::Path;

use carrot_app::action::{Action, Tab};
use carrot_app::desk::{Desk, Places};
use carrot_app::views;
use egui::Key;
use egui_kittest::kittest::Queryable;

use crate::{Workplace, window};

const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 8, num_steps: 16, seed: 1),
    reward: [
        (name: "red", kind: Vlm(goal: "the red cube", baseline: "a cube", alpha: 0.3, frames: Every(4), model: "clip")),
        (name: "alive", kind: Alive()),
    ],
)"#;

/// A desk with the scene and its model on it.
fn desk(place: &Workplace) -> Desk {
    let scene = place.folder.path().join("scene.ron");
    std::fs::write(&scene, SCENE).unwrap();
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../carrot_learn/tests/vlm/clip");
    let places = Places { models: [("clip".to_string(), clip)].into(), ..place.desk().places };
    let mut desk = Desk::new(places);
    desk.open(&scene).unwrap();
    desk
}

#[test]
fn a_question_is_shown_with_picture_answer_and_truth() {
    let place = Workplace::new();
    let mut desk = desk(&place);
    desk.apply(Action::SetDriver("random".into()));
    (0..30).for_each(|_| desk.apply(Action::StepOnce));
    assert!(desk.notices.is_empty(), "{:?}", desk.notices);
    let mut harness = window(desk, (1280.0, 720.0));
    // Beside the reward.
    harness.get_by_label("\"the red cube\", away from \"a cube\" by alpha 0.3");
    harness.key_press(Key::Num6);
    harness.run_steps(2);
    assert_eq!(harness.state().tab, Tab::Words);
    harness.state_mut().advance(0.01, || true);
    harness.run_steps(2);
    harness.get_by_label("What the model sees");
    harness.get_by_label_contains("says ");
    harness.get_by_label_contains("rank with score");

    let desk = harness.state();
    let session = desk.session.as_ref().unwrap();
    let view = views::words(desk, session).unwrap();
    let sight = view.sight.unwrap().unwrap();
    assert!(sight.picture.pixels.iter().any(|pixel| *pixel != sight.picture.pixels[0]), "something is drawn");
    assert_eq!(view.answers.len(), 30);
    let asked = view.answers.iter().filter(|answer| answer.is_finite()).count();
    assert!((6..20).contains(&asked), "every fourth step and ends: {asked}");
    assert!(view.pictures > 4 * asked, "all envs count");
}

#[test]
fn the_world_keeps_its_size_whatever_is_shown_below_it() {
    let place = Workplace::new();
    let mut desk = desk(&place);
    (0..30).for_each(|_| desk.apply(Action::StepOnce));
    for size in [(1280.0, 720.0), (1920.0, 1080.0)] {
        let world = std::rc::Rc::new(std::cell::Cell::new(egui::Rect::NOTHING));
        let mut harness = egui_kittest::Harness::builder().with_size(egui::Vec2::from(size)).build_ui_state(
            {
                let world = world.clone();
                move |ui, desk: &mut Desk| world.set(carrot_app::layout::show(ui, desk).unwrap())
            },
            desk,
        );
        harness.run_steps(4);
        let usual = world.get();
        assert!(usual.height() > 0.5 * size.1, "{usual}");
        for tab in Tab::ALL {
            harness.state_mut().apply(Action::ShowTab(tab));
            for _ in 0..4 {
                harness.state_mut().advance(0.01, || true);
                harness.run_steps(2);
            }
            assert_eq!(world.get(), usual, "{tab:?} at {size:?}");
        }
        desk = harness.into_state();
    }
}

#[test]
fn the_live_answer_is_the_one_that_is_paid() {
    let place = Workplace::new();
    let mut desk = desk(&place);
    desk.apply(Action::ShowTab(Tab::Words));
    for _ in 0..4 {
        desk.apply(Action::StepOnce);
    }
    desk.advance(0.01, || true);
    let session = desk.session.as_ref().unwrap();
    let view = views::words(&desk, session).unwrap();
    let answer = view.sight.unwrap().unwrap().answer;
    assert_eq!(answer.to_bits(), view.answers[3].to_bits(), "the fourth step is asked about");
    assert!(view.answers[..3].iter().all(|answer| answer.is_nan()));
    // Time travel: what was seen then is seen again.
    desk.apply(Action::StepOnce);
    desk.apply(Action::Seek(4));
    desk.advance(0.01, || true);
    let again = views::words(&desk, desk.session.as_ref().unwrap()).unwrap();
    assert_eq!(again.sight.unwrap().unwrap().answer.to_bits(), answer.to_bits());
    // An edit of the question is answered anew.
    let alpha =
        carrot_app::session::RewardEdit::Set { graph: 0, path: "red.kind.alpha".into(), value: "1.0".into() };
    desk.apply(Action::Edit(alpha, None));
    assert!(desk.notices.is_empty(), "{:?}", desk.notices);
    desk.advance(0.01, || true);
    let view = views::words(&desk, desk.session.as_ref().unwrap()).unwrap();
    assert_ne!(view.sight.unwrap().unwrap().answer.to_bits(), answer.to_bits());
}

#[test]
fn what_is_missing_is_said() {
    let place = Workplace::new();
    let mut plain = place.with("cart_pole.ron");
    plain.apply(Action::ShowTab(Tab::Words));
    assert!(plain.notices[0].contains("kind Vlm"), "{:?}", plain.notices);
    assert_eq!(plain.tab, Tab::default());
    let scene = place.folder.path().join("scene.ron");
    std::fs::write(&scene, SCENE).unwrap();
    plain.apply(Action::OpenScene(scene));
    let told = plain.notices.last().unwrap();
    assert!(told.contains("no image-text model `clip`") && told.contains("--model NAME=FOLDER"), "{told}");
}
