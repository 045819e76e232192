//! What is accumulated over the substeps of one step: contact impulses and events, work of motors.

use serde::{Deserialize, Serialize};

/// What happened between two watched groups of colliders during the last step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ContactTotals {
    /// Normal impulse that the second group gave the first, as a vector (N s).
    pub impulse: [f32; 3],
    /// Sum of the sizes of all normal impulses (N s); opposing fingers do not cancel here.
    pub impulse_magnitude: f32,
    /// Substeps in which the groups touched.
    pub substeps: u16,
    /// Times that touching began.
    pub began: u16,
    /// Times that touching ended.
    pub ended: u16,
    /// Whether the groups touch at the end of the step.
    pub touching: bool,
}

impl ContactTotals {
    /// Clears the sums before a step; whether the groups touch is carried over.
    pub(crate) fn begin_step(&mut self) {
        *self = Self { touching: self.touching, ..Self::default() };
    }

    /// Adds one substep.
    pub(crate) fn add(&mut self, impulse: [f32; 3], magnitude: f32, touching: bool) {
        for axis in 0..3 {
            self.impulse[axis] += impulse[axis];
        }
        self.impulse_magnitude += magnitude;
        self.substeps += u16::from(touching);
        self.began += u16::from(touching && !self.touching);
        self.ended += u16::from(!touching && self.touching);
        self.touching = touching;
    }
}

/// What one motor did during the last step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MotorTotals {
    /// Impulse along the motor's axis (N s).
    pub impulse: f32,
    /// Mechanical work, negative where the motor brakes (J).
    pub work: f32,
    /// Sum over substeps of the size of the work (J): braking costs as much as driving.
    pub effort: f32,
}

impl MotorTotals {
    /// Adds one substep with the motor's impulse and its velocity before and after.
    ///
    /// Impulse times mean velocity is the discrete change of kinetic energy exactly.
    pub(crate) fn add(&mut self, impulse: f32, before: f32, after: f32) {
        let work = impulse * 0.5 * (before + after);
        self.impulse += impulse;
        self.work += work;
        self.effort += work.abs();
    }
}
