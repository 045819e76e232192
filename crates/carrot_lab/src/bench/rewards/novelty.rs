//! A key, a door and a goal that is paid for once: with no bonus, with one for what is new in the episode, with one for
//! what is new over the training, and with both.

use carrot_learn::Device;
use carrot_scene::Source;
use serde::Serialize;

use super::cell;
use super::preferences::{AgentResult, judged};
use crate::bench::table::Table;
use crate::error::LabError;
use crate::setup::{ModelFiles, Setup};
use crate::trainer::Trainer;

/// The scene; its bonus is for what is new in the episode.
const SCENE: (&str, &str) =
    ("benches/rewards/door_key.ron", include_str!("../../../../../benches/rewards/door_key.ron"));
/// From this rate of successes on the task counts as solved.
const SOLVED: f64 = 0.9;
/// Updates between evaluations.
const EVERY: u64 = 20;

/// Names of the bonuses, and what the scene is changed by.
pub const VARIANTS: [(&str, &[&str]); 4] = [
    ("none", &["novelty=None", "reward=\"sparse\"", "learner.group_gammas={}"]),
    ("episodic", &[]),
    (
        "global",
        &[
            "novelty=[(model: \"new\", inputs: [\"agent_x\", \"agent_y\", \"has_key\", \"door_open\"], global: Counts(cells: 16))]",
        ],
    ),
    (
        "product",
        &[
            "novelty=[(model: \"new\", inputs: [\"agent_x\", \"agent_y\", \"has_key\", \"door_open\"], episodic: Counts(cells: 16), global: Counts(cells: 16))]",
        ],
    ),
];

/// What one training came to.
#[derive(Debug, Clone, Serialize)]
pub struct NoveltyResult {
    /// Which bonus.
    pub variant: &'static str,
    /// The seed.
    pub seed: u64,
    /// Env steps until the task was solved, if it was.
    pub solved_at: Option<u64>,
    /// Env steps taken.
    pub env_steps: u64,
    /// The agent at the end.
    pub agent: AgentResult,
}

/// Trains with one bonus until the task is solved or the steps are used up.
///
/// # Errors
/// When an override does not fit or a training fails.
pub fn measure(
    (variant, own): (&'static str, &[&str]),
    overrides: &[String],
    seed: u64,
) -> Result<NoveltyResult, LabError> {
    let read = |last: &[&str]| {
        let own = last.iter().map(|text| (*text).to_string());
        let all: Vec<String> =
            overrides.iter().cloned().chain([format!("batch.seed={seed}")]).chain(own).collect();
        Setup::read(&Source::new(SCENE.0, SCENE.1), &all, ModelFiles::new())
    };
    let judge = read(VARIANTS[0].1)?;
    let mut trainer = Trainer::new(read(own)?, Device::Cpu)?;
    loop {
        trainer.update()?;
        let over = trainer.is_complete();
        if !over && !trainer.updates().is_multiple_of(EVERY) {
            continue;
        }
        let agent = judged(&judge, &trainer, seed)?;
        let solved = agent.success_rate >= SOLVED;
        if solved || over {
            let env_steps = trainer.env_steps();
            return Ok(NoveltyResult {
                variant,
                seed,
                solved_at: solved.then_some(env_steps),
                env_steps,
                agent,
            });
        }
    }
}

/// The table of all trainings.
pub fn table(found: &[NoveltyResult]) -> Table {
    let headings = ["bonus", "seeds", "solved", "env steps until solved", "success (truth)"];
    let row = |(variant, _): &(&'static str, _)| {
        let own = || found.iter().filter(|result| result.variant == *variant);
        let solved = own().filter_map(|result| result.solved_at);
        vec![
            (*variant).into(),
            own().count().to_string(),
            format!("{} of {}", solved.clone().count(), own().count()),
            cell(solved.map(|steps| steps as f64)),
            cell(own().map(|result| result.agent.success_rate)),
        ]
    };
    let known = VARIANTS.iter().filter(|(variant, _)| found.iter().any(|result| result.variant == *variant));
    Table { headings: headings.map(String::from).into(), rows: known.map(row).collect() }
}
