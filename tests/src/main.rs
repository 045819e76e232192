//! What holds across crates. `CARROT_FULL=1` (`cargo xtask test --full`) runs the long counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audits;
mod expressions;
mod faults;
mod learned;
mod learning;
mod ledger;
mod machines;
mod optima;
mod parity;
mod pictures;
mod pixels;
mod played;
mod preferences;
mod relabelling;
mod replay;
mod rescoring;
mod scenario_mistakes;
mod scenarios;
mod scenes;
mod setups;
mod shards;
mod storing;
mod together;
mod weights;
