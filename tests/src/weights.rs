//! Weights that a person changes while a training runs: logged as revisions, replayed to the same bits, re-scored.

use carrot_lab::{Run, RunOptions, rescore};
use carrot_record::{RunPaths, read_lines};
use carrot_reward::Revision;

use crate::setups::{BUSY_CART_POLE, hash, scene};

/// Steps of one update: rows times steps.
const UPDATE: u64 = 8 * 16;

fn run(folder: &std::path::Path, name: &str) -> Run {
    let setup = scene(
        "CartPole-v1",
        "num_envs: 8, num_steps: 16, shards: 1, seed: 4",
        BUSY_CART_POLE,
        "total_steps: 1_280, update_epochs: 2, num_minibatches: 2, hidden: [16]",
    );
    let options = RunOptions { run_dir: Some(folder.join(name)), ..RunOptions::below(folder) };
    Run::start(setup, &options).unwrap()
}

#[test]
fn a_parameter_turned_while_training_is_a_revision_of_all_its_terms() {
    let folder = tempfile::tempdir().unwrap();
    let program = r##"Program(r#"
        param width = 0.2 [rad] in 0.05..1.0;
        term("upright", 1.0, exp(-abs(pole_angle) / width));
        term("tilted", -0.5, min(abs(pole_angle) / width, 1));
    "#)"##;
    let batch = "num_envs: 8, num_steps: 16, shards: 2, seed: 4";
    let learner = "total_steps: 1_280, update_epochs: 2, num_minibatches: 2, hidden: [16]";
    let start = |name: &str| {
        let options =
            RunOptions { run_dir: Some(folder.path().join(name)), ..RunOptions::below(folder.path()) };
        Run::start(scene("CartPole-v1", batch, program, learner), &options).unwrap()
    };
    let (mut turned, mut untouched) = (start("turned"), start("untouched"));
    let told = turned.set_param(0, "breadth", 0.5).unwrap_err().to_string();
    assert!(told.contains("breadth"), "{told}");
    let told = turned.set_param(0, "width", 5.0).unwrap_err().to_string();
    assert!(told.contains("0.05"), "{told}");
    assert!(turned.set_param(7, "width", 0.5).is_err());
    for update in 0..8 {
        if update == 3 {
            turned.set_param(0, "width", 0.5).unwrap();
        }
        turned.advance().unwrap();
        untouched.advance().unwrap();
    }
    turned.checkpoint().unwrap();
    let nodes = &turned.trainer().revision().graphs[0].nodes;
    assert!(nodes.iter().all(|node| node.params == [0.5]), "{nodes:?}");
    assert_ne!(hash(turned.trainer()), hash(untouched.trainer()));
    let episodes = rescore::rescore_run(&folder.path().join("turned"), None).unwrap();
    assert!(!episodes.is_empty() && episodes.iter().all(|episode| episode.differing_steps == 0));
}

#[test]
fn replaying_the_revisions_gives_the_same_training() {
    let folder = tempfile::tempdir().unwrap();
    let mut by_hand = run(folder.path(), "by_hand");
    assert!(by_hand.set_weight(0, 99, 1.0).is_err());
    for update in 0..8 {
        match update {
            3 => by_hand.set_weight(0, 0, 0.25).unwrap(),
            5 => by_hand.set_weight(0, 2, -1.5).unwrap(),
            _ => {}
        }
        by_hand.advance().unwrap();
    }
    by_hand.checkpoint().unwrap();

    // What the log says was in force, and since when, is all that a replay needs.
    let revisions = read_lines::<Revision>(&RunPaths::new(by_hand.path()).revisions()).unwrap();
    let weights = |steps: u64| {
        let last = revisions.iter().rfind(|revision| revision.env_steps <= steps).unwrap();
        last.graphs[0].nodes.iter().map(|node| node.weight).collect::<Vec<f32>>()
    };
    let mut replayed = run(folder.path(), "replayed");
    for update in 0..8 {
        let own = replayed.trainer().revision().graphs[0].nodes.iter().map(|node| node.weight);
        let changed: Vec<(usize, f32)> = own
            .zip(weights(update * UPDATE))
            .enumerate()
            .filter(|(_, (own, wanted))| own != wanted)
            .map(|(node, (_, wanted))| (node, wanted))
            .collect();
        changed.into_iter().for_each(|(node, weight)| replayed.set_weight(0, node, weight).unwrap());
        replayed.advance().unwrap();
    }
    assert_eq!(hash(by_hand.trainer()), hash(replayed.trainer()));

    let untouched = {
        let mut run = run(folder.path(), "untouched");
        (0..8).for_each(|_| drop(run.advance().unwrap()));
        hash(run.trainer())
    };
    assert_ne!(hash(by_hand.trainer()), untouched);

    let episodes = rescore::rescore_run(&folder.path().join("by_hand"), None).unwrap();
    assert!(!episodes.is_empty() && episodes.iter().all(|episode| episode.differing_steps == 0));
}
