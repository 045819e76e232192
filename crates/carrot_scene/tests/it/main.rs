//! What a scene file says, seen from outside of the crate.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says what it needs")]

mod edits;
mod mistakes;
mod mutations;
mod pages;
mod reading;

use carrot_scene::{Diagnostics, SceneSpec, Source};

/// A scene without mistakes, with comments in many places.
const SCENE: &str = r#"// A car that must climb.
(
    version: 1,
    task: "MountainCar-v0", // the classic
    batch: (num_envs: 64, num_steps: 128, shards: 2, seed: 7),
    randomisation: (power: (0.8, 1.2)),
    reward: [
        // every step costs
        (name: "time", weight: -1.0, kind: Constant),
        (name: "goal", weight: 100, kind: Reached(signal: "position", bounds: (0.5, 0.6))),
    ],
    shadows: {
        "truth": "sparse",
        "mine": [(name: "speed", kind: Square(signal: "velocity"))],
    },
    learner: Ppo(
        gamma: 0.99, /* as the task */
        total_steps: 200_000
    ),
    evaluation: (episodes: 20),
)
"#;

fn scene() -> Source {
    Source::new("scenes/car.ron", SCENE)
}

fn read(text: &str, overrides: &[&str]) -> Result<SceneSpec, Diagnostics> {
    SceneSpec::read(&Source::new("scene.ron", text), overrides)
}
