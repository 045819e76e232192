//! Calls: each function as operations on columns.

use super::arena::{Id, Op};
use super::ast::{Expr, Form, Name};
use super::function::{FUNCTIONS, called};
use super::lower::{At, Lowered, Lowering, number};
use super::mistake::Mistake;
use super::op::{Binary, Unary};
use super::unit::Unit;
use super::value::{Measure, Type, Value};
use crate::kinds::Sigmoid;

/// Value of a tolerance one margin away from its bounds.
const AT_MARGIN: f32 = 0.1;

impl Lowering<'_> {
    pub(super) fn call(&mut self, name: &Name, arguments: &[Expr], expr: &Expr, at: At) -> Lowered {
        if let Some(signal) = self.called_signal(name, arguments) {
            return self.name(&signal, expr, at);
        }
        match (name.text.as_str(), arguments) {
            ("prev", [x]) => self.before(x, at),
            ("delta", [x]) => self.delta(x, at),
            ("rate", [x]) => {
                let mut change = self.delta(x, at)?;
                let seconds = self.arena.number(self.scope.control_dt);
                change
                    .columns
                    .iter_mut()
                    .for_each(|id| *id = self.arena.binary(Binary::Divide, *id, seconds));
                let over = |measure: &Measure| Measure::In(measure.unit().over(&Unit::second()));
                change.of = match &change.of {
                    Type::Vector(width, measure) => Type::Vector(*width, over(measure)),
                    Type::Number(measure) => Type::Number(over(measure)),
                    other => other.clone(),
                };
                Ok(change)
            }
            ("min", [first, rest @ ..]) => self.fold(Binary::Min, first, rest, name, at),
            ("max", [first, rest @ ..]) => self.fold(Binary::Max, first, rest, name, at),
            ("clamp", [x, low, high]) => {
                let (ids, measure) = self.alike(&[x, low, high], name, at)?;
                Ok(number(self.clamped(ids[0], ids[1], ids[2]), measure))
            }
            ("abs", [x]) => {
                let (id, measure) = self.number(x, at)?;
                Ok(number(self.arena.unary(Unary::Abs, id), measure))
            }
            ("sign", [x]) => {
                let (id, _) = self.number(x, at)?;
                Ok(number(self.arena.unary(Unary::Sign, id), Measure::plain()))
            }
            ("sqrt", [x]) => {
                let (id, measure) = self.number(x, at)?;
                let Some(root) = measure.unit().root() else {
                    let message = format!("there is no root of{measure}");
                    return Err(Mistake::new(
                        &x.range,
                        message,
                        "divide by one of its unit first: `x / 1 [m]`",
                    ));
                };
                let measure = if measure == Measure::Bare { measure } else { Measure::In(root) };
                Ok(number(self.arena.unary(Unary::Sqrt, id), measure))
            }
            ("exp", [x]) => self.plain_function(Unary::Exp, x, at),
            ("log", [x]) => self.plain_function(Unary::Log, x, at),
            ("tanh", [x]) => self.plain_function(Unary::Tanh, x, at),
            ("sigmoid", [x]) => self.plain_function(Unary::Sigmoid, x, at),
            ("smoothstep", [low, high, x]) => {
                let (ids, _) = self.alike(&[low, high, x], name, at)?;
                Ok(number(self.smoothstep(ids[0], ids[1], ids[2]), Measure::plain()))
            }
            ("tolerance", [x, low, high, margin]) => {
                self.tolerance([x, low, high, margin], Sigmoid::Gaussian, name, at)
            }
            ("tolerance", [x, low, high, margin, kernel]) => {
                let kernel = kernel_of(kernel)?;
                self.tolerance([x, low, high, margin], kernel, name, at)
            }
            ("norm", [v]) => {
                let (v, measure) = self.vector(v, at)?;
                Ok(number(self.length(&v.columns), measure))
            }
            ("dot", [a, b]) => {
                let ((a, x), (b, y)) = (self.vector(a, at)?, self.vector(b, at)?);
                self.same_width(&a, &b, name, expr)?;
                let pairs: Vec<(Id, Id)> = a.columns.into_iter().zip(b.columns).collect();
                Ok(number(self.sum_of_products(&pairs), x.combine(&y, Unit::times)))
            }
            ("dist", [a, b]) => {
                let ((a, measure), (b, _)) = (self.vector(a, at)?, self.vector(b, at)?);
                let of = self.same(&a, &b, &name.text, expr)?;
                let measure = if let Type::Vector(_, met) = &of { met.clone() } else { measure };
                let difference = self.pairwise(Binary::Subtract, of, &a, &b);
                Ok(number(self.length(&difference.columns), measure))
            }
            ("angle", [a, b]) => self.angle(a, b, name, expr, at),
            ("vec2", [x, y]) => self.made(&[x, y], name, at),
            ("vec3", [x, y, z]) => self.made(&[x, y, z], name, at),
            ("cause", [cause]) => self.cause(cause, expr, at),
            _ => Err(self.refused(name, arguments.len())),
        }
    }

    /// The call as one name, where signals of this scope are named like calls: `paid(goal)`.
    fn called_signal(&self, name: &Name, arguments: &[Expr]) -> Option<String> {
        let opening = format!("{}(", name.text);
        if !self.scope.catalog.iter().any(|(_, signal)| signal.name.starts_with(&opening)) {
            return None;
        }
        let spelled = arguments.iter().map(spelled).collect::<Option<Vec<_>>>()?;
        Some(format!("{opening}{})", spelled.join(", ")))
    }

    /// A call of no function, or with the wrong number of arguments.
    fn refused(&self, name: &Name, given: usize) -> Mistake {
        match FUNCTIONS.iter().find(|function| function.name == name.text) {
            Some(function) if function.arguments.is_empty() => Mistake::new(
                &name.range,
                format!("`{}` is no function", name.text),
                "write it without brackets",
            ),
            Some(function) => {
                let message = format!("`{}` does not take {given} values", name.text);
                let help = format!("write `{}({})`", function.name, function.arguments);
                Mistake::new(&name.range, message, help)
            }
            None => {
                let mut callable: Vec<&str> = called().collect();
                for (_, signal) in self.scope.catalog.iter() {
                    if let Some((family, _)) = signal.name.split_once('(')
                        && !callable.contains(&family)
                    {
                        callable.push(family);
                    }
                }
                Mistake::unknown(&name.range, "function", &name.text, callable)
            }
        }
    }

    fn before(&mut self, x: &Expr, at: At) -> Lowered {
        if at == At::Before {
            let help = "rewards read the states before and after one step";
            return Err(Mistake::new(&x.range, "nothing remembers the state before that", help));
        }
        self.expr(x, At::Before)
    }

    fn delta(&mut self, x: &Expr, at: At) -> Lowered {
        let before = self.before(x, at)?;
        let now = self.measured(x, at)?;
        Ok(self.pairwise(Binary::Subtract, now.of.clone(), &now, &before))
    }

    /// Numbers of one unit.
    fn alike(&mut self, values: &[&Expr], name: &Name, at: At) -> Result<(Vec<Id>, Measure), Mistake> {
        let (mut ids, mut common) = (Vec::new(), Measure::Bare);
        for value in values {
            let (id, measure) = self.number(value, at)?;
            let Some(met) = common.meet(&measure) else {
                let message = format!("`{}` takes values of one unit:{common} and{measure}", name.text);
                return Err(Mistake::new(&value.range, message, ""));
            };
            common = met;
            ids.push(id);
        }
        Ok((ids, common))
    }

    fn fold(&mut self, op: Binary, first: &Expr, rest: &[Expr], name: &Name, at: At) -> Lowered {
        let values: Vec<&Expr> = std::iter::once(first).chain(rest).collect();
        let (ids, measure) = self.alike(&values, name, at)?;
        let folded = ids[1..].iter().fold(ids[0], |folded, &id| self.arena.binary(op, folded, id));
        Ok(number(folded, measure))
    }

    /// A function of plain numbers.
    fn plain_function(&mut self, op: Unary, x: &Expr, at: At) -> Lowered {
        let (id, measure) = self.number(x, at)?;
        if !measure.is_plain() {
            let message = format!("a plain number is needed, this is in{measure}");
            return Err(Mistake::new(&x.range, message, format!("divide by a scale: `x / 0.1{measure}`")));
        }
        Ok(number(self.arena.unary(op, id), Measure::plain()))
    }

    fn clamped(&mut self, x: Id, low: Id, high: Id) -> Id {
        let raised = self.arena.binary(Binary::Max, x, low);
        self.arena.binary(Binary::Min, raised, high)
    }

    fn smoothstep(&mut self, low: Id, high: Id, x: Id) -> Id {
        let arena = &mut self.arena;
        let (zero, one, two, three) =
            (arena.number(0.0), arena.number(1.0), arena.number(2.0), arena.number(3.0));
        let (above, width) =
            (arena.binary(Binary::Subtract, x, low), arena.binary(Binary::Subtract, high, low));
        let share = arena.binary(Binary::Divide, above, width);
        let t = self.clamped(share, zero, one);
        let arena = &mut self.arena;
        let (square, double) = (arena.binary(Binary::Multiply, t, t), arena.binary(Binary::Multiply, two, t));
        let rest = arena.binary(Binary::Subtract, three, double);
        arena.binary(Binary::Multiply, square, rest)
    }

    /// The bits of the kind `Tolerance`, operation by operation.
    fn tolerance(&mut self, values: [&Expr; 4], kernel: Sigmoid, name: &Name, at: At) -> Lowered {
        let (ids, _) = self.alike(&values, name, at)?;
        let [x, low, high, margin] = [ids[0], ids[1], ids[2], ids[3]];
        let arena = &mut self.arena;
        let width = arena.bounds(margin);
        if width.low < 0.0 {
            let message = format!("the margin may be negative: it lies in {}..{}", width.low, width.high);
            return Err(Mistake::new(&values[3].range, message, "a margin is a distance, 0 for a hard edge"));
        }
        let above = arena.binary(Binary::LessOrEqual, low, x);
        let below = arena.binary(Binary::LessOrEqual, x, high);
        let hard = arena.binary(Binary::And, above, below);
        if arena.constant(margin) == Some(0.0) {
            return Ok(number(hard, Measure::plain()));
        }
        let zero = arena.number(0.0);
        let outside = arena.outside(x, low, high);
        let scale = arena.number(kernel.scale(AT_MARGIN));
        let scale = arena.binary(Binary::Divide, scale, margin);
        let distance = arena.binary(Binary::Multiply, outside, scale);
        let fallen = self.kernel(kernel, distance);
        if width.low > 0.0 {
            return Ok(number(fallen, Measure::plain()));
        }
        // With a margin of 0 the scale is infinite, and the edge is hard.
        let soft = self.arena.binary(Binary::Less, zero, margin);
        Ok(number(self.arena.select(soft, fallen, hard), Measure::plain()))
    }

    fn kernel(&mut self, kernel: Sigmoid, d: Id) -> Id {
        let arena = &mut self.arena;
        let (zero, one) = (arena.number(0.0), arena.number(1.0));
        let square = arena.binary(Binary::Multiply, d, d);
        let near = arena.binary(Binary::Less, d, one);
        match kernel {
            Sigmoid::Gaussian => {
                let half = arena.number(-0.5);
                let exponent = arena.binary(Binary::Multiply, half, square);
                arena.unary(Unary::Exp, exponent)
            }
            Sigmoid::Hyperbolic => {
                let minus = arena.unary(Unary::Negate, d);
                let (up, down) = (arena.unary(Unary::Exp, d), arena.unary(Unary::Exp, minus));
                let (two, sum) = (arena.number(2.0), arena.binary(Binary::Add, up, down));
                arena.binary(Binary::Divide, two, sum)
            }
            Sigmoid::LongTail | Sigmoid::Reciprocal => {
                let grown = if kernel == Sigmoid::LongTail { square } else { d };
                let grown = arena.binary(Binary::Add, grown, one);
                arena.binary(Binary::Divide, one, grown)
            }
            Sigmoid::Cosine => {
                let (pi, half) = (arena.number(std::f32::consts::PI), arena.number(0.5));
                let turn = arena.binary(Binary::Multiply, pi, d);
                let wave = arena.unary(Unary::Cos, turn);
                let raised = arena.binary(Binary::Add, one, wave);
                let value = arena.binary(Binary::Multiply, raised, half);
                arena.select(near, value, zero)
            }
            Sigmoid::Linear | Sigmoid::Quadratic => {
                let fall = if kernel == Sigmoid::Linear { d } else { square };
                let value = arena.binary(Binary::Subtract, one, fall);
                arena.select(near, value, zero)
            }
            Sigmoid::TanhSquared => {
                let t = arena.unary(Unary::Tanh, d);
                let square = arena.binary(Binary::Multiply, t, t);
                arena.binary(Binary::Subtract, one, square)
            }
        }
    }

    /// A vector and its unit.
    fn vector(&mut self, expr: &Expr, at: At) -> Result<(Value, Measure), Mistake> {
        vector_of(self.expr(expr, at)?, expr)
    }

    fn same_width(&self, a: &Value, b: &Value, name: &Name, expr: &Expr) -> Result<(), Mistake> {
        if a.columns.len() == b.columns.len() {
            return Ok(());
        }
        let message = format!("`{}` does not go with {} and {}", name.text, a.of, b.of);
        Err(Mistake::new(&expr.range, message, "both need as many axes"))
    }

    fn sum_of_products(&mut self, pairs: &[(Id, Id)]) -> Id {
        let mut sum = None;
        for &(a, b) in pairs {
            let product = self.arena.binary(Binary::Multiply, a, b);
            sum = Some(sum.map_or(product, |sum| self.arena.binary(Binary::Add, sum, product)));
        }
        sum.unwrap_or_else(|| self.arena.number(0.0))
    }

    fn length(&mut self, columns: &[Id]) -> Id {
        let squares: Vec<(Id, Id)> = columns.iter().map(|&id| (id, id)).collect();
        let sum = self.sum_of_products(&squares);
        self.arena.unary(Unary::Sqrt, sum)
    }

    /// Half the angle's tangent is |a' - b'| / |a' + b'| for vectors of one length, which stays exact for small
    /// and for flat angles; a quaternion turns by twice the angle, and so does its negative.
    fn angle(&mut self, a: &Expr, b: &Expr, name: &Name, expr: &Expr, at: At) -> Lowered {
        let (a_value, b_value) = (self.expr(a, at)?, self.expr(b, at)?);
        let rotations = a_value.of == Type::Quaternion && b_value.of == Type::Quaternion;
        let (left, right) = if rotations {
            (a_value, b_value)
        } else {
            let ((left, _), (right, _)) = (vector_of(a_value, a)?, vector_of(b_value, b)?);
            self.same_width(&left, &right, name, expr)?;
            let scale = |own: &mut Self, value: &Value, other: &Value| {
                let length = number(own.length(&other.columns), Measure::Bare);
                own.pairwise(Binary::Multiply, value.of.clone(), value, &length)
            };
            (scale(self, &left, &right), scale(self, &right, &left))
        };
        let difference = self.pairwise(Binary::Subtract, left.of.clone(), &left, &right);
        let sum = self.pairwise(Binary::Add, left.of.clone(), &left, &right);
        let (difference, sum) = (self.length(&difference.columns), self.length(&sum.columns));
        let arena = &mut self.arena;
        let (short, long, factor) = if rotations {
            (arena.binary(Binary::Min, difference, sum), arena.binary(Binary::Max, difference, sum), 4.0)
        } else {
            (difference, sum, 2.0)
        };
        let (part, factor) = (arena.binary(Binary::Atan2, short, long), arena.number(factor));
        Ok(number(arena.binary(Binary::Multiply, factor, part), Measure::In(Unit::radian())))
    }

    fn made(&mut self, parts: &[&Expr], name: &Name, at: At) -> Lowered {
        let (columns, measure) = self.alike(parts, name, at)?;
        Ok(Value { of: Type::Vector(columns.len(), measure), columns })
    }

    fn cause(&mut self, argument: &Expr, expr: &Expr, at: At) -> Lowered {
        let causes = &self.scope.causes;
        let Form::Text(given) = &argument.form else {
            return Err(Mistake::new(
                &argument.range,
                "a cause is named in quotes",
                "write `cause(\"time_limit\")`",
            ));
        };
        match causes.iter().position(|own| own == given) {
            Some(cause) => self.end(Op::Cause(cause as carrot_sim::Cause), expr, at),
            None => Err(Mistake::unknown(&argument.range, "cause", given, causes.clone())),
        }
    }
}

/// A name with its axes, as it was written.
fn spelled(expr: &Expr) -> Option<String> {
    match &expr.form {
        Form::Name(name) => Some(name.clone()),
        Form::Axis(of, axis) => Some(format!("{}.{}", spelled(of)?, axis.text)),
        _ => None,
    }
}

/// A vector and its unit.
fn vector_of(value: Value, expr: &Expr) -> Result<(Value, Measure), Mistake> {
    match &value.of {
        Type::Vector(_, measure) => {
            let measure = measure.clone();
            Ok((value, measure))
        }
        other => {
            let message = format!("a vector is needed, this is {other}");
            let help = "for numbers write `abs(a - b)`; make one with `vec2(x, y)`";
            Err(Mistake::new(&expr.range, message, help))
        }
    }
}

/// The kernel that a text names.
fn kernel_of(argument: &Expr) -> Result<Sigmoid, Mistake> {
    let Form::Text(given) = &argument.form else {
        return Err(Mistake::new(&argument.range, "a kernel is named in quotes", "write `\"Linear\"`"));
    };
    let names = Sigmoid::ALL.map(|kernel| format!("{kernel:?}"));
    let found = Sigmoid::ALL.into_iter().zip(&names).find(|(_, name)| *name == given);
    found.map(|(kernel, _)| kernel).ok_or_else(|| Mistake::unknown(&argument.range, "kernel", given, names))
}
