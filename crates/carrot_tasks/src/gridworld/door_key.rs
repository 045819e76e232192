//! `DoorKey-8x8` and `DoorKey-16x16`: fetch a key, unlock a door, walk to the goal behind it.
//!
//! # Source
//! `MiniGrid-DoorKey-8x8-v0` and `MiniGrid-DoorKey-16x16-v0` of minigrid 3.2.0: rules, observations, rewards and
//! ends are identical, and layouts have the same distribution.

use carrot_sim::{DefaultReward, Script, ScriptView};

use super::cell::{Cell, color, door, object};
use super::grid::action;
use super::layout::{Area, Draft};
use super::plan::Sight;
use super::rewards::four_rewards;
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way};

/// Name of the task with 8 tiles on a side.
pub const NAME_8X8: &str = "DoorKey-8x8";
/// Name of the task with 16 tiles on a side.
pub const NAME_16X16: &str = "DoorKey-16x16";

/// The task with 8 tiles on a side.
pub fn task_8x8() -> GridTask<8, 8> {
    task(NAME_8X8, REWARDS_8X8)
}

/// The task with 16 tiles on a side.
pub fn task_16x16() -> GridTask<16, 16> {
    task(NAME_16X16, REWARDS_16X16)
}

fn task<const N: usize>(name: &'static str, rewards: [DefaultReward; 4]) -> GridTask<N, N> {
    GridTask::new(Sheet {
        name,
        about: "Fetch the key, unlock the door and walk to the goal.",
        docs: include_str!("door_key.md"),
        actions: action::NAMES.len(),
        max_steps: 10 * (N * N) as u32,
        causes: &["reached_goal"],
        rules: Rules {
            objective: Objective::StandOnGoal,
            hazard: Hazard::None,
            way: Way::Keyed,
            see_through: false,
            lay_out,
        },
        rewards,
        scripts: [
            Script {
                name: "expert",
                about: "Takes a shortest way to the key, to the door and to the goal.",
                act: expert::<N>,
            },
            Script {
                name: "swing_the_door",
                about: "Unlocks the door, then closes and opens it until the step limit.",
                act: swing_the_door::<N>,
            },
        ],
    })
}

fn lay_out<const N: usize>(draft: &mut Draft<N, N>) {
    let size = N as u8;
    draft.set_goal([size - 2; 2]);
    let split = draft.within(2, size - 2);
    draft.fill(Area { x: split, y: 0, width: 1, height: size }, Cell::WALL);
    let left = Area { x: 0, y: 0, width: split, height: size };
    draft.place_agent(left);
    draft.marks.door = [split, draft.within(1, size - 2)];
    draft.set(draft.marks.door, Cell::door(color::YELLOW, door::LOCKED));
    draft.marks.key = draft.place(Cell::new(object::KEY, color::YELLOW), left);
}

fn expert<const N: usize>(view: &ScriptView<'_>, action: &mut [f32]) {
    if let Some(sight) = Sight::<N, N>::new(view) {
        action[0] = sight.unlock().unwrap_or_else(|| sight.toward(sight.marks.goal)).into();
    }
}

fn swing_the_door<const N: usize>(view: &ScriptView<'_>, action: &mut [f32]) {
    if let Some(sight) = Sight::<N, N>::new(view) {
        action[0] = sight.unlock().unwrap_or(action::TOGGLE).into();
    }
}

/// The rewards of a room of a size; `$margin` is about its longest way, in tiles.
macro_rules! rewards {
    ($margin:literal) => {
        four_rewards! {
            sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit at the goal.",
            r#"    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),"#,
            shaped: "MiniGrid's reward and a potential that rises on the way by key and door to the goal.",
            concat!(
                r#"    (
        name: "path_potential",
        kind: Tolerance(signal: "path_length", bounds: (0.0, 0.0), margin: "#,
                $margin,
                r#", sigmoid: Linear, value_at_margin: 0.0),
        weight: 1.0,
        stages: [Potential(gamma: 0.99)],
    ),"#
            ),
            naive: "Pay for every time the door opens: a door can be opened any number of times.",
            r#"    (name: "opened_door", kind: Event(signal: "door_open"), weight: 0.1),"#,
            farmed_by "swing_the_door",
            mixed: "All of them: MiniGrid's reward, the potential and the pay for opening the door.",
        }
    };
}

const REWARDS_8X8: [DefaultReward; 4] = rewards!("30.0");
const REWARDS_16X16: [DefaultReward; 4] = rewards!("75.0");
