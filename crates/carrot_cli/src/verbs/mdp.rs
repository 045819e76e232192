//! `carrot mdp`: a task as an exact model, and the optimum of each of its rewards beside the truth.

use std::path::PathBuf;

use carrot_lab::mdp::{RewardOptimum, best_success, optimum};
use carrot_lab::{LabError, ModelFiles, Setup, Source};
use carrot_sim::{Mdp as Model, RowKey};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::lookup;
use crate::output::{Output, table};

/// Solve a task exactly: what the best policy of each reward earns, and how often it succeeds
///
/// Nothing is trained. The success of a reward's own best policy says whether the reward asks for the task.
#[derive(Args)]
#[command(after_help = "Examples:\n  carrot mdp FrozenLake-v1\n  \
    carrot mdp DoorKey-8x8 --reward naive --seed 3\n  \
    carrot mdp Taxi-v3 --reward mine.ron --export taxi.json")]
pub(crate) struct Mdp {
    /// Task
    task: String,
    /// A reward of the task, or a file with a list of terms; all of the task's rewards without it
    #[arg(long, value_name = "NAME|FILE")]
    reward: Option<String>,
    /// Discount
    #[arg(long, value_name = "G", default_value = "0.99", value_parser = parse_gamma)]
    gamma: f32,
    /// Seed of the layout, where layouts differ
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the model to a file, as JSON
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
}

impl Mdp {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let task = lookup::task(&self.task)?;
        let model = task.mdp(RowKey { seed: self.seed, env: 0, episode: 0 })?;
        if let Some(file) = &self.export {
            write(file, &model)?;
        }
        let named: Vec<String> =
            task.spec().rewards.iter().map(|reward| format!("\"{}\"", reward.name)).collect();
        let rewards = match &self.reward {
            None => named,
            Some(given) if std::path::Path::new(given).is_file() => {
                vec![Source::read(given)?.text().to_string()]
            }
            Some(name) => vec![format!("\"{name}\"")],
        };
        let best = best_success(&model)?;
        let optima = rewards
            .iter()
            .map(|reward| optimum(&self.setup(reward)?, &model))
            .collect::<Result<Vec<_>, LabError>>()?;
        let document = json!({
            "task": self.task,
            "seed": self.seed,
            "states": model.num_states(),
            "transitions": model.num_transitions(),
            "max_steps": model.max_steps,
            "best_success": best,
            "rewards": optima,
        });
        output.answer(&document, || text(&model, best, &optima))
    }

    fn setup(&self, reward: &str) -> Result<Setup, LabError> {
        let scene = format!(
            "(version: 1, task: \"{}\", batch: (num_envs: 1, num_steps: 1), reward: {reward}, learner: Ppo(gamma: {}))",
            self.task, self.gamma
        );
        Ok(Setup::read::<&str>(&Source::new("command line", scene), &[], ModelFiles::new())?)
    }
}

fn text(model: &Model, best: f64, optima: &[RewardOptimum]) -> String {
    let row = |optimum: &RewardOptimum| {
        let policy = match optimum.horizon {
            Some(steps) => format!("counts its steps, up to {steps}"),
            None => "sees the state alone".to_string(),
        };
        vec![
            optimum.reward.clone(),
            format!("{:.6}", optimum.value),
            format!("{:.4}", optimum.success),
            policy,
        ]
    };
    let limit = match model.max_steps {
        0 => "without a step limit".to_string(),
        steps => format!("within {steps} steps"),
    };
    let headings = ["reward", "optimal value", "success of its policy", "the policy"];
    format!(
        "{} states, {} transitions\nthe best policy for the task succeeds with {best:.4} {limit}\n\n{}",
        model.num_states(),
        model.num_transitions(),
        table(&headings, &optima.iter().map(row).collect::<Vec<_>>())
    )
}

fn write(file: &std::path::Path, model: &Model) -> Result<(), LabError> {
    let failed =
        |why: String| LabError::File { what: "cannot write the model", why, path: file.to_path_buf() };
    let text = serde_json::to_string(model).map_err(|error| failed(error.to_string()))?;
    std::fs::write(file, text).map_err(|error| failed(error.to_string()))
}

fn parse_gamma(text: &str) -> Result<f32, String> {
    let gamma: f32 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..=1.0).contains(&gamma) { Ok(gamma) } else { Err("a discount lies between 0 and 1".into()) }
}
