//! Bonuses for what is new and rewards from demonstrations keep the invariants of every other term: ledger, shards,
//! resume in the middle of episodes, re-scoring with the recorded version, groups with a discount of their own.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use carrot_lab::{Run, RunOptions, Setup, Source, rescore};
use carrot_record::{RunPaths, read_lines, read_metrics};
use carrot_reward::Revision;

use crate::setups::hash;

fn scene(shards: usize) -> String {
    format!(
        r#"(
            version: 1,
            task: "CartPole-v1",
            batch: (num_envs: 6, num_steps: 24, shards: {shards}, seed: 3),
            reward: [
                (name: "alive", kind: Alive()),
                (name: "new", kind: Model(name: "new"), weight: 0.5, group: "novelty"),
                (name: "near", kind: Model(name: "near"), weight: 0.5, group: "novelty"),
                (name: "rare", kind: Model(name: "rare"), weight: 0.5, group: "novelty", stages: [RunningNorm(center: true)]),
                (name: "alike", kind: Model(name: "alike"), weight: 0.5),
            ],
            novelty: [
                (model: "new", inputs: ["cart_position", "pole_angle"], episodic: Counts(cells: 40), global: Counts(cells: 40)),
                (model: "near", inputs: ["cart_position", "pole_angle"], episodic: Knn(k: 3), global: E3b(ridge: 0.1)),
                (model: "rare", inputs: ["cart_velocity", "pole_velocity"], episodic: E3b(ridge: 0.1), global: Rnd(hidden: 8)),
            ],
            imitation: (
                model: "alike",
                demonstrations: Script(episodes: 2),
                network: (hidden: [8], batches: 2, batch_size: 16),
            ),
            learner: Ppo(
                total_steps: 1_440, gamma: 0.99, group_gammas: {{"novelty": 0.9}},
                update_epochs: 2, num_minibatches: 2, hidden: [16],
            ),
            recording: (envs: 6),
        )"#
    )
}

fn read(text: &str) -> Setup {
    Setup::read::<&str>(&Source::new("learned.ron", text), &[], Default::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn options(folder: &Path, name: &str) -> RunOptions {
    RunOptions { run_dir: Some(folder.join(name)), checkpoint_every: Some(3), ..RunOptions::below(folder) }
}

#[test]
fn shards_resume_and_rescoring_agree_with_one_undisturbed_run() {
    let folder = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let mut whole = Run::start(read(&scene(1)), &options(folder.path(), "whole")).unwrap();
    whole.train(&stop, |_| {}).unwrap();
    let mut killed = Run::start(read(&scene(2)), &options(folder.path(), "resumed")).unwrap();
    (0..5).for_each(|_| drop(killed.advance().unwrap()));
    drop(killed);
    let mut resumed = Run::resume(&folder.path().join("resumed"), Some(3)).unwrap();
    assert_eq!(resumed.trainer().updates(), 3);
    resumed.train(&stop, |_| {}).unwrap();
    assert_eq!(hash(whole.trainer()), hash(resumed.trainer()));

    for name in ["whole", "resumed"] {
        let episodes = rescore::rescore_run(&folder.path().join(name), None).unwrap();
        assert!(episodes.len() > 20, "{}", episodes.len());
        assert!(episodes.iter().all(|e| e.differing_steps == 0), "{episodes:?}");
    }

    // What is paid for being new comes under a version that the rollout itself is not yet in.
    let paths = RunPaths::new(folder.path().join("whole"));
    let revisions = read_lines::<Revision>(&paths.revisions()).unwrap();
    let versions = |node: usize| -> Vec<u32> {
        revisions.iter().map(|revision| revision.graphs[0].nodes[node].model.unwrap()).collect()
    };
    assert_eq!(versions(1), (1..=11).collect::<Vec<u32>>());
    assert_eq!(versions(4), (0..=10).collect::<Vec<u32>>());
    let metrics = read_metrics(&paths.metrics()).unwrap();
    let first = &metrics.first().unwrap().values;
    assert!(first["reward/new/mean"] > metrics.last().unwrap().values["reward/new/mean"]);
    assert_eq!(first["reward/alike/mean"], 0.0, "nothing is paid before the first version");
    assert!(metrics.last().unwrap().values["reward/alike/mean"] > 0.0);
}

#[test]
fn mistakes_in_the_scene_are_named() {
    let mistakes = |from: &str, to: &str| {
        let text = scene(1).replace(from, to);
        assert_ne!(text, scene(1), "{from}");
        match Setup::read::<&str>(&Source::new("learned.ron", text), &[], Default::default()) {
            Ok(_) => panic!("{to} was taken"),
            Err(mistakes) => mistakes.iter().map(|m| m.message.clone()).collect::<Vec<_>>().join("; "),
        }
    };
    assert!(mistakes("{\"novelty\": 0.9}", "{\"nowhere\": 0.9}").contains("no group `nowhere`"));
    assert!(mistakes("{\"novelty\": 0.9}", "{\"novelty\": 1.9}").contains("group_gammas"));
    assert!(mistakes("Counts(cells: 40), global", "Counts(cells: 0), global").contains("episodic"));
    assert!(
        mistakes("Script(episodes: 2)", "Script(name: \"nobody\", episodes: 2)")
            .contains("no script `nobody`")
    );
    assert!(
        mistakes("model: \"near\", inputs", "model: \"new\", inputs").contains("two reward models `new`")
    );
    assert!(
        mistakes("[\"cart_velocity\", ", "[\"cart_velocitie\", ").contains("unknown signal `cart_velocitie`")
    );
}
