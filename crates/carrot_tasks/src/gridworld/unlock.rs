//! `Unlock`: fetch a key and open the door.
//!
//! # Source
//! `MiniGrid-Unlock-v0` of minigrid 3.2.0: rules, observations, rewards and ends are identical, and layouts have
//! the same distribution.

use carrot_sim::{DefaultReward, Script, ScriptView};

use super::cell::{Cell, door, object};
use super::grid::action;
use super::layout::{Area, Draft};
use super::plan::Sight;
use super::rewards::four_rewards;
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way};

/// Name of the task.
pub const NAME: &str = "Unlock";
/// Columns of tiles: two rooms that share a wall.
pub const WIDTH: usize = 2 * (ROOM as usize - 1) + 1;
/// Rows of tiles.
pub const HEIGHT: usize = ROOM as usize;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 8 * (ROOM as u32) * (ROOM as u32);

/// Tiles on a side of a room, walls included.
const ROOM: u8 = 6;

/// The task.
pub fn task() -> GridTask<WIDTH, HEIGHT> {
    GridTask::new(Sheet {
        name: NAME,
        about: "Fetch the key and open the door.",
        docs: include_str!("unlock.md"),
        actions: action::NAMES.len(),
        max_steps: MAX_STEPS,
        causes: &["opened_door"],
        rules: Rules {
            objective: Objective::OpenDoor,
            hazard: Hazard::None,
            way: Way::Keyed,
            see_through: false,
            lay_out,
        },
        rewards: REWARDS,
        scripts: SCRIPTS,
    })
}

fn lay_out(draft: &mut Draft<WIDTH, HEIGHT>) {
    let wall = ROOM - 1;
    draft.fill(Area { x: wall, y: 0, width: 1, height: ROOM }, Cell::WALL);
    let (y, color) = (draft.within(1, ROOM - 1), draft.color());
    draft.marks.door = [wall, y];
    draft.marks.goal = [wall, y];
    draft.set([wall, y], Cell::door(color, door::LOCKED));
    let first_room = Area { x: 0, y: 0, width: ROOM, height: ROOM };
    draft.marks.key = draft.place(Cell::new(object::KEY, color), first_room);
    draft.place_agent_unhindered(first_room);
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Takes a shortest way to the key and to the door.",
        act: |view, action| act(view, action, false),
    },
    Script {
        name: "keep_the_key",
        about: "Fetches the key and waits with it until the step limit.",
        act: |view, action| act(view, action, true),
    },
];

fn act(view: &ScriptView<'_>, action: &mut [f32], keeps: bool) {
    if let Some(sight) = Sight::<WIDTH, HEIGHT>::new(view) {
        let waits = keeps && sight.agent.is_carrying();
        action[0] = sight.unlock().filter(|_| !waits).unwrap_or(action::WAIT).into();
    }
}

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit for opening the door.",
    r#"    (name: "opened_door", kind: Event(signal: "door_open", value: "time_bonus"), weight: 1.0),"#,
    shaped: "MiniGrid's reward and a potential that rises on the way by the key to the door.",
    r#"    (
        name: "path_potential",
        kind: Tolerance(signal: "path_length", bounds: (0.0, 0.0), margin: 20.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 1.0,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for holding the key in every step: opening the door ends the income.",
    r#"    (name: "holds_key", kind: Threshold(signal: "has_key", above: 0.5), weight: 0.1),"#,
    farmed_by "keep_the_key",
    mixed: "All of them: MiniGrid's reward, the potential and the pay for holding the key.",
};
