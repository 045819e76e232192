//! Goals in space: their column, how they are drawn at random, and the judge of all goal tasks.

use bevy_ecs::prelude::*;
use carrot_sim::{
    App, BatchApp, CAUSE_NONE, Ends, GoalSpec, SignalId, Signals, StepSystems, set_row_state, unit_f32,
};
use serde::{Deserialize, Serialize};

use super::signals::GoalSignals;

/// Goal of a row, m.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Goal(pub [f32; 3]);

/// A point of a box, from three words.
pub fn point_in(bounds: &[[f32; 2]; 3], words: [u32; 4]) -> [f32; 3] {
    std::array::from_fn(|i| bounds[i][0] + (bounds[i][1] - bounds[i][0]) * unit_f32(words[i]))
}

/// Distance on the table.
pub fn distance_on_table(a: [f32; 3], b: [f32; 3]) -> f32 {
    carrot_sim::goal::distance(&a[..2], &b[..2])
}

/// 1 where nothing is beyond the tolerance, falling to 0.1 at `margin` beyond it (a Gaussian, as in dm_control).
pub fn closeness(beyond: f32, margin: f32) -> f32 {
    let beyond = beyond.max(0.0) / margin;
    libm::expf(-std::f32::consts::LN_10 * beyond * beyond)
}

/// How a goal task is judged.
#[derive(Resource, Debug, Clone, Copy)]
pub(crate) struct GoalJudge {
    pub(crate) spec: GoalSpec,
    distance: SignalId,
    /// Distance beyond the tolerance at which the score is 0.1.
    margin: f32,
}

/// Adds the judge of a goal task: success within the tolerance, no termination, [`closeness`] as the score.
pub fn judge_by_goal(app: &mut App, goal: GoalSignals, margin: f32) {
    app.insert_resource(GoalJudge { spec: goal.spec, distance: goal.distance(), margin })
        .add_step_systems(StepSystems::Terminate, judge);
}

/// Adds the goal's column and its handle.
pub fn add_goal(app: &mut App) {
    app.add_row_state(Goal::default()).add_handle(
        "goal_position",
        "The goal, m.",
        3,
        |world, row, values| {
            set_row_state(world, row, Goal([values[0], values[1], values[2]]));
        },
    );
}

fn judge(signals: Res<Signals>, task: Res<GoalJudge>, mut ends: ResMut<Ends>) {
    let ends = &mut *ends;
    ends.terminated.fill(false);
    ends.cause.fill(CAUSE_NONE);
    for (row, &distance) in signals.now().get(task.distance, 0).iter().enumerate() {
        ends.success[row] = task.spec.is_reached(distance);
        ends.score[row] = closeness(distance - task.spec.tolerance, task.margin);
    }
}
