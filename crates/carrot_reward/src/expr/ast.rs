//! What a text says, as a tree with places: nothing is resolved yet.

use std::ops::Range;

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

/// Operators before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    Minus,
    Not,
}

/// Operators between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Infix {
    Or,
    And,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Infix {
    /// The operator as written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    /// How strongly it binds, from 1.
    pub(crate) fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            // 3 is `not`.
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 4,
            Self::Equal | Self::NotEqual => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply | Self::Divide => 6,
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.strength() == 4
    }
}

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    /// A number, with the unit written after it.
    Number(f32, Option<Name>),
    Flag(bool),
    Text(String),
    Name(String),
    /// `v.x`
    Axis(Box<Expr>, Name),
    Call(Name, Vec<Expr>),
    Prefix(Prefix, Box<Expr>),
    Infix(Infix, Box<Expr>, Box<Expr>),
    Power(Box<Expr>, u32),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

impl Form {
    /// The expressions that this one is made of, in the order written.
    pub(crate) fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Number(..) | Self::Flag(_) | Self::Text(_) | Self::Name(_) => Vec::new(),
            Self::Axis(of, _) | Self::Prefix(_, of) | Self::Power(of, _) => vec![of],
            Self::Call(_, arguments) => arguments.iter().collect(),
            Self::Infix(_, left, right) => vec![left, right],
            Self::If(condition, yes, no) => vec![condition, yes, no],
        }
    }
}

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) range: Range<usize>,
    /// Levels of operations, this one included.
    pub(crate) depth: usize,
    pub(crate) form: Form,
}

/// A number with its sign, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: f32,
    pub(crate) range: Range<usize>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    /// `let name = value;`
    Let { name: Name, value: Expr },
    /// `param name = value [unit] in low..high;`
    Param { name: Name, value: Number, range: (f32, f32), unit: Option<Name> },
    /// `term("name", weight, value);`
    Term { name: Name, weight: Number, value: Expr },
}

/// A whole text: statements, and for a single term the value after them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Script {
    pub(crate) statements: Vec<Statement>,
    pub(crate) value: Option<Expr>,
}
