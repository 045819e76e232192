//! The text of a scene and, for every byte of it, the place where a person wrote that byte.
//!
//! An override edits the text, but a complaint about it has to show what the user typed, not a file
//! that nobody has seen. So a [`Source`] is a row of pieces, each of which knows its origin.

use std::{fmt, io::Read, ops::Range, path::Path, sync::Arc};

use serde::Serialize;

use crate::{Diagnostic, Diagnostics};

/// The longest scene file that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// Text as a person wrote it: a scene file, or one override.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Bytes of a source that share one origin.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    len: usize,
    document: Arc<Document>,
    /// As long as the piece when it was copied from there, otherwise what caused the piece.
    range: Range<usize>,
}

impl Piece {
    fn copied(document: &Arc<Document>, range: Range<usize>) -> Self {
        Self { len: range.len(), document: document.clone(), range }
    }

    /// The origin of bytes `from..to` of this piece.
    fn origin(&self, from: usize, to: usize) -> Range<usize> {
        if self.range.len() == self.len {
            self.range.start + from..self.range.start + to
        } else {
            self.range.clone()
        }
    }

    fn cut(&self, from: usize, to: usize) -> Self {
        Self { len: to - from, document: self.document.clone(), range: self.origin(from, to) }
    }
}

/// New text under construction, piece by piece.
#[derive(Debug)]
pub(crate) struct Patch {
    document: Arc<Document>,
    text: String,
    pieces: Vec<Piece>,
}

impl Patch {
    pub(crate) fn new(document: &Arc<Document>) -> Self {
        Self { document: document.clone(), text: String::new(), pieces: Vec::new() }
    }

    /// Appends bytes `range` of the document.
    pub(crate) fn copy(&mut self, range: Range<usize>) -> &mut Self {
        self.text.push_str(&self.document.text[range.clone()]);
        self.pieces.push(Piece::copied(&self.document, range));
        self
    }

    /// Appends another patch of the same document.
    pub(crate) fn append(&mut self, patch: Patch) -> &mut Self {
        self.text.push_str(&patch.text);
        self.pieces.extend(patch.pieces);
        self
    }

    /// Appends text that nobody typed, such as a comma, on account of `cause`.
    pub(crate) fn glue(&mut self, text: &str, cause: Range<usize>) -> &mut Self {
        self.text.push_str(text);
        self.pieces.push(Piece { len: text.len(), document: self.document.clone(), range: cause });
        self
    }
}

#[derive(Debug)]
struct Inner {
    text: String,
    written: Arc<Document>,
    pieces: Vec<Piece>,
}

/// A named text, cheap to clone.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

impl Source {
    /// A text with the name under which errors will speak of it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(&Arc::new(Document { name: name.into(), text: text.into() }))
    }

    pub(crate) fn of(document: &Arc<Document>) -> Self {
        let pieces = vec![Piece::copied(document, 0..document.text.len())];
        Self(Arc::new(Inner { text: document.text.clone(), written: document.clone(), pieces }))
    }

    /// Reads a file; its name is the path as given.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is longer than 4 MiB, or is not UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            let nowhere = Self::new(&name, "").span(0..0);
            return Err(Diagnostic::new("read", &nowhere, format!("cannot read {name}: {error}")).into());
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
                let end = Self::new(&name, text).span(valid..valid);
                Err(Diagnostic::new("read", &end, "the file is not UTF-8 text")
                    .with_label("the first byte that is not text")
                    .into())
            }
        }
    }

    /// The name of the file or text, as the user gave it.
    pub fn name(&self) -> &str {
        &self.0.written.name
    }

    /// The text, with all edits made.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The bytes `range` of the text as a place to point at. A range outside of the text is cut.
    pub fn span(&self, range: Range<usize>) -> Span {
        let end = range.end.min(self.text().len());
        Span { source: self.clone(), range: range.start.min(end)..end }
    }

    /// The character at a line and column, both from 1, as a place to point at; past the end it is the end.
    pub fn span_at(&self, line: usize, column: usize) -> Span {
        let start = offset_of(self.text(), line, column);
        let width = self.text()[start..].chars().next().map_or(0, char::len_utf8);
        self.span(start..start + width)
    }

    /// This text with `range` replaced.
    pub(crate) fn patched(&self, range: Range<usize>, patch: Patch) -> Self {
        let mut text = self.text().to_owned();
        text.replace_range(range.clone(), &patch.text);
        let mut pieces = self.pieces_within(0..range.start);
        pieces.extend(patch.pieces);
        pieces.extend(self.pieces_within(range.end..self.text().len()));
        Self(Arc::new(Inner { text, written: self.0.written.clone(), pieces }))
    }

    /// A part of this text on its own, which still knows its place.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let pieces = self.pieces_within(range.clone());
        Self(Arc::new(Inner { text: self.text()[range].to_owned(), written: self.0.written.clone(), pieces }))
    }

    fn pieces_within(&self, range: Range<usize>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut start = 0;
        for piece in &self.0.pieces {
            let (from, to) = (range.start.max(start), range.end.min(start + piece.len));
            if from < to {
                pieces.push(piece.cut(from - start, to - start));
            }
            start += piece.len;
        }
        pieces
    }

    /// Where a person wrote `range`: from its first byte to the last byte in the same document.
    fn written(&self, range: &Range<usize>) -> (Arc<Document>, Range<usize>) {
        let mut found: Option<(Arc<Document>, Range<usize>)> = None;
        let mut start = 0;
        for piece in self.0.pieces.iter().filter(|piece| piece.len > 0) {
            let end = start + piece.len;
            match &mut found {
                None if range.start < end => {
                    let origin = piece.origin(range.start - start, range.end.min(end) - start);
                    found = Some((piece.document.clone(), origin));
                }
                Some((document, origin)) if start < range.end && Arc::ptr_eq(document, &piece.document) => {
                    origin.end = origin.end.max(piece.origin(0, range.end.min(end) - start).end);
                }
                _ => {}
            }
            start = end;
        }
        found.unwrap_or_else(|| match self.0.pieces.iter().rfind(|piece| piece.len > 0) {
            Some(last) => (last.document.clone(), last.range.end..last.range.end),
            None => (self.0.written.clone(), 0..0),
        })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.name())
    }
}

/// A range of bytes of one source.
#[derive(Clone)]
pub struct Span {
    source: Source,
    range: Range<usize>,
}

impl Span {
    /// The source that this is a part of.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The bytes of the source's text.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.source.text()[self.range.clone()]
    }

    /// File, line and column as the user knows them.
    pub fn location(&self) -> Location {
        let (document, range) = self.written();
        Location::of(&document, &range)
    }

    pub(crate) fn written(&self) -> (Arc<Document>, Range<usize>) {
        self.source.written(&self.range)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location())
    }
}

/// A value and where it was said.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was said.
    pub span: Span,
}

/// A place in a file or in a command-line argument; lines and columns count from 1, columns in
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file as the user named it, or the override as the user typed it.
    pub file: String,
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the character after the last one.
    pub end_line: usize,
    /// Column of the character after the last one.
    pub end_column: usize,
}

impl Location {
    pub(crate) fn of(document: &Document, range: &Range<usize>) -> Self {
        let (line, column) = line_and_column(&document.text, range.start);
        let (end_line, end_column) = line_and_column(&document.text, range.end);
        Self { file: document.name.clone(), line, column, end_line, end_column }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Line and column, both from 1, of a byte offset; an offset inside a character counts as that one.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let is_character_start = |byte: &&u8| !matches!(byte, 0x80..=0xBF);
    (line, 1 + before[line_start..].iter().filter(is_character_start).count())
}

/// The byte offset of a line and column, both from 1; a place past the end is the end.
pub(crate) fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let rest = &text[start..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}
