//! What a gridworld measures: a pure function of the tiles, the agent and the landmarks, for one row.

use carrot_sim::{SignalKind, SignalSpec};

use super::cell::{Cell, door, object};
use super::grid::{Agent, Grid};
use super::layout::Landmarks;
use super::{Hazard, Objective};

/// Columns that every gridworld has.
pub(super) const BASE: usize = 9;
/// The column of the objective's flag.
pub(super) const REACHED: usize = 6;
/// The column of the time bonus, the only one that depends on the step count.
pub(super) const TIME_BONUS: usize = 7;
/// The column of the hazard's flag, where there is a hazard.
pub(super) const HARMED: usize = BASE;
/// Columns of the key and its door.
pub(super) const KEYS: usize = 5;

/// MiniGrid's reward after 0, 1, 2, .. steps, if the objective is reached there.
pub(super) fn time_bonuses(max_steps: u32) -> Vec<f32> {
    let limit = f64::from(max_steps.max(1));
    (0..=max_steps).map(|steps| (1.0 - 0.9 * (f64::from(steps) / limit)) as f32).collect()
}

/// Whether the objective is reached.
#[inline]
pub(super) fn is_reached<const W: usize, const H: usize>(
    objective: Objective,
    grid: &Grid<W, H>,
    agent: &Agent,
    marks: &Landmarks,
) -> bool {
    match objective {
        Objective::StandOnGoal => grid.get(agent.x.into(), agent.y.into()).object() == object::GOAL,
        Objective::OpenDoor => is_open(grid, marks.door),
        Objective::CarryBall => agent.carried.object() == object::BALL,
    }
}

/// The signals that every gridworld has, all but the time bonus, which is left at 0.
#[inline(always)]
pub(super) fn base_signals<const W: usize, const H: usize>(
    objective: Objective,
    grid: &Grid<W, H>,
    agent: &Agent,
    marks: &Landmarks,
) -> [f32; BASE] {
    let (x, y) = (f32::from(agent.x), f32::from(agent.y));
    let (right, down) = (f32::from(marks.goal[0]) - x, f32::from(marks.goal[1]) - y);
    let reached = flag(is_reached(objective, grid, agent, marks));
    let carrying = flag(agent.is_carrying());
    [x, y, agent.direction.into(), right, down, right.abs() + down.abs(), reached, 0.0, carrying]
}

/// Whether the agent stands in lava.
#[inline]
pub(super) fn in_lava<const W: usize, const H: usize>(grid: &Grid<W, H>, agent: &Agent) -> f32 {
    flag(grid.get(agent.x.into(), agent.y.into()) == Cell::LAVA)
}

/// The signals of a key and its door: `path_length`, `has_key`, `key_distance`, `door_distance`, `door_open`.
#[inline]
pub(super) fn key_signals<const W: usize, const H: usize>(
    grid: &Grid<W, H>,
    agent: &Agent,
    marks: &Landmarks,
) -> [f32; KEYS] {
    let (Landmarks { goal, door, key }, own) = (*marks, [agent.x, agent.y]);
    let has_key = agent.carried.object() == object::KEY;
    let to_key = if has_key { 0.0 } else { straight(own, key) };
    let (to_door, beyond) = (straight(own, door), straight(door, goal));
    let path = if tile(grid, door).state() == door::LOCKED {
        let on_the_way = if has_key { own } else { key };
        to_key + straight(on_the_way, door) + beyond
    } else if agent.x <= door[0] {
        to_door + beyond
    } else {
        straight(own, goal)
    };
    [path, flag(has_key), to_key, to_door, flag(is_open(grid, door))]
}

/// Specifications of the signals that every gridworld has.
pub(super) fn base_specs<const W: usize, const H: usize>(objective: Objective) -> Vec<SignalSpec> {
    let (right, bottom) = (W as f32 - 1.0, H as f32 - 1.0);
    let (what, reached) = match objective {
        Objective::StandOnGoal => ("goal", SignalSpec::flag("at_goal", "The agent stands on the goal.")),
        Objective::OpenDoor => ("door", SignalSpec::flag("door_open", "The door is open.")),
        Objective::CarryBall => ("ball", SignalSpec::flag("has_ball", "The agent carries the ball.")),
    };
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
            &format!("From the agent to the {what}: columns to the right, rows down."),
        ),
        SignalSpec::scalar(
            "goal_distance",
            "tile",
            (0.0, right + bottom),
            &format!("Manhattan distance to the {what}, whatever stands in between."),
        ),
        reached,
        SignalSpec::scalar(
            "time_bonus",
            "",
            (0.1, 1.0),
            "What MiniGrid pays at the end: 1 - 0.9 * steps / step limit.",
        ),
        SignalSpec::flag("carrying", "The agent carries something."),
    ]
}

/// Specification of the hazard's flag.
pub(super) fn hazard_spec(hazard: Hazard) -> Option<SignalSpec> {
    match hazard {
        Hazard::None => None,
        Hazard::Lava => Some(SignalSpec::flag("in_lava", "The agent stepped into lava.")),
        Hazard::Obstacles => Some(SignalSpec::flag(
            "collided",
            "The agent walked forward though an obstacle or a wall stood ahead.",
        )),
    }
}

/// Specification of the walking distance.
pub(super) fn path_spec<const W: usize, const H: usize>() -> SignalSpec {
    SignalSpec::scalar(
        "path_length",
        "tile",
        (0.0, (W * H) as f32),
        "Tiles to walk to the goal, around walls and lava and through doors.",
    )
}

/// Specifications of the key's and the door's signals.
pub(super) fn key_specs<const W: usize, const H: usize>(objective: Objective) -> Vec<SignalSpec> {
    let far = (W + H) as f32;
    let mut specs = vec![
        SignalSpec::scalar(
            "path_length",
            "tile",
            (0.0, 3.0 * far),
            "Tiles left by way of what is still missing: the key, the door, what lies behind it; straight, \
             whatever stands in between.",
        ),
        SignalSpec::flag("has_key", "The agent carries the key."),
        SignalSpec::scalar(
            "key_distance",
            "tile",
            (0.0, far),
            "Manhattan distance to the key; 0 when carried.",
        ),
        SignalSpec::scalar("door_distance", "tile", (0.0, far), "Manhattan distance to the locked door."),
    ];
    if objective != Objective::OpenDoor {
        specs.push(SignalSpec::flag("door_open", "The door that was locked is open."));
    }
    specs
}

#[inline]
fn tile<const W: usize, const H: usize>(grid: &Grid<W, H>, [x, y]: [u8; 2]) -> Cell {
    grid.get(x.into(), y.into())
}

#[inline]
fn is_open<const W: usize, const H: usize>(grid: &Grid<W, H>, door: [u8; 2]) -> bool {
    let cell = tile(grid, door);
    cell.object() == object::DOOR && cell.state() == door::OPEN
}

#[inline]
fn straight(a: [u8; 2], b: [u8; 2]) -> f32 {
    (a[0].abs_diff(b[0]) + a[1].abs_diff(b[1])).into()
}

#[inline]
fn flag(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}
