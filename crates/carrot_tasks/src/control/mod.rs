//! Control: classic dynamics whose state is a few scalar columns, and mechanisms of rigid bodies.

use bevy_ecs::prelude::*;
use bytemuck::{Pod, Zeroable};
use carrot_sim::{FaultSource, Faults};
use serde::{Deserialize, Serialize};

pub mod acrobot;
pub mod ball_balance;
pub mod cart_pole;
pub mod hopper;
mod hopper_scripts;
mod mechanism;
pub mod mountain_car;
pub mod mountain_car_continuous;
pub mod pendulum;
pub mod reacher;
pub mod valley;

/// Declares state columns of one f32 per row, so that systems run over whole contiguous columns.
macro_rules! scalar_columns {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name(pub f32);
    )+};
}

scalar_columns! {
    /// Position of the cart on its rail, in metres.
    CartPosition;
    /// Velocity of the cart, in m/s.
    CartVelocity;
    /// Angle of the pole from upright, positive to the right, in radians.
    PoleAngle;
    /// Angular velocity of the pole, in rad/s.
    PoleVelocity;
    /// Position of the car along the valley, in metres.
    CarPosition;
    /// Velocity of the car, in metres per step.
    CarVelocity;
    /// Angle of the pendulum from upright, from -pi to pi, in radians.
    PendulumAngle;
    /// Angular velocity of the pendulum, in rad/s.
    PendulumVelocity;
    /// Steps for which the pendulum has been upright without a break.
    UprightSteps;
    /// Angle of the upper link from hanging, from -pi to pi, in radians.
    ShoulderAngle;
    /// Angle of the lower link from the upper one's direction, from -pi to pi, in radians.
    ElbowAngle;
    /// Angular velocity of the upper link, in rad/s.
    ShoulderVelocity;
    /// Angular velocity of the lower link against the upper one, in rad/s.
    ElbowVelocity;
}

/// A scalar column as plain numbers.
fn floats<T: Pod>(column: &[T]) -> &[f32] {
    bytemuck::cast_slice(column)
}

/// A scalar column as plain numbers, to write.
fn floats_mut<T: Pod>(column: &mut [T]) -> &mut [f32] {
    bytemuck::cast_slice_mut(column)
}

/// Reports the rows in which one of the columns is not finite, and puts zeroes there so that it does not
/// spread; the row is reset in the same step.
fn contain_state<const C: usize>(columns: [&mut [f32]; C], faults: &mut Faults) {
    for column in columns {
        for (row, value) in column.iter_mut().enumerate().filter(|(_, value)| !value.is_finite()) {
            *value = 0.0;
            faults.raise(row, FaultSource::State);
        }
    }
}
