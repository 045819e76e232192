//! What a scene changes about a task: `Task(name: "Reach", params: (robot: "six_joint_arm"))`, or for a gridworld
//! `Task(name: "DoorKey-16x16", params: (layouts: 1))`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use carrot_physics::{PhysicsError, RobotModel, UrdfMistakes};
use carrot_scene::{Diagnostics, NodeRef, Reader, Spanned, TaskSpec};
use carrot_sim::Task;

use crate::gridworld;
use crate::manipulation::manipulator::{Control, RobotChoice};
use crate::manipulation::{pick_place, push, reach};
use crate::{build_task, task_names};

/// A task as a scene asks for it.
pub struct BuiltTask {
    /// The task.
    pub task: Arc<dyn Task>,
    /// Files of the scene's folder that it was built from, by path: what a run has to keep.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Builds a task with an arm in place of its hand.
type BuildWithRobot = fn(&RobotChoice) -> Result<Arc<dyn Task>, PhysicsError>;

/// The tasks whose manipulator a scene may choose.
const WITH_ROBOT: [(&str, BuildWithRobot); 3] = [
    (reach::NAME, |robot| Ok(Arc::new(reach::Reach::new(Some(robot))?))),
    (push::NAME, |robot| Ok(Arc::new(push::Push::new(Some(robot))?))),
    (pick_place::NAME, |robot| Ok(Arc::new(pick_place::PickPlace::new(Some(robot))?))),
];

/// Builds a task with so many layouts in all.
type BuildWithLayouts = fn(u32) -> Arc<dyn Task>;

/// The tasks whose layouts a scene may count; without it every episode has one of its own.
const WITH_LAYOUTS: [(&str, BuildWithLayouts); 8] = [
    (gridworld::door_key::NAME_8X8, |n| Arc::new(gridworld::door_key::task_8x8().with_layouts(n))),
    (gridworld::door_key::NAME_16X16, |n| Arc::new(gridworld::door_key::task_16x16().with_layouts(n))),
    (gridworld::four_rooms::NAME, |n| Arc::new(gridworld::four_rooms::task().with_layouts(n))),
    (gridworld::lava_gap::NAME, |n| Arc::new(gridworld::lava_gap::task().with_layouts(n))),
    (gridworld::lava_crossing::NAME, |n| Arc::new(gridworld::lava_crossing::task().with_layouts(n))),
    (gridworld::multi_room::NAME, |n| Arc::new(gridworld::multi_room::task().with_layouts(n))),
    (gridworld::unlock::NAME, |n| Arc::new(gridworld::unlock::task().with_layouts(n))),
    (gridworld::key_corridor::NAME, |n| Arc::new(gridworld::key_corridor::task().with_layouts(n))),
];

const CONTROLS: [(&str, Control); 2] =
    [("HandVelocity", Control::HandVelocity), ("JointVelocity", Control::JointVelocity)];

/// The task that a scene names, with its parameters; files that they name are read in `folder` only.
///
/// Every mistake is reported, and there is no task then.
pub fn read_task(spec: &TaskSpec, folder: &Path, diagnostics: &mut Diagnostics) -> Option<BuiltTask> {
    let name = &spec.name;
    let Some(params) = &spec.params else {
        let task = build_task(&name.value);
        if task.is_none() {
            diagnostics.unknown_name(&name.span, "task", &name.value, &task_names());
        }
        return task.map(|task| BuiltTask { task, files: BTreeMap::new() });
    };
    if let Some((_, build)) = WITH_LAYOUTS.iter().find(|(known, _)| *known == name.value) {
        let before = diagnostics.len();
        let mut reader = Reader::open(params, diagnostics)?;
        let layouts: Option<u32> = reader.required("layouts");
        if layouts == Some(0) {
            reader.refuse("layouts", "an episode needs a layout", "give the number of layouts, from 1");
        }
        reader.finish();
        let task = layouts.filter(|_| diagnostics.len() == before).map(build);
        return task.map(|task| BuiltTask { task, files: BTreeMap::new() });
    }
    let Some((_, build)) = WITH_ROBOT.iter().find(|(known, _)| *known == name.value) else {
        if task_names().contains(&name.value.as_str()) {
            let with = WITH_ROBOT.map(|(name, _)| name);
            let with =
                with.into_iter().chain(WITH_LAYOUTS.map(|(name, _)| name)).collect::<Vec<_>>().join(", ");
            let help = format!("remove them; tasks with parameters: {with}");
            diagnostics.error(&params.span(), format!("{} takes no parameters", name.value), "", help);
        } else {
            diagnostics.unknown_name(&name.span, "task", &name.value, &task_names());
        }
        return None;
    };
    let mut reader = Reader::open(params, diagnostics)?;
    let robot = reader.spanned::<String>("robot");
    let control = reader.node("control");
    reader.finish();
    let control = control.map_or(Some(Control::HandVelocity), |node| read_control(&node, diagnostics));
    let robot = robot?;
    let model = read_robot(&robot, folder, diagnostics)?;
    let choice = RobotChoice { robot: model, control: control? };
    match build(&choice) {
        Ok(task) => Some(BuiltTask { task, files: choice.robot.files }),
        Err(error) => {
            diagnostics.error(&robot.span, error.to_string(), "", "see assets/robots/six_joint_arm.md");
            None
        }
    }
}

fn read_control(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Control> {
    let named = node.variant().map(|(name, _)| name).or_else(|| node.string());
    let found = named.as_ref().and_then(|name| CONTROLS.iter().find(|(known, _)| *known == name.value));
    if found.is_none() {
        let (given, span) =
            named.map_or_else(|| (String::new(), node.span()), |name| (name.value, name.span));
        diagnostics.unknown_name(&span, "control", &given, &CONTROLS.map(|(name, _)| name));
    }
    found.map(|(_, control)| *control)
}

/// A robot of the program by name, or the scene's own by a path that ends in `.urdf`.
fn read_robot(robot: &Spanned<String>, folder: &Path, diagnostics: &mut Diagnostics) -> Option<RobotModel> {
    let name = robot.value.as_str();
    let read = if name.ends_with(".urdf") {
        RobotModel::read_within(folder, name)
    } else if let Some(built_in) = RobotModel::built_in(name) {
        built_in
    } else {
        diagnostics.unknown_name(&robot.span, "robot", name, &RobotModel::names());
        return None;
    };
    read.map_err(|mistakes: UrdfMistakes| {
        let first = mistakes.iter().next().map(|mistake| mistake.error.to_string()).unwrap_or_default();
        let help = "`carrot robot check FILE` looks at a robot alone";
        diagnostics.error(&robot.span, format!("the robot {name:?} cannot be used: {first}"), "", help);
        diagnostics.extend(mistakes.into());
    })
    .ok()
}
