//! `carrot eval`: whole episodes of a run's policy, or of a script, with return and truth beside each other.

use std::path::PathBuf;

use carrot_lab::evaluate::{Actor, evaluate};
use carrot_lab::fit::load_models;
use carrot_lab::saved::SavedRun;
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::lookup;
use crate::output::Output;
use crate::training::{evaluation_text, summary};

const POLICY: &str = "policy";
const RANDOM: &str = "random";

/// Evaluate the policy of a run, or a script, on the run's task and reward; the run is only read.
#[derive(Args)]
#[command(after_help = "Examples:\n  carrot eval runs/CartPole-v1/ppo/20260214_093000_s1 --episodes 200\n  \
    carrot eval runs/CartPole-v1/ppo/20260214_093000_s1 --actor expert")]
pub(crate) struct Eval {
    /// Run folder
    run: PathBuf,
    /// Episodes; what the scene says without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    episodes: Option<u32>,
    /// Seed of the episodes; what the scene says without it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Who acts: policy, random, or a script of the task (see `carrot tasks show TASK`)
    #[arg(long, default_value = POLICY)]
    actor: String,
}

impl Eval {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let run = SavedRun::open(&self.run)?;
        let setup = run.setup();
        let script = setup.task.spec().script(&self.actor);
        if script.is_none() && ![POLICY, RANDOM].contains(&self.actor.as_str()) {
            let scripts = setup.task.spec().scripts.iter().map(|script| script.name);
            let valid: Vec<&str> = [POLICY, RANDOM].into_iter().chain(scripts).collect();
            return Err(lookup::unknown("actor", &self.actor, &valid).into());
        }
        let trainer = run.trainer()?;
        let (revision, env_steps) = (trainer.revision().clone(), trainer.env_steps());
        let actor = match script {
            Some(script) => Actor::Script(script),
            None if self.actor == RANDOM => Actor::Random,
            None => Actor::Policy { learner: trainer.learner(), explore: false },
        };
        let spec = setup.scene.evaluation;
        let episodes = self.episodes.unwrap_or(spec.episodes) as usize;
        let seed = self.seed.unwrap_or(spec.seed);
        let mut models = load_models(setup)?;
        let evaluation = evaluate(setup, &revision, &mut models, &actor, episodes, seed)?;
        let document = json!({
            "run": self.run,
            "task": setup.task.spec().name,
            "reward": setup.reward,
            "actor": self.actor,
            "env_steps": env_steps,
            "seed": seed,
            "summary": summary(&evaluation),
            "episodes": evaluation.episodes,
        });
        output.answer(&document, || {
            let task = setup.task.spec().name;
            format!("{} on {task}, paid by {}: {}", self.actor, setup.reward, evaluation_text(&evaluation))
        })
    }
}
