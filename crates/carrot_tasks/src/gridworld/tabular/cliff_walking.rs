//! `CliffWalking-v1`: walk along a cliff to the goal; whoever falls begins again.
//!
//! # Source
//! Gymnasium 1.4.0, `envs/toy_text/cliffwalking.py`, after R. Sutton and A. Barto, "Reinforcement Learning", example
//! 6.6: transitions and rewards are identical; the step limit is ours.

use carrot_sim::mdp::Ending;
use carrot_sim::{CAUSE_TASK, DefaultReward, Script, ScriptView, SignalKind, SignalSpec};

use super::super::cell::{Cell, color, object};
use super::super::rewards::four_rewards;
use super::{Board, Score, Sheet, TableTask, look, succeed};

/// Name of the task.
pub const NAME: &str = "CliffWalking-v1";
/// Columns of tiles.
pub const WIDTH: usize = 12;
/// Rows of tiles.
pub const HEIGHT: usize = 4;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 200;

const START: usize = (HEIGHT - 1) * WIDTH;
const GOAL: usize = HEIGHT * WIDTH - 1;
const AGENT_Y: usize = 2;
const UP: u8 = 0;
const DOWN: u8 = 2;

/// A tile, and whether the last step fell from the cliff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Walker {
    tile: usize,
    fell: bool,
}

/// The task.
pub fn task() -> TableTask {
    let (right, bottom) = (WIDTH as f32 - 1.0, HEIGHT as f32 - 1.0);
    TableTask::new(Sheet {
        name: NAME,
        about: "Walk along a cliff to the goal; whoever falls begins again.",
        docs: include_str!("cliff_walking.md"),
        actions: &["up", "right", "down", "left"],
        max_steps: MAX_STEPS,
        causes: &["reached_goal"],
        signals: vec![
            SignalSpec::new(
                "tile",
                SignalKind::Category,
                "",
                (0.0, GOAL as f32),
                "Gymnasium's number of the tile: row * columns + column.",
            ),
            SignalSpec::scalar("agent_x", "tile", (0.0, right), "Column of the agent, from the left."),
            SignalSpec::scalar("agent_y", "tile", (0.0, bottom), "Row of the agent, from the top."),
            SignalSpec::scalar(
                "goal_distance",
                "tile",
                (0.0, right + bottom),
                "Manhattan distance to the goal.",
            ),
            SignalSpec::scalar("cliff_distance", "tile", (0.0, right), "Manhattan distance to the cliff."),
            SignalSpec::flag("at_goal", "The agent stands on the goal."),
            SignalSpec::flag("fell", "The agent fell from the cliff in this step and is back at the start."),
        ],
        observation: ("tile", &[(0, GOAL as u8)]),
        score: Score::TimeBonus,
        roots: (0..WIDTH * HEIGHT)
            .map(|tile| (Walker { tile, fell: false }, if tile == START { 1.0 } else { 0.0 }))
            .collect(),
        step: |walker, action, next| next.push((1.0, step(walker.tile, action))),
        ending: |walker| match walker.tile {
            GOAL => Ending { cause: CAUSE_TASK, success: true },
            _ => Ending::NONE,
        },
        measure,
        board: Board {
            width: WIDTH as u8,
            height: HEIGHT as u8,
            agent: [1, AGENT_Y],
            tile: |_, x, y| match usize::from(y) * WIDTH + usize::from(x) {
                GOAL => Cell::GOAL.code(),
                tile if is_cliff(tile) => Cell::LAVA.code(),
                _ => [object::FLOOR, color::GREY, 0],
            },
        },
        rewards: REWARDS,
        scripts: SCRIPTS,
    })
}

fn is_cliff(tile: usize) -> bool {
    (START + 1..GOAL).contains(&tile)
}

fn step(tile: usize, action: usize) -> Walker {
    let (x, y) = (tile % WIDTH, tile / WIDTH);
    let (x, y) = match action {
        0 => (x, y.saturating_sub(1)),
        1 => ((x + 1).min(WIDTH - 1), y),
        2 => (x, (y + 1).min(HEIGHT - 1)),
        _ => (x.saturating_sub(1), y),
    };
    let tile = y * WIDTH + x;
    let fell = is_cliff(tile);
    Walker { tile: if fell { START } else { tile }, fell }
}

fn measure(walker: &Walker) -> Vec<f32> {
    let tile = walker.tile;
    let distance =
        |other: usize| (tile % WIDTH).abs_diff(other % WIDTH) + (tile / WIDTH).abs_diff(other / WIDTH);
    let cliff = (START + 1..GOAL).map(distance).min().unwrap_or(0);
    let numbers = [tile, tile % WIDTH, tile / WIDTH, distance(GOAL), cliff];
    let flags = [tile == GOAL, walker.fell].map(|flag| f32::from(u8::from(flag)));
    [numbers.map(|n| n as f32).as_slice(), &flags].concat()
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Takes the shortest way, along the edge of the cliff.", act: succeed },
    Script { name: "pace", about: "Walks up and down beside the start until the step limit.", act: pace },
];

fn pace(view: &ScriptView<'_>, action: &mut [f32]) {
    if let Some((table, state)) = look(view) {
        let at_bottom = table.mdp().column(AGENT_Y)[state as usize] == HEIGHT as f32 - 1.0;
        action[0] = if at_bottom { UP } else { DOWN }.into();
    }
}

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "Gymnasium's reward: -1 for every step, -100 for one that falls.",
    r#"    (name: "time_penalty", kind: TimePenalty()),
    (name: "fell", kind: Threshold(signal: "fell", above: 0.5), weight: -99.0),"#,
    shaped: "Gymnasium's reward and a potential that rises towards the goal.",
    r#"    (
        name: "goal_potential",
        kind: Distance(signal: "goal_distance"),
        weight: -1.0,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for every tile that brings the goal nearer, and nothing is taken for walking back.",
    r#"    (name: "nearer", kind: Progress(signal: "goal_distance"), weight: 1.0, stages: [Clip(low: 0.0)]),"#,
    farmed_by "pace",
    mixed: "All of them: Gymnasium's reward, the potential and the pay for coming nearer.",
};
