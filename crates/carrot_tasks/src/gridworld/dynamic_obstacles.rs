//! `Dynamic-Obstacles-8x8`: walk to the goal among balls that roll about.
//!
//! # Source
//! `MiniGrid-Dynamic-Obstacles-8x8-v0` of minigrid 3.2.0: rules, observations, rewards and ends are identical;
//! layouts and the balls' moves have the same distribution.

use bevy_ecs::prelude::*;
use carrot_sim::{
    Actions, ActiveRows, App, BatchApp, Column, ColumnMut, DefaultReward, RowKeys, Script, ScriptView,
    StepCount, StepSystems, Stream, Task, TaskSpec,
};
use serde::{Deserialize, Serialize};

use super::cell::{Cell, color, object};
use super::grid::{Agent, Grid, act, action};
use super::layout::Draft;
use super::plan::{Sight, walk_to_goal};
use super::rewards::four_rewards;
use super::task::{GridTask, Rules, Sheet};
use super::{Collided, Hazard, Objective, Way, lay_out as lay_out_rows};

/// Name of the task.
pub const NAME: &str = "Dynamic-Obstacles-8x8";
/// Tiles on a side.
pub const SIZE: usize = 8;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 4 * (SIZE * SIZE) as u32;
/// Balls.
pub const OBSTACLES: usize = 4;

/// A ball; MiniGrid's balls are blue unless told otherwise.
pub const BALL: Cell = Cell::new(object::BALL, color::BLUE);

/// Tiles of the balls, in the order in which they move.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacles(pub [[u8; 2]; OBSTACLES]);

/// The task.
pub struct DynamicObstacles(GridTask<SIZE, SIZE>);

impl Default for DynamicObstacles {
    fn default() -> Self {
        Self(GridTask::new(Sheet {
            name: NAME,
            about: "Walk to the goal among balls that roll about.",
            docs: include_str!("dynamic_obstacles.md"),
            actions: usize::from(action::FORWARD) + 1,
            max_steps: MAX_STEPS,
            causes: &["reached_goal", "collided"],
            rules: Rules {
                objective: Objective::StandOnGoal,
                hazard: Hazard::Obstacles,
                way: Way::Straight,
                see_through: true,
                lay_out,
            },
            rewards: REWARDS,
            scripts: SCRIPTS,
        }))
    }
}

impl Task for DynamicObstacles {
    fn spec(&self) -> &TaskSpec {
        self.0.spec()
    }

    fn build(&self, app: &mut App) {
        self.0.build(app);
        app.add_row_state(Obstacles([[0; 2]; OBSTACLES]))
            .add_restart_systems(find_obstacles.after(lay_out_rows::<SIZE, SIZE>))
            .add_step_systems(StepSystems::Simulate, simulate);
    }
}

fn lay_out(draft: &mut Draft<SIZE, SIZE>) {
    draft.set_goal([SIZE as u8 - 2; 2]);
    draft.agent = Agent::at(1, 1, 0);
    for _ in 0..OBSTACLES {
        draft.place(BALL, Draft::<SIZE, SIZE>::WHOLE);
    }
}

/// Notes where the balls of fresh rows lie. Their order only says who moves first, and all are alike.
fn find_obstacles(
    rows: Res<ActiveRows>,
    grids: Column<Grid<SIZE, SIZE>>,
    mut obstacles: ColumnMut<Obstacles>,
) {
    let (grids, obstacles) = (grids.slice(), obstacles.slice_mut());
    rows.each(|row| {
        let cells = grids[row].cells.as_flattened().iter().enumerate();
        let balls =
            cells.filter(|(_, cell)| **cell == BALL).map(|(i, _)| [(i / SIZE) as u8, (i % SIZE) as u8]);
        obstacles[row].0.iter_mut().zip(balls).for_each(|(slot, ball)| *slot = ball);
    });
}

fn simulate(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    actions: Res<Actions>,
    steps: Column<StepCount>,
    mut grids: ColumnMut<Grid<SIZE, SIZE>>,
    mut agents: ColumnMut<Agent>,
    mut obstacles: ColumnMut<Obstacles>,
    mut collided: ColumnMut<Collided>,
) {
    let (grids, agents, steps) = (grids.slice_mut(), agents.slice_mut(), steps.slice());
    let (obstacles, collided) = (obstacles.slice_mut(), collided.slice_mut());
    // One word for each ball.
    keys.columns().draw_block(
        &rows,
        Stream::Dynamics,
        |row| steps[row].0,
        |row, words| {
            let action = actions.applied[row].round() as u8;
            let choose = |ball: usize, free: &[[u8; 2]]| {
                free[((u64::from(words[ball]) * free.len() as u64) >> 32) as usize]
            };
            collided[row].0 =
                step_row(&mut grids[row], &mut agents[row], &mut obstacles[row], action, choose);
        },
    );
}

/// One step of a row: every ball in turn moves to one of the free tiles around it, which `choose` picks, then
/// the agent acts; true when it walked towards something that was in its way before the balls moved.
pub fn step_row(
    grid: &mut Grid<SIZE, SIZE>,
    agent: &mut Agent,
    obstacles: &mut Obstacles,
    action: u8,
    choose: impl Fn(usize, &[[u8; 2]]) -> [u8; 2],
) -> bool {
    let (x, y) = agent.ahead();
    let blocked = !matches!(grid.get(x, y), Cell::EMPTY | Cell::GOAL);
    for (ball, at) in obstacles.0.iter_mut().enumerate() {
        let (mut free, mut count) = ([[0; 2]; 8], 0);
        for tile in (at[0] - 1..=at[0] + 1).flat_map(|x| (at[1] - 1..=at[1] + 1).map(move |y| [x, y])) {
            let empty = grid.cells[usize::from(tile[0])][usize::from(tile[1])] == Cell::EMPTY;
            if empty && tile != [agent.x, agent.y] {
                free[count] = tile;
                count += 1;
            }
        }
        if count > 0 {
            let to = choose(ball, &free[..count]);
            grid.cells[usize::from(to[0])][usize::from(to[1])] = BALL;
            grid.cells[usize::from(at[0])][usize::from(at[1])] = Cell::EMPTY;
            *at = to;
        }
    }
    act(grid, agent, action);
    action == action::FORWARD && blocked
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Takes a shortest way around where the balls are now, and turns while there is none.",
        act: expert,
    },
    Script {
        name: "turn_on_the_spot",
        about: "Turns where it stands until the step limit: no ball ever runs into the agent.",
        act: |_, action| action[0] = action::RIGHT.into(),
    },
];

fn expert(view: &ScriptView<'_>, action: &mut [f32]) {
    walk_to_goal::<SIZE, SIZE>(view, action);
    // Waiting is not among the actions, so turning must do.
    let waits = action[0] == f32::from(action::WAIT);
    if waits || Sight::<SIZE, SIZE>::new(view).is_none() {
        action[0] = action::RIGHT.into();
    }
}

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit at the goal, -1 for a collision.",
    r#"    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),
    (name: "collided", kind: Event(signal: "collided"), weight: -1.0),"#,
    shaped: "MiniGrid's reward and a potential that rises towards the goal.",
    r#"    (
        name: "goal_potential",
        kind: Tolerance(signal: "goal_distance", bounds: (0.0, 0.0), margin: 10.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 1.0,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for every step without a collision: the goal ends the income as a collision does.",
    r#"    (name: "unharmed", kind: Threshold(signal: "collided", below: 0.5), weight: 0.05),"#,
    farmed_by "turn_on_the_spot",
    mixed: "All of them: MiniGrid's reward, the potential and the pay for steps without a collision.",
};
