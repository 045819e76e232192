//! What a training drives: whoever acts, learns from rollouts, and can be saved.

use std::collections::BTreeMap;

use carrot_reward::{Graph, GraphRevision, RewardError, RewardModels};
use carrot_sim::{PartSlice, Rollout, SignalCatalog};
use serde::{Deserialize, Serialize};

use crate::ppo::{CloningConfig, CloningReport, ShownSteps};
use crate::{LearnError, Memory};

/// Named byte blobs of a checkpoint.
pub type Parts = BTreeMap<String, Vec<u8>>;

/// Numbers of an update under the tags of `metrics.jsonl`.
pub type Scalars = Vec<(&'static str, f64)>;

/// How far the training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Rollouts learned from.
    pub updates: u64,
    /// Env steps learned from.
    pub steps: u64,
    /// Mini-batches left out because their loss or gradient was not finite.
    pub skipped_updates: u64,
}

/// A finished rollout, what it was paid, and by what.
#[derive(Clone, Copy)]
pub struct Experience<'a> {
    /// The steps.
    pub rollout: &'a Rollout,
    /// Rewards of each group, `G x [T, N]`.
    pub rewards: &'a [Vec<f32>],
    /// The trained reward.
    pub graph: &'a Graph,
    /// Its revision in force.
    pub revision: &'a GraphRevision,
    /// The number of that revision.
    pub number: u32,
}

/// A learner. The order of calls is
///
/// ```text
/// for each rollout: begin_rollout; for each step: act -> env.step -> after_step; finalise -> update
/// ```
///
/// A learner never changes a reward. On the CPU its numbers depend on settings, seed and steps alone.
pub trait Learner: Send {
    /// How far the training is.
    fn counters(&self) -> Counters;

    /// Forgets the steps of a rollout that will not be learned from.
    fn begin_rollout(&mut self) {}

    /// Acts for the next step, exploring; `global_step` counts the steps of each env.
    ///
    /// # Shapes
    /// `obs` holds N rows of each part, `actions` is `[N, A]`; a choice is a whole number from 0.
    ///
    /// # Errors
    /// When a buffer does not fit.
    fn act(&mut self, obs: &[PartSlice<'_>], global_step: u64, actions: &mut [f32])
    -> Result<(), LearnError>;

    /// Looks at the step just taken, the last one filled of the rollout: an episode's end ends what was
    /// remembered of it.
    ///
    /// # Errors
    /// When libtorch refuses.
    fn after_step(&mut self, rollout: &Rollout) -> Result<(), LearnError> {
        let _ = rollout;
        Ok(())
    }

    /// Learns from a finished rollout; gives what there is to tell.
    ///
    /// # Errors
    /// When the rollout is not the one acted for, or a buffer does not fit.
    fn update(&mut self, experience: &Experience<'_>) -> Result<Scalars, LearnError>;

    /// Fits the policy to what was shown, before it learns from what is paid.
    ///
    /// # Errors
    /// When this learner cannot, or what was shown does not fit.
    fn clone_behaviour(
        &mut self,
        shown: &ShownSteps,
        config: &CloningConfig,
    ) -> Result<CloningReport, LearnError> {
        let _ = (shown, config);
        Err(LearnError::Space("this learner cannot be shown anything; Ppo can".into()))
    }

    /// Discounts the rewards of a group so, from the next update on. Learners that do not tell groups apart do nothing.
    fn set_discount(&mut self, group: usize, gamma: f32) {
        let _ = (group, gamma);
    }

    /// Asks models again that pay by newer versions about the steps in store; they are worth what is said from the next
    /// update on. Learners that store no steps do nothing.
    ///
    /// # Errors
    /// When a model fails.
    fn refill(
        &mut self,
        graph: &Graph,
        models: &mut RewardModels,
        catalog: &SignalCatalog,
    ) -> Result<(), RewardError> {
        let _ = (graph, models, catalog);
        Ok(())
    }

    /// What the policy remembers of `rows` fresh episodes, for [`Learner::evaluate`].
    ///
    /// # Errors
    /// When libtorch refuses.
    fn memory(&self, rows: usize) -> Result<Memory, LearnError> {
        let _ = rows;
        Ok(Memory::default())
    }

    /// Acts without a trace, for evaluation; without `explore` a row's best action.
    ///
    /// # Shapes
    /// Like [`Learner::act`]; `memory` is of as many rows.
    ///
    /// # Errors
    /// When a buffer does not fit.
    fn evaluate(
        &self,
        memory: &mut Memory,
        obs: &[PartSlice<'_>],
        global_step: u64,
        explore: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError>;

    /// Everything that training goes on from, as named parts; call it between two rollouts.
    ///
    /// # Errors
    /// When libtorch refuses a copy.
    fn save(&self) -> Result<Parts, LearnError>;

    /// Continues from saved parts; on the CPU, bit for bit.
    ///
    /// # Errors
    /// When a part is missing or does not fit; nothing is changed then.
    fn load(&mut self, parts: &Parts) -> Result<(), LearnError>;
}
