//! The window: see what a reward does, live, on every task.
//!
//! [`session`] is what a person looks at, without any graphics. [`desk`] holds it between two frames and does what
//! every [`action::Action`] asks for. [`panels`] are functions of data, [`views`] makes that data, [`layout`] puts
//! the panels together. [`window`] lends all of it a screen.

pub mod action;
pub mod desk;
pub mod field;
pub mod film;
pub mod hand;
pub mod keys;
pub mod labels;
pub mod launch;
pub mod layout;
pub mod marks;
pub mod panels;
pub mod runs;
pub mod session;
pub mod shelf;
pub mod sketch;
pub mod solid;
pub mod theme;
pub mod tiles;
pub mod views;
pub mod window;
