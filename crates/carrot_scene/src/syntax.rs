//! The tree of one text: every value, name and field name with its place, nothing thrown away.

use std::{fmt, ops::Range, sync::Arc};

use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use crate::{Diagnostics, Source, Span, Spanned, leaf, parse};

pub(crate) type NodeId = u32;

/// A name and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

/// What a value is. Children are other nodes of the same tree.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `Name`, `Name(..)`: the body is a struct, a tuple or a unit; that of a bare name stands where the name does.
    Named(Name, NodeId),
    Struct(Vec<(Name, NodeId)>),
    Tuple(Vec<NodeId>),
    List(Vec<NodeId>),
    Map(Vec<(NodeId, NodeId)>),
    String(String),
    Number,
    Bool,
    Char,
    Unit,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
}

/// A parsed text. The text itself is kept, so that writing the tree out again gives the same bytes.
#[derive(Debug)]
pub struct Syntax {
    source: Source,
    nodes: Vec<Node>,
    root: NodeId,
    extensions: Extensions,
}

impl Syntax {
    /// Parses RON. Nesting deeper than 64 and numbers that are not finite are refused.
    ///
    /// # Errors
    ///
    /// The first place where the text is not RON, and every name that is given twice before it.
    pub fn parse(source: &Source) -> Result<Arc<Self>, Diagnostics> {
        let parse::Parsed { nodes, root, extensions } = parse::parse(source)?;
        Ok(Arc::new(Self { source: source.clone(), nodes, root, extensions }))
    }

    /// The text that was parsed.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The value that the text holds.
    pub fn root(self: &Arc<Self>) -> NodeRef {
        NodeRef { syntax: self.clone(), id: self.root }
    }

    pub(crate) fn extensions(&self) -> Extensions {
        self.extensions
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }
}

/// What a node looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `Name` or `Name(..)`.
    Named,
    /// `(field: value, ..)`.
    Struct,
    /// `(value, ..)`.
    Tuple,
    /// `[value, ..]`.
    List,
    /// `{key: value, ..}`.
    Map,
    /// `"text"`.
    String,
    /// `-1.5`.
    Number,
    /// `true` or `false`.
    Bool,
    /// `'c'`.
    Char,
    /// `()`.
    Unit,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "a name",
            Self::Struct => "a struct",
            Self::Tuple => "a tuple",
            Self::List => "a list",
            Self::Map => "a map",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Char => "a character",
            Self::Unit => "()",
        })
    }
}

/// A value in a parsed text; it keeps the text alive and is cheap to clone.
///
/// `Some(value)` is looked through everywhere but in [`parse`](NodeRef::parse).
#[derive(Clone)]
pub struct NodeRef {
    syntax: Arc<Syntax>,
    id: NodeId,
}

impl NodeRef {
    /// The text that this is a part of.
    pub fn source(&self) -> &Source {
        &self.syntax.source
    }

    /// The place of the whole value.
    pub fn span(&self) -> Span {
        self.source().span(self.node().range.clone())
    }

    /// A place to point at when the value as a whole is meant: its name, its opening bracket, or all of a leaf.
    pub fn head(&self) -> Span {
        let Node { range, kind } = self.node();
        match kind {
            Kind::Named(name, _) => self.source().span(name.range.clone()),
            Kind::Struct(_) | Kind::Tuple(_) | Kind::List(_) | Kind::Map(_) => {
                self.source().span(range.start..range.start + 1)
            }
            _ => self.span(),
        }
    }

    /// The value as it is written.
    pub fn text(&self) -> &str {
        &self.source().text()[self.node().range.clone()]
    }

    /// What the value looks like.
    pub fn shape(&self) -> Shape {
        match self.seen().node().kind {
            Kind::Named(..) => Shape::Named,
            Kind::Struct(_) => Shape::Struct,
            Kind::Tuple(_) => Shape::Tuple,
            Kind::List(_) => Shape::List,
            Kind::Map(_) => Shape::Map,
            Kind::String(_) => Shape::String,
            Kind::Number => Shape::Number,
            Kind::Bool => Shape::Bool,
            Kind::Char => Shape::Char,
            Kind::Unit => Shape::Unit,
        }
    }

    /// The name and the arguments of `Name(..)`; those of a bare `Name` are `()`.
    pub fn variant(&self) -> Option<(Spanned<String>, NodeRef)> {
        let seen = self.seen();
        match &seen.node().kind {
            Kind::Named(name, body) => {
                let span = self.source().span(name.range.clone());
                Some((Spanned { value: name.text.clone(), span }, seen.at(*body)))
            }
            _ => None,
        }
    }

    /// The values of a list or tuple, also of `Name(..)` with unnamed arguments.
    pub fn items(&self) -> Option<Vec<NodeRef>> {
        let body = self.body();
        match &body.node().kind {
            Kind::List(items) | Kind::Tuple(items) => Some(items.iter().map(|&id| body.at(id)).collect()),
            _ => None,
        }
    }

    /// The keys and values of a map, in the order written.
    pub fn map_entries(&self) -> Option<Vec<(NodeRef, NodeRef)>> {
        let seen = self.seen();
        match &seen.node().kind {
            Kind::Map(entries) => {
                Some(entries.iter().map(|&(key, value)| (seen.at(key), seen.at(value))).collect())
            }
            _ => None,
        }
    }

    /// The fields of a struct, also of `Name(..)` with named arguments, in the order written.
    /// A bare name and `()` have none; other shapes are no struct.
    pub fn fields(&self) -> Option<Vec<(Spanned<String>, NodeRef)>> {
        let body = self.body();
        match &body.node().kind {
            Kind::Struct(fields) => Some(
                fields
                    .iter()
                    .map(|(name, id)| {
                        let span = self.source().span(name.range.clone());
                        (Spanned { value: name.text.clone(), span }, body.at(*id))
                    })
                    .collect(),
            ),
            Kind::Unit => Some(Vec::new()),
            // Name((field: value)): a newtype written with its own brackets.
            Kind::Tuple(items) => match items[..] {
                [only] if body.at(only).shape() == Shape::Struct => body.at(only).fields(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value of a string.
    pub fn string(&self) -> Option<Spanned<String>> {
        match &self.seen().node().kind {
            Kind::String(value) => Some(Spanned { value: value.clone(), span: self.seen().span() }),
            _ => None,
        }
    }

    /// The place of bytes `range` of a string's value, for languages that live in strings: raw strings, plain
    /// ones, and those with escapes.
    pub fn span_within(&self, range: Range<usize>) -> Span {
        let seen = self.seen();
        let Kind::String(value) = &seen.node().kind else { return self.span() };
        let start = seen.node().range.start;
        let at = |offset: usize| start + written_offset(seen.text(), value, offset);
        self.source().span(at(range.start)..at(range.end))
    }

    /// Whether this is `None`.
    pub fn is_none(&self) -> bool {
        matches!(&self.node().kind, Kind::Named(name, _) if name.text == "None")
    }

    /// The value as any type that RON can hold. Options need no `Some(..)`, `1` is a float where one
    /// is expected, and any number may have underscores.
    ///
    /// # Errors
    ///
    /// The value is not of that type; the place is the innermost value that does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Diagnostics> {
        leaf::parse(self, None)
    }

    pub(crate) fn syntax(&self) -> &Arc<Syntax> {
        &self.syntax
    }

    pub(crate) fn node(&self) -> &Node {
        self.syntax.node(self.id)
    }

    pub(crate) fn at(&self, id: NodeId) -> NodeRef {
        NodeRef { syntax: self.syntax.clone(), id }
    }

    /// This value without `Some(..)` around it.
    pub(crate) fn seen(&self) -> NodeRef {
        let mut seen = self.clone();
        while let Kind::Named(name, body) = &seen.node().kind {
            match &self.syntax.node(*body).kind {
                Kind::Tuple(items) if name.text == "Some" && items.len() == 1 => seen = self.at(items[0]),
                _ => break,
            }
        }
        seen
    }

    /// This value without `Some(..)` and without a name.
    pub(crate) fn body(&self) -> NodeRef {
        let seen = self.seen();
        match seen.node().kind {
            Kind::Named(_, body) => seen.at(body),
            _ => seen,
        }
    }

    /// The innermost value around a byte of the text.
    pub(crate) fn innermost(&self, offset: usize) -> NodeRef {
        let children: Vec<NodeId> = match &self.node().kind {
            Kind::Named(name, body) if self.syntax.node(*body).range != name.range => vec![*body],
            Kind::Struct(fields) => fields.iter().map(|&(_, id)| id).collect(),
            Kind::Tuple(items) | Kind::List(items) => items.clone(),
            Kind::Map(entries) => entries.iter().flat_map(|&(key, value)| [key, value]).collect(),
            _ => Vec::new(),
        };
        match children.into_iter().find(|&id| self.syntax.node(id).range.contains(&offset)) {
            Some(id) => self.at(id).innermost(offset),
            None => self.clone(),
        }
    }

    /// What is found here, for a message.
    pub(crate) fn described(&self) -> String {
        match &self.seen().node().kind {
            Kind::Named(name, _) => format!("`{}`", name.text),
            Kind::Number | Kind::Bool => format!("`{}`", self.text()),
            _ => self.shape().to_string(),
        }
    }
}

/// Where byte `offset` of a string's value stands in its text, quotes and escapes included.
fn written_offset(text: &str, value: &str, offset: usize) -> usize {
    if let Some(raw) = text.strip_prefix('r') {
        return 1 + raw.find('"').map_or(0, |quote| quote + 1) + offset.min(value.len());
    }
    let mut at = 1;
    for (_, c) in value.char_indices().take_while(|&(start, _)| start < offset) {
        let rest = &text[at..];
        at += match rest.as_bytes() {
            // One escape per byte of the character.
            [b'\\', b'x', ..] => 4 * c.len_utf8(),
            [b'\\', b'u', ..] => rest.find('}').map_or(2, |brace| brace + 1),
            [b'\\', ..] => 2,
            _ => c.len_utf8(),
        };
    }
    at
}

impl fmt::Debug for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.shape(), self.span())
    }
}
