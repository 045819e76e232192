//! Teaching a small image-text model the sentences of a file of captions.

use std::path::Path;

use carrot_learn::Device;
pub use carrot_learn::vlm::SmallVlm;
use carrot_learn::vlm::{Vlm, VlmTrainer};
use carrot_render::{RenderConfig, Renderer};
use carrot_sim::{RowKey, Stream};
use serde::Serialize;

use super::captions::Captions;
use super::pictures::{Show, Shown};
use super::skill::{TaskSkill, skill};
use crate::error::LabError;

/// How a model is taught.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct VlmPlan {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Pictures of each task that are learned from at a time.
    pub pictures: usize,
    /// How often new pictures, of other episodes, take their place.
    pub rounds: usize,
    /// Pictures of each task, of other episodes, to test with.
    pub held_out: usize,
    /// Pictures in a step.
    pub batch: usize,
    /// Size of the model.
    pub size: SmallVlm,
    /// Highest learning rate; it rises over the first twentieth of the steps and falls by a cosine.
    pub learning_rate: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for VlmPlan {
    fn default() -> Self {
        let size = SmallVlm { image: 64, channels: 32, width: 192, context: 16 };
        Self {
            steps: 4_000,
            pictures: 2_000,
            rounds: 8,
            held_out: 200,
            batch: 128,
            size,
            learning_rate: 5e-4,
            seed: 1,
        }
    }
}

/// What training tells while it goes on.
#[derive(Debug, Clone, Copy)]
pub enum VlmProgress {
    /// Pictures of all tasks were drawn: the round, and how many.
    Drawn(usize, usize),
    /// Steps done, and the mean loss since the last word.
    Step(usize, f64),
}

/// Pictures of one task.
struct Album {
    show: Show,
    taught: Shown,
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
    on: &mut dyn FnMut(VlmProgress),
) -> Result<Vec<TaskSkill>, LabError> {
    let mut renderer = Renderer::new(RenderConfig { size: plan.size.image as u32, samples: 4 })?;
    let mut albums = Vec::new();
    for task in captions.tasks() {
        albums.push(Album { show: Show::new(captions, task)?, taught: Shown::default() });
    }
    // Every round has episodes of its own, and so have the pictures to test with.
    let seed = |album: usize, round: usize| {
        plan.seed.wrapping_mul(1_000_003) + 1_000 * album as u64 + 100_000 * round as u64
    };
    let texts: Vec<&str> =
        captions.0.iter().flat_map(|c| c.say.iter().chain(&c.ask)).map(String::as_str).collect();
    let mut trainer = VlmTrainer::new(plan.size, &texts, plan.seed, device)?;
    let rounds = plan.rounds.clamp(1, plan.steps.max(1));
    let (mut sum, mut count) = (0.0, 0);
    for round in 0..rounds {
        for (index, album) in albums.iter_mut().enumerate() {
            album.taught = album.show.shoot(&mut renderer, plan.pictures, seed(index, round))?;
        }
        on(VlmProgress::Drawn(round + 1, albums.iter().map(|album| album.taught.labels.len()).sum()));
        let sampler = Sampler::new(captions, &albums);
        for step in plan.steps * round / rounds..plan.steps * (round + 1) / rounds {
            let batch = sampler.batch(plan, step);
            let rate = plan.learning_rate * schedule(step, plan.steps);
            let shape = [plan.size.image; 2];
            sum += trainer.step((&batch.pictures, shape), &batch.texts, &batch.degrees, rate)?;
            count += 1;
            if count == 100 || step + 1 == plan.steps {
                on(VlmProgress::Step(step + 1, sum / f64::from(count)));
                (sum, count) = (0.0, 0);
            }
        }
    }
    trainer.save(folder)?;
    let model = Vlm::open(folder, device)?;
    let test = |(index, album): (usize, &Album)| {
        let held_out = album.show.shoot(&mut renderer, plan.held_out, seed(index, rounds))?;
        skill(&model, captions, &album.show, &held_out)
    };
    albums.iter().enumerate().map(test).collect()
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
    /// How true each text is of each picture.
    degrees: Vec<Option<f32>>,
}

/// Draws batches in which each task is as frequent, and each sentence about it as often true as false.
struct Sampler<'a> {
    captions: &'a Captions,
    albums: &'a [Album],
    /// Of each album and each sentence about it, the pictures of which it is false and of which it is true.
    facts: Vec<Vec<[Vec<u32>; 2]>>,
    /// Of each album, how true captions of other tasks are of its pictures.
    elsewhere: Vec<Vec<Option<f32>>>,
}

impl<'a> Sampler<'a> {
    fn new(captions: &'a Captions, albums: &'a [Album]) -> Self {
        let facts = albums.iter().map(|album| {
            let sides = |column: usize| {
                [false, true].map(|wanted| {
                    let labels = (0_u32..).zip(&album.taught.labels);
                    labels.filter(|(_, row)| row[column] == Some(wanted)).map(|(i, _)| i).collect()
                })
            };
            (0..album.show.captions().count()).map(sides).collect()
        });
        let facts = facts.collect();
        let elsewhere = albums.iter().map(|album| elsewhere(captions, albums, album)).collect();
        Self { captions, albums, facts, elsewhere }
    }

    fn batch(&self, plan: &VlmPlan, step: usize) -> Batch<'a> {
        let mut draws = RowKey { seed: plan.seed, env: step as u32, episode: 7 }.rng(Stream::Learner);
        let mut pick = |len: usize| draws.below(len as u32) as usize;
        let texts: Vec<&str> = self.captions.0.iter().map(|c| c.say[pick(c.say.len())].as_str()).collect();
        let bytes = plan.size.image * plan.size.image * 3;
        let (mut pictures, mut degrees) = (Vec::with_capacity(plan.batch * bytes), Vec::new());
        while pictures.len() < plan.batch * bytes {
            let index = pick(self.albums.len());
            let (album, facts) = (&self.albums[index], &self.facts[index]);
            let side = &facts[pick(facts.len())][pick(2)];
            if side.is_empty() {
                continue;
            }
            let picture = side[pick(side.len())] as usize;
            pictures.extend_from_slice(&album.taught.pictures[picture * bytes..][..bytes]);
            let mut row = self.elsewhere[index].clone();
            for (caption, degree) in album.show.captions().zip(&album.taught.degrees[picture]) {
                row[caption] = *degree;
            }
            degrees.extend(row);
        }
        Batch { pictures, texts, degrees }
    }
}

/// How true captions of other tasks are of an album's pictures: what is said of another family is false, of another task
/// of the same family it is open.
fn elsewhere(captions: &Captions, albums: &[Album], album: &Album) -> Vec<Option<f32>> {
    let is_kin = |task: &String| {
        albums.iter().any(|other| other.show.task() == task && other.show.family() == album.show.family())
    };
    captions.0.iter().map(|caption| (!caption.tasks.iter().any(is_kin)).then_some(0.0)).collect()
}
