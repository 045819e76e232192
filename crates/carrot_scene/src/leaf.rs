//! Typed values out of the tree: `ron` reads the slice, its complaints become ours.

use ron::{
    Options,
    error::{Error, SpannedError},
    extensions::Extensions,
};
use serde::de::DeserializeOwned;

use crate::{Diagnostic, Diagnostics, NodeRef, Shape, source::offset_of, syntax::Kind};

/// Scenes never need `Some(..)` or the second pair of brackets of a newtype.
pub(crate) const EXTENSIONS: Extensions =
    Extensions::IMPLICIT_SOME.union(Extensions::UNWRAP_NEWTYPES).union(Extensions::UNWRAP_VARIANT_NEWTYPES);

/// Parses a slice of RON that has no tree of its own yet, such as one number.
pub(crate) fn decode<T: DeserializeOwned>(text: &str, extensions: Extensions) -> Result<T, SpannedError> {
    // The tree has checked the nesting.
    Options::default().with_default_extension(extensions).without_recursion_limit().from_str(text)
}

/// Parses a node; `field` names what it is the value of.
pub(crate) fn parse<T: DeserializeOwned>(node: &NodeRef, field: Option<&str>) -> Result<T, Diagnostics> {
    // The arguments of a bare name stand where the name does.
    let text = if matches!(node.node().kind, Kind::Unit) { "()" } else { node.text() };
    decode(text, node.syntax().extensions()).map_err(|error| explained(node, field, &error).into())
}

fn explained(node: &NodeRef, field: Option<&str>, error: &SpannedError) -> Diagnostic {
    let source = node.source();
    let base = node.node().range.start;
    let absolute =
        |position: ron::error::Position| base + offset_of(node.text(), position.line, position.col);
    let mut start = absolute(error.span.start);
    let end = absolute(error.span.end);
    start += source.text()[start..].len() - source.text()[start..].trim_start().len();
    let exact = source.span(start..end.max(start));
    let culprit = node.innermost(start);
    let about = |message: String| match field {
        Some(field) => format!("`{field}`: {message}"),
        None => message,
    };

    match &error.code {
        Error::NoSuchEnumVariant { expected, found, .. } => {
            Diagnostic::unknown_name(&exact, "variant", found, expected)
        }
        Error::NoSuchStructField { expected, found, .. } => {
            Diagnostic::unknown_name(&exact, "field", found, expected)
        }
        Error::MissingStructField { field: missing, .. } => {
            Diagnostic::new("missing_field", &culprit.head(), about(format!("missing field `{missing}`")))
                .with_label(format!("has no `{missing}`"))
                .with_help(format!("write `{missing}: ..`"))
        }
        Error::Message(message) => {
            Diagnostic::new("invalid", &culprit.head(), about(message.clone())).with_label("here")
        }
        code => {
            let expected = expected(code, &culprit, start);
            let found = match code {
                Error::ExpectedDifferentLength { found, .. } => {
                    format!("{} of size {found}", culprit.described())
                }
                _ => culprit.described(),
            };
            let page =
                Diagnostic::new("wrong_type", &culprit.head(), about(format!("{expected}, found {found}")))
                    .with_label(expected);
            match &culprit.node().kind {
                Kind::Named(name, _) if *code == Error::ExpectedString => {
                    page.with_help(format!("write it in quotes: {:?}", name.text))
                }
                _ => page,
            }
        }
    }
}

/// What should have stood where `culprit` stands.
fn expected(code: &Error, culprit: &NodeRef, offset: usize) -> String {
    let inside = offset > culprit.node().range.start;
    match code {
        // ron reads as far as the type goes and then stumbles over the rest of the number.
        Error::TrailingCharacters
        | Error::ExpectedComma
        | Error::ExpectedArrayEnd
        | Error::ExpectedStructLikeEnd
            if inside && culprit.shape() == Shape::Number =>
        {
            "expected a whole decimal number".to_owned()
        }
        Error::ExpectedInteger => "expected a whole number".to_owned(),
        Error::IntegerOutOfBounds if culprit.text().starts_with('-') => {
            "expected a whole number that is not so low".to_owned()
        }
        Error::IntegerOutOfBounds => "expected a whole number that is not so large".to_owned(),
        Error::ExpectedFloat => "expected a number".to_owned(),
        Error::ExpectedBoolean => "expected true or false".to_owned(),
        Error::ExpectedString => "expected a string in quotes".to_owned(),
        Error::ExpectedArray => "expected a list [..]".to_owned(),
        Error::ExpectedMap => "expected a map {..}".to_owned(),
        Error::ExpectedStructLike | Error::ExpectedNamedStructLike(_) => "expected (..)".to_owned(),
        Error::ExpectedStructLikeEnd => "expected `)`, no more values".to_owned(),
        Error::ExpectedIdentifier => "expected a name without quotes".to_owned(),
        Error::InvalidValueForType { expected, .. } | Error::ExpectedDifferentLength { expected, .. } => {
            format!("expected {expected}")
        }
        other => {
            let text = other.to_string();
            let first = text.chars().next().map(|first| first.to_lowercase().to_string());
            first.unwrap_or_default() + text.get(1..).unwrap_or_default()
        }
    }
}
