//! What is wrong with an expression, and where in its text.

use std::ops::Range;

use carrot_scene::{Diagnostic, Diagnostics, NodeRef};
use winnow::error::ParserError;
use winnow::stream::{Location, Stream};

/// One mistake in the text of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// How to put it right; may be empty.
    pub help: String,
    /// For a name that is none of the valid ones; in a box because most mistakes are others.
    names: Option<Box<Unknown>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Unknown {
    what: &'static str,
    name: String,
    valid: Vec<String>,
}

impl Mistake {
    pub(crate) fn new(range: &Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { range: range.clone(), message: message.into(), help: help.into(), names: None }
    }

    /// Says how to put it right.
    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// `expected ..`, said of the token at a place.
    pub(crate) fn expected(range: &Range<usize>, what: &str, found: &str) -> Self {
        Self::new(range, format!("expected {what}, found {found}"), "")
    }

    /// A name that is none of the valid ones.
    pub(crate) fn unknown(
        range: &Range<usize>,
        what: &'static str,
        name: &str,
        valid: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let valid = valid.into_iter().map(Into::into).collect();
        Self {
            names: Some(Box::new(Unknown { what, name: name.into(), valid })),
            ..Self::new(range, format!("unknown {what} {name:?}"), "")
        }
    }

    /// Reports the mistake at its place inside of the string that holds the text.
    pub fn report(&self, text: &NodeRef, diagnostics: &mut Diagnostics) {
        let span = text.span_within(self.range.clone());
        match self.names.as_deref() {
            Some(Unknown { what, name, valid }) => {
                diagnostics.push(Diagnostic::unknown_name(&span, what, name, valid));
            }
            None => diagnostics.error(&span, self.message.clone(), "", self.help.clone()),
        }
    }
}

impl<I: Stream + Location> ParserError<I> for Mistake {
    type Inner = Self;

    fn from_input(input: &I) -> Self {
        let at = input.current_token_start();
        Self::new(&(at..at), "cannot be read", "")
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}
