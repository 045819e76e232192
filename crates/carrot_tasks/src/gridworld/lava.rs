//! What the tasks with lava share: scripts and rewards.

use carrot_sim::{DefaultReward, Script, ScriptView};

use super::cell::Cell;
use super::grid::{AHEAD, action};
use super::plan::{Sight, walk_to_goal};
use super::rewards::four_rewards;

/// Names of the causes.
pub(super) const CAUSES: &[&str] = &["reached_goal", "stepped_into_lava"];

/// The expert and the exploit.
pub(super) const fn scripts<const N: usize>() -> [Script; 2] {
    [
        Script {
            name: "expert",
            about: "Takes a shortest way to the goal around the lava.",
            act: walk_to_goal::<N, N>,
        },
        Script {
            name: "jump_into_lava",
            about: "Ends the episode, and with it the cost, in the nearest lava.",
            act: jump_into_lava::<N>,
        },
    ]
}

fn jump_into_lava<const N: usize>(view: &ScriptView<'_>, action: &mut [f32]) {
    let Some(sight) = Sight::<N, N>::new(view) else { return };
    let (x, y) = (i32::from(sight.agent.x), i32::from(sight.agent.y));
    let beside = |direction: &usize| {
        let (dx, dy) = AHEAD[*direction];
        sight.grid.get(x + dx, y + dy) == Cell::LAVA
    };
    let turns = |direction: usize| (direction + 4 - usize::from(sight.agent.direction)) & 3;
    let lava = (0..4).filter(beside).map(turns).min_by_key(|&turns| turns.min(4 - turns));
    action[0] = match lava {
        Some(0) => action::FORWARD,
        Some(3) => action::LEFT,
        Some(_) => action::RIGHT,
        // Lava lies across every way to the goal.
        None => sight.toward(sight.marks.goal),
    }
    .into();
}

pub(super) const REWARDS: [DefaultReward; 4] = four_rewards! {
    sparse: "MiniGrid's reward: 1 - 0.9 * steps / step limit at the goal; lava pays nothing.",
    r#"    (name: "reached_goal", kind: Event(signal: "at_goal", value: "time_bonus"), weight: 1.0),"#,
    shaped: "MiniGrid's reward and a potential that rises on the way around the lava.",
    r#"    (
        name: "path_potential",
        kind: Distance(signal: "path_length"),
        weight: -0.05,
        stages: [Potential(gamma: 0.99)],
    ),"#,
    naive: "A cost for the distance to the goal in every step: the quickest end is the cheapest, and lava is an end.",
    r#"    (name: "distance_cost", kind: Distance(signal: "goal_distance"), weight: -0.1),"#,
    farmed_by "jump_into_lava",
    mixed: "All of them: MiniGrid's reward, the potential and the cost of distance.",
};
