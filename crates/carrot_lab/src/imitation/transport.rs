//! The cost of moving an agent's states onto a demonstration's, beside a training.

use carrot_learn::Parts;
use carrot_learn::imitation::{Discount, Transport};
use carrot_reward::{Ledger, RewardModel};
use carrot_sim::Rollout;

use super::demonstrations::rows;
use super::{ImitationMethod, ImitationSpec};
use crate::error::LabError;
use crate::learned::{LearnedReward, learned_state, read_learned_state};
use crate::setup::Setup;
use crate::versions::PublishedVersion;

const STATE: &str = "transport.postcard";

/// The reward on its way: nothing is fitted, but a discount may grow.
pub(crate) struct Moved {
    spec: ImitationSpec,
    transport: Transport,
    version: u32,
    discount: Option<Discount>,
    /// Whether each row begins an episode with the next rollout.
    fresh: Vec<bool>,
}

impl Moved {
    /// Watches the demonstrations.
    pub(crate) fn new(spec: ImitationSpec, setup: &Setup) -> Result<Self, LabError> {
        let ImitationMethod::Transport { config, discount } = &spec.method else {
            return Err(LabError::Refused("this imitation has a network".into()));
        };
        let episodes = spec.demonstrations.episodes(setup)?;
        let shown: Vec<Vec<f32>> = episodes.iter().map(|own| rows(own, &spec.inputs, false)).collect();
        let transport = Transport::new(config.clone(), spec.inputs.names.clone(), &shown)?;
        let discount = discount.clone().map(Discount::new);
        let fresh = vec![true; setup.batch().num_envs];
        Ok(Self { spec, transport, version: 1, discount, fresh })
    }

    /// States of the rollout's episodes from their beginnings on.
    fn beginnings(&mut self, rollout: &Rollout) -> Vec<Vec<f32>> {
        let (n, inputs) = (rollout.num_envs, &self.spec.inputs);
        let Some(all) = rollout.rows_now(&inputs.columns) else { return Vec::new() };
        let mut found: Vec<Vec<f32>> = Vec::new();
        let mut open: Vec<Vec<f32>> = vec![Vec::new(); n];
        for (cell, row) in all.chunks_exact(inputs.columns.len()).enumerate() {
            let env = cell % n;
            if self.fresh[env] {
                open[env].extend_from_slice(row);
            }
            if rollout.terminated[cell] || rollout.truncated[cell] {
                found.push(std::mem::take(&mut open[env]));
                self.fresh[env] = true;
            }
        }
        // What goes on was seen from its beginning; its rest will not be.
        for (fresh, own) in self.fresh.iter_mut().zip(open) {
            *fresh &= own.is_empty();
            found.push(own);
        }
        found.retain(|own| !own.is_empty());
        found
    }
}

impl LearnedReward for Moved {
    fn name(&self) -> &str {
        &self.spec.model
    }

    fn model(&self) -> Box<dyn RewardModel> {
        Box::new(self.transport.at(self.version))
    }

    fn first_version(&self) -> Result<Option<PublishedVersion>, LabError> {
        let (model, version) = (self.spec.model.clone(), self.version);
        Ok(Some(PublishedVersion { model, version, parts: self.transport.published(version)? }))
    }

    fn after_rollout(
        &mut self,
        rollout: &Rollout,
        _ledger: &Ledger,
    ) -> Result<Option<PublishedVersion>, LabError> {
        let beginnings = self.beginnings(rollout);
        if let Some(discount) = &mut self.discount {
            discount.follow(&self.transport, &beginnings);
        }
        // Every rollout comes under a version of its own, by which its piece of an episode is known again.
        self.version += 1;
        self.first_version()
    }

    fn discount(&self) -> Option<f32> {
        self.discount.as_ref().map(Discount::gamma)
    }

    fn scalars(&self) -> Vec<(String, f64)> {
        let Some(discount) = &self.discount else { return Vec::new() };
        vec![
            ("imitation/progress".into(), discount.progress() as f64),
            ("imitation/gamma".into(), f64::from(discount.gamma())),
        ]
    }

    fn save(&self) -> Result<Parts, LabError> {
        learned_state(STATE, &(self.version, &self.discount, &self.fresh))
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LabError> {
        (self.version, self.discount, self.fresh) = read_learned_state(STATE, parts)?;
        Ok(())
    }
}
