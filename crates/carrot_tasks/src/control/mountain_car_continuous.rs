//! `MountainCarContinuous-v0`: the weak car with a throttle, and fuel that costs.
//!
//! # Source
//! Gymnasium's `continuous_mountain_car.py`; see [`valley`](super::valley) for the dynamics.

use carrot_sim::{ActionSpace, App, Camera, DefaultReward, Script, Task, TaskSpec};

use super::valley::Valley;

/// Name of the task.
pub const NAME: &str = "MountainCarContinuous-v0";
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 999;
/// The engine and the flag.
pub const VALLEY: Valley = Valley { coast: 0.0, push: 0.0015, goal: 0.45, goal_energy: 0.325_241_1 };

/// The task.
pub struct MountainCarContinuous {
    spec: TaskSpec,
}

impl Default for MountainCarContinuous {
    fn default() -> Self {
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Drive a weak car out of a valley by swinging, with a throttle and costly fuel.",
            docs: include_str!("mountain_car_continuous.md"),
            observation: Valley::observation(),
            action: ActionSpace::Continuous {
                names: vec!["push".into()],
                units: vec!["0.0015 m/s^2".into()],
                low: vec![-1.0],
                high: vec![1.0],
            },
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

impl Task for MountainCarContinuous {
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
const SWING_ENERGY: f32 = 0.27;

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Always pushes the way the car already rolls, which adds energy in every step.",
        act: |view, action| action[0] = if view.get("velocity") < 0.0 { -1.0 } else { 1.0 },
    },
    Script {
        name: "swing_forever",
        about: "Swings as fast as it can without ever taking the flag.",
        act: |view, action| {
            let rolling_left = view.get("velocity") < 0.0;
            let gain = view.get("mechanical_energy") < SWING_ENERGY;
            action[0] = if rolling_left == gain { -1.0 } else { 1.0 };
        },
    },
];

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "Gymnasium's reward: 100 at the flag, less a tenth of the squared push in every step.",
        ron: r#"[
    (name: "flag", kind: Event(cause: "reached_goal"), weight: 100.0),
    (name: "fuel", kind: Effort(signals: ["action_given_push"]), weight: -0.1),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "Gymnasium's reward and a potential that rises as the missing energy shrinks.",
        ron: r#"[
    (name: "flag", kind: Event(cause: "reached_goal"), weight: 100.0),
    (name: "fuel", kind: Effort(signals: ["action_given_push"]), weight: -0.1),
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
    (name: "flag", kind: Event(cause: "reached_goal"), weight: 100.0),
    (name: "fuel", kind: Effort(signals: ["action_given_push"]), weight: -0.1),
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
