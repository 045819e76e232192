//! Kill -9 at twenty random moments, some of them inside the writing of a checkpoint: what is resumed each time
//! ends as an uninterrupted run does, bit for bit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{carrot, succeed};

/// Norms that move make a new revision after every rollout, so that kills meet pending ones.
const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 6, num_steps: 64, shards: 2, seed: 8),
    reward: [
        (name: "alive", kind: Alive()),
        (name: "still", kind: Distance(signal: "pole_velocity"), weight: -0.2, stages: [RunningNorm(center: true)]),
        (name: "upright", kind: Distance(signal: "pole_angle"), weight: -2.0, stages: [Potential(gamma: 0.99)]),
    ],
    learner: Ppo(total_steps: 61_440, num_minibatches: 2, update_epochs: 2, hidden: [16]),
    evaluation: (episodes: 2),
    recording: (envs: 3),
)
"#;
const KILLS: u64 = 20;

/// Numbers that look random and are the same each time.
fn draw(index: u64, below: u64) -> u64 {
    let word = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((word ^ (word >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33) % below
}

fn rows(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    let mut rows: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|tag, _| !tag.starts_with("time/"));
    }
    rows
}

/// Files of the newest checkpoint, of the episodes and of the revisions, with their contents.
fn remains(run: &Path) -> Vec<(String, Vec<u8>)> {
    let newest = fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let newest = newest.filter(|path| path.is_dir()).max().unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(newest).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name != "MANIFEST.json"));
    files.push(run.join("revisions.jsonl"));
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

#[test]
fn twenty_kills_change_nothing() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fs::write(here.join("scene.ron"), SCENE).unwrap();
    let train =
        |run: &'static str| ["train", "scene.ron", "--run-dir", run, "--checkpoint-every", "4", "--quiet"];
    succeed(here, &train("undisturbed"));

    let run = here.join("killed");
    for kill in 0..KILLS {
        let begun = run.join("meta.json").exists() && run.join("checkpoints").join("latest").exists();
        let args: Vec<&str> = if begun {
            vec!["resume", "killed", "--checkpoint-every", "4", "--quiet"]
        } else {
            train("killed").to_vec()
        };
        if !begun && run.exists() {
            fs::remove_dir_all(&run).unwrap();
        }
        let before = rows(&run).len();
        let mut command = carrot(here, &args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let in_checkpoint = kill % 3 == 0;
        if in_checkpoint {
            // Aborts by itself at one of the first calls that change the disk while a checkpoint is written.
            command.env("CARROT_FAILPOINT", format!("checkpoint:{}", 1 + draw(kill, 60)));
        }
        let mut child = command.spawn().unwrap();
        let start = Instant::now();
        let more = 1 + draw(kill + 100, 9) as usize;
        while child.try_wait().unwrap().is_none() {
            let grown = rows(&run).len() >= before.saturating_sub(4) + more;
            if !in_checkpoint && grown || start.elapsed() > Duration::from_secs(120) {
                std::thread::sleep(Duration::from_millis(draw(kill + 200, 25)));
                child.kill().unwrap();
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!child.wait().unwrap().success(), "run {kill} ended before it was killed");
    }
    succeed(here, &["resume", "killed", "--quiet"]);

    let (undisturbed, killed) = (rows(&here.join("undisturbed")), rows(&run));
    assert_eq!(undisturbed.len(), 161, "160 updates and an evaluation");
    for (a, b) in undisturbed.iter().zip(&killed) {
        assert_eq!(a, b);
    }
    assert_eq!(undisturbed.len(), killed.len());
    let (a, b) = (remains(&here.join("undisturbed")), remains(&run));
    assert!(a.len() >= 4);
    for ((name, a), (same, b)) in a.iter().zip(&b) {
        assert_eq!(name, same);
        assert!(a == b, "{name} differs");
    }
    assert!(succeed(here, &["rescore", "killed"]).contains("all bits equal"));
}
