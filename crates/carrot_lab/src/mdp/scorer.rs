//! Any reward on every transition of an exact model, by the code that scores rollouts.

use carrot_reward::{Body, Graph, GraphRevision, RewardModels, Stage, Transition, score_transitions};
use carrot_sim::{CAUSE_NONE, CAUSE_TIME_LIMIT, Cause, Mdp, SignalCatalog, SignalView, TaskSpec};

use crate::error::LabError;

/// Transitions that are scored at a time.
const BLOCK: usize = 1 << 14;

/// Scores the transitions of a model under one reward.
pub struct TransitionScorer<'a> {
    graph: &'a Graph,
    revision: GraphRevision,
    mdp: &'a Mdp,
    catalog: SignalCatalog,
    /// First action column; those as given follow those as applied.
    actions: usize,
    /// Columns that the reward reads.
    reads: Vec<usize>,
    /// State and action of each transition.
    sources: Vec<(u32, u32)>,
}

/// What a model does not know: values to try, to see whether a reward asks for it.
#[derive(Debug, Clone, Copy)]
struct Unknown {
    action_before: f32,
    truncated: bool,
    score: f32,
}

impl Unknown {
    const NOTHING: Self = Self { action_before: 0.0, truncated: false, score: 0.0 };
    const CASES: [(Self, &'static str); 3] = [
        (Self { action_before: 1.0, ..Self::NOTHING }, "the action before the last one"),
        (Self { truncated: true, ..Self::NOTHING }, "truncation, which depends on the step count"),
        (Self { score: 1.0, ..Self::NOTHING }, "the score, which depends on the step count"),
    ];
}

impl<'a> TransitionScorer<'a> {
    /// # Errors
    /// When the reward changes during training, or reads what is not in the model's states.
    pub fn new(spec: &TaskSpec, graph: &'a Graph, mdp: &'a Mdp) -> Result<Self, LabError> {
        let moving = |stage: &&Stage| matches!(stage, Stage::RunningNorm { .. } | Stage::Anneal { .. });
        if let Some(stage) = graph.nodes.iter().flat_map(|node| &node.stages).find(moving) {
            return Err(LabError::Refused(format!(
                "the reward changes during training (`{}`), so it has no one optimum",
                stage.name()
            )));
        }
        let catalog = spec.catalog();
        let terms = graph.nodes.iter().filter_map(|node| match &node.body {
            Body::Term(kind, _) => Some(kind),
            Body::Combine(..) => None,
        });
        let mut reads: Vec<usize> = terms
            .flat_map(|kind| kind.signals())
            .flat_map(|signal| signal.id.0..signal.id.0 + signal.width)
            .collect();
        reads.sort_unstable();
        reads.dedup();
        let sources = mdp.sources().map(|(state, action)| (state as u32, action as u32)).collect();
        let (revision, actions) = (GraphRevision::initial(graph), catalog.width() - 2 * spec.action.width());
        let scorer = Self { graph, revision, mdp, catalog, actions, reads, sources };
        scorer.refuse_unknowns()?;
        Ok(scorer)
    }

    /// Whether the reward reads a signal that depends on the step count.
    pub fn reads_clock(&self) -> bool {
        self.mdp.clocks.iter().any(|clock| self.reads.contains(&clock.column))
    }

    /// Writes the reward of every transition at a step of an episode, from 0; the step matters to clocks only.
    ///
    /// # Shapes
    /// `rewards` `[T]`.
    ///
    /// # Errors
    /// When the reward needs a model that is not there.
    pub fn rewards(&self, step: usize, rewards: &mut [f64]) -> Result<(), LabError> {
        for (i, block) in rewards.chunks_mut(BLOCK).enumerate() {
            self.score(step, i * BLOCK, Unknown::NOTHING, block)?;
        }
        Ok(())
    }

    fn refuse_unknowns(&self) -> Result<(), LabError> {
        let len = self.mdp.num_transitions().min(BLOCK);
        let (mut known, mut other) = (vec![0.0; len], vec![0.0; len]);
        for first in (0..self.mdp.num_transitions()).step_by(BLOCK) {
            let len = BLOCK.min(self.mdp.num_transitions() - first);
            self.score(0, first, Unknown::NOTHING, &mut known[..len])?;
            for (unknown, what) in Unknown::CASES {
                self.score(0, first, unknown, &mut other[..len])?;
                if known[..len] != other[..len] {
                    return Err(LabError::Refused(format!(
                        "the reward depends on {what}; an exact model knows the state alone"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Scores the transitions from `first` on.
    fn score(
        &self,
        step: usize,
        first: usize,
        unknown: Unknown,
        rewards: &mut [f64],
    ) -> Result<(), LabError> {
        let (mdp, len) = (self.mdp, rewards.len());
        let (sources, next) = (&self.sources[first..first + len], &mdp.next[first..first + len]);
        let width = self.catalog.width();
        let (mut before, mut now) = (vec![0.0; width * len], vec![0.0; width * len]);
        for &column in &self.reads {
            let (before, now) = (&mut before[column * len..][..len], &mut now[column * len..][..len]);
            let clock = mdp.clocks.iter().find(|clock| clock.column == column);
            if let Some(clock) = clock {
                let at = |step: usize| clock.values[step.min(clock.values.len() - 1)];
                before.fill(at(step));
                now.fill(at(step + 1));
            } else if column >= self.actions {
                before.fill(unknown.action_before);
                now.iter_mut().zip(sources).for_each(|(value, (_, action))| *value = *action as f32);
            } else {
                let values = mdp.column(column);
                before
                    .iter_mut()
                    .zip(sources)
                    .for_each(|(value, (state, _))| *value = values[*state as usize]);
                now.iter_mut().zip(next).for_each(|(value, state)| *value = values[*state as usize]);
            }
        }
        let own: Vec<Cause> = next.iter().map(|&state| mdp.cause[state as usize]).collect();
        let terminated: Vec<bool> = own.iter().map(|&cause| cause != CAUSE_NONE).collect();
        let cut = if unknown.truncated { CAUSE_TIME_LIMIT } else { CAUSE_NONE };
        let cause: Vec<Cause> = own.iter().map(|&own| if own == CAUSE_NONE { cut } else { own }).collect();
        let success: Vec<bool> = next.iter().map(|&state| mdp.success[state as usize]).collect();
        let transition = Transition {
            before: SignalView::new(&before, len),
            now: SignalView::new(&now, len),
            terminated: &terminated,
            truncated: &vec![unknown.truncated; len],
            cause: &cause,
            success: &success,
            score: &vec![unknown.score; len],
        };
        let mut models = RewardModels::new();
        let scored = score_transitions(self.graph, &self.revision, &mut models, &self.catalog, &transition)?;
        rewards.fill(0.0);
        for total in &scored.totals {
            rewards.iter_mut().zip(total).for_each(|(reward, &x)| *reward += f64::from(x));
        }
        Ok(())
    }
}
