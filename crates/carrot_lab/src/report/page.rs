//! The page: figures, pictures and configurations in one file that needs neither network nor scripts.

use std::collections::BTreeMap;

use minijinja::{Environment, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use super::{
    ReportError, RewardSummary, RunCurves, SeedSummary, SeedVerdict, Spread, Summary, TaskSummary, Verdict,
    fooled::Ends,
    plots::{COLOURS, Colour},
    reward_plots::{Group, TermsPlot, joint_plot, max_step, return_plot, score_plot, terms_plot},
    summary::{SCORE, SUCCESS, groups, number_text, share_text, sized_share_text, sized_text, spread_text},
    words::Words,
    words_page,
};

/// The name ends in `.html`: this is what makes minijinja escape.
const TEMPLATE: &str = "report.html";

#[derive(Serialize)]
struct PageView<'a> {
    title: &'a str,
    style: &'static str,
    runs: usize,
    rewards: usize,
    fooled: usize,
    low_score: f64,
    good_score: f64,
    tasks: Vec<TaskView<'a>>,
}

#[derive(Serialize)]
struct TaskView<'a> {
    name: &'a str,
    score_svg: String,
    success_svg: String,
    rewards: Vec<RewardView<'a>>,
    words: String,
}

#[derive(Serialize)]
struct RewardView<'a> {
    name: &'a str,
    colour: usize,
    farmable: bool,
    verdict: VerdictView,
    sentence: &'static str,
    final_return: String,
    final_score: String,
    final_success: String,
    return_change: Option<String>,
    score_change: Option<String>,
    return_svg: String,
    score_svg: String,
    terms: Option<TermsView>,
    shadows: Vec<ShadowView>,
    seeds: Vec<SeedView<'a>>,
    configs: Vec<ConfigView<'a>>,
}

#[derive(Serialize)]
struct VerdictView {
    class: &'static str,
    words: String,
}

#[derive(Serialize)]
struct TermsView {
    svg: String,
    stacked: bool,
    lines: Vec<TermView>,
}

#[derive(Serialize)]
struct TermView {
    name: String,
    colour: usize,
}

#[derive(Serialize)]
struct ShadowView {
    name: String,
    start: String,
    end: String,
}

#[derive(Serialize)]
struct SeedView<'a> {
    seed: u64,
    run: &'a str,
    steps: String,
    episodes: u64,
    wall: String,
    ends: [String; 2],
    eval: [String; 3],
    verdict: VerdictView,
}

#[derive(Serialize)]
struct ConfigView<'a> {
    seeds: String,
    text: &'a str,
}

/// Renders the report: one HTML page without references to anything outside of it.
///
/// `summary` is that of the same `runs`, and `words` is what they ask about pictures; the page is the same, byte for
/// byte, for the same of all and the same title.
///
/// # Errors
/// [`ReportError::Plot`], [`ReportError::Page`].
pub fn render_html(
    runs: &[RunCurves],
    summary: &Summary,
    words: &[Words],
    title: &str,
) -> Result<String, ReportError> {
    let groups = groups(runs);
    let tasks: Result<Vec<_>, _> = summary.tasks.iter().map(|task| task_view(task, &groups, words)).collect();
    let rewards = || summary.tasks.iter().flat_map(|task| &task.rewards);
    let is_fooled =
        |reward: &&RewardSummary| matches!(reward.verdict, Verdict::Fooled | Verdict::Sometimes { .. });
    let page = PageView {
        title,
        style: include_str!("style.css"),
        runs: runs.len(),
        rewards: rewards().count(),
        fooled: rewards().filter(is_fooled).count(),
        low_score: super::LOW_SCORE,
        good_score: super::GOOD_SCORE,
        tasks: tasks?,
    };
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template(TEMPLATE, include_str!("template.html"))?;
    Ok(environment.get_template(TEMPLATE)?.render(Serde(page))?)
}

type Groups<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a RunCurves>>;

fn task_view<'a>(
    task: &'a TaskSummary,
    groups: &'a Groups<'a>,
    words: &[Words],
) -> Result<TaskView<'a>, ReportError> {
    let group = |(index, reward): (usize, &'a RewardSummary)| {
        let runs = groups.get(&(task.task.as_str(), reward.reward.as_str()));
        Group { runs: runs.map_or(&[], Vec::as_slice), colour: Colour::Series(index) }
    };
    let drawn: Vec<Group<'_>> = task.rewards.iter().enumerate().map(group).collect();
    let max_step = max_step(drawn.iter().flat_map(|group| group.runs.iter().copied()));
    let rewards: Result<Vec<_>, _> =
        task.rewards.iter().zip(&drawn).map(|(reward, group)| reward_view(reward, group, max_step)).collect();
    Ok(TaskView {
        name: &task.task,
        score_svg: joint_plot(&drawn, SCORE, "score (truth)", max_step)?,
        success_svg: joint_plot(&drawn, SUCCESS, "success rate", max_step)?,
        rewards: rewards?,
        words: words_page::part(words.iter().filter(|words| words.task == task.task))?,
    })
}

fn reward_view<'a>(
    reward: &'a RewardSummary,
    group: &Group<'a>,
    max_step: f64,
) -> Result<RewardView<'a>, ReportError> {
    let seeds = &reward.seeds;
    Ok(RewardView {
        name: &reward.reward,
        colour: colour_index(group.colour),
        farmable: reward.farmable,
        verdict: VerdictView { class: class(reward.verdict), words: reward.verdict.words() },
        sentence: sentence(reward.verdict),
        final_return: spread_text(reward.final_return, sized_text),
        final_score: spread_text(reward.final_score, sized_share_text),
        final_success: spread_text(reward.final_success, sized_share_text),
        return_change: change(seeds, |seed| [seed.return_start, seed.return_end], number_text),
        score_change: change(seeds, |seed| [seed.score_start, seed.score_end], share_text),
        return_svg: return_plot(group, max_step)?,
        score_svg: score_plot(group, max_step)?,
        terms: terms_plot(group.runs, max_step)?.map(terms_view),
        shadows: shadows(group.runs),
        seeds: seeds.iter().map(seed_view).collect(),
        configs: configs(group.runs),
    })
}

/// `12.0 to 340`: means over seeds.
fn change(
    seeds: &[SeedSummary],
    ends: fn(&SeedSummary) -> [Option<f64>; 2],
    text: fn(f64) -> String,
) -> Option<String> {
    let mean = |end: usize| Spread::over(seeds.iter().map(|seed| ends(seed)[end])).map(|spread| spread.mean);
    Some(format!("{} → {}", text(mean(0)?), text(mean(1)?)))
}

fn terms_view(plot: TermsPlot) -> TermsView {
    let lines = plot.lines.into_iter();
    let lines = lines.map(|line| TermView { name: line.name, colour: colour_index(line.colour) }).collect();
    TermsView { svg: plot.svg, stacked: plot.stacked, lines }
}

/// What the reward graphs that only watched would have paid.
fn shadows(runs: &[&RunCurves]) -> Vec<ShadowView> {
    let mut names: Vec<String> = runs.iter().flat_map(|run| run.shadows()).collect();
    names.sort();
    names.dedup();
    let view = |name: String| {
        let ends: Vec<Option<Ends>> = runs
            .iter()
            .map(|run| Ends::of(&run.curve(&format!("shadow/{name}/ep_rew_mean")).values))
            .collect();
        let start = Spread::over(ends.iter().map(|ends| ends.map(|ends| ends.start)));
        let end = Spread::over(ends.iter().map(|ends| ends.map(|ends| ends.end)));
        ShadowView { name, start: spread_text(start, sized_text), end: spread_text(end, sized_text) }
    };
    names.into_iter().map(view).collect()
}

fn seed_view(seed: &SeedSummary) -> SeedView<'_> {
    let cell = |value: Option<f64>, text: fn(f64) -> String| value.map_or("-".into(), text);
    let class = match seed.verdict {
        SeedVerdict::Fooled => "fooled",
        SeedVerdict::Learned => "learned",
        SeedVerdict::Partly => "partly",
        SeedVerdict::Failed => "failed",
        SeedVerdict::TooShort | SeedVerdict::NoEpisode => "open",
    };
    SeedView {
        seed: seed.seed,
        run: &seed.run,
        steps: number_text(seed.env_steps as f64),
        episodes: seed.episodes,
        wall: cell(seed.wall_secs, |secs| format!("{secs:.0}")),
        ends: [cell(seed.return_end, number_text), cell(seed.score_end, share_text)],
        eval: [
            cell(seed.eval.mean_reward, number_text),
            cell(seed.eval.mean_score, share_text),
            cell(seed.eval.success_rate, share_text),
        ],
        verdict: VerdictView { class, words: seed.verdict.words().into() },
    }
}

/// Each different configuration once, with its seeds.
fn configs<'a>(runs: &[&'a RunCurves]) -> Vec<ConfigView<'a>> {
    let mut configs: Vec<ConfigView<'a>> = Vec::new();
    for run in runs {
        let seed = run.meta.seed.to_string();
        match configs.iter_mut().find(|config| config.text == run.config) {
            Some(config) => config.seeds = format!("{}, {seed}", config.seeds),
            None => configs.push(ConfigView { seeds: seed, text: &run.config }),
        }
    }
    configs
}

fn colour_index(colour: Colour) -> usize {
    match colour {
        Colour::Series(index) => index % COLOURS,
        Colour::Ink => 0,
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fooled => "fooled",
        Verdict::Sometimes { .. } => "sometimes",
        Verdict::Learned => "learned",
        Verdict::Partly => "partly",
        Verdict::Failed => "failed",
        Verdict::TooShort | Verdict::NoEpisode => "open",
    }
}

fn sentence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fooled => {
            "In every seed the return rises while the score falls or stays low: this reward pays for something \
             other than the task."
        }
        Verdict::Sometimes { .. } => {
            "In some seeds the return rises while the score falls or stays low: this reward can be earned without \
             the task."
        }
        Verdict::Learned => "The score ends high: earning this reward means doing the task.",
        Verdict::Partly => "No seed was fooled, but the task is not learned to the end.",
        Verdict::Failed => "The return does not rise and the score ends low: nothing was learned.",
        Verdict::TooShort => "Fewer than five updates saw an episode end: too short to judge.",
        Verdict::NoEpisode => "No episode finished: there is no return and no score to show.",
    }
}
