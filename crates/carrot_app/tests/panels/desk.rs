//! Keys and buttons of the timeline, tabs, hands and trainings.

use std::time::{Duration, Instant};

use carrot_app::action::{Action, Side, Tab};
use carrot_app::session::RewardEdit;
use carrot_app::session::training::Stand;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use crate::{Workplace, window};

const SIZE: (f32, f32) = (1280.0, 720.0);

#[test]
fn keys_step_scrub_and_play() {
    let place = Workplace::new();
    let mut harness = window(place.with("cart_pole.ron"), SIZE);
    for _ in 0..5 {
        harness.key_press(Key::ArrowRight);
        harness.run_steps(2);
    }
    let tick = |harness: &egui_kittest::Harness<'_, _>| {
        let desk: &carrot_app::desk::Desk = harness.state();
        let session = desk.session.as_ref().unwrap();
        (session.tick(), session.is_live(), session.is_playing())
    };
    assert_eq!(tick(&harness), (5, true, false));
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(2);
    assert_eq!(tick(&harness), (4, false, false));
    harness.key_press(Key::Home);
    harness.run_steps(2);
    assert_eq!(tick(&harness), (0, false, false));
    harness.key_press(Key::End);
    harness.run_steps(2);
    assert_eq!(tick(&harness), (5, true, false));
    harness.key_press(Key::Space);
    harness.run_steps(2);
    assert_eq!(tick(&harness), (5, true, true));
    harness.get_by_label("Pause").click();
    harness.run_steps(2);
    assert_eq!(tick(&harness), (5, true, false));
}

#[test]
fn every_tab_and_side_is_a_key_away() {
    let place = Workplace::new();
    let mut harness = window(place.with("cart_pole.ron"), SIZE);
    for (key, tab) in [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5].into_iter().zip(Tab::ALL) {
        harness.key_press(key);
        harness.run_steps(2);
        assert_eq!(harness.state().tab, tab);
    }
    for (key, side) in [Key::F6, Key::F7, Key::F8].into_iter().zip(Side::ALL) {
        harness.key_press(key);
        harness.run_steps(2);
        assert_eq!(harness.state().side, side);
    }
    harness.key_press(Key::F5);
    harness.run_steps(2);
    assert!(harness.query_by_label("Start page").is_none(), "the panels are away");
    harness.key_press(Key::F5);
    harness.run_steps(2);
    assert!(harness.query_by_label("Start page").is_some());
    harness.key_press(Key::F1);
    harness.run_steps(3);
    for (_, what) in carrot_app::keys::HELP {
        harness.get_by_label(what);
    }
    harness.key_press(Key::F1);
    harness.run_steps(3);
    assert!(harness.query_by_label("What every key does").is_none());
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(harness.state().session.is_none());
}

#[test]
fn edits_and_trainings_outlive_the_graphics_device() {
    let place = Workplace::new();
    let scene = place.folder.path().join("scene.ron");
    std::fs::write(&scene, crate::equal::SCENE).unwrap();
    let mut desk = place.desk();
    desk.open(&scene).unwrap();
    assert!(!desk.lose_sight("removed").contains("edits"), "there are none");
    desk.apply(Action::Switch { graph: 0, path: "alive".into(), on: false });
    let told = desk.lose_sight("\nthe device was removed\nand more");
    let kept = place.folder.path().join("scene.rescued.ron");
    assert!(
        told.contains("failed: the device was removed; edits: ") && told.contains("start the window again")
    );
    assert!(std::fs::read_to_string(kept).unwrap().contains("0.0"));
    desk.apply(Action::StartTraining);
    let start = Instant::now();
    while desk.run.is_none() {
        assert!(start.elapsed() < Duration::from_secs(60));
        desk.advance(0.01, || true);
    }
    let told = desk.lose_sight("lost");
    assert!(told.contains("training goes on; look again with: carrot-app "), "{told}");
    assert!(desk.is_training());
}

#[test]
fn a_hand_on_the_wheel_steers_by_keys() {
    let place = Workplace::new();
    let mut harness = window(place.with("door_key_8x8.ron"), SIZE);
    harness.key_press(Key::H);
    harness.run_steps(2);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(2);
    let session = harness.state().session.as_ref().unwrap();
    assert_eq!(session.tick(), 1, "a key is a turn while time stands");
    let left = session.task().action.choices(0).map(|_| session.history().record(1).unwrap().actions[0]);
    assert_eq!(left, Some(0.0), "the first action turns left");
}

#[test]
fn an_episode_by_hand_is_kept_as_one_of_a_run() {
    let place = Workplace::new();
    let mut desk = place.with("cart_pole.ron");
    desk.apply(Action::KeepEpisode);
    assert!(desk.notices.pop().unwrap().contains("play one first"));
    desk.apply(Action::TakeWheel(true));
    desk.apply(Action::Steer(vec![1.0]));
    // Always to the right: the pole falls within a dozen steps.
    (0..30).for_each(|_| desk.apply(Action::StepOnce));
    let last = |desk: &carrot_app::desk::Desk| {
        let session = desk.session.as_ref().unwrap();
        session.live().last_episode(session.env()).unwrap().summary.clone()
    };
    desk.side = Side::Hand;
    let mut harness = window(desk, SIZE);
    harness.get_by_label("Keep your last episode").click();
    harness.run_steps(2);
    let run = harness.state().played.as_ref().unwrap().path().to_path_buf();
    let kept = carrot_lab::rescore::read_episodes(&run).unwrap();
    let own = last(harness.state());
    assert_eq!((kept.len(), kept[0].key.episode, kept[0].steps), (1, own.episode, own.length as usize));
    assert!(kept[0].actions.iter().all(|action| *action == 1.0) && kept[0].steps > 5);
    let paid: f64 = kept[0].totals.iter().map(|paid| f64::from(*paid)).sum();
    assert!((paid - own.returns.iter().sum::<f64>()).abs() < 1e-6, "{paid} and {:?}", own.returns);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    let told = harness.state_mut().notices.pop().unwrap();
    assert!(told.contains("exists already"), "{told}");
    // Under another reward it is another run.
    let desk = harness.state_mut();
    desk.apply(Action::Switch { graph: 0, path: "alive".into(), on: false });
    desk.apply(Action::KeepEpisode);
    assert!(desk.notices.last().unwrap().contains("Kept episode 1"), "{:?}", desk.notices);
    assert_ne!(desk.played.as_ref().unwrap().path(), run);
}

#[test]
fn an_edit_is_undone_by_keys() {
    let place = Workplace::new();
    let mut desk = place.with("cart_pole.ron");
    desk.apply(Action::Switch { graph: 0, path: "alive".into(), on: false });
    assert!(desk.notices.is_empty(), "{:?}", desk.notices);
    let weight = |desk: &carrot_app::desk::Desk| desk.session.as_ref().unwrap().account(0).lines[0].weight;
    assert_eq!(weight(&desk), 0.0);
    let mut harness = window(desk, SIZE);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(2);
    assert_eq!(weight(harness.state()), 1.0);
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    harness.run_steps(2);
    assert_eq!(weight(harness.state()), 0.0);
}

#[test]
fn what_goes_wrong_is_said_in_the_window() {
    let place = Workplace::new();
    let mut desk = place.with("cart_pole.ron");
    desk.apply(Action::AddBreakpoint("pole_angel > 1".into()));
    desk.apply(Action::OpenRun(place.folder.path().join("nothing")));
    assert!(desk.notices.iter().any(|notice| notice.contains("`pole_angle`?")), "{:?}", desk.notices);
    assert!(desk.notices.iter().any(|notice| notice.contains("is not a run folder")), "{:?}", desk.notices);
    let mut harness = window(desk, SIZE);
    harness.get_all_by_label("Dismiss").next().unwrap().click();
    harness.run_steps(2);
    assert_eq!(harness.state().notices.len(), 1);
}

/// Lets the desk listen until something holds.
fn wait(desk: &mut carrot_app::desk::Desk, until: &dyn Fn(&carrot_app::desk::Desk) -> bool) {
    let start = Instant::now();
    while !until(desk) {
        let stand = desk.training.as_ref().map(|training| training.stand().clone());
        assert!(start.elapsed() < Duration::from_secs(120), "{stand:?}");
        std::thread::sleep(Duration::from_millis(10));
        desk.advance(0.0, || true);
    }
}

#[test]
fn what_is_turned_reaches_the_training_under_way() {
    let place = Workplace::new();
    let scene = place.folder.path().join("scene.ron");
    let text = r##"(
        version: 1,
        task: "CartPole-v1",
        batch: (num_envs: 8, num_steps: 16, seed: 1),
        reward: [
            Program(r#"param width = 0.2 [rad] in 0.05..1.0; term("near", 1, exp(-abs(pole_angle) / width));"#),
            (name: "alive", kind: Alive()),
        ],
        learner: Ppo(total_steps: 12_800),
    )"##;
    std::fs::write(&scene, text).unwrap();
    let mut desk = place.desk();
    desk.open(&scene).unwrap();
    desk.apply(Action::StartTraining);
    desk.apply(Action::PauseTraining(true));
    wait(&mut desk, &|desk| *desk.training.as_ref().unwrap().stand() == Stand::Paused);
    let set = |path: &str, value: &str| {
        Action::Edit(RewardEdit::Set { graph: 0, path: path.into(), value: value.into() }, None)
    };
    desk.apply(set("near.params.width", "0.5"));
    desk.apply(set("alive.weight", "0.25"));
    assert!(desk.notices.is_empty(), "{:?}", desk.notices);
    // What the run does not have is told, and it goes on.
    let term = "(name: \"slow\", kind: Distance(signal: \"cart_velocity\"))".into();
    desk.apply(Action::Edit(RewardEdit::Add { graph: 0, term }, None));
    desk.apply(set("slow.weight", "-2.0"));
    wait(&mut desk, &|desk| desk.notices.len() == 2);
    assert!(desk.notices[1].contains("it has no term `slow`"), "{:?}", desk.notices);
    desk.apply(Action::PauseTraining(false));
    wait(&mut desk, &|desk| *desk.training.as_ref().unwrap().stand() == Stand::Ended);
    let revisions = carrot_record::RunPaths::new(desk.run.as_ref().unwrap()).revisions();
    let revisions = carrot_record::read_lines::<carrot_reward::Revision>(&revisions).unwrap();
    let last = &revisions.last().unwrap().graphs[0].nodes;
    assert_eq!((last[0].params.as_slice(), last[1].weight), ([0.5].as_slice(), 0.25));
    assert_eq!(revisions.len(), 3, "the first, and one for each turn");
}

#[test]
fn a_training_starts_stops_and_leaves_a_run_to_watch() {
    let place = Workplace::new();
    let mut desk = place.with("cart_pole.ron");
    desk.apply(Action::StartTraining);
    wait(&mut desk, &|desk| !desk.training.as_ref().unwrap().rows().is_empty());
    desk.apply(Action::PauseTraining(true));
    wait(&mut desk, &|desk| *desk.training.as_ref().unwrap().stand() == Stand::Paused);
    desk.apply(Action::PauseTraining(false));
    desk.apply(Action::StopTraining);
    wait(&mut desk, &|desk| *desk.training.as_ref().unwrap().stand() == Stand::Ended);
    desk.apply(Action::UseCheckpoint);
    desk.apply(Action::StepOnce);
    assert!(desk.notices.is_empty(), "{:?}", desk.notices);
    let run = desk.run.clone().unwrap();
    let mut other = place.desk();
    other.open(&run).unwrap();
    assert!(other.session.as_ref().unwrap().driver().name().contains("at"));
    other.apply(Action::StepOnce);
    assert_eq!(other.session.as_ref().unwrap().tick(), 1);
}
