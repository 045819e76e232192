//! `KeyCorridor-S3R3`: find a key, unlock a room and fetch the ball in it.
//!
//! # Source
//! `MiniGrid-KeyCorridorS3R3-v0` of minigrid 3.2.0, `envs/keycorridor.py` and `core/roomgrid.py`: rules,
//! observations, rewards and ends are identical, and layouts have the same distribution.

use carrot_sim::{DefaultReward, Script, ScriptView};

use super::cell::{Cell, door, object};
use super::grid::action;
use super::layout::{Area, Draft};
use super::plan::Sight;
use super::rewards::four_rewards;
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way};

/// Name of the task.
pub const NAME: &str = "KeyCorridor-S3R3";
/// Tiles on a side.
pub const SIZE: usize = ROOMS * STRIDE as usize + 1;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 30 * (STRIDE as u32 + 1) * (STRIDE as u32 + 1);

/// Rooms on a side.
const ROOMS: usize = 3;
/// Tiles from one room to the next; a room has one tile of floor.
const STRIDE: u8 = 2;

/// The task.
pub fn task() -> GridTask<SIZE, SIZE> {
    GridTask::new(Sheet {
        name: NAME,
        about: "Find the key, unlock the room and fetch the ball in it.",
        docs: include_str!("key_corridor.md"),
        actions: action::NAMES.len(),
        max_steps: MAX_STEPS,
        causes: &["picked_up_ball"],
        rules: Rules {
            objective: Objective::CarryBall,
            hazard: Hazard::None,
            way: Way::Keyed,
            see_through: false,
            lay_out,
        },
        rewards: REWARDS,
        scripts: SCRIPTS,
    })
}

/// The floor of a room.
fn floor([column, row]: [usize; 2]) -> [u8; 2] {
    [STRIDE * column as u8 + 1, STRIDE * row as u8 + 1]
}

/// A room with the walls around it.
fn area([column, row]: [usize; 2]) -> Area {
    Area { x: STRIDE * column as u8, y: STRIDE * row as u8, width: STRIDE + 1, height: STRIDE + 1 }
}

/// The ways between rooms, right and down of each.
#[derive(Default)]
struct Ways {
    right: [[bool; ROOMS]; ROOMS],
    down: [[bool; ROOMS]; ROOMS],
}

impl Ways {
    /// The way on a side of a room, in MiniGrid's order right, down, left, up; none where the grid ends.
    fn between(&mut self, [column, row]: [usize; 2], side: u8) -> Option<(&mut bool, [usize; 2])> {
        match side {
            0 if column + 1 < ROOMS => Some((&mut self.right[column][row], [column + 1, row])),
            1 if row + 1 < ROOMS => Some((&mut self.down[column][row], [column, row + 1])),
            2 if column > 0 => Some((&mut self.right[column - 1][row], [column - 1, row])),
            3 if row > 0 => Some((&mut self.down[column][row - 1], [column, row - 1])),
            _ => None,
        }
    }

    /// Whether every room can be reached.
    fn all_connected(&mut self) -> bool {
        let (mut reached, mut stack) = ([[false; ROOMS]; ROOMS], vec![[0, 0]]);
        while let Some(room) = stack.pop() {
            if !std::mem::replace(&mut reached[room[0]][room[1]], true) {
                let sides = (0..4)
                    .filter_map(|side| self.between(room, side).filter(|(open, _)| **open).map(|w| w.1));
                stack.extend(sides.collect::<Vec<_>>());
            }
        }
        reached == [[true; ROOMS]; ROOMS]
    }
}

/// The tile between the floors of two rooms beside each other.
fn tile_between(a: [usize; 2], b: [usize; 2]) -> [u8; 2] {
    [(a[0] + b[0]) as u8 * STRIDE / 2 + 1, (a[1] + b[1]) as u8 * STRIDE / 2 + 1]
}

fn lay_out(draft: &mut Draft<SIZE, SIZE>) {
    let mut ways = Ways::default();
    for room in (0..ROOMS * ROOMS).map(|i| [i % ROOMS, i / ROOMS]) {
        draft.wall_around(area(room));
    }
    // The middle column is a hallway.
    for row in 1..ROOMS {
        ways.down[1][row - 1] = true;
        draft.set(tile_between([1, row - 1], [1, row]), Cell::EMPTY);
    }
    let locked = [ROOMS - 1, usize::from(draft.within(0, ROOMS as u8))];
    let lock = draft.color();
    ways.right[1][locked[1]] = true;
    draft.marks.door = tile_between([1, locked[1]], locked);
    draft.set(draft.marks.door, Cell::door(lock, door::LOCKED));
    let ball = Cell::new(object::BALL, draft.color());
    draft.marks.goal = floor(locked);
    draft.set(draft.marks.goal, ball);
    let key_room = [0, usize::from(draft.within(0, ROOMS as u8))];
    draft.marks.key = floor(key_room);
    draft.set(draft.marks.key, Cell::new(object::KEY, lock));
    draft.place_agent_unhindered(area([1, ROOMS / 2]));
    // Doors at random until every room can be reached; none into the locked room.
    while !ways.all_connected() {
        let room = [usize::from(draft.within(0, ROOMS as u8)), usize::from(draft.within(0, ROOMS as u8))];
        let Some((way, other)) = ways.between(room, draft.within(0, 4)) else { continue };
        if !*way && room != locked && other != locked {
            *way = true;
            let cell = Cell::door(draft.color(), door::CLOSED);
            draft.set(tile_between(room, other), cell);
        }
    }
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Takes a shortest way to the key and to the locked door, drops the key and picks up the ball.",
        act: expert,
    },
    Script {
        name: "juggle_the_key",
        about: "Fetches the key, then drops it and picks it up until the step limit.",
        act: juggle_the_key,
    },
];

fn expert(view: &ScriptView<'_>, action: &mut [f32]) {
    let Some(sight) = Sight::<SIZE, SIZE>::new(view) else { return };
    action[0] = sight
        .unlock()
        .unwrap_or_else(|| match (sight.agent.is_carrying(), sight.ahead()) {
            (false, _) => sight.at(sight.marks.goal, action::PICKUP),
            (true, Cell::EMPTY) => action::DROP,
            (true, _) => action::RIGHT,
        })
        .into();
}

fn juggle_the_key(view: &ScriptView<'_>, action: &mut [f32]) {
    let Some(sight) = Sight::<SIZE, SIZE>::new(view) else { return };
    // Where the key lay there is room to drop it again.
    let next =
        if sight.agent.is_carrying() { action::DROP } else { sight.at(sight.marks.key, action::PICKUP) };
    action[0] = next.into();
}

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit for picking up the ball.",
    r#"    (name: "has_ball", kind: Event(signal: "has_ball", value: "time_bonus"), weight: 1.0),"#,
    shaped: "MiniGrid's reward and a potential that rises on the way by key and door to the ball.",
    r#"    (
        name: "path_potential",
        kind: Tolerance(signal: "path_length", bounds: (0.0, 0.0), margin: 20.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 1.0,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for every time the key is picked up: a key can be dropped and picked up again.",
    r#"    (name: "picked_up_key", kind: Event(signal: "has_key"), weight: 0.1),"#,
    farmed_by "juggle_the_key",
    mixed: "All of them: MiniGrid's reward, the potential and the pay for picking up the key.",
};
