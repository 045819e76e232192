//! The figures of a report: one line per reward, with its seeds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    RunCurves, SeedVerdict, Verdict,
    fooled::{Ends, judge_group, judge_seed},
};

pub(super) const RETURN: &str = "rollout/ep_rew_mean";
pub(super) const SCORE: &str = "rollout/score_mean";
pub(super) const SUCCESS: &str = "rollout/success_rate";
const EPISODES: &str = "rollout/episodes";

/// All tasks of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Sorted by task.
    pub tasks: Vec<TaskSummary>,
}

/// All rewards that were trained on one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskSummary {
    /// The task's id.
    pub task: String,
    /// In the task's order, then by name.
    pub rewards: Vec<RewardSummary>,
}

/// All seeds that were trained under one reward.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RewardSummary {
    /// The reward's name.
    pub reward: String,
    /// Whether the task itself declares that this reward can be farmed.
    pub farmable: bool,
    /// Return per episode under this reward, at the end of training.
    pub final_return: Option<Spread>,
    /// Score (truth), at the end of training.
    pub final_score: Option<Spread>,
    /// Share of successful episodes, at the end of training.
    pub final_success: Option<Spread>,
    /// What the seeds show together.
    pub verdict: Verdict,
    /// Sorted by seed.
    pub seeds: Vec<SeedSummary>,
}

/// One run. Starts and ends are means over the first and the last tenth of its rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedSummary {
    /// The run's seed.
    pub seed: u64,
    /// Name of the run folder.
    pub run: String,
    /// Environment steps taken.
    pub env_steps: u64,
    /// Episodes that ended.
    pub episodes: u64,
    /// Seconds spent in updates, if the run measured its speed.
    pub wall_secs: Option<f64>,
    /// Return per episode at the start.
    pub return_start: Option<f64>,
    /// Return per episode at the end.
    pub return_end: Option<f64>,
    /// Score at the start.
    pub score_start: Option<f64>,
    /// Score at the end.
    pub score_end: Option<f64>,
    /// Success rate at the end.
    pub success_end: Option<f64>,
    /// The last evaluation.
    pub eval: Evaluation,
    /// What this seed shows.
    pub verdict: SeedVerdict,
}

/// The last evaluation of a run, as far as there was one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Mean return per episode.
    pub mean_reward: Option<f64>,
    /// Mean score.
    pub mean_score: Option<f64>,
    /// Share of successful episodes.
    pub success_rate: Option<f64>,
}

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Sample standard deviation, for two seeds and more.
    pub sd: Option<f64>,
}

impl Spread {
    /// None of nothing.
    pub(super) fn over(values: impl IntoIterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().flatten().collect();
        let count = values.len() as f64;
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, sd: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()) })
    }
}

/// Groups runs by task and reward and judges each group.
pub fn summarise(runs: &[RunCurves]) -> Summary {
    let mut tasks = BTreeMap::<&str, Vec<RewardSummary>>::new();
    for ((task, reward), runs) in groups(runs) {
        tasks.entry(task).or_default().push(summarise_reward(reward, &runs));
    }
    let tasks = tasks.into_iter().map(|(task, mut rewards)| {
        rewards.sort_by_key(|reward| place(task, &reward.reward));
        TaskSummary { task: task.to_owned(), rewards }
    });
    Summary { tasks: tasks.collect() }
}

/// Runs by task and reward, sorted by seed.
pub(super) fn groups(runs: &[RunCurves]) -> BTreeMap<(&str, &str), Vec<&RunCurves>> {
    let mut groups = BTreeMap::<_, Vec<&RunCurves>>::new();
    for run in runs {
        groups.entry((run.meta.task.as_str(), run.reward())).or_default().push(run);
    }
    for runs in groups.values_mut() {
        runs.sort_by_key(|run| run.meta.seed);
    }
    groups
}

/// Place of a reward among those that its task ships with; others come behind them.
fn place(task: &str, reward: &str) -> usize {
    let shipped = carrot_tasks::build_task(task).map(|task| task.spec().rewards.clone()).unwrap_or_default();
    shipped.iter().position(|known| known.name == reward).unwrap_or(shipped.len())
}

fn summarise_reward(reward: &str, runs: &[&RunCurves]) -> RewardSummary {
    let seeds: Vec<SeedSummary> = runs.iter().map(|run| summarise_seed(run)).collect();
    let verdicts: Vec<_> = seeds.iter().map(|seed| (seed.verdict, seed.score_end)).collect();
    RewardSummary {
        reward: reward.to_owned(),
        farmable: runs.iter().any(|run| run.is_farmable()),
        final_return: Spread::over(seeds.iter().map(|seed| seed.return_end)),
        final_score: Spread::over(seeds.iter().map(|seed| seed.score_end)),
        final_success: Spread::over(seeds.iter().map(|seed| seed.success_end)),
        verdict: judge_group(&verdicts),
        seeds,
    }
}

fn summarise_seed(run: &RunCurves) -> SeedSummary {
    let [returns, scores, successes] = [RETURN, SCORE, SUCCESS].map(|tag| run.curve(tag).values);
    let (return_ends, score_ends) = (Ends::of(&returns), Ends::of(&scores));
    SeedSummary {
        seed: run.meta.seed,
        run: run.folder.file_name().unwrap_or(run.folder.as_os_str()).to_string_lossy().into_owned(),
        env_steps: run.env_steps(),
        episodes: run.curve(EPISODES).values.iter().sum::<f64>() as u64,
        wall_secs: run.wall_secs(),
        return_start: return_ends.map(|ends| ends.start),
        return_end: return_ends.map(|ends| ends.end),
        score_start: score_ends.map(|ends| ends.start),
        score_end: score_ends.map(|ends| ends.end),
        success_end: Ends::of(&successes).map(|ends| ends.end),
        eval: Evaluation {
            mean_reward: run.last("eval/mean_reward"),
            mean_score: run.last("eval/mean_score"),
            success_rate: run.last("eval/success_rate"),
        },
        verdict: judge_seed(&returns, &scores),
    }
}

/// The summary as an aligned table for a terminal, one line per reward.
pub fn text_table(summary: &Summary) -> String {
    let mut lines =
        vec![["task", "reward", "seeds", "return", "score", "success", "verdict"].map(str::to_owned)];
    for task in &summary.tasks {
        for reward in &task.rewards {
            lines.push([
                task.task.clone(),
                reward.reward.clone(),
                reward.seeds.len().to_string(),
                spread_text(reward.final_return, sized_text),
                spread_text(reward.final_score, sized_share_text),
                spread_text(reward.final_success, sized_share_text),
                reward.verdict.words(),
            ]);
        }
    }
    let widths: [usize; 7] = std::array::from_fn(|column| {
        lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0)
    });
    let mut table = String::new();
    for cells in &lines {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                2..=5 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        table.push_str(padded.join("  ").trim_end());
        table.push('\n');
    }
    table
}

/// `12.3 ± 0.4`; a dash where there is nothing.
pub(super) fn spread_text(spread: Option<Spread>, text: fn(f64, f64) -> String) -> String {
    match spread {
        None => "-".into(),
        Some(Spread { mean, sd: None }) => text(mean, mean),
        Some(Spread { mean, sd: Some(sd) }) => {
            let size = mean.abs().max(sd);
            format!("{} ± {}", text(mean, size), text(sd, size))
        }
    }
}

/// A number with about three digits: `-0.012`, `3.21`, `482`, `51.2k`.
pub(super) fn number_text(value: f64) -> String {
    sized_text(value, value)
}

/// A number as fine as one of another size would be written, so that a mean and its deviation match.
pub(super) fn sized_text(value: f64, size: f64) -> String {
    let text = match size.abs() {
        0.0 => return "0".into(),
        size if !(0.0005..1e10).contains(&size) => return format!("{value:.1e}"),
        size if size < 0.9995 => format!("{value:.3}"),
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        size if size < 9_999.5 => format!("{value:.0}"),
        size if size < 99_950.0 => format!("{:.1}k", value / 1e3),
        size if size < 999_500.0 => format!("{:.0}k", value / 1e3),
        _ => format!("{:.2}M", value / 1e6),
    };
    // A minus sign that survived rounding to nothing says nothing.
    match text.strip_prefix('-') {
        Some(digits) if !digits.contains(|c: char| ('1'..='9').contains(&c)) => digits.to_owned(),
        _ => text,
    }
}

/// A share or score, with two decimals.
pub(super) fn share_text(value: f64) -> String {
    format!("{value:.2}")
}

/// [`share_text`] for [`spread_text`].
pub(super) fn sized_share_text(value: f64, _size: f64) -> String {
    share_text(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        let texts = [0.0, -0.0123, 3.2149, -12.34, 482.4, 51_234.0, 123_456.0, 2_500_000.0, 0.000_012]
            .map(number_text);
        assert_eq!(texts, ["0", "-0.012", "3.21", "-12.3", "482", "51.2k", "123k", "2.50M", "1.2e-5"]);
        assert_eq!(sized_text(-0.01, 50.0), "0.0");
    }

    #[test]
    fn a_spread_has_a_deviation_from_two_values_on() {
        assert_eq!(Spread::over([None]), None);
        assert_eq!(Spread::over([Some(2.0), None]), Some(Spread { mean: 2.0, sd: None }));
        let spread = Spread::over([Some(1.0), Some(3.0)]);
        assert_eq!(spread, Some(Spread { mean: 2.0, sd: Some(2.0_f64.sqrt()) }));
        assert_eq!(spread_text(spread, sized_text), "2.00 ± 1.41");
        assert_eq!(spread_text(Some(Spread { mean: 180.4, sd: Some(0.888) }), sized_text), "180 ± 1");
        assert_eq!(spread_text(None, sized_text), "-");
    }
}
