//! Arms in place of the hand: what scenes may ask for, and that tasks stay what they are.

use std::path::Path;
use std::sync::Arc;

use carrot_scene::{Diagnostics, SceneSpec, Source};
use carrot_sim::{CheckConfig, Task, VecEnv, VecEnvConfig, check_task};
use carrot_tasks::{BuiltTask, read_task};

use crate::batch::{config, roll};
use crate::scripts::play_in;

const TASKS: [&str; 3] = ["Reach", "Push", "PickPlace"];
const CONTROLS: [&str; 2] = ["HandVelocity", "JointVelocity"];

fn read(task: &str, folder: &Path) -> Result<BuiltTask, Diagnostics> {
    let text = format!("(version: 1, task: {task}, batch: (num_envs: 1, num_steps: 1), reward: \"sparse\")");
    let scene = SceneSpec::read::<&str>(&Source::new("scene.ron", text), &[])?;
    let mut diagnostics = Diagnostics::new();
    let task = read_task(&scene.task, folder, &mut diagnostics);
    diagnostics.into_result(task)
}

fn with_arm(task: &str, control: &str) -> Arc<dyn Task> {
    let params = format!("Task(name: \"{task}\", params: (robot: \"six_joint_arm\", control: {control}))");
    read(&params, Path::new("")).unwrap_or_else(|mistakes| panic!("{mistakes}")).task
}

#[test]
fn tasks_with_arms_pass_the_check() {
    for task in TASKS {
        for control in CONTROLS {
            for (rows, steps) in [(1, 60), (65, 60)] {
                let task = with_arm(task, control);
                let checked = check_task(&task, CheckConfig { rows, steps, seed: 11 });
                checked.unwrap_or_else(|findings| {
                    panic!("{} by {control}, {rows} rows: {findings:#?}", task.spec().name)
                });
            }
        }
    }
}

#[test]
fn sizes_depend_on_the_robot_and_signals_keep_their_places() {
    for (task, control, width) in [
        ("Reach", "HandVelocity", 4),
        ("Reach", "JointVelocity", 7),
        ("Push", "HandVelocity", 3),
        ("Push", "JointVelocity", 6),
        ("PickPlace", "JointVelocity", 7),
    ] {
        let (arm, hand) = (with_arm(task, control), carrot_tasks::build_task(task).unwrap());
        let (arm, hand) = (arm.spec(), hand.spec());
        assert_eq!(arm.action.width(), width, "{task} by {control}");
        assert_eq!(arm.observation.len(), hand.observation.len() + 1);
        assert_eq!(
            arm.observation.last().map(|part| (part.name.as_str(), part.size())),
            Some(("joints", 12))
        );
        let names =
            |spec: &carrot_sim::TaskSpec| spec.signals.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(arm)[..hand.signals.len()], names(hand));
    }
}

#[test]
fn experts_succeed_with_arms_and_exploits_do_not() {
    for task in TASKS {
        for control in CONTROLS {
            let task = with_arm(task, control);
            let (name, scripts) = (task.spec().name, task.spec().scripts.clone());
            let steps = task.spec().max_steps as usize;
            let env = |rows| VecEnv::new(task.clone(), config(rows, steps), &|_| {}).unwrap();
            let expert = play_in(env(100), "expert");
            let rate = expert.success_rate();
            assert!(rate >= 0.95, "{name} by {control}: {rate}");
            for script in &scripts[1..] {
                assert_eq!(
                    play_in(env(20), script.name).success_rate(),
                    0.0,
                    "{name} by {control}: {}",
                    script.name
                );
            }
        }
    }
}

#[test]
fn shards_with_arms_equal_one_shard_bit_for_bit() {
    for control in CONTROLS {
        let task = with_arm("PickPlace", control);
        let run = |shards| {
            let config = VecEnvConfig { shards, ..config(6, 60) };
            roll(&mut VecEnv::new(task.clone(), config, &|_| {}).unwrap(), 0)
        };
        assert!(run(1) == run(3), "{control}");
    }
}

#[test]
fn mistakes_in_parameters_are_told_at_their_place() {
    let arm = "Task(name: \"Reach\", params: (robot: \"six_joint_arm\"";
    for (task, told, near) in [
        (format!("{arm}, control: HandVelosity))"), "unknown control", Some("HandVelocity")),
        (format!("{arm}, contrl: HandVelocity))"), "unknown field", Some("control")),
        (
            "Task(name: \"Reach\", params: (robot: \"six_joint_arn\"))".into(),
            "unknown robot",
            Some("six_joint_arm"),
        ),
        ("Task(name: \"Reach\", params: (control: HandVelocity))".into(), "missing field `robot`", None),
        ("Task(name: \"Reach\", params: (robot: 6))".into(), "robot", None),
        ("Task(name: \"Reech\", params: (robot: \"six_joint_arm\"))".into(), "unknown task", Some("Reach")),
        (
            "Task(name: \"CartPole-v1\", params: (robot: \"six_joint_arm\"))".into(),
            "takes no parameters",
            None,
        ),
        ("Task(name: \"Reach\", params: (robot: \"../arm.urdf\"))".into(), "it leaves the folder", None),
        ("Task(name: \"Reach\", params: (robot: \"/etc/arm.urdf\"))".into(), "it is absolute", None),
        ("Task(name: \"Reach\", params: (robot: \"nowhere.urdf\"))".into(), "there is no file", None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mistakes = read(&task, folder.path()).err().unwrap_or_else(|| panic!("{task}"));
        let found = mistakes.iter().find(|mistake| mistake.message.contains(told));
        let found = found.unwrap_or_else(|| panic!("{told}: {mistakes}"));
        assert_eq!((found.location.file.as_str(), found.location.line), ("scene.ron", 1));
        assert!(near.is_none() || found.nearest.as_deref() == near, "{mistakes}");
    }
}

#[test]
fn a_scene_may_bring_its_own_robot_and_names_all_files_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let robots = folder.path().join("robots");
    std::fs::create_dir_all(robots.join("six_joint_arm")).unwrap();
    let own = include_str!("../../../../assets/robots/six_joint_arm.urdf").replace("0 0 0.42", "0 0 0.45");
    std::fs::write(robots.join("longer.urdf"), &own).unwrap();
    let palm = include_bytes!("../../../../assets/robots/six_joint_arm/palm.stl");
    std::fs::write(robots.join("six_joint_arm/palm.stl"), palm).unwrap();
    let task = "Task(name: \"Reach\", params: (robot: \"robots/longer.urdf\"))";
    let built = read(task, folder.path()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let kept: Vec<_> = built.files.iter().map(|(path, bytes)| (path.as_str(), bytes.len())).collect();
    assert_eq!(kept, [("robots/longer.urdf", own.len()), ("robots/six_joint_arm/palm.stl", palm.len())]);
    // What is no arm is told at the place where it is asked for.
    std::fs::write(robots.join("longer.urdf"), own.replace("\"tool\"", "\"tip\"")).unwrap();
    let mistakes = read(task, folder.path()).err().unwrap().to_string();
    assert!(mistakes.starts_with("scene.ron:1:") && mistakes.contains("no link `tool`"), "{mistakes}");
    std::fs::write(robots.join("longer.urdf"), own.replace("effort=\"90\"", "effort=\"much\"")).unwrap();
    let mistakes = read(task, folder.path()).err().unwrap().to_string();
    assert!(mistakes.contains("scene.ron:1:") && mistakes.contains("longer.urdf:"), "{mistakes}");
}
