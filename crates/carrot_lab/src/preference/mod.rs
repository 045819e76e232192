//! Rewards from preferences, beside a training: which pairs are asked, who answers, what is kept on disk.

mod config;
mod queue;
mod rounds;
mod segments;
mod store;
mod takes;

pub use carrot_learn::preference::{Pair, Segment};
pub(crate) use config::model_name;
pub use config::{Annotator, PreferenceConfig, QueryConfig};
pub use queue::PairQueue;
pub use rounds::{News, Preferences};
pub(crate) use store::PreferenceStore;
pub use store::{BadLine, Label, LabelReader, LabelWriter, PreferencePaths, Says};
pub use takes::{PairTakes, Take};
