//! Bonuses for what is new and rewards from demonstrations keep the invariants of every other term: ledger, shards,
//! resume in the middle of episodes, re-scoring with the recorded version, groups with a discount of their own.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use carrot_lab::evaluate::{Actor, evaluate};
use carrot_lab::{Device, Run, RunOptions, Setup, Source, Trainer, rescore};
use carrot_record::{RunPaths, read_lines, read_metrics};
use carrot_reward::{Revision, RewardModels};

use crate::setups::hash;

const GAIL: &str =
    r#"demonstrations: Script(episodes: 2), network: (hidden: [8], batches: 2, batch_size: 16)"#;

/// Imitation in all its forms.
const IMITATIONS: [&str; 3] = [
    GAIL,
    r#"demonstrations: Script(episodes: 2), reward: Shaped(gamma: 0.99), network: (hidden: [8], batches: 2, batch_size: 16)"#,
    r#"demonstrations: Script(episodes: 2), transport: (iterations: 10), discount: (alpha: 0.3)"#,
];

fn scene(shards: usize) -> String {
    scene_with(shards, GAIL)
}

fn scene_with(shards: usize, imitation: &str) -> String {
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
                (name: "curious", kind: Model(name: "curious"), weight: 0.5, group: "novelty"),
                (name: "credit", kind: Model(name: "credit")),
            ],
            novelty: [
                (model: "new", inputs: ["cart_position", "pole_angle"], episodic: Counts(cells: 40), global: Counts(cells: 40)),
                (model: "near", inputs: ["cart_position", "pole_angle"], episodic: Knn(k: 3), global: E3b(ridge: 0.1)),
                (model: "rare", inputs: ["cart_velocity", "pole_velocity"], episodic: E3b(ridge: 0.1), global: Rnd(hidden: 8)),
                (model: "curious", inputs: ["cart_velocity", "pole_velocity"], episodic: Counts(cells: 20), global: Icm(hidden: 8)),
            ],
            imitation: (model: "alike", {imitation}),
            decomposition: (model: "credit", network: (hidden: [8], batches: 2, batch_size: 4, steps: 8, episodes: 16)),
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
    for (i, imitation) in IMITATIONS.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let mut whole =
            Run::start(read(&scene_with(1, imitation)), &options(folder.path(), "whole")).unwrap();
        whole.train(&stop, |_| {}).unwrap();
        let mut killed =
            Run::start(read(&scene_with(2, imitation)), &options(folder.path(), "resumed")).unwrap();
        (0..5).for_each(|_| drop(killed.advance().unwrap()));
        drop(killed);
        let mut resumed = Run::resume(&folder.path().join("resumed"), Some(3)).unwrap();
        assert_eq!(resumed.trainer().updates(), 3);
        resumed.train(&stop, |_| {}).unwrap();
        assert_eq!(hash(whole.trainer()), hash(resumed.trainer()), "{imitation}");

        for name in ["whole", "resumed"] {
            let episodes = rescore::rescore_run(&folder.path().join(name), None).unwrap();
            assert!(episodes.len() > 20, "{}", episodes.len());
            assert!(episodes.iter().all(|e| e.differing_steps == 0), "{imitation}: {episodes:?}");
        }
        credit_moves_pay_and_adds_none(&folder.path().join("whole"));
        match i {
            0 => versions_are_in_the_ledger(&folder.path().join("whole")),
            1 => {}
            _ => a_discount_grows(&folder.path().join("whole")),
        }
    }
}

/// Over every episode that a version paid for, credit sums to nothing.
fn credit_moves_pay_and_adds_none(run: &Path) {
    let config = std::fs::read_to_string(RunPaths::new(run).config()).unwrap();
    let column = read(&config).graphs[0].nodes.iter().position(|node| node.name == "credit").unwrap();
    let episodes = rescore::read_episodes(run).unwrap();
    let mut moved = 0.0_f32;
    for episode in &episodes {
        let nodes = episode.contributions.len() / episode.steps;
        let credit: Vec<f32> = episode.contributions.iter().skip(column).step_by(nodes).copied().collect();
        assert_eq!(credit.iter().fold(0.0, |sum, x| sum + x), 0.0, "{credit:?}");
        moved += credit.iter().map(|x| x.abs()).sum::<f32>();
    }
    assert!(moved > 0.1, "{moved}");
}

/// The discount of a transported reward stands in the metrics and never falls.
fn a_discount_grows(run: &Path) {
    let rows = read_metrics(&RunPaths::new(run).metrics()).unwrap();
    let gammas: Vec<f64> = rows.iter().map(|row| row.values["imitation/gamma"]).collect();
    assert!(gammas.is_sorted() && gammas[0] >= 0.3 && gammas.iter().all(|gamma| *gamma < 1.0), "{gammas:?}");
    assert!(rows.iter().all(|row| row.values["reward/alike/mean"] < 0.0));
}

fn versions_are_in_the_ledger(run: &Path) {
    // What is paid for being new comes under a version that the rollout itself is not yet in.
    let paths = RunPaths::new(run);
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
    assert!(
        mistakes("network: (hidden: [8], batches: 2, batch_size: 16)", "discount: ()")
            .contains("a discount grows")
    );
    let both = "transport: (), network: (hidden: [8], batches: 2, batch_size: 16)";
    assert!(mistakes("network: (hidden: [8], batches: 2, batch_size: 16)", both).contains("has no network"));
    assert!(
        mistakes("Script(episodes: 2)", "Script(episodes: 2), reward: Shaped(gamma: 0.9)")
            .contains("the learner has 0.99")
    );
    assert!(mistakes("(model: \"credit\", network", "(model: \"credits\", network").contains("credit"));
    assert!(mistakes("steps: 8, episodes", "steps: 0, episodes").contains("steps"));
    assert!(
        mistakes(
            "learner: Ppo(",
            "cloning: (demonstrations: Script(name: \"nobody\", episodes: 1)), learner: Ppo("
        )
        .contains("no script `nobody`")
    );
}

#[test]
fn demonstrations_that_do_not_fit_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = Run::start(
        read(r#"(version: 1, task: "Pendulum-v1", batch: (num_envs: 2, num_steps: 200), reward: "sparse", recording: (envs: 2), learner: Ppo(total_steps: 400))"#),
        &options(folder.path(), "other"),
    )
    .unwrap();
    other.train(&AtomicBool::new(false), |_| {}).unwrap();
    let begin = |path: &Path| {
        let from = format!("Run(path: {:?}, episodes: 2)", path.display().to_string());
        let setup = read(&scene(1).replace("Script(episodes: 2)", &from));
        Trainer::new(setup, Device::Cpu).err().unwrap().to_string()
    };
    assert!(begin(other.path()).contains("do not have the signals of this task"));
    assert!(begin(&folder.path().join("nowhere")).contains("cannot read the episodes"));
    std::fs::create_dir_all(folder.path().join("empty/episodes")).unwrap();
    assert!(begin(&folder.path().join("empty")).contains("there are no demonstrations"));
}

fn cart_pole(more: &str) -> Setup {
    read(&format!(
        r#"(
            version: 1, task: "CartPole-v1", batch: (num_envs: 4, num_steps: 64, shards: 1, seed: 5),
            reward: "sparse", recording: (envs: 4), {more}
            learner: Ppo(total_steps: 2_560, hidden: [32], update_epochs: 1),
        )"#
    ))
}

fn score(trainer: &Trainer) -> f64 {
    let revision = Revision::initial(&trainer.setup().graphs);
    let actor = Actor::Policy { learner: trainer.learner(), explore: false };
    evaluate(trainer.setup(), &revision, &mut RewardModels::new(), &actor, 10, 77).unwrap().mean_score
}

#[test]
fn a_policy_does_what_it_was_shown_before_it_learns() {
    let untaught = Trainer::new(cart_pole(""), Device::Cpu).unwrap();
    let cloned = "cloning: (demonstrations: Script(episodes: 4), epochs: 20),";
    let trainer = Trainer::new(cart_pole(cloned), Device::Cpu).unwrap();
    assert!(score(&untaught) < 0.2 && score(&trainer) > 0.8, "{} {}", score(&untaught), score(&trainer));
    let report = trainer.cloned().unwrap();
    assert!(report.steps > 500 && report.last_loss < 0.5 * report.first_loss, "{report:?}");

    // What an agent recorded is shown as well, played again to the bit; another scene's seed is kept apart.
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(cart_pole(cloned), &options(folder.path(), "shown")).unwrap();
    run.train(&AtomicBool::new(false), |_| {}).unwrap();
    let from = format!("Run(path: {:?}, episodes: 3)", run.path().display().to_string());
    let again = cart_pole(&cloned.replace("Script(episodes: 4)", &from));
    let again = Trainer::new(again, Device::Cpu).unwrap();
    assert!(score(&again) > 0.7, "{}", score(&again));
}
