//! The `carrot` binary as its users meet it: help, mistakes, exit codes, JSON, and a small training from end to end.
#![allow(clippy::unwrap_used, reason = "a test")]

mod kills;
mod mistakes;
mod prefer;
mod runs;
mod scenarios;
mod vlm;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// `carrot ARGS` in a folder.
fn carrot(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrot"));
    command.args(args).current_dir(folder).env_remove("CARROT_FAILPOINT").stdin(Stdio::null());
    command
}

fn output(folder: &Path, args: &[&str]) -> Output {
    carrot(folder, args).output().unwrap()
}

/// Runs a command that must succeed, and gives its stdout.
fn succeed(folder: &Path, args: &[&str]) -> String {
    let output = output(folder, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The JSON document of a command, with its exit code.
fn json(folder: &Path, args: &[&str]) -> (Value, Option<i32>) {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let output = output(folder, &args);
    let document = serde_json::from_slice(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    (document.unwrap_or_else(|error| panic!("{args:?}: {error}: {stderr}")), output.status.code())
}

/// Names of everything in a folder.
fn entries(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

const VERBS: [&[&str]; 21] = [
    &["tasks", "list"],
    &["tasks", "show"],
    &["kinds", "list"],
    &["kinds", "show"],
    &["reward", "grammar"],
    &["prefer"],
    &["test"],
    &["train"],
    &["resume"],
    &["eval"],
    &["rescore"],
    &["report"],
    &["map"],
    &["check"],
    &["fit-reward"],
    &["mdp"],
    &["doctor"],
    &["bench", "step"],
    &["bench", "learn"],
    &["demo"],
    &[],
];

#[test]
fn every_help_fits_one_screen_and_shows_an_example() {
    let here = tempfile::tempdir().unwrap();
    for verb in VERBS {
        let args: Vec<&str> = verb.iter().copied().chain(["--help"]).collect();
        let help = succeed(here.path(), &args);
        assert!(help.lines().count() <= 45, "{args:?}: {} lines", help.lines().count());
        let example = format!("  carrot {}", verb.join(" "));
        let (_, after) = help.split_once("Example").unwrap_or_else(|| panic!("{args:?} has no example"));
        assert!(after.lines().any(|line| line.starts_with(example.trim_end())), "{args:?}: {after}");
        assert!(help.contains("--json"), "{args:?}");
    }
}

#[test]
fn examples_in_helps_parse() {
    let here = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for verb in VERBS {
        let args: Vec<&str> = verb.iter().copied().chain(["--help"]).collect();
        let help = succeed(here.path(), &args);
        let examples = help
            .lines()
            .filter_map(|line| line.strip_prefix("  carrot "))
            .filter(|line| !line.contains('\''));
        for example in examples {
            // With --help at its end clap reads the line up to there and does nothing.
            let words: Vec<&str> = example.split_whitespace().chain(["--help"]).collect();
            succeed(here.path(), &words);
            seen += 1;
        }
    }
    assert!(seen >= VERBS.len(), "{seen}");
}

#[test]
fn lists_and_pages_are_json_on_request() {
    let here = tempfile::tempdir().unwrap();
    let (tasks, code) = json(here.path(), &["tasks", "list"]);
    assert_eq!(code, Some(0));
    let names: Vec<&str> =
        tasks.as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"CartPole-v1") && names.contains(&"MountainCar-v0"), "{names:?}");
    for task in &names {
        let (page, code) = json(here.path(), &["tasks", "show", task]);
        assert_eq!((code, page["name"].as_str()), (Some(0), Some(*task)));
        let farmable: Vec<_> =
            page["rewards"].as_array().unwrap().iter().filter(|r| r["farmed_by"].is_string()).collect();
        let scripts: Vec<_> = page["scripts"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
        assert!(
            !farmable.is_empty() && farmable.iter().all(|r| scripts.contains(&&r["farmed_by"])),
            "{task}"
        );
        assert!(page["signals"].as_array().unwrap().iter().all(|s| s["description"] != ""), "{task}");
        let text = succeed(here.path(), &["tasks", "show", task]);
        assert!(text.contains("Signals: what rewards may read"), "{text}");
    }
    let (kinds, _) = json(here.path(), &["kinds", "list"]);
    for kind in kinds.as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        let text = succeed(here.path(), &["kinds", "show", name]);
        assert!(text.starts_with(name) && text.contains("When it misleads"), "{text}");
        assert_eq!(&json(here.path(), &["kinds", "show", name]).0, kind);
    }
    let card = succeed(here.path(), &["reward", "grammar"]);
    assert!(card.lines().count() <= 66 && card.contains("tolerance(x, low, high, margin)"), "{card}");
    assert_eq!(
        json(here.path(), &["reward", "grammar"]).0["card"].as_str().unwrap().trim_end(),
        card.trim_end()
    );
    assert!(entries(here.path()).is_empty());
}

#[test]
fn every_task_passes_its_check() {
    let here = tempfile::tempdir().unwrap();
    for task in json(here.path(), &["tasks", "list"]).0.as_array().unwrap() {
        let (found, code) = json(here.path(), &["check", task["name"].as_str().unwrap()]);
        assert_eq!((code, found["ok"].as_bool()), (Some(0), Some(true)), "{found}");
        assert_eq!(found["rewards"], task["rewards"]);
        // Random play does not end an episode that may last longer than the check.
        let limit =
            json(here.path(), &["tasks", "show", task["name"].as_str().unwrap()]).0["max_steps"].as_u64();
        assert!(found["episodes"].as_u64().unwrap() > 0 || limit > Some(256), "{found}");
    }
}

#[test]
fn a_task_is_solved_exactly() {
    let here = tempfile::tempdir().unwrap();
    let (solved, code) = json(here.path(), &["mdp", "CliffWalking-v1", "--gamma", "1", "--reward", "sparse"]);
    assert_eq!(code, Some(0), "{solved}");
    let best = &solved["rewards"][0];
    assert!((best["value"].as_f64().unwrap() + 13.0).abs() < 1e-4, "{best}");
    assert_eq!((best["success"].as_f64(), solved["best_success"].as_f64()), (Some(1.0), Some(1.0)));
    std::fs::write(here.path().join("mine.ron"), r#"[(name: "a", kind: Event(signal: "at_goal"))]"#).unwrap();
    let text = succeed(here.path(), &["mdp", "Empty-8x8", "--reward", "mine.ron", "--export", "model.json"]);
    assert!(text.starts_with("142 states, 980 transitions"), "{text}");
    let model: Value =
        serde_json::from_slice(&std::fs::read(here.path().join("model.json")).unwrap()).unwrap();
    assert_eq!(model["cause"].as_array().unwrap().len(), 142);
    let (all, _) = json(here.path(), &["mdp", "LavaGap-S7"]);
    let success: Vec<f64> =
        all["rewards"].as_array().unwrap().iter().map(|r| r["success"].as_f64().unwrap()).collect();
    assert_eq!(success[..3], [1.0, 1.0, 0.0], "{all}");
    for args in [
        &["mdp", "CartPole-v1"][..],
        &["mdp", "FrozenLake-v2"],
        &["mdp", "FrozenLake-v1", "--reward", "sparce"],
        &["mdp", "FrozenLake-v1", "--reward", "shaped", "--gamma", "0.5"],
    ] {
        let (refusal, code) = json(here.path(), args);
        assert_eq!(code, Some(2), "{refusal}");
    }
}

#[test]
fn a_robot_is_checked() {
    let here = tempfile::tempdir().unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/robots/six_joint_arm.urdf");
    let (found, code) = json(here.path(), &["robot", "check", file]);
    assert_eq!((code, found["ok"].as_bool(), found["colliders"].as_u64()), (Some(0), Some(true), Some(9)));
    assert_eq!(found["joints"][2]["limits"], serde_json::json!([0.1, 2.7]), "{found}");
    let text = succeed(here.path(), &["robot", "check", file]);
    for expected in ["13.800 kg", "elbow_pitch", "0.1 to 2.7 rad", "90 N m", "2.6 rad/s", "mesh"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn the_doctor_finds_libtorch() {
    let here = tempfile::tempdir().unwrap();
    let (findings, code) = json(here.path(), &["doctor"]);
    assert_eq!(code, Some(0), "{findings}");
    assert!(
        findings.as_array().unwrap().iter().any(|f| f["what"] == "libtorch on the CPU" && f["ok"] == true)
    );
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let here = tempfile::tempdir().unwrap();
    for args in [&["tasks", "list"][..], &["kinds", "list"], &["--help"], &["train", "nowhere.ron", "--json"]]
    {
        let mut child =
            carrot(here.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        let expected = if args.contains(&"train") { 2 } else { 0 };
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{args:?}");
    }
}

#[test]
fn a_full_disk_behind_stdout_is_told() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = carrot(here.path(), &["tasks", "list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
}

#[test]
fn speed_is_measured_for_one_case() {
    let here = tempfile::tempdir().unwrap();
    let args = "bench step --task CartPole-v1 --num-envs 16 --turns 2 --secs 0.01 \
                --reward none --reward four-terms --reward shaped --markdown step.md";
    let (rates, code) = json(here.path(), &args.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{rates}");
    let own = rates[0]["own"].as_array().unwrap();
    let rewards: Vec<_> = own.iter().map(|own| own["case"]["reward"].as_str().unwrap()).collect();
    assert_eq!(rewards, ["none", "four-terms", "shaped"]);
    assert!(own.iter().all(|own| own["rates"]["per_sec"]["median"].as_f64().unwrap() > 0.0), "{rates}");
    let page = std::fs::read_to_string(here.path().join("step.md")).unwrap();
    assert_eq!(page.lines().filter(|line| line.starts_with("| CartPole-v1 | Carrot, ")).count(), 3, "{page}");
}

#[test]
fn learning_is_cut_off_in_time() {
    let here = tempfile::tempdir().unwrap();
    let args = ["bench", "learn", "--task", "Pendulum-v1", "--seeds", "1", "--limit", "1"];
    let (found, code) = json(here.path(), &args);
    let own = &found[0]["own"][0];
    assert_eq!((code, own["solved"].as_bool()), (Some(0), Some(false)), "{found}");
    assert!(own["wall_secs"].as_f64().unwrap() >= 1.0 && own["env_steps"].as_u64().unwrap() > 0, "{found}");
    let args = ["bench", "learn", "--peers", "nowhere"];
    let (refused, code) = json(here.path(), &args);
    assert_eq!(code, Some(6), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("nowhere"), "{refused}");
}

#[test]
fn bonuses_are_measured_with_layouts_that_are_shared_and_with_one_for_each_episode() {
    let here = tempfile::tempdir().unwrap();
    let args = "bench rewards crossing --seeds 1 --bonus global --bonus episodic --markdown crossing.md \
                learner.total_steps=1024 batch.num_envs=8 learner.num_minibatches=2";
    let (found, code) = json(here.path(), &args.split_whitespace().collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{found}");
    let of = |name: &str| -> Vec<&str> {
        found.as_array().unwrap().iter().map(|result| result[name].as_str().unwrap()).collect()
    };
    assert_eq!(of("variant"), ["episodic", "global", "episodic", "global"]);
    assert_eq!(of("layouts"), ["4 in all", "4 in all", "one per episode", "one per episode"]);
    for result in found.as_array().unwrap() {
        assert_eq!(
            (result["env_steps"].as_u64(), result["solved_at"].as_u64()),
            (Some(1024), None),
            "{result}"
        );
    }
    let page = std::fs::read_to_string(here.path().join("crossing.md")).unwrap();
    assert_eq!(page.lines().filter(|line| line.starts_with("| MultiRoom-N4 | ")).count(), 4, "{page}");
}
