//! A goal that is paid for once, far from where the agent begins: with no bonus, with one for what is new in the
//! episode, with one for what is new over the training, and with both multiplied.
//!
//! # Source
//! Henaff et al., "A study of global and episodic bonuses for exploration in contextual MDPs" (2023): which of them
//! helps hangs on how much episodes share. To a global bonus a layout that never comes again is new for ever; an
//! episodic one pays for a layout that always comes as if nobody had ever seen it. So what is counted must hold what
//! tells layouts apart.

use carrot_learn::Device;
use carrot_scene::Source;
use serde::Serialize;

use super::cell;
use super::preferences::{AgentResult, judged};
use crate::bench::table::Table;
use crate::error::LabError;
use crate::setup::{ModelFiles, Setup};
use crate::trainer::Trainer;

/// From this rate of successes on the task counts as solved.
const SOLVED: f64 = 0.9;

/// A task with its layouts.
#[derive(Debug, Clone, Copy)]
pub struct NoveltyCase {
    /// The task.
    pub task: &'static str,
    /// How many layouts its episodes have.
    pub layouts: &'static str,
    scene: (&'static str, &'static str),
    /// Overrides of the scene.
    own: &'static [&'static str],
    /// Updates between evaluations.
    every: u64,
}

const MULTI_ROOM: (&str, &str) =
    ("benches/rewards/multi_room.ron", include_str!("../../../../../benches/rewards/multi_room.ron"));
/// What a table says of episodes that share nothing.
const UNSHARED: &str = "one per episode";

/// A key, a door and a large room.
pub const DOOR_KEY: &[NoveltyCase] = &[NoveltyCase {
    task: "DoorKey-16x16",
    layouts: UNSHARED,
    scene: ("benches/rewards/door_key.ron", include_str!("../../../../../benches/rewards/door_key.ron")),
    own: &[],
    every: 20,
}];

/// Four rooms whose layouts are shared by all episodes, and by none.
pub const CROSSING: &[NoveltyCase] = &[
    NoveltyCase {
        task: "MultiRoom-N4",
        layouts: "4 in all",
        scene: MULTI_ROOM,
        own: &[r#"task=Task(name: "MultiRoom-N4", params: (layouts: 4))"#],
        every: 5,
    },
    NoveltyCase { task: "MultiRoom-N4", layouts: UNSHARED, scene: MULTI_ROOM, own: &[], every: 5 },
];

/// Names of the bonuses, and what a scene that has both is changed by.
pub const VARIANTS: [(&str, &[&str]); 4] = [
    ("none", &["novelty=None", "reward=\"sparse\"", "learner.group_gammas={}"]),
    ("episodic", &["novelty[0].global=None"]),
    ("global", &["novelty[0].episodic=None"]),
    ("product", &[]),
];

/// What one training came to.
#[derive(Debug, Clone, Serialize)]
pub struct NoveltyResult {
    /// The task.
    pub task: &'static str,
    /// How many layouts its episodes had.
    pub layouts: &'static str,
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
    case: &NoveltyCase,
    (variant, own): (&'static str, &[&str]),
    overrides: &[String],
    seed: u64,
) -> Result<NoveltyResult, LabError> {
    let read = |last: &[&str]| {
        let own = last.iter().map(|text| (*text).to_string());
        let layouts = case.own.iter().map(|text| (*text).to_string());
        let seed = [format!("batch.seed={seed}")];
        let all: Vec<String> = layouts.chain(overrides.iter().cloned()).chain(seed).chain(own).collect();
        Setup::read(&Source::new(case.scene.0, case.scene.1), &all, ModelFiles::new())
    };
    let judge = read(VARIANTS[0].1)?;
    let mut trainer = Trainer::new(read(own)?, Device::Cpu)?;
    loop {
        trainer.update()?;
        let over = trainer.is_complete();
        if !over && !trainer.updates().is_multiple_of(case.every) {
            continue;
        }
        let agent = judged(&judge, &trainer, seed)?;
        let solved = agent.success_rate >= SOLVED;
        if solved || over {
            let env_steps = trainer.env_steps();
            return Ok(NoveltyResult {
                task: case.task,
                layouts: case.layouts,
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
    let headings = [
        "task",
        "layouts",
        "bonus",
        "solved",
        "million env steps until solved",
        "success (truth)",
        "score (truth)",
    ];
    let alike = |a: &NoveltyResult, b: &NoveltyResult| a.layouts == b.layouts && a.variant == b.variant;
    let row = |group: &[NoveltyResult]| {
        let solved = group.iter().filter_map(|result| result.solved_at);
        vec![
            group[0].task.into(),
            group[0].layouts.into(),
            group[0].variant.into(),
            format!("{} of {}", solved.clone().count(), group.len()),
            cell(solved.map(|steps| steps as f64 / 1e6)),
            cell(group.iter().map(|result| result.agent.success_rate)),
            cell(group.iter().map(|result| result.agent.mean_score)),
        ]
    };
    Table { headings: headings.map(String::from).into(), rows: found.chunk_by(alike).map(row).collect() }
}
