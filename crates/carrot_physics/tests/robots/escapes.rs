//! Paths that leave the robot's folder: all refused, whatever lies behind them.

use std::fs;
use std::path::Path;

use carrot_physics::{RobotModel, UrdfError, UrdfMistakes};

use crate::{ARM, PALM, folder_with};

/// Paths that are refused for what they are, before anything is looked at.
const REFUSED: [&str; 44] = [
    "../palm.stl",
    "..",
    "../",
    "../../palm.stl",
    "six_joint_arm/../../palm.stl",
    "six_joint_arm/../six_joint_arm/palm.stl",
    "./../palm.stl",
    "six_joint_arm/..",
    "six_joint_arm/./../../outside/palm.stl",
    "/palm.stl",
    "/etc/passwd",
    "//etc/passwd",
    "//server/share/palm.stl",
    "/dev/zero",
    "/proc/self/mem",
    "package://robot/palm.stl",
    "package://../palm.stl",
    "package:palm.stl",
    "model://robot/palm.stl",
    "file:///etc/passwd",
    "file://palm.stl",
    "file:palm.stl",
    "FILE:///etc/passwd",
    "http://localhost/palm.stl",
    "https://localhost/palm.stl",
    "ftp://localhost/palm.stl",
    "data:model/stl;base64,c29saWQ=",
    "C:/palm.stl",
    "C:palm.stl",
    "C:\\palm.stl",
    "\\\\server\\share\\palm.stl",
    "..\\palm.stl",
    "six_joint_arm\\palm.stl",
    "~/palm.stl",
    "~root/palm.stl",
    "$HOME/palm.stl",
    "${HOME}/palm.stl",
    "$(find robot)/palm.stl",
    "six_joint_arm//palm.stl",
    "six_joint_arm/",
    ".",
    "",
    "six_joint_arm/palm.stl&#10;",
    "six_joint_arm/palm.stl&#9;",
];

/// Links and things that are no files, made on disk, and the paths to them.
const TRAPS: [&str; 7] = [
    "link_to_file.stl",
    "link_to_folder/palm.stl",
    "link_inside.stl",
    "link_to_nothing.stl",
    "link_to_device.stl",
    "six_joint_arm",
    "pipe.stl",
];

/// Names that look like tricks and are none: there is no such file.
const MISSING: [&str; 5] = [
    "%2e%2e/palm.stl",
    "..%2fpalm.stl",
    "...",
    "\u{2024}\u{2024}/palm.stl",
    "six_joint_arm/palm.stl/palm.stl",
];

fn first(mistakes: &UrdfMistakes) -> &UrdfError {
    &mistakes.iter().next().unwrap().error
}

#[cfg(unix)]
fn lay_traps(folder: &Path, outside: &Path) {
    use std::os::unix::fs::symlink;
    fs::write(outside.join("palm.stl"), PALM).unwrap();
    symlink(outside.join("palm.stl"), folder.join("link_to_file.stl")).unwrap();
    symlink(outside, folder.join("link_to_folder")).unwrap();
    symlink("six_joint_arm/palm.stl", folder.join("link_inside.stl")).unwrap();
    symlink("nowhere", folder.join("link_to_nothing.stl")).unwrap();
    symlink("/dev/zero", folder.join("link_to_device.stl")).unwrap();
    // A socket stands for everything that would keep a reader waiting.
    drop(std::os::unix::net::UnixListener::bind(folder.join("pipe.stl")).unwrap());
}

#[test]
#[cfg(unix)]
fn fifty_six_escapes_are_refused_in_shapes_and_in_drawings() {
    let outside = tempfile::tempdir().unwrap();
    for path in REFUSED.into_iter().chain(TRAPS).chain(MISSING) {
        let drawn = format!("<visual><geometry><mesh filename=\"{path}\"/></geometry></visual>");
        let drawn = ARM.replace("<link name=\"tool\"/>", &format!("<link name=\"tool\">{drawn}</link>"));
        for text in [ARM.replace("six_joint_arm/palm.stl", path), drawn] {
            // The file is there to be read, one folder up: only the rule keeps it from being read.
            let above = tempfile::tempdir().unwrap();
            let folder = above.path().join("robot");
            fs::rename(folder_with(text.as_bytes()).keep(), &folder).unwrap();
            fs::write(above.path().join("palm.stl"), PALM).unwrap();
            lay_traps(&folder, outside.path());
            let mistakes = RobotModel::read(&folder.join("robot.urdf")).expect_err(path);
            let found = mistakes.iter().next().unwrap();
            let as_expected = match found.error {
                UrdfError::MissingMesh { .. } => MISSING.contains(&path),
                UrdfError::PathEscape { .. } => !MISSING.contains(&path),
                _ => false,
            };
            assert!(as_expected, "{path}: {mistakes}");
            let lines = text.lines().enumerate().filter(|(_, line)| line.contains("<mesh"));
            assert!(lines.map(|(line, _)| line + 1).any(|line| line == found.location().line), "{mistakes}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_scene_cannot_name_a_robot_outside_of_its_folder() {
    let outside = tempfile::tempdir().unwrap();
    for path in REFUSED.into_iter().chain(TRAPS) {
        // A path in a scene has no XML around it.
        let path = path.replace("&#10;", "\n").replace("&#9;", "\t");
        let folder = folder_with(ARM.as_bytes());
        lay_traps(folder.path(), outside.path());
        let mistakes = RobotModel::read_within(folder.path(), &path).expect_err(&path);
        assert!(matches!(first(&mistakes), UrdfError::PathEscape { .. }), "{path}: {mistakes}");
    }
    let folder = folder_with(ARM.as_bytes());
    assert!(RobotModel::read_within(folder.path(), "robot.urdf").is_ok());
    assert!(RobotModel::read_within(folder.path(), "./robot.urdf").is_ok());
}

#[test]
fn what_is_no_file_is_not_opened() {
    let folder = folder_with(ARM.as_bytes());
    for path in [folder.path().to_owned(), folder.path().join("nothing.urdf"), "/dev/zero".into()] {
        let mistakes = RobotModel::read(&path).expect_err("no file");
        assert!(matches!(first(&mistakes), UrdfError::Unreadable { .. }), "{mistakes}");
    }
    fs::write(folder.path().join("robot.urdf"), [b'<', 0xff, 0xfe]).unwrap();
    let mistakes = RobotModel::read(&folder.path().join("robot.urdf")).expect_err("no text");
    assert!(mistakes.to_string().contains("not UTF-8"), "{mistakes}");
}
