//! What can go wrong while learning.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// libtorch refused an operation, for example because memory ran out.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The system gave no threads.
    #[error("the learner's threads cannot be started: {0}")]
    Threads(String),
    /// A reward could not be scored again.
    #[error(transparent)]
    Reward(#[from] carrot_reward::RewardError),
    /// CUDA was asked for and is not there.
    #[error("no CUDA device: {0}")]
    NoCuda(String),
    /// An observation or action space that no network is made for.
    #[error("{0}")]
    Space(String),
    /// A setting outside of its range.
    #[error("`{field}`: {message}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What was expected.
        message: String,
    },
    /// A buffer whose length does not fit.
    #[error("{what} holds {given} values, expected {expected}")]
    Length {
        /// The buffer.
        what: &'static str,
        /// Values it holds.
        given: usize,
        /// Values that fit.
        expected: usize,
    },
    /// A saved part that cannot be loaded; nothing was changed.
    #[error("checkpoint part `{part}`: {message}")]
    Checkpoint {
        /// The part.
        part: String,
        /// What is wrong with it.
        message: String,
    },
}

impl LearnError {
    pub(crate) fn checkpoint(part: &str, message: impl std::fmt::Display) -> Self {
        Self::Checkpoint { part: part.into(), message: message.to_string() }
    }

    /// True when libtorch could not get memory, on the CPU or on a GPU.
    pub fn is_out_of_memory(&self) -> bool {
        let words = ["out of memory", "can't allocate memory", "not enough memory"];
        matches!(self, Self::Torch(error) if words.iter().any(|words| error.to_string().contains(words)))
    }

    /// Refuses a buffer whose length does not fit.
    pub(crate) fn expect_len(what: &'static str, given: usize, expected: usize) -> Result<(), Self> {
        if given == expected { Ok(()) } else { Err(Self::Length { what, given, expected }) }
    }
}
