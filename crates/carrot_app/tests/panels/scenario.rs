//! Scenarios in the window: the bits are those of `carrot test`, and every expectation is seen being decided.

use std::path::{Path, PathBuf};

use carrot_app::action::{Action, Side};
use carrot_app::desk::Desk;
use carrot_app::session::Account;
use carrot_app::session::scenario::Fate;
use carrot_app::{layout, views};
use carrot_lab::scenario::{ScenarioFile, pay, play};
use carrot_scene::Source;
use egui_kittest::kittest::Queryable;

use crate::{Workplace, opened, scenes, window};

/// Everything that a timeline can do to a row, and one expectation that fails at step 20.
const ROUGH: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    rollouts: {
        "rough": (policy: "expert", envs: 8, seed: 9, steps: 60, timeline: [
            (at: 3, do: Set("cart_position", 0.4)),
            (at: 5, do: Jitter("pole_angle", 0.02)),
            (at: 8, do: ActionNoise(0.2)),
            (at: 12, do: SensorNoise("pole_angle", 0.02)),
            (when: "pole_angle > 0", do: Weight("mixed", "alive", 2.0)),
            (at: 40, do: Control("random")),
        ]),
        "idle": (policy: "end_early", envs: 2),
    },
    expect: [
        (name: "it stands", in: "rough", window: (1, 15), always: "not terminated"),
        (name: "it is short", in: "rough", always: "step < 20"),
        (name: "every float is accounted for", under: "mixed", always: "unaccounted == 0"),
        (name: "standing pays", under: "sparse", holds: "return(rough) > return(idle)"),
    ],
)"#;

fn rough(place: &Workplace) -> PathBuf {
    let path = place.folder.path().join("rough.ron");
    std::fs::write(&path, ROUGH).unwrap();
    path
}

fn fate(desk: &Desk, name: &str) -> Fate {
    let view = views::scenario(desk, desk.session.as_ref().unwrap());
    view.expectations.iter().find(|line| line.name == name).unwrap().fate
}

/// Plays every rollout of a file in the window and headless in two shards: signals, truth and every reward agree.
fn holds_the_same_bits(place: &Workplace, path: &Path) {
    let file = ScenarioFile::read(&Source::read(path).unwrap()).unwrap();
    let mut desk = place.with_scenario(path);
    for (index, rollout) in file.rollouts.iter().enumerate() {
        let played = play(&file.task, rollout, rollout.envs.min(2)).unwrap();
        let paid: Vec<_> =
            file.rewards.iter().enumerate().map(|(i, graph)| pay(graph, i, &played).unwrap()).collect();
        desk.apply(Action::WatchRollout(index));
        let longest = (0..played.envs()).map(|env| played.episode(env).len()).max().unwrap();
        for step in 1..=longest {
            desk.apply(Action::StepOnce);
            assert!(desk.notices.is_empty(), "{:?}", desk.notices);
            let record = desk.session.as_ref().unwrap().record().unwrap();
            for env in (0..played.envs()).filter(|&env| step <= played.episode(env).len()) {
                let at = played.episode(env).start + step - 1;
                let place = format!("{} {} env {env} step {step}", path.display(), rollout.name);
                let columns = played.catalog.width();
                for column in 0..columns {
                    let (own, other) = (record.signal(column, env), played.now[column * played.len() + at]);
                    assert_eq!(own.to_bits(), other.to_bits(), "{place}: column {column}");
                }
                for (graph, paid) in paid.iter().enumerate() {
                    let (own, other) = (record.total(graph, env), paid.total[at]);
                    assert_eq!(own.to_bits(), other.to_bits(), "{place}: reward {graph}");
                }
                assert_eq!((record.score[env], record.success[env]), (played.score[at], played.success[at]));
            }
        }
    }
}

#[test]
fn a_scenario_gives_the_same_bits_in_the_window() {
    let place = Workplace::new();
    holds_the_same_bits(&place, &rough(&place));
    for shipped in ["cart_pole.ron", "door_key_8x8.ron", "reach.ron"] {
        holds_the_same_bits(&place, &scenes().join("scenarios").join(shipped));
    }
}

#[test]
fn a_weight_that_changes_in_one_row_is_seen_in_that_row() {
    let place = Workplace::new();
    let mut desk = place.with_scenario(&rough(&place));
    desk.apply(Action::StepOnce);
    let (session, scenario) = (desk.session.as_ref().unwrap(), desk.scenario.as_ref().unwrap());
    let mixed = session.setup().graphs.iter().position(|graph| graph.name == "mixed").unwrap();
    let played = &scenario.played()[0];
    let (angle, _) = played.catalog.find("pole_angle").unwrap();
    let first = |env: usize| played.before[angle.0 * played.len() + played.episode(env).start];
    for env in 0..played.envs() {
        let account = Account::of(session.record().unwrap(), mixed, env);
        let alive = account.lines.iter().find(|line| line.name == "alive").unwrap();
        assert_eq!(alive.weight, if first(env) > 0.0 { 2.0 } else { 1.0 }, "env {env}");
        assert_eq!(account.unaccounted.to_bits(), 0.0_f32.to_bits(), "env {env}");
    }
    let kinds = [true, false].map(|up| (0..played.envs()).any(|env| (first(env) > 0.0) == up));
    assert_eq!(kinds, [true; 2], "the seed has both kinds of rows");
}

#[test]
fn expectations_are_decided_while_it_plays_and_a_failure_is_one_click_away() {
    let place = Workplace::new();
    let desk = place.with_scenario(&rough(&place));
    assert_eq!(desk.side, Side::Scenario);
    let mut harness = window(desk, (1280.0, 720.0));
    harness.get_by_label_contains("Expected of it: 0 hold, 0 do not, 4 are open");
    (0..19).for_each(|_| harness.state_mut().apply(Action::StepOnce));
    assert_eq!(fate(harness.state(), "it stands"), Fate::Held, "its window is over");
    assert_eq!(fate(harness.state(), "it is short"), Fate::Open);
    harness.state_mut().apply(Action::StepOnce);
    assert_eq!(fate(harness.state(), "it is short"), Fate::Failed, "at the step where it happens");
    (0..45).for_each(|_| harness.state_mut().apply(Action::StepOnce));
    assert_eq!(fate(harness.state(), "every float is accounted for"), Fate::Held);
    assert_eq!(fate(harness.state(), "standing pays"), Fate::Held);
    harness.run_steps(3);
    harness.get_by_label("Look at the failure of it is short").click();
    harness.run_steps(3);
    assert_eq!(harness.state().session.as_ref().unwrap().tick(), 20);
    harness.get_by_label_contains("Look at (at: 3").click();
    harness.run_steps(3);
    assert_eq!(harness.state().session.as_ref().unwrap().tick(), 4, "the step that began with it");
    harness.get_by_label("Watch idle").click();
    harness.run_steps(3);
    assert_eq!(harness.state().session.as_ref().unwrap().driver().name(), "idle");
}

#[test]
fn it_stops_where_the_rollout_is_over_and_its_mistakes_are_told() {
    let place = Workplace::new();
    let mut desk = place.with_scenario(&rough(&place));
    desk.apply(Action::WatchRollout(1));
    desk.apply(Action::TogglePlay);
    (0..50).for_each(|_| desk.advance(0.2, || true));
    let session = desk.session.as_ref().unwrap();
    assert!(!session.is_playing() && session.stopped_by().is_some_and(|why| why.contains("over")));
    let end = session.tick();
    desk.apply(Action::TogglePlay);
    assert_eq!(desk.session.as_ref().unwrap().tick(), 0, "it begins again");
    (0..50).for_each(|_| desk.advance(0.2, || true));
    assert_eq!(desk.session.as_ref().unwrap().tick(), end, "and ends where it ended");
    assert!(!desk.session.as_ref().unwrap().is_playing());
    let wrong = place.folder.path().join("wrong.ron");
    std::fs::write(&wrong, ROUGH.replace("end_early", "end_erly")).unwrap();
    desk.apply(Action::OpenScenario(wrong));
    opened(&mut desk);
    assert!(desk.notices.last().is_some_and(|notice| notice.contains("end_early")), "{:?}", desk.notices);
    assert!(desk.scenario.is_some(), "what was open stays");
}

#[test]
fn the_start_page_offers_scenarios() {
    let place = Workplace::new();
    let mut harness = egui_kittest::Harness::builder().with_size(egui::vec2(1280.0, 4000.0)).build_ui_state(
        |ui, desk: &mut Desk| {
            layout::show(ui, desk);
        },
        place.desk(),
    );
    harness.run_steps(3);
    harness.get_by_label("Watch cart pole").click();
    harness.run_steps(2);
    harness.get_by_label("Cancel opening");
    assert!(harness.state().scenario.is_none(), "the window stays alive while the rollouts are played");
    opened(harness.state_mut());
    harness.run_steps(3);
    assert!(harness.state().scenario.is_some() && harness.state().session.is_some());
}

#[test]
fn a_scenario_on_its_way_can_be_called_off() {
    let place = Workplace::new();
    let mut desk = place.with("cart_pole.ron");
    desk.apply(Action::OpenScenario(rough(&place)));
    let mut harness = window(desk, (1280.0, 720.0));
    harness.get_by_label("Cancel opening").click();
    harness.run_steps(2);
    harness.state_mut().advance(0.1, || true);
    let desk = harness.state();
    assert!(desk.opening.is_none() && desk.scenario.is_none() && desk.notices.is_empty());
    assert!(desk.session.is_some(), "what was open stays");
}
