//! Numbers in a text that are there to be turned, and where they stand in it.

use std::ops::Range;

use super::ast::{Name, Number, Statement};
use super::{Mistake, parse};

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialKind {
    /// The weight of a term.
    Weight,
    /// The value of a parameter.
    Param,
}

/// A number in a text that is there to be turned.
#[derive(Debug, Clone, PartialEq)]
pub struct Dial {
    /// What it is.
    pub kind: DialKind,
    /// Name of the term or parameter.
    pub name: String,
    /// Its value.
    pub value: f32,
    /// Least and most that it may be.
    pub limits: Option<[f32; 2]>,
    /// Where it stands, sign included, in bytes of the text.
    pub range: Range<usize>,
}

/// The weights of a text's terms and the values of its parameters, in the order written.
///
/// # Errors
/// The first mistake of its grammar.
pub fn dials(text: &str) -> Result<Vec<Dial>, Mistake> {
    let dial = |kind, name: Name, number: Number, limits| {
        Some(Dial { kind, name: name.text, value: number.value, limits, range: number.range })
    };
    let statements = parse::parse(text)?.statements.into_iter();
    let found = statements.filter_map(|statement| match statement {
        Statement::Let { .. } => None,
        Statement::Param { name, value, range: (low, high), .. } => {
            dial(DialKind::Param, name, value, Some([low, high]))
        }
        Statement::Term { name, weight, .. } => dial(DialKind::Weight, name, weight, None),
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn dials_say_where_their_numbers_stand() {
        let text = "param width = 0.2 [m] in 0.05..1; let a = x / width; term(\"near it\", - 0.5, a); term(\"on\", 2e1, 1)";
        let found = dials(text).unwrap();
        let told: Vec<(&str, f32, &str)> =
            found.iter().map(|dial| (dial.name.as_str(), dial.value, &text[dial.range.clone()])).collect();
        assert_eq!(told, [("width", 0.2, "0.2"), ("near it", -0.5, "- 0.5"), ("on", 20.0, "2e1")]);
        assert!(dials("term(1, 2, 3)").is_err());
    }
}
