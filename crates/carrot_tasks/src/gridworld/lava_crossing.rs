//! `LavaCrossing`: walk to the goal across one river of lava.
//!
//! # Source
//! `MiniGrid-LavaCrossingS9N1-v0` of minigrid 3.2.0: rules, observations, rewards and ends are identical, and
//! layouts have the same distribution.

use super::cell::Cell;
use super::grid::{Agent, action};
use super::layout::{Area, Draft};
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way, lava};

/// Name of the task.
pub const NAME: &str = "LavaCrossing";
/// Tiles on a side.
pub const SIZE: usize = 9;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 4 * (SIZE * SIZE) as u32;

/// The task.
pub fn task() -> GridTask<SIZE, SIZE> {
    GridTask::new(Sheet {
        name: NAME,
        about: "Walk to the goal across one river of lava.",
        docs: include_str!("lava_crossing.md"),
        actions: action::NAMES.len(),
        max_steps: MAX_STEPS,
        causes: lava::CAUSES,
        rules: Rules {
            objective: Objective::StandOnGoal,
            hazard: Hazard::Lava,
            way: Way::Walked,
            see_through: false,
            lay_out,
        },
        rewards: lava::REWARDS,
        scripts: lava::scripts::<SIZE>(),
    })
}

fn lay_out(draft: &mut Draft<SIZE, SIZE>) {
    let size = SIZE as u8;
    draft.agent = Agent::at(1, 1, 0);
    draft.set_goal([size - 2; 2]);
    // One of the rivers at 2, 4 and 6, from top to bottom or from side to side, and a ford anywhere in it.
    let (river, upright) = (2 + 2 * draft.within(0, 3), draft.within(0, 2) == 0);
    let ford = draft.within(1, size - 1);
    if upright {
        draft.fill(Area { x: river, y: 1, width: 1, height: size - 2 }, Cell::LAVA);
        draft.set([river, ford], Cell::EMPTY);
    } else {
        draft.fill(Area { x: 1, y: river, width: size - 2, height: 1 }, Cell::LAVA);
        draft.set([ford, river], Cell::EMPTY);
    }
}
