//! A quarter of the answers is wrong: one network beside ensembles that pay what the most doubtful member says.
//!
//! # Source
//! Coste et al., "Reward model ensembles help mitigate overoptimization" (2024), section 5: worst-case and
//! uncertainty-weighted ensembles under 25 % label noise.

use super::gold::Variant;

const FIVE: &str = "preferences.network=(members: 5, bootstrap: true)";
/// The annotator: one answer in four is wrong.
const WRONG: &str = r#"preferences.annotator=Simulated(gold: "gold", faults: (mistake: 0.25))"#;

/// Rewards that are compared, and what makes them. Members of an ensemble draw their answers with replacement.
pub const VARIANTS: &[Variant] = &[
    ("one network", &[WRONG, "preferences.combine=Mean", "preferences.network=(members: 1)"]),
    ("mean of five", &[WRONG, "preferences.combine=Mean", FIVE]),
    ("worst of five", &[WRONG, "preferences.combine=Min", FIVE]),
    ("mean less one deviation of five", &[WRONG, "preferences.combine=Cautious(1.0)", FIVE]),
    (
        "one Gaussian less its deviation",
        &[WRONG, "preferences.combine=Cautious(1.0)", "preferences.network=(members: 1, gaussian: true)"],
    ),
];
