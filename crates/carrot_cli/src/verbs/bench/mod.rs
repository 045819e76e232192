//! `carrot bench`: speed, alone or beside peers.

mod learn;
mod rewards;
mod step;

use std::path::{Path, PathBuf};

use carrot_lab::LabError;
use carrot_lab::bench::peers::Peers;
use carrot_lab::bench::table::Table;
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
    /// What rewards that are learned are worth, the truth beside the return
    #[command(subcommand)]
    Rewards(rewards::Rewards),
}

impl Bench {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Step(step) => step.run(output),
            Self::Learn(learn) => learn.run(output),
            Self::Rewards(rewards) => rewards.run(output),
        }
    }
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
        what: "cannot write the table",
        why: error.to_string(),
        path: path.to_path_buf(),
    })
}
