//! What an image-text model can tell: of each sentence whether it is true, and of the goal how it goes with the truth.

use std::path::Path;

use carrot_learn::vlm::Vlm;
use carrot_learn::{Device, auc};
use carrot_render::{RenderConfig, Renderer};
use serde::Serialize;

use super::agreement::Agreement;
use super::captions::Captions;
use super::pictures::{Show, Shown};
use crate::error::LabError;

/// How well a model tells when one sentence is true.
#[derive(Debug, Clone, Serialize)]
pub struct CaptionSkill {
    /// Task.
    pub task: String,
    /// The first wording.
    pub says: String,
    /// Share of pictures of which it is true.
    pub positives: f64,
    /// Area under the ROC curve over the pictures, for wordings that were taught; none where it is always true or never.
    pub taught: Option<f64>,
    /// The same for wordings that were kept back.
    pub kept_back: Option<f64>,
    /// For the sentence that says the task's goal: how the mean similarity goes with success and score.
    pub truth: Option<Agreement>,
}

/// Draws pictures of tasks in which scripts and chance act, and asks a model about every sentence.
///
/// # Errors
/// When the model cannot be opened, a task cannot be drawn, or libtorch refuses.
pub fn bench_vlm(
    folder: &Path,
    captions: &Captions,
    tasks: &[&str],
    pictures: usize,
    seed: u64,
    device: Device,
    on_task: &mut dyn FnMut(&str),
) -> Result<Vec<CaptionSkill>, LabError> {
    let model = Vlm::open(folder, device)?;
    let mut renderer = Renderer::new(RenderConfig { size: model.config().image as u32, samples: 4 })?;
    let mut found = Vec::new();
    for &task in tasks {
        on_task(task);
        let show = Show::new(captions, task)?;
        let shown = show.shoot(&mut renderer, pictures, seed)?;
        found.extend(skills(&model, captions, &show, &shown)?);
    }
    Ok(found)
}

/// What a model tells of pictures of a task.
pub(super) fn skills(
    model: &Vlm,
    captions: &Captions,
    show: &Show,
    shown: &Shown,
) -> Result<Vec<CaptionSkill>, LabError> {
    let (size, width) = (model.config().image, model.config().embedding);
    let seen = model.see(&shown.pictures, [size, size])?;
    let mut found = Vec::new();
    for (column, index) in show.captions().enumerate() {
        let caption = &captions.0[index];
        let labels: Vec<Option<bool>> = shown.labels.iter().map(|row| row[column]).collect();
        let known: Vec<bool> = labels.iter().flatten().copied().collect();
        // Similarities of every picture to each wording.
        let likeness = |wordings: &[String]| -> Result<Vec<Vec<f32>>, LabError> {
            let texts: Vec<&str> = wordings.iter().map(String::as_str).collect();
            let words = model.read(&texts)?;
            let to = |words: &[f32]| {
                let dot = |seen: &[f32]| seen.iter().zip(words).map(|(a, b)| a * b).sum();
                seen.chunks_exact(width).map(dot).collect()
            };
            Ok(words.chunks_exact(width).map(to).collect())
        };
        let skill = |all: &[Vec<f32>]| -> Option<f64> {
            let of_known = |values: &Vec<f32>| -> Vec<f32> {
                values
                    .iter()
                    .zip(&labels)
                    .filter(|(_, label)| label.is_some())
                    .map(|(value, _)| *value)
                    .collect()
            };
            let sum: Option<f64> = all.iter().map(|values| auc(&of_known(values), &known)).sum();
            sum.map(|sum| sum / all.len() as f64)
        };
        let (taught, kept_back) = (likeness(&caption.say)?, likeness(&caption.ask)?);
        let truth = (column == 0).then(|| {
            let mean = |i: usize| taught.iter().map(|values| values[i]).sum::<f32>() / taught.len() as f32;
            let answers: Vec<f32> = (0..shown.success.len()).map(mean).collect();
            Agreement::of(&answers, &shown.success, &shown.score)
        });
        found.push(CaptionSkill {
            task: show.task().into(),
            says: caption.say[0].clone(),
            positives: known.iter().filter(|label| **label).count() as f64 / known.len().max(1) as f64,
            taught: skill(&taught),
            kept_back: if caption.ask.is_empty() { None } else { skill(&kept_back) },
            truth,
        });
    }
    Ok(found)
}
