//! A reward from demonstrations, beside a training: who shows it, and what is published.

mod cloning;
mod demonstrations;
mod transport;

use carrot_learn::imitation::{
    AdversaryConfig, AdversaryReport, AdversaryReward, AdversaryTrainer, DiscountConfig, Transport,
    TransportConfig,
};
use carrot_learn::preference::Published;
use carrot_learn::{LearnerConfig, Parts};
use carrot_reward::{Graph, Ledger, RewardModel};
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::{Rollout, Task};

pub use cloning::CloningSpec;
pub use demonstrations::Demonstrations;
use demonstrations::rows;
use transport::Moved;

use crate::error::LabError;
use crate::learned::{Inputs, LastNet, LearnedReward, read_model, read_settings};
use crate::setup::Setup;
use crate::versions::PublishedVersion;

/// A reward that terms read as a model.
///
/// ```ron
/// reward: [(name: "alike", kind: Model(name: "alike"))],
/// imitation: (model: "alike", demonstrations: Script(episodes: 10), network: (penalty: 10.0)),
/// // or without a network:
/// imitation: (model: "alike", demonstrations: Script(episodes: 1), transport: (), discount: (alpha: 0.2)),
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ImitationSpec {
    /// Name of the model.
    pub model: String,
    /// Who shows it.
    pub demonstrations: Demonstrations,
    /// What is paid.
    pub method: ImitationMethod,
    inputs: Inputs,
}

/// What is paid for being like a demonstration.
#[derive(Debug, Clone, PartialEq)]
pub enum ImitationMethod {
    /// What a network says that tells expert from agent.
    Adversary {
        /// What is made of it.
        reward: AdversaryReward,
        /// The network.
        network: AdversaryConfig,
    },
    /// What it costs to move the agent's states onto the demonstration's.
    Transport {
        /// How they are moved.
        config: TransportConfig,
        /// How the discount of the reward's group grows, if it does.
        discount: Option<DiscountConfig>,
    },
}

impl ImitationSpec {
    /// Reads the part; every mistake is reported.
    pub(crate) fn read(
        node: &NodeRef,
        task: &dyn Task,
        graphs: &[Graph],
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let before = diagnostics.len();
        let mut reader = Reader::open(node, diagnostics)?;
        let model = read_model(&mut reader, graphs);
        let demonstrations = Demonstrations::read(&mut reader, task);
        let inputs = Inputs::read(&mut reader, task);
        let reward = reader.optional("reward", AdversaryReward::default());
        let [network, transport, discount] =
            ["network", "transport", "discount"].map(|name| reader.node(name));
        if transport.is_some() && (network.is_some() || reader.has("reward")) {
            let help = "leave out `network` and `reward`, or `transport`";
            reader.refuse("transport", "a coupling has no network", help);
        } else if transport.is_none() && discount.is_some() {
            let message = "a discount grows with what is followed of a coupling";
            reader.refuse("discount", message, "add `transport: ()`");
        }
        reader.finish();
        let method = match transport {
            Some(node) => ImitationMethod::Transport {
                config: read_settings(&node, TransportConfig::read, diagnostics)?,
                discount: match discount {
                    Some(node) => Some(read_settings(&node, DiscountConfig::read, diagnostics)?),
                    None => None,
                },
            },
            None => ImitationMethod::Adversary {
                reward,
                network: match network {
                    Some(node) => read_settings(&node, AdversaryConfig::read, diagnostics)?,
                    None => AdversaryConfig::default(),
                },
            },
        };
        let spec = Self { model: model?, demonstrations: demonstrations?, method, inputs };
        (diagnostics.len() == before).then_some(spec)
    }

    /// Names of the signals that it reads.
    pub fn inputs(&self) -> &[String] {
        &self.inputs.names
    }

    /// Refuses a shaped reward whose gamma is not the learner's, and a discount that a learner cannot follow.
    pub(crate) fn check_learner(
        &self,
        learner: &LearnerConfig,
        graph: &Graph,
        node: &NodeRef,
        diagnostics: &mut Diagnostics,
    ) {
        let (place, mut nodes) = (node.head(), graph.models().into_iter());
        match &self.method {
            ImitationMethod::Adversary { reward: AdversaryReward::Shaped { gamma }, .. } => {
                let own = |(name, node, _): (&str, usize, usize)| {
                    (name == self.model).then(|| learner.gamma_of(graph.group_of(node)))
                };
                if let Some(other) = nodes.filter_map(own).find(|other| other != gamma) {
                    let message = format!("this shaped reward has gamma {gamma}, the learner has {other}");
                    let help = format!("write `reward: Shaped(gamma: {other})`");
                    diagnostics.error(&place, message, "they must be equal", help);
                }
            }
            ImitationMethod::Transport { discount: Some(_), .. }
                if !matches!(learner, LearnerConfig::Ppo(_))
                    || !nodes.any(|(name, ..)| name == self.model) =>
            {
                let help = "leave `discount` out, or let Ppo learn from a term that reads the model";
                diagnostics.error(&place, "no discount that can grow reads this reward", "", help);
            }
            _ => {}
        }
    }

    /// The model before anything is published.
    pub(crate) fn nothing(&self) -> Box<dyn RewardModel> {
        let names = self.inputs.names.clone();
        match &self.method {
            ImitationMethod::Adversary { .. } => Box::new(Published::nothing(names)),
            ImitationMethod::Transport { config, .. } => Box::new(Transport::nothing(config.clone(), names)),
        }
    }

    /// The reward, about to learn.
    pub(crate) fn begin(&self, setup: &Setup, seed: u64) -> Result<Box<dyn LearnedReward>, LabError> {
        Ok(match &self.method {
            ImitationMethod::Adversary { reward, network } => {
                let episodes = self.demonstrations.episodes(setup)?;
                let of_steps = reward.compares();
                let expert: Vec<f32> =
                    episodes.iter().flat_map(|own| rows(own, &self.inputs, of_steps)).collect();
                let (inputs, ranges) = (self.inputs.names.clone(), &self.inputs.ranges);
                let trainer = AdversaryTrainer::new(network.clone(), inputs, ranges, &expert, *reward, seed)?;
                Box::new(Imitation {
                    spec: self.clone(),
                    of_steps,
                    trainer,
                    published: LastNet::default(),
                    report: None,
                })
            }
            ImitationMethod::Transport { .. } => Box::new(Moved::new(self.clone(), setup)?),
        })
    }
}

/// The reward on its way.
struct Imitation {
    spec: ImitationSpec,
    /// Whether steps are told apart, not states.
    of_steps: bool,
    trainer: AdversaryTrainer,
    published: LastNet,
    report: Option<AdversaryReport>,
}

impl LearnedReward for Imitation {
    fn name(&self) -> &str {
        &self.spec.model
    }

    fn model(&self) -> Box<dyn RewardModel> {
        Box::new(self.published.model(&self.spec.inputs.names))
    }

    fn after_rollout(
        &mut self,
        rollout: &Rollout,
        _ledger: &Ledger,
    ) -> Result<Option<PublishedVersion>, LabError> {
        let inputs = &self.spec.inputs;
        let rows = if self.of_steps { inputs.steps(rollout) } else { inputs.rows(rollout) };
        let report = self.trainer.learn(&rows)?;
        self.report = Some(report);
        if !report.kept {
            return Ok(None);
        }
        let net = self.trainer.publish()?;
        self.published.publish(&self.spec.model, net).map(Some)
    }

    fn warning(&self) -> Option<String> {
        let refused = self.report.filter(|report| !report.kept);
        refused.map(|_| self.published.taken_back(&self.spec.model, "a rollout"))
    }

    fn scalars(&self) -> Vec<(String, f64)> {
        let Some(report) = self.report else { return Vec::new() };
        let kept = f64::from(u8::from(report.kept));
        let values =
            [("loss", report.loss), ("accuracy", report.accuracy), ("slope", report.slope), ("kept", kept)];
        values.into_iter().map(|(tag, value)| (format!("imitation/{tag}"), value)).collect()
    }

    fn save(&self) -> Result<Parts, LabError> {
        let mut parts = self.trainer.save()?;
        self.published.save(&mut parts)?;
        Ok(parts)
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LabError> {
        self.trainer.load(parts)?;
        self.published = LastNet::load(parts)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_fit_that_was_taken_back_is_named_with_what_keeps_rewarding() {
        let network = AdversaryConfig::default();
        let inputs = Inputs { names: vec!["x".into()], columns: vec![0], ranges: vec![(0.0, 1.0)] };
        let reward = AdversaryReward::default();
        let trainer = AdversaryTrainer::new(
            network.clone(),
            inputs.names.clone(),
            &inputs.ranges,
            &[0.1, 0.2],
            reward,
            1,
        );
        let spec = ImitationSpec {
            model: "alike".into(),
            demonstrations: Demonstrations::Script { name: "expert".into(), episodes: 1 },
            method: ImitationMethod::Adversary { reward, network },
            inputs,
        };
        let mut own = Imitation {
            spec,
            of_steps: false,
            trainer: trainer.unwrap(),
            published: LastNet::default(),
            report: None,
        };
        let report = |kept| Some(AdversaryReport { loss: f64::NAN, accuracy: 0.0, slope: 0.0, kept });
        own.report = report(false);
        let told = own.warning().unwrap();
        assert!(told.contains("`alike`") && told.contains("nothing is published yet"), "{told}");
        own.published.publish("alike", own.trainer.publish().unwrap()).unwrap();
        let told = own.warning().unwrap();
        assert!(
            told.contains("not finite after a rollout") && told.contains("version 1 keeps rewarding"),
            "{told}"
        );
        own.report = report(true);
        assert_eq!(own.warning(), None);
    }
}
