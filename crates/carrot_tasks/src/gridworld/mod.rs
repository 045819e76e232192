//! Gridworlds in MiniGrid's manner: the columns, systems, signals and drawing that all of them share.
//!
//! A task adds [`Gridworld`] with the size of its grid, and a system that lays out fresh rows.

use bevy_ecs::prelude::*;
use carrot_sim::{
    Actions, ActiveRows, App, BatchApp, CAUSE_NONE, CAUSE_TASK, Cause, Column, ColumnMut, Drawing, Ends,
    MaxSteps, ObsPart, Observations, Plugin, SignalId, SignalKind, SignalSpec, Signals, StepCount,
    StepSystems, Tiles, row_state, set_row_state,
};
use serde::{Deserialize, Serialize};

pub mod empty;
pub mod grid;
pub mod view;

use grid::{Agent, Cell, Grid, act, object};
use view::{VIEW, VIEW_BYTES, encode, visible_tiles};

/// Cause: the agent reached the goal.
pub const REACHED_GOAL: Cause = CAUSE_TASK;
/// Names of the causes, for [`carrot_sim::TaskSpec::causes`].
pub const CAUSES: &[&str] = &["reached_goal"];

const AGENT_X: SignalId = SignalId(0);
const AT_GOAL: SignalId = SignalId(6);
const TIME_BONUS: SignalId = SignalId(7);
const COLUMNS: usize = 9;

/// The tile of the goal.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalTile(pub [u8; 2]);

/// The columns and systems of a gridworld of `W` by `H` tiles with one goal.
#[derive(Debug, Clone, Copy)]
pub struct Gridworld<const W: usize, const H: usize>;

impl<const W: usize, const H: usize> Gridworld<W, H> {
    /// The observation: MiniGrid's `image` and `direction`.
    pub fn observation() -> Vec<ObsPart> {
        // MiniGrid declares 255; no number of an object is higher than the agent's.
        vec![ObsPart::bytes("image", &[VIEW, VIEW, 3], object::AGENT), ObsPart::bytes("direction", &[1], 3)]
    }

    /// The signals that every gridworld measures.
    pub fn signals() -> Vec<SignalSpec> {
        let (right, bottom) = (W as f32 - 1.0, H as f32 - 1.0);
        vec![
            SignalSpec::scalar("agent_x", "tile", (0.0, right), "Column of the agent, from the left."),
            SignalSpec::scalar("agent_y", "tile", (0.0, bottom), "Row of the agent, from the top."),
            SignalSpec::new(
                "direction",
                SignalKind::Category,
                "",
                (0.0, 3.0),
                "Where the agent faces: 0 right, 1 down, 2 left, 3 up.",
            ),
            SignalSpec::new(
                "goal_offset",
                SignalKind::Vec2,
                "tile",
                (-right.max(bottom), right.max(bottom)),
                "From the agent to the goal: columns to the right, rows down.",
            ),
            SignalSpec::scalar(
                "goal_distance",
                "tile",
                (0.0, right + bottom),
                "Manhattan distance to the goal, whatever stands in between.",
            ),
            SignalSpec::flag("at_goal", "The agent stands on the goal."),
            SignalSpec::scalar(
                "time_bonus",
                "",
                (0.1, 1.0),
                "What MiniGrid pays at the goal: 1 - 0.9 * steps / step limit.",
            ),
            SignalSpec::flag("carrying", "The agent carries something."),
        ]
    }
}

/// Whether the agent sees through walls, as in MiniGrid's empty rooms.
#[derive(Resource, Debug, Clone, Copy)]
pub struct SeeThrough(pub bool);

impl<const W: usize, const H: usize> Plugin for Gridworld<W, H> {
    fn build(&self, app: &mut App) {
        app.world_mut().get_resource_or_insert_with(|| SeeThrough(false));
        app.add_row_state(Grid::<W, H>::room())
            .add_row_state(Agent::at(1, 1, 0))
            .add_row_state(GoalTile([1, 1]))
            .add_step_systems(StepSystems::Simulate, simulate::<W, H>)
            .add_observing_systems(StepSystems::Measure, measure::<W, H>)
            .add_step_systems(StepSystems::Terminate, judge)
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

fn simulate<const W: usize, const H: usize>(
    actions: Res<Actions>,
    mut grids: ColumnMut<Grid<W, H>>,
    mut agents: ColumnMut<Agent>,
) {
    let rows = grids.slice_mut().iter_mut().zip(agents.slice_mut()).zip(&actions.applied);
    rows.for_each(|((grid, agent), &action)| act(grid, agent, action.round() as u8));
}

fn measure<const W: usize, const H: usize>(
    rows: Res<ActiveRows>,
    grids: Column<Grid<W, H>>,
    agents: Column<Agent>,
    goals: Column<GoalTile>,
    steps: Column<StepCount>,
    limit: Res<MaxSteps>,
    mut signals: ResMut<Signals>,
) {
    let (grids, agents, goals, steps) = (grids.slice(), agents.slice(), goals.slice(), steps.slice());
    let limit = f64::from(limit.0.max(1));
    let [x, y, direction, right, down, distance, at_goal, bonus, carrying] =
        signals.targets::<COLUMNS>(AGENT_X);
    rows.each(|row| {
        let (agent, goal) = (agents[row], goals[row].0);
        let (dx, dy) = (f32::from(goal[0]) - f32::from(agent.x), f32::from(goal[1]) - f32::from(agent.y));
        let under = grids[row].get(agent.x.into(), agent.y.into());
        (x[row], y[row]) = (agent.x.into(), agent.y.into());
        direction[row] = agent.direction.into();
        (right[row], down[row]) = (dx, dy);
        distance[row] = dx.abs() + dy.abs();
        at_goal[row] = f32::from(u8::from(under.object == object::GOAL));
        bonus[row] = (1.0 - 0.9 * (f64::from(steps[row].0) / limit)) as f32;
        carrying[row] = f32::from(u8::from(agent.is_carrying()));
    });
}

/// Ends and truth: reaching the goal is the success, and the score is what MiniGrid pays for it.
fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    let (at_goal, bonus) = (signals.now().get(AT_GOAL, 0), signals.now().get(TIME_BONUS, 0));
    for (row, (&at_goal, &bonus)) in at_goal.iter().zip(bonus).enumerate() {
        let reached = at_goal > 0.5;
        ends.terminated[row] = reached;
        ends.success[row] = reached;
        ends.cause[row] = if reached { REACHED_GOAL } else { CAUSE_NONE };
        ends.score[row] = if reached { bonus.max(0.0) } else { 0.0 };
    }
}

fn sense<const W: usize, const H: usize>(
    rows: Res<ActiveRows>,
    see_through: Res<SeeThrough>,
    grids: Column<Grid<W, H>>,
    agents: Column<Agent>,
    mut observations: ResMut<Observations>,
) {
    let (grids, agents) = (grids.slice(), agents.slice());
    let (images, _) = observations.u8_mut(0).as_chunks_mut::<VIEW_BYTES>();
    rows.each(|row| encode(&grids[row], &agents[row], see_through.0, &mut images[row]));
    let directions = observations.u8_mut(1);
    rows.each(|row| directions[row] = agents[row].direction);
}

fn draw<const W: usize, const H: usize>(world: &World, row: usize) -> Drawing {
    let see_through = world.get_resource::<SeeThrough>().is_some_and(|s| s.0);
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
    Drawing { bodies: Vec::new(), tiles: Some(tiles) }
}
