//! `carrot bench`: speed, alone or beside peers.

mod learn;
mod pictures;
mod rewards;
mod step;

use std::path::{Path, PathBuf};

use carrot_lab::LabError;
use carrot_lab::bench::peers::Peers;
use carrot_lab::bench::table::Table;
use carrot_lab::bench::turns::Plan;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::failure::Failure;
use crate::lookup;
use crate::output::{Output, table};

/// Measure speed, alone or beside peers.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Env steps per second with random actions; autoreset, observations, ledger and finalise are all in
    ///
    /// Cases with one shard are measured on one core, in turn with the peers of the task. Without --task every
    /// task is measured, without --reward under no reward and under four terms over its signals.
    #[command(after_help = "Examples:\n  carrot bench step --peers benches/peers --markdown step.md\n  \
        carrot bench step --task CartPole-v1 --num-envs 4096 --reward four-terms --secs 2")]
    Step(step::Step),
    /// Time until an agent is as good as asked, for PPO with settings that are kept for it
    ///
    /// The time of evaluations is told but does not count. Each seed is trained in turn with the peers.
    #[command(after_help = "Examples:\n  carrot bench learn --task CartPole-v1\n  \
        carrot bench learn --peers benches/peers --markdown learn.md")]
    Learn(learn::Learn),
    /// Pictures per second, from drawings in memory to bytes in memory
    ///
    /// Everything is measured on one core, in turn with the peers of the task. A software renderer keeps to one thread
    /// with LP_NUM_THREADS=1.
    #[command(after_help = "Examples:\n  LP_NUM_THREADS=1 carrot bench pictures --peers benches/peers\n  \
        carrot bench pictures --task Reach --size 128")]
    Pictures(pictures::Pictures),
    /// What rewards that are learned are worth, the truth beside the return
    #[command(subcommand)]
    Rewards(rewards::Rewards),
}

impl Bench {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Step(step) => step.run(output),
            Self::Learn(learn) => learn.run(output),
            Self::Pictures(pictures) => pictures.run(output),
            Self::Rewards(rewards) => rewards.run(output),
        }
    }
}

/// How often and how long.
#[derive(Args)]
struct Turns {
    /// Turns, of which the median is told; 5
    #[arg(long, value_name = "N", default_value_t = 5, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=1000))]
    turns: u32,
    /// Seconds of each party in a turn; 1
    #[arg(long, default_value_t = 1.0, hide_default_value = true, value_parser = parse_secs)]
    secs: f64,
}

impl Turns {
    fn plan(&self) -> Plan {
        Plan { turns: self.turns as usize, window_secs: self.secs }
    }
}

fn parse_secs(text: &str) -> Result<f64, String> {
    let secs = text.parse::<f64>().ok().filter(|secs| (0.01..=600.0).contains(secs));
    secs.ok_or_else(|| "expected seconds from 0.01 to 600".into())
}

/// Beside whom, and where the answer goes.
#[derive(Args)]
struct Company {
    /// Folder with peers, such as benches/peers; its bootstrap.py installs them
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// Also write the table as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Company {
    fn peers(&self) -> Result<Option<Peers>, LabError> {
        self.peers.as_deref().map(Peers::open).transpose()
    }

    fn answer(&self, output: &Output, document: &impl Serialize, found: &Table) -> Result<(), Failure> {
        answer(output, document, found, self.markdown.as_deref())
    }
}

/// Gives a table as the answer, and writes it down where asked to.
fn answer(
    output: &Output,
    document: &impl Serialize,
    found: &Table,
    markdown: Option<&Path>,
) -> Result<(), Failure> {
    if let Some(path) = markdown {
        write(path, &format!("`{}`\n\n{}", lookup::command_line(), found.markdown()))?;
    }
    output.answer(document, || {
        let headings: Vec<&str> = found.headings.iter().map(String::as_str).collect();
        table(&headings, &found.rows)
    })
}

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    std::fs::write(path, text).map_err(|error| LabError::File {
        what: "cannot write the answer",
        why: error.to_string(),
        path: path.to_path_buf(),
    })
}
