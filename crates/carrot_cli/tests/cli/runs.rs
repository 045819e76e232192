//! Runs from end to end: train, look at them in every way, stop them, go on, and damage one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{carrot, json, output, succeed};

const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 4, num_steps: 64, shards: 1),
    reward: "sparse",
    shadows: {"naive": "naive"},
    learner: Ppo(total_steps: 512, num_minibatches: 2, update_epochs: 1),
    evaluation: (episodes: 3, seed: 9),
    recording: (envs: 2),
)
"#;

fn scene(folder: &Path) {
    fs::write(folder.join("scene.ron"), SCENE).unwrap();
}

#[test]
fn a_run_keeps_the_robot_that_its_scene_brought() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let robots = here.join("robots");
    fs::create_dir_all(robots.join("six_joint_arm")).unwrap();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/robots");
    for (from, to) in
        [("six_joint_arm.urdf", "own.urdf"), ("six_joint_arm/palm.stl", "six_joint_arm/palm.stl")]
    {
        fs::copy(assets.join(from), robots.join(to)).unwrap();
    }
    let task = "Task(name: \"Reach\", params: (robot: \"robots/own.urdf\", control: JointVelocity))";
    fs::write(here.join("scene.ron"), SCENE.replace("\"CartPole-v1\"", task)).unwrap();
    let (checked, code) = json(here, &["check", "scene.ron"]);
    assert_eq!((code, checked["task"].as_str()), (Some(0), Some("Reach")), "{checked:#}");
    let (trained, code) = json(here, &["train", "scene.ron", "--seed", "5", "--quiet"]);
    assert_eq!(code, Some(0), "{trained:#}");
    let run = trained["run"].as_str().unwrap();
    fs::remove_dir_all(&robots).unwrap();
    let (rescored, code) = json(here, &["rescore", run]);
    assert_eq!((code, rescored["differing_steps"].as_u64()), (Some(0), Some(0)), "{rescored:#}");
    let (evaluated, code) = json(here, &["eval", run]);
    assert_eq!((code, &evaluated["summary"]), (Some(0), &trained["evaluation"]), "{evaluated:#}");
    let (again, code) = json(here, &["train", "scene.ron"]);
    assert_eq!(code, Some(2), "{again:#}");
    assert!(again["error"]["message"].as_str().unwrap().contains("there is no file"), "{again:#}");
}

#[test]
fn a_run_is_trained_and_looked_at_in_every_way() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    scene(here);
    let (trained, code) = json(here, &["train", "scene.ron", "--seed", "5", "--name", "first", "--quiet"]);
    assert_eq!((code, trained["env_steps"].as_u64()), (Some(0), Some(512)), "{trained:#}");
    assert_eq!(trained["evaluation"]["episodes"], 3);
    let run = trained["run"].as_str().unwrap();
    assert!(run.starts_with("runs/CartPole-v1/ppo/") && run.ends_with("_s5_first"), "{run}");
    let command = fs::read_to_string(here.join(run).join("command.txt")).unwrap();
    assert_eq!(command.trim(), "carrot train scene.ron --seed 5 --name first --quiet --json");

    // The policy is deterministic, and so is its evaluation.
    let metrics = |run: &str| fs::read_to_string(here.join(run).join("metrics.jsonl")).unwrap();
    let before = metrics(run);
    let (evaluated, _) = json(here, &["eval", run]);
    assert_eq!(evaluated["summary"], trained["evaluation"]);
    assert_eq!(before, metrics(run), "eval only reads");
    let last: Value = serde_json::from_str(before.lines().last().unwrap()).unwrap();
    assert_eq!(last["eval/mean_reward"], trained["evaluation"]["mean_return"]);
    let (expert, _) = json(here, &["eval", run, "--actor", "expert", "--episodes", "2", "--seed", "3"]);
    let (random, _) = json(here, &["eval", run, "--actor", "random", "--episodes", "2", "--seed", "3"]);
    let mean = |document: &Value| document["summary"]["mean_return"].as_f64().unwrap();
    assert!(mean(&expert) > mean(&random), "{expert} {random}");
    let (wrong, code) = json(here, &["eval", run, "--actor", "exprt"]);
    assert_eq!((code, wrong["error"]["diagnostics"][0]["nearest"].as_str()), (Some(2), Some("expert")));

    let (rescored, code) = json(here, &["rescore", run]);
    assert_eq!((code, rescored["differing_steps"].as_u64()), (Some(0), Some(0)), "{rescored:#}");
    assert!(!rescored["episodes"].as_array().unwrap().is_empty());
    assert!(succeed(here, &["rescore", run]).contains("all bits equal"));
    fs::write(here.join("double.ron"), "[(name: \"alive\", kind: Alive(), weight: 2.0)]").unwrap();
    let (doubled, code) = json(here, &["rescore", run, "--reward", "double.ron"]);
    assert_eq!(code, Some(0));
    for episode in doubled["episodes"].as_array().unwrap() {
        let (online, again) = (&episode["online_return"], &episode["rescored_return"]);
        assert_eq!(2.0 * online.as_f64().unwrap(), again.as_f64().unwrap());
    }
    fs::write(here.join("wrong.ron"), "[(name: \"up\", kind: Distance(signal: \"pole_angel\"))]").unwrap();
    let (wrong, code) = json(here, &["rescore", run, "--reward", "wrong.ron"]);
    assert_eq!((code, wrong["error"]["diagnostics"][0]["nearest"].as_str()), (Some(2), Some("pole_angle")));

    let (report, code) = json(here, &["report", run, "--out", "page.html", "--title", "A pole"]);
    assert_eq!((code, report["report"].as_str()), (Some(0), Some("page.html")));
    let page = fs::read_to_string(here.join("page.html")).unwrap();
    assert!(page.contains("A pole") && page.contains("CartPole-v1"));

    let map = ["map", run, "--x", "cart_position", "--y", "pole_angle", "--slices", "2", "--out", "map.html"];
    let (mapped, code) = json(here, &[&map[..], &["--term", "alive"]].concat());
    let slices = mapped["slices"].as_array().unwrap();
    assert_eq!((code, slices.len(), mapped["axes"][0]["cells"].as_u64()), (Some(0), 2, Some(24)), "{mapped}");
    for slice in slices {
        let sum = |of: &str| {
            slice["cells"].as_array().unwrap().iter().map(|c| c[of].as_f64().unwrap()).sum::<f64>()
        };
        let total = &slice["total"];
        assert!(total["steps"].as_f64().unwrap() == sum("steps") && sum("steps") > 5.0, "{slice}");
        assert!((total["terms"].as_f64().unwrap() - sum("terms")).abs() < 1e-6, "{slice}");
    }
    assert!(fs::read_to_string(here.join("map.html")).unwrap().matches("<rect").count() > 10);
    let (wrong, code) = json(here, &[&map[..], &["--term", "alvie"]].concat());
    assert!(code == Some(2) && wrong["error"]["message"].as_str().unwrap().contains("`alive`"), "{wrong}");

    assert_eq!(json(here, &["check", run]).0["ok"], true);
    assert!(succeed(here, &["check", run]).contains("all bits equal"));
    damage_newest_checkpoint(&here.join(run));
    let (found, code) = json(here, &["check", run]);
    assert_eq!((code, found["ok"].as_bool()), (Some(1), Some(false)), "{found:#}");
    // The checkpoint before still serves.
    succeed(here, &["eval", run, "--episodes", "1"]);

    let (again, code) = json(here, &["train", "scene.ron", "--run-dir", run]);
    assert_eq!(code, Some(2), "{again}");
}

#[test]
fn a_fitted_model_can_be_trained_on() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    scene(here);
    let fit =
        ["fit-reward", "scene.ron", "task=MountainCar-v0", "--out", "flag.safetensors", "--name", "flag"];
    let (fitted, code) = json(here, &[&fit[..], &["--episodes", "20"]].concat());
    assert_eq!(code, Some(0), "{fitted:#}");
    assert!(fitted["report"]["held_out_auc"].as_f64().unwrap() > 0.5, "{fitted:#}");
    let reward = "reward=[(name: \"flag\", kind: Model(name: \"flag\"))]";
    let train =
        ["train", "scene.ron", "task=MountainCar-v0", "shadows={}", reward, "--run-dir", "run", "--quiet"];
    let (trained, code) = json(here, &[&train[..], &["--model", "flag=flag.safetensors"]].concat());
    assert_eq!(code, Some(0), "{trained:#}");
    let (found, code) = json(here, &["check", "run"]);
    assert_eq!((code, found["ok"].as_bool()), (Some(0), Some(true)), "{found:#}");
    let (again, code) = json(here, &fit);
    assert_eq!(code, Some(2), "a file is not overwritten: {again}");
}

/// A training that would take days, until it is stopped.
struct Training {
    child: Child,
    run: PathBuf,
}

impl Training {
    fn start(here: &Path, args: &[&str]) -> Self {
        let mut command = carrot(here, args);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, run: here.join("run") }
    }

    /// Waits until so many rows of metrics are written.
    fn wait_for(&mut self, rows: usize) {
        let begin = Instant::now();
        let metrics = self.run.join("metrics.jsonl");
        while fs::read_to_string(&metrics).unwrap_or_default().lines().count() < rows {
            assert!(begin.elapsed() < Duration::from_secs(60), "no metrics");
            assert_eq!(self.child.try_wait().unwrap(), None, "ended by itself");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        // Already gone, unless a test failed half-way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_run_in_use_is_refused_and_signals_leave_a_checkpoint() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    scene(here);
    let long = [
        "train",
        "scene.ron",
        "--run-dir",
        "run",
        "--total-steps",
        "1000000000",
        "--checkpoint-every",
        "1000000",
    ];
    let mut training = Training::start(here, &long);
    training.wait_for(3);
    let (refused, code) = json(here, &["resume", "run"]);
    assert_eq!(code, Some(8), "{refused:#}");
    let owner = format!("process {}", training.child.id());
    assert!(refused["error"]["message"].as_str().unwrap().contains(&owner), "{refused:#}");
    // Reading is allowed while a run goes on.
    succeed(here, &["eval", "run", "--episodes", "1"]);
    assert_eq!(training.signal("-INT"), Some(130));
    let steps = env_steps(here);
    assert!(steps >= 3 * 256, "{steps}");
    assert_eq!(json(here, &["check", "run"]).0["ok"], true);

    let mut resumed = Training::start(here, &["resume", "run"]);
    resumed.wait_for((steps / 256) as usize + 3);
    assert_eq!(resumed.signal("-TERM"), Some(143));
    assert!(env_steps(here) > steps);
    assert_eq!(json(here, &["check", "run"]).0["ok"], true);
    assert_eq!(output(here, &["rescore", "run"]).status.code(), Some(0));
}

/// Env steps of the newest checkpoint.
fn env_steps(here: &Path) -> u64 {
    json(here, &["eval", "run", "--episodes", "1"]).0["env_steps"].as_u64().unwrap()
}

fn damage_newest_checkpoint(run: &Path) {
    let checkpoints = run.join("checkpoints");
    let newest = fs::read_to_string(checkpoints.join("latest")).unwrap();
    let part = checkpoints.join(newest.trim()).join("trainer.postcard");
    let mut bytes = fs::read(&part).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(part, bytes).unwrap();
}
