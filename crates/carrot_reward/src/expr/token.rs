//! The words of an expression, each with its place.

use std::fmt;
use std::ops::Range;

use winnow::LocatingSlice;
use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{alt, delimited, opt, preceded, repeat};
use winnow::prelude::*;
use winnow::stream::Location;
use winnow::token::{any, one_of, take_till, take_while};

use super::mistake::Mistake;

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    /// `0.5`.
    Number(f32),
    /// `[m/s]`.
    Unit(String),
    /// `"Linear"` or `'Linear'`.
    Text(String),
    /// A name or a keyword.
    Name(String),
    /// An operator or a bracket.
    Symbol(&'static str),
}

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) word: Word,
    pub(crate) range: Range<usize>,
}

/// Longer ones first.
const SYMBOLS: [&str; 26] = [
    "..", "<=", ">=", "==", "!=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "{", "}", ",",
    ";", "=", ".", "!", "]", ":", "%",
];

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "`{value}`"),
            Self::Unit(unit) => write!(f, "`[{unit}]`"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Symbol(symbol) => write!(f, "`{symbol}`"),
        }
    }
}

impl Location for Token {
    fn previous_token_end(&self) -> usize {
        self.range.end
    }

    fn current_token_start(&self) -> usize {
        self.range.start
    }
}

type Input<'t> = LocatingSlice<&'t str>;

/// Cuts a text into words; comments run from `//` to the end of the line.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Mistake> {
    let mut input = Input::new(text);
    let mut found = Vec::new();
    blank(&mut input)?;
    while !input.is_empty() {
        let (word, range) = word.with_span().parse_next(&mut input)?;
        found.push(Token { word, range });
        blank(&mut input)?;
    }
    Ok(found)
}

fn blank(input: &mut Input<'_>) -> Result<(), Mistake> {
    let comment = ("//", take_till(0.., '\n'), multispace0).void();
    preceded(multispace0, repeat(0.., comment)).parse_next(input)
}

fn word(input: &mut Input<'_>) -> Result<Word, Mistake> {
    // Not an alternative: a number that is out of range is no symbol either.
    if input.starts_with(|c: char| c.is_ascii_digit()) {
        return number(input);
    }
    alt((name, unit, quoted, symbol)).parse_next(input)
}

fn number(input: &mut Input<'_>) -> Result<Word, Mistake> {
    let fraction = opt(('.', digit1));
    let exponent = opt((one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1));
    let digits = take_while(1.., |c: char| c.is_ascii_digit() || c == '_');
    let (text, range) =
        (one_of('0'..='9'), opt(digits), fraction, exponent).take().with_span().parse_next(input)?;
    let value = text.replace('_', "").parse::<f32>().ok().filter(|value| value.is_finite());
    Ok(Word::Number(value.map_or_else(
        || Err(Mistake::new(&range, format!("`{text}` is no number in single precision"), "")),
        Ok,
    )?))
}

fn name(input: &mut Input<'_>) -> Result<Word, Mistake> {
    let belongs = |c: char| c == '_' || c.is_alphanumeric();
    let first = one_of(|c: char| c == '_' || c.is_alphabetic());
    (first, take_while(0.., belongs)).take().map(|name: &str| Word::Name(name.into())).parse_next(input)
}

fn unit(input: &mut Input<'_>) -> Result<Word, Mistake> {
    delimited('[', take_till(0.., [']', '\n']), ']')
        .map(|text: &str| Word::Unit(text.into()))
        .parse_next(input)
}

fn quoted(input: &mut Input<'_>) -> Result<Word, Mistake> {
    let within = |quote: char| delimited(quote, take_till(0.., [quote, '\n']), quote);
    alt((within('"'), within('\''))).map(|text: &str| Word::Text(text.into())).parse_next(input)
}

fn symbol(input: &mut Input<'_>) -> Result<Word, Mistake> {
    if let Some(mut symbol) = SYMBOLS.into_iter().find(|symbol| input.starts_with(symbol)) {
        symbol.parse_next(input)?;
        return Ok(Word::Symbol(symbol));
    }
    let (found, range) = any.with_span().parse_next(input)?;
    Err(match found {
        '"' | '\'' => {
            Mistake::new(&range, "the text is never closed", "close it with the quote it began with")
        }
        '[' => Mistake::new(&range, "the unit is never closed", "write `0.1 [m]`"),
        _ => Mistake::new(&range, format!("`{found}` has no meaning here"), ""),
    })
}
