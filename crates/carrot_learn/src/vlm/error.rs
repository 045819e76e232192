//! What can go wrong with an image-text model.

use std::path::{Path, PathBuf};

use crate::LearnError;

/// An error of an image-text model.
#[derive(Debug, thiserror::Error)]
pub enum VlmError {
    /// A file of the model's folder that cannot be used.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the way out.
        message: String,
    },
    /// A text that does not fit.
    #[error("a prompt is {tokens} tokens long, and the model reads {most}: shorten \"{text}\"")]
    TooLong {
        /// Its beginning.
        text: String,
        /// Its length in tokens.
        tokens: usize,
        /// The model's limit.
        most: usize,
    },
    /// Pictures whose buffer does not hold what was said.
    #[error("{given} bytes are no {pictures} pictures of {height} by {width} pixels")]
    Pictures {
        /// Bytes given.
        given: usize,
        /// Pictures said.
        pictures: usize,
        /// Their height.
        height: usize,
        /// Their width.
        width: usize,
    },
    /// libtorch refused.
    #[error(transparent)]
    Learn(#[from] LearnError),
}

impl VlmError {
    pub(crate) fn file(path: &Path, message: impl Into<String>) -> Self {
        Self::File { path: path.into(), message: message.into() }
    }
}

impl From<tch::TchError> for VlmError {
    fn from(error: tch::TchError) -> Self {
        Self::Learn(error.into())
    }
}
