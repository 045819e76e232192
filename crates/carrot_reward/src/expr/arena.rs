//! Values of a script as operations on columns: each distinct operation once, constants folded, with bounds.

use std::collections::HashMap;

use carrot_sim::Cause;

use super::interval::Interval;
use super::op::{Binary, Unary, flag, outside, select};
use crate::kinds::EndFlag;

/// A value, by its place in the arena; operands come before what is made of them.
pub(crate) type Id = u32;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// A constant, by its bits.
    Const(u32),
    /// A declared parameter, by number.
    Param(u32),
    /// A signal column of s or s′.
    Signal {
        column: u32,
        before: bool,
    },
    /// 1 where the episode ended so.
    End(EndFlag),
    /// 1 where it ended for this cause.
    Cause(Cause),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    Select(Id, Id, Id),
    /// How far the first lies outside of the other two.
    Outside(Id, Id, Id),
}

impl Op {
    /// Values that it reads.
    pub(crate) fn operands(&self) -> impl Iterator<Item = Id> {
        let (count, all) = match *self {
            Self::Unary(_, a) => (1, [a, 0, 0]),
            Self::Binary(_, a, b) => (2, [a, b, 0]),
            Self::Select(a, b, c) | Self::Outside(a, b, c) => (3, [a, b, c]),
            _ => (0, [0; 3]),
        };
        all.into_iter().take(count)
    }
}

/// All values of a script.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    ops: Vec<Op>,
    bounds: Vec<Interval>,
    /// Only ever asked, never walked.
    known: HashMap<Op, Id>,
}

impl Arena {
    /// The operation behind a value.
    pub(crate) fn op(&self, id: Id) -> Op {
        self.ops[id as usize]
    }

    /// What a value can be.
    pub(crate) fn bounds(&self, id: Id) -> Interval {
        self.bounds[id as usize]
    }

    /// The value itself, where it is a constant.
    pub(crate) fn constant(&self, id: Id) -> Option<f32> {
        match self.op(id) {
            Op::Const(bits) => Some(f32::from_bits(bits)),
            _ => None,
        }
    }

    /// Values.
    pub(crate) fn len(&self) -> usize {
        self.ops.len()
    }

    /// A constant.
    pub(crate) fn number(&mut self, value: f32) -> Id {
        self.add(Op::Const(value.to_bits()), Interval::of(value))
    }

    /// A constant flag.
    pub(crate) fn flag(&mut self, set: bool) -> Id {
        self.number(flag(set))
    }

    /// A value from outside, with its bounds.
    pub(crate) fn leaf(&mut self, op: Op, bounds: Interval) -> Id {
        self.add(op, bounds)
    }

    /// An operation on one value.
    pub(crate) fn unary(&mut self, op: Unary, a: Id) -> Id {
        if let Some(x) = self.constant(a) {
            return self.number(op.apply(x));
        }
        self.add(Op::Unary(op, a), Interval::unary(op, self.bounds(a)))
    }

    /// An operation on two values.
    pub(crate) fn binary(&mut self, op: Binary, a: Id, b: Id) -> Id {
        if let (Some(x), Some(y)) = (self.constant(a), self.constant(b)) {
            return self.number(op.apply(x, y));
        }
        self.add(Op::Binary(op, a, b), Interval::binary(op, self.bounds(a), self.bounds(b)))
    }

    /// A choice between two values.
    pub(crate) fn select(&mut self, condition: Id, yes: Id, no: Id) -> Id {
        if let Some(set) = self.constant(condition) {
            return if select(set, 1.0, 0.0) == 1.0 { yes } else { no };
        }
        let bounds = Interval::select(self.bounds(condition), self.bounds(yes), self.bounds(no));
        self.add(Op::Select(condition, yes, no), bounds)
    }

    /// How far a value lies outside of bounds.
    pub(crate) fn outside(&mut self, x: Id, low: Id, high: Id) -> Id {
        if let (Some(x), Some(low), Some(high)) = (self.constant(x), self.constant(low), self.constant(high))
        {
            return self.number(outside(x, low, high));
        }
        let (of, below, above) = (self.bounds(x), self.bounds(low), self.bounds(high));
        let under = Interval::binary(Binary::Subtract, below, of);
        let over = Interval::binary(Binary::Subtract, of, above);
        let bounds =
            Interval::binary(Binary::Max, Interval::binary(Binary::Max, under, over), Interval::of(0.0));
        self.add(Op::Outside(x, low, high), bounds)
    }

    fn add(&mut self, op: Op, bounds: Interval) -> Id {
        *self.known.entry(op).or_insert_with(|| {
            self.ops.push(op);
            self.bounds.push(bounds);
            self.ops.len() as Id - 1
        })
    }
}
