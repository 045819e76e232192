//! What every Rust file keeps to: a head, a length, names that say something, nothing left half-made.

use std::path::{Component, Path};

use super::Violation;
use super::text::{Parts, split};

/// A file longer than this says why near its top.
const LONG: usize = 500;
/// No file is longer than this.
const TOO_LONG: usize = 800;
const EXCUSE: &str = "// tidy: long file because ";

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: [&str; 6] = ["util", "utils", "helper", "helpers", "manager", "managers"];
const NAMING: [&str; 5] = ["mod", "struct", "enum", "trait", "type"];
const HALF_MADE_MACROS: [&str; 3] = ["dbg", "todo", "unimplemented"];
const HALF_MADE_NOTES: [&str; 2] = ["TODO", "FIXME"];

/// Checks one file; `file` is its path in the repository.
pub(super) fn check(file: &Path, source: &str) -> Vec<Violation> {
    let parts = split(source);
    let mut found = Vec::new();
    found.extend(length(source));
    found.extend(head(file, source));
    found.extend(path_names(file));
    found.extend(names(&parts.code));
    found.extend(half_made(&parts));
    found.extend(reasons(&parts.code));
    found.into_iter().map(|(line, message)| Violation::new(file, line, message)).collect()
}

type Found = (usize, String);

fn length(source: &str) -> Option<Found> {
    let lines = source.lines().count();
    let excused = source.lines().take(20).any(|line| line.len() > EXCUSE.len() && line.starts_with(EXCUSE));
    if lines > TOO_LONG {
        Some((TOO_LONG + 1, format!("{lines} lines: split it, {TOO_LONG} is the end")))
    } else if lines > LONG && !excused {
        Some((LONG + 1, format!("{lines} lines: split it, or say `{EXCUSE}...` near the top")))
    } else {
        None
    }
}

fn head(file: &Path, source: &str) -> Option<Found> {
    let folders: Vec<_> = file.iter().collect();
    let in_crate = folders.first().is_some_and(|first| *first == "crates");
    let is_source = in_crate && folders.get(2).is_some_and(|folder| *folder == "src");
    let missing = is_source && !source.starts_with("//!");
    missing.then(|| (1, "the file does not begin with a `//!` sentence".into()))
}

fn path_names(file: &Path) -> Option<Found> {
    let words = file.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().trim_end_matches(".rs").to_owned()),
        _ => None,
    });
    let empty = words.into_iter().find_map(|name| empty_word(&name))?;
    Some((1, format!("`{empty}` in a path says nothing: name what is in it")))
}

fn names(code: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut words =
            line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let named = if NAMING.contains(&word) { words.next() } else { None };
            if let Some(empty) = named.and_then(empty_word) {
                found.push((index + 1, format!("`{empty}` in a name says nothing: name what it does")));
            }
        }
    }
    found
}

/// The first empty word in a `snake_case` or `CamelCase` name.
fn empty_word(name: &str) -> Option<&'static str> {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    EMPTY_WORDS.into_iter().find(|empty| snake.split(['_', '-']).any(|word| word == *empty))
}

fn half_made(parts: &Parts) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, line) in parts.code.lines().enumerate() {
        for name in HALF_MADE_MACROS.into_iter().filter(|name| has_word(line, &format!("{name}!"))) {
            found.push((index + 1, format!("`{name}!` is left over")));
        }
    }
    for (index, line) in parts.comments.lines().enumerate() {
        for note in HALF_MADE_NOTES.into_iter().filter(|note| has_word(line, note)) {
            found.push((index + 1, format!("a `{note}` note: do it or drop it")));
        }
    }
    found
}

/// Whether `line` has `word` that does not merely end a longer name.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// `#[allow(..)]` and `#[expect(..)]`, over several lines too, without a reason.
fn reasons(code: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices('#') {
        let rest = code[at + 1..].strip_prefix('!').unwrap_or(&code[at + 1..]);
        let Some(attribute) = rest.starts_with('[').then(|| bracketed(rest)) else { continue };
        let opts_out = has_word(attribute, "allow(") || has_word(attribute, "expect(");
        if opts_out && !has_word(attribute, "reason") {
            let line = code[..at].matches('\n').count() + 1;
            found.push((line, "a lint is switched off without a `reason = \"...\"`".into()));
        }
    }
    found
}

/// From an opening bracket to the one that closes it.
fn bracketed(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..=at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(file: &str, source: &str) -> Vec<String> {
        check(Path::new(file), source).iter().map(Violation::to_string).collect()
    }

    /// The lines with a violation in a file that is otherwise in order.
    fn lines(body: &str) -> Vec<usize> {
        let source = format!("//! Head.\n{body}");
        check(Path::new("crates/a/src/lib.rs"), &source).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_file_in_order_passes() {
        assert_eq!(messages("crates/a/src/lib.rs", "//! Head.\n\npub struct Row;\n"), [""; 0]);
    }

    #[test]
    fn length_wants_a_reason_and_then_ends() {
        let file =
            |lines: usize, head: &str| messages("tests/a.rs", &format!("{head}{}", "\n".repeat(lines - 1)));
        let excuse = format!("{EXCUSE}one table\n");
        assert_eq!(file(500, "\n"), [""; 0]);
        assert!(file(501, "\n")[0].starts_with("tests/a.rs:501: 501 lines"));
        assert_eq!(file(501, &excuse), [""; 0]);
        assert_eq!(file(501, &format!("{}\n", EXCUSE.trim_end())).len(), 1);
        assert_eq!(file(801, &excuse).len(), 1);
    }

    #[test]
    fn the_head_is_wanted_in_crates_sources_only() {
        assert_eq!(
            messages("crates/a/src/b.rs", "use c;\n"),
            ["crates/a/src/b.rs:1: the file does not begin with a `//!` sentence"]
        );
        assert_eq!(messages("crates/a/build.rs", "fn main() {}\n"), [""; 0]);
    }

    #[test]
    fn empty_words_are_refused_in_names_and_paths() {
        assert_eq!(messages("crates/a/src/math_utils.rs", "//! Head.\n").len(), 1);
        assert_eq!(messages("crates/a/src/helper/mod.rs", "//! Head.\n").len(), 1);
        assert_eq!(lines("pub(crate) mod utils;\nstruct RunManager;\nstruct Managed;\n"), [2, 3]);
        assert_eq!(lines("let utils = 1; // mod utils\n"), [0; 0]);
    }

    #[test]
    fn half_made_code_is_refused_but_may_be_spoken_of() {
        assert_eq!(lines("fn a() { todo!() }\nfn b() { dbg!(1); }\n// TODO: c\n"), [2, 3, 4]);
        assert_eq!(lines("let s = \"todo!() TODO\"; // says todo!\n"), [0; 0]);
        assert_eq!(lines("my_todo!();\n"), [0; 0]);
    }

    #[test]
    fn a_lint_is_switched_off_with_a_reason() {
        assert_eq!(lines("#[allow(dead_code)]\nfn a() {}\n#![expect(unused)]\n"), [2, 4]);
        assert_eq!(lines("#[allow(dead_code, reason = \"x\")]\nfn a() {}\n"), [0; 0]);
        assert_eq!(lines("#[cfg_attr(\n    test,\n    allow(dead_code)\n)]\nfn a() {}\n"), [2]);
        assert_eq!(lines("#[cfg_attr(\n    test,\n    allow(\n  dead_code,\n reason = \"y\")\n)]\n"), [0; 0]);
        assert_eq!(lines("// #[allow(dead_code)]\n#[should_panic(expected = \"z\")]\n"), [0; 0]);
    }
}
