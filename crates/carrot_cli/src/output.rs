//! What people and programs read: answers on stdout, everything else on stderr, no harm if nobody listens.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// Columns of error pages and of wrapped text.
pub(crate) const WIDTH: usize = 100;

/// Where answers go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Text for people, or JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints the answer of a verb: text for people, or one JSON document.
    pub(crate) fn answer(
        &self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = if self.json { pretty(document) } else { text() };
        tolerate_closed(write_line(&mut io::stdout().lock(), &text)).map_err(Failure::Output)
    }

    /// Says something that is no part of the answer.
    pub(crate) fn note(&self, line: &str) {
        // If even stderr is gone there is nobody left to tell.
        let _ = write_line(&mut io::stderr().lock(), line);
    }

    /// Tells about an error: text on stderr, or a JSON document in place of the answer.
    pub(crate) fn error(&self, text: &str, document: &impl Serialize) {
        if self.json {
            let _ = write_line(&mut io::stdout().lock(), &pretty(&json!({"error": document})));
        } else {
            self.note(text);
        }
    }
}

/// Whether error pages may have colours.
pub(crate) fn wants_color() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !refused
}

/// Columns under their headings; the last column is not padded.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings = headings.iter().map(|h| h.to_string()).collect::<Vec<_>>();
    let width = |column: usize| {
        let cells = rows.iter().chain([&headings]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    [&headings].into_iter().chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

/// Text broken between words, every line behind `indent` blanks.
pub(crate) fn wrap(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && indent + line + 1 + word.chars().count() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{:indent$}{line}", "")).collect::<Vec<_>>().join("\n")
}

fn pretty(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document)
        .unwrap_or_else(|error| json!({"error": error.to_string()}).to_string())
}

fn write_line(to: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(to, "{}", text.trim_end()).and_then(|()| to.flush())
}

/// A reader that has seen enough, such as `head`, is no error.
fn tolerate_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_have_no_blanks_at_the_end() {
        let rows = [vec!["a".to_string(), "1".to_string()], vec!["long".to_string(), String::new()]];
        assert_eq!(table(&["name", "n"], &rows), "name  n\na     1\nlong");
    }

    #[test]
    fn text_is_broken_between_words_only() {
        let text = wrap(&"word ".repeat(50), 4);
        assert!(text.lines().all(|line| line.starts_with("    word") && line.len() <= WIDTH));
        assert_eq!(text.split_whitespace().count(), 50);
        let long = "x".repeat(2 * WIDTH);
        assert_eq!(wrap(&long, 0), long);
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        assert!(tolerate_closed(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(tolerate_closed(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
