//! `carrot audit`: what rewards pay the expert, the exploits and chance, before anything is trained.

use std::path::Path;

use carrot_lab::audit::{Audit as Found, audit, shipped_rewards};
use carrot_lab::fit::load_models;
use carrot_lab::{ModelFiles, Setup, Source};
use clap::Args;

use crate::failure::Failure;
use crate::lookup;
use crate::output::{Output, table};

/// Play the scripts of a task (the expert, the exploits) and random actions under its rewards, and say which reward
/// pays a failure more than the expert. A scene is audited under its own reward and shadows.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carrot audit\n  carrot audit Reach MountainCar-v0\n  carrot audit scenes/reach.ron"
)]
pub(crate) struct Audit {
    /// Tasks or scene files; all tasks without one
    #[arg(value_name = "TASK|SCENE")]
    what: Vec<String>,
    /// Episodes of each behaviour
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    episodes: u32,
    /// Seed of the episodes
    #[arg(long, value_name = "N", default_value_t = 1000)]
    seed: u64,
}

impl Audit {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let all: Vec<String> = carrot_tasks::task_names().into_iter().map(String::from).collect();
        let what = if self.what.is_empty() { &all } else { &self.what };
        // Every name is looked up before the first episode is played.
        let setups = what.iter().map(|name| setup(name)).collect::<Result<Vec<_>, _>>()?;
        let mut found = Vec::with_capacity(setups.len());
        for setup in &setups {
            output.note(&format!("auditing {}", setup.task.spec().name));
            let mut models = load_models(setup)?;
            found.push(audit(setup, &mut models, self.episodes as usize, self.seed)?);
        }
        output.answer(&found, || found.iter().map(page).collect::<Vec<_>>().join("\n\n"))
    }
}

fn setup(name: &str) -> Result<Setup, Failure> {
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "ron") {
        return Ok(Setup::read::<&str>(&Source::read(path)?, &[], ModelFiles::new())?);
    }
    lookup::task(name)?;
    Ok(shipped_rewards(name)?)
}

fn page(found: &Found) -> String {
    let mut headings = vec!["behaviour", "success", "score", "steps"];
    headings.extend(found.rewards.iter().map(|reward| reward.name.as_str()));
    let rows = found.behaviours.iter().map(|b| {
        let mut row = vec![
            format!("  {}", b.name),
            format!("{:.2}", b.success_rate),
            format!("{:.2}", b.mean_score),
            format!("{:.0}", b.mean_length),
        ];
        row.extend(b.discounted_returns.iter().zip(&found.rewards).map(|(value, reward)| {
            let farmed = if reward.farmed_by.contains(&b.name) { " !" } else { "" };
            format!("{}{farmed}", short(*value))
        }));
        row
    });
    let mut lines = vec![
        format!(
            "{}: return of {} episodes under each reward, discounted by {}",
            found.task, found.episodes, found.gamma
        ),
        table(&headings, &rows.collect::<Vec<_>>()),
    ];
    for reward in found.rewards.iter().filter(|reward| !reward.farmed_by.is_empty()) {
        lines.push(format!("  ! {} pays {} more than the expert", reward.name, reward.farmed_by.join(", ")));
    }
    lines.join("\n")
}

/// Four digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
