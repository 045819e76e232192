//! `carrot robot`: is this a robot, and what is in it?

use std::path::{Path, PathBuf};

use carrot_lab::Diagnostics;
use carrot_physics::{Joint, JointKind, Link, RobotModel};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Output, table};

/// Check a robot.
#[derive(Subcommand)]
pub(crate) enum Robot {
    /// Check a URDF file: links, joints, masses and meshes are read as a task would, and nothing is run
    #[command(after_help = "Examples:\n  carrot robot check assets/robots/six_joint_arm.urdf\n  \
        carrot robot check my_robot.urdf --json")]
    Check {
        /// A URDF file; its meshes lie in its folder or below
        file: PathBuf,
    },
}

impl Robot {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let Self::Check { file } = self;
        let robot = RobotModel::read(file).map_err(Diagnostics::from)?;
        output.answer(&document(file, &robot), || page(file, &robot))
    }
}

fn document(file: &Path, robot: &RobotModel) -> Value {
    let link = |link: &Link| {
        let shapes: Vec<_> = link.collisions.iter().map(|shape| shape.geometry.kind()).collect();
        json!({"name": link.name, "mass": link.inertial.map(|inertial| inertial.mass), "colliders": shapes})
    };
    let joint = |joint: &Joint| {
        json!({
            "name": joint.name,
            "type": joint.kind.name(),
            "parent": robot.links[joint.parent].name,
            "child": robot.links[joint.child].name,
            "limits": joint.limits,
            "effort": joint.effort,
            "velocity": joint.velocity,
        })
    };
    let ignored = robot.ignored.iter();
    json!({
        "robot": file,
        "ok": true,
        "name": robot.name,
        "mass": robot.mass(),
        "colliders": robot.colliders(),
        "reach": robot.reach(),
        "links": robot.links.iter().map(link).collect::<Vec<_>>(),
        "joints": robot.joints.iter().map(joint).collect::<Vec<_>>(),
        "ignored": ignored.map(|span| json!({"element": span.text(), "at": span.location()})).collect::<Vec<_>>(),
    })
}

fn page(file: &Path, robot: &RobotModel) -> String {
    let link = |link: &Link| {
        let shapes: Vec<_> = link.collisions.iter().map(|shape| shape.geometry.kind()).collect();
        let mass = link.inertial.map_or_else(|| "-".into(), |inertial| format!("{} kg", inertial.mass));
        vec![format!("  {}", link.name), mass, shapes.join(" ")]
    };
    let joint = |joint: &Joint| {
        let unit =
            if joint.kind == JointKind::Prismatic { ["m", "N", "m/s"] } else { ["rad", "N m", "rad/s"] };
        let limits =
            joint.limits.map_or_else(|| "-".into(), |[low, high]| format!("{low} to {high} {}", unit[0]));
        let (effort, velocity) = match joint.kind {
            JointKind::Fixed => ("-".into(), "-".into()),
            _ => (format!("{} {}", joint.effort, unit[1]), format!("{} {}", joint.velocity, unit[2])),
        };
        let ends = format!("{} to {}", robot.links[joint.parent].name, robot.links[joint.child].name);
        vec![format!("  {}", joint.name), joint.kind.name().into(), limits, effort, velocity, ends]
    };
    let links: Vec<_> = robot.links.iter().map(link).collect();
    let joints: Vec<_> = robot.joints.iter().map(joint).collect();
    let mut lines = vec![
        format!("{}: ok", file.display()),
        format!(
            "  robot {}: {} links, {} joints, {:.3} kg, {} colliders, reach {:.3} m",
            robot.name,
            links.len(),
            joints.len(),
            robot.mass(),
            robot.colliders(),
            robot.reach()
        ),
        String::new(),
        table(&["  link", "mass", "colliders"], &links),
    ];
    if !joints.is_empty() {
        let headings = ["  joint", "type", "limits", "effort", "velocity", "from to"];
        lines.extend([String::new(), table(&headings, &joints)]);
    }
    if !robot.ignored.is_empty() {
        let ignored = robot.ignored.iter();
        let ignored = ignored.map(|span| format!("  {}: <{}>", span.location(), span.text()));
        lines.extend([String::new(), "Passed over, for it says nothing that is simulated:".into()]);
        lines.extend(ignored);
    }
    lines.join("\n")
}
