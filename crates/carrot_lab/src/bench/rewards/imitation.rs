//! Ten episodes of an expert in place of a reward: adversarial imitation with its penalty, and without.

use carrot_learn::Device;
use carrot_reward::{Revision, RewardModels};
use serde::Serialize;

use super::cell;
use super::preferences::{AgentResult, CASES, PreferenceCase, judged, read, read_judge};
use crate::bench::table::Table;
use crate::error::LabError;
use crate::evaluate::{Actor, evaluate};
use crate::trainer::Trainer;

/// Tasks that are imitated, and the signals in which expert and agent are compared.
const TASKS: [(&str, &str); 2] = [
    ("Pendulum-v1", r#"["tip_height", "tip_side", "angular_velocity"]"#),
    ("Reach", r#"["goal_distance", "tool_speed"]"#),
];
/// Weights of the penalty, and their names.
pub const VARIANTS: [(&str, f64); 2] = [("with the penalty", 1.0), ("without", 0.0)];
const EPISODES: usize = 100;

/// What one training came to.
#[derive(Debug, Clone, Serialize)]
pub struct ImitationResult {
    /// The task.
    pub task: &'static str,
    /// With the penalty or without.
    pub variant: &'static str,
    /// The seed.
    pub seed: u64,
    /// The agent at the end.
    pub agent: AgentResult,
    /// The expert.
    pub expert: AgentResult,
    /// Length of the reward's slope in the last update.
    pub slope: f64,
}

/// The tasks.
pub fn cases() -> impl Iterator<Item = &'static PreferenceCase> {
    CASES.iter().filter(|case| TASKS.iter().any(|(task, _)| *task == case.task))
}

/// Trains on one task with one seed.
///
/// # Errors
/// When an override does not fit or a training fails.
pub fn measure(
    case: &PreferenceCase,
    (variant, penalty): (&'static str, f64),
    overrides: &[String],
    seed: u64,
) -> Result<ImitationResult, LabError> {
    let judge = read_judge(case, overrides, seed)?;
    let inputs = TASKS.iter().find(|(task, _)| *task == case.task).map_or("[]", |(_, inputs)| inputs);
    let imitation = format!(
        "imitation=(model: \"alike\", inputs: {inputs}, demonstrations: Script(episodes: 10), network: (penalty: {penalty:?}, learning_rate: 3e-3))"
    );
    let reward = r#"reward=[(name: "alike", kind: Model(name: "alike"))]"#;
    let setup = read(case, overrides, seed, &["preferences=None", reward, &imitation])?;
    let mut trainer = Trainer::new(setup, Device::Cpu)?;
    let mut slope = 0.0;
    while !trainer.is_complete() {
        slope = trainer.update()?.metrics.values.get("imitation/slope").copied().unwrap_or(slope);
    }
    let script = judge.task.spec().script("expert");
    let script = script.ok_or_else(|| LabError::Refused(format!("{} has no expert", case.task)))?;
    let revision = Revision::initial(&judge.graphs);
    let actor = Actor::Script(script);
    let expert = evaluate(&judge, &revision, &mut RewardModels::new(), &actor, EPISODES, seed)?;
    Ok(ImitationResult {
        task: case.task,
        variant,
        seed,
        agent: judged(&judge, &trainer, seed)?,
        expert: AgentResult::from(&expert),
        slope,
    })
}

/// The table of all trainings.
pub fn table(found: &[ImitationResult]) -> Table {
    let headings = [
        "task",
        "reward",
        "seeds",
        "score (truth)",
        "expert's score",
        "share",
        "true return",
        "expert's",
        "slope",
    ];
    let mut rows = Vec::new();
    for case in cases() {
        for (variant, _) in VARIANTS {
            let own: Vec<&ImitationResult> =
                found.iter().filter(|r| r.task == case.task && r.variant == variant).collect();
            if own.is_empty() {
                continue;
            }
            let of = |value: fn(&ImitationResult) -> f64| cell(own.iter().map(|result| value(result)));
            rows.push(vec![
                case.task.into(),
                format!("imitation {variant}"),
                own.len().to_string(),
                of(|r| r.agent.mean_score),
                of(|r| r.expert.mean_score),
                of(|r| r.agent.mean_score / r.expert.mean_score),
                of(|r| r.agent.mean_return),
                of(|r| r.expert.mean_return),
                of(|r| r.slope),
            ]);
        }
    }
    Table { headings: headings.map(String::from).into(), rows }
}
