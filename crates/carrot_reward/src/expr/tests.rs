//! The language on small texts: values, units, mistakes, bounds.

mod differential;
mod mistakes;
mod reference;

use carrot_sim::{SignalCatalog, SignalKind, SignalSpec, SignalView};

use super::{Compiled, Mistake};
use crate::kind::{Scope, Transition};

/// Signals of all kinds and some units.
fn scope() -> Scope {
    let vector = |name: &str, kind, unit: &str| SignalSpec::new(name, kind, unit, (-2.0, 2.0), "");
    let catalog = SignalCatalog::new(vec![
        SignalSpec::scalar("x", "m", (-2.0, 2.0), ""),
        SignalSpec::scalar("speed", "m/s", (0.0, 3.0), ""),
        SignalSpec::scalar("angle_of_pole", "rad", (-1.5, 1.5), ""),
        SignalSpec::scalar("share", "", (0.0, 1.0), ""),
        SignalSpec::flag("open", ""),
        vector("flat", SignalKind::Vec2, "m"),
        vector("tip", SignalKind::Vec3, "m"),
        vector("goal", SignalKind::Vec3, "m"),
        SignalSpec::new("turn", SignalKind::Quat, "", (-1.0, 1.0), ""),
        SignalSpec::new("twist", SignalKind::Quat, "", (-1.0, 1.0), ""),
        SignalSpec::scalar("action", "N", (-1.0, 1.0), ""),
    ]);
    Scope {
        catalog,
        causes: ["none", "time_limit", "fault", "fell"].map(String::from).to_vec(),
        actions: vec!["action".into()],
        control_dt: 0.02,
        models: Vec::new(),
    }
}

/// The value of a text where all signals of s and s′ are given, in column order.
fn run(text: &str, before: &[f32], now: &[f32]) -> f32 {
    let code = compiled(text);
    let step = Transition {
        before: SignalView::new(before, 1),
        now: SignalView::new(now, 1),
        terminated: &[true],
        truncated: &[false],
        cause: &[3],
        success: &[false],
        score: &[0.0],
    };
    let mut out = [f32::NAN];
    code.run(&step, &code.initial_params(), &mut out);
    out[0]
}

/// One row: x, speed, angle, share, open, flat, tip, goal, turn, twist, action.
const BEFORE: [f32; 22] = [
    1.0, 0.5, 0.1, 0.2, 0.0, 3.0, 4.0, 1.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0,
    0.0,
];
const NOW: [f32; 22] = [
    0.5, 1.5, 0.2, 0.7, 1.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0,
    -1.0,
];

fn value(text: &str) -> f32 {
    run(text, &BEFORE, &NOW)
}

fn compiled(text: &str) -> Compiled {
    Compiled::value(text, &scope()).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"))
}

fn mistake(text: &str) -> Mistake {
    Compiled::value(text, &scope()).map(|code| panic!("{text} is {:?}", code.unit)).unwrap_err()
}

#[test]
fn operators_bind_as_the_card_says() {
    for (text, expected) in [
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("-2^2", -4.0),
        ("(-2)^2", 4.0),
        ("2 * -3", -6.0),
        ("-share * 2 + 1", -0.4),
        ("8 / 2 / 2", 2.0),
        ("2 - 3 - 4", -5.0),
        ("3 ^ 0", 1.0),
        ("1e2 + 1_000 + 0.5e-1", 1100.05),
        ("if not open or share > 0.5 and false { 1 } else { 2 }", 2.0),
        ("if (1 < 2) == (2 < 3) { 1 } else { 0 }", 1.0),
        ("if share > 0.9 { 1 } else if share > 0.5 { 2 } else { 3 }", 2.0),
        ("if open != true { 1 } else { 0 }", 0.0),
        ("1 + // half\n 1", 2.0),
    ] {
        assert!((value(text) - expected).abs() < 1e-4, "{text} = {}", value(text));
    }
}

#[test]
fn functions_give_what_the_card_says() {
    let half_pi = std::f32::consts::FRAC_PI_2;
    for (text, expected) in [
        ("prev(x)", 1.0),
        ("delta(x)", -0.5),
        ("rate(x)", -25.0),
        ("min(3, 1, 2) + max(3, 1, 2)", 4.0),
        ("clamp(5, 0, 2) + clamp(-5, 0, 2)", 2.0),
        ("abs(-3) + sign(-3) + sign(0) + sign(2)", 3.0),
        ("sqrt(x^2) + sqrt(9) * 1 [m]", 3.5),
        ("exp(1) - 2.718282", 0.0),
        ("log(exp(2))", 2.0),
        ("tanh(0) + sigmoid(0)", 0.5),
        ("smoothstep(0, 1 [m], x)", 0.5),
        ("smoothstep(0, 0, share)", 1.0),
        ("tolerance(x, -0.1, 0.1, 0.4)", 0.1),
        ("tolerance(x, 0, 1, 0)", 1.0),
        ("tolerance(x, -0.1, 0.1, 0.8, \"Linear\")", 0.55),
        ("norm(prev(flat))", 5.0),
        ("dot(flat, vec2(3, 4))", 8.0),
        ("dist(tip, goal)", 13.0_f32.sqrt()),
        ("angle(tip, goal)", half_pi),
        ("angle(vec2(1, 0), vec2(-1, 0))", 2.0 * half_pi),
        ("angle(turn, twist)", 2.0 * half_pi),
        ("tip.x + tip.y + turn.w", 3.0),
        ("norm(2 * tip / 4 - -goal)", (1.0_f32 + 9.0).sqrt()),
        ("if cause(\"fell\") and terminated and not truncated { 1 } else { 0 }", 1.0),
        ("control_dt * 50 [1/s]", 1.0),
    ] {
        let text = if text.contains("tip.x +") { "tip.x + tip.y + 1 [m] * turn.w" } else { text };
        assert!((value(text) - expected).abs() < 2e-6, "{text} = {}, not {expected}", value(text));
    }
}

#[test]
fn names_and_parameters_hold_within_a_text() {
    let text = "param width = 0.5 [m] in 0.1..1.0; let near = abs(x) / width; near + prev(near)";
    assert_eq!(value(text), 3.0);
    let code = compiled(text);
    assert_eq!((code.params.len(), code.params[0].range), (1, (0.1, 1.0)));
    assert_eq!(code.bounds.high, 40.0);
    let terms = Compiled::terms("let a = x; term(\"one\", 2, a); term('two', -0.5, open)", &scope()).unwrap();
    assert_eq!(
        terms.iter().map(|t| (t.name.as_str(), t.weight)).collect::<Vec<_>>(),
        [("one", 2.0), ("two", -0.5)]
    );
}

#[test]
fn units_follow_the_operations() {
    for (text, unit) in [
        ("x", "m"),
        ("x * x", "m^2"),
        ("rate(x)", "m/s"),
        ("x / speed", "s"),
        ("rate(speed) + 1 [m/s^2]", "m/s^2"),
        ("norm(tip)", "m"),
        ("angle(tip, goal)", "rad"),
        ("x + 1", "m"),
        ("2 * 3", ""),
        ("1 / x", "1/m"),
        ("exp(-x / 0.1 [m])", ""),
        ("exp(angle_of_pole)", ""),
        ("action * x", "kg m^2/s^2"),
    ] {
        assert_eq!(compiled(text).unit.to_string(), unit, "{text}");
    }
}

#[test]
fn what_a_text_reads_is_known() {
    let reads = |text: &str| {
        let code = compiled(text);
        (code.signals.iter().map(|s| s.name.clone()).collect::<Vec<_>>(), code.is_of_state)
    };
    assert_eq!(reads("tip.y + x"), (vec!["x".to_string(), "tip".into()], true));
    assert_eq!(reads("delta(x)"), (vec!["x".to_string()], false));
    assert_eq!(reads("if terminated { 1 } else { 0 }"), (Vec::new(), false));
    // What is folded away is not read.
    assert_eq!(reads("if true { share } else { delta(share) }"), (vec!["share".to_string()], true));
}

#[test]
fn bounds_follow_from_the_ranges_of_signals() {
    for (text, low, high) in [
        ("x", -2.0, 2.0),
        ("abs(x)", 0.0, 2.0),
        ("x * x", -4.0, 4.0),
        ("delta(x)", -4.0, 4.0),
        ("sqrt(share) * 2 - 1", -1.0, 1.0),
        ("if x > 3 [m] { 7 } else { share }", 0.0, 1.0),
        ("clamp(x, 0, 1)", 0.0, 1.0),
        ("open", 0.0, 1.0),
        ("min(x, 1) + max(x, 1)", -1.0, 3.0),
        ("1 / share", f32::NEG_INFINITY, f32::INFINITY),
        ("1 / (share + 1)", 0.5, 1.0),
    ] {
        let bounds = compiled(text).bounds;
        assert_eq!((bounds.low, bounds.high), (low, high), "{text}");
    }
    let near = compiled("tolerance(x, 0, 0, 1)").bounds;
    assert!(near.low >= 0.0 && near.high >= 1.0 && near.high < 1.00001, "{near:?}");
    assert!(compiled("log(x / 1 [m])").bounds.nan && compiled("share / share").bounds.nan);
    assert!(!compiled("sqrt(share)").bounds.nan);
}

#[test]
fn every_function_of_the_card_is_one() {
    for function in super::FUNCTIONS {
        let found = mistake(&format!("{}(nothing_like_it, 1, 2, 3, 4, 5, 6)", function.name));
        assert!(!found.message.contains("unknown function"), "{}", function.name);
    }
    assert!(super::grammar_card().lines().count() <= 66, "one page");
    assert!(super::grammar_card().lines().all(|line| line.len() <= 120));
}
