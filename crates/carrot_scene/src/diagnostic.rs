//! What is wrong with a scene: all of it at once, each with its place and the nearest valid name.

use std::{error::Error, fmt, ops::Range, sync::Arc};

use serde::{Serialize, Serializer};

use crate::{
    nearest,
    source::{Document, Location, Source, Span},
};

/// After this many mistakes of one kind in one place nobody reads on.
pub(crate) const ENOUGH: usize = 100;

/// At most this many valid names are listed in one message.
const LISTED_NAMES: usize = 24;

/// One mistake and its place. Displays as `file:line:column: message`.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnostic {
    /// A short fixed word for the kind of mistake, for programs.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What is said right at the marked text; may be empty.
    pub label: String,
    /// How to put it right.
    pub help: Option<String>,
    /// The valid name nearest to the one given.
    pub nearest: Option<String>,
    /// Where it is.
    #[serde(flatten)]
    pub location: Location,
    #[serde(skip)]
    pub(crate) document: Arc<Document>,
    #[serde(skip)]
    pub(crate) range: Range<usize>,
}

impl Diagnostic {
    /// A mistake at a place, without label and help.
    pub fn new(code: &'static str, span: &Span, message: impl Into<String>) -> Self {
        let (document, range) = span.written();
        Self {
            code,
            message: message.into(),
            label: String::new(),
            help: None,
            nearest: None,
            location: Location::of(&document, &range),
            document,
            range,
        }
    }

    /// Says something right at the marked text.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says how to put it right.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A name that is none of the valid ones.
    ///
    /// `what` says what the name should be the name of: `signal`, `field`.
    pub fn unknown_name<N: AsRef<str>>(span: &Span, what: &str, given: &str, valid: &[N]) -> Self {
        let near = nearest(given, valid);
        let mut help = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
        let mut names = valid.iter().map(AsRef::as_ref).collect::<Vec<_>>();
        let left_out = names.len().saturating_sub(LISTED_NAMES);
        names.truncate(LISTED_NAMES);
        match (names.is_empty(), left_out) {
            (true, _) => help.push_str("there is none to choose from"),
            (false, 0) => help.push_str(&format!("valid: {}", names.join(", "))),
            (false, _) => help.push_str(&format!("valid: {} and {left_out} more", names.join(", "))),
        }
        Self {
            nearest: near.map(str::to_owned),
            ..Self::new("unknown_name", span, format!("unknown {what} {given:?}"))
                .with_label(format!("no such {what}"))
                .with_help(help)
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)?;
        match (&self.nearest, &self.help) {
            (Some(near), _) => write!(f, " (did you mean {near:?}?)"),
            (None, Some(help)) => write!(f, " ({help})"),
            (None, None) => Ok(()),
        }
    }
}

/// All mistakes of a file or a command line. Serialises as a list, displays one per line.
///
/// Errors are collected here while reading goes on, and
/// [`into_result`](Diagnostics::into_result) closes the account.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No mistakes so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is no mistake.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of mistakes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The mistakes, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// Adds a mistake.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all mistakes of another account.
    pub fn extend(&mut self, others: Diagnostics) {
        self.0.extend(others.0);
    }

    /// Adds a mistake; an empty label or help is left out.
    pub fn error(
        &mut self,
        span: &Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = Some(help.into()).filter(|help| !help.is_empty());
        self.push(Diagnostic { help, ..Diagnostic::new("invalid", span, message).with_label(label) });
    }

    /// Adds a name that is none of the valid ones: see [`Diagnostic::unknown_name`].
    pub fn unknown_name<N: AsRef<str>>(&mut self, span: &Span, what: &str, given: &str, valid: &[N]) {
        self.push(Diagnostic::unknown_name(span, what, given, valid));
    }

    /// Takes the value out of a result, or its mistakes in.
    pub fn collect<T>(&mut self, result: Result<T, Diagnostics>) -> Option<T> {
        result.map_err(|diagnostics| self.extend(diagnostics)).ok()
    }

    /// The value, if nothing went wrong.
    ///
    /// # Errors
    ///
    /// The mistakes, file by file in the order first met, and by place within a file.
    pub fn into_result<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.is_empty() => return Ok(value),
            None if self.is_empty() => {
                // A reader gave up and did not say so: our mistake, but no reason to bring the program down.
                let nowhere = Source::new("scene", "").span(0..0);
                self.error(&nowhere, "a part of the scene cannot be read", "", "");
            }
            _ => self.sort(),
        }
        Err(self)
    }

    /// Takes back the mistakes at these indices.
    pub(crate) fn retract(&mut self, indices: &[usize]) {
        let mut index = 0..;
        self.0.retain(|_| index.next().is_none_or(|index| !indices.contains(&index)));
    }

    fn sort(&mut self) {
        let mut met: Vec<*const Document> = Vec::new();
        let mut keyed = std::mem::take(&mut self.0)
            .into_iter()
            .map(|diagnostic| {
                let document = Arc::as_ptr(&diagnostic.document);
                let rank = met.iter().position(|&other| other == document).unwrap_or_else(|| {
                    met.push(document);
                    met.len() - 1
                });
                (rank, diagnostic)
            })
            .collect::<Vec<_>>();
        keyed.sort_by_key(|(rank, diagnostic)| (*rank, diagnostic.range.start));
        self.0 = keyed.into_iter().map(|(_, diagnostic)| diagnostic).collect();
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{diagnostic}")?;
        }
        Ok(())
    }
}

impl Error for Diagnostics {}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
