//! Reward expressions: a small total language over signals, for rewards without Rust.
//!
//! A text is cut into words (`token`), read into a tree (`parse`), checked and taken apart into operations on
//! columns (`lower`, `call`, `arena`), and turned into a short program over blocks of rows (`program`).
//! There are no loops and no recursion, so every program ends, and costs its operations times its rows.
//!
//! ```text
//! param reach = 0.1 [m] in 0.02..0.5;
//! let near = exp(-tool_cube_distance / reach);
//! term("near", 0.5, near);
//! term("lifted", 5.0, if cube_position.z > 0.1 { 1 } else { 0 });
//! ```

mod arena;
mod ast;
mod call;
mod card;
mod dial;
mod function;
mod interval;
mod lower;
mod mistake;
mod op;
mod parse;
mod program;
#[cfg(test)]
mod tests;
mod token;
mod unit;
mod value;

pub use card::grammar_card;
pub use dial::{Dial, DialKind, dials};
pub use function::{FUNCTIONS, Function};
pub use interval::Interval;
pub use mistake::Mistake;
pub use unit::Unit;

use std::ops::Range;
use std::sync::Arc;

use arena::{Arena, Id, Op};
use ast::{Expr, Statement};
use lower::{At, Lowering};
use program::Program;
use value::{Measure, Type};

use crate::kind::{RuleDoc, Scope, SignalRef, Transition};

/// The longest text, in bytes.
pub const MAX_BYTES: usize = 16 << 10;
/// The most values and operators of a text.
pub const MAX_NODES: usize = 2000;
/// The most brackets inside of one another.
pub const MAX_NESTING: usize = 64;
/// The most operations on top of each other.
pub const MAX_DEPTH: usize = 256;

/// The page of `Program`.
pub const PROGRAM_DOC: RuleDoc = RuleDoc {
    name: "Program",
    rewards: "Several terms in one text, with names and parameters in common.",
    formula: "each `term(\"name\", weight, expression)` is a term of its own, with its column in the ledger",
    range: "that of each expression, from the ranges of the signals; shown by `carrot check`",
    parameters: &[
        ("let name = expression;", "a name for a value"),
        ("param name = value in low..high;", "a number that a revision may change within its range"),
        ("term(\"name\", weight, expression);", "a term; for stages use the kind Expr"),
    ],
    misleads: "As the kind Expr does. Terms add up, so a `let` that several of them share counts several times.",
    source: "-",
};

/// A declared parameter: a number that can be changed between rollouts, within its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Name, unique in its graph.
    pub name: String,
    /// Value as written.
    pub value: f32,
    /// Lowest and highest value.
    pub range: (f32, f32),
    /// Unit as written; empty when it has none.
    pub unit: String,
    measure: Measure,
}

/// One number per row, ready to be computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    program: Program,
    /// Parameters of the text, in order.
    pub params: Arc<[Param]>,
    /// Signals that are read, in column order.
    pub signals: Vec<SignalRef>,
    /// Whether the value depends on s′ alone.
    pub is_of_state: bool,
    /// Unit of the value.
    pub unit: Unit,
    /// Values that it can have, given the ranges of signals and parameters.
    pub bounds: Interval,
    /// Whether it depends on how the step ended the episode.
    pub reads_ends: bool,
    is_flag: bool,
}

/// A `term(..)` of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct TermText {
    /// Name.
    pub name: String,
    /// Where the name stands.
    pub range: Range<usize>,
    /// Weight.
    pub weight: f32,
    /// Value.
    pub value: Arc<Compiled>,
}

impl Compiled {
    /// Compiles a text that ends in one value, after any number of `let` and `param`.
    ///
    /// # Errors
    /// The first mistake.
    pub fn value(text: &str, scope: &Scope) -> Result<Self, Mistake> {
        let (lowering, terms, value) = lowered(text, scope)?;
        if let Some((name, ..)) = terms.first() {
            let help = "leave `term` out here, or make the reward a `Program`";
            return Err(Mistake::new(&name.range, "this place takes one value, not terms", help));
        }
        let Some(root) = value else {
            let end = text.len();
            return Err(Mistake::new(&(end..end), "the text has no value", "end with an expression"));
        };
        let params: Arc<[Param]> = lowering.params.into();
        Ok(Self::new(&lowering.arena, root, &params, scope))
    }

    /// Compiles a text that ends in one value, which counts where a condition of its own holds and is 0 elsewhere.
    ///
    /// # Errors
    /// The first mistake of the text; the condition is no user's.
    pub(crate) fn value_where(condition: &str, text: &str, scope: &Scope) -> Result<Self, Mistake> {
        let (mut lowering, _, value) = lowered(text, scope)?;
        let end = text.len();
        let root = value
            .ok_or_else(|| Mistake::new(&(end..end), "the text has no value", "end with an expression"))?;
        let script = parse::parse(condition)?;
        let holds = script.value.map(|value| lowering.expr(&value, At::Now)).transpose()?;
        let zero = lowering.arena.number(0.0);
        let id = holds.map_or(root.id, |holds| lowering.arena.select(holds.columns[0], root.id, zero));
        let params: Arc<[Param]> = std::mem::take(&mut lowering.params).into();
        Ok(Self::new(&lowering.arena, Root { id, ..root }, &params, scope))
    }

    /// Compiles a text whose value is a flag, for guards and conditions.
    ///
    /// # Errors
    /// The first mistake.
    pub fn condition(text: &str, scope: &Scope) -> Result<Self, Mistake> {
        let value = Self::value(text, scope)?;
        if value.is_flag {
            return Ok(value);
        }
        let help = "compare it: `x > 0`";
        Err(Mistake::new(&(0..text.len()), "a condition is true or false, this is a number", help))
    }

    /// Compiles a text of terms.
    ///
    /// # Errors
    /// The first mistake.
    pub fn terms(text: &str, scope: &Scope) -> Result<Vec<TermText>, Mistake> {
        let (lowering, terms, value) = lowered(text, scope)?;
        if value.is_some() || terms.is_empty() {
            let end = text.len();
            let help = "write `term(\"name\", 1.0, expression);`";
            return Err(Mistake::new(&(end..end), "a program pays its terms, and there is none here", help));
        }
        let params: Arc<[Param]> = lowering.params.into();
        let term = |(name, weight, root): (ast::Name, f32, Root)| TermText {
            name: name.text,
            range: name.range,
            weight,
            value: Arc::new(Self::new(&lowering.arena, root, &params, scope)),
        };
        Ok(terms.into_iter().map(term).collect())
    }

    fn new(arena: &Arena, root: Root, params: &Arc<[Param]>, scope: &Scope) -> Self {
        let mut reached = vec![false; arena.len()];
        reached[root.id as usize] = true;
        for id in (0..=root.id).rev() {
            if reached[id as usize] {
                arena.op(id).operands().for_each(|operand| reached[operand as usize] = true);
            }
        }
        let ops = || (0..=root.id).filter(|&id| reached[id as usize]).map(|id| arena.op(id));
        let reads = |op: Op, first: usize, width: usize| matches!(op, Op::Signal { column, .. } if (first..first + width).contains(&(column as usize)));
        let signals: Vec<SignalRef> = scope
            .catalog
            .iter()
            .filter(|(first, spec)| ops().any(|op| reads(op, first.0, spec.kind.width())))
            .filter_map(|(_, spec)| scope.resolve(&spec.name))
            .collect();
        let of_step = |op: Op| matches!(op, Op::Signal { before: true, .. } | Op::End(_) | Op::Cause(_));
        Self {
            program: Program::new(arena, root.id),
            params: params.clone(),
            is_of_state: !ops().any(of_step),
            unit: root.unit,
            bounds: arena.bounds(root.id),
            reads_ends: ops().any(|op| matches!(op, Op::End(_) | Op::Cause(_))),
            is_flag: root.is_flag,
            signals,
        }
    }

    /// Operations per row.
    pub fn passes(&self) -> usize {
        self.program.passes()
    }

    /// Values of the parameters as written.
    pub fn initial_params(&self) -> Vec<f32> {
        self.params.iter().map(|param| param.value).collect()
    }

    /// Writes one value per row.
    ///
    /// # Shapes
    /// `params` one value per parameter, `out` `[N]`.
    pub fn run(&self, step: &Transition<'_>, params: &[f32], out: &mut [f32]) {
        self.program.run(step, params, out);
    }
}

/// The value of a term, as a column of the arena.
struct Root {
    id: Id,
    unit: Unit,
    is_flag: bool,
}

type Parts<'a> = (Lowering<'a>, Vec<(ast::Name, f32, Root)>, Option<Root>);

fn lowered<'a>(text: &str, scope: &'a Scope) -> Result<Parts<'a>, Mistake> {
    let script = parse::parse(text)?;
    let mut lowering = Lowering::new(scope);
    let mut terms: Vec<(ast::Name, f32, Root)> = Vec::new();
    for statement in script.statements {
        match statement {
            Statement::Let { name, value } => lowering.define(&name, &value)?,
            Statement::Param { name, value, range, unit } => {
                lowering.declare(&name, value.value, range, unit.as_ref())?;
            }
            Statement::Term { name, weight, value } => {
                if terms.iter().any(|(own, ..)| own.text == name.text) {
                    let message = format!("the name `{}` is taken by a term above", name.text);
                    return Err(Mistake::new(&name.range, message, "names of terms are column names"));
                }
                let root = root(&mut lowering, &value)?;
                terms.push((name, weight.value, root));
            }
        }
    }
    let value = script.value.map(|value| root(&mut lowering, &value)).transpose()?;
    Ok((lowering, terms, value))
}

/// One number or flag per row; anything else cannot be paid.
fn root(lowering: &mut Lowering<'_>, expr: &Expr) -> Result<Root, Mistake> {
    let value = lowering.expr(expr, At::Now)?;
    let unit = match value.of {
        Type::Flag => Unit::none(),
        Type::Number(ref measure) => measure.unit(),
        other => {
            let message = format!("a reward is one number, this is {other}");
            return Err(Mistake::new(&expr.range, message, "write `norm(v)`, `v.x` or `angle(a, b)`"));
        }
    };
    Ok(Root { id: value.columns[0], unit, is_flag: value.of == Type::Flag })
}
