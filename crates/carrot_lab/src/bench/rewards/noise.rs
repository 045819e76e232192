//! A quarter of the answers is wrong: one network beside ensembles that pay what the most doubtful member says.
//!
//! # Source
//! Coste et al., "Reward model ensembles help mitigate overoptimization" (2024), section 5: worst-case and
//! uncertainty-weighted ensembles under 25 % label noise.

use super::gold::Variant;

/// The annotator: one answer in four is wrong.
const WRONG: &str = r#"preferences.annotator=Simulated(gold: "gold", faults: (mistake: 0.25))"#;

/// Rewards that are compared, and what makes them.
pub const VARIANTS: &[Variant] = &[
    ("one network", &[WRONG, "preferences.combine=Mean", "preferences.network=(members: 1)"]),
    ("worst of five", &[WRONG, "preferences.combine=Min", "preferences.network=(members: 5)"]),
    (
        "mean less one deviation of five",
        &[WRONG, "preferences.combine=Cautious(1.0)", "preferences.network=(members: 5)"],
    ),
    (
        "one Gaussian less its deviation",
        &[WRONG, "preferences.combine=Cautious(1.0)", "preferences.network=(members: 1, gaussian: true)"],
    ),
];
