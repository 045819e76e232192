//! The arm as a chain of frames: where its tool is, and the displacements that bring it to a place.

use rapier3d::math::{Pose, Rotation, Vector};

use super::damped::{JOINTS, Jacobian, solve};
use crate::urdf::{RobotModel, pose};

/// Weight of a radian against a metre (m): a turn of the tool counts like the way of a point this far from it.
pub(super) const LENGTH: f32 = 0.25;
/// Damping while the start is looked for; far from singular places it only slows the search.
const DAMPING: f32 = 1e-3;
const ROUNDS: usize = 500;

/// One joint of the chain.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// From the frame of the joint before to this one's, at displacement zero.
    pub(super) origin: Pose,
    /// Unit vector, in the frame that turns.
    pub(super) axis: Vector,
    /// Least and greatest displacement (rad).
    pub(super) limits: [f32; 2],
}

/// The frames from base to tool.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) turns: [Turn; JOINTS],
    /// The tool in the frame of the last joint.
    pub(super) tool: Pose,
}

impl Chain {
    /// The chain over these joints of a robot, the fixed ones among them folded into their neighbours.
    pub(super) fn new(robot: &RobotModel, moving: [usize; JOINTS], path: &[usize]) -> Self {
        let mut origins = vec![Pose::IDENTITY; JOINTS + 1];
        let mut at = 0;
        for &joint in path {
            origins[at] *= pose(&robot.joints[joint].origin);
            at += usize::from(moving.contains(&joint));
        }
        let turns = std::array::from_fn(|index| {
            let joint = &robot.joints[moving[index]];
            let [x, y, z] = joint.axis.map(|v| v as f32);
            let limits =
                joint.limits.map_or([-std::f32::consts::PI, std::f32::consts::PI], |l| l.map(|v| v as f32));
            Turn { origin: origins[index], axis: Vector::new(x, y, z), limits }
        });
        Self { turns, tool: origins[JOINTS] }
    }

    /// The tool's pose with the base at `base`, and how displacements move it.
    fn forward(&self, base: &Pose, displacements: &[f32; JOINTS]) -> (Pose, Jacobian) {
        let mut frames = [*base; JOINTS];
        let mut here = *base;
        for (turn, (&angle, slot)) in self.turns.iter().zip(displacements.iter().zip(&mut frames)) {
            let (sin, cos) = libm::sincosf(angle * 0.5);
            let axis = turn.axis * sin;
            here = here * turn.origin * Pose::from_rotation(Rotation::from_xyzw(axis.x, axis.y, axis.z, cos));
            *slot = here;
        }
        let tool = here * self.tool;
        let column =
            |index: usize| (frames[index].rotation * self.turns[index].axis, frames[index].translation);
        (tool, jacobian(tool.translation, column))
    }

    /// How displacements move the tool.
    pub(super) fn jacobian_at(&self, base: &Pose, displacements: &[f32; JOINTS]) -> Jacobian {
        self.forward(base, displacements).1
    }

    /// Displacements within the limits at which the tool has this pose; `None` where the search does not end there.
    pub(super) fn inverse(&self, base: &Pose, goal: &Pose) -> Option<[f32; JOINTS]> {
        let mut displacements = [0, 1, 2, 3, 4, 5].map(|index| {
            let [lower, upper] = self.turns[index].limits;
            0.5 * (lower + upper)
        });
        for _ in 0..ROUNDS {
            let (tool, jacobian) = self.forward(base, &displacements);
            let moved = goal.translation - tool.translation;
            let turned = rotation_vector(&goal.rotation, &tool.rotation);
            if moved.length() < 1e-5 && turned.length() < 1e-4 {
                return Some(displacements);
            }
            // Short steps, for the Jacobian holds only near by.
            let scale = (0.1 / moved.length().max(LENGTH * turned.length())).min(1.0);
            let speeds = solve(&jacobian, &stack(moved * scale, turned * scale), DAMPING);
            for (index, speed) in speeds.into_iter().enumerate() {
                let [lower, upper] = self.turns[index].limits;
                displacements[index] = (displacements[index] + speed).clamp(lower, upper);
            }
        }
        None
    }
}

/// The Jacobian at `tool` of joints that turn about `(axis, point)`, rotations weighted by [`LENGTH`].
pub(super) fn jacobian(tool: Vector, joint: impl Fn(usize) -> (Vector, Vector)) -> Jacobian {
    let mut jacobian = [[0.0; JOINTS]; 6];
    for index in 0..JOINTS {
        let (axis, point) = joint(index);
        for (row, value) in stack(axis.cross(tool - point), axis).into_iter().enumerate() {
            jacobian[row][index] = value;
        }
    }
    jacobian
}

/// A velocity and an angular velocity as the rows of a task.
pub(super) fn stack(linear: Vector, angular: Vector) -> [f32; 6] {
    let angular = angular * LENGTH;
    [linear.x, linear.y, linear.z, angular.x, angular.y, angular.z]
}

/// The turn from `from` to `to` as axis times angle, for angles that are not near a half turn.
pub(super) fn rotation_vector(to: &Rotation, from: &Rotation) -> Vector {
    let turn = *to * from.inverse();
    let sign = 1.0_f32.copysign(turn.w);
    let sine = Vector::new(turn.x, turn.y, turn.z) * sign;
    let length = sine.length();
    if length < 1e-6 { sine * 2.0 } else { sine * (2.0 * libm::atan2f(length, turn.w * sign) / length) }
}
