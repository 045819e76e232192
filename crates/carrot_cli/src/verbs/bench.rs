//! `carrot bench`: how fast a batch steps.

use carrot_lab::bench::{FOUR_TERMS, StepBench, StepRate, run_step_bench};
use carrot_sim::TaskSpec;
use clap::{Args, Subcommand};
use indicatif::HumanCount;

use crate::failure::Failure;
use crate::lookup;
use crate::output::{Output, table};

const NONE: &str = "none";
const FOUR: &str = "four-terms";
const WINDOWS: usize = 5;

/// Measure speed.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Env steps per second with random actions; autoreset, observations, ledger and finalise are all in
    ///
    /// Without --task, --num-envs, --shards and --reward a table of standard cases is measured.
    #[command(after_help = "Examples:\n  carrot bench step\n  \
        carrot bench step --task CartPole-v1 --num-envs 4096 --reward four-terms --secs 2")]
    Step(Step),
}

/// What is measured.
#[derive(Args)]
pub(crate) struct Step {
    /// Task
    #[arg(long)]
    task: Option<String>,
    /// Envs in the batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    num_envs: Option<u32>,
    /// Worlds that share them, one thread each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    shards: Option<u32>,
    /// A reward of the task, none, or four-terms (CartPole-v1)
    #[arg(long, value_name = "NAME")]
    reward: Option<String>,
    /// Seconds per window; the median of five windows is told
    #[arg(long, default_value_t = 1.0, value_parser = parse_secs)]
    secs: f64,
}

/// Task, reward, envs and shards of the standard table.
const CASES: [(&str, &str, usize, usize); 8] = [
    ("CartPole-v1", NONE, 4096, 1),
    ("CartPole-v1", FOUR, 4096, 1),
    ("CartPole-v1", NONE, 4096, 2),
    ("CartPole-v1", FOUR, 4096, 2),
    ("MountainCar-v0", "shaped", 4096, 1),
    ("Empty-8x8", "sparse", 4096, 1),
    ("Reach", NONE, 64, 1),
    ("Reach", "shaped", 64, 1),
];

impl Bench {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let Self::Step(step) = self;
        let cases = step.cases()?;
        let mut rates = Vec::with_capacity(cases.len());
        for (index, (reward, case)) in cases.iter().enumerate() {
            let what =
                format!("{} under {reward}, {} envs, {} shards", case.task, case.num_envs, case.shards);
            output.note(&format!("[{}/{}] {what}", index + 1, cases.len()));
            rates.push((*reward, run_step_bench(case)?));
        }
        let document: Vec<&StepRate> = rates.iter().map(|(_, rate)| rate).collect();
        output.answer(&document, || {
            let row = |(reward, rate): &(&str, StepRate)| {
                let bench = &rate.bench;
                let count = |rate: f64| HumanCount(rate as u64).to_string();
                let batch = [bench.num_envs.to_string(), bench.shards.to_string()];
                let found = [count(rate.median), count(rate.min), count(rate.max)];
                [bench.task.clone(), reward.to_string()].into_iter().chain(batch).chain(found).collect()
            };
            let headings = ["task", "reward", "envs", "shards", "env steps/s", "slowest", "fastest"];
            table(&headings, &rates.iter().map(row).collect::<Vec<_>>())
        })
    }
}

impl Step {
    /// The cases to measure, with the name of each reward.
    fn cases(&self) -> Result<Vec<(&str, StepBench)>, Failure> {
        let standard =
            self.task.is_none() && self.num_envs.is_none() && self.shards.is_none() && self.reward.is_none();
        if standard {
            return Ok(CASES
                .map(|(task, reward, envs, shards)| self.case(task, reward, envs, shards))
                .into());
        }
        let task = lookup::task(self.task.as_deref().unwrap_or("CartPole-v1"))?;
        let reward = self.reward.as_deref().unwrap_or(NONE);
        let valid = reward_names(task.spec());
        if !valid.contains(&reward) {
            return Err(lookup::unknown("reward", reward, &valid).into());
        }
        let (envs, shards) = (self.num_envs.unwrap_or(4096) as usize, self.shards.unwrap_or(1) as usize);
        if shards > envs {
            let message = format!("{shards} shards cannot share {envs} envs");
            let help = "every shard holds at least one env";
            return Err(lookup::refused(&format!("--shards {shards}"), message, help).into());
        }
        Ok(vec![self.case(task.spec().name, reward, envs, shards)])
    }

    fn case<'r>(&self, task: &str, reward: &'r str, num_envs: usize, shards: usize) -> (&'r str, StepBench) {
        let text = match reward {
            NONE => None,
            FOUR => Some(FOUR_TERMS.to_string()),
            name => Some(name.to_string()),
        };
        let task = task.to_string();
        (reward, StepBench { task, reward: text, num_envs, shards, window_secs: self.secs, windows: WINDOWS })
    }
}

/// Rewards that can be measured; the four terms speak of CartPole's signals.
fn reward_names(spec: &TaskSpec) -> Vec<&str> {
    let four = (spec.name == "CartPole-v1").then_some(FOUR);
    [NONE].into_iter().chain(four).chain(spec.rewards.iter().map(|reward| reward.name)).collect()
}

fn parse_secs(text: &str) -> Result<f64, String> {
    let secs = text.parse::<f64>().ok().filter(|secs| (0.01..=600.0).contains(secs));
    secs.ok_or_else(|| "expected seconds from 0.01 to 600".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_cases_name_what_exists() {
        for (task, reward, _, _) in CASES {
            let task = carrot_tasks::build_task(task).expect(task);
            assert!(reward_names(task.spec()).contains(&reward), "{} {reward}", task.spec().name);
        }
    }
}
