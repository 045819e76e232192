//! Filling the columns of terms that ask about pictures, when a rollout is finalised.

use std::collections::BTreeMap;

use carrot_sim::{Look, Rollout};
use serde::{Deserialize, Serialize};

use crate::error::RewardError;
use crate::graph::Graph;
use crate::model::RewardModels;
use crate::question::{Asked, Frames};

/// The best answer so far of every episode under way, for terms that pay the best of many pictures.
///
/// # Shapes
/// `[B, N]` for B such terms, in the order of their columns; not finite where nothing was answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Best(Vec<f32>);

impl Best {
    /// Room for the terms of these graphs that need it.
    pub fn new(graphs: &[Graph], rows: usize) -> Self {
        let asked = graphs.iter().flat_map(Graph::asked);
        Self(vec![
            f32::NAN;
            asked.filter(|(asked, _)| matches!(asked.frames, Frames::Best(_))).count() * rows
        ])
    }

    /// Whether another has room for as many terms and rows.
    pub fn fits(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
    }

    /// Whether no term needs it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Puts all questions to their models, one batch per model, and writes the answers into the raw columns. A step that
/// was not looked at is marked by a value that is not a number, and pays 0.
pub(crate) fn fill_pictures(
    graphs: &[Graph],
    models: &mut RewardModels,
    best: &mut Best,
    rollout: &mut Rollout,
) -> Result<(), RewardError> {
    let asked: Vec<(&Asked, usize)> = graphs.iter().flat_map(Graph::asked).collect();
    let mut by_model: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (asked, _)) in asked.iter().enumerate() {
        by_model.entry(&asked.model).or_default().push(index);
    }
    let looks = std::mem::take(&mut rollout.looks);
    let mut answers: Vec<Vec<f32>> = vec![Vec::new(); asked.len()];
    for (name, indices) in by_model {
        let model = models.get_mut(name).ok_or_else(|| RewardError::NoModel(name.into()))?;
        let eyes = model.pictures().ok_or_else(|| RewardError::NoEyes(name.into()))?;
        let takes = |look: &&Look| {
            indices.iter().any(|&index| asked[index].0.frames.rule().takes(look.step, look.ended))
        };
        let wanted: Vec<&Look> = looks.iter().filter(takes).collect();
        let questions: Vec<_> = indices.iter().map(|&index| &asked[index].0.question).collect();
        let given =
            eyes.answers(&questions, &wanted).map_err(|why| RewardError::Model { name: name.into(), why })?;
        for (&index, given) in indices.iter().zip(given.chunks(wanted.len().max(1))) {
            let mut rest = given.iter();
            let mut of_all = vec![f32::NAN; looks.len()];
            for (place, look) in of_all.iter_mut().zip(&looks) {
                if takes(&look) {
                    *place = rest.next().copied().unwrap_or(f32::NAN);
                }
            }
            answers[index] = of_all;
        }
    }
    let mut carried = best.0.chunks_mut(rollout.num_envs.max(1));
    for ((asked, column), answers) in asked.into_iter().zip(answers) {
        let own = if matches!(asked.frames, Frames::Best(_)) { carried.next() } else { None };
        write_column(asked, column, &looks, &answers, own, rollout);
    }
    rollout.looks = looks;
    Ok(())
}

/// Writes one term's answers, by its own choice of frames.
fn write_column(
    asked: &Asked,
    column: usize,
    looks: &[Look],
    answers: &[f32],
    mut best: Option<&mut [f32]>,
    rollout: &mut Rollout,
) {
    let n = rollout.num_envs;
    let cell = |t: usize, row: usize| (t * rollout.raw_columns + column) * n + row;
    for t in 0..rollout.filled {
        rollout.raw[cell(t, 0)..][..n].fill(f32::NAN);
    }
    let rule = asked.frames.rule();
    for (look, &answer) in looks.iter().zip(answers).filter(|(look, _)| rule.takes(look.step, look.ended)) {
        let (t, row) = (look.t as usize, look.row as usize);
        let Some(best) = &mut best else {
            rollout.raw[cell(t, row)] = answer;
            continue;
        };
        // `max` leaves out what is not a number.
        best[row] = best[row].max(answer);
        if look.ended {
            rollout.raw[cell(t, row)] = std::mem::replace(&mut best[row], f32::NAN);
        }
    }
}
