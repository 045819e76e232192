//! `FrozenLake-v1` and `FrozenLake8x8-v1`: cross slippery ice without falling into a hole.
//!
//! # Source
//! Gymnasium 1.4.0, `envs/toy_text/frozen_lake.py` with `is_slippery=True`: transitions, rewards and ends are
//! identical.

use carrot_sim::mdp::Ending;
use carrot_sim::{CAUSE_TASK, DefaultReward, Script, ScriptView, SignalKind, SignalSpec};

use super::super::cell::{Cell, color, object};
use super::super::rewards::four_rewards;
use super::{Board, Score, Sheet, TableTask, look, succeed};

/// Name of the task on 4 by 4 tiles.
pub const NAME_4X4: &str = "FrozenLake-v1";
/// Name of the task on 8 by 8 tiles.
pub const NAME_8X8: &str = "FrozenLake8x8-v1";

/// Probability that a step goes where it was meant to.
const SURE: f64 = 1.0 / 3.0;
/// Probability of each of the two directions beside it.
const SLIP: f64 = (1.0 - SURE) / 2.0;

/// The task on 4 by 4 tiles.
pub fn task_4x4() -> TableTask {
    TableTask::new(sheet::<4>(NAME_4X4, 100, &[(0, 15)]))
}

/// The task on 8 by 8 tiles.
pub fn task_8x8() -> TableTask {
    TableTask::new(sheet::<8>(NAME_8X8, 200, &[(0, 63)]))
}

/// The lake, row by row: start, frozen, hole, goal.
const fn map(size: usize) -> &'static [u8] {
    match size {
        4 => b"SFFFFHFHFFFHHFFG",
        _ => b"SFFFFFFFFFFFFFFFFFFHFFFFFFFFFHFFFFFHFFFFFHHFFFHFFHFFHFHFFFFHFFFG",
    }
}

fn sheet<const N: usize>(name: &'static str, max_steps: u32, tiles: &'static [(usize, u8)]) -> Sheet<usize> {
    let (most, far) = (N as f32 - 1.0, 2.0 * (N as f32 - 1.0));
    Sheet {
        name,
        about: "Cross slippery ice to the goal without falling into a hole.",
        docs: include_str!("frozen_lake.md"),
        actions: &["left", "down", "right", "up"],
        max_steps,
        causes: &["reached_goal", "fell_into_hole"],
        signals: vec![
            SignalSpec::new(
                "tile",
                SignalKind::Category,
                "",
                (0.0, (N * N) as f32 - 1.0),
                "Gymnasium's number of the tile: row * columns + column.",
            ),
            SignalSpec::scalar("agent_x", "tile", (0.0, most), "Column of the agent, from the left."),
            SignalSpec::scalar("agent_y", "tile", (0.0, most), "Row of the agent, from the top."),
            SignalSpec::scalar("goal_distance", "tile", (0.0, far), "Manhattan distance to the goal."),
            SignalSpec::scalar(
                "hole_distance",
                "tile",
                (0.0, far),
                "Manhattan distance to the nearest hole.",
            ),
            SignalSpec::flag("at_goal", "The agent stands on the goal."),
            SignalSpec::flag("in_hole", "The agent fell into a hole."),
        ],
        observation: ("tile", tiles),
        score: Score::Whole,
        roots: (0..N * N).map(|tile| (tile, if tile == 0 { 1.0 } else { 0.0 })).collect(),
        step: step::<N>,
        ending: |&tile| match map(N)[tile] {
            b'G' => Ending { cause: CAUSE_TASK, success: true },
            b'H' => Ending { cause: CAUSE_TASK + 1, success: false },
            _ => Ending::NONE,
        },
        measure: measure::<N>,
        board: Board {
            width: N as u8,
            height: N as u8,
            agent: [1, 2],
            tile: |_, x, y| match map(N)[usize::from(y) * N + usize::from(x)] {
                b'G' => Cell::GOAL.code(),
                b'H' => Cell::LAVA.code(),
                _ => [object::FLOOR, color::BLUE, 0],
            },
        },
        rewards: REWARDS,
        scripts: SCRIPTS,
    }
}

/// Ice carries a step where it was meant to, or to either side of that, each as likely.
fn step<const N: usize>(&tile: &usize, action: usize, next: &mut Vec<(f64, usize)>) {
    for (turn, prob) in [(3, SLIP), (0, SURE), (1, SLIP)] {
        let (x, y) = (tile % N, tile / N);
        let (x, y) = match (action + turn) % 4 {
            0 => (x.saturating_sub(1), y),
            1 => (x, (y + 1).min(N - 1)),
            2 => ((x + 1).min(N - 1), y),
            _ => (x, y.saturating_sub(1)),
        };
        next.push((prob, y * N + x));
    }
}

fn measure<const N: usize>(&tile: &usize) -> Vec<f32> {
    let distance = |other: usize| (tile % N).abs_diff(other % N) + (tile / N).abs_diff(other / N);
    let holes = (0..N * N).filter(|&other| map(N)[other] == b'H');
    let flag = |letter| f32::from(u8::from(map(N)[tile] == letter));
    let numbers = [tile, tile % N, tile / N, distance(N * N - 1), holes.map(distance).min().unwrap_or(0)];
    [numbers.map(|n| n as f32).as_slice(), &[flag(b'G'), flag(b'H')]].concat()
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Follows the exact optimum: no policy reaches the goal more surely.",
        act: succeed,
    },
    Script {
        name: "stay_on_the_ice",
        about: "Puts the end off as long as can be, goal and holes alike, as the exact optimum of that.",
        act: stay_on_the_ice,
    },
];

fn stay_on_the_ice(view: &ScriptView<'_>, action: &mut [f32]) {
    if let Some((table, state)) = look(view) {
        action[0] = table.survival_action(state) as f32;
    }
}

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "Gymnasium's reward: 1 at the goal.",
    r#"    (name: "reached_goal", kind: Event(signal: "at_goal"), weight: 1.0),"#,
    shaped: "Gymnasium's reward and a potential that rises towards the goal.",
    r#"    (
        name: "goal_potential",
        kind: Distance(signal: "goal_distance"),
        weight: -0.05,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for every step on the ice: the goal ends the income as a hole does.",
    r#"    (name: "dry", kind: Threshold(signal: "in_hole", below: 0.5), weight: 0.05),"#,
    farmed_by "stay_on_the_ice",
    mixed: "All of them: Gymnasium's reward, the potential and the pay for every step on the ice.",
};
