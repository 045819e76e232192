//! Rust text taken apart: what is code, what is comment. Strings belong to neither.

/// Two texts of the same lines and columns as the source.
pub(super) struct Parts {
    /// The source with comments and the insides of literals blanked.
    pub(super) code: String,
    /// The comments alone.
    pub(super) comments: String,
}

/// Splits a source text. Works on characters, so that it needs no valid Rust.
pub(super) fn split(source: &str) -> Parts {
    let chars: Vec<char> = source.chars().collect();
    let mut parts = Parts { code: String::new(), comments: String::new() };
    let mut at = 0;
    while at < chars.len() {
        let before = at.checked_sub(1).map(|index| chars[index]);
        let (end, kind) = token(&chars, at, before);
        for &c in &chars[at..end] {
            parts.code.push(if kind == Kind::Code || c == '\n' { c } else { ' ' });
            parts.comments.push(if kind == Kind::Comment || c == '\n' { c } else { ' ' });
        }
        at = end;
    }
    parts
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The end of what begins at `at`: a whole comment, a whole literal, or one character of code.
fn token(chars: &[char], at: usize, before: Option<char>) -> (usize, Kind) {
    let next = |ahead: usize| chars.get(at + ahead).copied().unwrap_or('\0');
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (end, kind) = match (chars[at], next(1)) {
        ('/', '/') => (find(chars, at, |rest| rest[0] == '\n'), Kind::Comment),
        ('/', '*') => (block_comment(chars, at), Kind::Comment),
        ('"', _) => (string(chars, at), Kind::Literal),
        ('r', '"' | '#') if !in_word || matches!(before, Some('b' | 'c')) => match raw_string(chars, at) {
            Some(end) => (end, Kind::Literal),
            None => (at + 1, Kind::Code),
        },
        // A character literal, not a lifetime: '\..' or 'x'.
        ('\'', '\\') => (find(chars, at + 3, |rest| rest[0] == '\'') + 1, Kind::Literal),
        ('\'', _) if next(2) == '\'' => (at + 3, Kind::Literal),
        _ => (at + 1, Kind::Code),
    };
    (end.min(chars.len()), kind)
}

fn find(chars: &[char], from: usize, fits: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|&index| fits(&chars[index..])).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_string(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let open = from + 1 + hashes;
    let ends =
        |rest: &[char]| rest[0] == '"' && rest.iter().skip(1).take_while(|c| **c == '#').count() >= hashes;
    (chars.get(open) == Some(&'"')).then(|| find(chars, open + 1, ends) + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        split(source).code
    }

    #[test]
    fn comments_and_strings_are_blanked() {
        assert_eq!(code("a // b\nc"), "a     \nc");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(code(r#"f("x \" y", z)"#), "f(        , z)");
        assert_eq!(code("f(r#\"x \" y\"#, z)"), "f(          , z)");
        assert_eq!(code("f(br\"\\\", z)"), "f(b    , z)");
    }

    #[test]
    fn lifetimes_and_raw_names_stay_code() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("r#type"), "r#type");
        assert_eq!(code(r"['a', '\'', '\u{1F955}', '\\']"), "[   ,     ,            ,     ]");
    }

    #[test]
    fn comments_are_kept_apart_and_nothing_moves() {
        let source = "let s = \"// no\"; // yes\n/* and\nthis */ x";
        let parts = split(source);
        assert_eq!(parts.comments.trim_start(), "// yes\n/* and\nthis */  ");
        assert_eq!(parts.code.lines().count(), source.lines().count());
        assert_eq!(parts.code.chars().count(), source.chars().count());
    }

    #[test]
    fn text_that_ends_too_early_is_no_trouble() {
        for source in ["\"", "'\\", "/*", "r#\"", "\"\\", "b'"] {
            assert_eq!(split(source).code.chars().count(), source.chars().count(), "{source}");
        }
    }
}
