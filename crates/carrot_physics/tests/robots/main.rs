//! Robots from files: every fault has a name and a place, nothing is lost in silence, nothing outside is read.
#![allow(clippy::unwrap_used, reason = "tests")]

mod escapes;
mod faults;
mod meshes;
mod mutations;

/// The robot that is part of the program.
const ARM: &str = include_str!("../../../../assets/robots/six_joint_arm.urdf");
const PALM: &[u8] = include_bytes!("../../../../assets/robots/six_joint_arm/palm.stl");

/// A folder with the arm in it, under its own name and under `robot.urdf` with another text.
fn folder_with(text: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("six_joint_arm")).unwrap();
    std::fs::write(folder.path().join("six_joint_arm/palm.stl"), PALM).unwrap();
    std::fs::write(folder.path().join("robot.urdf"), text).unwrap();
    folder
}
