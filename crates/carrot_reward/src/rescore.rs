//! Scoring a recorded episode again, under the reward it was made with or under any other.

use carrot_sim::{Cause, SignalView};

use crate::error::RewardError;
use crate::graph::{Body, Graph};
use crate::kind::Transition;
use crate::model::{RewardModels, StepRows, find, input_columns};
use crate::question::Asked;
use crate::revision::{GraphRevision, NodeRevision};
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

/// Scores an episode. Steps of one revision are scored together; the bits equal the online ones.
///
/// # Errors
/// When the columns do not fit together, or a revision or model is missing.
pub fn rescore<'r>(
    graph: &Graph,
    revision: impl Fn(u32) -> Option<&'r GraphRevision>,
    models: &mut RewardModels,
    catalog: &carrot_sim::SignalCatalog,
    steps: &RecordedSteps<'_>,
) -> Result<Rescored, RewardError> {
    let len = steps.terminated.len();
    let expected = steps.columns * (len + 1);
    if steps.signals.len() != expected || steps.columns != catalog.width() {
        return Err(RewardError::Shape { what: "signal values", given: steps.signals.len(), expected });
    }
    let pick = |offset: usize| -> Vec<f32> {
        steps.signals.chunks(len + 1).flat_map(|column| column[offset..offset + len].to_vec()).collect()
    };
    let (before, now) = (pick(0), pick(1));
    let transition = Transition {
        before: SignalView::new(&before, len),
        now: SignalView::new(&now, len),
        terminated: steps.terminated,
        truncated: steps.truncated,
        cause: steps.cause,
        success: steps.success,
        score: steps.score,
    };
    let mut result = Rescored::zeroed(graph, len);
    let mut raw: Vec<f32> = Vec::new();
    let mut evaluated: Option<&GraphRevision> = None;
    let mut start = 0;
    while start < len {
        let number = steps.revision[start];
        let run = steps.revision[start..].iter().take_while(|&&r| r == number).count();
        let state = revision(number).ok_or(RewardError::NoRevision(number))?;
        // Raw values depend on a revision through the parameters and the versions of models alone.
        if !evaluated.is_some_and(|earlier| same_raws(earlier, state)) {
            raw = raw_columns(graph, state, models, catalog, &transition, Some(steps.asked))?;
            evaluated = Some(state);
        }
        let whole = Columns { raw: &raw, terminated: steps.terminated, cause: steps.cause };
        score_span(graph, state, &whole, start..start + run, &mut result);
        start += run;
    }
    Ok(result)
}

/// Whether all terms have the same parameters and models of the same version in two revisions.
fn same_raws(a: &GraphRevision, b: &GraphRevision) -> bool {
    let what = |node: &'_ NodeRevision| (node.model, node.params.clone());
    a.nodes.iter().map(what).eq(b.nodes.iter().map(what))
}

/// The raw columns that a graph's terms write for a batch of transitions, `[R, N]`; where they are the steps
/// of one episode, it comes with what was asked about its pictures.
fn raw_columns(
    graph: &Graph,
    revision: &GraphRevision,
    models: &mut RewardModels,
    catalog: &carrot_sim::SignalCatalog,
    transition: &Transition<'_>,
    episode: Option<&[(Asked, Vec<f32>)]>,
) -> Result<Vec<f32>, RewardError> {
    let len = transition.terminated.len();
    let columns = graph.nodes.iter().map(|node| match &node.body {
        Body::Term(_, slots) => slots.now.max(slots.before.unwrap_or(0)) + 1,
        Body::Combine(..) => 0,
    });
    let mut raw = vec![0.0_f32; columns.max().unwrap_or(0) * len];
    for (node, state) in graph.nodes.iter().zip(&revision.nodes) {
        let Body::Term(kind, slots) = &node.body else { continue };
        let kind = kind.with_params(&state.params);
        if let Some(own) = kind.asked() {
            let found = episode.unwrap_or_default().iter().find(|(other, _)| other == own);
            let (_, answers) = found.ok_or_else(|| RewardError::NoPictures(own.model.clone()))?;
            raw[slots.now * len..][..len].copy_from_slice(answers);
        } else if let Some(name) = kind.model() {
            let model = find(models, name, state.model)?;
            let inputs = input_columns(model.as_ref(), catalog)?;
            let features: Vec<f32> = (0..len)
                .flat_map(|t| inputs.iter().map(move |&c| (c, t)))
                .map(|(c, t)| transition.now.column(c)[t])
                .collect();
            let out = &mut raw[slots.now * len..][..len];
            let ended: Vec<bool> =
                transition.terminated.iter().zip(transition.truncated).map(|(a, b)| *a || *b).collect();
            let steps = StepRows { features: &features, rows: 1, ended: &ended, fresh: true };
            let scored = match episode {
                Some(_) => model.score_steps(&steps, out),
                None => model.score(&features, out),
            };
            scored.map_err(|why| RewardError::Model { name: name.into(), why })?;
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
    catalog: &carrot_sim::SignalCatalog,
    transition: &Transition<'_>,
) -> Result<Rescored, RewardError> {
    let len = transition.terminated.len();
    let raw = raw_columns(graph, revision, models, catalog, transition, None)?;
    let columns = Columns { raw: &raw, terminated: transition.terminated, cause: transition.cause };
    let mut outputs = vec![0.0; graph.nodes.len() * len];
    let mut totals = vec![vec![0.0; len]; graph.groups.len()];
    let mut slices: Vec<&mut [f32]> = totals.iter_mut().map(Vec::as_mut_slice).collect();
    score(graph, revision, &columns, &mut outputs, &mut slices);
    Ok(Rescored { outputs, totals })
}

/// Scores steps `span` of an episode as a batch of their own.
fn score_span(
    graph: &Graph,
    state: &GraphRevision,
    whole: &Columns<'_>,
    span: std::ops::Range<usize>,
    result: &mut Rescored,
) {
    let (len, run) = (whole.terminated.len(), span.len());
    let cut =
        |data: &[f32]| -> Vec<f32> { data.chunks(len).flat_map(|c| c[span.clone()].to_vec()).collect() };
    let raw = cut(whole.raw);
    let columns =
        Columns { raw: &raw, terminated: &whole.terminated[span.clone()], cause: &whole.cause[span.clone()] };
    let mut outputs = vec![0.0; graph.nodes.len() * run];
    let mut totals = vec![vec![0.0; run]; graph.groups.len()];
    let mut slices: Vec<&mut [f32]> = totals.iter_mut().map(Vec::as_mut_slice).collect();
    score(graph, state, &columns, &mut outputs, &mut slices);
    for (node, values) in outputs.chunks(run).enumerate() {
        result.outputs[node * len..][span.clone()].copy_from_slice(values);
    }
    for (group, values) in totals.iter().enumerate() {
        result.totals[group][span.clone()].copy_from_slice(values);
    }
}
