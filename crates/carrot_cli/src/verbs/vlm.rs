//! `carrot vlm`: image-text models, which say how well a picture and a sentence fit.

use std::fmt::Write;
use std::path::PathBuf;

use carrot_lab::Source;
use carrot_lab::vlm::captions::Captions;
use carrot_lab::vlm::train::{CaptionSkill, VlmPlan, VlmProgress, train_vlm};
use clap::{Args, Subcommand};
use serde_json::json;

use super::train::DeviceArg;
use crate::failure::Failure;
use crate::lookup::refused;
use crate::output::Output;

/// Image-text models.
#[derive(Subcommand)]
pub(crate) enum Vlm {
    /// Teach a small model to tell of pictures which sentences are true
    Train(Train),
}

#[derive(Args)]
pub(crate) struct Train {
    /// Folder for the model
    out: PathBuf,
    /// File of captions (RON); those that come with Carrot without it
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Steps of the optimiser
    #[arg(long, value_name = "N", default_value_t = VlmPlan::default().steps)]
    steps: usize,
    /// Pictures of each task to learn from
    #[arg(long, value_name = "N", default_value_t = VlmPlan::default().pictures)]
    pictures: usize,
    /// Seed of pictures and weights
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where tensors live
    #[arg(long, value_enum, default_value_t)]
    device: DeviceArg,
}

impl Vlm {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Train(train) => train.run(output),
        }
    }
}

impl Train {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        if self.out.exists() {
            let given = self.out.display().to_string();
            return Err(
                refused(&given, "the folder exists already", "choose another name or remove it").into()
            );
        }
        let captions = match &self.captions {
            Some(path) => Captions::read(&Source::read(path)?)?,
            None => Captions::shipped()?,
        };
        let plan =
            VlmPlan { steps: self.steps, pictures: self.pictures, seed: self.seed, ..VlmPlan::default() };
        let skills =
            train_vlm(&captions, &plan, &self.out, self.device.into(), &mut |progress| match progress {
                VlmProgress::Drawn(task, pictures) => output.note(&format!("{task}: {pictures} pictures")),
                VlmProgress::Step(step, loss) => {
                    output.note(&format!("step {step} of {}: loss {loss:.4}", plan.steps))
                }
            })?;
        let document = json!({"model": self.out, "plan": plan, "skills": skills});
        output.answer(&document, || table(&skills))
    }
}

fn table(skills: &[CaptionSkill]) -> String {
    let mut text =
        format!("{:<26}{:<48}{:>7}{:>8}{:>11}\n", "task", "sentence", "true", "taught", "kept back");
    for CaptionSkill { task, says, positives, taught, kept_back } in skills {
        let _ = writeln!(text, "{task:<26}{says:<48}{positives:>7.2}{taught:>8.3}{kept_back:>11.3}");
    }
    text
}
