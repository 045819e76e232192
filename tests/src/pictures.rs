//! Rewards that ask about pictures: which pictures, what is paid for which, and the invariants with a real model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carrot_lab::preference::{LabelReader, PreferencePaths, Says};
use carrot_lab::vlm::captions::Captions;
use carrot_lab::vlm::shipped::open_vlm;
use carrot_lab::vlm::skill::bench_vlm;
use carrot_lab::{Device, Run, RunOptions, Setup, Source, Trainer, rescore};
use carrot_learn::preference::Pair;
use carrot_record::read_lines;
use carrot_reward::{Ledger, PictureScorer, Question, Revision, RewardModel, RewardModels};
use carrot_sim::{Look, VecEnvConfig};

use super::setups::{hash, random_actions};

/// A model that values a picture by where its first bodies are, and every goal by its length.
struct Ruler;

fn value(look: &Look, goal: &str) -> f32 {
    look.drawing.bodies.iter().map(|body| body.position[0]).sum::<f32>() + goal.len() as f32
}

impl RewardModel for Ruler {
    fn version(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &[String] {
        &[]
    }
    fn score(&mut self, _: &[f32], _: &mut [f32]) -> Result<(), String> {
        Err("no signals".into())
    }
    fn pictures(&mut self) -> Option<&mut dyn PictureScorer> {
        Some(self)
    }
}

impl PictureScorer for Ruler {
    fn answers(&mut self, questions: &[&Question], looks: &[&Look]) -> Result<Vec<f32>, String> {
        let all = questions.iter().flat_map(|q| looks.iter().map(|look| value(look, &q.goal[0])));
        Ok(all.collect())
    }
}

const REWARD: &str = r#"[
    (name: "third", kind: Vlm(goal: "abc", frames: Every(3), model: "ruler")),
    (name: "last", kind: Vlm(goal: "ab", frames: Last, model: "ruler"), weight: 2.0),
    (name: "best", kind: Vlm(goal: "a", frames: Best(2), model: "ruler")),
    (name: "alive", kind: Alive()),
]"#;

/// A CartPole scene under a reward, with a model under a name.
fn setup(batch: &str, reward: &str, model: (&str, PathBuf)) -> Setup {
    let text = format!(
        "(version: 1, task: \"CartPole-v1\", batch: ({batch}), reward: {reward}, recording: (envs: 4),
         learner: Ppo(total_steps: 100_000, update_epochs: 1, num_minibatches: 2, hidden: [16]))"
    );
    let models = BTreeMap::from([(model.0.to_owned(), model.1)]);
    Setup::read::<&str>(&Source::new("test.ron", text), &[], models).unwrap_or_else(|e| panic!("{e}"))
}

/// Raw columns of 60 steps, rollout by rollout, with what was drawn and which steps ended.
fn play(num_steps: usize, shards: usize) -> (Vec<[f32; 3]>, Vec<Look>) {
    let setup = setup("num_envs: 6, num_steps: 8, seed: 5", REWARD, ("ruler", "ruler".into()));
    let revision = Revision::initial(&setup.graphs);
    let config =
        VecEnvConfig { num_envs: 6, num_steps, shards, seed: 5, keep_signals: false, autoreset: true };
    let mut env = setup.build(config, &revision).unwrap();
    let mut ledger = Ledger::new(&setup.graphs, num_steps, 6);
    let mut models = RewardModels::new();
    models.insert("ruler".into(), Box::new(Ruler));
    let catalog = env.catalog().clone();
    let (mut cells, mut looks, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    for rollout in 0..60 / num_steps {
        env.begin_rollout();
        for _ in 0..num_steps {
            random_actions(&mut env, &mut actions);
            env.step(&actions).unwrap();
        }
        env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, r)).unwrap();
        let r = env.rollout();
        for t in 0..num_steps {
            for row in 0..6 {
                let raw = |c: usize| r.raw[(t * r.raw_columns + c) * 6 + row];
                cells.push([raw(0), raw(1), raw(2)]);
                let paid: f32 = [raw(0), 2.0 * raw(1), raw(2), raw(3)].iter().filter(|x| !x.is_nan()).sum();
                assert!((ledger.graphs[0].total(t, 0)[row] - paid).abs() < 1e-4);
            }
        }
        looks.extend(
            r.looks.iter().map(|look| Look { t: look.t + (rollout * num_steps) as u32, ..look.clone() }),
        );
    }
    (cells, looks)
}

fn bits(cells: &[[f32; 3]]) -> Vec<u32> {
    cells.iter().flatten().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

#[test]
fn each_term_is_paid_for_the_pictures_of_its_choice() {
    let (cells, looks) = play(60, 1);
    let mut best = [f32::NAN; 6];
    let mut looks = looks.iter().peekable();
    let (mut ends, mut thirds) = (0, 0);
    for (index, cell) in cells.iter().enumerate() {
        let (t, row) = (index / 6, index % 6);
        let look = looks.next_if(|look| (look.t as usize, look.row as usize) == (t, row));
        let step = look.map(|look| look.step);
        let third = look.filter(|look| look.ended || look.step % 3 == 0).map(|look| value(look, "abc"));
        assert_eq!(cell[0].is_nan(), third.is_none(), "step {step:?}");
        assert_eq!(third.unwrap_or(0.0), if cell[0].is_nan() { 0.0 } else { cell[0] });
        let ended = look.filter(|look| look.ended);
        assert_eq!(ended.map(|look| value(look, "ab")), (!cell[1].is_nan()).then_some(cell[1]));
        if let Some(look) = look.filter(|look| look.ended || look.step % 2 == 0) {
            best[row] = best[row].max(value(look, "a"));
        }
        let due = ended.map(|_| std::mem::replace(&mut best[row], f32::NAN));
        assert_eq!(due, (!cell[2].is_nan()).then_some(cell[2]), "the best is paid at the end alone");
        ends += usize::from(ended.is_some());
        thirds += usize::from(third.is_some());
    }
    assert!(looks.next().is_none() && ends > 5 && thirds > ends);
}

#[test]
fn rollouts_of_any_length_and_any_shards_pay_the_same() {
    let (cells, looks) = play(60, 1);
    for (num_steps, shards) in [(5, 1), (12, 2), (60, 3)] {
        let (other, taken) = play(num_steps, shards);
        assert!(bits(&cells) == bits(&other), "{num_steps} steps, {shards} shards");
        assert_eq!(looks.len(), taken.len());
    }
}

/// A model that only reads signals.
struct Blind;

impl RewardModel for Blind {
    fn version(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &[String] {
        &[]
    }
    fn score(&mut self, _: &[f32], out: &mut [f32]) -> Result<(), String> {
        out.fill(1.0);
        Ok(())
    }
}

#[test]
fn without_eyes_a_question_is_an_error() {
    let setup = setup("num_envs: 6, num_steps: 8", REWARD, ("ruler", "ruler".into()));
    let revision = Revision::initial(&setup.graphs);
    let mut env = setup.build(setup.batch(), &revision).unwrap();
    let mut ledger = Ledger::new(&setup.graphs, 8, 6);
    let catalog = env.catalog().clone();
    env.begin_rollout();
    env.step(&[0.0; 6]).unwrap();
    let mut finalise = |mut models: RewardModels| {
        let made = env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, r));
        made.unwrap_err().to_string()
    };
    assert_eq!(finalise(RewardModels::new()), "the run offers no reward model `ruler`");
    let blind: Box<dyn RewardModel> = Box::new(Blind);
    let told = finalise(BTreeMap::from([("ruler".to_owned(), blind)]));
    assert_eq!(told, "`ruler` is no image-text model: it cannot be asked about pictures");
    let missing = Trainer::new(setup, Device::Cpu).err().unwrap().to_string();
    assert!(missing.contains("ruler"), "{missing}");
}

/// A small model of random weights, in the form in which models are published.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/carrot_learn/tests/vlm/clip")
}

const SEEN: &str = r#"[
    (name: "near", kind: Vlm(goal: ["the red cube", "a red cube"], baseline: "a cube", alpha: 0.3, frames: Every(4), model: "tiny")),
    (name: "red", kind: Vlm(goal: "the red cube", others: ["a green disc", "a key"], frames: Best(4), model: "tiny")),
    (name: "way", kind: Vlm(goal: "the red cube", from: "a key", frames: Every(5), model: "tiny"), weight: 0.1,
     stages: [RunningNorm(center: true)]),
]"#;

fn run(folder: &Path, name: &str, shards: usize) -> Run {
    let batch = format!("num_envs: 8, num_steps: 16, shards: {shards}, seed: 3");
    let options = RunOptions { run_dir: Some(folder.join(name)), ..RunOptions::below(folder) };
    Run::start(setup(&batch, SEEN, ("tiny", fixture())), &options).unwrap()
}

#[test]
fn a_training_on_pictures_resumes_shards_and_scores_again_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let mut whole = run(folder.path(), "whole", 1);
    (0..6).for_each(|_| drop(whole.advance().unwrap()));
    let mut split = run(folder.path(), "split", 2);
    (0..3).for_each(|_| drop(split.advance().unwrap()));
    split.checkpoint().unwrap();
    drop(split);
    let mut split = Run::resume(&folder.path().join("split"), None).unwrap();
    (0..3).for_each(|_| drop(split.advance().unwrap()));
    assert_eq!(hash(whole.trainer()), hash(split.trainer()));

    whole.checkpoint().unwrap();
    let again = rescore::rescore_run(whole.path(), None).unwrap();
    assert!(again.len() > 5);
    assert!(again.iter().all(|episode| episode.differing_steps == 0));
    assert!(again.iter().any(|episode| episode.online_return != 0.0));
}

#[test]
fn a_model_that_sees_judges_pairs_for_a_reward_network() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"(
        version: 1,
        task: "CartPole-v1",
        batch: (num_envs: 4, num_steps: 24, shards: 1, seed: 3),
        reward: [(name: "preferred", kind: Model(name: "preferred"))],
        shadows: {"looks": [(name: "red", kind: Vlm(goal: "the red cube", frames: Every(3), model: "tiny"))]},
        preferences: (
            model: "preferred",
            annotator: Simulated(gold: "looks"),
            queries: (labels: 12, first: 8, round: 4, every: 1, segment_steps: 6),
            network: (epochs: 2, hidden: [8]),
        ),
        learner: Ppo(total_steps: 1_000, update_epochs: 1, num_minibatches: 2, hidden: [16]),
    )"#;
    let models = BTreeMap::from([("tiny".to_owned(), fixture())]);
    let setup =
        Setup::read::<&str>(&Source::new("judged.ron", text), &[], models).unwrap_or_else(|e| panic!("{e}"));
    let mut run = Run::start(
        setup,
        &RunOptions { run_dir: Some(folder.path().join("run")), ..RunOptions::below(folder.path()) },
    )
    .unwrap();
    (0..3).for_each(|_| drop(run.advance().unwrap()));
    run.checkpoint().unwrap();
    let paths = PreferencePaths::new(run.path());
    let pairs = read_lines::<Pair>(&paths.pairs()).unwrap();
    let (labels, bad) = LabelReader::new(paths.labels()).read().unwrap();
    assert!(bad.is_empty() && labels.len() == 12 && pairs.len() == 12);
    for (pair, label) in pairs.iter().zip(&labels) {
        let [left, right] = [&pair.left, &pair.right].map(|segment| segment.gold.iter().sum::<f32>());
        assert!(left != 0.0 && right != 0.0, "every segment was looked at");
        let better = if left > right { Says::Left } else { Says::Right };
        assert!(label.says == better || left == right, "{left} and {right}: {label:?}");
    }
    assert!(run.trainer().revision().graphs[0].nodes[0].model.is_some_and(|version| version > 0));
}

#[test]
fn the_model_that_ships_tells_right_from_wrong_in_wordings_that_it_was_never_taught() {
    let model = open_vlm(None, Device::Cpu).unwrap();
    let tasks = ["CartPole-v1", "MountainCar-v0", "Empty-8x8", "DoorKey-8x8"];
    let skills = bench_vlm(&model, &Captions::shipped().unwrap(), &tasks, 90, 4_321, &mut |_| {}).unwrap();
    for skill in skills {
        let goal = &skill.captions[0];
        let sure = goal.taught.is_none_or(|auc| auc > 0.95) && goal.kept_back.is_none_or(|auc| auc > 0.9);
        assert!(sure && skill.kept_back.is_some_and(|found| found.accuracy > 0.8), "{skill:?}");
    }
}

#[test]
fn a_run_keeps_the_model_that_ships() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"(
        version: 1,
        task: "CartPole-v1",
        batch: (num_envs: 4, num_steps: 16, shards: 1, seed: 3),
        reward: [(name: "up", kind: Vlm(goal: "the pole stands upright", threshold: 0.5, frames: Every(4)))],
        recording: (envs: 4),
        learner: Ppo(total_steps: 1_000, update_epochs: 1, num_minibatches: 2, hidden: [16]),
    )"#;
    let setup = Setup::read::<&str>(&Source::new("words.ron", text), &[], BTreeMap::new())
        .unwrap_or_else(|e| panic!("{e}"));
    let options = RunOptions { run_dir: Some(folder.path().join("run")), ..RunOptions::below(folder.path()) };
    let mut run = Run::start(setup, &options).unwrap();
    (0..4).for_each(|_| drop(run.advance().unwrap()));
    run.checkpoint().unwrap();
    let path = run.path().to_owned();
    drop(run);
    assert!(path.join("models/shipped.vlm/model.safetensors").exists());
    assert!(Run::resume(&path, None).is_ok());
    let again = rescore::rescore_run(&path, None).unwrap();
    assert!(again.iter().any(|episode| episode.online_return > 0.0));
    assert!(again.iter().all(|episode| episode.differing_steps == 0));
}
