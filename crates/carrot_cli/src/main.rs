//! `carrot`: the headless commands of a laboratory for reward functions.
//!
//! A verb is one file in [`verbs`]; all that ends a verb early is a [`Failure`](failure::Failure), which alone
//! knows how errors are told and which exit codes they have.

mod bug;
mod failure;
mod interrupt;
mod lookup;
mod output;
mod progress;
mod training;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

use crate::output::Output;
use crate::verbs::Verb;

const AFTER_HELP: &str = "\
Example:
  carrot train scenes/mountain_car.ron reward=naive --seed 2

Exit codes:
  0 success                          4 faults beyond the limit, or a bug
  1 a check found something wrong    5 out of memory
  2 bad arguments or input           6 disk full or failing
  3 something is not available       8 the run folder is in use
  130, 143 interrupted or terminated, after a checkpoint";

/// A laboratory for reward functions: train agents, and see what a reward really asks for.
#[derive(Parser)]
#[command(name = "carrot", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Cli {
    /// Print one JSON document on stdout; progress and warnings go to stderr
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return failure::refuse_arguments(&refusal),
    };
    let output = Output::new(cli.json);
    match bug::contain(|| cli.verb.run(&output)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => failure.report(&output),
        Err(bug) => bug.report(&output),
    }
}
