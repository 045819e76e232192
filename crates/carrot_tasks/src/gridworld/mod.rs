//! Gridworlds: MiniGrid's rooms, doors and keys, and the tables of Gymnasium's toy-text tasks.
//!
//! A task is a sheet: how a fresh row is laid out, what ends an episode, what is measured, rewards, scripts and
//! a page. [`Gridworld`] holds the columns and systems that all of MiniGrid's tasks share.

use bevy_ecs::prelude::*;
use carrot_sim::{
    Actions, ActiveRows, App, BatchApp, CAUSE_NONE, CAUSE_TASK, Cause, Column, ColumnMut, Drawing, Ends,
    ObsPart, Observations, Plugin, RowKeys, SignalId, Signals, StepCount, StepSystems, Tiles, row_state,
    set_row_state,
};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

pub mod cell;
pub mod door_key;
pub mod dynamic_obstacles;
pub mod empty;
pub mod four_rooms;
pub mod grid;
pub mod key_corridor;
mod lava;
pub mod lava_crossing;
pub mod lava_gap;
pub mod layout;
pub mod multi_room;
pub mod path;
mod plan;
mod rewards;
mod signals;
pub mod tabular;
pub mod task;
mod tile_bytes;
pub mod unlock;
pub mod view;

use cell::{Cell, object};
use grid::{Agent, Grid, act};
use layout::{Draft, Landmarks, Layouts};
use path::Distances;
use task::Rules;
use view::{VIEW, VIEW_BYTES, encode, visible_tiles};

/// Cause: the objective was reached.
pub const REACHED_GOAL: Cause = CAUSE_TASK;
/// Cause: the hazard ended the episode.
pub const HARM: Cause = CAUSE_TASK + 1;

/// What ends an episode as a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The agent stands on the goal.
    StandOnGoal,
    /// The locked door is open.
    OpenDoor,
    /// The agent carries the ball.
    CarryBall,
}

/// What ends an episode otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard {
    /// Nothing does.
    None,
    /// Stepping into lava.
    Lava,
    /// Walking into an obstacle or a wall; the task moves the obstacles itself.
    Obstacles,
}

/// What is measured besides the signals that every gridworld has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing: all ways are straight.
    Straight,
    /// How far it is around walls and lava.
    Walked,
    /// What a key and its door ask for.
    Keyed,
}

/// Whether the last step was a collision.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collided(pub bool);

/// The columns and systems of a gridworld of `W` by `H` tiles.
#[derive(Debug, Clone, Copy)]
pub struct Gridworld<const W: usize, const H: usize> {
    /// What the systems ask.
    pub rules: Rules<W, H>,
}

impl<const W: usize, const H: usize> Gridworld<W, H> {
    /// The observation: MiniGrid's `image` and `direction`.
    pub fn observation() -> Vec<ObsPart> {
        // MiniGrid declares 255; no number of an object is higher than the agent's.
        vec![ObsPart::bytes("image", &[VIEW, VIEW, 3], object::AGENT), ObsPart::bytes("direction", &[1], 3)]
    }
}

/// MiniGrid's reward by step count.
#[derive(Resource, Debug, Clone)]
struct TimeBonuses(Vec<f32>);

impl<const W: usize, const H: usize> Plugin for Gridworld<W, H> {
    fn build(&self, app: &mut App) {
        let max_steps = app.world().get_resource::<carrot_sim::MaxSteps>().map_or(0, |limit| limit.0);
        app.insert_resource(self.rules);
        app.insert_resource(TimeBonuses(signals::time_bonuses(max_steps)));
        app.add_row_state(Grid::<W, H>::room())
            .add_row_state(Agent::at(1, 1, 0))
            .add_row_state(Landmarks::NONE)
            .add_restart_systems(lay_out::<W, H>)
            .add_observing_systems(StepSystems::Measure, measure::<W, H>)
            .add_step_systems(StepSystems::Terminate, judge::<W, H>)
            .add_observing_systems(StepSystems::Sense, sense::<W, H>)
            .set_drawing(draw::<W, H>)
            .add_handle(
                "agent_position",
                "Column and row of the agent; a tile on which it cannot stand changes nothing.",
                2,
                place_agent::<W, H>,
            )
            .add_handle("agent_direction", "0 right, 1 down, 2 left, 3 up.", 1, |world, row, values| {
                if let Some(&agent) = row_state::<Agent>(world, row) {
                    let direction = values[0].round().clamp(0.0, 3.0) as u8;
                    set_row_state(world, row, Agent { direction, ..agent });
                }
            });
        app.add_handle(
            "tile",
            "Column, row, then MiniGrid's (object, colour, state) that shall lie there; object 1 removes what lies there.",
            5,
            place_tile::<W, H>,
        );
        if self.rules.hazard == Hazard::Obstacles {
            app.add_row_state(Collided(false));
        } else {
            app.add_step_systems(StepSystems::Simulate, simulate::<W, H>).add_handle(
                "layout",
                "Every tile as MiniGrid's (object, colour, state), column by column from the left, then column, \
                 row and direction of the agent.",
                3 * W * H + 3,
                place_layout::<W, H>,
            );
        }
        if self.rules.way == Way::Walked {
            app.add_row_state(Distances::<W, H>::NONE);
        }
    }
}

fn place_agent<const W: usize, const H: usize>(world: &mut World, row: usize, values: &[f32]) {
    let (x, y) = (values[0].round() as i32, values[1].round() as i32);
    let free = row_state::<Grid<W, H>>(world, row).is_some_and(|grid| grid.get(x, y).can_enter());
    let agent = row_state::<Agent>(world, row).copied();
    if let Some(agent) = agent.filter(|_| free) {
        set_row_state(world, row, Agent { x: x as u8, y: y as u8, ..agent });
    }
}

/// Puts a thing on a tile, or takes it away; the tile of the agent and those outside stay as they are.
fn place_tile<const W: usize, const H: usize>(world: &mut World, row: usize, values: &[f32]) {
    let Some(rules) = world.get_resource::<Rules<W, H>>().copied() else { return };
    let number = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    let (x, y) = (number(values[0]), number(values[1]));
    let (Some(mut grid), Some(agent)) =
        (row_state::<Grid<W, H>>(world, row).copied(), row_state::<Agent>(world, row).copied())
    else {
        return;
    };
    if usize::from(x) >= W || usize::from(y) >= H || (x, y) == (agent.x, agent.y) {
        return;
    }
    grid.cells[usize::from(x)][usize::from(y)] =
        Cell::from_code([values[2], values[3], values[4]].map(number));
    let found = Landmarks::find(rules.objective, &grid);
    let old = row_state::<Landmarks>(world, row).copied().unwrap_or(Landmarks::NONE);
    // A door that was opened is the door still, and a ball that is carried the ball.
    let [x, y] = old.door;
    let is_door = grid.get(x.into(), y.into()).object() == object::DOOR;
    let door = if is_door { old.door } else { found.door };
    let goal = match rules.objective {
        Objective::OpenDoor => door,
        _ if found.goal == Landmarks::NONE.goal => old.goal,
        _ => found.goal,
    };
    let marks = Landmarks { goal, door, ..found };
    set_row_state(world, row, grid);
    set_row_state(world, row, marks);
    set_row_state(world, row, Distances::to(goal, &grid));
}

fn place_layout<const W: usize, const H: usize>(world: &mut World, row: usize, values: &[f32]) {
    let Some(rules) = world.get_resource::<Rules<W, H>>().copied() else { return };
    let (codes, agent) = values.split_at(3 * W * H);
    let number = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    let mut grid = Grid::<W, H>::room();
    for (cell, code) in grid.cells.as_flattened_mut().iter_mut().zip(codes.as_chunks::<3>().0) {
        *cell = Cell::from_code(code.map(number));
    }
    let most = |tiles: usize| tiles as u8 - 1;
    let agent = Agent::at(number(agent[0]).min(most(W)), number(agent[1]).min(most(H)), number(agent[2]) & 3);
    let marks = Landmarks::find(rules.objective, &grid);
    set_row_state(world, row, grid);
    set_row_state(world, row, agent);
    set_row_state(world, row, marks);
    set_row_state(world, row, Distances::to(marks.goal, &grid));
}

/// Lays out fresh rows under their keys.
pub(crate) fn lay_out<const W: usize, const H: usize>(
    rows: Res<ActiveRows>,
    rules: Res<Rules<W, H>>,
    layouts: Option<Res<Layouts>>,
    keys: RowKeys,
    mut grids: ColumnMut<Grid<W, H>>,
    mut agents: ColumnMut<Agent>,
    mut marks: ColumnMut<Landmarks>,
    mut distances: ColumnMut<Distances<W, H>>,
    mut collided: ColumnMut<Collided>,
) {
    let (grids, agents, marks) = (grids.slice_mut(), agents.slice_mut(), marks.slice_mut());
    let (distances, collided, keys) = (distances.slice_mut(), collided.slice_mut(), keys.columns());
    let layouts = layouts.map(|layouts| *layouts);
    rows.each(|row| {
        let mut draft = Draft::new(Layouts::key(layouts, keys.key(row)));
        (rules.lay_out)(&mut draft);
        (grids[row], agents[row], marks[row]) = (draft.grid, draft.agent, draft.marks);
        if rules.way == Way::Walked {
            distances[row] = Distances::to(draft.marks.goal, &draft.grid);
        }
        if rules.hazard == Hazard::Obstacles {
            collided[row].0 = false;
        }
    });
}

fn simulate<const W: usize, const H: usize>(
    actions: Res<Actions>,
    mut grids: ColumnMut<Grid<W, H>>,
    mut agents: ColumnMut<Agent>,
    mut marks: ColumnMut<Landmarks>,
) {
    let rows = grids.slice_mut().iter_mut().zip(agents.slice_mut()).zip(marks.slice_mut());
    for (((grid, agent), marks), &action) in rows.zip(&actions.applied) {
        act_and_mark(grid, agent, marks, choice(action));
    }
}

/// The choice that a number from 0 up stands for.
#[inline(always)]
fn choice(action: f32) -> u8 {
    // Without SSE 4.1 rounding is a call; adding a half and cutting is not.
    (action + 0.5) as u8
}

/// [`act`], and keeps the mark of the key where the key lies.
#[inline]
fn act_and_mark<const W: usize, const H: usize>(
    grid: &mut Grid<W, H>,
    agent: &mut Agent,
    marks: &mut Landmarks,
    action: u8,
) {
    let held = agent.carried;
    act(grid, agent, action);
    if agent.carried != held {
        let (x, y) = agent.ahead();
        if agent.carried.object() == object::KEY {
            marks.key = [0, 0];
        } else if held.object() == object::KEY {
            marks.key = [x as u8, y as u8];
        }
    }
}

fn measure<const W: usize, const H: usize>(
    rows: Res<ActiveRows>,
    rules: Res<Rules<W, H>>,
    bonuses: Res<TimeBonuses>,
    grids: Column<Grid<W, H>>,
    agents: Column<Agent>,
    marks: Column<Landmarks>,
    distances: Column<Distances<W, H>>,
    collided: Column<Collided>,
    steps: Column<StepCount>,
    mut signals: ResMut<Signals>,
) {
    let (grids, agents, marks, steps) = (grids.slice(), agents.slice(), marks.slice(), steps.slice());
    let last = bonuses.0.len() - 1;
    write(&rows, signals.targets::<{ signals::BASE }>(SignalId(0)), |row| {
        let mut values = signals::base_signals(rules.objective, &grids[row], &agents[row], &marks[row]);
        values[signals::TIME_BONUS] = bonuses.0[(steps[row].0 as usize).min(last)];
        values
    });
    match rules.hazard {
        Hazard::None => {}
        Hazard::Lava => {
            let column = signals.targets::<1>(SignalId(signals::HARMED));
            write(&rows, column, |row| [signals::in_lava(&grids[row], &agents[row])]);
        }
        Hazard::Obstacles => {
            let (column, collided) = (signals.targets::<1>(SignalId(signals::HARMED)), collided.slice());
            write(&rows, column, |row| [f32::from(u8::from(collided[row].0))]);
        }
    }
    let extra = SignalId(signals::BASE + usize::from(rules.hazard != Hazard::None));
    match rules.way {
        Way::Straight => {}
        Way::Walked => {
            let distances = distances.slice();
            write(&rows, signals.targets::<1>(extra), |row| [distances[row].of(&agents[row])]);
        }
        Way::Keyed => {
            let values = |row: usize| signals::key_signals(&grids[row], &agents[row], &marks[row]);
            if rules.objective == Objective::OpenDoor {
                // The flag of the objective already says whether the door is open.
                write(&rows, signals.targets::<{ signals::KEYS - 1 }>(extra), values);
            } else {
                write(&rows, signals.targets::<{ signals::KEYS }>(extra), values);
            }
        }
    }
}

/// Writes the first `C` values of each active row.
#[inline(always)]
fn write<const C: usize, const V: usize>(
    rows: &ActiveRows,
    mut columns: [&mut [f32]; C],
    values: impl Fn(usize) -> [f32; V],
) {
    if !rows.is_all() {
        let write = |row: usize| columns.iter_mut().zip(values(row)).for_each(|(to, value)| to[row] = value);
        return rows.each(write);
    }
    let mut columns = columns.map(|column| &mut column[..rows.total()]);
    for row in 0..rows.total() {
        for (column, value) in columns.iter_mut().zip(values(row)) {
            column[row] = value;
        }
    }
}

/// Ends and truth: reaching the objective is the success, and the score is what MiniGrid pays for it.
fn judge<const W: usize, const H: usize>(
    rules: Res<Rules<W, H>>,
    signals: Res<Signals>,
    mut ends: ResMut<Ends>,
) {
    let now = signals.now();
    let (reached, bonus) = (now.column(signals::REACHED), now.column(signals::TIME_BONUS));
    // Without a hazard any column that is 0 wherever the objective is not reached will do.
    let harmed = now.column(if rules.hazard == Hazard::None { signals::REACHED } else { signals::HARMED });
    judge_rows(reached, harmed, bonus, &mut ends);
}

#[multiversion(targets("x86_64+avx2"))]
fn judge_rows(reached: &[f32], harmed: &[f32], bonus: &[f32], ends: &mut Ends) {
    let rows = reached.len();
    let (harmed, bonus) = (&harmed[..rows], &bonus[..rows]);
    let (terminated, cause) = (&mut ends.terminated[..rows], &mut ends.cause[..rows]);
    let (success, score) = (&mut ends.success[..rows], &mut ends.score[..rows]);
    for row in 0..rows {
        let (reached, harmed) = (reached[row] > 0.5, harmed[row] > 0.5);
        terminated[row] = reached | harmed;
        success[row] = reached;
        let other = if harmed { HARM } else { CAUSE_NONE };
        cause[row] = if reached { REACHED_GOAL } else { other };
        score[row] = if reached { bonus[row] } else { 0.0 };
    }
}

fn sense<const W: usize, const H: usize>(
    rows: Res<ActiveRows>,
    rules: Res<Rules<W, H>>,
    grids: Column<Grid<W, H>>,
    agents: Column<Agent>,
    mut observations: ResMut<Observations>,
) {
    let (grids, agents) = (grids.slice(), agents.slice());
    let (images, _) = observations.u8_mut(0).as_chunks_mut::<VIEW_BYTES>();
    rows.each(|row| encode(&grids[row], &agents[row], rules.see_through, &mut images[row]));
    rows.map(agents, observations.u8_mut(1), |agent| agent.direction);
}

fn draw<const W: usize, const H: usize>(world: &World, row: usize) -> Drawing {
    let see_through = world.get_resource::<Rules<W, H>>().is_some_and(|rules| rules.see_through);
    let (Some(grid), Some(agent)) = (row_state::<Grid<W, H>>(world, row), row_state::<Agent>(world, row))
    else {
        return Drawing::default();
    };
    let code = |i: usize| -> Cell { grid.cells[i % W][i / W] };
    let tiles = Tiles {
        width: W,
        height: H,
        cells: (0..W * H).map(|i| code(i).code()).collect(),
        agent: [agent.x, agent.y],
        direction: agent.direction,
        visible: visible_tiles(grid, agent, see_through),
    };
    Drawing { tiles: Some(tiles), ..Drawing::default() }
}
