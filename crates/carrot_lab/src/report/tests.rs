//! Run folders in, page and tables out.

use std::{fs, path::PathBuf};

use carrot_record::{DiskStorage, MetricsRow, MetricsWriter, RunFolder, RunMeta, RunStart};
use tempfile::TempDir;

use super::*;

/// What a synthetic run does over its rows: from start to end, along an S-shaped curve with a wobble.
#[derive(Clone, Copy)]
struct Story {
    reward: &'static str,
    farmable: bool,
    returns: (f64, f64),
    scores: (f64, f64),
    /// Contribution of each term as a share of the return, at the start and at the end.
    terms: &'static [(&'static str, f64, f64)],
}

const SPARSE: Story = Story {
    reward: "sparse",
    farmable: false,
    returns: (0.0, 0.0),
    scores: (0.03, 0.03),
    terms: &[("goal", 1.0, 1.0)],
};
const SHAPED: Story = Story {
    reward: "shaped",
    farmable: false,
    returns: (-35.0, 180.0),
    scores: (0.05, 0.96),
    terms: &[("goal", 0.1, 0.8), ("progress", 1.4, 0.35), ("effort", -0.5, -0.15)],
};
const NAIVE: Story = Story {
    reward: "naive",
    farmable: true,
    returns: (40.0, 2_600.0),
    scores: (0.22, 0.04),
    terms: &[("near_goal", 0.8, 0.97), ("goal", 0.2, 0.03)],
};
const MIXED: Story = Story {
    reward: "mixed",
    farmable: false,
    returns: (-20.0, 60.0),
    scores: (0.05, 0.55),
    terms: &[("goal", 0.4, 0.6), ("near_goal", 0.6, 0.4)],
};

/// A number in [-1, 1] that looks random.
fn wobble(key: u64) -> f64 {
    let mixed = (key ^ (key >> 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as f64 / (1u64 << 23) as f64 - 1.0
}

fn metrics(story: Story, seed: u64, rows: u64) -> Vec<MetricsRow> {
    let mut drift = 0.0;
    let row = |index: u64| {
        let along = index as f64 / rows.max(2) as f64;
        let grown = 1.0 / (1.0 + (-12.0 * (along - 0.35 - 0.06 * seed as f64)).exp());
        drift = 0.8 * drift + 0.2 * wobble(seed * 100_003 + index);
        let between = |(start, end): (f64, f64)| start + (end - start) * grown;
        let returns = between(story.returns) + 0.12 * drift * (story.returns.1 - story.returns.0);
        let score = (between(story.scores) + 0.1 * drift * between(story.scores)).clamp(0.0, 1.0);
        let mut values = vec![
            ("time/fps".to_owned(), 25_000.0),
            ("train/approx_kl".to_owned(), 0.01),
            ("rollout/episodes".to_owned(), 12.0),
            ("rollout/ep_rew_mean".to_owned(), returns),
            ("rollout/score_mean".to_owned(), score),
            ("rollout/success_rate".to_owned(), (1.2 * score - 0.1).clamp(0.0, 1.0)),
            ("shadow/sparse/ep_rew_mean".to_owned(), score),
        ];
        for (term, start, end) in story.terms {
            values.push((format!("reward/{term}/episode"), returns * between((*start, *end))));
        }
        if index + 1 == rows {
            values.push(("eval/mean_reward".to_owned(), returns));
            values.push(("eval/mean_score".to_owned(), score));
            values.push(("eval/success_rate".to_owned(), score));
        }
        MetricsRow { env_steps: (index + 1) * 8_192, update: index, values: values.into_iter().collect() }
    };
    (0..rows).map(row).collect()
}

fn write_run(runs: &Path, task: &str, story: Story, seed: u64, rows: &[MetricsRow]) -> PathBuf {
    let folder = runs.join(format!("{task}_{}_s{seed}", story.reward));
    let terms: Vec<&str> = story.terms.iter().map(|term| term.0).collect();
    let facts = [
        ("reward", story.reward.to_owned()),
        ("farmable", story.farmable.to_string()),
        ("terms", terms.join(",")),
    ];
    let facts = facts.map(|(key, value)| (key.to_owned(), value)).into();
    let meta = RunMeta { task: task.into(), algo: "ppo".into(), seed, facts, ..Default::default() };
    let config =
        format!("Scene(\n    task: \"{task}\",\n    reward: \"{}\", // a < b & c\n)\n", story.reward);
    let run = RunFolder::create(&folder, &RunStart { config, meta, ..Default::default() }).unwrap();
    let mut writer = MetricsWriter::open(&DiskStorage, &run.paths().metrics()).unwrap();
    for row in rows {
        writer.append(row).unwrap();
    }
    writer.flush().unwrap();
    folder
}

/// Three tasks, four rewards, three seeds.
fn study(runs: &Path, rows: u64) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for task in ["CartPole-v1", "GridKeyDoor-v0", "HandPick-v0"] {
        for story in [SPARSE, SHAPED, NAIVE, MIXED] {
            for seed in 0..3 {
                // In one task, one seed of the farmable reward finds the task after all.
                let lucky = task == "GridKeyDoor-v0" && story.reward == "naive" && seed == 2;
                let story = if lucky { Story { scores: (0.2, 0.9), ..story } } else { story };
                folders.push(write_run(runs, task, story, seed, &metrics(story, seed, rows)));
            }
        }
    }
    folders
}

fn report_on(folders: &[PathBuf], title: &str) -> (Summary, String) {
    let runs = read_runs(folders).unwrap();
    let summary = summarise(&runs);
    let html = render_html(&runs, &summary, &[], title).unwrap();
    (summary, html)
}

#[test]
fn a_study_is_told_apart() {
    let runs = TempDir::new().unwrap();
    let (summary, html) = report_on(&study(runs.path(), 300), "A <study>");
    let verdicts: Vec<Vec<String>> = summary
        .tasks
        .iter()
        .map(|task| task.rewards.iter().map(|reward| reward.verdict.words()).collect())
        .collect();
    // A known task's rewards stand in its own order, those of others by name.
    assert_eq!(verdicts[0], ["failed", "learned", "fooled", "partly learned"]);
    assert_eq!(verdicts[1], ["partly learned", "fooled in 2 of 3", "learned", "failed"]);

    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert!(html.contains("A &lt;study&gt;") && html.contains("a &lt; b &amp; c"));
    assert!(html.contains("3 rewards fooled the agent"));
    // Nothing is loaded: the only address is the name space of the pictures.
    assert_eq!(html.matches("http").count(), html.matches("http://www.w3.org/2000/svg").count());
    assert!(!html.contains("<script") && !html.contains("<link"));
    // Two joint panels per task; return, score and terms per reward.
    assert_eq!(html.matches("<svg").count(), 3 * (2 + 4 * 3));
}

#[test]
fn the_text_table_is_aligned() {
    let runs = TempDir::new().unwrap();
    let runs = read_runs(&study(runs.path(), 40)).unwrap();
    let table = text_table(&summarise(&runs));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 13);
    let verdict_at = lines[0].find("verdict").unwrap();
    assert!(lines[0].starts_with("task"));
    for line in &lines[1..] {
        let before: String = line.chars().take(verdict_at).collect();
        assert!(before.ends_with("  "), "{line:?}");
    }
}

#[test]
fn runs_without_a_finished_episode_are_shown_as_such() {
    let runs = TempDir::new().unwrap();
    let values = [("train/approx_kl".to_owned(), 0.01), ("rollout/ep_rew_mean".to_owned(), f64::NAN)];
    let row = MetricsRow { env_steps: 512, update: 0, values: values.into() };
    let folders = [
        write_run(runs.path(), "HandPick-v0", SHAPED, 0, &[row]),
        write_run(runs.path(), "HandPick-v0", SHAPED, 1, &[]),
    ];
    let (summary, html) = report_on(&folders, "Nothing yet");
    let reward = &summary.tasks[0].rewards[0];
    assert_eq!((reward.verdict, reward.final_return), (Verdict::NoEpisode, None));
    assert!(html.contains("no episode finished"));
    assert!(text_table(&summary).contains("no episode finished"));
}

#[test]
fn no_runs_give_a_page_too() {
    let (summary, html) = report_on(&[], "Empty");
    assert_eq!(summary, Summary::default());
    assert!(html.contains("There are no runs to show"));
}

#[test]
fn a_folder_named_twice_counts_once() {
    let runs = TempDir::new().unwrap();
    let folder = write_run(runs.path(), "CartPole-v1", SHAPED, 0, &metrics(SHAPED, 0, 10));
    assert_eq!(read_runs(&[folder.clone(), folder]).unwrap().len(), 1);
}

#[test]
fn the_summary_reads_as_json() {
    let runs = TempDir::new().unwrap();
    let folders = [
        write_run(runs.path(), "CartPole-v1", NAIVE, 0, &metrics(NAIVE, 0, 50)),
        write_run(runs.path(), "CartPole-v1", NAIVE, 1, &metrics(SHAPED, 1, 50)),
    ];
    let (summary, _) = report_on(&folders, "JSON");
    let json = serde_json::to_value(&summary).unwrap();
    let reward = &json["tasks"][0]["rewards"][0];
    assert_eq!(reward["verdict"], serde_json::json!({ "kind": "sometimes", "fooled": 1, "seeds": 2 }));
    assert_eq!(reward["seeds"][0]["verdict"], "fooled");
    assert_eq!(reward["seeds"][0]["env_steps"], 50 * 8_192);
    assert_eq!(reward["seeds"][0]["episodes"], 600);
    assert!(reward["farmable"].as_bool().unwrap());
}

#[test]
fn errors_name_the_file() {
    let runs = TempDir::new().unwrap();
    let missing = runs.path().join("nowhere");
    let error = read_runs(&[missing]).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");

    let folder = write_run(runs.path(), "CartPole-v1", SHAPED, 0, &[]);
    fs::write(folder.join("metrics.jsonl"), "{\"update\": 1}\n").unwrap();
    let error = read_runs(std::slice::from_ref(&folder)).unwrap_err();
    assert!(error.to_string().contains("metrics.jsonl"), "{error}");

    fs::remove_file(folder.join("config.ron")).unwrap();
    let error = read_runs(&[folder]).unwrap_err();
    assert!(error.to_string().contains("config.ron"), "{error}");
}
