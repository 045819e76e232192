//! From words to a tree: precedence climbing with a budget, so that every text is read in bounded time and depth.

use std::ops::Range;

use winnow::combinator::{alt, opt, peek};
use winnow::prelude::*;
use winnow::stream::{Stateful, TokenSlice};
use winnow::token::any;

use super::ast::{Expr, Form, Infix, Name, Number, Prefix, Script, Statement};
use super::mistake::Mistake;
use super::token::{Token, Word, tokens};
use super::{MAX_BYTES, MAX_DEPTH, MAX_NESTING, MAX_NODES};

/// Names that cannot be given to anything.
pub(crate) const KEYWORDS: [&str; 11] =
    ["let", "param", "term", "in", "if", "else", "and", "or", "not", "true", "false"];

/// What is left to spend, and where the text ends.
#[derive(Debug, Clone)]
struct Budget {
    nodes: usize,
    nesting: usize,
    end: usize,
}

type Tokens<'t> = Stateful<TokenSlice<'t, Token>, Budget>;

/// Reads a whole text.
pub(crate) fn parse(text: &str) -> Result<Script, Mistake> {
    if text.len() > MAX_BYTES {
        let message = format!("{} bytes are more than an expression may have", text.len());
        return Err(Mistake::new(&(0..0), message, format!("{MAX_BYTES} at most")));
    }
    let words = tokens(text)?;
    let state = Budget { nodes: MAX_NODES, nesting: MAX_NESTING, end: text.len() };
    let mut input = Stateful { input: TokenSlice::new(&words), state };
    script(&mut input)
}

fn script(input: &mut Tokens<'_>) -> Result<Script, Mistake> {
    let mut script = Script { statements: Vec::new(), value: None };
    while let Some(token) = input.input.first().cloned() {
        let is_call = |input: &Tokens<'_>| input.input.get(1).is_some_and(|t| t.word == Word::Symbol("("));
        let statement = match &token.word {
            Word::Name(name) if name == "let" => let_statement(input)?,
            Word::Name(name) if name == "param" => param_statement(input)?,
            Word::Name(name) if name == "term" && is_call(input) => term_statement(input)?,
            _ => {
                let value = expr(input)?;
                if opt(symbol(";")).parse_next(input)?.is_some() {
                    return Err(Mistake::new(
                        &value.range,
                        "this value is not used",
                        "give it a name with `let name = ..;`, pay it with `term(\"name\", weight, ..);`, or take the `;` away",
                    ));
                }
                script.value = Some(value);
                break;
            }
        };
        script.statements.push(statement);
        // The last statement needs no `;`.
        if !input.input.is_empty() {
            require(input, ";", "`;` after the statement")?;
        }
    }
    match input.input.first() {
        None => Ok(script),
        Some(rest) => Err(stray(rest)),
    }
}

/// Something stands where the text should have ended or gone on with an operator.
fn stray(token: &Token) -> Mistake {
    let help = match &token.word {
        Word::Symbol("&&") => "write `and`",
        Word::Symbol("||") => "write `or`",
        Word::Symbol("=") => "write `==` to compare",
        Word::Symbol("%") => "there is no remainder",
        Word::Unit(_) => "a unit stands right after a number: `0.1 [m]`",
        Word::Name(name) if name == "then" => "write `if condition { a } else { b }`",
        _ => "",
    };
    Mistake::expected(&token.range, "an operator, `;` or the end", &token.word.to_string()).with_help(help)
}

fn let_statement(input: &mut Tokens<'_>) -> Result<Statement, Mistake> {
    keyword("let").parse_next(input)?;
    let name = own_name(input, "a name after `let`")?;
    require(input, "=", "`=`")?;
    Ok(Statement::Let { name, value: expr(input)? })
}

fn param_statement(input: &mut Tokens<'_>) -> Result<Statement, Mistake> {
    const FORM: &str = "write `param width = 0.2 [m] in 0.05..1.0;`";
    keyword("param").parse_next(input)?;
    let name = own_name(input, "a name after `param`")?;
    require(input, "=", "`=`")?;
    let start = here(input);
    let number = placed_number(input)?;
    let unit = opt(unit).parse_next(input)?;
    if opt(keyword("in")).parse_next(input)?.is_none() {
        return Err(expected(input, "`in` and a range").with_help(FORM));
    }
    let low = signed_number(input)?;
    require(input, "..", "`..`")?;
    let high = signed_number(input)?;
    let range = start.start..previous_end(input, &start);
    let value = number.value;
    if low > value || value > high {
        let message = format!("`{}` is {value}, outside of {low}..{high}", name.text);
        return Err(Mistake::new(&range, message, FORM));
    }
    Ok(Statement::Param { name, value: number, range: (low, high), unit })
}

fn term_statement(input: &mut Tokens<'_>) -> Result<Statement, Mistake> {
    keyword("term").parse_next(input)?;
    require(input, "(", "`(`")?;
    let Some(name) = opt(quoted).parse_next(input)? else {
        let help = "write `term(\"name\", weight, expression)`";
        return Err(expected(input, "the term's name in quotes").with_help(help));
    };
    if name.text.is_empty() {
        return Err(Mistake::new(&name.range, "a term needs a name", "it is the name of its column"));
    }
    require(input, ",", "`,` and the weight")?;
    let weight = placed_number(input)?;
    require(input, ",", "`,` and the expression")?;
    let value = expr(input)?;
    opt(symbol(",")).parse_next(input)?;
    require(input, ")", "`)` after the term")?;
    Ok(Statement::Term { name, weight, value })
}

/// An expression on its own: nesting is counted here.
fn expr(input: &mut Tokens<'_>) -> Result<Expr, Mistake> {
    binary(input, 1)
}

fn binary(input: &mut Tokens<'_>, weakest: u8) -> Result<Expr, Mistake> {
    let place = here(input);
    let Some(nesting) = input.state.nesting.checked_sub(1) else {
        let message = format!("nested deeper than {MAX_NESTING}");
        return Err(Mistake::new(&place, message, "name the parts with `let`"));
    };
    input.state.nesting = nesting;
    let mut left = prefixed(input, weakest)?;
    let mut compared = false;
    while let Some(infix) = peek_infix(input).filter(|infix| infix.strength() >= weakest) {
        let operator = here(input);
        any.parse_next(input)?;
        let right = binary(input, infix.strength() + 1)?;
        if compared && infix.is_comparison() {
            return Err(Mistake::new(&operator, "comparisons do not chain", "write `a < b and b < c`"));
        }
        compared = infix.is_comparison();
        let range = left.range.start..right.range.end;
        left = make(input, range, Form::Infix(infix, Box::new(left), Box::new(right)))?;
    }
    input.state.nesting += 1;
    Ok(left)
}

fn prefixed(input: &mut Tokens<'_>, weakest: u8) -> Result<Expr, Mistake> {
    let place = here(input);
    if opt(keyword("not")).parse_next(input)?.is_some() {
        if weakest > 3 {
            return Err(Mistake::new(&place, "`not` needs brackets here", "write `(not a)`"));
        }
        let inner = binary(input, 3)?;
        return make(input, place.start..inner.range.end, Form::Prefix(Prefix::Not, Box::new(inner)));
    }
    if opt(symbol("-")).parse_next(input)?.is_some() {
        // Binds as a product does: -a * b is (-a) * b, and -a^2 is -(a^2).
        let inner = binary(input, 7)?;
        return make(input, place.start..inner.range.end, Form::Prefix(Prefix::Minus, Box::new(inner)));
    }
    postfixed(input)
}

fn postfixed(input: &mut Tokens<'_>) -> Result<Expr, Mistake> {
    let mut value = primary(input)?;
    while opt(symbol(".")).parse_next(input)?.is_some() {
        let axis = own_name(input, "x, y, z or w")?;
        let range = value.range.start..axis.range.end;
        value = make(input, range, Form::Axis(Box::new(value), axis))?;
    }
    if opt(symbol("^")).parse_next(input)?.is_some() {
        let place = here(input);
        let exponent = number(input)?;
        if exponent.fract() != 0.0 || !(0.0..=8.0).contains(&exponent) {
            let message = format!("the power {exponent} is not a whole number from 0 to 8");
            return Err(Mistake::new(&place, message, "use `sqrt`, or `exp(a * log(x))`"));
        }
        let range = value.range.start..place.end;
        value = make(input, range, Form::Power(Box::new(value), exponent as u32))?;
    }
    Ok(value)
}

fn primary(input: &mut Tokens<'_>) -> Result<Expr, Mistake> {
    let Some(token) = input.input.first().cloned() else {
        return Err(expected(input, "a value"));
    };
    let range = token.range.clone();
    match token.word {
        Word::Number(value) => {
            any.parse_next(input)?;
            let unit = opt(unit).parse_next(input)?;
            let range = range.start..unit.as_ref().map_or(range.end, |unit| unit.range.end);
            make(input, range, Form::Number(value, unit))
        }
        Word::Text(text) => {
            any.parse_next(input)?;
            make(input, range, Form::Text(text))
        }
        Word::Symbol("(") => {
            any.parse_next(input)?;
            let inner = expr(input)?;
            require(input, ")", "`)`")?;
            Ok(inner)
        }
        Word::Name(name) => named(input, name, range),
        Word::Symbol("!") => Err(expected(input, "a value").with_help("write `not`")),
        _ => Err(expected(input, "a value")),
    }
}

fn named(input: &mut Tokens<'_>, name: String, range: Range<usize>) -> Result<Expr, Mistake> {
    if name == "if" {
        return conditional(input);
    }
    if name == "true" || name == "false" {
        any.parse_next(input)?;
        return make(input, range, Form::Flag(name == "true"));
    }
    if KEYWORDS.contains(&name.as_str()) {
        let help = if name == "term" {
            "a term is a statement: it cannot stand inside of an expression"
        } else {
            ""
        };
        return Err(expected(input, "a value").with_help(help));
    }
    any.parse_next(input)?;
    if opt(symbol("(")).parse_next(input)?.is_none() {
        return make(input, range, Form::Name(name));
    }
    let mut arguments = Vec::new();
    while opt(peek(symbol(")"))).parse_next(input)?.is_none() {
        arguments.push(expr(input)?);
        if opt(symbol(",")).parse_next(input)?.is_none() {
            break;
        }
    }
    let end = require(input, ")", "`,` or `)`")?.end;
    let whole = range.start..end;
    make(input, whole, Form::Call(Name { text: name, range }, arguments))
}

fn conditional(input: &mut Tokens<'_>) -> Result<Expr, Mistake> {
    let start = here(input).start;
    keyword("if").parse_next(input)?;
    let condition = expr(input)?;
    if let Some(then) = input.input.first().filter(|token| token.word == Word::Name("then".into())) {
        return Err(stray(then));
    }
    let (yes, _) = braced(input)?;
    if opt(keyword("else")).parse_next(input)?.is_none() {
        let help = "every `if` has a value, so it needs both: `if a { 1 } else { 0 }`";
        return Err(expected(input, "`else`").with_help(help));
    }
    let nested = opt(peek(keyword("if"))).parse_next(input)?.is_some();
    let (no, end) = if nested {
        let no = expr(input)?;
        let end = no.range.end;
        (no, end)
    } else {
        braced(input)?
    };
    make(input, start..end, Form::If(Box::new(condition), Box::new(yes), Box::new(no)))
}

/// `{ value }`, and where it ends.
fn braced(input: &mut Tokens<'_>) -> Result<(Expr, usize), Mistake> {
    require(input, "{", "`{`")?;
    let inner = expr(input)?;
    Ok((inner, require(input, "}", "`}`")?.end))
}

fn make(input: &mut Tokens<'_>, range: Range<usize>, form: Form) -> Result<Expr, Mistake> {
    let Some(nodes) = input.state.nodes.checked_sub(1) else {
        let message = format!("more than {MAX_NODES} values and operators");
        return Err(Mistake::new(&range, message, "split the reward into several programs"));
    };
    input.state.nodes = nodes;
    let depth = 1 + form.children().iter().map(|child| child.depth).max().unwrap_or(0);
    if depth > MAX_DEPTH {
        let message = format!("more than {MAX_DEPTH} operations on top of each other");
        return Err(Mistake::new(&range, message, "name the parts with `let`"));
    }
    Ok(Expr { range, depth, form })
}

fn peek_infix(input: &Tokens<'_>) -> Option<Infix> {
    const ALL: [Infix; 12] = [
        Infix::Or,
        Infix::And,
        Infix::Less,
        Infix::LessOrEqual,
        Infix::Greater,
        Infix::GreaterOrEqual,
        Infix::Equal,
        Infix::NotEqual,
        Infix::Add,
        Infix::Subtract,
        Infix::Multiply,
        Infix::Divide,
    ];
    let text = match &input.input.first()?.word {
        Word::Symbol(symbol) => symbol,
        Word::Name(name) => name.as_str(),
        _ => return None,
    };
    ALL.into_iter().find(|infix| infix.symbol() == text)
}

fn placed_number(input: &mut Tokens<'_>) -> Result<Number, Mistake> {
    let start = here(input);
    let value = signed_number(input)?;
    Ok(Number { value, range: start.start..previous_end(input, &start) })
}

fn signed_number(input: &mut Tokens<'_>) -> Result<f32, Mistake> {
    let minus = opt(alt((symbol("-"), symbol("+")))).parse_next(input)?;
    let value = number(input)?;
    Ok(if minus == Some("-") { -value } else { value })
}

fn number(input: &mut Tokens<'_>) -> Result<f32, Mistake> {
    match input.input.first().map(|token| &token.word) {
        Some(&Word::Number(value)) => any.parse_next(input).map(|_: &Token| value),
        _ => Err(expected(input, "a number")),
    }
}

fn unit(input: &mut Tokens<'_>) -> Result<Name, Mistake> {
    match input.input.first() {
        Some(Token { word: Word::Unit(text), .. }) => {
            let name = Name { text: text.clone(), range: here(input) };
            any.parse_next(input).map(|_: &Token| name)
        }
        _ => Err(expected(input, "a unit")),
    }
}

fn quoted(input: &mut Tokens<'_>) -> Result<Name, Mistake> {
    match input.input.first() {
        Some(Token { word: Word::Text(text), .. }) => {
            let name = Name { text: text.clone(), range: here(input) };
            any.parse_next(input).map(|_: &Token| name)
        }
        _ => Err(expected(input, "a text in quotes")),
    }
}

fn own_name(input: &mut Tokens<'_>, what: &str) -> Result<Name, Mistake> {
    match input.input.first() {
        Some(Token { word: Word::Name(text), .. }) if !KEYWORDS.contains(&text.as_str()) => {
            let name = Name { text: text.clone(), range: here(input) };
            any.parse_next(input).map(|_: &Token| name)
        }
        _ => Err(expected(input, what)),
    }
}

fn symbol<'t>(wanted: &'static str) -> impl Parser<Tokens<'t>, &'static str, Mistake> {
    any.verify(move |token: &&Token| token.word == Word::Symbol(wanted)).value(wanted)
}

fn keyword<'t>(wanted: &'static str) -> impl Parser<Tokens<'t>, (), Mistake> {
    any.verify(move |token: &&Token| matches!(&token.word, Word::Name(name) if name == wanted)).void()
}

/// Takes a symbol that has to be there, and gives its place.
fn require(input: &mut Tokens<'_>, wanted: &'static str, what: &str) -> Result<Range<usize>, Mistake> {
    let place = here(input);
    match opt(symbol(wanted)).parse_next(input)? {
        Some(_) => Ok(place),
        None => {
            let mut mistake = expected(input, what);
            if let Some(token) = input.input.first() {
                mistake.help = stray(token).help;
            }
            Err(mistake)
        }
    }
}

fn expected(input: &Tokens<'_>, what: &str) -> Mistake {
    let found = input.input.first().map_or_else(|| "the end".to_owned(), |token| token.word.to_string());
    Mistake::expected(&here(input), what, &found)
}

/// Place of the next word, or the end.
fn here(input: &Tokens<'_>) -> Range<usize> {
    let end = input.state.end;
    input.input.first().map_or(end..end, |token| token.range.clone())
}

fn previous_end(input: &Tokens<'_>, otherwise: &Range<usize>) -> usize {
    input.input.previous_tokens().next().map_or(otherwise.end, |token| token.range.end)
}
