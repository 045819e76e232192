//! Assembly: from a scene to shards, training, resume, evaluation, re-scoring and reports.
//!
//! [`Setup`] is a scene with every name resolved; [`Trainer`] is a setup under way; a run folder is what
//! remains of it. Nothing here prints.

pub mod audit;
pub mod bench;
pub mod decomposition;
pub mod demo;
pub mod doctor;
mod error;
pub mod evaluate;
pub mod fit;
pub mod imitation;
mod learned;
pub mod mdp;
mod metrics;
pub mod models;
pub mod novelty;
pub mod played;
pub mod preference;
pub mod randomisation;
mod recorder;
pub mod report;
pub mod rescore;
mod run;
pub mod saved;
pub mod scenario;
mod seen;
mod setup;
mod trainer;
mod versions;
pub mod vlm;

pub use carrot_learn::Device;
pub use carrot_record::RecordError;
pub use carrot_scene::{Diagnostics, SceneSpec, Source};
pub use error::{LabError, RunWarning};
pub use recorder::EpisodeRecorder;
pub use run::{Run, RunOptions};
pub use setup::{ModelFiles, Setup};
pub use trainer::{Trainer, UpdateReport};
pub use versions::PublishedVersion;
