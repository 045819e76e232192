//! Types of values: flags, numbers with units, vectors and quaternions.

use std::fmt;

use carrot_sim::SignalKind;

use super::arena::Id;
use super::unit::Unit;

/// The unit of a number or vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measure {
    /// Written without a unit: goes with any.
    Bare,
    /// A unit.
    In(Unit),
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Flag,
    Number(Measure),
    /// Two or three numbers of one unit.
    Vector(usize, Measure),
    Quaternion,
}

/// A value: its type and one column per component.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) of: Type,
    pub(crate) columns: Vec<Id>,
}

impl Measure {
    /// A plain number.
    pub(crate) fn plain() -> Self {
        Self::In(Unit::none())
    }

    /// The unit both agree on.
    pub(crate) fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Bare, other) => Some(other.clone()),
            (own, Self::Bare) => Some(own.clone()),
            (Self::In(a), Self::In(b)) => a.agrees_with(b).then(|| self.clone()),
        }
    }

    /// As a factor: a bare number is a plain one there.
    pub(crate) fn combine(&self, other: &Self, with: impl Fn(&Unit, &Unit) -> Unit) -> Self {
        match (self, other) {
            (Self::Bare, Self::Bare) => Self::Bare,
            _ => Self::In(with(&self.unit(), &other.unit())),
        }
    }

    /// The unit as a factor.
    pub(crate) fn unit(&self) -> Unit {
        match self {
            Self::Bare => Unit::none(),
            Self::In(unit) => unit.clone(),
        }
    }

    /// Whether it may stand where a plain number is needed.
    pub(crate) fn is_plain(&self) -> bool {
        self.unit().is_plain()
    }
}

impl Type {
    /// The type of a signal; one axis of it is a number.
    pub(crate) fn of_signal(kind: SignalKind, unit: Unit) -> Self {
        match kind {
            SignalKind::Flag => Self::Flag,
            SignalKind::Scalar | SignalKind::Category => Self::Number(Measure::In(unit)),
            SignalKind::Vec2 => Self::Vector(2, Measure::In(unit)),
            SignalKind::Vec3 => Self::Vector(3, Measure::In(unit)),
            SignalKind::Quat => Self::Quaternion,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(unit) if unit != &Unit::none() => write!(f, " [{unit}]"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => write!(f, "a flag"),
            Self::Number(measure) => write!(f, "a number{measure}"),
            Self::Vector(width, measure) => write!(f, "a vector of {width}{measure}"),
            Self::Quaternion => write!(f, "a quaternion"),
        }
    }
}
