//! One rapier world per row: scenes built once, reset by cloning, stepped, measured and snapshotted.
//!
//! A [`SceneBuilder`] says what a scene consists of and ends in a [`Template`], which every row shares.
//! A [`PhysicsRow`] is one running copy of it, a component of one env row.
//! Handles ([`BodyId`], [`MotorId`], [`SiteId`], [`WatchId`]) are looked up by name once and hold for every row.
//!
//! ```
//! use carrot_physics::{Bench, HandSpec};
//!
//! let mut bench = Bench::new(HandSpec::SOLVER, Bench::FRICTION)?;
//! let hand = HandSpec::default().add_to(&mut bench)?;
//! let mut row = bench.build().row();
//! hand.drive(&mut row, [0.1, 0.0, 0.0], 0.05);
//! row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
//! assert!(row.site_velocity(hand.tool)[0] > 0.0);
//! # Ok::<(), carrot_physics::PhysicsError>(())
//! ```
//!
//! # Units
//! SI: metres, radians, seconds, kilograms, newtons, newton metres, joules. The z axis points up.
//!
//! Nothing outside this crate names rapier: positions are `[f32; 3]`, rotations unit quaternions `[x, y, z, w]`.

mod arm;
mod bench;
mod contacts;
mod convert;
mod error;
mod hand;
mod hinge;
mod row;
mod scene;
mod snapshot;
mod spec;
mod totals;
mod urdf;

pub use arm::{Arm, ArmSpec};
pub use bench::{Bench, BoxSpec, CubeSpec, Slider, SliderSpec, Solid};
pub use contacts::ContactPoint;
pub use error::PhysicsError;
pub use hand::{Grip, Hand, HandSpec};
pub use row::PhysicsRow;
pub use scene::{BodyId, ColliderId, MotorId, SceneBuilder, SiteId, Template, WatchId};
pub use spec::{
    Axis, BodySpec, ColliderSpec, Drive, HingeSpec, JointSpec, Motion, MotorSpec, PlacedShape, Shape,
    SlideSpec, SolverConfig,
};
pub use totals::{ContactTotals, MotorTotals};
pub use urdf::{
    Collision, Geometry, Hull, Inertial, Joint, JointKind, Link, Origin, RobotModel, UrdfError, UrdfMistake,
    UrdfMistakes,
};
