//! `Empty-8x8`: walk to the goal in an empty room.
//!
//! # Source
//! `MiniGrid-Empty-8x8-v0` of minigrid 3.2.0: observations, rewards and ends are identical.

use carrot_sim::Script;

use super::grid::{Agent, action};
use super::layout::Draft;
use super::plan::{hover_beside_goal, walk_to_goal};
use super::rewards::four_rewards;
use super::task::{GridTask, Rules, Sheet};
use super::{Hazard, Objective, Way};

/// Name of the task.
pub const NAME: &str = "Empty-8x8";
/// Tiles on a side.
pub const SIZE: usize = 8;
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 4 * (SIZE * SIZE) as u32;

/// The task.
pub fn task() -> GridTask<SIZE, SIZE> {
    GridTask::new(Sheet {
        name: NAME,
        about: "Walk to the goal in an empty room.",
        docs: include_str!("empty.md"),
        actions: action::NAMES.len(),
        max_steps: MAX_STEPS,
        causes: &["reached_goal"],
        rules: Rules {
            objective: Objective::StandOnGoal,
            hazard: Hazard::None,
            way: Way::Straight,
            see_through: true,
            lay_out,
        },
        rewards: REWARDS,
        scripts: SCRIPTS,
    })
}

fn lay_out(draft: &mut Draft<SIZE, SIZE>) {
    draft.set_goal([SIZE as u8 - 2; 2]);
    draft.agent = Agent::at(1, 1, 0);
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Takes a shortest way to the goal.", act: walk_to_goal::<SIZE, SIZE> },
    Script {
        name: "hover_beside_goal",
        about: "Walks up to the goal and waits beside it until the step limit.",
        act: hover_beside_goal::<SIZE, SIZE>,
    },
];

const REWARDS: [carrot_sim::DefaultReward; 4] = four_rewards! {
    sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit at the goal.",
    r#"    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),"#,
    shaped: "MiniGrid's reward and a potential that rises towards the goal.",
    r#"    (
        name: "goal_potential",
        kind: Distance(signal: "goal_distance"),
        weight: -0.1,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "Pay for being near the goal in every step: entering it ends the income.",
    r#"    (
        name: "near_goal",
        kind: Tolerance(signal: "goal_distance", bounds: (0.0, 0.0), margin: 10.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 0.1,
    ),"#, farmed_by "hover_beside_goal",
    mixed: "All of them: MiniGrid's reward, the potential and the pay for being near.",
};
