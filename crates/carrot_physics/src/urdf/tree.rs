//! The whole of a robot: unique names, known links, one tree, and a mass wherever something moves.

use std::collections::BTreeMap;

use carrot_scene::{Source, Span};

use super::error::{UrdfError, UrdfMistakes};
use super::model::{Joint, JointKind, Link, RobotModel};
use super::read::{Parts, ReadJoint};
use super::xml::near;

/// Puts links and joints together.
pub(super) fn assemble(parts: Parts, source: &Source, mistakes: &mut UrdfMistakes) -> RobotModel {
    let Parts { name, links, joints, ignored } = parts;
    unique("link", links.iter().map(|link| (&link.name, &link.name_span)), mistakes);
    unique("joint", joints.iter().map(|joint| (&joint.name, &joint.name_span)), mistakes);
    if links.is_empty() && mistakes.is_empty() {
        mistakes.add(&source.span(0..0), UrdfError::NoLinks);
    }

    let names: Vec<String> = links.iter().map(|link| link.name.clone()).collect();
    let joints: Vec<_> = joints.into_iter().filter_map(|joint| connect(joint, &names, mistakes)).collect();
    let links: Vec<_> = links
        .into_iter()
        .map(|link| Link {
            name: link.name,
            inertial: link.inertial,
            collisions: link.collisions,
            span: link.span,
        })
        .collect();
    let mut robot = RobotModel { name, links, joints, root: 0, ignored, files: BTreeMap::new() };
    // Parts that could not be read leave holes, about which nothing more needs to be said.
    if mistakes.is_empty() {
        robot.root = find_root(&robot, mistakes);
        find_cycles(&robot, mistakes);
    }
    if mistakes.is_empty() {
        weigh(&robot, mistakes);
    }
    robot
}

fn unique<'p>(
    kind: &'static str,
    names: impl Iterator<Item = (&'p String, &'p Span)>,
    mistakes: &mut UrdfMistakes,
) {
    let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
    for (name, span) in names {
        match seen.get(name.as_str()) {
            Some(first) => {
                let first_line = first.location().line;
                mistakes.add(span, UrdfError::DuplicateName { kind, name: name.clone(), first_line });
            }
            None => drop(seen.insert(name, span)),
        }
    }
}

fn connect(joint: ReadJoint, links: &[String], mistakes: &mut UrdfMistakes) -> Option<Joint> {
    let mut find = |(name, span): &(String, Span)| {
        let found = links.iter().position(|link| link == name);
        if found.is_none() {
            let valid: Vec<_> = links.iter().map(String::as_str).collect();
            mistakes.add_named(span, UrdfError::UnknownLink { name: name.clone() }, near(name, &valid));
        }
        found
    };
    let (parent, child) = (find(&joint.parent), find(&joint.child));
    let ReadJoint { name, kind, origin, axis, limits, effort, velocity, span, .. } = joint;
    Some(Joint { name, kind, origin, axis, parent: parent?, child: child?, limits, effort, velocity, span })
}

/// The one link without a parent; each other link has one.
fn find_root(robot: &RobotModel, mistakes: &mut UrdfMistakes) -> usize {
    let mut parents: Vec<Option<&Joint>> = vec![None; robot.links.len()];
    for joint in &robot.joints {
        match parents[joint.child] {
            Some(first) => {
                let link = robot.links[joint.child].name.clone();
                let first_line = first.span.location().line;
                mistakes.add(&joint.span, UrdfError::SeveralParents { link, first_line });
            }
            None => parents[joint.child] = Some(joint),
        }
    }
    let mut roots = (0..robot.links.len()).filter(|&link| parents[link].is_none());
    let Some(root) = roots.next() else { return 0 };
    for other in roots {
        let (link, first) = (robot.links[other].name.clone(), robot.links[root].name.clone());
        mistakes.add(&robot.links[other].span, UrdfError::SeveralRoots { link, first });
    }
    root
}

/// With one parent each, links that are not reached from the root go around in circles.
fn find_cycles(robot: &RobotModel, mistakes: &mut UrdfMistakes) {
    let parent = |link: usize| robot.parent_joint(link).map(|joint| robot.joints[joint].parent);
    for joint in &robot.joints {
        let mut above = Some(joint.parent);
        for _ in 0..robot.joints.len() {
            above = above.and_then(parent);
        }
        if above.is_some() {
            mistakes.add(&joint.span, UrdfError::Cycle { joint: joint.name.clone() });
        }
    }
}

/// The root stands still and needs no mass. Everything that moves needs one, and everything that collides.
fn weigh(robot: &RobotModel, mistakes: &mut UrdfMistakes) {
    for (index, link) in robot.links.iter().enumerate() {
        let Some(joint) = robot.parent_joint(index) else { continue };
        let why = if robot.joints[joint].kind != JointKind::Fixed {
            "its joint moves"
        } else if !link.collisions.is_empty() {
            "it collides"
        } else {
            continue;
        };
        if link.inertial.is_none() {
            mistakes.add(&link.span, UrdfError::MissingInertia { link: link.name.clone(), why });
        }
    }
}
