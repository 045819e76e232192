//! The four rewards of a task from the terms of three.

/// `sparse`, `shaped`, `naive` and `mixed` from three groups of terms: shaped is sparse and the shaping terms,
/// mixed is everything.
macro_rules! four_rewards {
    (
        sparse: $sparse_about:literal, $sparse:literal,
        shaped: $shaped_about:literal, $shaped:expr,
        naive: $naive_about:literal, $naive:literal, farmed_by $script:literal,
        mixed: $mixed_about:literal $(,)?
    ) => {
        [
            carrot_sim::DefaultReward {
                name: "sparse",
                about: $sparse_about,
                ron: concat!("[\n", $sparse, "\n]"),
                farmed_by: None,
            },
            carrot_sim::DefaultReward {
                name: "shaped",
                about: $shaped_about,
                ron: concat!("[\n", $sparse, "\n", $shaped, "\n]"),
                farmed_by: None,
            },
            carrot_sim::DefaultReward {
                name: "naive",
                about: $naive_about,
                ron: concat!("[\n", $naive, "\n]"),
                farmed_by: Some($script),
            },
            carrot_sim::DefaultReward {
                name: "mixed",
                about: $mixed_about,
                ron: concat!("[\n", $sparse, "\n", $shaped, "\n", $naive, "\n]"),
                farmed_by: None,
            },
        ]
    };
}

pub(super) use four_rewards;
