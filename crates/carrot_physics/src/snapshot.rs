//! The whole state of a row as bytes, exact to the bit.
//!
//! What never changes after a scene is built (solver settings, the empty sets) is left out and comes
//! from the row's own template, so a snapshot can be restored only into a row of the same scene.

use rapier3d::prelude::{
    BroadPhaseBvh, CCDSolver, ColliderSet, CollisionPipeline, ImpulseJointSet, IslandManager,
    MultibodyJointSet, NarrowPhase, PhysicsPipeline, RigidBodySet,
};
use serde::{Deserialize, Serialize};

use crate::convert::{array, vector};
use crate::error::PhysicsError;
use crate::row::PhysicsRow;
use crate::totals::{ContactTotals, MotorTotals};

#[derive(Serialize)]
struct StateRef<'a> {
    islands: &'a IslandManager,
    broad_phase: &'a BroadPhaseBvh,
    narrow_phase: &'a NarrowPhase,
    bodies: &'a RigidBodySet,
    colliders: &'a ColliderSet,
    impulse_joints: &'a ImpulseJointSet,
    multibody_joints: &'a MultibodyJointSet,
    contacts: &'a [ContactTotals],
    motors: &'a [MotorTotals],
    diverged: bool,
    gravity: [f32; 3],
    strength: f32,
}

#[derive(Deserialize)]
struct State {
    islands: IslandManager,
    broad_phase: BroadPhaseBvh,
    narrow_phase: NarrowPhase,
    bodies: RigidBodySet,
    colliders: ColliderSet,
    impulse_joints: ImpulseJointSet,
    multibody_joints: MultibodyJointSet,
    contacts: Vec<ContactTotals>,
    motors: Vec<MotorTotals>,
    diverged: bool,
    gravity: [f32; 3],
    strength: f32,
}

impl PhysicsRow {
    /// The state between two steps; [`PhysicsRow::restore`] continues from it bit for bit.
    ///
    /// # Errors
    /// [`PhysicsError::WriteSnapshot`] where rapier's state cannot be serialised.
    pub fn snapshot(&self) -> Result<Vec<u8>, PhysicsError> {
        let state = StateRef {
            islands: &self.world.islands,
            broad_phase: &self.world.broad_phase,
            narrow_phase: &self.world.narrow_phase,
            bodies: &self.world.bodies,
            colliders: &self.world.colliders,
            impulse_joints: &self.world.impulse_joints,
            multibody_joints: &self.world.multibody_joints,
            contacts: &self.contacts,
            motors: &self.motors,
            diverged: self.diverged,
            gravity: array(self.world.gravity),
            strength: self.strength,
        };
        postcard::to_allocvec(&state).map_err(PhysicsError::WriteSnapshot)
    }

    /// Takes on the state of a row of the same scene.
    ///
    /// # Errors
    /// [`PhysicsError::BadSnapshot`] for bytes of another kind or of another scene; the row stays as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), PhysicsError> {
        let bad = |reason: &str| PhysicsError::BadSnapshot(reason.into());
        let (state, rest): (State, _) =
            postcard::take_from_bytes(bytes).map_err(|error| bad(&error.to_string()))?;
        if !rest.is_empty() {
            return Err(bad("bytes are left over"));
        }
        let scene = &self.template.world;
        let same_parts = state.contacts.len() == self.contacts.len()
            && state.motors.len() == self.motors.len()
            && state.bodies.len() == scene.bodies.len()
            && scene.bodies.iter().all(|(handle, _)| state.bodies.contains(handle))
            && state.colliders.len() == scene.colliders.len()
            && scene.colliders.iter().all(|(handle, _)| state.colliders.contains(handle))
            && state.impulse_joints.len() == scene.impulse_joints.len()
            && scene.impulse_joints.iter().all(|(handle, _)| state.impulse_joints.contains(handle))
            && scene.multibody_joints.iter().count() == state.multibody_joints.iter().count()
            && scene.multibody_joints.iter().all(|(handle, ..)| state.multibody_joints.get(handle).is_some());
        if !same_parts {
            return Err(bad("its bodies, joints, motors or watches differ"));
        }
        self.world.islands = state.islands;
        self.world.broad_phase = state.broad_phase;
        self.world.narrow_phase = state.narrow_phase;
        self.world.bodies = state.bodies;
        self.world.colliders = state.colliders;
        self.world.impulse_joints = state.impulse_joints;
        self.world.multibody_joints = state.multibody_joints;
        // Workspaces remember the joints of the state that was left.
        self.world.physics_pipeline = PhysicsPipeline::new();
        self.world.collision_pipeline = CollisionPipeline::new();
        self.world.ccd_solver = CCDSolver::new();
        self.contacts = state.contacts;
        self.motors = state.motors;
        self.diverged = state.diverged;
        self.world.gravity = vector(state.gravity);
        self.strength = state.strength;
        Ok(())
    }
}
