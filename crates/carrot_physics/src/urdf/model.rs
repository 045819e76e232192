//! A robot as its file says: links, joints and shapes in plain numbers, checked.

use std::collections::BTreeMap;

use carrot_scene::Span;

use super::stl::Hull;

/// A checked robot.
#[derive(Debug, Clone)]
pub struct RobotModel {
    /// Its name.
    pub name: String,
    /// Its links, in the order of the file.
    pub links: Vec<Link>,
    /// Its joints, in the order of the file; they form one tree over the links.
    pub joints: Vec<Joint>,
    /// The link that hangs on no joint.
    pub root: usize,
    /// Elements that say nothing about the physics simulated here, and were passed over.
    pub ignored: Vec<Span>,
    /// What it was read from, by path: enough to read it again elsewhere. Empty where it is part of the program.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A rigid part.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its mass; `None` for a mere frame.
    pub inertial: Option<Inertial>,
    /// What collides.
    pub collisions: Vec<Collision>,
    pub(super) span: Span,
}

/// Mass and its distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inertial {
    /// The centre of mass and the axes of the moments, in the link's frame.
    pub origin: Origin,
    /// Mass (kg).
    pub mass: f64,
    /// Moments `[ixx, ixy, ixz, iyy, iyz, izz]` about the centre of mass (kg m^2).
    pub inertia: [f64; 6],
}

/// A frame in another one: moved, and turned about fixed axes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Origin {
    /// Where (m).
    pub xyz: [f64; 3],
    /// Roll about x, then pitch about y, then yaw about z of the other frame (rad).
    pub rpy: [f64; 3],
}

/// A solid shape of a link.
#[derive(Debug, Clone)]
pub struct Collision {
    /// Its frame in the link's.
    pub origin: Origin,
    /// Its form.
    pub geometry: Geometry,
}

/// A form, in its own frame.
#[derive(Debug, Clone)]
pub enum Geometry {
    /// A box with these edges (m).
    Box([f64; 3]),
    /// A cylinder along z (m).
    Cylinder {
        /// Radius (m).
        radius: f64,
        /// Length (m).
        length: f64,
    },
    /// A cylinder along z with round ends beyond its length.
    Capsule {
        /// Radius (m).
        radius: f64,
        /// Length of the straight part (m).
        length: f64,
    },
    /// A ball.
    Sphere {
        /// Radius (m).
        radius: f64,
    },
    /// The convex hull of a mesh.
    Mesh {
        /// Path from the robot's folder.
        file: String,
        /// What collides.
        hull: Hull,
    },
}

impl Geometry {
    /// Its name in a robot's file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Box(_) => "box",
            Self::Cylinder { .. } => "cylinder",
            Self::Capsule { .. } => "capsule",
            Self::Sphere { .. } => "sphere",
            Self::Mesh { .. } => "mesh",
        }
    }
}

/// How a joint moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JointKind {
    /// Not at all.
    Fixed,
    /// It turns about its axis between limits.
    Revolute,
    /// It turns about its axis without limits.
    Continuous,
    /// It slides along its axis between limits.
    Prismatic,
}

impl JointKind {
    /// Its name in a robot's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Revolute => "revolute",
            Self::Continuous => "continuous",
            Self::Prismatic => "prismatic",
        }
    }
}

/// What connects two links.
#[derive(Debug, Clone)]
pub struct Joint {
    /// Its name.
    pub name: String,
    /// How it moves.
    pub kind: JointKind,
    /// The child's frame at displacement zero, in the parent's.
    pub origin: Origin,
    /// Unit vector in the child's frame; x for fixed joints.
    pub axis: [f64; 3],
    /// The link that it hangs on.
    pub parent: usize,
    /// The link that hangs on it.
    pub child: usize,
    /// Least and greatest displacement (rad or m).
    pub limits: Option<[f64; 2]>,
    /// The largest torque or force (N m or N); 0 where it moves freely.
    pub effort: f64,
    /// The greatest speed (rad/s or m/s).
    pub velocity: f64,
    pub(super) span: Span,
}

impl RobotModel {
    /// Index of the joint on which a link hangs.
    pub fn parent_joint(&self, link: usize) -> Option<usize> {
        self.joints.iter().position(|joint| joint.child == link)
    }

    /// Joints from the root to a link.
    pub fn chain(&self, link: usize) -> Vec<usize> {
        let above = |&joint: &usize| self.parent_joint(self.joints[joint].parent);
        let mut chain: Vec<_> = std::iter::successors(self.parent_joint(link), above).collect();
        chain.reverse();
        chain
    }

    /// Mass of all links (kg).
    pub fn mass(&self) -> f64 {
        self.links.iter().filter_map(|link| Some(link.inertial?.mass)).sum()
    }

    /// Number of shapes that collide.
    pub fn colliders(&self) -> usize {
        self.links.iter().map(|link| link.collisions.len()).sum()
    }

    /// No point of the last link's frame is ever farther than this from the first moving joint (m): the lengths
    /// between the joints of the longest chain, and what its sliding joints add.
    pub fn reach(&self) -> f64 {
        let norm = |[x, y, z]: [f64; 3]| libm::sqrt(x * x + y * y + z * z);
        let length = |link| {
            let moving = |&joint: &usize| self.joints[joint].kind != JointKind::Fixed;
            let chain = self.chain(link);
            let first = chain.iter().position(moving).unwrap_or(chain.len());
            let lengths = chain.iter().enumerate().skip(first).map(|(at, &joint)| {
                let Joint { kind, origin, limits, .. } = &self.joints[joint];
                let slide = limits.filter(|_| *kind == JointKind::Prismatic);
                let slide = slide.map_or(0.0, |[lower, upper]| lower.abs().max(upper.abs()));
                slide + if at == first { 0.0 } else { norm(origin.xyz) }
            });
            lengths.sum::<f64>()
        };
        (0..self.links.len()).map(length).fold(0.0, f64::max)
    }
}
