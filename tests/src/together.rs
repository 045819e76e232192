//! One test that holds the invariants together: two shards, a running norm, a potential, a torch-backed
//! reward term, truncations, kill and resume, and re-scoring, all equal to one undisturbed run bit for bit.

use std::sync::atomic::AtomicBool;

use carrot_lab::{Run, RunOptions, Setup, Source, fit, rescore};
use carrot_record::{RunPaths, read_metrics};

const REWARD: &str = r#"[
    (name: "model", kind: Model(name: "success"), weight: 2.0),
    (name: "nearing", kind: Distance(signal: "goal_distance"), weight: -5.0, stages: [Potential(gamma: 0.99)]),
    (name: "slow", kind: Distance(signal: "tool_speed"), weight: -0.1, stages: [RunningNorm(center: true)]),
]"#;

fn setup(model: &std::path::Path, shards: usize) -> Setup {
    let text = format!(
        "(version: 1, task: \"Reach\", batch: (num_envs: 6, num_steps: 20, shards: {shards}, seed: 3), reward: {REWARD},
          learner: Ppo(total_steps: 960, update_epochs: 2, num_minibatches: 2, hidden: [16]), recording: (envs: 6))"
    );
    let models = [("success".to_string(), model.to_path_buf())].into();
    Setup::read::<&str>(&Source::new("together.ron", text), &[], models).unwrap_or_else(|e| panic!("{e}"))
}

/// A success model fitted to a few scripted episodes.
fn fitted(path: &std::path::Path) {
    let scene = "(version: 1, task: \"Reach\", batch: (num_envs: 2, num_steps: 2), reward: \"sparse\")";
    let setup = Setup::read::<&str>(&Source::new("fit.ron", scene), &[], Default::default()).unwrap();
    let options = fit::FitOptions {
        name: "success".into(),
        inputs: vec!["goal_distance".into()],
        episodes: 12,
        seed: 5,
    };
    let episodes = fit::record_for_fit(&setup, &options).unwrap();
    let (net, report) = fit::fit_success(&setup, &options, &episodes).unwrap();
    assert!(report.held_out_auc.unwrap() >= 0.9, "{report:?}");
    fit::save_model(&net, path).unwrap();
}

fn train(run: &mut Run, updates: u64) {
    while run.trainer().updates() < updates && !run.trainer().is_complete() {
        run.advance().unwrap();
    }
}

/// Metrics without the fields that only a clock decides.
fn rows(path: &std::path::Path) -> Vec<carrot_record::MetricsRow> {
    let mut rows = read_metrics(&RunPaths::new(path).metrics()).unwrap();
    rows.iter_mut().for_each(|row| row.values.retain(|tag, _| !tag.starts_with("time/")));
    rows
}

#[test]
fn shards_resume_and_rescoring_agree_with_one_undisturbed_run() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("success.model");
    fitted(&model);
    let options = |name: &str| RunOptions {
        run_dir: Some(folder.path().join(name)),
        checkpoint_every: Some(3),
        ..RunOptions::below(folder.path())
    };
    let stop = AtomicBool::new(false);

    let mut undisturbed = Run::start(setup(&model, 1), &options("undisturbed")).unwrap();
    undisturbed.train(&stop, |_| {}).unwrap();

    // Two shards; dropped without a word five updates in, two of them after the last checkpoint.
    let mut first = Run::start(setup(&model, 2), &options("resumed")).unwrap();
    train(&mut first, 5);
    drop(first);
    let mut resumed = Run::resume(&folder.path().join("resumed"), Some(3)).unwrap();
    assert_eq!(resumed.trainer().updates(), 3);
    resumed.train(&stop, |_| {}).unwrap();

    assert_eq!(super::setups::hash(undisturbed.trainer()), super::setups::hash(resumed.trainer()));
    let (one, two) = (rows(&folder.path().join("undisturbed")), rows(&folder.path().join("resumed")));
    assert_eq!(one.len(), 8);
    assert_eq!(one, two);

    // A run goes on only as what it was begun as.
    drop(resumed);
    let config = RunPaths::new(folder.path().join("resumed")).config();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("update_epochs: 2", "update_epochs: 3")).unwrap();
    assert!(Run::resume(&folder.path().join("resumed"), None).is_err());
    std::fs::write(&config, text).unwrap();

    // 960 steps of 6 envs and 50-step episodes: 3 whole episodes each, truncated.
    for name in ["undisturbed", "resumed"] {
        let episodes = rescore::rescore_run(&folder.path().join(name), None).unwrap();
        assert_eq!(episodes.len(), 18);
        assert!(episodes.iter().all(|e| e.differing_steps == 0 && e.steps == 50), "{episodes:?}");
    }
}
