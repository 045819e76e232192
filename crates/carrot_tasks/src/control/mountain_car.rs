//! `MountainCar-v0`: drive a weak car out of a valley by swinging.
//!
//! # Source
//! Gymnasium's `mountain_car.py`; see [`valley`](super::valley) for the dynamics.

use carrot_sim::{ActionSpace, App, Camera, DefaultReward, Script, Task, TaskSpec};

use super::valley::Valley;

/// Name of the task.
pub const NAME: &str = "MountainCar-v0";
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 200;
/// The engine and the flag.
pub const VALLEY: Valley = Valley { coast: 1.0, push: 0.001, goal: 0.5, goal_energy: 0.332_498_33 };

/// The task.
pub struct MountainCar {
    spec: TaskSpec,
}

impl Default for MountainCar {
    fn default() -> Self {
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Drive a weak car out of a valley by swinging.",
            docs: include_str!("mountain_car.md"),
            observation: Valley::observation(),
            action: ActionSpace::discrete(&["push_left", "coast", "push_right"]),
            signals: VALLEY.signals(),
            causes: &["reached_goal"],
            max_steps: MAX_STEPS,
            // Gymnasium names no unit of time; a step of one second makes its numbers SI.
            control_dt: 1.0,
            physics_dt: 1.0,
            decimation: 1,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec }
    }
}

impl Task for MountainCar {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn camera(&self) -> Camera {
        super::valley::CAMERA
    }

    fn build(&self, app: &mut App) {
        VALLEY.join(app);
    }
}

/// The exploit swings with at most this energy, in metres: one more push cannot carry it to the flag.
const SWING_ENERGY: f32 = 0.29;

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Always pushes the way the car already rolls, which adds energy in every step.",
        act: |view, action| action[0] = if view.get("velocity") < 0.0 { 0.0 } else { 2.0 },
    },
    Script {
        name: "swing_forever",
        about: "Swings as fast as it can without ever taking the flag.",
        act: |view, action| {
            let rolling_left = view.get("velocity") < 0.0;
            let gain = view.get("mechanical_energy") < SWING_ENERGY;
            action[0] = if rolling_left == gain { 0.0 } else { 2.0 };
        },
    },
];

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "Gymnasium's reward: -1 for every step.",
        ron: r#"[
    (name: "time_penalty", kind: TimePenalty()),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "Gymnasium's reward and a potential that rises as the missing energy shrinks.",
        ron: r#"[
    (name: "time_penalty", kind: TimePenalty()),
    (
        name: "energy_potential",
        kind: Distance(signal: "energy_deficit"),
        weight: -100.0,
        stages: [Potential(gamma: 0.99)],
    ),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for speed alone: reaching the flag ends the income.",
        ron: r#"[
    (name: "speed_bonus", kind: Distance(signal: "velocity"), weight: 10.0),
]"#,
        farmed_by: Some("swing_forever"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: Gymnasium's reward, the potential and the pay for speed.",
        ron: r#"[
    (name: "time_penalty", kind: TimePenalty()),
    (
        name: "energy_potential",
        kind: Distance(signal: "energy_deficit"),
        weight: -100.0,
        stages: [Potential(gamma: 0.99)],
    ),
    (name: "speed_bonus", kind: Distance(signal: "velocity"), weight: 10.0),
]"#,
        farmed_by: None,
    },
];
