//! The grammar on one page.

use super::function::FUNCTIONS;
use super::{MAX_BYTES, MAX_DEPTH, MAX_NESTING, MAX_NODES};

const HEAD: &str = "\
Reward expressions: numbers, flags and vectors out of signals.

Where
  (name: \"near\", kind: Expr(\"exp(-goal_distance / 0.1 [m])\"), weight: 0.5)   one term
  reward: Program(r#\"                                                      several
      param reach = 0.1 [m] in 0.02..0.5;        // a revision may change it within its range
      let near = exp(-goal_distance / reach);    // a name for a value
      term(\"near\", 0.5, near);                   // a column of the ledger: name, weight, value
      term(\"still\", 0.1, if near > 0.9 { tolerance(tip_speed, 0, 0, 0.2 [m/s]) } else { 0 });
  \"#)

Values
  0.5, 1e-3                  a number that goes with any unit; as a factor it has none
  0.5 [m/s]                  a number in SI units
  goal_distance, tip.x       a signal, one axis of a vector (x y z w)
  true, false                flags; a flag that is paid counts 1 or 0
  control_dt                 seconds per step

Operators, weakest first
  or   and   not   < <= > >= == !=   + -   * /   -x   x^2 (whole powers to 8)   v.x
  if condition { a } else { b }      both branches have one type and unit
";

const TAIL: &str = "
Rules
  Sums, comparisons and branches need one unit; exp, log, tanh, sigmoid need a plain number: divide by a scale first.
  rad counts as a plain number. Kernels of tolerance: \"Gaussian\" (default), \"Hyperbolic\", \"LongTail\",
  \"Reciprocal\", \"Cosine\", \"Linear\", \"Quadratic\", \"TanhSquared\". prev reaches one step back, no further.
  A value that is not finite (x / 0, log of 0) is scored as 0. Comments run from // to the end of the line.
  Truth (success, score) cannot be read: the kind Truth alone does.
";

/// The grammar card, which `carrot reward grammar` prints.
pub fn grammar_card() -> String {
    let rows = FUNCTIONS.iter().map(|function| {
        let call = match function.arguments {
            "" => function.name.to_owned(),
            arguments => format!("{}({arguments})", function.name),
        };
        format!("  {call:<33}{}\n", function.about)
    });
    let functions: String = rows.collect();
    let limits = format!(
        "  Limits: {MAX_BYTES} bytes, {MAX_NODES} values and operators, {MAX_NESTING} brackets deep, \
         {MAX_DEPTH} operations on top of each other.\n"
    );
    format!("{HEAD}\nFunctions\n{functions}{TAIL}{limits}")
}
