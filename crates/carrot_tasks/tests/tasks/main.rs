//! What the tasks promise: parity with Gymnasium and MiniGrid, truth, scripts and the behaviour of a batch.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says what it needs")]

mod batch;
mod check;
mod control;
mod fixtures;
mod layouts;
mod manipulation;
mod mdp;
mod minigrid;
mod pendulums;
mod rewards;
mod robots;
mod scripts;
mod tables;
