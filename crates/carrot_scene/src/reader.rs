//! How the owner of a part takes it apart, field by field, collecting every mistake on the way.

use std::{fmt::Display, ops::RangeInclusive};

use serde::de::DeserializeOwned;

use crate::{Diagnostic, Diagnostics, NodeRef, Span, Spanned, diagnostic::ENOUGH, leaf};

/// Takes the fields of one struct. What it does not find or cannot read it reports, and goes on.
#[derive(Debug)]
pub struct Reader<'d> {
    node: NodeRef,
    fields: Vec<(Spanned<String>, NodeRef)>,
    /// The names asked for so far: at the end, all valid ones.
    asked: Vec<String>,
    /// Required names that are not there, with the index of the report.
    missing: Vec<(String, usize)>,
    diagnostics: &'d mut Diagnostics,
}

impl<'d> Reader<'d> {
    /// Opens `(field: value, ..)`, with or without a name before the bracket; a bare name has no fields.
    /// Anything else is reported, and there is no reader.
    pub fn open(node: &NodeRef, diagnostics: &'d mut Diagnostics) -> Option<Self> {
        let Some(fields) = node.fields() else {
            let found = node.described();
            diagnostics.push(
                Diagnostic::new("wrong_type", &node.head(), format!("expected a struct, found {found}"))
                    .with_label("expected (field: value, ..)"),
            );
            return None;
        };
        Some(Self { node: node.clone(), fields, asked: Vec::new(), missing: Vec::new(), diagnostics })
    }

    /// The value of a field that must be given; its absence is reported.
    pub fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let node = self.required_node(name)?;
        self.parse(name, &node)
    }

    /// The value of a field, or `default` where it is not given or, with a report, not readable.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str, default: T) -> T {
        match self.find(name) {
            Some(node) => self.parse(name, &node).unwrap_or(default),
            None => default,
        }
    }

    /// Like [`required`](Reader::required), within a range.
    pub fn required_in<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: DeserializeOwned + PartialOrd + Display,
    {
        let value = self.required(name)?;
        self.within(name, value, range)
    }

    /// Like [`optional`](Reader::optional), within a range.
    pub fn optional_in<T>(&mut self, name: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: DeserializeOwned + PartialOrd + Display,
    {
        let Some(node) = self.find(name) else { return default };
        self.parse(name, &node).and_then(|value| self.within(name, value, range)).unwrap_or(default)
    }

    /// The value of a field that must be given, and its place.
    pub fn spanned<T: DeserializeOwned>(&mut self, name: &str) -> Option<Spanned<T>> {
        let node = self.required_node(name)?;
        let value = self.parse(name, &node)?;
        Some(Spanned { value, span: node.seen().span() })
    }

    /// An open part, for another owner; `None` as a value counts as not given.
    pub fn node(&mut self, name: &str) -> Option<NodeRef> {
        self.find(name).filter(|node| !node.is_none()).map(|node| node.seen())
    }

    /// An open part that must be given; its absence is reported.
    pub fn required_node(&mut self, name: &str) -> Option<NodeRef> {
        let found = self.find(name);
        if found.is_none() {
            let whole = self.node.described();
            self.missing.push((name.to_owned(), self.diagnostics.len()));
            self.diagnostics.push(
                Diagnostic::new("missing_field", &self.node.head(), format!("missing field `{name}`"))
                    .with_label(format!("{whole} without `{name}`"))
                    .with_help(format!("write `{name}: ..`")),
            );
        }
        found
    }

    /// Whether a field is given.
    pub fn has(&mut self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Reports a mistake at the value of a field, or at the whole where the field is not given.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = self.find(name).map_or_else(|| self.node.head(), |node| node.head());
        self.diagnostics.error(&place, message, "", help);
    }

    /// Where to point when the whole is meant.
    pub fn head(&self) -> Span {
        self.node.head()
    }

    /// The account of mistakes, for those that span several fields.
    pub fn diagnostics(&mut self) -> &mut Diagnostics {
        self.diagnostics
    }

    /// Reports all fields that nobody asked for. One that is a slip for a missing field is one mistake, not two.
    pub fn finish(self) {
        let Self { fields, asked, missing, diagnostics, .. } = self;
        let mut explained = Vec::new();
        let unknown = fields.iter().filter(|(name, _)| !asked.contains(&name.value));
        for (name, _) in unknown.take(ENOUGH) {
            let unknown = Diagnostic::unknown_name(&name.span, "field", &name.value, &asked);
            let meant = missing.iter().find(|(missing, _)| unknown.nearest.as_ref() == Some(missing));
            explained.extend(meant.map(|&(_, report)| report));
            diagnostics.push(unknown);
        }
        diagnostics.retract(&explained);
    }

    fn find(&mut self, name: &str) -> Option<NodeRef> {
        if !self.asked.iter().any(|asked| asked == name) {
            self.asked.push(name.to_owned());
        }
        self.fields.iter().find(|(field, _)| field.value == name).map(|(_, node)| node.clone())
    }

    fn parse<T: DeserializeOwned>(&mut self, name: &str, node: &NodeRef) -> Option<T> {
        self.diagnostics.collect(leaf::parse(node, Some(name)))
    }

    fn within<T: PartialOrd + Display>(
        &mut self,
        name: &str,
        value: T,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        let (low, high) = range.into_inner();
        let place = self.find(name).map_or_else(|| self.node.head(), |node| node.span());
        self.diagnostics.push(
            Diagnostic::new(
                "out_of_range",
                &place,
                format!("`{name}` is {value}, outside of {low} to {high}"),
            )
            .with_label(format!("expected {low} to {high}")),
        );
        None
    }
}
