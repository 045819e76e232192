//! A person at the keyboard, played by letters on standard input, while a run trains and dies.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{carrot, json, output};

const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 16, num_steps: 32, shards: 1, seed: 1),
    reward: [(name: "preferred", kind: Model(name: "preferred"))],
    preferences: (
        model: "preferred",
        annotator: People,
        queries: (labels: 100, first: 100, segment_steps: 20),
        network: (members: 1, hidden: [8], epochs: 2),
    ),
    learner: Ppo(total_steps: 1_000_000, update_epochs: 1, num_minibatches: 1, hidden: [8]),
    recording: (envs: 0),
)"#;

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // The last line may still be on its way.
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Waits until something holds, a minute at most.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

#[test]
fn a_hundred_pairs_are_answered_while_a_run_trains_and_none_is_lost_when_it_is_killed() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("scene.ron"), SCENE).unwrap();
    let mut training = carrot(here.path(), &["train", "scene.ron", "--run-dir", "run", "--quiet"]);
    let mut training = training.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let run = here.path().join("run");
    let (pairs, labels) = (run.join("preferences/pairs.jsonl"), run.join("preferences/labels.jsonl"));
    wait_for("no pairs", || lines(&pairs).len() == 100);

    let mut prefer = carrot(here.path(), &["prefer", "run", "--by", "test", "--note", "a sitting", "--json"]);
    let prefer = prefer.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut prefer = prefer.spawn().unwrap();
    // One is taken back; then a hundred.
    let keys = format!("lu{}", "lr=s".repeat(25));
    prefer.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    let given = prefer.wait_with_output().unwrap();
    assert_eq!(given.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&given.stdout).unwrap();
    assert_eq!([&told["given"], &told["answered"], &told["open"]], [100, 100, 0]);
    let page = String::from_utf8_lossy(&given.stderr);
    assert!(page.contains("LEFT") && page.contains("pole_angle") && page.contains("pair 0 waits again"));

    let version = || {
        let metrics = lines(&run.join("metrics.jsonl"));
        metrics.last().map_or(0.0, |row| row["preference/version"].as_f64().unwrap_or(0.0))
    };
    let took = wait_for("no version is published", || version() > 0.0);
    assert!(took < Duration::from_secs(5), "{took:?}");
    training.kill().unwrap();
    training.wait().unwrap();

    let kept = lines(&labels);
    assert_eq!(kept.len(), 102);
    assert_eq!((kept[1]["says"].as_str(), kept[2]["note"].as_str()), (Some("undo"), Some("a sitting")));
    let resumed = output(here.path(), &["resume", "run", "--quiet"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", String::from_utf8_lossy(&resumed.stderr));
    let metrics = lines(&run.join("metrics.jsonl"));
    let last = metrics.iter().rev().find(|row| row.get("preference/labels").is_some()).unwrap();
    assert_eq!(last["preference/labels"], 100.0);

    // A run that asks nobody says so.
    let scene = SCENE.replace("People", "Simulated(gold: \"reward\")").replace("1_000_000", "512");
    std::fs::write(here.path().join("other.ron"), scene).unwrap();
    assert_eq!(
        output(here.path(), &["train", "other.ron", "--run-dir", "other", "--quiet"]).status.code(),
        Some(0)
    );
    let (refused, code) = json(here.path(), &["prefer", "other"]);
    assert_eq!(code, Some(2), "{refused}");
}
