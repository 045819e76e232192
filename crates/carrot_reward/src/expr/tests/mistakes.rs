//! What is said about a wrong text, and where.

use carrot_scene::{Diagnostics, Source, Syntax};

use super::{mistake, scope};
use crate::expr::{Compiled, MAX_BYTES, MAX_NESTING};

/// Text, marked part, beginning of the message.
const MISTAKES: [(&str, &str, &str); 40] = [
    ("1 +", "", "expected a value, found the end"),
    ("(1 + 2", "", "expected `)`, found the end"),
    ("1 2", "2", "expected an operator"),
    ("1 $ 2", "$", "`$` has no meaning here"),
    ("\"abc", "\"", "the text is never closed"),
    ("1 [m", "[", "the unit is never closed"),
    ("1 [m/]", "[m/]", "`m/` is no unit"),
    ("1e99", "1e99", "`1e99` is no number in single precision"),
    ("1 < 2 < 3", "<", "comparisons do not chain"),
    ("open && true", "&&", "expected an operator, `;` or the end"),
    ("!open", "!", "expected a value"),
    ("x = 1", "=", "expected an operator"),
    ("let x = 1; 2", "x", "the name `x` is taken by a signal"),
    ("let exp = 1; 2", "exp", "the name `exp` is taken by the language"),
    ("let if = 1; 2", "if", "expected a name after `let`"),
    ("let a = 1 2", "2", "expected `;` after the statement"),
    ("let a = 1;", "", "the text has no value"),
    ("1; 2", "1", "this value is not used"),
    ("speeed", "speeed", "unknown signal or name"),
    ("tan(1)", "tan", "unknown function"),
    ("clamp(1)", "clamp", "`clamp` does not take 1 values"),
    ("norm", "norm", "`norm` is a function"),
    ("terminated()", "terminated", "`terminated` is no function"),
    ("success", "success", "no expression reads `success`"),
    ("x + speed", "x + speed", "`+` does not go with a number [m] and a number [m/s]"),
    ("x < angle_of_pole", "x < angle_of_pole", "`<` does not go with"),
    ("exp(x)", "x", "a plain number is needed, this is in [m]"),
    ("sqrt(x)", "x", "there is no root of [m]"),
    ("open + 1", "open", "a flag is no number"),
    ("if x { 1 } else { 0 }", "x", "a flag is needed, this is a number [m]"),
    ("if open { 1 }", "", "expected `else`"),
    ("if open { x } else { open }", "if open { x } else { open }", "the branches differ"),
    ("tip", "tip", "a reward is one number, this is a vector of 3 [m]"),
    ("tip.q", "q", "unknown axis"),
    ("flat.z", "z", "unknown axis"),
    ("tip * goal", "tip * goal", "`*` does not go with a vector of 3 [m]"),
    ("prev(prev(x))", "x", "nothing remembers the state before that"),
    ("prev(terminated)", "terminated", "this has no value before the step"),
    ("cause(\"felt\")", "\"felt\"", "unknown cause"),
    ("tolerance(x, 0, 1, -1)", "-1", "the margin may be negative"),
];

#[test]
fn every_mistake_is_told_at_its_place() {
    for (text, marked, message) in MISTAKES {
        let found = mistake(text);
        assert_eq!(&text[found.range.clone()], marked, "{text}: {found:?}");
        assert!(found.message.starts_with(message), "{text}: {}", found.message);
    }
}

#[test]
fn parameters_and_terms_have_forms_of_their_own() {
    let told = |text: &str| Compiled::terms(text, &scope()).unwrap_err();
    for (text, message) in [
        ("param a = 1; term(\"t\", 1, a)", "expected `in` and a range"),
        ("param a = 2 in 0..1; term(\"t\", 1, a)", "`a` is 2, outside of 0..1"),
        ("param a = 1 in 0; term(\"t\", 1, a)", "expected `..`"),
        ("term(1, 1, x)", "expected the term's name in quotes"),
        ("term(\"t\", x, x)", "expected a number"),
        ("term(\"t\", 1, x) term(\"u\", 1, x)", "expected `;` after the statement"),
        ("term(\"t\", 1, x); term(\"t\", 1, x)", "the name `t` is taken by a term above"),
        ("x", "a program pays its terms"),
        ("1 + term(\"t\", 1, x)", "expected a value, found `term`"),
    ] {
        assert!(told(text).message.starts_with(message), "{text}: {}", told(text).message);
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = format!("{}1{}", "(".repeat(MAX_NESTING + 1), ")".repeat(MAX_NESTING + 1));
    assert!(mistake(&deep).message.starts_with("nested deeper"), "{:?}", mistake(&deep));
    assert!(mistake(&"-".repeat(MAX_NESTING + 9)).message.starts_with("nested deeper"));
    let long = vec!["x"; 300].join("+");
    assert!(mistake(&long).message.contains("on top of each other"));
    let wide = format!("max({}1)", "x,".repeat(2500));
    assert!(mistake(&wide).message.starts_with("more than"), "{:?}", mistake(&wide));
    assert!(mistake(&" ".repeat(MAX_BYTES + 1)).message.contains("bytes"));
    // A long chain of names costs no more than it is long.
    let chain: String = (0..300).map(|i| format!("let a{} = a{i} + prev(x);", i + 1)).collect();
    assert!(Compiled::value(&format!("let a0 = x;{chain}a300"), &scope()).is_ok());
}

#[test]
fn mistakes_point_into_the_string_of_a_scene() {
    for (ron, line, column) in [
        ("Expr(\"x +\n  speeed\")", 2, 3),
        ("Expr(r#\"x + speeed\"#)", 1, 13),
        ("Expr(\"let a = cause(\\\"fell\\\");\\n speeed\")", 1, 34),
    ] {
        let node = Syntax::parse(&Source::new("scene.ron", ron)).unwrap().root();
        let text = node.items().unwrap().remove(0);
        let mistake = Compiled::value(&text.string().unwrap().value, &scope()).unwrap_err();
        let mut diagnostics = Diagnostics::new();
        mistake.report(&text, &mut diagnostics);
        let told = diagnostics.iter().next().unwrap();
        assert_eq!((told.location.line, told.location.column), (line, column), "{ron}: {told}");
        assert_eq!(told.nearest.as_deref(), Some("speed"), "{ron}");
    }
}
