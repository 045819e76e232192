//! What each task is: spaces, signals, dynamics, ends, truth, rewards, scripts and drawing.
//!
//! One file holds one task. [`control::cart_pole`] is the smallest and shows the shape of all others:
//! a [`TaskSpec`](carrot_sim::TaskSpec), state columns, one system per set of the step, scripts, a drawing.

use std::sync::Arc;

use carrot_sim::Task;

pub mod control;
mod drawing;
pub mod gridworld;
pub mod manipulation;
pub mod math;
mod params;

pub use params::{BuiltTask, read_task};

/// Builds a task.
type BuildTask = fn() -> Arc<dyn Task>;

/// Every task, in the order in which lists show them.
const TASKS: &[(&str, BuildTask)] = &[
    (control::cart_pole::NAME, || Arc::new(control::cart_pole::CartPole::default())),
    (control::mountain_car::NAME, || Arc::new(control::mountain_car::MountainCar::default())),
    (control::mountain_car_continuous::NAME, || {
        Arc::new(control::mountain_car_continuous::MountainCarContinuous::default())
    }),
    (control::pendulum::NAME, || Arc::new(control::pendulum::Pendulum::default())),
    (control::acrobot::NAME, || Arc::new(control::acrobot::Acrobot::default())),
    (control::reacher::NAME, || Arc::new(control::reacher::Reacher::default())),
    (control::ball_balance::NAME, || Arc::new(control::ball_balance::BallBalance::default())),
    (control::hopper::NAME, || Arc::new(control::hopper::Hopper::default())),
    (gridworld::empty::NAME, || Arc::new(gridworld::empty::task())),
    (gridworld::door_key::NAME_8X8, || Arc::new(gridworld::door_key::task_8x8())),
    (gridworld::door_key::NAME_16X16, || Arc::new(gridworld::door_key::task_16x16())),
    (gridworld::four_rooms::NAME, || Arc::new(gridworld::four_rooms::task())),
    (gridworld::lava_gap::NAME, || Arc::new(gridworld::lava_gap::task())),
    (gridworld::lava_crossing::NAME, || Arc::new(gridworld::lava_crossing::task())),
    (gridworld::multi_room::NAME, || Arc::new(gridworld::multi_room::task())),
    (gridworld::unlock::NAME, || Arc::new(gridworld::unlock::task())),
    (gridworld::key_corridor::NAME, || Arc::new(gridworld::key_corridor::task())),
    (gridworld::dynamic_obstacles::NAME, || {
        Arc::new(gridworld::dynamic_obstacles::DynamicObstacles::default())
    }),
    (gridworld::tabular::frozen_lake::NAME_4X4, || Arc::new(gridworld::tabular::frozen_lake::task_4x4())),
    (gridworld::tabular::frozen_lake::NAME_8X8, || Arc::new(gridworld::tabular::frozen_lake::task_8x8())),
    (gridworld::tabular::cliff_walking::NAME, || Arc::new(gridworld::tabular::cliff_walking::task())),
    (gridworld::tabular::taxi::NAME, || Arc::new(gridworld::tabular::taxi::task())),
    (manipulation::reach::NAME, || Arc::new(manipulation::reach::Reach::default())),
    (manipulation::push::NAME, || Arc::new(manipulation::push::Push::default())),
    (manipulation::pick_place::NAME, || Arc::new(manipulation::pick_place::PickPlace::default())),
    (manipulation::button_press::NAME, || Arc::new(manipulation::button_press::ButtonPress::default())),
    (manipulation::drawer_open::NAME, || Arc::new(manipulation::drawer_open::DrawerOpen::default())),
    (manipulation::stack::NAME, || Arc::new(manipulation::stack::Stack::default())),
    (manipulation::peg_insert::NAME, || Arc::new(manipulation::peg_insert::PegInsert::default())),
];

/// Names of all tasks.
pub fn task_names() -> Vec<&'static str> {
    TASKS.iter().map(|(name, _)| *name).collect()
}

/// A task by name.
pub fn build_task(name: &str) -> Option<Arc<dyn Task>> {
    TASKS.iter().find(|(known, _)| *known == name).map(|(_, build)| build())
}

/// Documentation of a task in Gymnasium's sections, as Markdown.
pub fn task_docs(name: &str) -> Option<&'static str> {
    build_task(name).map(|task| task.spec().docs)
}
