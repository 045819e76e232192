//! What can go wrong when rewards are finalised or scored again.

/// Errors of rewards.
#[derive(Debug, thiserror::Error)]
pub enum RewardError {
    /// A term names a model that is not there.
    #[error("the run offers no reward model `{0}`")]
    NoModel(String),
    /// A model reads a signal that the task does not have.
    #[error("the reward model reads the signal `{0}`, which the task does not have")]
    NoSignal(String),
    /// A deferred term needs signals, but the batch does not keep them.
    #[error("deferred terms need the signals of every step; build the batch with `keep_signals`")]
    NoSignals,
    /// A term asks about pictures where there are none.
    #[error("the reward asks `{0}` about pictures, and nobody took any of these steps")]
    NoPictures(String),
    /// A term asks about pictures, and the model of that name cannot see.
    #[error("`{0}` is no image-text model: it cannot be asked about pictures")]
    NoEyes(String),
    /// A model could not be evaluated.
    #[error("the reward model `{name}` failed: {why}")]
    Model {
        /// Name of the model.
        name: String,
        /// Its own words.
        why: String,
    },
    /// A revision names a parameter that no term declares.
    #[error("no term of this reward declares the parameter `{0}`")]
    NoParam(String),
    /// A parameter outside of its declared range.
    #[error("the parameter `{name}` cannot be {value}: it is declared in {low}..{high}")]
    ParamRange {
        /// Name.
        name: String,
        /// Value asked for.
        value: f32,
        /// Lowest value.
        low: f32,
        /// Highest value.
        high: f32,
    },
    /// A recorded step names a revision that is not there.
    #[error("the run has no revision {0}")]
    NoRevision(u32),
    /// A recorded episode whose columns do not fit together.
    #[error("the recorded episode has {given} {what}, expected {expected}")]
    Shape {
        /// What does not fit.
        what: &'static str,
        /// Numbers found.
        given: usize,
        /// Numbers needed.
        expected: usize,
    },
}
