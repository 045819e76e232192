//! A robot's file as elements with places: sizes bounded before anything is built, every attribute read strictly.

use carrot_scene::{Source, Span, nearest};
use roxmltree::{Document, Error, Node, NodeType, ParsingOptions};

use super::error::{UrdfError, UrdfMistakes};

/// The longest file that is read, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting; a robot needs six.
const MAX_DEPTH: usize = 32;
/// The most nodes: elements, texts, comments.
const MAX_NODES: u32 = 50_000;
/// The most quotation marks of one element.
const MAX_QUOTES: usize = 128;
/// The longest name, in bytes.
const MAX_NAME: usize = 128;

/// Parses the text, or says what keeps it from being XML that is worth looking at.
pub(super) fn parse<'t>(source: &'t Source, mistakes: &mut UrdfMistakes) -> Option<Document<'t>> {
    let text = source.text();
    if text.len() > MAX_BYTES {
        let error = UrdfError::TooMuch { what: "bytes in the file", limit: MAX_BYTES };
        mistakes.add(&source.span(MAX_BYTES..MAX_BYTES), error);
        return None;
    }
    // Comparing the attributes of one element with each other takes time that grows with their square.
    let mut start = 0;
    for piece in text.split_inclusive('<') {
        let quotes = piece.bytes().filter(|byte| matches!(byte, b'"' | b'\'')).count();
        if quotes > MAX_QUOTES && !piece.starts_with("!--") {
            let error = UrdfError::TooMuch { what: "quotation marks in one element", limit: MAX_QUOTES };
            mistakes.add(&source.span(start..start + piece.len()), error);
            return None;
        }
        start += piece.len();
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    match Document::parse_with_options(text, options) {
        Ok(document) => Some(document).filter(|document| is_shallow(document, source, mistakes)),
        Err(error) => {
            let (span, error) = explain(error, source);
            mistakes.add(&span, error);
            None
        }
    }
}

fn is_shallow(document: &Document<'_>, source: &Source, mistakes: &mut UrdfMistakes) -> bool {
    let mut depths = vec![0_usize; document.descendants().count() + 1];
    for node in document.descendants() {
        let depth = node.parent().map_or(0, |parent| depths[parent.id().get_usize()] + 1);
        depths[node.id().get_usize()] = depth;
        if depth > MAX_DEPTH {
            let error = UrdfError::TooMuch { what: "nested elements", limit: MAX_DEPTH };
            mistakes.add(&source.span(node.range()), error);
            return false;
        }
    }
    true
}

fn explain(error: Error, source: &Source) -> (Span, UrdfError) {
    let text = source.text();
    let end = source.span(text.len()..text.len());
    let why = |error: &Error| UrdfError::Xml { why: without_place(&error.to_string()) };
    match error {
        Error::DtdDetected => {
            let at = text.find("<!DOCTYPE").unwrap_or(0);
            (source.span(at..at + "<!DOCTYPE".len()), UrdfError::Doctype)
        }
        Error::NodesLimitReached => {
            (end, UrdfError::TooMuch { what: "elements, texts and comments", limit: MAX_NODES as usize })
        }
        Error::NoRootNode | Error::UnclosedRootNode | Error::UnexpectedEndOfStream => (end, why(&error)),
        error => {
            let place = error.pos();
            (source.span_at(place.row as usize, place.col as usize), why(&error))
        }
    }
}

/// A message of the parser without its own ` at 1:2`.
fn without_place(message: &str) -> String {
    match message.rsplit_once(" at ") {
        Some((what, place)) if place.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') => what.into(),
        _ => message.into(),
    }
}

/// What an element may hold.
pub(super) struct Form {
    /// Its attributes.
    pub(super) attributes: &'static [&'static str],
    /// Elements of which there may be one.
    pub(super) single: &'static [&'static str],
    /// Elements of which there may be many.
    pub(super) many: &'static [&'static str],
    /// Elements that say nothing about the physics; they are listed, not read.
    pub(super) ignored: &'static [&'static str],
}

/// An element and its place.
#[derive(Clone, Copy)]
pub(super) struct Element<'t> {
    node: Node<'t, 't>,
    source: &'t Source,
}

impl<'t> Element<'t> {
    pub(super) fn root(document: &'t Document<'t>, source: &'t Source) -> Self {
        Self { node: document.root_element(), source }
    }

    /// The name as it is written.
    pub(super) fn name(&self) -> &'t str {
        let text = &self.source.text()[self.node.range()];
        let tag = text.strip_prefix('<').unwrap_or(text);
        let end = tag.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(tag.len());
        &tag[..end]
    }

    /// The name, marked.
    pub(super) fn span(&self) -> Span {
        let start = self.node.range().start + 1;
        self.source.span(start..start + self.name().len())
    }

    /// Holds the element against its form, and returns what is ignored in it.
    pub(super) fn check(&self, form: &Form, mistakes: &mut UrdfMistakes) -> Vec<Span> {
        let own = || self.name().to_owned();
        for attribute in self.node.attributes() {
            let span = self.source.span(attribute.range_qname());
            // Names with a prefix belong to other programs.
            if attribute.namespace().is_none() && !form.attributes.contains(&attribute.name()) {
                let error = UrdfError::UnknownAttribute { name: attribute.name().into(), element: own() };
                mistakes.add_named(&span, error, near(attribute.name(), form.attributes));
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut ignored = Vec::new();
        for node in self.node.children() {
            match node.node_type() {
                NodeType::Element => {}
                NodeType::Text if node.text().is_some_and(|text| !text.trim().is_empty()) => {
                    mistakes.add(&self.source.span(node.range()), UrdfError::StrayText { parent: own() });
                    continue;
                }
                _ => continue,
            }
            let child = Element { node, source: self.source };
            let name = child.name();
            if form.single.contains(&name) {
                if seen.contains(&name) {
                    let error = UrdfError::RepeatedElement { name: name.into(), parent: own() };
                    mistakes.add(&child.span(), error);
                }
                seen.push(name);
            } else if form.ignored.contains(&name) {
                ignored.push(child.span());
            } else if name.starts_with("xacro:") || name == "mimic" {
                mistakes.add(&child.span(), UrdfError::UnsupportedElement { name: name.into() });
            } else if !form.many.contains(&name) {
                let error = UrdfError::UnknownElement { name: name.into(), parent: own() };
                let valid = form.single.iter().chain(form.many).copied();
                mistakes.add_named(&child.span(), error, near(name, &valid.collect::<Vec<_>>()));
            }
        }
        ignored
    }

    /// All elements of this name directly inside.
    pub(super) fn all(self, name: &'static str) -> impl Iterator<Item = Element<'t>> {
        let source = self.source;
        let elements =
            self.node.children().filter(Node::is_element).map(move |node| Element { node, source });
        elements.filter(move |element| element.name() == name)
    }

    /// All elements directly inside.
    pub(super) fn children(self) -> impl Iterator<Item = Element<'t>> {
        let source = self.source;
        self.node.children().filter(Node::is_element).map(move |node| Element { node, source })
    }

    /// The first element of this name.
    pub(super) fn child(self, name: &'static str) -> Option<Element<'t>> {
        self.all(name).next()
    }

    /// The first element of this name; its absence is a mistake.
    pub(super) fn required(self, name: &'static str, mistakes: &mut UrdfMistakes) -> Option<Element<'t>> {
        let found = self.child(name);
        if found.is_none() {
            let error = UrdfError::MissingElement { name, parent: self.name().into() };
            mistakes.add(&self.span(), error);
        }
        found
    }

    /// An attribute and its place.
    pub(super) fn attribute(&self, name: &str) -> Option<(&'t str, Span)> {
        let found = self.node.attribute_node(name)?;
        let span = self.source.span(found.range_value());
        Some((self.node.attribute(name)?, span))
    }

    /// An attribute that must be given.
    pub(super) fn text(&self, name: &'static str, mistakes: &mut UrdfMistakes) -> Option<(&'t str, Span)> {
        let found = self.attribute(name);
        if found.is_none() {
            let error = UrdfError::MissingAttribute { name, element: self.name().into() };
            mistakes.add(&self.span(), error);
        }
        found
    }

    /// An attribute that is a name.
    pub(super) fn named(&self, name: &'static str, mistakes: &mut UrdfMistakes) -> Option<(String, Span)> {
        let (text, span) = self.text(name, mistakes)?;
        if text.trim().is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
            let shown = text.chars().take(32).collect();
            mistakes.add(&span, UrdfError::BadName { name: shown });
            return None;
        }
        Some((text.to_owned(), span))
    }

    /// Numbers separated by blanks; `None` where the attribute is not given or, with a report, is something else.
    pub(super) fn numbers<const N: usize>(
        &self,
        name: &'static str,
        range: &Range,
        mistakes: &mut UrdfMistakes,
    ) -> Option<[f64; N]> {
        let (text, span) = self.attribute(name)?;
        let parsed = text.split_ascii_whitespace().take(N + 1).map(|word| word.parse().ok());
        let numbers = parsed.collect::<Option<Vec<f64>>>().and_then(|all| <[f64; N]>::try_from(all).ok());
        let Some(numbers) = numbers else {
            let expected = if N == 1 { "a number" } else { "three numbers" };
            let text = text.chars().take(32).collect();
            mistakes.add(&span, UrdfError::BadNumber { name, text, expected });
            return None;
        };
        if let Some(&value) = numbers.iter().find(|value| !range.holds(**value)) {
            mistakes.add(&span, UrdfError::OutOfRange { name, value, expected: range.expected });
            return None;
        }
        Some(numbers)
    }

    /// A number that must be given.
    pub(super) fn number(
        &self,
        name: &'static str,
        range: &Range,
        mistakes: &mut UrdfMistakes,
    ) -> Option<f64> {
        self.text(name, mistakes)?;
        self.numbers::<1>(name, range, mistakes).map(|[number]| number)
    }
}

/// The numbers that will do; none of them is infinite.
pub(super) struct Range {
    least: f64,
    most: f64,
    expected: &'static str,
}

impl Range {
    pub(super) const fn new(least: f64, most: f64, expected: &'static str) -> Self {
        Self { least, most, expected }
    }

    fn holds(&self, value: f64) -> bool {
        (self.least..=self.most).contains(&value)
    }
}

/// The valid name nearest to the one given.
pub(super) fn near<'n>(name: &str, valid: &[&'n str]) -> Option<&'n str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let found = nearest(name, valid)?;
    valid.iter().copied().find(|candidate| *candidate == found)
}
