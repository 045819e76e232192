//! `carrot train`: from a scene to a run folder with a trained policy.

use std::path::PathBuf;

use carrot_lab::{Device, Run, RunOptions, Setup, Source};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::failure::Failure;
use crate::lookup::{command_line, models, parse_model};
use crate::output::Output;
use crate::training::train_to_the_end;

/// Train an agent as a scene says.
#[derive(Args)]
#[command(after_help = "Examples:\n  carrot train scenes/cart_pole.ron --seed 2\n  \
    carrot train scenes/mountain_car.ron reward=naive learner.total_steps=100_000 --name naive")]
pub(crate) struct Train {
    /// Scene file (RON)
    scene: PathBuf,
    /// Changes to the scene by path: reward=naive, learner.gamma=0.98
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder below which the run's own folder is made
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// The run's own folder, which must not exist
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    run_dir: Option<PathBuf>,
    /// A name for people, at the end of the folder's name
    #[arg(long)]
    name: Option<String>,
    /// Where tensors live
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceArg,
    /// Seed of everything random (batch.seed)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Env steps of the whole training (learner.total_steps)
    #[arg(long, value_name = "N")]
    total_steps: Option<u64>,
    /// Envs that run side by side (batch.num_envs)
    #[arg(long, value_name = "N")]
    num_envs: Option<u32>,
    /// Updates between checkpoints; ten checkpoints in all without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// A fitted reward model, or the folder of an image-text model, that terms may name; repeatable
    #[arg(long = "model", value_name = "NAME=FILE", value_parser = parse_model)]
    models: Vec<(String, PathBuf)>,
    /// Print the resolved scene and stop; nothing is written
    #[arg(long)]
    dry_run: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

/// Devices by the names that people type.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(super) enum DeviceArg {
    #[default]
    Cpu,
    Cuda,
}

impl From<DeviceArg> for Device {
    fn from(device: DeviceArg) -> Self {
        match device {
            DeviceArg::Cpu => Self::Cpu,
            DeviceArg::Cuda => Self::Cuda,
        }
    }
}

impl Train {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let overrides = self.all_overrides();
        let setup = Setup::read(&Source::read(&self.scene)?, &overrides, models(&self.models)?)?;
        if self.dry_run {
            let text = setup.scene.resolved_text();
            let document = json!({"task": setup.task.spec().name, "reward": setup.reward, "config": text});
            return output.answer(&document, || text.to_string());
        }
        let options = RunOptions {
            run_dir: self.run_dir.clone(),
            name: self.name.clone(),
            device: self.device.into(),
            checkpoint_every: self.checkpoint_every,
            command: command_line(),
            overrides,
            ..RunOptions::below(&self.runs)
        };
        train_to_the_end(Run::start(setup, &options)?, self.quiet, output)
    }

    /// What was typed as `key=value`, then the flags that stand for one.
    fn all_overrides(&self) -> Vec<String> {
        let flag = |path: &str, value: Option<u64>| value.map(|value| format!("{path}={value}"));
        let flags = [
            flag("batch.seed", self.seed),
            flag("learner.total_steps", self.total_steps),
            flag("batch.num_envs", self.num_envs.map(u64::from)),
        ];
        self.overrides.iter().cloned().chain(flags.into_iter().flatten()).collect()
    }
}
