//! Behaviour cloning, as a scene says it: a policy that does what was shown before it learns from what is paid.

use carrot_learn::{CloningConfig, CloningReport, Learner};
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::Task;

use super::demonstrations::{Demonstrations, watch};
use crate::error::LabError;
use crate::setup::Setup;

/// What a policy is shown first.
///
/// ```ron
/// cloning: (demonstrations: Script(episodes: 10), epochs: 30),
/// learner: Ppo(..),
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CloningSpec {
    /// Who shows it.
    pub demonstrations: Demonstrations,
    /// How it is fitted.
    pub config: CloningConfig,
}

impl CloningSpec {
    /// Reads the part; every mistake is reported.
    pub(crate) fn read(node: &NodeRef, task: &dyn Task, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut reader = Reader::open(node, diagnostics)?;
        let demonstrations = Demonstrations::read(&mut reader, task);
        let config = CloningConfig::read(&mut reader);
        reader.finish();
        Some(Self { demonstrations: demonstrations?, config: config? })
    }

    /// Shows a learner how it is done.
    pub(crate) fn show(&self, setup: &Setup, learner: &mut dyn Learner) -> Result<CloningReport, LabError> {
        let shown = watch(setup, &self.demonstrations.episodes(setup)?)?;
        Ok(learner.clone_behaviour(&shown, &self.config)?)
    }
}
