//! What moves over the table at an agent's command; tasks know nothing else of it.

use bevy_ecs::prelude::Resource;
use carrot_physics::{Bench, ColliderId, Hand, HandSpec, PhysicsError, PhysicsRow, SiteId};
use carrot_sim::ActionSpace;

/// Speed of the hand that an action of 1 commands, m/s.
pub const TOP_SPEED: f32 = 0.5;
/// Opening of the fingers that an action of 1 commands, m.
pub const OPENING: f32 = 0.08;

/// Which manipulator a scene is built with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ManipulatorSpec {
    /// The Cartesian hand.
    Hand(HandSpec),
}

/// A manipulator in a built scene, the same for every row.
#[derive(Resource, Debug, Clone)]
pub enum Manipulator {
    /// The Cartesian hand.
    Hand(Hand),
}

impl ManipulatorSpec {
    /// Adds the manipulator to a scene.
    ///
    /// # Errors
    /// Where its numbers are none that physics can work with.
    pub fn add_to(&self, bench: &mut Bench) -> Result<Manipulator, PhysicsError> {
        match self {
            Self::Hand(spec) => spec.add_to(bench).map(Manipulator::Hand),
        }
    }
}

impl Manipulator {
    /// What an agent may command; blocked fingers take no command.
    pub fn action(&self) -> ActionSpace {
        let Self::Hand(hand) = self;
        let width = if hand.fingers.is_some() { 4 } else { 3 };
        ActionSpace::Continuous {
            names: ["vx", "vy", "vz", "grip"][..width].iter().map(|name| name.to_string()).collect(),
            units: ["0.5 m/s", "0.5 m/s", "0.5 m/s", ""][..width]
                .iter()
                .map(|unit| unit.to_string())
                .collect(),
            low: vec![-1.0; width],
            high: vec![1.0; width],
        }
    }

    /// Commands one row for one step; `action` is within the space.
    #[inline]
    pub fn drive(&self, row: &mut PhysicsRow, action: &[f32]) {
        let Self::Hand(hand) = self;
        let velocity = [action[0], action[1], action[2]].map(|a| a * TOP_SPEED);
        let opening = action.get(3).map_or(0.0, |grip| (grip + 1.0) * 0.5 * OPENING);
        hand.drive(row, velocity, opening);
    }

    /// The point between the fingertips.
    pub fn tool(&self) -> SiteId {
        let Self::Hand(hand) = self;
        hand.tool
    }

    /// Distance between the fingers' inner faces, m.
    pub fn opening(&self, row: &PhysicsRow) -> f32 {
        let Self::Hand(hand) = self;
        hand.opening(row)
    }

    /// Whether any part touches the table.
    pub fn touches_table(&self, row: &PhysicsRow) -> bool {
        let Self::Hand(hand) = self;
        row.contact(hand.table_contact).touching
    }

    /// The parts that may touch things, to watch their contacts.
    pub fn parts(&self) -> &[ColliderId] {
        let Self::Hand(hand) = self;
        &hand.parts
    }
}
