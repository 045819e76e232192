//! Learners on small problems whose best policy is known.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says what it needs")]

mod matching;
mod ppo;
mod recall;
mod replay;
mod resume;
mod storing;
mod vlm;
