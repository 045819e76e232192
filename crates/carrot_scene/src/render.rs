//! Error pages for people: the marked source text with what is wrong and how to put it right.

use std::{fmt, ops::Range};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::{
    Diagnostic, Diagnostics,
    source::{Document, line_and_column},
};

impl Diagnostics {
    /// All mistakes as pages of at most `width` columns, with terminal colours if `color`.
    pub fn render(&self, width: usize, color: bool) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_context_lines(1);
        let mut pages = String::new();
        for (index, diagnostic) in self.iter().enumerate() {
            pages.push_str(if index == 0 { "" } else { "\n" });
            if !is_drawable(&diagnostic.document.text, &diagnostic.range) {
                pages.push_str(&format!("{diagnostic}\n"));
                continue;
            }
            let page = Page { diagnostic, excerpt: Excerpt(&diagnostic.document) };
            if handler.render_report(&mut pages, &page).is_err() {
                // The plain line says the same; a page that cannot be drawn must not hide a mistake.
                pages.push_str(&format!("{diagnostic}\n"));
            }
        }
        pages
    }
}

/// The longest line that is drawn, in bytes; miette cannot draw past column 65,535.
const MAX_LINE: usize = 4_000;

/// Whether the lines of a place, and one before and after, are short enough to be drawn.
fn is_drawable(text: &str, range: &Range<usize>) -> bool {
    let before = text.as_bytes()[..range.start].rsplit(|&byte| byte == b'\n').take(2);
    let after = text.as_bytes()[range.end..].split(|&byte| byte == b'\n').take(2);
    let within = text.as_bytes()[range.clone()].split(|&byte| byte == b'\n');
    before.chain(within).chain(after).all(|line| line.len() <= MAX_LINE)
}

/// A diagnostic as miette wants to see it.
struct Page<'d> {
    diagnostic: &'d Diagnostic,
    excerpt: Excerpt<'d>,
}

impl fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.diagnostic, f)
    }
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Page<'_> {}

impl miette::Diagnostic for Page<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Diagnostic { label, range, .. } = self.diagnostic;
        let label = Some(label.clone()).filter(|label| !label.is_empty());
        Some(Box::new(std::iter::once(LabeledSpan::new(label, range.start, range.len()))))
    }
}

/// A document whose columns count characters, as everywhere else; miette's own count bytes.
struct Excerpt<'d>(&'d Document);

impl SourceCode for Excerpt<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.0.text.read_span(span, lines_before, lines_after)?;
        let column = match lines_before {
            0 => line_and_column(&self.0.text, span.offset()).1 - 1,
            _ => contents.column(),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            column,
            contents.line_count(),
        )))
    }
}
