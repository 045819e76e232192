//! A person compares clips in the window while the run trains: scripted keys, and what lies on the disk after each.

use std::time::{Duration, Instant};

use carrot_app::action::{Action, Side};
use carrot_app::desk::Desk;
use carrot_lab::preference::{Label, LabelReader, PreferencePaths, Says};
use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use crate::{Workplace, window};

const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 16, num_steps: 32, shards: 1, seed: 1),
    reward: [(name: "preferred", kind: Model(name: "preferred"))],
    preferences: (
        model: "preferred",
        annotator: People,
        queries: (labels: 100, first: 100, segment_steps: 20),
        network: (members: 1, hidden: [8], epochs: 2),
    ),
    learner: Ppo(total_steps: 100_000_000, update_epochs: 1, num_minibatches: 1, hidden: [8]),
    recording: (envs: 0),
)"#;
const SIZE: (f32, f32) = (1280.0, 720.0);

/// Lets time go on until something holds, a minute at most.
fn wait(harness: &mut Harness<'_, Desk>, what: &str, holds: impl Fn(&Desk) -> bool) {
    let start = Instant::now();
    while !holds(harness.state()) {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: {:?}", harness.state().notices);
        harness.state_mut().advance(0.05, || true);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_seen(desk: &Desk, pair: Option<u64>) -> bool {
    desk.labels.as_ref().is_some_and(|labels| labels.pair() == pair && labels.clips().is_some())
}

/// A window whose training asks people, at its first pair.
fn asked(place: &Workplace) -> Harness<'static, Desk> {
    let scene = place.folder.path().join("scene.ron");
    std::fs::write(&scene, SCENE).unwrap();
    let mut desk = place.desk();
    desk.open(&scene).unwrap();
    desk.apply(Action::StartTraining);
    let mut harness = window(desk, SIZE);
    wait(&mut harness, "no pairs", |desk| is_seen(desk, Some(0)));
    harness
}

fn on_disk(desk: &Desk) -> Vec<Label> {
    let paths = PreferencePaths::new(desk.labels.as_ref().unwrap().run());
    let (labels, bad) = LabelReader::new(paths.labels()).read().unwrap();
    assert_eq!(bad, []);
    labels
}

#[test]
fn a_hundred_pairs_are_answered_by_keys_and_each_answer_is_on_the_disk_at_once() {
    let place = Workplace::new();
    let mut harness = asked(&place);
    harness.key_press(Key::F4);
    harness.run_steps(2);
    assert_eq!(harness.state().side, Side::Labels);
    harness.get_by_label("0 labels");
    harness.get_by_label("100 pairs wait");
    let keys = [
        (Key::ArrowLeft, Says::Left),
        (Key::ArrowRight, Says::Right),
        (Key::Equals, Says::Equal),
        (Key::S, Says::Skip),
    ];
    let mut expected = Vec::new();
    for pair in 0..100_u64 {
        wait(&mut harness, "the clips do not come", |desk| is_seen(desk, Some(pair)));
        let (key, says) = keys[pair as usize % keys.len()];
        harness.key_press(key);
        harness.run_steps(2);
        expected.push((pair, says));
        if pair == 50 {
            // One is taken back, and said again.
            harness.key_press(Key::U);
            harness.run_steps(2);
            assert_eq!(harness.state().labels.as_ref().unwrap().pair(), Some(pair));
            expected.extend([(pair, Says::Undo), (pair, says)]);
            wait(&mut harness, "the clips do not come back", |desk| is_seen(desk, Some(pair)));
            harness.key_press(key);
            harness.run_steps(2);
        }
        // Whoever kills the program now finds every answer here.
        let said: Vec<(u64, Says)> =
            on_disk(harness.state()).iter().map(|label| (label.pair, label.says)).collect();
        assert_eq!(said, expected);
    }
    assert_eq!(harness.state().labels.as_ref().unwrap().counts(), (0, 100));
    harness.get_by_label("100 labels");
    harness.get_by_label_contains("Every pair is answered");
    // The training hears of it.
    wait(&mut harness, "no network is published", |desk| {
        let rows = desk.training.as_ref().unwrap().rows();
        rows.last().is_some_and(|row| {
            row.values["preference/labels"] == 100.0 && row.values["preference/version"] > 0.0
        })
    });
    assert!(harness.state().notices.is_empty(), "{:?}", harness.state().notices);
}

#[test]
fn clips_move_buttons_answer_and_a_note_goes_with_one_answer() {
    let place = Workplace::new();
    let mut harness = asked(&place);
    harness.state_mut().apply(Action::ShowSide(Side::Labels));
    harness.run_steps(2);
    let labels = |desk: &Desk| {
        let view = carrot_app::views::labels(desk.labels.as_ref().unwrap());
        view.clips.unwrap()
    };
    let [left, right] = labels(harness.state());
    assert!(left.steps > 0 && left.steps <= 20 && !left.solids.is_empty() && !right.solids.is_empty());
    assert_ne!(left.solids, right.solids, "two clips");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..150 {
        harness.state_mut().advance(0.015, || true);
        seen.insert(labels(harness.state())[0].step);
    }
    assert_eq!((seen.first(), seen.len()), (Some(&1), left.steps), "every step is seen, over and over");

    harness.get_by_label("Note for the next answer").click();
    harness.run_steps(2);
    harness.get_by_label("Note for the next answer").type_text("steadier");
    harness.run_steps(2);
    // Keys are letters while a note is written.
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(2);
    assert_eq!(on_disk(harness.state()), []);
    harness.get_by_label("Right is better").click();
    harness.run_steps(2);
    wait(&mut harness, "the next clips do not come", |desk| is_seen(desk, Some(1)));
    harness.run_steps(2);
    harness.get_by_label("Equal").click();
    harness.run_steps(2);
    let kept = on_disk(harness.state());
    assert_eq!(
        (kept[0].says, kept[0].note.as_str(), kept[0].by.as_str()),
        (Says::Right, "steadier", "window")
    );
    assert_eq!((kept[1].says, kept[1].note.as_str()), (Says::Equal, ""));
    harness.get_by_label("Undo label").click();
    harness.run_steps(2);
    assert_eq!(on_disk(harness.state()).last().map(|label| label.says), Some(Says::Undo));
}

#[test]
fn a_run_of_another_process_is_answered_too_and_one_that_asks_nobody_says_so() {
    let place = Workplace::new();
    let trains = asked(&place);
    let run = trains.state().run.clone().unwrap();
    let mut desk = place.desk();
    desk.open(&run).unwrap();
    let mut attached = window(desk, SIZE);
    wait(&mut attached, "no pairs", |desk| is_seen(desk, Some(0)));
    attached.state_mut().apply(Action::ShowSide(Side::Labels));
    attached.run_steps(2);
    attached.key_press(Key::ArrowRight);
    attached.run_steps(2);
    assert_eq!(on_disk(attached.state()).len(), 1);
    let mut other = place.with("cart_pole.ron");
    other.apply(Action::ShowSide(Side::Labels));
    assert!(other.notices[0].contains("annotator: People"), "{:?}", other.notices);
    assert_ne!(other.side, Side::Labels);
}
