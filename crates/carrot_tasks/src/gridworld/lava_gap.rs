//! `LavaGap-S7`: walk through the one gap in a wall of lava.
//!
//! # Source
//! `MiniGrid-LavaGapS7-v0` of minigrid 3.2.0: rules, observations, rewards and ends are identical, and layouts
//! have the same distribution.

use super::cell::Cell;
use super::grid::{Agent, action};
use super::layout::{Area, Draft};
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way, lava};

/// Name of the task.
pub const NAME: &str = "LavaGap-S7";
/// Tiles on a side.
pub const SIZE: usize = 7;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 4 * (SIZE * SIZE) as u32;

/// The task.
pub fn task() -> GridTask<SIZE, SIZE> {
    GridTask::new(Sheet {
        name: NAME,
        about: "Walk to the goal through the one gap in a wall of lava.",
        docs: include_str!("lava_gap.md"),
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
    let gap = [draft.within(2, size - 2), draft.within(1, size - 1)];
    draft.fill(Area { x: gap[0], y: 1, width: 1, height: size - 2 }, Cell::LAVA);
    draft.set(gap, Cell::EMPTY);
}
