//! A second, plain implementation: walks the tree one row and one float at a time.

use crate::expr::ast::{Expr, Form, Infix, Prefix, Script, Statement};
use crate::kind::Scope;
use crate::math;

/// A value as the tree gives it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plain {
    Flag(bool),
    Number(f32),
    Vector(Vec<f32>),
    Rotation([f32; 4]),
}

/// One row of a transition.
pub(super) struct Row<'a> {
    pub(super) scope: &'a Scope,
    pub(super) before: &'a [f32],
    pub(super) now: &'a [f32],
    pub(super) terminated: bool,
    pub(super) truncated: bool,
    pub(super) cause: u8,
}

/// Evaluates a script that ends in a value.
pub(super) fn evaluate(script: &Script, row: &Row<'_>) -> f32 {
    let mut walk = Walk { row, names: Vec::new() };
    for statement in &script.statements {
        match statement {
            Statement::Let { name, value } => {
                let now = walk.value(value, false);
                let before = (!reads_step(value, &walk.names)).then(|| walk.value(value, true));
                walk.names.push((name.text.clone(), now, before));
            }
            Statement::Param { name, value, .. } => {
                let value = Plain::Number(value.value);
                walk.names.push((name.text.clone(), value.clone(), Some(value)));
            }
            Statement::Term { .. } => unreachable!("values only"),
        }
    }
    match walk.value(script.value.as_ref().unwrap(), false) {
        Plain::Flag(set) => f32::from(u8::from(set)),
        Plain::Number(value) => value,
        other => panic!("{other:?} is no number"),
    }
}

/// Whether an expression has no value in the state before the step.
fn reads_step(expr: &Expr, names: &[(String, Plain, Option<Plain>)]) -> bool {
    let own = match &expr.form {
        Form::Call(name, _) => ["prev", "delta", "rate", "cause"].contains(&name.text.as_str()),
        Form::Name(name) if name == "terminated" || name == "truncated" => true,
        Form::Name(name) => names.iter().any(|(own, _, before)| own == name && before.is_none()),
        _ => false,
    };
    own || expr.form.children().iter().any(|child| reads_step(child, names))
}

struct Walk<'a> {
    row: &'a Row<'a>,
    names: Vec<(String, Plain, Option<Plain>)>,
}

impl Walk<'_> {
    fn value(&self, expr: &Expr, before: bool) -> Plain {
        let number = |expr: &Expr| self.number(expr, before);
        match &expr.form {
            Form::Number(value, _) => Plain::Number(*value),
            Form::Flag(set) => Plain::Flag(*set),
            Form::Text(_) => panic!("a text is no value"),
            Form::Name(name) => self.name(name, before),
            Form::Axis(of, axis) => {
                let index = "xyzw".find(&axis.text).unwrap();
                match self.value(of, before) {
                    Plain::Vector(v) => Plain::Number(v[index]),
                    Plain::Rotation(q) => Plain::Number(q[index]),
                    other => panic!("{other:?} has no axes"),
                }
            }
            Form::Prefix(Prefix::Not, of) => Plain::Flag(!self.flag(of, before)),
            Form::Prefix(Prefix::Minus, of) => match self.value(of, before) {
                Plain::Vector(v) => Plain::Vector(v.iter().map(|x| -x).collect()),
                _ => Plain::Number(-number(of)),
            },
            Form::Infix(Infix::And, a, b) => Plain::Flag(self.flag(a, before) && self.flag(b, before)),
            Form::Infix(Infix::Or, a, b) => Plain::Flag(self.flag(a, before) || self.flag(b, before)),
            Form::Infix(infix, a, b) => self.infix(*infix, self.value(a, before), self.value(b, before)),
            Form::Power(of, exponent) => {
                let base = number(of);
                Plain::Number(match exponent {
                    0 => 1.0,
                    n => (1..*n).fold(base, |power, _| power * base),
                })
            }
            Form::If(condition, yes, no) => {
                self.value(if self.flag(condition, before) { yes } else { no }, before)
            }
            Form::Call(name, arguments) => self.call(&name.text, arguments, before),
        }
    }

    fn name(&self, name: &str, before: bool) -> Plain {
        if let Some((_, now, earlier)) = self.names.iter().find(|(own, ..)| own == name) {
            return if before { earlier.clone().unwrap() } else { now.clone() };
        }
        match name {
            "terminated" => return Plain::Flag(self.row.terminated),
            "truncated" => return Plain::Flag(self.row.truncated),
            "control_dt" => return Plain::Number(self.row.scope.control_dt),
            _ => {}
        }
        let (id, spec) = self.row.scope.catalog.find(name).unwrap();
        let row = if before { self.row.before } else { self.row.now };
        let columns = &row[id.0..id.0 + spec.kind.width()];
        match (spec.kind, columns) {
            (carrot_sim::SignalKind::Flag, [x]) => Plain::Flag(*x == 1.0),
            (_, [x]) => Plain::Number(*x),
            (_, &[x, y, z, w]) => Plain::Rotation([x, y, z, w]),
            _ => Plain::Vector(columns.to_vec()),
        }
    }

    fn number(&self, expr: &Expr, before: bool) -> f32 {
        match self.value(expr, before) {
            Plain::Number(value) => value,
            other => panic!("{other:?} is no number"),
        }
    }

    fn flag(&self, expr: &Expr, before: bool) -> bool {
        match self.value(expr, before) {
            Plain::Flag(set) => set,
            other => panic!("{other:?} is no flag"),
        }
    }

    fn infix(&self, infix: Infix, a: Plain, b: Plain) -> Plain {
        let arithmetic = |x: f32, y: f32| match infix {
            Infix::Add => x + y,
            Infix::Subtract => x - y,
            Infix::Multiply => x * y,
            _ => x / y,
        };
        match (a, b) {
            (Plain::Flag(x), Plain::Flag(y)) => Plain::Flag((x == y) == (infix == Infix::Equal)),
            (Plain::Number(x), Plain::Number(y)) => match infix {
                Infix::Less => Plain::Flag(x < y),
                Infix::LessOrEqual => Plain::Flag(x <= y),
                Infix::Greater => Plain::Flag(x > y),
                Infix::GreaterOrEqual => Plain::Flag(x >= y),
                Infix::Equal => Plain::Flag(x == y),
                Infix::NotEqual => Plain::Flag(x != y),
                _ => Plain::Number(arithmetic(x, y)),
            },
            (Plain::Vector(v), Plain::Vector(w)) => {
                Plain::Vector(v.iter().zip(&w).map(|(x, y)| arithmetic(*x, *y)).collect())
            }
            (Plain::Vector(v), Plain::Number(y)) => {
                Plain::Vector(v.iter().map(|x| arithmetic(*x, y)).collect())
            }
            (Plain::Number(x), Plain::Vector(w)) => {
                Plain::Vector(w.iter().map(|y| arithmetic(x, *y)).collect())
            }
            other => panic!("{other:?} do not go together"),
        }
    }

    fn call(&self, name: &str, arguments: &[Expr], before: bool) -> Plain {
        let number = |index: usize| self.number(&arguments[index], before);
        let vector = |index: usize| match self.value(&arguments[index], before) {
            Plain::Vector(v) => v,
            Plain::Rotation(q) => q.to_vec(),
            other => panic!("{other:?} is no vector"),
        };
        Plain::Number(match name {
            "prev" => return self.value(&arguments[0], true),
            "delta" | "rate" => {
                let now = self.value(&arguments[0], false);
                let change = self.infix(Infix::Subtract, now, self.value(&arguments[0], true));
                if name == "delta" {
                    return change;
                }
                return self.infix(Infix::Divide, change, Plain::Number(self.row.scope.control_dt));
            }
            "min" => (1..arguments.len()).fold(number(0), |a, i| if a < number(i) { a } else { number(i) }),
            "max" => (1..arguments.len()).fold(number(0), |a, i| if a > number(i) { a } else { number(i) }),
            "clamp" => clamp(number(0), number(1), number(2)),
            "abs" => number(0).abs(),
            "sign" => match number(0) {
                x if x > 0.0 => 1.0,
                x if x < 0.0 => -1.0,
                _ => 0.0,
            },
            "sqrt" => number(0).sqrt(),
            "exp" => math::exp(number(0)),
            "log" => math::log(number(0)),
            "tanh" => math::tanh(number(0)),
            "sigmoid" => math::sigmoid(number(0)),
            "smoothstep" => {
                let t = clamp((number(2) - number(0)) / (number(1) - number(0)), 0.0, 1.0);
                t * t * (3.0 - 2.0 * t)
            }
            "tolerance" => {
                let (x, low, high, margin) = (number(0), number(1), number(2), number(3));
                let under = if low - x > x - high { low - x } else { x - high };
                let outside = if under > 0.0 { under } else { 0.0 };
                let kernel = arguments.get(4).map_or("Gaussian".into(), |expr| match &expr.form {
                    Form::Text(text) => text.clone(),
                    other => panic!("{other:?} is no kernel"),
                });
                if margin == 0.0 {
                    return Plain::Number(f32::from(u8::from(low <= x && x <= high)));
                }
                fallen(&kernel, outside, margin)
            }
            "norm" => length(&vector(0)),
            "dot" => products(&vector(0), &vector(1)),
            "dist" => length(&difference(&vector(0), &vector(1))),
            "angle" => {
                let (a, b) = (vector(0), vector(1));
                if a.len() == 4 {
                    let (d, s) = (length(&difference(&a, &b)), length(&sum(&a, &b)));
                    let (short, long) = (if d < s { d } else { s }, if d > s { d } else { s });
                    return Plain::Number(4.0 * libm::atan2f(short, long));
                }
                let scaled = |v: &[f32], by: f32| v.iter().map(|x| x * by).collect::<Vec<f32>>();
                let (a, b) = (scaled(&a, length(&b)), scaled(&b, length(&a)));
                2.0 * libm::atan2f(length(&difference(&a, &b)), length(&sum(&a, &b)))
            }
            "vec2" | "vec3" => return Plain::Vector((0..arguments.len()).map(number).collect()),
            "cause" => {
                let Form::Text(text) = &arguments[0].form else { panic!("no cause") };
                let cause = self.row.scope.causes.iter().position(|own| own == text).unwrap();
                return Plain::Flag(usize::from(self.row.cause) == cause);
            }
            other => panic!("{other} is no function"),
        })
    }
}

fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let raised = if x > low { x } else { low };
    if raised < high { raised } else { high }
}

fn fallen(kernel: &str, outside: f32, margin: f32) -> f32 {
    use crate::kinds::Sigmoid;
    let sigmoid = Sigmoid::ALL.into_iter().find(|s| format!("{s:?}") == kernel).unwrap();
    let d = outside * (sigmoid.scale(0.1) / margin);
    match sigmoid {
        Sigmoid::Gaussian => math::exp(-0.5 * (d * d)),
        Sigmoid::Hyperbolic => 2.0 / (math::exp(d) + math::exp(-d)),
        Sigmoid::LongTail => 1.0 / (d * d + 1.0),
        Sigmoid::Reciprocal => 1.0 / (d + 1.0),
        Sigmoid::Cosine if d < 1.0 => (1.0 + libm::cosf(std::f32::consts::PI * d)) * 0.5,
        Sigmoid::Linear if d < 1.0 => 1.0 - d,
        Sigmoid::Quadratic if d < 1.0 => 1.0 - d * d,
        Sigmoid::Cosine | Sigmoid::Linear | Sigmoid::Quadratic => 0.0,
        Sigmoid::TanhSquared => 1.0 - math::tanh(d) * math::tanh(d),
    }
}

fn products(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).reduce(|sum, product| sum + product).unwrap()
}

fn length(v: &[f32]) -> f32 {
    products(v, v).sqrt()
}

fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(x, y)| x - y).collect()
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(x, y)| x + y).collect()
}
