//! The kinds that ship: one file each, with parameters, formula and the page that says when it misleads.

mod alive;
mod distance;
mod effort;
mod event;
mod expr;
mod model;
mod progress;
mod state_cost;
mod threshold;
mod time_penalty;
mod tolerance;
mod truth;
mod vlm;

pub use alive::Alive;
pub use distance::Distance;
pub use effort::Effort;
pub use event::{EndFlag, Event, Trigger};
pub use expr::Expr;
pub use model::Model;
pub use progress::Progress;
pub use state_cost::StateCost;
pub use threshold::Threshold;
pub use time_penalty::TimePenalty;
pub use tolerance::{Sigmoid, Tolerance};
pub use truth::{Truth, TruthSource};
pub use vlm::{SHIPPED, Vlm};

use crate::kind::KindRegistry;

impl KindRegistry {
    /// All kinds that ship, in evaluation order.
    pub fn standard() -> Self {
        Self::default()
            .with::<Event>()
            .with::<Threshold>()
            .with::<Tolerance>()
            .with::<Distance>()
            .with::<Progress>()
            .with::<Effort>()
            .with::<StateCost>()
            .with::<Alive>()
            .with::<TimePenalty>()
            .with::<Expr>()
            .with::<Truth>()
            .with::<Model>()
            .with::<Vlm>()
    }
}
