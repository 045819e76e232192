//! From elements to links and joints: what each element may hold, and which numbers will do.

use carrot_scene::Span;

use super::error::{UrdfError, UrdfMistakes};
use super::folder::Folder;
use super::model::{Collision, Geometry, Inertial, JointKind, Origin};
use super::stl::{self, Hull};
use super::xml::{Element, Form, Range, near};

/// The most links, and the most joints.
pub(super) const MAX_PARTS: usize = 256;
/// The most shapes of one link.
const MAX_SHAPES: usize = 64;

const POSITION: Range = Range::new(-100.0, 100.0, "a finite number of metres within 100");
const ANGLE: Range = Range::new(-100.0, 100.0, "a finite number of radians within 100");
const SIZE: Range = Range::new(1e-4, 100.0, "a length from 0.1 mm to 100 m");
const MASS: Range = Range::new(1e-4, 1e5, "a mass from 0.1 g to 100 t");
const MOMENT: Range = Range::new(1e-12, 1e9, "a finite moment above 0");
const PRODUCT: Range = Range::new(-1e9, 1e9, "a finite moment");
const DIRECTION: Range = Range::new(-1e6, 1e6, "a finite direction");
const EFFORT: Range = Range::new(0.0, 1e6, "a finite torque or force of at least 0");
const SPEED: Range = Range::new(0.0, 1e4, "a finite speed of at least 0");
const SCALE: Range = Range::new(1e-6, 1e3, "a scale from 0.000001 to 1000; meshes are not mirrored");

const ROBOT: Form = Form {
    attributes: &["name", "version"],
    single: &[],
    many: &["link", "joint"],
    ignored: &["material", "transmission", "gazebo", "ros2_control", "sensor"],
};
const LINK: Form =
    Form { attributes: &["name"], single: &["inertial"], many: &["visual", "collision"], ignored: &[] };
const INERTIAL: Form =
    Form { attributes: &[], single: &["origin", "mass", "inertia"], many: &[], ignored: &[] };
const VISUAL: Form =
    Form { attributes: &["name"], single: &["origin", "geometry", "material"], many: &[], ignored: &[] };
const COLLISION: Form =
    Form { attributes: &["name"], single: &["origin", "geometry"], many: &[], ignored: &[] };
const GEOMETRY: Form = Form {
    attributes: &[],
    single: &[],
    many: &["box", "cylinder", "capsule", "sphere", "mesh"],
    ignored: &[],
};
const JOINT: Form = Form {
    attributes: &["name", "type"],
    single: &["origin", "parent", "child", "axis", "limit"],
    many: &[],
    ignored: &["dynamics", "calibration", "safety_controller"],
};

/// An element without children.
const fn leaf(attributes: &'static [&'static str]) -> Form {
    Form { attributes, single: &[], many: &[], ignored: &[] }
}

/// A link, before the whole is looked at.
pub(super) struct ReadLink {
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) inertial: Option<Inertial>,
    pub(super) collisions: Vec<Collision>,
    pub(super) span: Span,
}

/// A joint, before the whole is looked at; its links are names.
pub(super) struct ReadJoint {
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) kind: JointKind,
    pub(super) origin: Origin,
    pub(super) axis: [f64; 3],
    pub(super) parent: (String, Span),
    pub(super) child: (String, Span),
    pub(super) limits: Option<[f64; 2]>,
    pub(super) effort: f64,
    pub(super) velocity: f64,
    pub(super) span: Span,
}

/// What a file holds.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) links: Vec<ReadLink>,
    pub(super) joints: Vec<ReadJoint>,
    pub(super) ignored: Vec<Span>,
}

/// Reads everything; a part with a mistake in it is left out.
pub(super) fn read(root: Element<'_>, folder: &Folder, mistakes: &mut UrdfMistakes) -> Parts {
    let mut parts = Parts::default();
    if root.name() != "robot" {
        mistakes.add(&root.span(), UrdfError::NotARobot { name: root.name().chars().take(32).collect() });
        return parts;
    }
    parts.ignored = root.check(&ROBOT, mistakes);
    parts.name = root.named("name", mistakes).map(|(name, _)| name).unwrap_or_default();
    for (index, element) in root.all("link").enumerate() {
        if index == MAX_PARTS {
            mistakes.add(&element.span(), UrdfError::TooMuch { what: "links", limit: MAX_PARTS });
            break;
        }
        parts.links.extend(read_link(element, folder, mistakes));
    }
    for (index, element) in root.all("joint").enumerate() {
        if index == MAX_PARTS {
            mistakes.add(&element.span(), UrdfError::TooMuch { what: "joints", limit: MAX_PARTS });
            break;
        }
        let joint = read_joint(element, &mut parts.ignored, mistakes);
        parts.joints.extend(joint);
    }
    parts
}

fn read_link(element: Element<'_>, folder: &Folder, mistakes: &mut UrdfMistakes) -> Option<ReadLink> {
    element.check(&LINK, mistakes);
    let name = element.named("name", mistakes);
    let label = name.as_ref().map_or("", |(name, _)| name);
    let inertial = element.child("inertial").and_then(|inertial| read_inertial(inertial, label, mistakes));
    for visual in element.all("visual") {
        visual.check(&VISUAL, mistakes);
        read_origin(visual, mistakes);
        // Drawn by nobody here, but a path that leaves the folder is refused wherever it stands.
        if let Some(geometry) = visual.required("geometry", mistakes) {
            read_geometry(geometry, Use::Drawing, folder, mistakes);
        }
    }
    let mut collisions = Vec::new();
    for (index, collision) in element.all("collision").enumerate() {
        if index == MAX_SHAPES {
            mistakes
                .add(&collision.span(), UrdfError::TooMuch { what: "shapes of a link", limit: MAX_SHAPES });
            break;
        }
        collision.check(&COLLISION, mistakes);
        let origin = read_origin(collision, mistakes);
        let geometry = collision.required("geometry", mistakes);
        let geometry = geometry.and_then(|element| read_geometry(element, Use::Colliding, folder, mistakes));
        collisions.extend(geometry.map(|geometry| Collision { origin, geometry }));
    }
    let (name, name_span) = name?;
    Some(ReadLink { name, name_span, inertial, collisions, span: element.span() })
}

fn read_origin(parent: Element<'_>, mistakes: &mut UrdfMistakes) -> Origin {
    let Some(element) = parent.child("origin") else { return Origin::default() };
    element.check(&leaf(&["xyz", "rpy"]), mistakes);
    Origin {
        xyz: element.numbers("xyz", &POSITION, mistakes).unwrap_or_default(),
        rpy: element.numbers("rpy", &ANGLE, mistakes).unwrap_or_default(),
    }
}

fn read_inertial(element: Element<'_>, link: &str, mistakes: &mut UrdfMistakes) -> Option<Inertial> {
    element.check(&INERTIAL, mistakes);
    let origin = read_origin(element, mistakes);
    let mass = element.required("mass", mistakes).and_then(|mass| {
        mass.check(&leaf(&["value"]), mistakes);
        mass.number("value", &MASS, mistakes)
    });
    let moments = element.required("inertia", mistakes)?;
    moments.check(&leaf(&["ixx", "ixy", "ixz", "iyy", "iyz", "izz"]), mistakes);
    let mut number = |name, range| moments.number(name, range, mistakes);
    let read = [
        number("ixx", &MOMENT),
        number("ixy", &PRODUCT),
        number("ixz", &PRODUCT),
        number("iyy", &MOMENT),
        number("iyz", &PRODUCT),
        number("izz", &MOMENT),
    ];
    let [Some(ixx), Some(ixy), Some(ixz), Some(iyy), Some(iyz), Some(izz)] = read else { return None };
    let inertia = [ixx, ixy, ixz, iyy, iyz, izz];
    if let Some(why) = impossible(inertia) {
        mistakes.add(&moments.span(), UrdfError::BadInertia { link: link.into(), why });
        return None;
    }
    Some(Inertial { origin, mass: mass?, inertia })
}

/// Why no body has these moments: they follow from a distribution of mass if and only if both the matrix and
/// half its trace minus the matrix are positive.
fn impossible([ixx, ixy, ixz, iyy, iyz, izz]: [f64; 6]) -> Option<&'static str> {
    let scale = ixx.max(iyy).max(izz);
    let minors_hold = |a: f64, b: f64, c: f64, [ab, ac, bc]: [f64; 3], least: f64| {
        let two = a * b - ab * ab;
        let three = c * two - ac * (ac * b - ab * bc) + bc * (ac * ab - a * bc);
        a >= least * scale && two >= least * scale * scale && three >= least * scale * scale * scale
    };
    if !minors_hold(ixx, iyy, izz, [ixy, ixz, iyz], 1e-15) {
        return Some("its matrix is not positive");
    }
    // Published figures are rounded.
    let half = (ixx + iyy + izz) / 2.0 + 1e-3 * scale;
    if !minors_hold(half - ixx, half - iyy, half - izz, [-ixy, -ixz, -iyz], 0.0) {
        return Some("one moment exceeds the sum of the others");
    }
    None
}

/// What a shape is for.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Drawing,
    Colliding,
}

fn read_geometry(
    element: Element<'_>,
    purpose: Use,
    folder: &Folder,
    mistakes: &mut UrdfMistakes,
) -> Option<Geometry> {
    element.check(&GEOMETRY, mistakes);
    let mut shapes = element.children();
    let Some(shape) = shapes.next() else {
        let error = UrdfError::MissingElement {
            name: "box, cylinder, capsule, sphere or mesh",
            parent: "geometry".into(),
        };
        mistakes.add(&element.span(), error);
        return None;
    };
    if let Some(second) = shapes.next() {
        let error = UrdfError::RepeatedElement { name: "shape".into(), parent: "geometry".into() };
        mistakes.add(&second.span(), error);
    }
    let mut number = |name| shape.number(name, &SIZE, mistakes);
    match shape.name() {
        "box" => {
            shape.check(&leaf(&["size"]), mistakes);
            shape.text("size", mistakes)?;
            shape.numbers("size", &SIZE, mistakes).map(Geometry::Box)
        }
        "sphere" => {
            let radius = number("radius");
            shape.check(&leaf(&["radius"]), mistakes);
            Some(Geometry::Sphere { radius: radius? })
        }
        name @ ("cylinder" | "capsule") => {
            let (radius, length) = (number("radius"), number("length"));
            shape.check(&leaf(&["radius", "length"]), mistakes);
            let (radius, length) = (radius?, length?);
            Some(match name {
                "cylinder" => Geometry::Cylinder { radius, length },
                _ => Geometry::Capsule { radius, length },
            })
        }
        "mesh" => read_mesh(shape, purpose, folder, mistakes),
        _ => None,
    }
}

fn read_mesh(
    shape: Element<'_>,
    purpose: Use,
    folder: &Folder,
    mistakes: &mut UrdfMistakes,
) -> Option<Geometry> {
    shape.check(&leaf(&["filename", "scale"]), mistakes);
    let has_scale = shape.attribute("scale").is_some();
    let scale = shape.numbers("scale", &SCALE, mistakes);
    let (file, span) = shape.text("filename", mistakes)?;
    let bytes = match folder.read(file, stl::MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            let neighbours = folder.neighbours(file);
            let neighbours: Vec<_> = neighbours.iter().map(String::as_str).collect();
            let is_missing = matches!(error, UrdfError::MissingMesh { .. });
            let meant = if is_missing { near(file, &neighbours) } else { None };
            mistakes.add_named(&span, error, meant);
            return None;
        }
    };
    if purpose == Use::Drawing || (has_scale && scale.is_none()) {
        return None;
    }
    match Hull::read(&bytes, scale.unwrap_or([1.0; 3])) {
        Ok(hull) => Some(Geometry::Mesh { file: file.to_owned(), hull }),
        Err(why) => {
            mistakes.add(&span, UrdfError::BadMesh { path: file.to_owned(), why });
            None
        }
    }
}

fn read_joint(
    element: Element<'_>,
    ignored: &mut Vec<Span>,
    mistakes: &mut UrdfMistakes,
) -> Option<ReadJoint> {
    ignored.extend(element.check(&JOINT, mistakes));
    let name = element.named("name", mistakes);
    let label = name.as_ref().map_or_else(String::new, |(name, _)| name.clone());
    let kind = element.text("type", mistakes).and_then(|(text, span)| match text {
        "fixed" => Some(JointKind::Fixed),
        "revolute" => Some(JointKind::Revolute),
        "continuous" => Some(JointKind::Continuous),
        "prismatic" => Some(JointKind::Prismatic),
        other => {
            let error = UrdfError::UnsupportedJoint { kind: other.chars().take(32).collect() };
            let meant = near(other, &["fixed", "revolute", "continuous", "prismatic"]);
            mistakes.add_named(&span, error, meant);
            None
        }
    });
    let origin = read_origin(element, mistakes);
    let mut end = |name| {
        let end = element.required(name, mistakes)?;
        end.check(&leaf(&["link"]), mistakes);
        end.named("link", mistakes)
    };
    let (parent, child) = (end("parent"), end("child"));
    let axis = read_axis(element, &label, mistakes);
    let limit = read_limit(element, kind, &label, mistakes);
    let (name, name_span) = name?;
    // What could not be read is told; the joint goes on with something that fits, so that its links are looked at.
    let (limits, effort, velocity) = limit.unwrap_or_default();
    Some(ReadJoint {
        name,
        name_span,
        kind: kind.unwrap_or(JointKind::Fixed),
        origin,
        axis: axis.unwrap_or([1.0, 0.0, 0.0]),
        parent: parent?,
        child: child?,
        limits,
        effort,
        velocity,
        span: element.span(),
    })
}

/// The axis at length 1; x where it is not given, as the format says.
fn read_axis(joint: Element<'_>, label: &str, mistakes: &mut UrdfMistakes) -> Option<[f64; 3]> {
    let Some(element) = joint.child("axis") else { return Some([1.0, 0.0, 0.0]) };
    element.check(&leaf(&["xyz"]), mistakes);
    let (_, span) = element.text("xyz", mistakes)?;
    let axis: [f64; 3] = element.numbers("xyz", &DIRECTION, mistakes)?;
    let norm = libm::sqrt(axis.iter().map(|v| v * v).sum());
    if norm < 1e-6 {
        mistakes.add(&span, UrdfError::ZeroAxis { joint: label.into() });
        return None;
    }
    Some(axis.map(|v| v / norm))
}

/// Displacements, effort and velocity.
type Limit = (Option<[f64; 2]>, f64, f64);

fn read_limit(
    joint: Element<'_>,
    kind: Option<JointKind>,
    label: &str,
    mistakes: &mut UrdfMistakes,
) -> Option<Limit> {
    let is_bounded = matches!(kind, Some(JointKind::Revolute | JointKind::Prismatic));
    let Some(element) = joint.child("limit") else {
        if is_bounded {
            let error = UrdfError::MissingElement { name: "limit", parent: "joint".into() };
            mistakes.add(&joint.span(), error);
            return None;
        }
        return Some((None, 0.0, 0.0));
    };
    element.check(&leaf(&["lower", "upper", "effort", "velocity"]), mistakes);
    let effort = element.number("effort", &EFFORT, mistakes);
    let velocity = element.number("velocity", &SPEED, mistakes);
    let mut bound = |name| match element.attribute(name) {
        None => Some(0.0),
        Some(_) => element.numbers::<1>(name, &ANGLE, mistakes).map(|[bound]| bound),
    };
    let (lower, upper) = (bound("lower")?, bound("upper")?);
    if is_bounded && lower >= upper {
        let error = UrdfError::ReversedLimits { joint: label.into(), lower, upper };
        mistakes.add(&element.span(), error);
        return None;
    }
    Some((is_bounded.then_some([lower, upper]), effort?, velocity?))
}
