//! The mutation score: which small mistakes in a reward no expectation notices.

use carrot_scene::{Diagnostic, Diagnostics};
use serde::Serialize;

use super::check::Stage;
use super::file::ScenarioFile;
use super::mutant::mutants;
use crate::error::LabError;

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Fate {
    /// An expectation failed: the first one, by name.
    Killed(String),
    /// The file says that nothing tells it from the reward, and why.
    Equivalent(String),
    /// No expectation noticed it.
    Survived,
}

/// A mutant of a reward and its fate.
#[derive(Debug, Clone, Serialize)]
pub struct MutantFate {
    /// The reward.
    pub reward: String,
    /// The mistake.
    pub mutant: String,
    /// What became of it.
    pub fate: Fate,
}

/// How well a file's expectations guard its rewards.
#[derive(Debug, Clone, Serialize)]
pub struct MutationScore {
    /// The file.
    pub file: String,
    /// The task.
    pub task: String,
    /// Every mutant, reward by reward.
    pub mutants: Vec<MutantFate>,
}

impl MutationScore {
    /// Mutants that an expectation noticed.
    pub fn killed(&self) -> usize {
        self.count(|fate| matches!(fate, Fate::Killed(_)))
    }

    /// Mutants that are listed as equivalent.
    pub fn equivalent(&self) -> usize {
        self.count(|fate| matches!(fate, Fate::Equivalent(_)))
    }

    /// Mutants that nothing noticed.
    pub fn survived(&self) -> usize {
        self.count(|fate| *fate == Fate::Survived)
    }

    /// Share of the mutants that differ which were noticed, 0 to 1.
    pub fn share(&self) -> f64 {
        let differing = self.killed() + self.survived();
        if differing == 0 { 1.0 } else { self.killed() as f64 / differing as f64 }
    }

    fn count(&self, is_it: impl Fn(&Fate) -> bool) -> usize {
        self.mutants.iter().filter(|mutant| is_it(&mutant.fate)).count()
    }
}

/// Changes each reward of a file in small ways, and looks which changes its expectations notice.
///
/// # Errors
/// When a rollout cannot be played, or the file lists a mutant as equivalent that is none or that is noticed.
pub fn mutate(file: &ScenarioFile) -> Result<MutationScore, LabError> {
    let stage = Stage::play(file)?;
    let (scope, mut fates, mut mistakes) = (file.scope(), Vec::new(), Diagnostics::new());
    for (reward, graph) in file.rewards.iter().enumerate() {
        for mutant in mutants(graph, &file.reward_texts[reward], &scope) {
            let substitute = stage.pay_for(&mutant.graph, reward)?;
            let killer = stage.first_failing(&substitute).map(|expectation| expectation.name.clone());
            let listed = file
                .equivalent
                .iter()
                .find(|own| own.reward.value == graph.name && own.mutant.value == mutant.name);
            let fate = match (killer, listed) {
                (Some(killer), Some(listed)) => {
                    let message = format!("the mutant is not equivalent: `{killer}` notices it");
                    mistakes.push(
                        Diagnostic::new("invalid", &listed.mutant.span, message).with_help("remove it"),
                    );
                    Fate::Killed(killer)
                }
                (Some(killer), None) => Fate::Killed(killer),
                (None, Some(listed)) => Fate::Equivalent(listed.why.clone()),
                (None, None) => Fate::Survived,
            };
            fates.push(MutantFate { reward: graph.name.clone(), mutant: mutant.name, fate });
        }
    }
    for listed in &file.equivalent {
        let own: Vec<&str> = fates
            .iter()
            .filter(|fate| fate.reward == listed.reward.value)
            .map(|fate| fate.mutant.as_str())
            .collect();
        if !own.contains(&listed.mutant.value.as_str()) {
            mistakes.unknown_name(&listed.mutant.span, "mutant", &listed.mutant.value, &own);
        }
    }
    let score = MutationScore { file: file.path.clone(), task: file.task.spec().name.into(), mutants: fates };
    mistakes.into_result(Some(score)).map_err(LabError::from)
}
