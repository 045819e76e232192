//! What an image-text model can tell: of each sentence whether it is true, and of the goal how it goes with the truth.

use carrot_learn::auc;
use carrot_learn::vlm::Vlm;
use carrot_render::{RenderConfig, Renderer};
use serde::Serialize;

use super::agreement::Agreement;
use super::captions::Captions;
use super::pictures::{Show, Shown};
use crate::error::LabError;

/// How well a model tells what is true of pictures of one task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskSkill {
    /// Task.
    pub task: String,
    /// By wordings that were taught.
    pub taught: Option<Retrieval>,
    /// By wordings that were kept back.
    pub kept_back: Option<Retrieval>,
    /// How the mean similarity to the sentence that says the task's goal goes with success and score.
    pub truth: Agreement,
    /// Sentence by sentence.
    pub captions: Vec<CaptionSkill>,
}

/// How often the sentence that a picture is most like is true of it, among those that are known to be true or false.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Retrieval {
    /// Share of the pictures of which one sentence at least is true and one is false.
    pub accuracy: f64,
    /// The share that guessing would come to.
    pub chance: f64,
}

/// How well a model tells when one sentence is true.
#[derive(Debug, Clone, Serialize)]
pub struct CaptionSkill {
    /// The first wording.
    pub says: String,
    /// Share of pictures of which it is true.
    pub positives: f64,
    /// Area under the ROC curve over the pictures, for wordings that were taught; none where it is always true or never.
    pub taught: Option<f64>,
    /// The same for wordings that were kept back.
    pub kept_back: Option<f64>,
}

/// Draws pictures of tasks in which scripts and chance act, and asks a model about every sentence.
///
/// # Errors
/// When a task cannot be drawn, or libtorch refuses.
pub fn bench_vlm(
    model: &Vlm,
    captions: &Captions,
    tasks: &[&str],
    pictures: usize,
    seed: u64,
    on_task: &mut dyn FnMut(&str),
) -> Result<Vec<TaskSkill>, LabError> {
    let mut renderer = Renderer::new(RenderConfig { size: model.config().image as u32, samples: 4 })?;
    let mut found = Vec::new();
    for &task in tasks {
        on_task(task);
        let show = Show::new(captions, task)?;
        let shown = show.shoot(&mut renderer, pictures, seed)?;
        found.push(skill(model, captions, &show, &shown)?);
    }
    Ok(found)
}

/// Similarities of pictures to the wordings of one sentence: a list for each wording.
type Likeness = Vec<Vec<f32>>;

/// What a model tells of pictures of a task.
pub(super) fn skill(
    model: &Vlm,
    captions: &Captions,
    show: &Show,
    shown: &Shown,
) -> Result<TaskSkill, LabError> {
    let (size, width) = (model.config().image, model.config().embedding);
    let seen = model.see(&shown.pictures, [size, size])?;
    let likeness = |wordings: &[String]| -> Result<Likeness, LabError> {
        let texts: Vec<&str> = wordings.iter().map(String::as_str).collect();
        let words = model.read(&texts)?;
        let to = |words: &[f32]| {
            let dot = |seen: &[f32]| seen.iter().zip(words).map(|(a, b)| a * b).sum();
            seen.chunks_exact(width).map(dot).collect()
        };
        Ok(words.chunks_exact(width).map(to).collect())
    };
    let (mut taught, mut kept_back, mut skills) = (Vec::new(), Vec::new(), Vec::new());
    for (column, index) in show.captions().enumerate() {
        let caption = &captions.0[index];
        let labels: Vec<Option<bool>> = shown.labels.iter().map(|row| row[column]).collect();
        let (say, ask) = (likeness(&caption.say)?, likeness(&caption.ask)?);
        let known = labels.iter().flatten();
        skills.push(CaptionSkill {
            says: caption.say[0].clone(),
            positives: known.clone().filter(|label| **label).count() as f64 / known.count().max(1) as f64,
            taught: mean_auc(&say, &labels),
            kept_back: mean_auc(&ask, &labels),
        });
        taught.push(say);
        kept_back.push(ask);
    }
    let goal: Vec<f32> = (0..shown.success.len()).map(|i| mean(&taught[0], i)).collect();
    Ok(TaskSkill {
        task: show.task().into(),
        taught: retrieval(&taught, shown),
        kept_back: retrieval(&kept_back, shown),
        truth: Agreement::of(&goal, &shown.success, &shown.score),
        captions: skills,
    })
}

/// Mean similarity of a picture over the wordings.
fn mean(likeness: &Likeness, picture: usize) -> f32 {
    likeness.iter().map(|values| values[picture]).sum::<f32>() / likeness.len() as f32
}

fn mean_auc(likeness: &Likeness, labels: &[Option<bool>]) -> Option<f64> {
    if likeness.is_empty() {
        return None;
    }
    let known: Vec<bool> = labels.iter().flatten().copied().collect();
    let of_known = |values: &Vec<f32>| -> Vec<f32> {
        let both = values.iter().zip(labels);
        both.filter(|(_, label)| label.is_some()).map(|(value, _)| *value).collect()
    };
    let sum: Option<f64> = likeness.iter().map(|values| auc(&of_known(values), &known)).sum();
    sum.map(|sum| sum / likeness.len() as f64)
}

fn retrieval(sentences: &[Likeness], shown: &Shown) -> Option<Retrieval> {
    let (mut right, mut chance, mut count) = (0.0, 0.0, 0.0_f64);
    for (picture, labels) in shown.labels.iter().enumerate() {
        let asked = sentences.iter().zip(labels).filter(|(wordings, _)| !wordings.is_empty());
        let known: Vec<(f32, bool)> =
            asked.filter_map(|(wordings, label)| Some((mean(wordings, picture), (*label)?))).collect();
        let share = known.iter().filter(|(_, label)| *label).count() as f64 / known.len().max(1) as f64;
        let best = known.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, label)) = best.filter(|_| share > 0.0 && share < 1.0) {
            right += f64::from(u8::from(*label));
            chance += share;
            count += 1.0;
        }
    }
    (count > 0.0).then(|| Retrieval { accuracy: right / count, chance: chance / count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retrieval_counts_pictures_whose_nearest_sentence_is_true() {
        let sentences = [vec![vec![0.9, 0.1, 0.5]], vec![vec![0.2, 0.4, 0.1]], Likeness::new()];
        let labels = vec![
            vec![Some(true), Some(false), Some(true)],
            vec![Some(true), Some(false), None],
            // One side alone: there is nothing to tell apart.
            vec![Some(true), None, Some(false)],
        ];
        let shown = Shown { labels, ..Shown::default() };
        assert_eq!(retrieval(&sentences, &shown), Some(Retrieval { accuracy: 0.5, chance: 0.5 }));
        assert_eq!(retrieval(&[], &shown), None);
    }
}
