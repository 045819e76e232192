//! A reward network that is fitted beside its agent keeps the invariants of every other term: ledger, shards, resume,
//! re-scoring with the recorded version; and no answer is lost.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use carrot_lab::preference::{LabelReader, Pair, PairQueue, PreferencePaths, Says};
use carrot_lab::{Device, Run, RunOptions, RunWarning, Setup, Source, Trainer, rescore};
use carrot_record::{RunPaths, read_lines, read_metrics};
use carrot_reward::{Revision, first_difference};

use crate::setups::hash;

const SIMULATED: &str = r#"Simulated(gold: "gold", faults: (mistake: 0.1, rationality: 3.0))"#;

fn scene(shards: usize, annotator: &str, more: &str) -> String {
    format!(
        r#"(
            version: 1,
            task: "CartPole-v1",
            batch: (num_envs: 6, num_steps: 24, shards: {shards}, seed: 3),
            reward: [
                (name: "preferred", kind: Model(name: "preferred")),
                (name: "slow", kind: Distance(signal: "cart_velocity"), weight: -0.1, stages: [RunningNorm(center: true)]),
            ],
            shadows: {{"gold": "shaped"}},
            preferences: (
                model: "preferred",
                annotator: {annotator},
                queries: (labels: 30, first: 10, round: 5, every: 2, segment_steps: 12, choice: Disagreement),
                network: (epochs: 3, hidden: [8]),
                {more}
            ),
            learner: Ppo(total_steps: 1_440, update_epochs: 2, num_minibatches: 2, hidden: [16]),
            recording: (envs: 6),
        )"#
    )
}

fn read(text: String) -> Setup {
    Setup::read::<&str>(&Source::new("preferences.ron", text), &[], Default::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn options(folder: &Path, name: &str) -> RunOptions {
    RunOptions { run_dir: Some(folder.join(name)), checkpoint_every: Some(3), ..RunOptions::below(folder) }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn shards_resume_and_rescoring_agree_with_one_undisturbed_run() {
    let folder = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let mut whole = Run::start(read(scene(1, SIMULATED, "")), &options(folder.path(), "whole")).unwrap();
    whole.train(&stop, |_| {}).unwrap();

    // Dropped without a word two updates after a checkpoint, and after answers that it had already written.
    let mut killed = Run::start(read(scene(2, SIMULATED, "")), &options(folder.path(), "resumed")).unwrap();
    (0..5).for_each(|_| drop(killed.advance().unwrap()));
    drop(killed);
    let mut resumed = Run::resume(&folder.path().join("resumed"), Some(3)).unwrap();
    assert_eq!(resumed.trainer().updates(), 3);
    resumed.train(&stop, |_| {}).unwrap();
    assert_eq!(hash(whole.trainer()), hash(resumed.trainer()));

    let own = whole.trainer().preferences().unwrap();
    assert_eq!((own.answered(), own.open().count()), (30, 0));
    let [a, b] = ["whole", "resumed"].map(|name| folder.path().join(name));
    let (one, two) = (PreferencePaths::new(&a), PreferencePaths::new(&b));
    assert_eq!(text(&one.labels()), text(&two.labels()));
    assert_eq!(text(&one.pairs()), text(&two.pairs()));
    assert_eq!(text(&RunPaths::new(&a).revisions()), text(&RunPaths::new(&b).revisions()));

    // Versions are in the ledger, the first of them unpublished; each step is scored again under its own.
    let revisions = read_lines::<Revision>(&RunPaths::new(&a).revisions()).unwrap();
    let versions: Vec<u32> = revisions.iter().filter_map(|r| r.graphs[0].nodes[0].model).collect();
    assert!(versions.is_sorted() && versions[0] == 0 && *versions.last().unwrap() >= 4, "{versions:?}");
    assert!(revisions.iter().enumerate().all(|(i, r)| r.number == i as u32));
    for run in [&a, &b] {
        let episodes = rescore::rescore_run(run, None).unwrap();
        assert!(episodes.len() > 20, "{}", episodes.len());
        assert!(episodes.iter().all(|e| e.differing_steps == 0), "{episodes:?}");
        assert!(episodes.iter().any(|e| e.online_return != 0.0));
    }

    // The ledger of the last rollout, under the revision that it was finalised with.
    let trainer = whole.trainer();
    let number = trainer.ledger().revision as usize;
    let graphs = &trainer.setup().graphs;
    assert_eq!(first_difference(graphs, &revisions[number], trainer.ledger(), trainer.env().rollout()), None);
}

#[test]
fn passes_that_one_fit_may_not_make_follow_after_the_next_rollouts() {
    let folder = tempfile::tempdir().unwrap();
    let versions = |bound: &str, name: &str| {
        let text = scene(1, SIMULATED, "").replace("(epochs: 3,", &format!("(epochs: 3, {bound}"));
        let mut run = Run::start(read(text), &options(folder.path(), name)).unwrap();
        run.train(&AtomicBool::new(false), |_| {}).unwrap();
        let metrics = read_metrics(&RunPaths::new(run.path()).metrics()).unwrap();
        let version = |row: &carrot_record::MetricsRow| row.values["preference/version"];
        metrics.iter().map(version).collect::<Vec<f64>>()
    };
    // Answers come after the first rollout and then after every second one, until all are given.
    assert_eq!(versions("", "free"), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0]);
    // One pass at a time: two more follow, of which the next answers leave no more than one.
    assert_eq!(versions("batches: 1,", "bound"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
}

#[test]
fn numbers_that_are_not_finite_leave_the_last_version_in_force() {
    let folder = tempfile::tempdir().unwrap();
    // Each step multiplies every weight of the network with -1e6.
    let broken =
        scene(1, SIMULATED, "").replace("epochs: 3,", "epochs: 30, learning_rate: 1e6, weight_decay: 1.0,");
    let mut run = Run::start(read(broken), &options(folder.path(), "broken")).unwrap();
    run.train(&AtomicBool::new(false), |_| {}).unwrap();
    let warnings = run.take_warnings();
    let named = |warning: &RunWarning| {
        warning.to_string().contains("`preferred` came to numbers that are not finite")
    };
    assert!(!warnings.is_empty() && warnings.iter().all(named), "{warnings:?}");
    assert_eq!(run.trainer().preferences().unwrap().answered(), 30, "no answer is lost");
    let metrics = read_metrics(&RunPaths::new(run.path()).metrics()).unwrap();
    let last = &metrics.last().unwrap().values;
    assert_eq!(last["preference/version"], 0.0);
    assert!(last["preference/refused_fits"] >= 4.0);
}

#[test]
fn a_person_answers_while_the_training_goes_on_and_after_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people");
    let mut run = Run::start(read(scene(1, "People", "")), &options(folder.path(), "people")).unwrap();
    run.advance().unwrap();
    let (mut queue, bad) = PairQueue::open(&path, "test").unwrap();
    assert_eq!((queue.counts(), bad.len()), ((10, 0), 0));
    assert_eq!(run.trainer().revision().graphs[0].nodes[0].model, Some(0));

    // An answer is in force one update later.
    queue.say(Says::Left, "steadier").unwrap();
    queue.say(Says::Right, "").unwrap();
    run.advance().unwrap();
    assert_eq!(run.trainer().revision().graphs[0].nodes[0].model, Some(1));
    assert_eq!(queue.undo().unwrap(), Some(1));
    assert_eq!(queue.current().unwrap().id, 1);
    queue.say(Says::Equal, "").unwrap();
    queue.say(Says::Skip, "").unwrap();
    run.advance().unwrap();
    assert_eq!(run.trainer().preferences().unwrap().answered(), 3);
    assert_eq!(run.trainer().revision().graphs[0].nodes[0].model, Some(2));

    // How long answers waited until a version that saw them paid.
    let metrics = read_metrics(&RunPaths::new(&path).metrics()).unwrap();
    let waited: Vec<f64> =
        metrics.iter().filter_map(|row| row.values.get("time/label_secs")).copied().collect();
    assert!(waited.len() == 2 && waited.iter().all(|secs| (0.0..5.0).contains(secs)), "{waited:?}");

    // What is asked and answered after the checkpoint outlives the process.
    run.advance().unwrap();
    queue.refresh().unwrap();
    queue.say(Says::Left, "").unwrap();
    let asked = queue.counts();
    drop(run);
    let labels = PreferencePaths::new(&path).labels();
    let before = text(&labels);
    std::fs::write(
        &labels,
        format!("{before}{{\"version\":1,\"pair\":4,\"says\":\"lef\"}}\nnonsense\n{{\"ver"),
    )
    .unwrap();
    let mut resumed = Run::resume(&path, Some(3)).unwrap();
    resumed.advance().unwrap();
    assert_eq!(resumed.trainer().preferences().unwrap().answered(), 4);
    assert!(resumed.trainer().preferences().unwrap().open().count() >= asked.0);
    let told: Vec<String> = resumed.take_warnings().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("labels.jsonl:7:") && told[0].contains("lef"), "{told:?}");
    assert!(told[1].contains("labels.jsonl:8:2"), "{told:?}");

    // A torn line swallows no answer that comes after it.
    let (mut queue, bad) = PairQueue::open(&path, "test").unwrap();
    assert_eq!(bad.len(), 3, "{bad:?}");
    queue.say(Says::Right, "").unwrap();
    let (labels, _) = LabelReader::new(labels).read().unwrap();
    assert_eq!(labels.last().unwrap().says, Says::Right);
    assert!(text(&PreferencePaths::new(&path).labels()).starts_with(&before));
}

#[test]
fn pairs_that_the_network_cannot_read_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd");
    let mut run = Run::start(read(scene(1, "People", "")), &options(folder.path(), "odd")).unwrap();
    run.advance().unwrap();
    drop(run);
    // The pairs came after the checkpoint; one is empty, one holds half a step, one is whole.
    let pairs = PreferencePaths::new(&path).pairs();
    let mut own: Vec<Pair> = read_lines(&pairs).unwrap();
    own.truncate(3);
    own[0].left.features.clear();
    own[1].right.features.pop();
    let lines: Vec<String> = own.iter().map(|pair| serde_json::to_string(pair).unwrap() + "\n").collect();
    std::fs::write(&pairs, lines.concat()).unwrap();
    let labels = PreferencePaths::new(&path).labels();
    let says = |pair: u64| format!("{{\"version\":1,\"pair\":{pair},\"says\":\"left\",\"by\":\"test\"}}\n");
    std::fs::write(&labels, [says(0), says(1), says(2)].concat()).unwrap();

    let mut resumed = Run::resume(&path, Some(3)).unwrap();
    let row = resumed.advance().unwrap();
    assert_eq!(resumed.trainer().preferences().unwrap().answered(), 1);
    assert_eq!((row.values["preference/refused_segments"], row.values["preference/version"]), (2.0, 1.0));
    let told: Vec<String> = resumed.take_warnings().iter().map(ToString::to_string).collect();
    assert!(told.iter().filter(|told| told.contains("never asked for")).count() == 2, "{told:?}");
}

#[test]
fn a_network_over_signals_that_the_task_does_not_have_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(read(scene(1, SIMULATED, "")), &options(folder.path(), "fitted")).unwrap();
    run.advance().unwrap();
    let net = run.path().join("versions/preferred/000001.net");
    let setup = |task: &str| {
        let text = format!(
            r#"(version: 1, task: "{task}", batch: (num_envs: 2, num_steps: 8, shards: 1),
                reward: [(name: "fitted", kind: Model(name: "fitted"))], learner: Ppo())"#
        );
        let models = [("fitted".to_string(), net.clone())].into();
        Setup::read::<&str>(&Source::new("elsewhere.ron", text), &[], models)
            .unwrap_or_else(|e| panic!("{e}"))
    };
    let refused = Trainer::new(setup("Pendulum-v1"), Device::Cpu).err().unwrap().to_string();
    assert!(refused.contains("`fitted` reads the signal `cart_position`, which Pendulum-v1"), "{refused}");
    Trainer::new(setup("CartPole-v1"), Device::Cpu).unwrap().update().unwrap();
    // Nor is a file taken that was cut short.
    let bytes = std::fs::read(&net).unwrap();
    std::fs::write(&net, &bytes[..bytes.len() / 2]).unwrap();
    let refused = Trainer::new(setup("CartPole-v1"), Device::Cpu).err().unwrap().to_string();
    assert!(refused.contains("000001.net"), "{refused}");
}

#[test]
fn mistakes_in_the_scene_are_named_with_their_place() {
    let refused = |annotator: &str, more: &str| {
        let source = Source::new("preferences.ron", scene(1, annotator, more));
        match Setup::read::<&str>(&source, &[], Default::default()) {
            Ok(_) => panic!("{annotator} {more} was taken"),
            Err(mistakes) => mistakes.iter().map(|m| m.message.clone()).collect::<Vec<_>>().join("; "),
        }
    };
    assert!(refused(r#"Simulated(gold: "god")"#, "").contains("no reward `god`"));
    assert!(
        refused(r#"Simulated(gold: "gold", faults: (mistake: 2.0))"#, "")
            .contains("`mistake` lies from 0 to 1")
    );
    assert!(refused(r#"Hierarchy(gold: "gold", factors: ["nothing"])"#, "").contains("no term `nothing`"));
    assert!(refused(SIMULATED, r#"inputs: ["pole_angel"],"#).contains("unknown signal `pole_angel`"));
    let long = scene(1, SIMULATED, "").replace("segment_steps: 12", "segment_steps: 25");
    let mistakes =
        Setup::read::<&str>(&Source::new("long.ron", long), &[], Default::default()).err().unwrap();
    assert!(mistakes.iter().any(|m| m.message.contains("do not fit into rollouts of 24")));
    let unused = scene(1, SIMULATED, "").replace(r#"kind: Model(name: "preferred")"#, "kind: Alive()");
    let mistakes =
        Setup::read::<&str>(&Source::new("unused.ron", unused), &[], Default::default()).err().unwrap();
    assert!(mistakes.iter().any(|m| m.message.contains("no reward reads the model")));
}

#[test]
fn every_kind_of_annotator_answers() {
    let folder = tempfile::tempdir().unwrap();
    let annotators = [
        r#"Hierarchy(gold: "gold", factors: ["alive"], margin: 0.5)"#,
        r#"Populations(gold: "gold", of: [(share: 2.0), (faults: (circle: 5.0, skip_below: 3.0))])"#,
    ];
    for (i, annotator) in annotators.into_iter().enumerate() {
        let name = format!("annotator_{i}");
        let mut run =
            Run::start(read(scene(1, annotator, "combine: Cautious(1.0),")), &options(folder.path(), &name));
        let run = run.as_mut().unwrap();
        run.train(&AtomicBool::new(false), |_| {}).unwrap();
        let labels = PreferencePaths::new(run.path()).labels();
        let (labels, bad) = LabelReader::new(labels).read().unwrap();
        assert_eq!((labels.len(), bad.len()), (30, 0), "{annotator}");
        assert!(labels.iter().any(|label| label.says == Says::Left), "{labels:?}");
    }
}
