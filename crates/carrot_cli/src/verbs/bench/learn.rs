//! `carrot bench learn`: which tasks are learned, and how often.

use carrot_lab::bench::learn::{CASES, LearnCase, TaskTrainings, measure_task};
use carrot_lab::bench::table::Table;
use clap::Args;

use super::Company;
use crate::failure::Failure;
use crate::lookup;
use crate::output::Output;

/// What is learned.
#[derive(Args)]
pub(crate) struct Learn {
    /// Task; may be given several times
    #[arg(long)]
    task: Vec<String>,
    /// Trainings of each learner
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Seconds after which a training is cut off
    #[arg(long, value_name = "SECS", default_value_t = 1200.0, value_parser = parse_limit)]
    limit: f64,
    /// Changes to Carrot's own settings by path: learner.gamma=0.98
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    company: Company,
}

impl Learn {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let cases = self.cases()?;
        let peers = self.company.peers()?;
        let mut found: Vec<TaskTrainings> = Vec::with_capacity(cases.len());
        for case in cases {
            found.push(measure_task(
                case,
                &self.overrides,
                self.seeds,
                self.limit,
                peers.as_ref(),
                &mut |who, seed, came_to| {
                    let what = format!("{}, seed {seed}, {who}", case.task);
                    output.note(&match came_to {
                        None => what,
                        Some(training) => format!(
                            "{what}: {} after {:.2} s and {} env steps, {:.2} s of CPU time; return {:.3}",
                            if training.solved { "solved" } else { "not solved" },
                            training.wall_secs,
                            training.env_steps,
                            training.cpu_secs,
                            training.mean_return
                        ),
                    });
                },
            )?);
        }
        self.company.answer(output, &found, &Table::of_trainings(&found))
    }

    fn cases(&self) -> Result<Vec<&'static LearnCase>, Failure> {
        if self.task.is_empty() {
            return Ok(CASES.iter().collect());
        }
        let find = |name: &String| {
            let valid: Vec<&str> = CASES.iter().map(|case| case.task).collect();
            let found = CASES.iter().find(|case| case.task == name);
            found.ok_or_else(|| lookup::unknown("task", name, &valid).into())
        };
        self.task.iter().map(find).collect()
    }
}

fn parse_limit(text: &str) -> Result<f64, String> {
    let secs = text.parse::<f64>().ok().filter(|secs| (1.0..=86_400.0).contains(secs));
    secs.ok_or_else(|| "expected seconds from 1 to 86400".into())
}
