//! Planted mistakes: each is answered with its place, the nearest name and exit code 2, and nothing is written.

use std::fs;

use serde_json::Value;

use crate::{entries, json, output};

const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 4, num_steps: 8),
    reward: [
        (name: "alive", kind: Alive()),
        (name: "upright", kind: Tolerance(signal: "pole_angle", bounds: (-0.1, 0.1), margin: 0.2), weight: 0.5),
    ],
    learner: Ppo(gamma: 0.99, total_steps: 64, num_minibatches: 2),
)
"#;

/// What is replaced in the scene, where the mistake is, and the name that was meant.
type InScene = (&'static str, &'static str, (u64, u64), Option<&'static str>);

const IN_SCENES: [InScene; 15] = [
    ("CartPole-v1", "CartPole-v2", (3, 11), Some("CartPole-v1")),
    ("version: 1", "version: 9", (2, 14), None),
    ("task:", "tasc:", (3, 5), Some("task")),
    ("batch: (num_envs", "batch: (num_env", (4, 13), Some("num_envs")),
    ("num_envs: 4", "num_envs: 0", (4, 23), None),
    ("num_steps: 8", "num_steps: \"8\"", (4, 37), None),
    ("kind: Alive()", "kind: Alife()", (6, 31), Some("Alive")),
    ("signal: \"pole_angle\"", "signal: \"pole_angel\"", (7, 51), Some("pole_angle")),
    ("bounds: (-0.1, 0.1)", "bounds: (0.1, -0.1)", (7, 73), None),
    ("margin: 0.2", "margn: 0.2", (7, 86), Some("margin")),
    ("name: \"upright\"", "name: \"alive\"", (7, 16), None),
    ("Ppo(", "Pro(", (9, 14), Some("Ppo")),
    ("gamma: 0.99", "gamma: 1.5", (9, 25), None),
    ("total_steps: 64", "total_step: 64", (9, 31), Some("total_steps")),
    ("weight: 0.5),\n    ],", "weight: 0.5),\n    ", (9, 12), None),
];

/// An override, the column of its mistake, and the name that was meant.
const IN_OVERRIDES: [(&str, u64, Option<&str>); 7] = [
    ("shadows={\"other\": \"sparce\"}", 19, Some("sparse")),
    ("batch.num_envz=8", 7, Some("num_envs")),
    ("batch.num_envs=many", 16, None),
    ("learner.gama=0.9", 9, Some("gamma")),
    ("reward.uprigth.weight=2", 8, Some("upright")),
    ("batch.num_envs=", 16, None),
    ("learner.gamma=(", 15, None),
];

fn first(document: &Value) -> &Value {
    &document["error"]["diagnostics"][0]
}

#[test]
fn in_scenes() {
    for (right, wrong, (line, column), near) in IN_SCENES {
        assert_eq!(SCENE.matches(right).count(), 1, "{right}");
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("scene.ron"), SCENE.replace(right, wrong)).unwrap();
        let (document, code) = json(here.path(), &["train", "scene.ron"]);
        let mistake = first(&document);
        let place = (mistake["line"].as_u64(), mistake["column"].as_u64());
        assert_eq!((code, place), (Some(2), (Some(line), Some(column))), "{wrong}: {document:#}");
        assert_eq!(mistake["file"], "scene.ron");
        assert_eq!(mistake["nearest"].as_str(), near, "{wrong}: {document:#}");
        assert_eq!(document["error"]["exit_code"], 2);
        assert_eq!(entries(here.path()), ["scene.ron"]);
        if near.is_none() {
            continue;
        }
        let page = output(here.path(), &["train", "scene.ron"]);
        let text = String::from_utf8(page.stderr).unwrap();
        assert!(text.contains(&format!("scene.ron:{line}:{column}")), "{text}");
        assert!(text.contains("nothing was written") && !text.contains('\u{1b}'), "{text}");
        assert!(page.stdout.is_empty());
        assert_eq!(entries(here.path()), ["scene.ron"]);
    }
}

#[test]
fn in_overrides() {
    for (wrong, column, near) in IN_OVERRIDES {
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("scene.ron"), SCENE).unwrap();
        let (document, code) = json(here.path(), &["train", "scene.ron", wrong]);
        let mistake = first(&document);
        let place = (mistake["line"].as_u64(), mistake["column"].as_u64());
        assert_eq!((code, place), (Some(2), (Some(1), Some(column))), "{wrong}: {document:#}");
        assert_eq!(mistake["file"].as_str(), Some(format!("command line: {wrong}").as_str()));
        assert_eq!(mistake["nearest"].as_str(), near, "{wrong}: {document:#}");
        assert_eq!(entries(here.path()), ["scene.ron"]);
    }
}

#[test]
fn names_on_command_lines() {
    let here = tempfile::tempdir().unwrap();
    for (args, near) in [
        (&["tasks", "show", "MountanCar-v0"][..], "MountainCar-v0"),
        (&["kinds", "show", "Potental"], "Potential"),
        (&["check", "CartPole-v2"], "CartPole-v1"),
        (&["bench", "step", "--task", "CartPole"], "CartPole-v1"),
        (&["bench", "step", "--reward", "shapd"], "shaped"),
        (&["bench", "learn", "--task", "Empty-8x9"], "Empty-8x8"),
        (&["bench", "rewards", "crossing", "--bonus", "globl"], "global"),
    ] {
        let (document, code) = json(here.path(), args);
        let mistake = first(&document);
        assert_eq!((code, mistake["nearest"].as_str()), (Some(2), Some(near)), "{args:?}: {document:#}");
        assert_eq!((mistake["line"].as_u64(), mistake["column"].as_u64()), (Some(1), Some(1)));
        let text = String::from_utf8(output(here.path(), args).stderr).unwrap();
        assert!(text.contains("command line:1:1") && text.contains(near), "{text}");
    }
    assert!(entries(here.path()).is_empty());
}

#[test]
fn unknown_verbs_and_flags() {
    let here = tempfile::tempdir().unwrap();
    for (args, near) in [
        (&["trian", "scene.ron"][..], "train"),
        (&["tasks", "lst"], "list"),
        (&["train", "scene.ron", "--sed", "3"], "--seed"),
        (&["train", "scene.ron", "--device", "cudda"], "cuda"),
        (&["train", "scene.ron", "--seed", "three"], "--seed"),
        (&["train", "scene.ron", "--model", "nameless"], "NAME=FILE"),
        (&["bench", "step", "--secs", "0"], "0.01"),
        (&["train"], "<SCENE>"),
        (&["report"], "<RUN>"),
    ] {
        let told = output(here.path(), args);
        let text = String::from_utf8(told.stderr).unwrap();
        assert_eq!(told.status.code(), Some(2), "{args:?}");
        assert!(text.contains(near), "{args:?}: {text}");
        let (document, code) = json(here.path(), args);
        assert_eq!((code, document["error"]["exit_code"].as_i64()), (Some(2), Some(2)));
        assert!(document["error"]["message"].as_str().unwrap().contains(near), "{document}");
    }
    assert!(entries(here.path()).is_empty());
}

#[test]
fn files_and_folders_that_are_not_there_or_something_else() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("scene.ron"), SCENE).unwrap();
    fs::create_dir(here.path().join("empty")).unwrap();
    for args in [
        &["train", "nowhere.ron"][..],
        &["train", "scene.ron", "--model", "a=nowhere.safetensors"],
        &["train", "scene.ron", "--run-dir", "empty"],
        &["check", "nowhere.ron"],
        &["check", "empty"],
        &["check", "CartPole-v1", "batch.seed=3"],
        &["resume", "empty"],
        &["eval", "nowhere"],
        &["rescore", "empty"],
        &["report", "empty"],
        &["map", "empty", "--x", "a", "--y", "b", "--term", "c"],
    ] {
        let (document, code) = json(here.path(), args);
        assert_eq!(
            (code, document["error"]["exit_code"].as_i64()),
            (Some(2), Some(2)),
            "{args:?}: {document:#}"
        );
        assert!(!document["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!(entries(here.path()), ["empty", "scene.ron"], "{args:?}");
        assert!(entries(&here.path().join("empty")).is_empty(), "{args:?}");
    }
}

#[test]
fn a_rollout_beyond_memory_is_refused_before_anything_is_written() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("scene.ron"), SCENE).unwrap();
    let args = [
        "train",
        "scene.ron",
        "batch.num_envs=262144",
        "batch.num_steps=65536",
        "learner.total_steps=1000000",
    ];
    // Terabytes: the largest batch of the largest rollouts, with every signal kept.
    let (document, code) = json(here.path(), &args);
    assert_eq!((code, document["error"]["exit_code"].as_i64()), (Some(5), Some(5)), "{document:#}");
    assert!(document["error"]["message"].as_str().unwrap().contains("num_envs"));
    assert_eq!(entries(here.path()), ["scene.ron"]);
}

#[test]
fn in_robots() {
    let here = tempfile::tempdir().unwrap();
    let robot = r#"<robot name="r">
  <link name="base"/>
  <link name="arm"><collision><geometry><mesh filename="../arm.stl"/></geometry></collision></link>
  <joint name="turn" type="fixed"><parent link="bsae"/><child link="arm"/></joint>
</robot>"#;
    fs::write(here.path().join("robot.urdf"), robot).unwrap();
    let (document, code) = json(here.path(), &["robot", "check", "robot.urdf"]);
    let mistakes: Vec<_> = document["error"]["diagnostics"].as_array().unwrap().iter().collect();
    let brief = |m: &&Value| (m["code"].clone(), m["line"].as_u64(), m["column"].as_u64());
    assert_eq!(
        (code, mistakes.iter().map(brief).collect::<Vec<_>>()),
        (
            Some(2),
            vec![("path_escape".into(), Some(3), Some(57)), ("unknown_link".into(), Some(4), Some(49))]
        )
    );
    assert_eq!(mistakes[1]["nearest"], "base");
    let page = String::from_utf8(output(here.path(), &["robot", "check", "robot.urdf"]).stderr).unwrap();
    assert!(page.contains("robot.urdf:4:49") && page.contains("did you mean \"base\"?"), "{page}");
    let (document, code) = json(here.path(), &["robot", "check", "nowhere.urdf"]);
    assert_eq!((code, first(&document)["code"].as_str()), (Some(2), Some("unreadable")), "{document:#}");
}

#[test]
fn all_mistakes_of_a_scene_are_told_at_once() {
    let here = tempfile::tempdir().unwrap();
    let scene = SCENE.replace("num_envs: 4", "num_envs: 0").replace("gamma: 0.99", "gama: 0.99");
    fs::write(here.path().join("scene.ron"), scene).unwrap();
    let (document, _) = json(here.path(), &["check", "scene.ron", "evaluation=(episods: 3)"]);
    assert!(document["error"]["diagnostics"].as_array().unwrap().len() >= 2, "{document:#}");
}

#[test]
fn the_scene_without_mistakes_is_accepted() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("scene.ron"), SCENE).unwrap();
    let (document, code) = json(here.path(), &["check", "scene.ron", "reward.upright.weight=2"]);
    assert_eq!((code, document["terms"].as_array().map(Vec::len)), (Some(0), Some(2)), "{document:#}");
    let args = ["train", "scene.ron", "--dry-run", "--seed", "7", "--total-steps", "99", "--num-envs", "2"];
    let config = json(here.path(), &args).0["config"].as_str().unwrap().to_string();
    for expected in ["seed: 7", "total_steps: 99", "num_envs: 2"] {
        assert!(config.contains(expected), "{config}");
    }
    assert_eq!(entries(here.path()), ["scene.ron"]);
}
