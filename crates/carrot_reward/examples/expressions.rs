//! Nanoseconds per operation and row of expressions, and ten terms as expressions beside the built-in kinds.
//! `cargo run --release -p carrot_reward --example expressions`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops where it cannot go on"
)]

use std::time::Instant;

use carrot_reward::expr::Compiled;
use carrot_reward::{Body, Graph, KindRegistry, Scope, Transition};
use carrot_scene::Source;
use carrot_sim::{SignalCatalog, SignalSpec, SignalView};

const ROWS: usize = 4096;
const REPEATS: u32 = 2000;
/// The best of several windows: the others were disturbed.
const WINDOWS: u32 = 9;

/// One operation per text, and how many it has.
const TEXTS: [(&str, &str); 8] = [
    ("arithmetic", "((cart_position * 2 + 1) * 3 - 4) / 5 + cart_velocity * 6 [s] * pole_angle"),
    (
        "compare, select",
        "if cart_position > 0.1 and pole_angle < 0.2 { pole_angle } else { prev(pole_angle) }",
    ),
    ("min, max, abs", "max(min(abs(cart_position), prev(cart_position)), min(cart_position, 1))"),
    ("prev, rate", "rate(pole_angle) - delta(pole_velocity)"),
    ("exp", "exp(-cart_position / 1 [m])"),
    ("log", "log(abs(cart_position) / 1 [m])"),
    ("tanh", "tanh(pole_angle)"),
    ("tolerance", "tolerance(pole_angle, -0.02, 0.02, 0.2)"),
];

/// Ten terms as built-in kinds, and as expressions with the same bits.
const TERMS: [(&str, &str); 10] = [
    ("Alive()", "true"),
    ("Distance(signal: \"pole_angle\")", "abs(pole_angle)"),
    ("Distance(signal: \"cart_position\")", "abs(cart_position)"),
    (
        "Threshold(signal: \"cart_position\", above: -1.0, below: 1.0)",
        "cart_position > -1 and cart_position < 1",
    ),
    ("Progress(signal: \"pole_angle\")", "prev(abs(pole_angle)) - abs(pole_angle)"),
    ("StateCost(signal: \"pole_velocity\")", "prev(pole_velocity)^2"),
    ("Event(end: Terminated)", "terminated"),
    (
        "Tolerance(signal: \"pole_angle\", bounds: (-0.02, 0.02), margin: 0.2)",
        "tolerance(pole_angle, -0.02, 0.02, 0.2)",
    ),
    (
        "Tolerance(signal: \"cart_position\", bounds: (0.0, 0.0), margin: 1.0, sigmoid: Linear)",
        "tolerance(cart_position, 0, 0, 1, \"Linear\")",
    ),
    (
        "Tolerance(signal: \"cart_velocity\", bounds: (0.0, 0.0), margin: 1.0, sigmoid: LongTail)",
        "tolerance(cart_velocity, 0, 0, 1, \"LongTail\")",
    ),
];

fn main() {
    let spec = |name, unit| SignalSpec::scalar(name, unit, (-9.0, 9.0), "");
    let catalog = SignalCatalog::new(vec![
        spec("cart_position", "m"),
        spec("cart_velocity", "m/s"),
        spec("pole_angle", "rad"),
        spec("pole_velocity", "rad/s"),
    ]);
    let data = |salt: usize| -> Vec<f32> {
        (0..catalog.width() * ROWS).map(|i| ((i * 7919 + salt) % 1000) as f32 / 500.0 - 1.0).collect()
    };
    let scope = Scope {
        catalog: catalog.clone(),
        causes: Vec::new(),
        actions: Vec::new(),
        control_dt: 0.02,
        models: Vec::new(),
    };
    let (before, now, flags) = (data(1), data(2), vec![false; ROWS]);
    let step = Transition {
        before: SignalView::new(&before, ROWS),
        now: SignalView::new(&now, ROWS),
        terminated: &flags,
        truncated: &flags,
        cause: &[0; ROWS],
        success: &flags,
        score: &[0.0; ROWS],
    };
    println!("{:<18} {:>11} {:>18} {:>12}", "expression", "operations", "ns per operation", "ns per row");
    for (name, text) in TEXTS {
        let code = Compiled::value(text, &scope).unwrap();
        let mut raw = vec![0.0; ROWS];
        let row = nanoseconds(|| code.run(&step, &[], &mut raw));
        println!("{name:<18} {:>11} {:>18.3} {row:>12.3}", code.passes(), row / code.passes() as f64);
    }
    let graph = |term: &dyn Fn(usize) -> String| {
        let list: Vec<String> = (0..10).map(|i| format!("(name: \"t{i}\", kind: {})", term(i))).collect();
        let text = Source::new("terms", format!("[{}]", list.join(",")));
        Graph::parse("terms", &text, &KindRegistry::standard(), &scope, &mut 0).unwrap()
    };
    let kinds = graph(&|i| TERMS[i].0.to_owned());
    let expressions = graph(&|i| format!("Expr({:?})", TERMS[i].1));
    let mut costs = Vec::new();
    for graph in [&kinds, &expressions] {
        let mut raw = vec![0.0; ROWS];
        costs.push(nanoseconds(|| {
            for node in &graph.nodes {
                if let Body::Term(kind, _) = &node.body {
                    kind.evaluate(&step, &mut raw);
                }
            }
        }));
    }
    println!(
        "\nten terms, {ROWS} rows: kinds {:.2} ns per row, expressions {:.2}, {:.2} times",
        costs[0],
        costs[1],
        costs[1] / costs[0]
    );
    for (i, (kind, text)) in TERMS.iter().enumerate() {
        let cost = |graph: &Graph| {
            let mut raw = vec![0.0; ROWS];
            let Body::Term(kind, _) = &graph.nodes[i].body else { return 0.0 };
            nanoseconds(|| kind.evaluate(&step, &mut raw))
        };
        println!("  {:>6.3} {:>6.3}  {text}  ({kind})", cost(&kinds), cost(&expressions));
    }
}

/// Nanoseconds per row, in the least disturbed window.
fn nanoseconds(mut work: impl FnMut()) -> f64 {
    let window = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..REPEATS / WINDOWS).for_each(|_| work());
        start.elapsed().as_secs_f64() * 1e9 / (f64::from(REPEATS / WINDOWS) * ROWS as f64)
    };
    (0..WINDOWS).map(|_| window(&mut work)).fold(f64::INFINITY, f64::min)
}
