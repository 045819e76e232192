//! `carrot vlm`, and trainings that are paid for pictures: from a published folder to a run that scores again.

use std::fs;
use std::path::Path;

use crate::{json, output, succeed};

/// A small model of random weights, in the form in which models are published.
fn published() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../carrot_learn/tests/vlm/clip");
    folder.canonicalize().unwrap().display().to_string()
}

const SCENE: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    batch: (num_envs: 8, num_steps: 16, shards: 1, seed: 1),
    reward: [
        (name: "red", kind: Vlm(goal: "the red cube", baseline: "a cube", alpha: 0.3, frames: Every(4), model: "clip")),
    ],
    recording: (envs: 4),
    learner: Ppo(total_steps: 1_024, hidden: [16]),
    evaluation: (episodes: 2, seed: 5),
)"#;

#[test]
fn a_published_model_is_taken_in_and_rewards_a_training() {
    let here = tempfile::tempdir().unwrap();
    let told = succeed(here.path(), &["vlm", "import", &published(), "clip"]);
    assert!(told.starts_with("Clip with") && told.contains("pictures of 32 pixels"), "{told}");
    let mut kept: Vec<String> = fs::read_dir(here.path().join("clip"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]);
    let again = output(here.path(), &["vlm", "import", &published(), "clip"]);
    assert_eq!(again.status.code(), Some(2));

    fs::write(here.path().join("scene.ron"), SCENE).unwrap();
    let refused = output(here.path(), &["train", "scene.ron", "--quiet"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("no image-text model `clip`") && told.contains("--model NAME=FOLDER"), "{told}");

    succeed(here.path(), &["train", "scene.ron", "--model", "clip=clip", "--run-dir", "run", "--quiet"]);
    let metrics = fs::read_to_string(here.path().join("run/metrics.jsonl")).unwrap();
    assert!(metrics.contains("vlm/red/pictures"), "{metrics}");
    // The run keeps its model, and the answers that it was paid for.
    fs::remove_dir_all(here.path().join("clip")).unwrap();
    let (answer, code) = json(here.path(), &["rescore", "run"]);
    assert_eq!(code, Some(0), "{answer}");
    succeed(here.path(), &["eval", "run"]);
    succeed(here.path(), &["report", "run"]);
    let page = fs::read_to_string(here.path().join("report.html")).unwrap();
    assert!(
        page.contains("asks clip for &quot;the red cube&quot;, away from &quot;a cube&quot; by alpha 0.3")
    );
    assert!(page.matches("data:image/png;base64,").count() > 8, "frames of an episode, and disagreements");
}

#[test]
fn a_model_is_asked_about_every_sentence_of_a_task() {
    let here = tempfile::tempdir().unwrap();
    let captions = r#"[
        (tasks: ["CartPole-v1"], when: "abs(pole_angle) < 0.05", say: ["the red cube"], ask: ["a red cube"]),
        (tasks: ["CartPole-v1"], when: "cart_position > 0", say: ["a key"]),
    ]"#;
    fs::write(here.path().join("captions.ron"), captions).unwrap();
    let bench = ["vlm", "bench", &published(), "--captions", "captions.ron", "--pictures", "20"];
    let (answer, code) = json(here.path(), &bench);
    assert_eq!(code, Some(0), "{answer}");
    let task = &answer["skills"][0];
    let (skills, truth) = (task["captions"].as_array().unwrap(), &task["truth"]);
    assert!(skills.len() == 2 && truth["rank"].is_number(), "{answer}");
    assert!(skills[0]["kept_back"].is_number() && skills[1]["kept_back"].is_null(), "{answer}");
    assert!(task["taught"]["accuracy"].is_number() && task["taught"]["chance"].is_number(), "{answer}");
    let wrong = output(here.path(), &["vlm", "bench", &published(), "--task", "CartPole-v2"]);
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("CartPole-v1"));
}
