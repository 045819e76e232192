//! The functions of the language: names, arguments and one line about each; the grammar card is made of them.

/// A function's line on the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Name.
    pub name: &'static str,
    /// Arguments, as a call is written.
    pub arguments: &'static str,
    /// What it gives.
    pub about: &'static str,
}

const fn function(name: &'static str, arguments: &'static str, about: &'static str) -> Function {
    Function { name, arguments, about }
}

/// All functions.
pub const FUNCTIONS: [Function; 24] = [
    function("prev", "x", "the value of x in the state before the step"),
    function("delta", "x", "x - prev(x)"),
    function("rate", "x", "delta(x) per second"),
    function("min", "a, b, ..", "the smallest"),
    function("max", "a, b, ..", "the largest"),
    function("clamp", "x, low, high", "x cut to [low, high]"),
    function("abs", "x", "x without its sign"),
    function("sign", "x", "-1, 0 or 1"),
    function("sqrt", "x", "square root"),
    function("exp", "x", "e^x"),
    function("log", "x", "natural logarithm"),
    function("tanh", "x", "hyperbolic tangent, in [-1, 1]"),
    function("sigmoid", "x", "1 / (1 + exp(-x)), in [0, 1]"),
    function("smoothstep", "low, high, x", "0 at low, 1 at high, 3t^2 - 2t^3 between"),
    function("tolerance", "x, low, high, margin", "1 in [low, high], 0.1 one margin away; kernel as fifth"),
    function("norm", "v", "Euclidean length"),
    function("dot", "a, b", "inner product"),
    function("dist", "a, b", "norm(a - b)"),
    function("angle", "a, b", "angle between vectors or rotations, in [0, pi]"),
    function("vec2", "x, y", "a vector"),
    function("vec3", "x, y, z", "a vector"),
    function("cause", "\"name\"", "whether the episode ended for this cause"),
    function("terminated", "", "whether the task ended the episode (no brackets)"),
    function("truncated", "", "whether the episode was cut (no brackets)"),
];

/// Names of everything that stands for the end of an episode without a call.
pub(crate) const END_NAMES: [&str; 2] = ["terminated", "truncated"];

/// Seconds per step, as a name.
pub(crate) const CONTROL_DT: &str = "control_dt";

/// Names of the functions that are called.
pub(crate) fn called() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|f| f.name).filter(|name| !END_NAMES.contains(name))
}
