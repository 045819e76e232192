//! Rewards as ECS: a term is an entity, a kind is one component and one system, and every float an agent
//! learns from can be taken apart again, bit for bit.
//!
//! The path of a number: a [`Kind`] writes a raw column in the step; [`Ledger::finalise`] runs stages and
//! combinators over the finished rollout under one [`Revision`]; the total is what the learner reads.
//! [`rescore()`] runs the same code over a recorded episode.

mod builder;
pub mod combine;
pub mod episode;
pub mod error;
pub mod expr;
pub mod graph;
pub mod kind;
pub mod kinds;
pub mod ledger;
pub mod machine;
mod math;
pub mod model;
pub mod norm;
mod pictures;
pub mod plugin;
pub mod question;
pub mod rescore;
pub mod revision;
pub mod score;
pub mod stage;

pub use combine::{COMBINATOR_DOCS, Combinator};
pub use episode::{EpisodeSummary, EpisodeSums};
pub use error::RewardError;
pub use graph::{Body, Graph, Node, Rate, Source};
pub use kind::{AnyKind, Kind, KindRegistry, RawSlots, RuleDoc, Scope, SignalRef, Transition};
pub use ledger::{GraphLedger, Ledger, NodeAccount, account_row, first_difference, replay_row};
pub use machine::{MACHINE_DOC, Machine, declared_machines, track};
pub use model::{Picture, PictureScorer, RewardModel, RewardModels, StepRows, input_columns};
pub use norm::NormStats;
pub use pictures::Best;
pub use plugin::{GraphRoot, RewardPlugin, Term, project};
pub use question::{Asked, Form, Frames, Question};
pub use rescore::{RecordedSteps, Rescored, rescore, score_transitions};
pub use revision::{GraphRevision, NodeRevision, Revision};
pub use score::{Columns, RolloutView, score};
pub use stage::{STAGE_DOCS, Stage, StageState};
