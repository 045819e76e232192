//! The window changes no number: neither of what it watches nor of what is trained beside or inside it.

use std::path::Path;

use carrot_app::action::{Action, Tab};
use carrot_app::session::training::Stand;
use carrot_lab::evaluate::{Actor, act};
use carrot_lab::saved::SavedRun;
use carrot_lab::{ModelFiles, Run, RunOptions, Setup};
use carrot_learn::Memory;
use carrot_reward::Revision;
use carrot_scene::Source;
use carrot_sim::VecEnvConfig;
use egui::Key;

use crate::{Workplace, scenes, window};

/// Rows and steps of the watched batch.
const ROWS: usize = 16;
const STEPS: u64 = 60;

/// A scene that is trained in four updates.
pub(crate) const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 8, num_steps: 32, seed: 5),
    reward: "mixed",
    learner: Ppo(total_steps: 1_024, update_epochs: 2, num_minibatches: 2),
)"#;

fn setup(text: &str) -> Setup {
    Setup::read::<&str>(&Source::new("scene.ron", text), &[], ModelFiles::new()).unwrap()
}

/// Everything that a training has become, as one hash.
fn hash(trainer: &carrot_lab::Trainer) -> String {
    let parts = trainer.save().unwrap();
    let bytes: Vec<u8> = parts.iter().flat_map(|(name, part)| [name.as_bytes(), part].concat()).collect();
    carrot_record::content_hash(&bytes)
}

/// The hash of a training that nobody looks at.
fn alone(runs: &Path) -> String {
    let mut run = Run::start(setup(SCENE), &RunOptions::below(runs)).unwrap();
    while !run.trainer().is_complete() {
        run.advance().unwrap();
    }
    hash(run.trainer())
}

#[test]
fn what_is_watched_moves_as_it_would_unwatched() {
    let place = Workplace::new();
    let text = std::fs::read_to_string(scenes().join("cart_pole.ron")).unwrap();
    let setup = setup(&text);
    let config = VecEnvConfig {
        num_envs: ROWS,
        num_steps: 1,
        shards: 1,
        seed: setup.scene.batch.seed,
        keep_signals: true,
        autoreset: true,
    };
    let mut env = setup.build(config, &Revision::initial(&setup.graphs)).unwrap();
    let mut actions = vec![0.0; ROWS];

    let mut desk = place.with("cart_pole.ron");
    desk.apply(Action::SetDriver("random".into()));
    desk.apply(Action::SetWall(4));
    let mut harness = window(desk, (1280.0, 720.0));
    for tick in 1..=STEPS {
        env.begin_rollout();
        act(&Actor::Random, &setup, &mut env, &mut Memory::default(), tick - 1, &mut actions).unwrap();
        env.step(&actions).unwrap();
        // A person looks around between any two steps.
        let desk = harness.state_mut();
        desk.apply(Action::SelectEnv(tick as usize % ROWS));
        desk.apply(Action::Seek(tick / 2));
        desk.apply(Action::ShowTab(Tab::ALL[tick as usize % Tab::ALL.len()]));
        desk.session.as_mut().unwrap().frames().unwrap();
        if tick % 20 == 0 {
            desk.apply(Action::Branch("expert".into()));
            desk.apply(Action::StepOnce);
            desk.apply(Action::CloseBranch);
            desk.apply(Action::SetDriver("random".into()));
            let lead = desk.session.as_ref().unwrap().tick();
            assert_eq!(lead, tick, "the branch took the main future along");
            continue;
        }
        desk.apply(Action::GoLive);
        harness.key_press(Key::ArrowRight);
        harness.run_steps(2);
        let session = harness.state().session.as_ref().unwrap();
        assert_eq!(session.tick(), tick);
        let plain = &env.rollout().signals.as_ref().unwrap().now;
        let watched = &session.record().unwrap().signals;
        assert!(plain.iter().zip(watched).all(|(a, b)| a.to_bits() == b.to_bits()), "step {tick}");
    }
}

#[test]
fn a_training_is_the_same_whoever_looks_on() {
    let place = Workplace::new();
    let runs = place.folder.path().join("runs");
    let expected = alone(&place.folder.path().join("alone"));

    let mut run = Run::start(setup(SCENE), &RunOptions::below(&runs)).unwrap();
    let mut desk = place.desk();
    while !run.trainer().is_complete() {
        run.advance().unwrap();
        for _ in 0..25 {
            desk.apply(Action::OpenRun(run.path().to_path_buf()));
            assert!(desk.session.is_some(), "{:?}", desk.notices);
            desk.apply(Action::GoHome);
        }
    }
    assert_eq!(hash(run.trainer()), expected, "100 times attached and detached");
}

#[test]
fn a_training_in_the_window_is_the_one_without() {
    let place = Workplace::new();
    let expected = alone(&place.folder.path().join("alone"));
    let scene = place.folder.path().join("scene.ron");
    std::fs::write(&scene, SCENE).unwrap();
    let mut desk = place.desk();
    desk.open(&scene).unwrap();
    desk.apply(Action::StartTraining);
    desk.apply(Action::TogglePlay);
    while *desk.training.as_ref().unwrap().stand() == Stand::Running {
        desk.advance(0.02, || true);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(*desk.training.as_ref().unwrap().stand(), Stand::Ended);
    let trained = SavedRun::open(desk.run.as_deref().unwrap()).unwrap().trainer().unwrap();
    assert_eq!(hash(&trained), expected);
}
