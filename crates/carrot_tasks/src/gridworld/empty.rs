//! `Empty-8x8`: walk to the goal in an empty room.
//!
//! # Source
//! `MiniGrid-Empty-8x8-v0` of minigrid 3.2.0: observations, rewards and ends are identical.

use bevy_ecs::prelude::*;
use carrot_sim::{
    ActionSpace, ActiveRows, App, BatchApp, ColumnMut, DefaultReward, Script, ScriptView, Task, TaskSpec,
};

use super::grid::{Agent, Cell, Grid, action};
use super::{CAUSES, GoalTile, Gridworld, SeeThrough};

/// Name of the task.
pub const NAME: &str = "Empty-8x8";
/// Tiles on a side.
pub const SIZE: usize = 8;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 4 * (SIZE * SIZE) as u32;

/// Where the goal lies.
const GOAL: u8 = SIZE as u8 - 2;

/// The room of every episode.
const ROOM: Grid<SIZE, SIZE> = {
    let mut room = Grid::room();
    room.cells[GOAL as usize][GOAL as usize] = Cell::GOAL;
    room
};

/// The task.
pub struct Empty8x8 {
    spec: TaskSpec,
}

impl Default for Empty8x8 {
    fn default() -> Self {
        let spec = TaskSpec {
            name: NAME,
            family: "gridworld",
            about: "Walk to the goal in an empty room.",
            docs: include_str!("empty.md"),
            observation: Gridworld::<SIZE, SIZE>::observation(),
            action: ActionSpace::discrete(&action::NAMES),
            signals: Gridworld::<SIZE, SIZE>::signals(),
            causes: CAUSES,
            max_steps: MAX_STEPS,
            // A gridworld has no unit of time; a step counts as one second.
            control_dt: 1.0,
            physics_dt: 1.0,
            decimation: 1,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec }
    }
}

impl Task for Empty8x8 {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        app.insert_resource(SeeThrough(true));
        app.add_plugins(Gridworld::<SIZE, SIZE>);
        app.add_restart_systems(restart);
    }
}

fn restart(
    rows: Res<ActiveRows>,
    mut grids: ColumnMut<Grid<SIZE, SIZE>>,
    mut agents: ColumnMut<Agent>,
    mut goals: ColumnMut<GoalTile>,
) {
    let (grids, agents, goals) = (grids.slice_mut(), agents.slice_mut(), goals.slice_mut());
    rows.each(|row| {
        grids[row] = ROOM;
        agents[row] = Agent::at(1, 1, 0);
        goals[row] = GoalTile([GOAL, GOAL]);
    });
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Takes a shortest way to the goal.",
        act: |view, action| action[0] = toward_goal(view).into(),
    },
    Script {
        name: "hover_beside_goal",
        about: "Walks up to the goal and waits beside it until the step limit.",
        act: |view, action| {
            let beside = view.get("goal_distance") <= 1.0;
            action[0] = if beside { action::WAIT } else { toward_goal(view) }.into();
        },
    },
];

/// Walks on while that brings the goal nearer, else turns the short way to where it does.
fn toward_goal(view: &ScriptView<'_>) -> u8 {
    let (right, down) = (view.axis("goal_offset", 0), view.axis("goal_offset", 1));
    let nearer = [right > 0.0, down > 0.0, right < 0.0, down < 0.0];
    let facing = view.get("direction") as usize & 3;
    if nearer[facing] {
        action::FORWARD
    } else if nearer[(facing + 3) & 3] {
        action::LEFT
    } else {
        action::RIGHT
    }
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "MiniGrid's reward: 1 - 0.9 * steps / step limit at the goal.",
        ron: r#"[
    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "MiniGrid's reward and a potential that rises towards the goal.",
        ron: r#"[
    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),
    (
        name: "goal_potential",
        kind: Distance(signal: "goal_distance"),
        weight: -0.1,
        stages: [Potential(gamma: 0.99)],
    ),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for being near the goal in every step: entering it ends the income.",
        ron: r#"[
    (
        name: "near_goal",
        kind: Tolerance(signal: "goal_distance", bounds: (0.0, 0.0), margin: 10.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 0.1,
    ),
]"#,
        farmed_by: Some("hover_beside_goal"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: MiniGrid's reward, the potential and the pay for being near.",
        ron: r#"[
    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),
    (
        name: "goal_potential",
        kind: Distance(signal: "goal_distance"),
        weight: -0.1,
        stages: [Potential(gamma: 0.99)],
    ),
    (
        name: "near_goal",
        kind: Tolerance(signal: "goal_distance", bounds: (0.0, 0.0), margin: 10.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 0.1,
    ),
]"#,
        farmed_by: None,
    },
];
