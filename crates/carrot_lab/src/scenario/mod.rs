//! Scenarios: rollouts that a file scripts, and what it expects of them. Rewards are tested like code.
//!
//! A [`ScenarioFile`] names a task, rewards, rollouts and expectations. [`run_file`] plays each rollout once, without
//! a reward; rewards are pure, so any of them pays for the same steps afterwards, and so does each of its mutants.
//!
//! ```ron
//! (
//!     version: 1,
//!     task: "MountainCar-v0",
//!     rollouts: {
//!         "expert": (policy: "expert", envs: 4),
//!         "pushed": (policy: "idle", steps: 40, timeline: [
//!             (at: 10, do: Set("velocity", 0.05)),
//!             (when: "position > 0.2 [m]", do: Control("random")),
//!         ]),
//!     },
//!     expect: [
//!         (under: "sparse", in: "expert", always: "paid(time_penalty) == -1"),
//!         (under: "shaped", holds: "return(expert) > return(pushed)"),
//!     ],
//! )
//! ```

mod check;
mod columns;
mod expect;
mod file;
mod mutant;
mod mutation;
mod perturb;
mod play;
mod policy;
mod replay;
mod report;
mod rollout;
mod suite;
mod timeline;

pub use check::{Failure, Place, Stage, StepRow, Verdict};
pub use columns::{Columns, Paid, pay};
pub use expect::{Check, Expectation, Text};
pub use file::{Equivalent, ScenarioFile};
pub(crate) use perturb::Perturbations;
pub(crate) use rollout::read_perturbations;
pub(crate) use timeline::Timeline;

pub use mutation::{Fate, MutantFate, MutationScore, mutate};
pub use play::{Happened, Played, WeightChange, play};
pub use policy::Policy;
pub use replay::{Replay, replay};
pub use report::{file_text, junit, mutation_text};
pub use rollout::RolloutSpec;
pub use suite::{FileOutcome, find_files, run_file, run_files};
