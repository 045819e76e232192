//! From text to tree: one pass, no backtracking, a place for everything.

use std::{collections::BTreeMap, ops::Range};

use ron::{Value, error::SpannedError, extensions::Extensions};
use serde::de::DeserializeOwned;

use crate::{
    Diagnostic, Diagnostics, Source,
    diagnostic::ENOUGH,
    leaf::{EXTENSIONS, decode},
    scan::{quoted_len, skip_space},
    source::{MAX_BYTES, line_and_column, offset_of},
    syntax::{Kind, Name, Node, NodeId},
};

/// Deeper nesting is a mistake, or an attack on the stack.
const MAX_DEPTH: usize = 64;

pub(crate) struct Parsed {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeId,
    pub(crate) extensions: Extensions,
}

pub(crate) fn parse(source: &Source) -> Result<Parsed, Diagnostics> {
    let mut parser = Parser {
        source,
        text: source.text(),
        at: 0,
        depth: 0,
        nodes: Vec::new(),
        extensions: EXTENSIONS,
        errors: Diagnostics::new(),
    };
    let root = parser.document().ok();
    let Parser { nodes, extensions, errors, .. } = parser;
    errors.into_result(root.map(|root| Parsed { nodes, root, extensions }))
}

/// The mistake has been reported and reading cannot go on.
struct Stop;

struct Parser<'s> {
    source: &'s Source,
    text: &'s str,
    at: usize,
    depth: usize,
    nodes: Vec<Node>,
    extensions: Extensions,
    errors: Diagnostics,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<NodeId, Stop> {
        if self.text.len() > MAX_BYTES {
            return self.fail(0..0, "the text is longer than 4 MiB", "");
        }
        self.eat('\u{feff}');
        self.space()?;
        while self.rest().starts_with("#!") {
            self.attribute()?;
            self.space()?;
        }
        let root = self.value()?;
        self.space()?;
        match self.peek() {
            None => Ok(root),
            Some(_) => {
                self.fail(self.here(), "the scene goes on after its end", "expected the end of the file")
            }
        }
    }

    /// `#![enable(name, ..)]`
    fn attribute(&mut self) -> Result<(), Stop> {
        for part in ["#!", "[", "enable", "("] {
            self.space()?;
            if !self.rest().starts_with(part) {
                return self.fail(self.here(), "expected `#![enable(..)]`", format!("expected `{part}`"));
            }
            self.at += part.len();
        }
        loop {
            self.space()?;
            if self.eat(')') {
                break;
            }
            let Some(name) = self.name() else {
                return self.fail(self.here(), "expected the name of a RON extension", "");
            };
            match Extensions::from_ident(&name.text) {
                Some(extension) => self.extensions |= extension,
                None => {
                    let valid = Extensions::all().iter_names().map(|(name, _)| name.to_lowercase());
                    let span = self.source.span(name.range);
                    self.errors.unknown_name(&span, "RON extension", &name.text, &valid.collect::<Vec<_>>());
                }
            }
            self.space()?;
            if !self.eat(',') && self.peek() != Some(')') {
                return self.fail(self.here(), "expected `,` or `)`", "");
            }
        }
        self.space()?;
        if self.eat(']') { Ok(()) } else { self.fail(self.here(), "expected `]`", "") }
    }

    fn value(&mut self) -> Result<NodeId, Stop> {
        let start = self.at;
        let Some(first) = self.peek() else {
            return self.fail(self.here(), "expected a value, found the end of the file", "");
        };
        let rest = self.rest();
        let kind = match first {
            '(' => return self.parenthesised(),
            '[' => self.bracketed(']', Self::value).map(Kind::List)?,
            '{' => self.map()?,
            '"' => self.string()?,
            '\'' => self.character()?,
            '+' | '-' | '.' | '0'..='9' => self.number()?,
            'r' if rest[1..].trim_start_matches('#').starts_with('"') => self.string()?,
            _ => match self.name() {
                Some(name) => match name.text.as_str() {
                    "true" | "false" => Kind::Bool,
                    "inf" | "NaN" | "inff32" | "NaNf32" | "inff64" | "NaNf64" => {
                        return self.fail(name.range, "numbers in a scene are finite", "not a finite number");
                    }
                    _ => {
                        let end = self.at;
                        self.space()?;
                        let body = if self.peek() == Some('(') {
                            self.parenthesised()?
                        } else {
                            self.at = end;
                            self.add(start, Kind::Unit)
                        };
                        Kind::Named(name, body)
                    }
                },
                None => {
                    return self.fail(
                        self.here(),
                        format!("expected a value, found `{first}`"),
                        "not the start of a value",
                    );
                }
            },
        };
        Ok(self.add(start, kind))
    }

    /// `()`, `(value, ..)` or `(field: value, ..)`
    fn parenthesised(&mut self) -> Result<NodeId, Stop> {
        let start = self.at;
        self.at += 1;
        self.space()?;
        let inside = self.at;
        // Also `name = value` and `"name": value`, so that the mistake is called by its name.
        let quoted = quoted_len(self.rest()).filter(|_| self.peek() == Some('"'));
        self.at += quoted.unwrap_or(0);
        let is_struct = (quoted.is_some() || self.name().is_some()) && {
            self.space()?;
            matches!(self.peek(), Some(':' | '='))
        };
        self.at = start;
        let kind = if is_struct {
            let fields = self.bracketed(')', Self::field)?;
            self.refuse_twice(fields.iter().map(|(name, _)| name.range.clone()).collect());
            Kind::Struct(fields)
        } else if self.text[inside..].starts_with(')') {
            self.at = inside + 1;
            Kind::Unit
        } else {
            Kind::Tuple(self.bracketed(')', Self::value)?)
        };
        Ok(self.add(start, kind))
    }

    fn field(&mut self) -> Result<(Name, NodeId), Stop> {
        let Some(name) = self.name() else {
            let label = if self.peek() == Some('"') { "field names stand without quotes" } else { "" };
            return self.fail(self.here(), "expected the name of a field", label);
        };
        self.colon()?;
        Ok((name, self.value()?))
    }

    fn map(&mut self) -> Result<Kind, Stop> {
        let entries = self.bracketed('}', |parser| {
            let key = parser.value()?;
            parser.colon()?;
            Ok((key, parser.value()?))
        })?;
        self.refuse_twice(entries.iter().map(|&(key, _)| self.nodes[key as usize].range.clone()).collect());
        Ok(Kind::Map(entries))
    }

    fn colon(&mut self) -> Result<(), Stop> {
        self.space()?;
        if !self.eat(':') {
            return self.fail(self.here(), "expected `:` and a value", "expected `:`");
        }
        self.space()
    }

    /// Items between the bracket that stands here and `close`, with commas between.
    fn bracketed<T>(
        &mut self,
        close: char,
        item: impl Fn(&mut Self) -> Result<T, Stop>,
    ) -> Result<Vec<T>, Stop> {
        let open = self.at..self.at + 1;
        if self.depth == MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep");
            return self.fail(open, message, "one bracket too many");
        }
        self.depth += 1;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.space()?;
            if self.eat(close) {
                break;
            }
            if self.peek().is_none() {
                return self.unclosed(open);
            }
            items.push(item(self)?);
            self.space()?;
            if !self.eat(',') && self.peek() != Some(close) {
                let Some(found) = self.peek() else { return self.unclosed(open) };
                let label = if matches!(found, ')' | ']' | '}') {
                    let (line, _) = line_and_column(self.text, open.start);
                    format!("`{}` was opened on line {line}", &self.text[open])
                } else {
                    "is a comma missing before this?".to_owned()
                };
                return self.fail(self.here(), format!("expected `,` or `{close}`, found `{found}`"), label);
            }
        }
        self.depth -= 1;
        Ok(items)
    }

    fn unclosed<T>(&mut self, open: Range<usize>) -> Result<T, Stop> {
        let message = format!("`{}` is never closed", &self.text[open.clone()]);
        self.fail(open, message, "opened here")
    }

    /// Reports names and keys that are written the same.
    fn refuse_twice(&mut self, ranges: Vec<Range<usize>>) {
        let mut first = BTreeMap::new();
        for range in ranges {
            let name = &self.text[range.clone()];
            if let Some(earlier) = first.insert(name, range.start)
                && self.errors.len() < ENOUGH
            {
                let (line, _) = line_and_column(self.text, earlier);
                let span = self.source.span(range);
                self.errors.push(
                    Diagnostic::new("twice", &span, format!("`{}` is given twice", name.trim_matches('"')))
                        .with_label(format!("first given on line {line}")),
                );
            }
        }
    }

    fn number(&mut self) -> Result<Kind, Stop> {
        let start = self.at;
        self.skip_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-'));
        let range = start..self.at;
        let token = &self.text[range.clone()];
        if token[1..].starts_with(['i', 'N']) {
            return self.fail(range, "numbers in a scene are finite", "not a finite number");
        }
        match decode::<Value>(token, EXTENSIONS) {
            Ok(Value::Number(number)) if number.into_f64().abs() <= f64::from(f32::MAX) => Ok(Kind::Number),
            Ok(Value::Number(_)) => {
                self.fail(range, format!("`{token}` is too large"), "not a finite number in single precision")
            }
            _ => self.fail(range, format!("`{token}` is not a number"), "expected a number"),
        }
    }

    fn string(&mut self) -> Result<Kind, Stop> {
        let start = self.at;
        let rest = self.rest();
        let length = if let Some(rest) = rest.strip_prefix('r') {
            let hashes = rest.bytes().take_while(|&byte| byte == b'#').count();
            let close = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 1;
            rest[open..].find(&close).map(|end| 1 + open + end + close.len())
        } else {
            quoted_len(rest)
        };
        match length {
            Some(length) => self.at += length,
            None => return self.fail(start..start + 1, "the string is never closed", "opened here"),
        }
        self.literal(start).map(Kind::String)
    }

    fn character(&mut self) -> Result<Kind, Stop> {
        let start = self.at;
        match quoted_len(self.rest()) {
            Some(length) => self.at += length,
            None => return self.fail(start..start + 1, "the character is never closed", "opened here"),
        }
        self.literal::<char>(start).map(|_| Kind::Char)
    }

    /// Decodes the quoted text from `start` to here.
    fn literal<T: DeserializeOwned>(&mut self, start: usize) -> Result<T, Stop> {
        let token = &self.text[start..self.at];
        decode(token, EXTENSIONS).or_else(|SpannedError { code, span }| {
            let from = start + offset_of(token, span.start.line, span.start.col);
            let to = start + offset_of(token, span.end.line, span.end.col);
            self.fail(from..to.max(from), format!("bad text: {code}"), "")
        })
    }

    /// An identifier, also `r#type`.
    fn name(&mut self) -> Option<Name> {
        let start = self.at;
        let raw = self.rest().starts_with("r#");
        let begin = if raw { start + 2 } else { start };
        let is_first = |c: char| c == '_' || c.is_alphabetic();
        if !self.text[begin..].starts_with(is_first) {
            return None;
        }
        self.at = begin;
        self.skip_while(|c| c == '_' || c.is_alphanumeric());
        Some(Name { text: self.text[begin..self.at].to_owned(), range: start..self.at })
    }

    /// Skips blanks and comments.
    fn space(&mut self) -> Result<(), Stop> {
        match skip_space(self.text, self.at) {
            Ok(at) => {
                self.at = at;
                Ok(())
            }
            Err(start) => self.fail(start..start + 2, "the comment is never closed", "opened here"),
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn here(&self) -> Range<usize> {
        self.at..self.at + self.peek().map_or(0, char::len_utf8)
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.at += if found { expected.len_utf8() } else { 0 };
        found
    }

    fn skip_while(&mut self, belongs: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    }

    fn add(&mut self, start: usize, kind: Kind) -> NodeId {
        self.nodes.push(Node { range: start..self.at, kind });
        (self.nodes.len() - 1) as NodeId
    }

    fn fail<T>(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Result<T, Stop> {
        let span = self.source.span(range);
        self.errors.push(Diagnostic::new("syntax", &span, message).with_label(label));
        Err(Stop)
    }
}
