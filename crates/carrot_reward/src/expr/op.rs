//! The operations that programs are made of, each defined once for a single float.
//!
//! Constant folding, the columns of a program and their bounds all go through these definitions, so a folded
//! constant has the bits that the column would have had. Flags are 0 and 1.

use crate::math;

/// Operations on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unary {
    /// The value itself.
    Same,
    Negate,
    Abs,
    Sign,
    Sqrt,
    Exp,
    Log,
    Tanh,
    Sigmoid,
    Cos,
    Not,
}

/// Operations on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Min,
    Max,
    Less,
    LessOrEqual,
    Equal,
    And,
    Or,
    /// The angle whose tangent is a / b, by quadrant.
    Atan2,
}

impl Unary {
    /// The value of the operation.
    #[inline(always)]
    pub(crate) fn apply(self, x: f32) -> f32 {
        match self {
            Self::Same => x,
            Self::Negate => -x,
            Self::Abs => x.abs(),
            Self::Sign => flag(x > 0.0) - flag(x < 0.0),
            Self::Sqrt => x.sqrt(),
            Self::Exp => math::exp(x),
            Self::Log => math::log(x),
            Self::Tanh => math::tanh(x),
            Self::Sigmoid => math::sigmoid(x),
            Self::Cos => libm::cosf(x),
            Self::Not => 1.0 - x,
        }
    }
}

impl Binary {
    /// The value of the operation.
    #[inline(always)]
    pub(crate) fn apply(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            // Spelled out: the library's `min` and `max` leave the sign of a zero open.
            Self::Min => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Self::Max => {
                if a > b {
                    a
                } else {
                    b
                }
            }
            Self::Less => flag(a < b),
            Self::LessOrEqual => flag(a <= b),
            Self::Equal => flag(a == b),
            Self::And => a * b,
            Self::Or => {
                if a > b {
                    a
                } else {
                    b
                }
            }
            Self::Atan2 => libm::atan2f(a, b),
        }
    }
}

/// `yes` where the flag is set, else `no`.
#[inline(always)]
pub(crate) fn select(condition: f32, yes: f32, no: f32) -> f32 {
    if condition != 0.0 { yes } else { no }
}

/// How far x lies outside of [low, high].
///
/// One operation, because every tolerance needs it: as four it would cost four passes.
#[inline(always)]
pub(crate) fn outside(x: f32, low: f32, high: f32) -> f32 {
    Binary::Max.apply(Binary::Max.apply(low - x, x - high), 0.0)
}

#[inline(always)]
pub(crate) fn flag(set: bool) -> f32 {
    if set { 1.0 } else { 0.0 }
}
