//! Manipulation: a motor-driven hand over a table, in rapier.

pub mod reach;
