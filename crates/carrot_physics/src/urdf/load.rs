//! Hands a checked robot to `rapier3d-urdf`, and counts what comes back.
//!
//! The loader never sees the file: it gets the parts that were checked, so that it cannot understand them in another
//! way, looks up no mesh, and meets no name that it does not know. What it drops in silence is added here (the hulls
//! of meshes) or is applied where motors are made (efforts and velocities).

use rapier3d::math::{Pose, Rotation, Vector};
use rapier3d::prelude::{ColliderBuilder, MassProperties};
use rapier3d_urdf::urdf_rs::{self, Robot};
use rapier3d_urdf::{UrdfCollider, UrdfLink, UrdfLoaderOptions, UrdfRobot};

use super::error::UrdfError;
use super::model::{Geometry, Inertial, Joint, JointKind, Link, Origin, RobotModel};

/// The robot's bodies, colliders and joints at displacement zero, the root fixed at the origin.
pub(crate) fn load(model: &RobotModel) -> Result<UrdfRobot, UrdfError> {
    let robot = Robot {
        name: model.name.clone(),
        links: model.links.iter().map(link).collect(),
        joints: model.joints.iter().map(|part| joint(part, model)).collect(),
        materials: Vec::new(),
    };
    let options = UrdfLoaderOptions { make_roots_fixed: true, ..UrdfLoaderOptions::default() };
    // The folder is where meshes would be looked for; there are none among the parts.
    let mut loaded = UrdfRobot::from_robot(&robot, options, std::path::Path::new(""));
    for body in &mut loaded.links {
        add_hulls(body, &model.links[body.urdf_link_index]);
    }
    count(model, &loaded)?;
    Ok(loaded)
}

/// Whether everything is there, and every mass is a number.
fn count(model: &RobotModel, loaded: &UrdfRobot) -> Result<(), UrdfError> {
    let same = |what, declared, loaded| {
        if declared == loaded { Ok(()) } else { Err(UrdfError::Lost { what, loaded, declared }) }
    };
    let colliders = loaded.links.iter().map(|link| link.colliders.len()).sum();
    same("colliders", model.colliders(), colliders)?;
    let moving = |joint: &usize| model.joints[*joint].kind != JointKind::Fixed;
    let sources = loaded.joints.iter().map(|joint| joint.urdf_joint_index);
    same("moving joints", (0..model.joints.len()).filter(moving).count(), sources.filter(moving).count())?;
    let weighed = |link: &&Link| link.inertial.is_some();
    let bodies = loaded.links.iter().map(|body| &model.links[body.urdf_link_index]);
    same(
        "masses",
        model.links.iter().filter(weighed).count(),
        bodies.filter(weighed).filter(is_weighable).count(),
    )
}

/// Whether the mass and the moments survive in single precision.
fn is_weighable(link: &&Link) -> bool {
    let Some(Inertial { mass, inertia, .. }) = link.inertial else { return false };
    let [ixx, ixy, ixz, iyy, iyz, izz] = inertia.map(|moment| moment as f32);
    let matrix = rapier3d::na::Matrix3::new(ixx, ixy, ixz, ixy, iyy, iyz, ixz, iyz, izz);
    let properties = MassProperties::with_inertia_matrix(Vector::ZERO, mass as f32, matrix.into());
    let principal = properties.principal_inertia();
    principal.is_finite() && principal.min_element() > 0.0
}

/// The hulls of meshes, which the loader was not shown.
fn add_hulls(body: &mut UrdfLink, link: &Link) {
    for collision in &link.collisions {
        if let Geometry::Mesh { hull, .. } = &collision.geometry {
            let builder = ColliderBuilder::new(hull.shape.clone()).density(0.0);
            let collider = builder.position(pose(&collision.origin)).build();
            body.colliders.push(UrdfCollider { collider, visual: None });
        }
    }
}

/// An origin as rapier's pose: fixed-axis roll, pitch, yaw.
pub(crate) fn pose(origin: &Origin) -> Pose {
    let [x, y, z] = origin.xyz.map(|v| v as f32);
    let half = origin.rpy.map(|angle| libm::sincosf(angle as f32 * 0.5));
    let about = |axis: [f32; 3], (sin, cos): (f32, f32)| {
        Rotation::from_xyzw(axis[0] * sin, axis[1] * sin, axis[2] * sin, cos)
    };
    let (roll, pitch, yaw) =
        (about([1.0, 0.0, 0.0], half[0]), about([0.0, 1.0, 0.0], half[1]), about([0.0, 0.0, 1.0], half[2]));
    Pose::from_parts(Vector::new(x, y, z), yaw * pitch * roll)
}

fn link(link: &Link) -> urdf_rs::Link {
    let primitives = link.collisions.iter().filter_map(|collision| {
        let geometry = match collision.geometry {
            Geometry::Box(size) => urdf_rs::Geometry::Box { size: urdf_rs::Vec3(size) },
            Geometry::Cylinder { radius, length } => urdf_rs::Geometry::Cylinder { radius, length },
            Geometry::Capsule { radius, length } => urdf_rs::Geometry::Capsule { radius, length },
            Geometry::Sphere { radius } => urdf_rs::Geometry::Sphere { radius },
            Geometry::Mesh { .. } => return None,
        };
        Some(urdf_rs::Collision { name: None, origin: origin(&collision.origin), geometry })
    });
    // A root that collides may be without mass; a nominal one keeps the loader from taking it for a mere frame.
    let nominal = Inertial { origin: Origin::default(), mass: 1.0, inertia: [1.0, 0.0, 0.0, 1.0, 0.0, 1.0] };
    let inertial = link.inertial.or((!link.collisions.is_empty()).then_some(nominal));
    urdf_rs::Link {
        name: link.name.clone(),
        inertial: inertial.map_or_else(Default::default, |inertial| {
            let [ixx, ixy, ixz, iyy, iyz, izz] = inertial.inertia;
            urdf_rs::Inertial {
                origin: origin(&inertial.origin),
                mass: urdf_rs::Mass { value: inertial.mass },
                inertia: urdf_rs::Inertia { ixx, ixy, ixz, iyy, iyz, izz },
            }
        }),
        visual: Vec::new(),
        collision: primitives.collect(),
    }
}

fn joint(joint: &Joint, model: &RobotModel) -> urdf_rs::Joint {
    let name = |link: usize| urdf_rs::LinkName { link: model.links[link].name.clone() };
    let [lower, upper] = joint.limits.unwrap_or_default();
    urdf_rs::Joint {
        name: joint.name.clone(),
        joint_type: match joint.kind {
            JointKind::Fixed => urdf_rs::JointType::Fixed,
            JointKind::Revolute => urdf_rs::JointType::Revolute,
            JointKind::Continuous => urdf_rs::JointType::Continuous,
            JointKind::Prismatic => urdf_rs::JointType::Prismatic,
        },
        origin: origin(&joint.origin),
        parent: name(joint.parent),
        child: name(joint.child),
        axis: urdf_rs::Axis { xyz: urdf_rs::Vec3(joint.axis) },
        limit: urdf_rs::JointLimit { lower, upper, effort: joint.effort, velocity: joint.velocity },
        calibration: None,
        dynamics: None,
        mimic: None,
        safety_controller: None,
    }
}

fn origin(origin: &Origin) -> urdf_rs::Pose {
    urdf_rs::Pose { xyz: urdf_rs::Vec3(origin.xyz), rpy: urdf_rs::Vec3(origin.rpy) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn arm() -> RobotModel {
        RobotModel::built_in("six_joint_arm").unwrap().unwrap()
    }

    #[test]
    fn everything_declared_is_loaded() {
        let (model, loaded) = (arm(), load(&arm()).unwrap());
        assert_eq!(loaded.links.iter().map(|link| link.colliders.len()).sum::<usize>(), model.colliders());
        // The tool is a mere frame.
        assert_eq!((loaded.links.len(), loaded.joints.len()), (9, 8));
    }

    #[test]
    fn what_the_loader_would_drop_in_silence_is_an_error() {
        let mut model = arm();
        model.links[1].collisions[0].geometry = Geometry::Box([0.0; 3]);
        let lost = UrdfError::Lost { what: "colliders", loaded: 8, declared: 9 };
        assert_eq!(load(&model).map(|_| ()), Err(lost));
        let mut model = arm();
        model.links[2].inertial.as_mut().unwrap().inertia = [1e-60, 0.0, 0.0, 1e-60, 0.0, 1e-60];
        let lost = UrdfError::Lost { what: "masses", loaded: 8, declared: 9 };
        assert_eq!(load(&model).map(|_| ()), Err(lost));
    }

    #[test]
    fn origins_turn_as_the_loader_turns_them() {
        let mut model = arm();
        let turned = Origin { xyz: [0.1, -0.2, 0.3], rpy: [0.4, -1.1, 2.3] };
        model.links[1].collisions[0].origin = turned;
        let loaded = load(&model).unwrap();
        let (ours, theirs) = (pose(&turned), *loaded.links[1].colliders[0].collider.position());
        assert!((ours.translation - theirs.translation).length() < 1e-6);
        assert!(ours.rotation.dot(theirs.rotation).abs() > 1.0 - 1e-6, "{ours:?} {theirs:?}");
    }
}
