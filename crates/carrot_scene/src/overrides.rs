//! `key=value` on the command line, and edits by the app: both change the text where the key points.

use std::sync::Arc;

use crate::{Diagnostic, Diagnostics, Source, Syntax, edit::Assignment, source::Document};

/// The text with each `path=value` made, in order.
///
/// A path walks fields, `[i]` takes an element of a list or tuple, and `.name` takes a map's key or
/// the element of a list whose field `name` has that value: `reward.goal.weight=2`. Names such as
/// `Ppo(..)` around a struct are looked through. A field that is not there is created; whether it may
/// be is for its owner to say, who then points at the override as it was typed. The value is RON; a
/// bare word in place of a string is taken as a string. Comments and order stay.
///
/// # Errors
///
/// Every override whose path leads nowhere or whose value is not RON; before that, a text that is not RON.
pub fn apply_overrides<O: AsRef<str>>(source: &Source, overrides: &[O]) -> Result<Source, Diagnostics> {
    // Once and first: a broken file is not the fault of each override.
    Syntax::parse(source)?;
    let mut edited = source.clone();
    let mut diagnostics = Diagnostics::new();
    for argument in overrides.iter().map(AsRef::as_ref) {
        let next = assignment(argument).and_then(|assignment| assignment.apply(&edited));
        edited = diagnostics.collect(next).unwrap_or(edited);
    }
    diagnostics.into_result(Some(edited))
}

fn assignment(argument: &str) -> Result<Assignment, Diagnostics> {
    let document = Document { name: format!("command line: {argument}"), text: argument.to_owned() };
    let path_end = argument.find('=').unwrap_or(argument.len());
    let value = argument.get(path_end + 1..).unwrap_or_default();
    let start = argument.len() - value.trim_start().len();
    if value.trim().is_empty() {
        let end = Source::of(&Arc::new(document)).span(argument.len()..argument.len());
        let path = &argument[..path_end];
        return Err(Diagnostic::new("override", &end, format!("`{path}` is given no value"))
            .with_label("expected key=value")
            .into());
    }
    Ok(Assignment::new(document, 0..path_end, start..start + value.trim().len()))
}

/// The text with `text` as the value at `path`: see [`apply_overrides`].
///
/// # Errors
///
/// The path leads nowhere, or the new value is not RON.
pub fn edit(source: &Source, path: &str, text: &str) -> Result<Source, Diagnostics> {
    let document = Document { name: format!("edit of {path}"), text: format!("{path}={text}") };
    let value = path.len() + 1..document.text.len();
    Assignment::new(document, 0..path.len(), value).apply(source)
}
