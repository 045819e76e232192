//! `carrot resume`: a stopped or killed run goes on from its newest valid checkpoint.

use std::path::PathBuf;

use carrot_lab::Run;
use clap::Args;

use crate::failure::Failure;
use crate::output::Output;
use crate::training::train_to_the_end;

/// Go on with a run that was stopped or killed; on the CPU the result is that of an uninterrupted run, bit for bit.
#[derive(Args)]
#[command(after_help = "Example:\n  carrot resume runs/CartPole-v1/ppo/20260214_093000_s1")]
pub(crate) struct Resume {
    /// Run folder
    run: PathBuf,
    /// Updates between checkpoints; ten checkpoints in all without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

impl Resume {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        train_to_the_end(Run::resume(&self.run, self.checkpoint_every)?, self.quiet, output)
    }
}
