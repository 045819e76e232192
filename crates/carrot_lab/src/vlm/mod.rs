//! Pictures and words: captions, and a small model that is taught them.

pub mod captions;
pub mod pictures;
pub mod train;
