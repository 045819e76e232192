//! What lies between and inside of values: blanks, comments, quotes.

/// The offset of the first byte from `at` on that is neither blank nor in a comment; block comments nest.
///
/// # Errors
///
/// The offset of a comment that is never closed.
pub(crate) fn skip_space(text: &str, mut at: usize) -> Result<usize, usize> {
    loop {
        let rest = &text[at..];
        let blank = |c: char| c.is_whitespace() || matches!(c, '\u{200E}' | '\u{200F}');
        at += rest.find(|c| !blank(c)).unwrap_or(rest.len());
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += block_comment_len(rest).ok_or(at)?;
        } else {
            return Ok(at);
        }
    }
}

fn block_comment_len(text: &str) -> Option<usize> {
    let (mut open, mut at) = (0_usize, 0);
    loop {
        match text.as_bytes().get(at..at + 2)? {
            b"/*" => (open, at) = (open + 1, at + 2),
            b"*/" => (open, at) = (open - 1, at + 2),
            _ => at += 1,
        }
        if open == 0 {
            return Some(at);
        }
    }
}

/// The length of a quoted text at the start of `text`, quotes included.
pub(crate) fn quoted_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while bytes.get(at)? != bytes.first()? {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::{quoted_len, skip_space};

    #[test]
    fn comments_nest_and_end() {
        assert_eq!(skip_space(" // a\n /* b /* c */ */ x", 0), Ok(23));
        assert_eq!(skip_space("// to the end", 0), Ok(13));
        assert_eq!(skip_space("  /* /* */", 0), Err(2));
        assert_eq!(skip_space("/*/", 0), Err(0));
    }

    #[test]
    fn quotes_may_be_escaped() {
        assert_eq!(quoted_len(r#""a\"b" c"#), Some(6));
        assert_eq!(quoted_len(r#""a\\" c"#), Some(5));
        assert_eq!(quoted_len(r#""a\""#), None);
        assert_eq!(quoted_len("\"a\\"), None);
        assert_eq!(quoted_len(r"'\''"), Some(4));
    }
}
