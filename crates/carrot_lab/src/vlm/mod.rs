//! Pictures and words: captions, and a small model that is taught them.

pub mod agreement;
pub mod captions;
pub mod import;
pub mod pictures;
pub mod scorer;
pub mod shipped;
pub mod skill;
pub mod train;
