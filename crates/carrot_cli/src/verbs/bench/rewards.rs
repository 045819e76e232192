//! `carrot bench rewards`: what learned rewards learn.

use carrot_lab::LabError;
use carrot_lab::bench::rewards::gold::{self, Variant};
use carrot_lab::bench::rewards::novelty::NoveltyCase;
use carrot_lab::bench::rewards::preferences::{CASES, PreferenceCase, PreferenceTask};
use carrot_lab::bench::rewards::{
    imitation, noise, novelty, over_optimisation, preferences, regret, self_play,
};
use clap::{Args, Subcommand};

use super::{answer, write};
use crate::failure::Failure;
use crate::lookup;
use crate::output::Output;

/// Which question.
#[derive(Subcommand)]
pub(crate) enum Rewards {
    /// Two hundred simulated labels in place of the reward: the order of held-out episodes, and the agent's truth
    Preferences(Preferences),
    /// A quarter of the labels is wrong: one network beside ensembles, gold beside proxy
    Noise(Curves),
    /// A reward from a few labels, optimised for long: gold against proxy, and where they part
    OverOptimisation(Curves),
    /// Preferences that go round in a circle: self-play beside a Bradley-Terry reward
    SelfPlay(SelfPlay),
    /// Ten expert episodes in place of the reward, with the penalty on the slope and without
    Imitation(Preferences),
    /// DoorKey-16x16 without a bonus, with an episodic one, a global one, and their product
    Novelty(Novelty),
    /// MultiRoom-N4 with the same bonuses, with layouts that episodes share and with one for each
    Crossing(Novelty),
    /// Partial return against regret on random grids with exact optima
    Regret(Regret),
}

/// Seeds and scenes of trainings, and where the table goes.
#[derive(Args)]
pub(crate) struct Trainings {
    /// Trainings of each kind
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Also write the table as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<std::path::PathBuf>,
    /// Changes to the scenes by path: learner.total_steps=2_000_000
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Which tasks.
#[derive(Args)]
pub(crate) struct Preferences {
    /// Task; may be given several times
    #[arg(long)]
    task: Vec<String>,
    #[command(flatten)]
    trainings: Trainings,
}

/// Which tasks, and where the curves go.
#[derive(Args)]
pub(crate) struct Curves {
    /// Write a page with gold and proxy of every training
    #[arg(long, value_name = "FILE")]
    plot: Option<std::path::PathBuf>,
    #[command(flatten)]
    tasks: Preferences,
}

/// Which bonuses.
#[derive(Args)]
pub(crate) struct Novelty {
    /// Bonus; may be given several times: none, episodic, global, product
    #[arg(long)]
    bonus: Vec<String>,
    #[command(flatten)]
    trainings: Trainings,
}

/// How many seeds.
#[derive(Args)]
pub(crate) struct SelfPlay {
    /// Seeds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Also write the table as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<std::path::PathBuf>,
}

/// How many grids.
#[derive(Args)]
pub(crate) struct Regret {
    /// Random grids
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    grids: u32,
    /// Answers per grid
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pairs: u32,
    /// Seed of grids and pairs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also write the table as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<std::path::PathBuf>,
}

impl Rewards {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Preferences(own) => own.run(output),
            Self::Noise(own) => own.run("A quarter of the labels is wrong", noise::VARIANTS, output),
            Self::OverOptimisation(own) => {
                own.run("A learned reward, optimised for long", over_optimisation::VARIANTS, output)
            }
            Self::SelfPlay(own) => own.run(output),
            Self::Imitation(own) => own.run_imitation(output),
            Self::Novelty(own) => own.run(novelty::DOOR_KEY, output),
            Self::Crossing(own) => own.run(novelty::CROSSING, output),
            Self::Regret(own) => own.run(output),
        }
    }
}

impl Preferences {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let mut found = Vec::new();
        for case in self.cases()? {
            let mut seeds = Vec::new();
            for seed in 1..=self.trainings.seeds {
                let result = preferences::measure(case, &self.trainings.overrides, seed)?;
                let tau = result.tau.map_or_else(|| "none".into(), |tau| format!("{tau:.3}"));
                output.note(&format!(
                    "{}, seed {seed}: tau {tau}; score {:.3} from {} labels, {:.3} told the reward",
                    case.task, result.learned.mean_score, result.labels, result.told.mean_score
                ));
                seeds.push(result);
            }
            found.push(PreferenceTask { task: case.task.into(), seeds });
        }
        answer(output, &found, &preferences::table(&found), self.trainings.markdown.as_deref())
    }

    fn cases(&self) -> Result<Vec<&'static PreferenceCase>, Failure> {
        chosen("task", &self.task, CASES.iter(), |case| case.task)
    }

    fn run_imitation(&self, output: &Output) -> Result<(), Failure> {
        let mut found = Vec::new();
        for case in chosen("task", &self.task, imitation::cases(), |case| case.task)? {
            for variant in imitation::VARIANTS {
                for seed in 1..=self.trainings.seeds {
                    let result = imitation::measure(case, variant, &self.trainings.overrides, seed)?;
                    output.note(&format!(
                        "{}, seed {seed}, {}: score {:.3} of the expert's {:.3}, slope {:.2}",
                        case.task,
                        result.variant,
                        result.agent.mean_score,
                        result.expert.mean_score,
                        result.slope
                    ));
                    found.push(result);
                }
            }
        }
        answer(output, &found, &imitation::table(&found), self.trainings.markdown.as_deref())
    }
}

impl Curves {
    fn run(&self, title: &str, variants: &[Variant], output: &Output) -> Result<(), Failure> {
        let (tasks, trainings) = (self.tasks.cases()?, &self.tasks.trainings);
        let mut found = Vec::new();
        for case in tasks {
            for seed in 1..=trainings.seeds {
                let results = gold::measure(case, variants, &trainings.overrides, seed)?;
                for result in &results {
                    output.note(&format!(
                        "{}, seed {seed}, {}: score {:.3}, true return {:.3}, {}",
                        case.task,
                        result.variant,
                        result.agent.mean_score,
                        result.agent.mean_return,
                        result.parted.map_or_else(
                            || "gold and proxy stay together".to_string(),
                            |steps| format!("gold and proxy part at {steps} env steps")
                        )
                    ));
                }
                found.extend(results);
            }
        }
        if let Some(path) = &self.plot {
            write(path, &gold::page(title, &found).map_err(LabError::from)?)?;
        }
        answer(output, &found, &gold::table(variants, &found), trainings.markdown.as_deref())
    }
}

impl Novelty {
    fn run(&self, cases: &[NoveltyCase], output: &Output) -> Result<(), Failure> {
        let bonuses = chosen("bonus", &self.bonus, novelty::VARIANTS.into_iter(), |variant| variant.0)?;
        let mut found = Vec::new();
        for case in cases {
            for bonus in &bonuses {
                for seed in 1..=self.trainings.seeds {
                    let result = novelty::measure(case, *bonus, &self.trainings.overrides, seed)?;
                    output.note(&format!(
                        "layouts {}, {}, seed {seed}: success {:.2}, score {:.3} after {} env steps",
                        result.layouts,
                        result.variant,
                        result.agent.success_rate,
                        result.agent.mean_score,
                        result.env_steps
                    ));
                    found.push(result);
                }
            }
        }
        answer(output, &found, &novelty::table(&found), self.trainings.markdown.as_deref())
    }
}

impl SelfPlay {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let found: Vec<_> = (1..=self.seeds).map(self_play::measure).collect();
        answer(output, &found, &self_play::table(&found), self.markdown.as_deref())
    }
}

impl Regret {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let measure = |grid| regret::measure(grid, self.pairs as usize, self.seed);
        let found = (0..self.grids).map(measure).collect::<Result<Vec<_>, _>>().map_err(LabError::from)?;
        answer(output, &found, &regret::table(&found), self.markdown.as_deref())
    }
}

/// Those that are asked for by name, or all; an unknown name is refused.
fn chosen<T>(
    what: &str,
    asked: &[String],
    all: impl Iterator<Item = T>,
    name: impl Fn(&T) -> &'static str,
) -> Result<Vec<T>, Failure> {
    let all: Vec<T> = all.collect();
    let valid: Vec<&str> = all.iter().map(&name).collect();
    if let Some(unknown) = asked.iter().find(|asked| !valid.contains(&asked.as_str())) {
        return Err(lookup::unknown(what, unknown, &valid).into());
    }
    let wanted = |one: &T| asked.is_empty() || asked.iter().any(|asked| asked == name(one));
    Ok(all.into_iter().filter(wanted).collect())
}
