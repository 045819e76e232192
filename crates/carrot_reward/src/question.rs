//! Questions to image-text models: what is asked of a picture, and how embeddings become one number.

use std::fmt;

use carrot_sim::LookRule;
use serde::{Deserialize, Serialize};

use crate::math::exp;

/// Which pictures of an episode are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frames {
    /// Every so many steps of an episode, and its last.
    Every(u32),
    /// The last of an episode.
    Last,
    /// The best answer of every so many steps is paid when the episode ends.
    Best(u32),
}

impl Frames {
    /// The steps that have to be drawn.
    pub fn rule(self) -> LookRule {
        match self {
            Self::Every(every) | Self::Best(every) => LookRule { every },
            Self::Last => LookRule { every: 0 },
        }
    }
}

/// How the likeness of a picture to prompts becomes a number. The first prompts are the goal's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Form {
    /// Cosine similarity to the goal, from -1 to 1.
    Likeness,
    /// Similarity after a projection towards the line from a baseline to the goal, by a strength from 0 to 1.
    Baseline {
        /// What the picture shows anyway.
        baseline: String,
        /// Strength of the projection.
        alpha: f32,
    },
    /// Chance of the goal among other descriptions, from 0 to 1.
    Among(Vec<String>),
    /// 1 where the chance of the goal reaches a threshold, 0 elsewhere.
    Success {
        /// Descriptions that it is told from; without them it is the model's own chance that goal and picture fit.
        others: Vec<String>,
        /// The least chance.
        threshold: f32,
    },
    /// How far the picture is on the way from one description to the goal, from 0 to 1.
    Progress {
        /// Where the way begins.
        from: String,
    },
}

/// What is asked of a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Wordings of the goal; the mean of their embeddings is the goal's.
    pub goal: Vec<String>,
    /// What is made of it.
    pub form: Form,
}

/// A question, whom it is put to, and about which pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Name of the image-text model.
    pub model: String,
    /// The question.
    pub question: Question,
    /// The pictures.
    pub frames: Frames,
}

impl fmt::Display for Question {
    /// In words: the goal, and what it is told from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.goal[0])?;
        self.goal[1..].iter().try_for_each(|wording| write!(f, " or {wording:?}"))?;
        match &self.form {
            Form::Likeness => Ok(()),
            Form::Baseline { baseline, alpha } => write!(f, ", away from {baseline:?} by alpha {alpha}"),
            Form::Among(others) => write!(f, ", told from {others:?}"),
            Form::Success { others, threshold } => {
                write!(f, ", told from {others:?} with a chance of {threshold}")
            }
            Form::Progress { from } => write!(f, ", on the way from {from:?}"),
        }
    }
}

impl Question {
    /// All prompts, those of the goal first.
    pub fn prompts(&self) -> Vec<&str> {
        let more: &[String] = match &self.form {
            Form::Likeness => &[],
            Form::Baseline { baseline: one, .. } | Form::Progress { from: one } => std::slice::from_ref(one),
            Form::Among(others) | Form::Success { others, .. } => others,
        };
        self.goal.iter().chain(more).map(String::as_str).collect()
    }

    /// The answer for one picture.
    ///
    /// # Shapes
    /// `seen` `[E]` is the picture's embedding, `words` `[P, E]` those of the prompts in order, all of length 1.
    /// `[scale, bias]` make a similarity the model's logit of a fit.
    ///
    /// # Source
    /// `Baseline` is equation 2 of Rocamonde et al. 2023, "Vision-Language Models are Zero-Shot Reward Models".
    pub fn answer(&self, seen: &[f32], words: &[f32], [scale, bias]: [f32; 2]) -> f32 {
        let width = seen.len().max(1);
        let (goals, others) = words.split_at(self.goal.len() * width);
        let goal = mean_direction(goals, width);
        match &self.form {
            Form::Likeness => dot(seen, &goal),
            Form::Baseline { alpha, .. } => {
                let way = difference(&goal, others);
                let along = dot(&difference(seen, others), &way) / dot(&way, &way).max(f32::MIN_POSITIVE);
                let mut apart = 0.0;
                for i in 0..seen.len() {
                    let projected = others[i] + along * way[i];
                    let d = alpha * projected + (1.0 - alpha) * seen[i] - goal[i];
                    apart += d * d;
                }
                1.0 - 0.5 * apart
            }
            Form::Among(_) => chance(seen, &goal, others, scale),
            Form::Success { others: told_from, threshold } => {
                let chance = match told_from.is_empty() {
                    true => 1.0 / (1.0 + exp(-(scale * dot(seen, &goal) + bias))),
                    false => chance(seen, &goal, others, scale),
                };
                f32::from(u8::from(chance >= *threshold))
            }
            Form::Progress { .. } => {
                let way = difference(&goal, others);
                let along = dot(&difference(seen, others), &way) / dot(&way, &way).max(f32::MIN_POSITIVE);
                along.clamp(0.0, 1.0)
            }
        }
    }
}

/// The mean of unit vectors, made a unit vector again.
fn mean_direction(vectors: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    for vector in vectors.chunks_exact(width) {
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
    }
    if vectors.len() > width {
        let norm = dot(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
        sum.iter_mut().for_each(|x| *x /= norm);
    }
    sum
}

/// Softmax of scaled similarities: the share of the goal.
fn chance(seen: &[f32], goal: &[f32], others: &[f32], scale: f32) -> f32 {
    let own = dot(seen, goal);
    let rest = others.chunks_exact(seen.len().max(1)).map(|other| exp(scale * (dot(seen, other) - own)));
    1.0 / (1.0 + rest.fold(0.0, |sum, x| sum + x))
}

fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// In this order, whoever asks: the same picture gives the same bits.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(form: Form, seen: [f32; 2], words: &[f32]) -> f32 {
        Question { goal: vec!["goal".into()], form }.answer(&seen, words, [10.0, -5.0])
    }

    #[test]
    fn answers_are_those_of_the_formulas() {
        let (x, y, diagonal) = ([1.0, 0.0], [0.0, 1.0], [0.6, 0.8]);
        assert_eq!(ask(Form::Likeness, diagonal, &x), 0.6);
        let words = [x, y].concat();
        let baseline = |alpha| Form::Baseline { baseline: "base".into(), alpha };
        // Without a projection it is the similarity; with all of it, distance along the line alone counts.
        assert!((ask(baseline(0.0), diagonal, &words) - 0.6).abs() < 1e-6);
        let projected = [0.4_f32, 0.6];
        let apart = (projected[0] - 1.0_f32).powi(2) + projected[1].powi(2);
        assert!((ask(baseline(1.0), diagonal, &words) - (1.0 - 0.5 * apart)).abs() < 1e-6);
        let from = |seen| ask(Form::Progress { from: "base".into() }, seen, &words);
        assert_eq!((from(x), from(y)), (1.0, 0.0));
        assert!((from(diagonal) - 0.4).abs() < 1e-6);
        let among = |seen| ask(Form::Among(vec!["base".into()]), seen, &words);
        assert!((among(diagonal) - 1.0 / (1.0 + 2.0_f32.exp())).abs() < 1e-6);
        let success = |threshold| Form::Success { others: vec!["base".into()], threshold };
        assert_eq!(ask(success(0.1), diagonal, &words), 1.0);
        assert_eq!(ask(success(0.2), diagonal, &words), 0.0);
        // Alone, the model's own logit decides: 10 x 0.6 - 5 = 1.
        let alone = |threshold| Form::Success { others: Vec::new(), threshold };
        assert_eq!([0.7, 0.75].map(|threshold| ask(alone(threshold), diagonal, &x)), [1.0, 0.0]);
    }

    #[test]
    fn wordings_of_a_goal_count_as_their_mean() {
        let question = Question { goal: vec!["a".into(), "b".into()], form: Form::Likeness };
        let likeness = question.answer(&[1.0, 0.0], &[1.0, 0.0, 0.0, 1.0], [1.0, 0.0]);
        assert!((likeness - 0.5_f32.sqrt()).abs() < 1e-6);
    }
}
