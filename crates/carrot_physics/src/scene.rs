//! Building a scene from its parts, and the template that its rows are cloned from.

use std::sync::Arc;

use rapier3d::prelude::{
    ColliderBuilder, ColliderHandle, GenericJoint, Group, ImpulseJointHandle, InteractionGroups,
    InteractionTestMode, JointAxesMask, JointAxis, JointLimits, JointMotor, MotorModel, MultibodyJointHandle,
    PhysicsWorld, RigidBodyBuilder, RigidBodyHandle,
};

use crate::convert::{array, pose, vector};
use crate::error::{PhysicsError, finite, positive};
use crate::row::PhysicsRow;
use crate::spec::{
    Axis, BodySpec, ColliderSpec, Drive, JointSpec, Motion, MotorSpec, PlacedShape, Shape, SolverConfig,
};

/// A body of the scene; the same in every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyId(pub(crate) RigidBodyHandle);

/// A collider of the scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColliderId(pub(crate) ColliderHandle);

/// A motor on one axis of a joint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MotorId(pub(crate) usize);

/// A named point fixed to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteId(pub(crate) usize);

/// A watched pair of collider groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchId(pub(crate) usize);

/// The joint that a motor drives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MotorJoint {
    /// Between two bodies of their own.
    Impulse(ImpulseJointHandle),
    /// Within an articulated body.
    Multibody(MultibodyJointHandle),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Motor {
    pub(crate) joint: MotorJoint,
    pub(crate) axis: usize,
    pub(crate) drive: Drive,
    pub(crate) max_force: f32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) body: RigidBodyHandle,
    pub(crate) offset: [f32; 3],
}

#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) first: Vec<ColliderHandle>,
    pub(crate) second: Vec<ColliderHandle>,
}

/// Parts with unique names, in order of insertion.
struct Named<T> {
    kind: &'static str,
    names: Vec<String>,
    parts: Vec<T>,
}

impl<T: Copy> Named<T> {
    fn new(kind: &'static str) -> Self {
        Self { kind, names: Vec::new(), parts: Vec::new() }
    }

    fn insert(&mut self, name: &str, part: T) -> Result<(), PhysicsError> {
        if self.names.iter().any(|known| known == name) {
            return Err(PhysicsError::DuplicateName { kind: self.kind, name: name.into() });
        }
        self.names.push(name.into());
        self.parts.push(part);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<T, PhysicsError> {
        let position = self.names.iter().position(|known| known == name);
        position.map(|at| self.parts[at]).ok_or_else(|| PhysicsError::UnknownName {
            kind: self.kind,
            name: name.into(),
            known: self.names.join(", "),
        })
    }
}

/// A built scene: what every row of it starts from and shares.
///
/// It is never stepped, so that a row cloned from it continues exactly as a freshly built world would.
pub struct Template {
    pub(crate) world: PhysicsWorld,
    pub(crate) motors: Vec<Motor>,
    pub(crate) sites: Vec<Site>,
    pub(crate) watches: Vec<Watch>,
    /// Moving bodies, in order of insertion.
    pub(crate) dynamic: Vec<RigidBodyHandle>,
    shapes: Vec<PlacedShape>,
    bodies: Named<BodyId>,
    motor_names: Named<MotorId>,
    site_names: Named<SiteId>,
    watch_names: Named<WatchId>,
}

impl Template {
    /// A new row in the scene's first state.
    pub fn row(self: &Arc<Self>) -> PhysicsRow {
        PhysicsRow::new(Arc::clone(self))
    }

    /// The body of this name.
    ///
    /// # Errors
    /// [`PhysicsError::UnknownName`]; also below.
    pub fn body(&self, name: &str) -> Result<BodyId, PhysicsError> {
        self.bodies.find(name)
    }

    /// The motor of this name.
    ///
    /// # Errors
    /// See [`Template::body`].
    pub fn motor(&self, name: &str) -> Result<MotorId, PhysicsError> {
        self.motor_names.find(name)
    }

    /// The site of this name.
    ///
    /// # Errors
    /// See [`Template::body`].
    pub fn site(&self, name: &str) -> Result<SiteId, PhysicsError> {
        self.site_names.find(name)
    }

    /// The watched pair of this name.
    ///
    /// # Errors
    /// See [`Template::body`].
    pub fn watch(&self, name: &str) -> Result<WatchId, PhysicsError> {
        self.watch_names.find(name)
    }

    /// The name of a body.
    pub fn body_name(&self, body: BodyId) -> &str {
        let at = self.bodies.parts.iter().position(|&part| part == body);
        at.map_or("", |at| &self.bodies.names[at])
    }

    /// The bodies that move, in order of insertion, with their names.
    pub fn moving(&self) -> impl Iterator<Item = (BodyId, &str)> {
        self.dynamic.iter().map(|&handle| (BodyId(handle), self.body_name(BodyId(handle))))
    }

    /// Every collider, in order of insertion.
    pub fn shapes(&self) -> &[PlacedShape] {
        &self.shapes
    }
}

/// Collects the parts of a scene.
pub struct SceneBuilder {
    pub(crate) template: Template,
}

impl SceneBuilder {
    /// An empty scene.
    ///
    /// # Errors
    /// [`PhysicsError::BadNumber`] for a gravity that is not finite or a length unit that is not above 0.
    pub fn new(config: SolverConfig) -> Result<Self, PhysicsError> {
        finite("gravity", &config.gravity)?;
        positive("length_unit", config.length_unit)?;
        positive("iterations", config.iterations as f32)?;
        positive("sweeps", config.sweeps as f32)?;
        positive("contact_frequency", config.contact_frequency)?;
        let mut world = PhysicsWorld::new();
        world.gravity = vector(config.gravity);
        let parameters = &mut world.integration_parameters;
        parameters.num_solver_iterations = config.iterations;
        parameters.num_internal_pgs_iterations = config.sweeps;
        parameters.num_internal_stabilization_iterations = config.sweeps;
        parameters.length_unit = config.length_unit;
        parameters.contact_softness.natural_frequency = config.contact_frequency;
        parameters.contact_recycling = config.recycle_contacts;
        // Without it a joint under load sags by what one sweep leaves over, at every step.
        parameters.warmstart_joints = true;
        // Held only after positions were integrated, a pinched cube creeps out of the fingers by millimetres
        // a second.
        parameters.friction_in_bias_pass = true;
        Ok(Self {
            template: Template {
                world,
                motors: Vec::new(),
                sites: Vec::new(),
                watches: Vec::new(),
                dynamic: Vec::new(),
                shapes: Vec::new(),
                bodies: Named::new("body"),
                motor_names: Named::new("motor"),
                site_names: Named::new("site"),
                watch_names: Named::new("watch"),
            },
        })
    }

    /// Adds a body.
    ///
    /// # Errors
    /// A name that is taken, a pose that is not finite.
    pub fn body(&mut self, name: &str, spec: BodySpec) -> Result<BodyId, PhysicsError> {
        finite("a body's position", &spec.position)?;
        finite("a body's rotation", &spec.rotation)?;
        let builder = match spec.motion {
            Motion::Fixed => RigidBodyBuilder::fixed(),
            Motion::Dynamic => RigidBodyBuilder::dynamic(),
            Motion::DynamicUpright => RigidBodyBuilder::dynamic().lock_rotations(),
            Motion::DynamicPlanar(normal) => {
                let [x, y, z] = [Axis::X, Axis::Y, Axis::Z].map(|axis| axis == normal);
                RigidBodyBuilder::dynamic().enabled_translations(!x, !y, !z).enabled_rotations(x, y, z)
            }
        };
        // Rows are never idle long enough for sleep to pay, and waking depends on history.
        let body = builder.pose(pose(spec.position, spec.rotation)).can_sleep(false);
        let handle = self.template.world.insert_body(body);
        if spec.motion != Motion::Fixed {
            self.template.dynamic.push(handle);
        }
        self.name_body(name, BodyId(handle))?;
        Ok(BodyId(handle))
    }

    /// Gives a body its name.
    pub(crate) fn name_body(&mut self, name: &str, body: BodyId) -> Result<(), PhysicsError> {
        self.template.bodies.insert(name, body)
    }

    /// Adds shapes that a drawer will see.
    pub(crate) fn show(&mut self, shapes: impl IntoIterator<Item = PlacedShape>) {
        self.template.shapes.extend(shapes);
    }

    /// Adds a solid part to a body.
    ///
    /// # Errors
    /// [`PhysicsError::BadNumber`] for sizes or a mass that are not above 0, or a negative friction.
    pub fn collider(&mut self, body: BodyId, spec: ColliderSpec) -> Result<ColliderId, PhysicsError> {
        finite("a collider's offset", &spec.offset)?;
        positive("a collider's mass", spec.mass)?;
        if !(spec.friction.is_finite() && spec.friction >= 0.0) {
            return Err(PhysicsError::BadNumber {
                what: "a collider's friction".into(),
                value: spec.friction,
                expected: "a finite number of at least 0",
            });
        }
        let builder = match spec.shape {
            Shape::Ball { radius } => {
                positive("a ball's radius", radius)?;
                ColliderBuilder::ball(radius)
            }
            Shape::Cuboid { half_extents: [x, y, z] } => {
                for half in [x, y, z] {
                    positive("a box's half extent", half)?;
                }
                ColliderBuilder::cuboid(x, y, z)
            }
            Shape::Cylinder { half_height, radius } => {
                positive("a cylinder's half height", half_height)?;
                positive("a cylinder's radius", radius)?;
                // Rapier's stand along y.
                ColliderBuilder::cylinder(half_height, radius).rotation(vector([
                    std::f32::consts::FRAC_PI_2,
                    0.0,
                    0.0,
                ]))
            }
            Shape::Capsule { half_height, radius } => {
                positive("a capsule's half height", half_height)?;
                positive("a capsule's radius", radius)?;
                ColliderBuilder::capsule_z(half_height, radius)
            }
        };
        let groups = InteractionGroups::new(
            Group::from_bits_retain(spec.groups),
            Group::from_bits_retain(spec.collides_with),
            InteractionTestMode::And,
        );
        let builder = builder
            .translation(vector(spec.offset))
            .mass(spec.mass)
            .friction(spec.friction)
            .collision_groups(groups);
        let handle = self.template.world.insert_collider(builder, Some(body.0));
        let (offset, shape, groups) = (spec.offset, spec.shape, spec.groups);
        let rotation = [0.0, 0.0, 0.0, 1.0];
        self.template.shapes.push(PlacedShape { body, offset, rotation, shape, groups });
        Ok(ColliderId(handle))
    }

    /// Connects the origin of `second` to an anchor in `first`, and adds the motors of its axes.
    ///
    /// # Errors
    /// A motor's name that is taken, a force that is not above 0, limits out of order.
    pub fn joint(&mut self, first: BodyId, second: BodyId, spec: JointSpec) -> Result<(), PhysicsError> {
        finite("a joint's anchor", &spec.anchor)?;
        // A body that cannot turn needs no rows to hold its rotation.
        let bodies = &self.template.world.bodies;
        let upright = |id: BodyId| {
            bodies.get(id.0).is_some_and(|body| body.is_fixed() || body.is_rotation_locked() == [true; 3])
        };
        let locked =
            if upright(first) && upright(second) { JointAxesMask::empty() } else { JointAxesMask::ANG_AXES };
        let mut joint = GenericJoint::new(locked);
        joint.set_local_anchor1(vector(spec.anchor));

        const AXES: [JointAxis; 3] = [JointAxis::LinX, JointAxis::LinY, JointAxis::LinZ];
        for (slide, axis) in spec.slides.iter().zip(AXES) {
            let Some(slide) = slide else {
                joint.lock_axes(axis.into());
                continue;
            };
            let [min, max] = slide.limits;
            finite("a slide's limit", &slide.limits)?;
            positive("a slide's range", max - min)?;
            joint.limit_axes |= JointAxesMask::from(axis);
            joint.limits[axis as usize] = JointLimits { min, max, impulse: 0.0 };
            if let Some(motor) = &slide.motor {
                drive_axis(&mut joint, axis, motor)?;
            }
        }

        let handle = self.template.world.insert_impulse_joint(first.0, second.0, joint);
        for (slide, axis) in spec.slides.iter().zip(AXES) {
            if let Some(motor) = slide.as_ref().and_then(|slide| slide.motor.as_ref()) {
                self.name_motor(MotorJoint::Impulse(handle), axis, motor)?;
            }
        }
        Ok(())
    }

    /// Gives a motor of a joint its name.
    pub(crate) fn name_motor(
        &mut self,
        joint: MotorJoint,
        axis: JointAxis,
        spec: &MotorSpec,
    ) -> Result<MotorId, PhysicsError> {
        let id = MotorId(self.template.motors.len());
        self.template.motor_names.insert(&spec.name, id)?;
        let MotorSpec { drive, max_force, .. } = *spec;
        self.template.motors.push(Motor { joint, axis: axis as usize, drive, max_force });
        Ok(id)
    }

    /// Names a point fixed to a body.
    ///
    /// # Errors
    /// A name that is taken, an offset that is not finite.
    pub fn site(&mut self, name: &str, body: BodyId, offset: [f32; 3]) -> Result<SiteId, PhysicsError> {
        finite("a site's offset", &offset)?;
        let id = SiteId(self.template.sites.len());
        self.template.site_names.insert(name, id)?;
        self.template.sites.push(Site { body: body.0, offset });
        Ok(id)
    }

    /// Asks for the contacts between two groups of colliders to be accumulated.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn watch(
        &mut self,
        name: &str,
        first: &[ColliderId],
        second: &[ColliderId],
    ) -> Result<WatchId, PhysicsError> {
        let id = WatchId(self.template.watches.len());
        self.template.watch_names.insert(name, id)?;
        let handles = |ids: &[ColliderId]| ids.iter().map(|id| id.0).collect();
        self.template.watches.push(Watch { first: handles(first), second: handles(second) });
        Ok(id)
    }

    /// The body that a site is fixed to, and where in its frame (m).
    pub fn site_place(&self, site: SiteId) -> (BodyId, [f32; 3]) {
        let Site { body, offset } = self.template.sites[site.0];
        (BodyId(body), offset)
    }

    /// Where a body starts (m).
    pub(crate) fn position(&self, body: BodyId) -> [f32; 3] {
        self.template.world.bodies.get(body.0).map_or([0.0; 3], |body| array(body.translation()))
    }

    /// The motor of this name.
    ///
    /// # Errors
    /// See [`Template::body`].
    pub fn motor(&self, name: &str) -> Result<MotorId, PhysicsError> {
        self.template.motor(name)
    }

    /// Ends the building.
    pub fn build(self) -> Arc<Template> {
        Arc::new(self.template)
    }
}

/// Lets a motor drive one axis of a joint.
pub(crate) fn drive_axis(
    joint: &mut GenericJoint,
    axis: JointAxis,
    spec: &MotorSpec,
) -> Result<(), PhysicsError> {
    positive("a motor's force", spec.max_force)?;
    let rigid = (MotorModel::AccelerationBased, 0.0, 1e6);
    let (model, stiffness, damping) = match spec.drive {
        // So stiff that the limit of force alone says what the motor can do: under a load of 1 g
        // it sags by 10 um/s.
        Drive::Velocity => rigid,
        Drive::Position { stiffness, damping } => {
            positive("a motor's stiffness", stiffness)?;
            positive("a motor's damping", damping)?;
            (MotorModel::ForceBased, stiffness, damping)
        }
        Drive::Force { damping: 0.0 } => rigid,
        Drive::Force { damping } => {
            positive("a motor's damping", damping)?;
            (MotorModel::ForceBased, 0.0, damping)
        }
    };
    let max_force = match spec.drive {
        // No command yet.
        Drive::Force { damping: 0.0 } => 0.0,
        // Friction has no bound, the command has.
        Drive::Force { .. } => f32::INFINITY,
        Drive::Velocity | Drive::Position { .. } => spec.max_force,
    };
    joint.motor_axes |= JointAxesMask::from(axis);
    joint.motors[axis as usize] =
        JointMotor { stiffness, damping, max_force, model, ..JointMotor::default() };
    Ok(())
}
