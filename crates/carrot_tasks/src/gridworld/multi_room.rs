//! `MultiRoom-N4`: walk through four rooms with closed doors.
//!
//! # Source
//! `MiniGrid-MultiRoom-N4-S5-v1` of minigrid 3.2.0, the version with four rooms: rules, observations, rewards and
//! ends are identical, and layouts have the same distribution.

use carrot_sim::{DefaultReward, Script, ScriptView};

use super::cell::{Cell, color, door};
use super::grid::{Grid, action};
use super::layout::{Area, Draft};
use super::plan::{Sight, walk_to_goal};
use super::rewards::four_rewards;
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way};

/// Name of the task.
pub const NAME: &str = "MultiRoom-N4";
/// Tiles on a side.
pub const SIZE: usize = 25;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 20 * ROOMS as u32;

const ROOMS: usize = 4;
/// Smallest and largest side of a room, walls included.
const SIDES: (u8, u8) = (4, 5);
/// Ways out of a room that are tried before the rooms so far are taken as they are.
const EXITS: usize = 8;

/// The task.
pub fn task() -> GridTask<SIZE, SIZE> {
    GridTask::new(Sheet {
        name: NAME,
        about: "Walk through four rooms with closed doors to the goal in the last.",
        docs: include_str!("multi_room.md"),
        actions: action::NAMES.len(),
        max_steps: MAX_STEPS,
        causes: &["reached_goal"],
        rules: Rules {
            objective: Objective::StandOnGoal,
            hazard: Hazard::None,
            way: Way::Walked,
            see_through: false,
            lay_out,
        },
        rewards: REWARDS,
        scripts: SCRIPTS,
    })
}

fn lay_out(draft: &mut Draft<SIZE, SIZE>) {
    // No walls but those of the rooms.
    draft.grid = Grid { cells: [[Cell::EMPTY; SIZE]; SIZE] };
    let mut rooms = Vec::with_capacity(ROOMS);
    while rooms.len() < ROOMS {
        rooms.clear();
        let entry = [draft.within(0, SIZE as u8 - 2), draft.within(0, SIZE as u8 - 2)];
        add_room(draft, &mut rooms, Side::Left, entry);
    }
    let mut last_color = None;
    for (i, room) in rooms.iter().enumerate() {
        draft.wall_around(room.area);
        if i > 0 {
            let color = other_color(draft, last_color);
            draft.set(room.entry, Cell::door(color, door::CLOSED));
            last_color = Some(color);
        }
    }
    draft.place_agent(rooms[0].area);
    let goal = draft.free_tile(rooms[ROOMS - 1].area);
    draft.set_goal(goal);
}

/// A colour that is not the one before.
fn other_color(draft: &mut Draft<SIZE, SIZE>, last: Option<u8>) -> u8 {
    match last {
        None => draft.color(),
        Some(last) => (last + draft.within(1, color::COUNT)) % color::COUNT,
    }
}

/// A room and the tile by which it is entered.
struct Room {
    area: Area,
    entry: [u8; 2],
}

/// A side of a room, in MiniGrid's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Right,
    Bottom,
    Left,
    Top,
}

impl Side {
    const ALL: [Self; 4] = [Self::Right, Self::Bottom, Self::Left, Self::Top];

    fn opposite(self) -> Self {
        Self::ALL[(self as usize + 2) % 4]
    }
}

/// Adds a room at an entry, then the rooms behind it; false when there is no place for this one.
fn add_room(draft: &mut Draft<SIZE, SIZE>, rooms: &mut Vec<Room>, side: Side, entry: [u8; 2]) -> bool {
    let (low, high) = SIDES;
    let (width, height) = (draft.within(low, high + 1), draft.within(low, high + 1));
    let size = [i32::from(width), i32::from(height)];
    let [x, y] = entry.map(i32::from);
    // The entry is anywhere on its side but in a corner.
    let mut before = |at: i32, extent: i32| at - 1 - i32::from(draft.within(0, extent as u8 - 2));
    let (left, top) = match (rooms.is_empty(), side) {
        (true, _) => (x, y),
        (_, Side::Right) => (x - size[0] + 1, before(y, size[1])),
        (_, Side::Bottom) => (before(x, size[0]), y - size[1] + 1),
        (_, Side::Left) => (x, before(y, size[1])),
        (_, Side::Top) => (before(x, size[0]), y),
    };
    let outside = left < 0 || top < 0 || left + size[0] > SIZE as i32 || top + size[1] >= SIZE as i32;
    if outside || rooms.iter().rev().skip(1).any(|room| overlaps(room, [left, top], size)) {
        return false;
    }
    let (left, top) = (left as u8, top as u8);
    rooms.push(Room { area: Area { x: left, y: top, width, height }, entry });
    if rooms.len() == ROOMS {
        return true;
    }
    for _ in 0..EXITS {
        let ways: Vec<Side> = Side::ALL.into_iter().filter(|exit| *exit != side).collect();
        let exit = ways[usize::from(draft.within(0, 3))];
        let door = match exit {
            Side::Right => [left + width - 1, top + draft.within(1, height - 1)],
            Side::Bottom => [left + draft.within(1, width - 1), top + height - 1],
            Side::Left => [left, top + draft.within(1, height - 1)],
            Side::Top => [left + draft.within(1, width - 1), top],
        };
        if add_room(draft, rooms, exit.opposite(), door) {
            break;
        }
    }
    true
}

/// Whether a new room would overlap an old one, as MiniGrid asks it: a column on the left is kept free.
fn overlaps(room: &Room, [left, top]: [i32; 2], [width, height]: [i32; 2]) -> bool {
    let Area { x, y, width: w, height: h } = room.area;
    let (x, y, w, h) = (i32::from(x), i32::from(y), i32::from(w), i32::from(h));
    left + width >= x && x + w > left && top + height >= y && y + h > top
}

fn pace<const N: usize>(view: &ScriptView<'_>, action: &mut [f32]) {
    let Some(sight) = Sight::<N, N>::new(view) else { return };
    // One tile towards the goal pays; turning about and walking back is free.
    let (x, y) = sight.agent.ahead();
    let open = sight.grid.get(x, y).can_enter();
    let goal = (x, y) == (sight.marks.goal[0].into(), sight.marks.goal[1].into());
    action[0] = if open && !goal { action::FORWARD } else { action::RIGHT }.into();
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Takes a shortest way through the doors.",
        act: walk_to_goal::<SIZE, SIZE>,
    },
    Script {
        name: "pace",
        about: "Walks around in the first room, where no door need be opened.",
        act: pace::<SIZE>,
    },
];

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit at the goal.",
    r#"    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),"#,
    shaped: "MiniGrid's reward and a potential that rises on the way through the rooms.",
    r#"    (
        name: "path_potential",
        kind: Distance(signal: "path_length"),
        weight: -0.05,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for every tile that brings the goal nearer, and nothing is taken for walking back.",
    r#"    (name: "nearer", kind: Progress(signal: "path_length"), weight: 0.1, stages: [Clip(low: 0.0)]),"#,
    farmed_by "pace",
    mixed: "All of them: MiniGrid's reward, the potential and the pay for coming nearer.",
};
