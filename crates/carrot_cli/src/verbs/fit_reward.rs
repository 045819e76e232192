//! `carrot fit-reward`: a network that predicts success, to be named by a term.

use std::path::PathBuf;

use carrot_lab::fit::{FitOptions, fit_success, record_for_fit, save_model};
use carrot_lab::{ModelFiles, Setup, Source};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::lookup::refused;
use crate::output::Output;

/// Fit a reward model to the truth (success) of scripted episodes; terms then use it as Model(name: "..").
#[derive(Args)]
#[command(
    after_help = "Example:\n  carrot fit-reward scenes/reach.ron --name near --out near.safetensors\n  \
    carrot train scenes/reach.ron --model near=near.safetensors 'reward=[(name: \"near\", kind: Model(name: \"near\"))]'"
)]
pub(crate) struct FitReward {
    /// Scene file (RON); its task and signals are used
    scene: PathBuf,
    /// Changes to the scene by path
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where the model is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Name of the model
    #[arg(long, default_value = "success")]
    name: String,
    /// Signals that it reads; all of the task's without it
    #[arg(long, value_name = "SIGNAL", value_delimiter = ',')]
    inputs: Vec<String>,
    /// Episodes to record: half by the expert among noise, half at random
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(10..=1 << 20))]
    episodes: u32,
    /// Seed of recording and fitting
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl FitReward {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        if self.out.exists() {
            let given = format!("--out {}", self.out.display());
            return Err(refused(&given, "the file exists already", "choose another name or remove it").into());
        }
        let setup = Setup::read(&Source::read(&self.scene)?, &self.overrides, ModelFiles::new())?;
        let options = FitOptions {
            name: self.name.clone(),
            inputs: self.inputs.clone(),
            episodes: self.episodes as usize,
            seed: self.seed,
        };
        output.note(&format!("recording {} episodes of {}", self.episodes, setup.task.spec().name));
        let episodes = record_for_fit(&setup, &options)?;
        output.note("fitting");
        let (model, report) = fit_success(&setup, &options, &episodes)?;
        save_model(&model, &self.out)?;
        let document = json!({"model": self.out, "name": self.name, "report": report});
        output.answer(&document, || {
            let auc = report.held_out_auc.map_or("not defined: one class only".into(), |auc| format!("{auc:.4}"));
            let (name, out) = (&self.name, self.out.display());
            format!(
                "held-out AUC {auc}  ({} episodes, {} steps, {:.1}% successes)\nreads {}\nmodel {out}\nnext  carrot train \
                 {} --model {name}={out} 'reward=[(name: \"{name}\", kind: Model(name: \"{name}\"))]'",
                report.held_out_episodes,
                report.held_out_steps,
                100.0 * report.success_share,
                report.inputs.join(", "),
                self.scene.display()
            )
        })
    }
}
