//! `carrot vlm`: image-text models, which say how well a picture and a sentence fit.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use carrot_lab::Source;
use carrot_lab::vlm::captions::Captions;
use carrot_lab::vlm::import::import_vlm;
use carrot_lab::vlm::shipped::open_vlm;
use carrot_lab::vlm::skill::{Retrieval, TaskSkill, bench_vlm};
use carrot_lab::vlm::train::{SmallVlm, VlmPlan, VlmProgress, train_vlm};
use clap::{Args, Subcommand};
use serde_json::json;

use super::train::DeviceArg;
use crate::failure::Failure;
use crate::lookup::{self, refused};
use crate::output::Output;

/// Image-text models.
#[derive(Subcommand)]
pub(crate) enum Vlm {
    /// Teach a small model to tell of pictures which sentences are true
    Train(Train),
    /// Take in a model as hubs publish it: check it, and keep the files that are needed
    Import(Import),
    /// Measure how well a model's answers agree with what is true of pictures of every task
    Bench(Bench),
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
    /// Pictures of each task that are learned from at a time
    #[arg(long, value_name = "N", default_value_t = VlmPlan::default().pictures)]
    pictures: usize,
    /// How often new pictures take their place
    #[arg(long, value_name = "N", default_value_t = VlmPlan::default().rounds)]
    rounds: usize,
    /// Side of its pictures in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = VlmPlan::default().size.image)]
    image: usize,
    /// Channels of its first convolution; each of the others has twice as many as the one before
    #[arg(long, value_name = "N", default_value_t = VlmPlan::default().size.channels)]
    channels: usize,
    /// Width of the tower that reads and of the embeddings, a multiple of 32
    #[arg(long, value_name = "N", default_value_t = VlmPlan::default().size.width)]
    width: usize,
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
            Self::Import(import) => import.run(output),
            Self::Bench(bench) => bench.run(output),
        }
    }
}

impl Train {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        must_be_new(&self.out)?;
        let captions = captions(self.captions.as_deref())?;
        let plan = VlmPlan::default();
        let Self { steps, pictures, rounds, image, channels, width, seed, .. } = *self;
        let size = SmallVlm { image, channels, width, ..plan.size };
        let plan = VlmPlan { steps, pictures, rounds, size, seed, ..plan };
        let skills =
            train_vlm(&captions, &plan, &self.out, self.device.into(), &mut |progress| match progress {
                VlmProgress::Drawn(round, pictures) => {
                    output.note(&format!("round {round}: {pictures} pictures"))
                }
                VlmProgress::Step(step, loss) => {
                    output.note(&format!("step {step} of {}: loss {loss:.4}", plan.steps))
                }
            })?;
        let document = json!({"model": self.out, "plan": plan, "skills": skills});
        output.answer(&document, || table(&skills))
    }
}

fn must_be_new(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        let given = folder.display().to_string();
        return Err(refused(&given, "the folder exists already", "choose another name or remove it").into());
    }
    Ok(())
}

fn captions(file: Option<&Path>) -> Result<Captions, Failure> {
    Ok(match file {
        Some(path) => Captions::read(&Source::read(path)?)?,
        None => Captions::shipped()?,
    })
}

/// `carrot vlm import`
#[derive(Args)]
#[command(after_help = "Example:\n  carrot vlm import clip-vit-base-patch32 models/clip\n  \
    carrot train my_scene.ron --model clip=models/clip\n\n\
    The folder is a clone or a download of a CLIP or SigLIP model: config.json, model.safetensors, tokenizer.json and,\n\
    where there is one, preprocessor_config.json. Nothing is downloaded.")]
pub(crate) struct Import {
    /// The folder as published
    folder: PathBuf,
    /// A new folder for the files that are needed
    out: PathBuf,
}

impl Import {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        must_be_new(&self.out)?;
        let card = import_vlm(&self.folder, &self.out)?;
        output.answer(&json!({"model": self.out, "card": card}), || {
            format!(
                "{:?} with {:.1} million weights ({:.1} MB): pictures of {} pixels, prompts up to {} tokens, \
                 embeddings of {} numbers; in {}\n",
                card.family,
                card.weights as f64 / 1e6,
                card.bytes as f64 / 1e6,
                card.image,
                card.context,
                card.embedding,
                self.out.display()
            )
        })
    }
}

/// `carrot vlm bench`
#[derive(Args)]
#[command(
    after_help = "Examples:\n  carrot vlm bench\n  carrot vlm bench my_model --task CartPole-v1 --pictures 500\n\n\
    `true` is the share of pictures of which the sentence is true. `taught` and `kept back` are areas under the ROC\n\
    curve: the chance that a picture of which it is true is more like the sentence than one of which it is false, 0.5\n\
    for a guess. The first sentence about a task says its goal: `goal, success` is the same area against the task's own\n\
    success, `goal, score` the rank correlation with its score. `retrieval` is the share of pictures whose nearest\n\
    sentence is true, by taught wordings and by those kept back, beside what a guess would come to."
)]
pub(crate) struct Bench {
    /// Folder of a model as published on hubs; the one that comes with Carrot without it
    model: Option<PathBuf>,
    /// A task; repeatable, all without it
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,
    /// File of captions (RON); those that come with Carrot without it
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Pictures of each task
    #[arg(long, value_name = "N", default_value_t = 200)]
    pictures: usize,
    /// Seed of the pictures; that of a training must be another one
    #[arg(long, value_name = "N", default_value_t = 77)]
    seed: u64,
    /// Where tensors live
    #[arg(long, value_enum, default_value_t)]
    device: DeviceArg,
}

impl Bench {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        let captions = captions(self.captions.as_deref())?;
        let tasks = if self.tasks.is_empty() {
            captions.tasks()
        } else {
            let found: Result<Vec<_>, _> = self.tasks.iter().map(|name| lookup::task(name)).collect();
            found?;
            self.tasks.iter().map(String::as_str).collect()
        };
        let mut on_task = |task: &str| output.note(&format!("looking at {task}"));
        let model = open_vlm(self.model.as_deref(), self.device.into())?;
        let skills = bench_vlm(&model, &captions, &tasks, self.pictures, self.seed, &mut on_task)?;
        output.answer(&json!({"model": self.model, "seed": self.seed, "skills": skills}), || table(&skills))
    }
}

fn table(skills: &[TaskSkill]) -> String {
    let mut text =
        format!("{:<26}{:<52}{:>6}{:>8}{:>11}\n", "task", "sentence", "true", "taught", "kept back");
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    for TaskSkill { task, captions, .. } in skills {
        for skill in captions {
            let [taught, kept_back] = [skill.taught, skill.kept_back].map(number);
            let (says, positives) = (&skill.says, skill.positives);
            let _ = writeln!(text, "{task:<26}{says:<52}{positives:>6.2}{taught:>8}{kept_back:>11}");
        }
    }
    let heads = ["goal, success", "goal, score", "retrieval", "kept back", "chance"];
    let _ = write!(text, "\n{:<26}", "task");
    let _ = writeln!(text, "{}", heads.map(|head| format!("{head:>15}")).concat());
    for TaskSkill { task, taught, kept_back, truth, .. } in skills {
        let accuracy = |found: &Option<Retrieval>| found.map(|found| found.accuracy);
        let chance = taught.map(|taught| taught.chance);
        let numbers = [truth.auc, truth.rank, accuracy(taught), accuracy(kept_back), chance];
        let _ = writeln!(text, "{task:<26}{}", numbers.map(|x| format!("{:>15}", number(x))).concat());
    }
    text
}
