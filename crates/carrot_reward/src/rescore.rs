//! Scoring a recorded episode again, under the reward it was made with or under any other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use carrot_sim::{Cause, SignalCatalog, SignalView};

use crate::error::RewardError;
use crate::graph::{Body, Graph};
use crate::kind::Transition;
use crate::model::{RewardModels, StepRows, find, input_columns};
use crate::question::Asked;
use crate::revision::GraphRevision;
use crate::score::{Columns, score};

/// What a recorded episode offers: T + 1 signal rows and T step rows.
///
/// # Shapes
/// `signals` `[S, T + 1]` column-major, everything else `[T]`.
#[derive(Debug, Clone, Copy)]
pub struct RecordedSteps<'a> {
    /// Signal columns, the first entry of each being s₀.
    pub signals: &'a [f32],
    /// Number of signal columns.
    pub columns: usize,
    /// Ended by the task.
    pub terminated: &'a [bool],
    /// Cut.
    pub truncated: &'a [bool],
    /// Causes.
    pub cause: &'a [Cause],
    /// Truth.
    pub success: &'a [bool],
    /// Truth.
    pub score: &'a [f32],
    /// Revision in force at each step.
    pub revision: &'a [u32],
    /// What was asked about pictures of these steps, and the answers that were paid.
    pub asked: &'a [(Asked, Vec<f32>)],
}

/// An episode under a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Rescored {
    /// Output of every node, `[K, T]`.
    pub outputs: Vec<f32>,
    /// Reward of every group, `[G][T]`.
    pub totals: Vec<Vec<f32>>,
}

impl Rescored {
    fn zeroed(graph: &Graph, len: usize) -> Self {
        let totals = vec![vec![0.0; len]; graph.groups.len()];
        Self { outputs: vec![0.0; graph.nodes.len() * len], totals }
    }

    /// Return over all groups, summed in f64 in step order.
    pub fn episode_return(&self) -> f64 {
        let steps = self.totals.first().map_or(0, Vec::len);
        (0..steps).flat_map(|t| self.totals.iter().map(move |g| f64::from(g[t]))).sum()
    }
}

/// Scores an episode. Steps of one revision are scored together, in their order, so that a model remembers what it met
/// and paid in the version of that time; the bits equal the online ones.
///
/// # Errors
/// When the columns do not fit together, or a revision or model is missing.
pub fn rescore<'r>(
    graph: &Graph,
    revision: impl Fn(u32) -> Option<&'r GraphRevision>,
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    steps: &RecordedSteps<'_>,
) -> Result<Rescored, RewardError> {
    let len = steps.terminated.len();
    let expected = steps.columns * (len + 1);
    if steps.signals.len() != expected || steps.columns != catalog.width() {
        return Err(RewardError::Shape { what: "signal values", given: steps.signals.len(), expected });
    }
    let mut result = Rescored::zeroed(graph, len);
    let mut start = 0;
    while start < len {
        let number = steps.revision[start];
        let run = steps.revision[start..].iter().take_while(|&&r| r == number).count();
        let state = revision(number).ok_or(RewardError::NoRevision(number))?;
        let span = start..start + run;
        let pick = |offset: usize| -> Vec<f32> {
            let columns = steps.signals.chunks(len + 1);
            columns.flat_map(|column| &column[span.start + offset..span.end + offset]).copied().collect()
        };
        let (before, now) = (pick(0), pick(1));
        let transition = Transition {
            before: SignalView::new(&before, run),
            now: SignalView::new(&now, run),
            terminated: &steps.terminated[span.clone()],
            truncated: &steps.truncated[span.clone()],
            cause: &steps.cause[span.clone()],
            success: &steps.success[span.clone()],
            score: &steps.score[span.clone()],
        };
        let own = Some(Span { asked: steps.asked, steps: span.clone() });
        let scored = score_batch(graph, state, models, catalog, &transition, own)?;
        for (node, values) in scored.outputs.chunks(run).enumerate() {
            result.outputs[node * len..][span.clone()].copy_from_slice(values);
        }
        for (group, values) in scored.totals.iter().enumerate() {
            result.totals[group][span.clone()].copy_from_slice(values);
        }
        start += run;
    }
    Ok(result)
}

/// Steps of one episode, and what was asked about its pictures.
struct Span<'a> {
    asked: &'a [(Asked, Vec<f32>)],
    steps: std::ops::Range<usize>,
}

/// The raw columns that a graph's terms write for a batch of transitions, `[R, N]`: steps of an episode one after the
/// other, or such as have nothing to do with each other.
fn raw_columns(
    graph: &Graph,
    revision: &GraphRevision,
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    transition: &Transition<'_>,
    episode: Option<&Span<'_>>,
) -> Result<Vec<f32>, RewardError> {
    let len = transition.terminated.len();
    let columns = graph.nodes.iter().map(|node| match &node.body {
        Body::Term(_, slots) => slots.now.max(slots.before.unwrap_or(0)) + 1,
        Body::Combine(..) => 0,
    });
    let mut raw = vec![0.0_f32; columns.max().unwrap_or(0) * len];
    // A model is asked once, however many terms it pays: it may remember what it is asked.
    let mut answers: BTreeMap<(&str, Option<u32>), Vec<f32>> = BTreeMap::new();
    for (node, state) in graph.nodes.iter().zip(&revision.nodes) {
        let Body::Term(own, slots) = &node.body else { continue };
        let kind = own.with_params(&state.params);
        if let Some(asked) = kind.asked() {
            let found = episode.and_then(|span| {
                let (_, answers) = span.asked.iter().find(|(other, _)| other == asked)?;
                answers.get(span.steps.clone())
            });
            let answers = found.ok_or_else(|| RewardError::NoPictures(asked.model.clone()))?;
            raw[slots.now * len..][..len].copy_from_slice(answers);
        } else if let Some(name) = own.model() {
            let known = match answers.entry((name, state.model)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(own) => {
                    own.insert(ask(name, state.model, models, catalog, transition, episode)?)
                }
            };
            raw[slots.now * len..][..len].copy_from_slice(known);
        } else {
            kind.evaluate(transition, &mut raw[slots.now * len..][..len]);
        }
        if let Some(column) = slots.before {
            kind.evaluate(
                &Transition { now: transition.before, ..*transition },
                &mut raw[column * len..][..len],
            );
        }
    }
    Ok(raw)
}

/// Scores transitions that have nothing to do with each other, such as a mini-batch of a replay buffer or those of
/// an exact model, under one revision; each is scored to the bits that it would have been paid live.
///
/// # Errors
/// When a model or one of its signals is missing.
pub fn score_transitions(
    graph: &Graph,
    revision: &GraphRevision,
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    transition: &Transition<'_>,
) -> Result<Rescored, RewardError> {
    score_batch(graph, revision, models, catalog, transition, None)
}

fn score_batch(
    graph: &Graph,
    revision: &GraphRevision,
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    transition: &Transition<'_>,
    episode: Option<Span<'_>>,
) -> Result<Rescored, RewardError> {
    let raw = raw_columns(graph, revision, models, catalog, transition, episode.as_ref())?;
    let columns = Columns { raw: &raw, terminated: transition.terminated, cause: transition.cause };
    let mut result = Rescored::zeroed(graph, transition.terminated.len());
    let mut slices: Vec<&mut [f32]> = result.totals.iter_mut().map(Vec::as_mut_slice).collect();
    score(graph, revision, &columns, &mut result.outputs, &mut slices);
    Ok(result)
}

/// What a model says of a batch in a version.
fn ask(
    name: &str,
    version: Option<u32>,
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    transition: &Transition<'_>,
    episode: Option<&Span<'_>>,
) -> Result<Vec<f32>, RewardError> {
    let len = transition.terminated.len();
    let model = find(models, name, version)?;
    let inputs = input_columns(model.as_ref(), catalog)?;
    let rows = |view: SignalView<'_>| -> Vec<f32> {
        (0..len).flat_map(|t| inputs.iter().map(move |&c| (c, t))).map(|(c, t)| view.column(c)[t]).collect()
    };
    let now = rows(transition.now);
    let before = if model.compares() { rows(transition.before) } else { Vec::new() };
    let mut out = vec![0.0; len];
    let scored = match episode {
        None => model.score_between(&before, &now, &mut out),
        Some(span) => {
            let both = transition.terminated.iter().zip(transition.truncated);
            let ended: Vec<bool> = both.map(|(a, b)| *a || *b).collect();
            let fresh = span.steps.start == 0;
            let steps = StepRows { before: &before, features: &now, rows: 1, ended: &ended, fresh };
            model.score_steps(&steps, &mut out)
        }
    };
    scored.map_err(|why| RewardError::Model { name: name.into(), why })?;
    Ok(out)
}
