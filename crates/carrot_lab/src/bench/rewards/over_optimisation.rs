//! A reward learned from a few answers, optimised for as long as one that is asked about on the way.
//!
//! # Source
//! Gao, Schulman and Hilton, "Scaling laws for reward model overoptimization" (2023), section 3: gold against proxy while a
//! fixed reward is optimised; Christiano et al. (2017), section 3.3: rewards learned from the beginning's behaviour alone
//! are exploited later.

use super::gold::Variant;

/// Rewards that are compared, and what makes them.
pub const VARIANTS: &[Variant] = &[
    (
        "asked once",
        &[
            "preferences.queries.labels=40",
            "preferences.queries.first=40",
            "preferences.network=(members: 1)",
        ],
    ),
    (
        "asked once, mean less one deviation of five",
        &[
            "preferences.queries.labels=40",
            "preferences.queries.first=40",
            "preferences.combine=Cautious(1.0)",
            "preferences.network=(members: 5)",
        ],
    ),
    ("asked throughout", &["preferences.network=(members: 1)"]),
];
