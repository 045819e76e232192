//! From the tree to operations on columns: names are resolved, types and units checked, vectors taken apart.

use super::arena::{Arena, Id, Op};
use super::ast::{Expr, Form, Infix, Name, Prefix};
use super::function::{CONTROL_DT, END_NAMES, called};
use super::interval::Interval;
use super::mistake::Mistake;
use super::op::{Binary, Unary};
use super::unit::Unit;
use super::value::{Measure, Type, Value};
use super::{Param, parse::KEYWORDS};
use crate::kind::Scope;
use crate::kinds::EndFlag;

/// A value of the state after the step, or of the state before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Now,
    Before,
}

/// A `let`, worked out for both states; an error counts where it is used.
struct Let {
    name: String,
    now: Value,
    before: Result<Value, Mistake>,
}

/// Turns expressions into values of one arena.
pub(crate) struct Lowering<'a> {
    pub(crate) arena: Arena,
    pub(crate) params: Vec<Param>,
    pub(super) scope: &'a Scope,
    lets: Vec<Let>,
}

pub(super) type Lowered = Result<Value, Mistake>;

impl<'a> Lowering<'a> {
    pub(crate) fn new(scope: &'a Scope) -> Self {
        Self { arena: Arena::default(), params: Vec::new(), scope, lets: Vec::new() }
    }

    /// Adds a `let`.
    pub(crate) fn define(&mut self, name: &Name, value: &Expr) -> Result<(), Mistake> {
        self.check_free(name)?;
        let now = self.expr(value, At::Now)?;
        let before = self.expr(value, At::Before);
        self.lets.push(Let { name: name.text.clone(), now, before });
        Ok(())
    }

    /// Adds a declared parameter.
    pub(crate) fn declare(
        &mut self,
        name: &Name,
        value: f32,
        range: (f32, f32),
        unit: Option<&Name>,
    ) -> Result<(), Mistake> {
        self.check_free(name)?;
        let measure = measure_of(unit)?;
        let unit = unit.map(|unit| unit.text.clone()).unwrap_or_default();
        self.params.push(Param { name: name.text.clone(), value, range, unit, measure });
        Ok(())
    }

    /// Refuses a name that means something already.
    fn check_free(&self, name: &Name) -> Result<(), Mistake> {
        let text = name.text.as_str();
        let taken = if self.scope.catalog.find(text).is_some() {
            "a signal"
        } else if self.lets.iter().any(|own| own.name == text) {
            "another `let`"
        } else if self.params.iter().any(|own| own.name == text) {
            "a `param`"
        } else if called().chain(END_NAMES).chain(KEYWORDS).chain([CONTROL_DT]).any(|own| own == text) {
            "the language"
        } else {
            return Ok(());
        };
        Err(Mistake::new(&name.range, format!("the name `{text}` is taken by {taken}"), "choose another one"))
    }

    /// The value of an expression.
    pub(crate) fn expr(&mut self, expr: &Expr, at: At) -> Lowered {
        match &expr.form {
            Form::Number(value, unit) => {
                let id = self.arena.number(*value);
                Ok(number(id, measure_of(unit.as_ref())?))
            }
            Form::Flag(set) => Ok(flag(self.arena.flag(*set))),
            Form::Text(_) => {
                let help = "texts name a cause or the kernel of a tolerance";
                Err(Mistake::new(&expr.range, "a text has no value here", help))
            }
            Form::Name(name) => self.name(name, expr, at),
            Form::Axis(of, axis) => self.axis(of, axis, at),
            Form::Call(name, arguments) => self.call(name, arguments, expr, at),
            Form::Prefix(Prefix::Not, of) => {
                let of = self.flag(of, at)?;
                Ok(flag(self.arena.unary(Unary::Not, of)))
            }
            Form::Prefix(Prefix::Minus, of) => {
                let value = self.measured(of, at)?;
                Ok(self.each(Unary::Negate, value))
            }
            Form::Infix(infix, left, right) => self.infix(*infix, left, right, expr, at),
            Form::Power(of, exponent) => {
                let (id, measure) = self.number(of, at)?;
                let unit = measure.unit().power(*exponent as i32);
                let power =
                    (1..*exponent).fold(id, |power, _| self.arena.binary(Binary::Multiply, power, id));
                let power = if *exponent == 0 { self.arena.number(1.0) } else { power };
                Ok(number(power, if measure == Measure::Bare { measure } else { Measure::In(unit) }))
            }
            Form::If(condition, yes, no) => {
                let condition = self.flag(condition, at)?;
                let (yes, no) = (self.expr(yes, at)?, self.expr(no, at)?);
                let Some(of) = meet(&yes.of, &no.of) else {
                    let message = format!("the branches differ: {} and {}", yes.of, no.of);
                    return Err(Mistake::new(&expr.range, message, "both must have the same type and unit"));
                };
                let pairs = yes.columns.iter().zip(&no.columns);
                let columns = pairs.map(|(&yes, &no)| self.arena.select(condition, yes, no)).collect();
                Ok(Value { of, columns })
            }
        }
    }

    fn name(&mut self, name: &str, expr: &Expr, at: At) -> Lowered {
        if let Some(own) = self.lets.iter().find(|own| own.name == name) {
            return if at == At::Now { Ok(own.now.clone()) } else { own.before.clone() };
        }
        if let Some(index) = self.params.iter().position(|param| param.name == name) {
            let Param { range, measure, .. } = self.params[index].clone();
            let id = self.arena.leaf(Op::Param(index as u32), Interval::new(range.0, range.1));
            return Ok(number(id, measure));
        }
        if let Some((first, spec)) = self.scope.catalog.find(name) {
            // A unit that cannot be read is a base of its own.
            let unit = Unit::parse(&spec.unit).unwrap_or_else(|| Unit::opaque(&spec.unit));
            let of = Type::of_signal(spec.kind, unit);
            let bounds = Interval::of_signal(spec.range);
            let column = |axis| Op::Signal { column: (first.0 + axis) as u32, before: at == At::Before };
            let columns = (0..spec.kind.width()).map(|axis| self.arena.leaf(column(axis), bounds)).collect();
            return Ok(Value { of, columns });
        }
        if name == CONTROL_DT {
            let id = self.arena.number(self.scope.control_dt);
            return Ok(number(id, Measure::In(Unit::second())));
        }
        let end = match name {
            "terminated" => EndFlag::Terminated,
            "truncated" => EndFlag::Truncated,
            _ => return Err(self.unknown(name, expr)),
        };
        self.end(Op::End(end), expr, at)
    }

    fn unknown(&self, name: &str, expr: &Expr) -> Mistake {
        if matches!(name, "success" | "score") {
            let help = "the truth is kept apart from rewards: the kind `Truth` alone reads it";
            return Mistake::new(&expr.range, format!("no expression reads `{name}`"), help);
        }
        if called().any(|function| function == name) {
            let help = format!("write `{name}(..)`");
            return Mistake::new(&expr.range, format!("`{name}` is a function"), help);
        }
        let own = self.lets.iter().map(|own| own.name.clone());
        let params = self.params.iter().map(|param| param.name.clone());
        let signals = self.scope.catalog.names().into_iter().map(String::from);
        let rest = END_NAMES.into_iter().chain([CONTROL_DT]).map(String::from);
        Mistake::unknown(&expr.range, "signal or name", name, own.chain(params).chain(signals).chain(rest))
    }

    /// A flag of the step, which the state before it does not have.
    pub(super) fn end(&mut self, op: Op, expr: &Expr, at: At) -> Lowered {
        if at == At::Before {
            let help = "the end of an episode belongs to the step, not to a state";
            return Err(Mistake::new(&expr.range, "this has no value before the step", help));
        }
        Ok(flag(self.arena.leaf(op, Interval::FLAG)))
    }

    fn axis(&mut self, of: &Expr, axis: &Name, at: At) -> Lowered {
        let value = self.expr(of, at)?;
        let measure = match &value.of {
            Type::Vector(_, measure) => measure.clone(),
            Type::Quaternion => Measure::plain(),
            other => {
                let message = format!("{other} has no axes");
                return Err(Mistake::new(&axis.range, message, "only vectors and quaternions do"));
            }
        };
        let axes = ["x", "y", "z", "w"];
        let index = axes[..value.columns.len()].iter().position(|own| *own == axis.text);
        match index {
            Some(index) => Ok(number(value.columns[index], measure)),
            None => {
                let valid = axes[..value.columns.len()].iter().copied();
                Err(Mistake::unknown(&axis.range, "axis", &axis.text, valid))
            }
        }
    }

    fn infix(&mut self, infix: Infix, left: &Expr, right: &Expr, expr: &Expr, at: At) -> Lowered {
        match infix {
            Infix::And | Infix::Or => {
                let (a, b) = (self.flag(left, at)?, self.flag(right, at)?);
                let op = if infix == Infix::And { Binary::And } else { Binary::Or };
                Ok(flag(self.arena.binary(op, a, b)))
            }
            _ if infix.is_comparison() => self.compare(infix, left, right, expr, at),
            Infix::Multiply | Infix::Divide => self.scale(infix, left, right, expr, at),
            _ => {
                let (a, b) = (self.measured(left, at)?, self.measured(right, at)?);
                let of = self.same(&a, &b, infix.symbol(), expr)?;
                let op = if infix == Infix::Add { Binary::Add } else { Binary::Subtract };
                Ok(self.pairwise(op, of, &a, &b))
            }
        }
    }

    fn compare(&mut self, infix: Infix, left: &Expr, right: &Expr, expr: &Expr, at: At) -> Lowered {
        let (a, b) = (self.expr(left, at)?, self.expr(right, at)?);
        let flags = a.of == Type::Flag && b.of == Type::Flag;
        let equality = matches!(infix, Infix::Equal | Infix::NotEqual);
        match self.same(&a, &b, infix.symbol(), expr)? {
            Type::Number(_) => {}
            Type::Flag if flags && equality => {}
            other => {
                let message = format!("`{}` does not compare {other} with another", infix.symbol());
                return Err(Mistake::new(
                    &expr.range,
                    message,
                    "compare numbers, such as `norm(v)` or `v.x`",
                ));
            }
        }
        let (a, b) = (a.columns[0], b.columns[0]);
        let arena = &mut self.arena;
        let id = match infix {
            Infix::Less => arena.binary(Binary::Less, a, b),
            Infix::LessOrEqual => arena.binary(Binary::LessOrEqual, a, b),
            Infix::Greater => arena.binary(Binary::Less, b, a),
            Infix::GreaterOrEqual => arena.binary(Binary::LessOrEqual, b, a),
            _ => {
                let equal = arena.binary(Binary::Equal, a, b);
                if infix == Infix::Equal { equal } else { arena.unary(Unary::Not, equal) }
            }
        };
        Ok(flag(id))
    }

    fn scale(&mut self, infix: Infix, left: &Expr, right: &Expr, expr: &Expr, at: At) -> Lowered {
        let (a, b) = (self.measured(left, at)?, self.measured(right, at)?);
        let (op, with): (_, fn(&Unit, &Unit) -> Unit) = match infix {
            Infix::Multiply => (Binary::Multiply, Unit::times),
            _ => (Binary::Divide, Unit::over),
        };
        let of = match (&a.of, &b.of) {
            (Type::Number(x), Type::Number(y)) => Type::Number(x.combine(y, with)),
            (Type::Vector(n, x), Type::Number(y)) => Type::Vector(*n, x.combine(y, with)),
            (Type::Number(x), Type::Vector(n, y)) if infix == Infix::Multiply => {
                Type::Vector(*n, x.combine(y, with))
            }
            _ => {
                let message = format!("`{}` does not go with {} and {}", infix.symbol(), a.of, b.of);
                return Err(Mistake::new(&expr.range, message, "for two vectors write `dot(a, b)`"));
            }
        };
        Ok(self.pairwise(op, of, &a, &b))
    }

    /// Component by component; a number goes with every component of a vector.
    pub(super) fn pairwise(&mut self, op: Binary, of: Type, a: &Value, b: &Value) -> Value {
        let width = a.columns.len().max(b.columns.len());
        let at = |value: &Value, axis: usize| value.columns[axis.min(value.columns.len() - 1)];
        let columns = (0..width).map(|axis| self.arena.binary(op, at(a, axis), at(b, axis))).collect();
        Value { of, columns }
    }

    /// Component by component.
    pub(super) fn each(&mut self, op: Unary, value: Value) -> Value {
        let columns = value.columns.iter().map(|&id| self.arena.unary(op, id)).collect();
        Value { columns, ..value }
    }

    /// The type that two values share, or a mistake that says which they have.
    pub(super) fn same(&self, a: &Value, b: &Value, what: &str, expr: &Expr) -> Result<Type, Mistake> {
        meet(&a.of, &b.of).ok_or_else(|| {
            let help = "both must have the same type and unit";
            Mistake::new(&expr.range, format!("`{what}` does not go with {} and {}", a.of, b.of), help)
        })
    }

    /// A number or a vector.
    pub(super) fn measured(&mut self, expr: &Expr, at: At) -> Lowered {
        let value = self.expr(expr, at)?;
        match &value.of {
            Type::Number(_) | Type::Vector(..) => Ok(value),
            Type::Flag => {
                Err(Mistake::new(&expr.range, "a flag is no number", "write `if flag { 1 } else { 0 }`"))
            }
            Type::Quaternion => {
                Err(Mistake::new(&expr.range, "a quaternion is no number", "write `angle(a, b)` or `q.w`"))
            }
        }
    }

    /// A number and its unit.
    pub(super) fn number(&mut self, expr: &Expr, at: At) -> Result<(Id, Measure), Mistake> {
        let value = self.measured(expr, at)?;
        match value.of {
            Type::Number(measure) => Ok((value.columns[0], measure)),
            other => {
                let message = format!("a number is needed, this is {other}");
                Err(Mistake::new(&expr.range, message, "write `norm(v)`, or one axis as `v.x`"))
            }
        }
    }

    fn flag(&mut self, expr: &Expr, at: At) -> Result<Id, Mistake> {
        let value = self.expr(expr, at)?;
        match value.of {
            Type::Flag => Ok(value.columns[0]),
            other => {
                let message = format!("a flag is needed, this is {other}");
                Err(Mistake::new(&expr.range, message, "compare it: `x > 0`"))
            }
        }
    }
}

pub(super) fn number(id: Id, measure: Measure) -> Value {
    Value { of: Type::Number(measure), columns: vec![id] }
}

pub(super) fn flag(id: Id) -> Value {
    Value { of: Type::Flag, columns: vec![id] }
}

/// The unit written after a number.
fn measure_of(unit: Option<&Name>) -> Result<Measure, Mistake> {
    let Some(name) = unit else { return Ok(Measure::Bare) };
    match Unit::parse(&name.text) {
        Some(unit) => Ok(Measure::In(unit)),
        None => {
            let help = "units are written as [m], [m/s], [rad/s^2], [N m]";
            Err(Mistake::new(&name.range, format!("`{}` is no unit", name.text), help))
        }
    }
}

/// The type of a value that is one of two.
fn meet(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (Type::Number(x), Type::Number(y)) => x.meet(y).map(Type::Number),
        (Type::Vector(n, x), Type::Vector(m, y)) if n == m => x.meet(y).map(|unit| Type::Vector(*n, unit)),
        (Type::Flag, Type::Flag) => Some(Type::Flag),
        _ => None,
    }
}
