//! Runs of learners that store what they see: killed and resumed, they are as if undisturbed.

use std::path::Path;

use carrot_lab::{Run, RunOptions, Setup, Source, rescore};
use carrot_record::{MetricsRow, RunPaths, read_metrics};

use super::setups::{BUSY_CART_POLE, hash};

fn setup(task: &str, reward: &str, learner: &str, shards: usize) -> Setup {
    let text = format!(
        "(version: 1, task: \"{task}\", batch: (num_envs: 6, num_steps: 20, shards: {shards}, seed: 3), reward: {reward},
          learner: {learner}, recording: (envs: 2))"
    );
    Setup::read::<&str>(&Source::new("storing.ron", text), &[], Default::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Metrics without the fields that only a clock decides.
fn rows(path: &Path) -> Vec<MetricsRow> {
    let mut rows = read_metrics(&RunPaths::new(path).metrics()).unwrap();
    rows.iter_mut().for_each(|row| row.values.retain(|tag, _| !tag.starts_with("time/")));
    rows
}

fn resumes_as_if_undisturbed(task: &str, reward: &str, learner: &str) {
    let folder = tempfile::tempdir().unwrap();
    let options = |name: &str| RunOptions {
        run_dir: Some(folder.path().join(name)),
        checkpoint_every: Some(3),
        ..RunOptions::below(folder.path())
    };
    let go_on = |run: &mut Run, updates: u64| {
        while run.trainer().updates() < updates && !run.trainer().is_complete() {
            run.advance().unwrap();
        }
    };
    let mut undisturbed = Run::start(setup(task, reward, learner, 1), &options("undisturbed")).unwrap();
    go_on(&mut undisturbed, 8);

    // Two shards; dropped without a word, two updates after the last checkpoint.
    let mut first = Run::start(setup(task, reward, learner, 2), &options("resumed")).unwrap();
    go_on(&mut first, 5);
    drop(first);
    let mut resumed = Run::resume(&folder.path().join("resumed"), Some(3)).unwrap();
    assert_eq!(resumed.trainer().updates(), 3);
    go_on(&mut resumed, 8);

    assert_eq!(hash(undisturbed.trainer()), hash(resumed.trainer()));
    let (one, two) = (rows(&folder.path().join("undisturbed")), rows(&folder.path().join("resumed")));
    assert_eq!((one.len(), &one), (8, &two));
    assert!(one[7].values["train/n_updates"] > 10.0, "{:?}", one[7]);
    let episodes = rescore::rescore_run(&folder.path().join("resumed"), None).unwrap();
    assert!(episodes.iter().all(|e| e.differing_steps == 0));
}

#[test]
fn action_values_under_a_reward_that_moves() {
    let learner =
        "Dqn(total_steps: 960, buffer_size: 480, learning_starts: 100, batch_size: 16, hidden: [16])";
    resumes_as_if_undisturbed("CartPole-v1", BUSY_CART_POLE, learner);
}

#[test]
fn a_soft_actor_with_hindsight() {
    let learner =
        "Sac(total_steps: 960, buffer_size: 480, learning_starts: 100, batch_size: 16, hidden: [16],
        updates_per_step: 0.1, hindsight: Future(goals: 4))";
    resumes_as_if_undisturbed("Reach", "\"shaped\"", learner);
}

#[test]
fn learners_say_which_tasks_they_are_for() {
    let message = |task: &str, learner: &str| {
        let text = format!(
            "(version: 1, task: \"{task}\", batch: (num_envs: 2, num_steps: 2), reward: \"sparse\", learner: {learner})"
        );
        let read = Setup::read::<&str>(&Source::new("s.ron", text), &[], Default::default());
        read.err().map_or_else(String::new, |error| error.to_string())
    };
    assert!(message("Reach", "Dqn()").contains("one discrete action"));
    assert!(message("CartPole-v1", "Sac()").contains("continuous"));
    assert!(message("Pendulum-v1", "Sac(hindsight: Future(goals: 4))").contains("goal tasks"));
    assert!(message("Reach", "Sac(hindsight: Future(goals: 0))").contains("hindsight"));
    assert!(message("Reach", "Sac(buffer_sise: 10)").contains("buffer_size"));
    assert!(message("Reach", "Sax()").contains("Sac"));
    assert_eq!(message("Reach", "Sac(hindsight: Future(goals: 4))"), "");
}
