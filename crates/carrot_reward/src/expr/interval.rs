//! Interval arithmetic: which values an operation can give, from those that its operands can have.
//!
//! Rounding to the nearest is monotone, so the end points of sums, products, quotients and roots are exact; the
//! polynomials are not quite monotone and get a margin above their error.

use std::fmt;

use super::op::{Binary, Unary};

/// Reachable values of a term or a part of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lowest value.
    pub low: f32,
    /// Highest value.
    pub high: f32,
    /// Whether it may be no number at all; such a value is scored as 0.
    pub nan: bool,
}

/// Relative error allowed to the polynomials.
const MARGIN: f32 = 2e-6;

impl Interval {
    /// One value.
    pub(crate) fn of(value: f32) -> Self {
        if value.is_nan() { Self { nan: true, ..Self::ALL } } else { Self::new(value, value) }
    }

    /// All values between two numbers.
    pub(crate) fn new(low: f32, high: f32) -> Self {
        Self { low, high, nan: false }
    }

    /// What a signal with this range can be: signals are finite.
    pub(crate) fn of_signal((low, high): (f32, f32)) -> Self {
        Self::new(low.max(f32::MIN), high.min(f32::MAX))
    }

    const ALL: Self = Self { low: f32::NEG_INFINITY, high: f32::INFINITY, nan: false };
    pub(crate) const FLAG: Self = Self { low: 0.0, high: 1.0, nan: false };

    /// Whether a value lies within.
    pub fn contains(&self, value: f32) -> bool {
        if value.is_nan() { self.nan } else { self.low <= value && value <= self.high }
    }

    fn has_infinity(&self) -> bool {
        self.low == f32::NEG_INFINITY || self.high == f32::INFINITY
    }

    fn has_zero(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    fn or_nan(self, nan: bool) -> Self {
        Self { nan: self.nan | nan, ..self }
    }

    /// Both and all between.
    fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high), nan: self.nan | other.nan }
    }

    /// Grows by the error of a polynomial, but not beyond the bounds of its function.
    fn widened(self, lowest: f32, highest: f32) -> Self {
        let grow = |x: f32| x.abs() * MARGIN + MARGIN;
        Self {
            low: (self.low - grow(self.low)).clamp(lowest, highest),
            high: (self.high + grow(self.high)).clamp(lowest, highest),
            nan: self.nan,
        }
    }

    /// The values of an operation on one operand.
    pub(crate) fn unary(op: Unary, x: Self) -> Self {
        let at = |value: f32| op.apply(value);
        let ends = Self::new(at(x.low), at(x.high)).or_nan(x.nan);
        match op {
            Unary::Same => x,
            Unary::Negate | Unary::Not => Self { low: ends.high, high: ends.low, ..ends },
            Unary::Abs => {
                let low = if x.has_zero() { 0.0 } else { ends.low.min(ends.high) };
                Self { low, high: ends.low.max(ends.high), ..ends }
            }
            Unary::Sign if x.nan => Self { nan: false, ..ends.hull(Self::of(0.0)) },
            Unary::Sign => ends,
            Unary::Sqrt => {
                Self { low: x.low.max(0.0).sqrt(), high: x.high.max(0.0).sqrt(), nan: x.nan | (x.low < 0.0) }
            }
            Unary::Exp => ends.widened(0.0, f32::INFINITY),
            Unary::Log => {
                let (low, high) = (at(x.low.max(0.0)), at(x.high.max(0.0)));
                let nan = x.nan | (x.low < 0.0);
                Self { low, high, nan }.widened(f32::NEG_INFINITY, f32::INFINITY)
            }
            Unary::Tanh => ends.widened(-1.0, 1.0),
            Unary::Sigmoid => ends.widened(0.0, 1.0),
            Unary::Cos => Self::new(-1.0, 1.0).or_nan(x.nan | x.has_infinity()),
        }
    }

    /// The values of an operation on two operands.
    pub(crate) fn binary(op: Binary, a: Self, b: Self) -> Self {
        let nan = a.nan | b.nan;
        match op {
            Binary::Add => {
                let clash = |x: f32, y: f32| (x + y).is_nan();
                let low = if clash(a.low, b.low) { f32::NEG_INFINITY } else { a.low + b.low };
                let high = if clash(a.high, b.high) { f32::INFINITY } else { a.high + b.high };
                Self { low, high, nan: nan | clash(a.low, b.high) | clash(a.high, b.low) }
            }
            Binary::Subtract => Self::binary(Binary::Add, a, Self::unary(Unary::Negate, b)),
            Binary::Multiply | Binary::And => {
                let wild = (a.has_zero() && b.has_infinity()) | (b.has_zero() && a.has_infinity());
                Self::around(op, a, b).or_nan(nan | wild)
            }
            Binary::Divide if b.has_zero() => {
                Self::ALL.or_nan(nan | a.has_zero() | (a.has_infinity() && b.has_infinity()))
            }
            Binary::Divide => {
                let wild = a.has_infinity() && b.has_infinity();
                if wild { Self::ALL.or_nan(true) } else { Self::around(op, a, b).or_nan(nan) }
            }
            // A left operand that is no number gives the right one.
            Binary::Min => {
                let high = if a.nan { b.high } else { a.high.min(b.high) };
                Self { low: a.low.min(b.low), high, nan: b.nan }
            }
            Binary::Max | Binary::Or => {
                let low = if a.nan { b.low } else { a.low.max(b.low) };
                Self { low, high: a.high.max(b.high), nan: b.nan }
            }
            Binary::Less if !nan && a.high < b.low => Self::of(1.0),
            Binary::Less if a.low >= b.high => Self::of(0.0),
            Binary::LessOrEqual if !nan && a.high <= b.low => Self::of(1.0),
            Binary::LessOrEqual if a.low > b.high => Self::of(0.0),
            Binary::Equal if a.high < b.low || b.high < a.low => Self::of(0.0),
            Binary::Less | Binary::LessOrEqual | Binary::Equal => Self::FLAG,
            Binary::Atan2 => {
                let half_turn = std::f32::consts::PI * (1.0 + MARGIN);
                let low = if a.low >= 0.0 { 0.0 } else { -half_turn };
                Self { low, high: half_turn, nan }
            }
        }
    }

    /// The values of a choice.
    pub(crate) fn select(condition: Self, yes: Self, no: Self) -> Self {
        match condition {
            Self { low: 1.0, high: 1.0, nan: false } => yes,
            Self { low: 0.0, high: 0.0, nan: false } => no,
            _ => yes.hull(no),
        }
    }

    /// The hull of the operation at all four corners; a corner that is no number counts as 0.
    fn around(op: Binary, a: Self, b: Self) -> Self {
        let corner = |x, y| {
            let value = op.apply(x, y);
            Self::of(if value.is_nan() { 0.0 } else { value })
        };
        let low = corner(a.low, b.low).hull(corner(a.low, b.high));
        low.hull(corner(a.high, b.low)).hull(corner(a.high, b.high))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.low, self.high)?;
        if self.nan { write!(f, ", or no number (scored as 0)") } else { Ok(()) }
    }
}
