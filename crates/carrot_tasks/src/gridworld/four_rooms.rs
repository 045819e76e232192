//! `FourRooms`: find the goal somewhere in four rooms.
//!
//! # Source
//! `MiniGrid-FourRooms-v0` of minigrid 3.2.0: rules, observations, rewards and ends are identical, and layouts
//! have the same distribution.

use carrot_sim::{DefaultReward, Script};

use super::cell::Cell;
use super::grid::action;
use super::layout::{Area, Draft};
use super::plan::{hover_beside_goal, walk_to_goal};
use super::rewards::four_rewards;
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way};

/// Name of the task.
pub const NAME: &str = "FourRooms";
/// Tiles on a side.
pub const SIZE: usize = 19;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 100;

/// The task.
pub fn task() -> GridTask<SIZE, SIZE> {
    GridTask::new(Sheet {
        name: NAME,
        about: "Find the goal somewhere in four rooms.",
        docs: include_str!("four_rooms.md"),
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
    const ROOM: u8 = SIZE as u8 / 2;
    for (right, down) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let (x, y) = (right * ROOM, down * ROOM);
        if right == 0 {
            draft.fill(Area { x: x + ROOM, y, width: 1, height: ROOM }, Cell::WALL);
            let gap = draft.within(y + 1, y + ROOM);
            draft.set([x + ROOM, gap], Cell::EMPTY);
        }
        if down == 0 {
            draft.fill(Area { x, y: y + ROOM, width: ROOM, height: 1 }, Cell::WALL);
            let gap = draft.within(x + 1, x + ROOM);
            draft.set([gap, y + ROOM], Cell::EMPTY);
        }
    }
    draft.place_agent(Draft::<SIZE, SIZE>::WHOLE);
    let goal = draft.free_tile(Draft::<SIZE, SIZE>::WHOLE);
    draft.set_goal(goal);
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Takes a shortest way to the goal.", act: walk_to_goal::<SIZE, SIZE> },
    Script {
        name: "hover_beside_goal",
        about: "Walks up to the goal and waits beside it until the step limit.",
        act: hover_beside_goal::<SIZE, SIZE>,
    },
];

const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit at the goal.",
    r#"    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),"#,
    shaped: "MiniGrid's reward and a potential that rises on the way around the walls.",
    r#"    (
        name: "path_potential",
        kind: Distance(signal: "path_length"),
        weight: -0.05,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for being near the goal in every step: entering it ends the income.",
    r#"    (
        name: "near_goal",
        kind: Tolerance(signal: "path_length", bounds: (0.0, 0.0), margin: 40.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 0.1,
    ),"#, farmed_by "hover_beside_goal",
    mixed: "All of them: MiniGrid's reward, the potential and the pay for being near.",
};
