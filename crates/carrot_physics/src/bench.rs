//! A workbench: a table, and what lies, stands or slides on it; manipulators add themselves to it.

use std::sync::Arc;

use crate::error::{PhysicsError, positive};
use crate::scene::{BodyId, ColliderId, MotorId, SceneBuilder, Template};
use crate::spec::{
    BodySpec, ColliderSpec, Drive, JointSpec, Motion, MotorSpec, Shape, SlideSpec, SolverConfig,
};

/// A cube that lies on the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CubeSpec {
    /// Length of an edge (m).
    pub edge: f32,
    /// Mass (kg).
    pub mass: f32,
}

impl Default for CubeSpec {
    fn default() -> Self {
        Self { edge: 0.05, mass: 0.1 }
    }
}

/// A box as part of a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxSpec {
    /// Its centre in the body's frame (m).
    pub offset: [f32; 3],
    /// Half of each edge (m).
    pub half_extents: [f32; 3],
}

/// A body that slides along one axis and never turns: a drawer, a button.
#[derive(Debug, Clone, PartialEq)]
pub struct SliderSpec {
    /// Where its origin is at displacement zero, in the frame of what it slides in (m).
    pub position: [f32; 3],
    /// 0, 1 or 2: along x, y or z.
    pub axis: usize,
    /// Least and greatest displacement (m).
    pub limits: [f32; 2],
    /// What holds it. A velocity of zero with a limited force is dry friction, a position a spring.
    pub hold: Drive,
    /// The largest force of that (N).
    pub max_force: f32,
    /// Mass (kg), spread evenly over the boxes.
    pub mass: f32,
    /// Its parts.
    pub boxes: Vec<BoxSpec>,
}

/// A body with its colliders.
#[derive(Debug, Clone, PartialEq)]
pub struct Solid {
    /// The body.
    pub body: BodyId,
    /// Its parts.
    pub colliders: Vec<ColliderId>,
}

/// A [`SliderSpec`] in a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Slider {
    /// The body with its parts.
    pub solid: Solid,
    /// Its axis.
    pub motor: MotorId,
}

/// A scene under construction: a table, whose top is z = 0, and all that was added to it.
pub struct Bench {
    /// The scene itself.
    pub scene: SceneBuilder,
    /// The table.
    pub table: BodyId,
    /// The table's collider.
    pub table_top: ColliderId,
    friction: f32,
}

impl Bench {
    /// Collision group of the table and of everything fixed.
    pub const FIXED: u32 = 1;
    /// Collision group of manipulators; their parts never meet each other.
    pub const MANIPULATOR: u32 = 2;
    /// Collision group of things that move freely.
    pub const OBJECT: u32 = 4;
    /// Collision group of sliders, whose rails keep them clear of everything fixed.
    pub const SLIDER: u32 = 8;
    /// Friction between most hard things and the pads of a gripper.
    pub const FRICTION: f32 = 0.8;
    /// Half the table's edge (m): a thing that is flung still lands on it.
    pub const TABLE_HALF: f32 = 1.0;

    const TABLE_DEPTH: f32 = 0.2;

    /// An empty table, with one friction for every surface.
    ///
    /// # Errors
    /// [`PhysicsError::BadNumber`] for settings that physics cannot work with.
    pub fn new(config: SolverConfig, friction: f32) -> Result<Self, PhysicsError> {
        let mut scene = SceneBuilder::new(config)?;
        let table = scene.body("table", BodySpec::at(Motion::Fixed, [0.0, 0.0, -Self::TABLE_DEPTH]))?;
        let top = Shape::Cuboid { half_extents: [Self::TABLE_HALF, Self::TABLE_HALF, Self::TABLE_DEPTH] };
        let movable = Self::MANIPULATOR | Self::OBJECT;
        let top = ColliderSpec {
            friction,
            groups: Self::FIXED,
            collides_with: movable,
            ..ColliderSpec::new(top, 1.0)
        };
        let table_top = scene.collider(table, top)?;
        Ok(Self { scene, table, table_top, friction })
    }

    /// A solid part in a group, with the bench's friction, that meets the groups it has to.
    pub fn part(&self, shape: Shape, mass: f32, group: u32) -> ColliderSpec {
        let collides_with = match group {
            Self::MANIPULATOR => Self::FIXED | Self::OBJECT | Self::SLIDER,
            Self::OBJECT => Self::FIXED | Self::MANIPULATOR | Self::OBJECT | Self::SLIDER,
            _ => Self::MANIPULATOR | Self::OBJECT,
        };
        ColliderSpec {
            friction: self.friction,
            groups: group,
            collides_with,
            ..ColliderSpec::new(shape, mass)
        }
    }

    /// A point of the world in the table's frame, which is where joints to the table are anchored (m).
    pub fn anchor(&self, [x, y, z]: [f32; 3]) -> [f32; 3] {
        [x, y, z + Self::TABLE_DEPTH]
    }

    fn boxes(
        &mut self,
        body: BodyId,
        boxes: &[BoxSpec],
        mass: f32,
        group: u32,
    ) -> Result<Solid, PhysicsError> {
        let each = mass / boxes.len() as f32;
        let mut colliders = Vec::new();
        for &BoxSpec { offset, half_extents } in boxes {
            let part = self.part(Shape::Cuboid { half_extents }, each, group);
            colliders.push(self.scene.collider(body, ColliderSpec { offset, ..part })?);
        }
        Ok(Solid { body, colliders })
    }

    /// Lays a cube on the table.
    ///
    /// # Errors
    /// A name that is taken, an edge or a mass that is not above 0; the same below.
    pub fn cube(&mut self, name: &str, spec: CubeSpec, at: [f32; 2]) -> Result<Solid, PhysicsError> {
        positive("a cube's edge", spec.edge)?;
        let half = spec.edge / 2.0;
        let body = self.scene.body(name, BodySpec::at(Motion::Dynamic, [at[0], at[1], half]))?;
        let whole = BoxSpec { offset: [0.0; 3], half_extents: [half; 3] };
        self.boxes(body, &[whole], spec.mass, Self::OBJECT)
    }

    /// Adds something that never moves.
    ///
    /// # Errors
    /// See [`Bench::cube`].
    pub fn fixture(
        &mut self,
        name: &str,
        position: [f32; 3],
        boxes: &[BoxSpec],
    ) -> Result<Solid, PhysicsError> {
        let body = self.scene.body(name, BodySpec::at(Motion::Fixed, position))?;
        self.boxes(body, boxes, 1.0, Self::FIXED)
    }

    /// Adds something that slides in a fixture; its motor has its name.
    ///
    /// # Errors
    /// See [`Bench::cube`].
    pub fn slider(&mut self, name: &str, fixture: &Solid, spec: &SliderSpec) -> Result<Slider, PhysicsError> {
        let base = self.scene.position(fixture.body);
        let start = std::array::from_fn(|i| base[i] + spec.position[i]);
        let body = self.scene.body(name, BodySpec::at(Motion::DynamicUpright, start))?;
        let solid = self.boxes(body, &spec.boxes, spec.mass, Self::SLIDER)?;
        let motor = MotorSpec { name: name.into(), drive: spec.hold, max_force: spec.max_force };
        let slide = SlideSpec { limits: spec.limits, motor: Some(motor) };
        let mut slides = [None, None, None];
        if let Some(axis) = slides.get_mut(spec.axis) {
            *axis = Some(slide);
        }
        self.scene.joint(fixture.body, body, JointSpec { anchor: spec.position, slides })?;
        let motor = self.scene.motor(name)?;
        Ok(Slider { solid, motor })
    }

    /// Ends the building.
    pub fn build(self) -> Arc<Template> {
        self.scene.build()
    }
}
