//! How `Hopper` is scripted and rewarded.

use carrot_sim::{DefaultReward, Script, ScriptView};

use super::hopper::{DAMPING, LEG, REACH, STIFFNESS};

pub(super) const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Hops in Raibert's three parts: thrust by the leg, speed by where the foot lands, torso by the hip.",
        act: hop,
    },
    Script { name: "stand", about: "Stands where it is.", act: |_, action| action.fill(0.0) },
];

/// Speed that the hops aim at, m/s.
const SPEED: f32 = 0.8;
/// How long the foot stays on the ground, s: landing half of the way of that time ahead keeps the speed.
const STANCE_SECS: f32 = 0.16;
/// How much further ahead the foot lands per speed that is too much, s.
const PLACEMENT: f32 = 0.05;
/// Torque against pitch (N m/rad) and against its rate (N m s/rad).
const BALANCE: [f32; 2] = [40.0, 8.0];
/// What the leg is longer during thrust, and while it is swung forward, m.
const THRUST: f32 = 0.1;
const TUCK: f32 = -0.02;
/// The leg thrusts as soon as the hip sinks slower than this, m/s.
const REBOUND: f32 = 0.2;

/// Three-part control.
///
/// # Source
/// M. H. Raibert, "Legged Robots That Balance", MIT Press 1986, chapter 2.
fn hop(view: &ScriptView<'_>, action: &mut [f32]) {
    let (pitch, hip) = (view.get("torso_pitch"), view.get("hip_angle"));
    let (forward, upward) = (view.get("forward_velocity"), view.get("upward_velocity"));
    let target = if view.get("sole_contact") > 0.5 {
        let torque = BALANCE[0] * pitch + BALANCE[1] * view.get("pitch_velocity");
        let longer = if upward > -REBOUND { THRUST } else { 0.0 };
        // Servos become sources of torque when they are told to be where they are, ahead by their own damping.
        let lead = |joint: usize, rate: &str| DAMPING[joint] / STIFFNESS[joint] * view.get(rate);
        [
            hip + lead(0, "hip_velocity") + torque / STIFFNESS[0],
            longer,
            view.get("ankle_angle") + lead(2, "ankle_velocity"),
        ]
    } else {
        let ahead = 0.5 * STANCE_SECS * forward + PLACEMENT * (forward - SPEED);
        let leg = -libm::asinf((ahead / LEG).clamp(-0.5, 0.5));
        // The sole stays level whatever the leg does.
        [leg - pitch, if upward > 0.0 { TUCK } else { 0.0 }, -(pitch + hip)]
    };
    for joint in 0..3 {
        action[joint] = (target[joint] / REACH[joint]).clamp(-1.0, 1.0);
    }
}

pub(super) const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "1 for every metre forward, and -1 for every metre back.",
        ron: r#"[
    (name: "advance", kind: Progress(signal: "finish_distance"), weight: 1.0),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward, and a potential that rises with the speed and is lost in a fall.",
        ron: r#"[
    (name: "advance", kind: Progress(signal: "finish_distance"), weight: 1.0),
    (
        name: "speeding_up",
        kind: Tolerance(signal: "forward_velocity", bounds: (1.0, 20.0), margin: 1.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 1.0,
        stages: [Potential(gamma: 0.99)],
    ),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for standing and charge for effort, because falling is bad and motors are hot.",
        ron: r#"[
    (name: "standing", kind: Alive(), weight: 1.0),
    (name: "effort", kind: Effort(), weight: -0.2),
]"#,
        farmed_by: Some("stand"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potential and the pay for standing at little effort.",
        ron: r#"[
    (name: "advance", kind: Progress(signal: "finish_distance"), weight: 1.0),
    (
        name: "speeding_up",
        kind: Tolerance(signal: "forward_velocity", bounds: (1.0, 20.0), margin: 1.0, sigmoid: Linear, value_at_margin: 0.0),
        weight: 1.0,
        stages: [Potential(gamma: 0.99)],
    ),
    (name: "standing", kind: Alive(), weight: 1.0),
    (name: "effort", kind: Effort(), weight: -0.2),
]"#,
        farmed_by: None,
    },
];
