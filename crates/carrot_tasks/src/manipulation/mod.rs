//! Manipulation: a motor-driven hand over a table, in rapier.
//!
//! [`reach`] is the smallest task. What tasks share is in [`tabletop`] (systems), [`signals`], [`goal`] and
//! [`manipulator`].

pub mod button_press;
pub mod cube;
pub mod drawer_open;
pub mod goal;
pub mod manipulator;
pub mod peg_insert;
pub mod pick_place;
pub mod push;
pub mod reach;
pub mod script;
pub mod signals;
pub mod stack;
pub mod tabletop;
