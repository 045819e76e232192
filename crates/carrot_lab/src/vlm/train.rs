//! Teaching a small image-text model the sentences of a file of captions.

use std::path::Path;

use carrot_learn::Device;
use carrot_learn::vlm::{SmallVlm, Vlm, VlmTrainer};
use carrot_render::{RenderConfig, Renderer};
use carrot_sim::{RowKey, Stream};
use serde::Serialize;

use super::captions::Captions;
use super::pictures::{Show, Shown};
use super::skill::{CaptionSkill, skills};
use crate::error::LabError;

/// How a model is taught.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct VlmPlan {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Pictures of each task to learn from.
    pub pictures: usize,
    /// Pictures of each task, of other episodes, to test with.
    pub held_out: usize,
    /// Pictures in a step.
    pub batch: usize,
    /// Highest learning rate; it rises over the first twentieth of the steps and falls by a cosine.
    pub learning_rate: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for VlmPlan {
    fn default() -> Self {
        Self { steps: 6_000, pictures: 2_000, held_out: 200, batch: 64, learning_rate: 5e-4, seed: 1 }
    }
}

/// The shipped size: 64 pixels, about 2 million weights.
pub const SIZE: SmallVlm = SmallVlm { image: 64, patch: 8, width: 160, layers: 4, context: 16 };

/// What training tells while it goes on.
#[derive(Debug, Clone, Copy)]
pub enum VlmProgress<'a> {
    /// Pictures of a task were drawn.
    Drawn(&'a str, usize),
    /// Steps done, and the mean loss since the last word.
    Step(usize, f64),
}

/// All pictures of one task.
struct Album {
    show: Show,
    taught: Shown,
    held_out: Shown,
}

/// Draws pictures of every task that the captions are about, teaches a fresh model, writes it to `folder`, and gives
/// what it can tell.
///
/// # Errors
/// When a task cannot be drawn, libtorch refuses, or the folder cannot be written.
pub fn train_vlm(
    captions: &Captions,
    plan: &VlmPlan,
    folder: &Path,
    device: Device,
    on: &mut dyn FnMut(VlmProgress<'_>),
) -> Result<Vec<CaptionSkill>, LabError> {
    let size = SIZE.image as u32;
    let mut renderer = Renderer::new(RenderConfig { size, samples: 4 })?;
    let mut albums = Vec::new();
    for (index, task) in captions.tasks().into_iter().enumerate() {
        let show = Show::new(captions, task)?;
        let seed = plan.seed.wrapping_mul(1_000_003) + 1_000 * index as u64;
        let taught = show.shoot(&mut renderer, plan.pictures, seed)?;
        let held_out = show.shoot(&mut renderer, plan.held_out, seed + 500)?;
        on(VlmProgress::Drawn(task, taught.labels.len()));
        albums.push(Album { show, taught, held_out });
    }
    let texts: Vec<&str> =
        captions.0.iter().flat_map(|c| c.say.iter().chain(&c.ask)).map(String::as_str).collect();
    let mut trainer = VlmTrainer::new(SIZE, &texts, plan.seed, device)?;
    let sampler = Sampler::new(captions, &albums);
    let (mut sum, mut count) = (0.0, 0);
    for step in 0..plan.steps {
        let batch = sampler.batch(plan, step);
        let rate = plan.learning_rate * schedule(step, plan.steps);
        let shape = [SIZE.image, SIZE.image];
        sum += trainer.step((&batch.pictures, shape), &batch.texts, &batch.labels, rate)?;
        count += 1;
        if count == 100 || step + 1 == plan.steps {
            on(VlmProgress::Step(step + 1, sum / f64::from(count)));
            (sum, count) = (0.0, 0);
        }
    }
    trainer.save(folder)?;
    let model = Vlm::open(folder, device)?;
    let skills: Result<Vec<_>, LabError> =
        albums.iter().map(|album| skills(&model, captions, &album.show, &album.held_out)).collect();
    Ok(skills?.concat())
}

/// Share of the highest learning rate.
fn schedule(step: usize, steps: usize) -> f64 {
    let warm = (steps / 20).max(1);
    if step < warm {
        return (step + 1) as f64 / warm as f64;
    }
    let along = (step - warm) as f64 / (steps - warm).max(1) as f64;
    0.5 * (1.0 + libm::cos(std::f64::consts::PI * along))
}

/// Pictures, texts and labels of one step.
struct Batch<'a> {
    pictures: Vec<u8>,
    texts: Vec<&'a str>,
    labels: Vec<Option<bool>>,
}

/// Draws batches in which each sentence is as often true as false.
struct Sampler<'a> {
    captions: &'a Captions,
    albums: &'a [Album],
    /// (album, column of its labels) of everything that can be said, with the pictures of which it is true and false.
    facts: Vec<(usize, [Vec<u32>; 2])>,
    /// Of each album, what its pictures are labelled by captions of other tasks.
    elsewhere: Vec<Vec<Option<bool>>>,
}

impl<'a> Sampler<'a> {
    fn new(captions: &'a Captions, albums: &'a [Album]) -> Self {
        let mut facts = Vec::new();
        for (index, album) in albums.iter().enumerate() {
            for column in 0..album.show.captions().count() {
                let of = |wanted: bool| {
                    let labels = (0_u32..).zip(&album.taught.labels);
                    labels
                        .filter(|(_, row)| row[column] == Some(wanted))
                        .map(|(i, _)| i)
                        .collect::<Vec<u32>>()
                };
                facts.push((index, [of(false), of(true)]));
            }
        }
        let elsewhere = albums.iter().map(|album| elsewhere(captions, albums, album)).collect();
        Self { captions, albums, facts, elsewhere }
    }

    fn batch(&self, plan: &VlmPlan, step: usize) -> Batch<'a> {
        let mut draws = RowKey { seed: plan.seed, env: step as u32, episode: 7 }.rng(Stream::Learner);
        let mut pick = |len: usize| draws.below(len as u32) as usize;
        let texts: Vec<&str> = self.captions.0.iter().map(|c| c.say[pick(c.say.len())].as_str()).collect();
        let bytes = SIZE.image * SIZE.image * 3;
        let (mut pictures, mut labels) = (Vec::with_capacity(plan.batch * bytes), Vec::new());
        while pictures.len() < plan.batch * bytes {
            let (index, sides) = &self.facts[pick(self.facts.len())];
            let side = &sides[pick(2)];
            if side.is_empty() {
                continue;
            }
            let (album, picture) = (&self.albums[*index], side[pick(side.len())] as usize);
            pictures.extend_from_slice(&album.taught.pictures[picture * bytes..][..bytes]);
            let mut row = self.elsewhere[*index].clone();
            for (caption, label) in album.show.captions().zip(&album.taught.labels[picture]) {
                row[caption] = *label;
            }
            labels.extend(row);
        }
        Batch { pictures, texts, labels }
    }
}

/// Labels of an album's pictures by captions of other tasks: what is said of another family is false, of another task
/// of the same family it is open.
fn elsewhere(captions: &Captions, albums: &[Album], album: &Album) -> Vec<Option<bool>> {
    let is_kin = |task: &String| {
        albums.iter().any(|other| other.show.task() == task && other.show.family() == album.show.family())
    };
    captions.0.iter().map(|caption| (!caption.tasks.iter().any(is_kin)).then_some(false)).collect()
}
