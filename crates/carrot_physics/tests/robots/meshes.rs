//! Meshes: read whole or refused, never dropped.

use carrot_physics::{Geometry, RobotModel, UrdfError};

use crate::{ARM, PALM, folder_with};

fn read(mesh: &[u8]) -> Result<RobotModel, String> {
    let folder = folder_with(ARM.as_bytes());
    std::fs::write(folder.path().join("six_joint_arm/palm.stl"), mesh).unwrap();
    RobotModel::read(&folder.path().join("robot.urdf")).map_err(|mistakes| {
        let first = mistakes.iter().next().unwrap();
        assert!(matches!(first.error, UrdfError::BadMesh { .. }), "{mistakes}");
        assert!(first.span.text().contains("palm.stl"), "{mistakes}");
        mistakes.to_string()
    })
}

/// The corners of the palm's triangles as a binary file.
fn binary() -> Vec<u8> {
    let text = std::str::from_utf8(PALM).unwrap();
    let corners = text.lines().filter_map(|line| line.trim().strip_prefix("vertex "));
    let corners: Vec<f32> =
        corners.flat_map(|line| line.split(' ').map(|word| word.parse().unwrap())).collect();
    let mut bytes = vec![b' '; 80];
    bytes.extend((corners.len() as u32 / 9).to_le_bytes());
    for triangle in corners.chunks(9) {
        bytes.extend([0; 12]);
        triangle.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend([0; 2]);
    }
    bytes
}

fn bounds(robot: &RobotModel) -> [[f32; 3]; 2] {
    let shapes = robot.links.iter().flat_map(|link| &link.collisions);
    let mut hulls = shapes.filter_map(|shape| match &shape.geometry {
        Geometry::Mesh { hull, .. } => Some(hull.bounds()),
        _ => None,
    });
    hulls.next_back().unwrap()
}

#[test]
fn text_and_binary_give_the_same_hull() {
    let expected = [[-0.025, -0.065, 0.0], [0.025, 0.065, 0.04]];
    for mesh in [PALM.to_vec(), binary()] {
        let found = bounds(&read(&mesh).unwrap());
        for (side, axis) in (0..2).flat_map(|side| (0..3).map(move |axis| (side, axis))) {
            assert!((found[side][axis] - expected[side][axis]).abs() < 1e-6, "{found:?}");
        }
    }
}

#[test]
fn broken_meshes_are_refused_with_a_reason() {
    let text = String::from_utf8(PALM.to_vec()).unwrap();
    let mut endless = binary();
    endless[96..100].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let mut longer = binary();
    longer.extend([0; 50]);
    let mut claimed = binary();
    claimed[80..84].copy_from_slice(&u32::MAX.to_le_bytes());
    let flat = text.replace(" 0.04\n", " 0\n");
    for (mesh, why) in [
        (Vec::new(), "neither"),
        (b"solid".to_vec(), "cut off"),
        (text.as_bytes()[..text.len() / 2].to_vec(), ""),
        (text.replace("vertex -0.025", "vertex x").into_bytes(), "not finite"),
        (text.replace("vertex -0.025", "vertex").into_bytes(), "is no vertex"),
        (text.replace("facet", "fascet").into_bytes(), "begins with"),
        (flat.into_bytes(), "thinner"),
        (b"solid s\nvertex 0 0 0\nvertex 1 0 0\nvertex 2 0 0\nendsolid s\n".to_vec(), "cannot be used"),
        (endless, "not finite"),
        (longer, "neither"),
        (claimed, "neither"),
        (binary()[..200].to_vec(), "neither"),
        (b"solid s\nendsolid s\n".to_vec(), "cut off"),
    ] {
        let told = read(&mesh).expect_err(why);
        assert!(told.contains(why), "expected {why}: {told}");
    }
}

#[test]
fn five_hundred_broken_meshes_are_read_or_refused() {
    let whole = binary();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut refused = 0;
    for _ in 0..500 {
        let mut mesh = if draw(2) == 0 { whole.clone() } else { PALM.to_vec() };
        for _ in 0..=draw(4) {
            let at = draw(mesh.len());
            match draw(4) {
                0 => mesh.truncate(at.max(1)),
                1 => mesh[at] = draw(256) as u8,
                2 => mesh.splice(at..at, [0xff; 4]).for_each(drop),
                _ => mesh.drain(at..(at + 9).min(mesh.len())).for_each(drop),
            }
            if mesh.is_empty() {
                break;
            }
        }
        match read(&mesh) {
            Ok(robot) => assert_eq!(robot.colliders(), 9),
            Err(_) => refused += 1,
        }
    }
    assert!((100..500).contains(&refused), "{refused} of 500 refused");
}

#[test]
fn a_mesh_that_is_only_drawn_must_be_there_too() {
    let drawn = "<visual><geometry><mesh filename=\"palm.dae\"/></geometry></visual>";
    let text = ARM.replace("<link name=\"tool\"/>", &format!("<link name=\"tool\">{drawn}</link>"));
    let folder = folder_with(text.as_bytes());
    let path = folder.path().join("robot.urdf");
    let mistakes = RobotModel::read(&path).expect_err("no such file");
    assert_eq!(mistakes.iter().next().unwrap().error, UrdfError::MissingMesh { path: "palm.dae".into() });
    std::fs::write(folder.path().join("palm.dae"), "anything").unwrap();
    assert_eq!(RobotModel::read(&path).unwrap().colliders(), 9);
    let misspelt = ARM.replace("six_joint_arm/palm.stl", "six_joint_arm/plam.stl");
    std::fs::write(&path, misspelt).unwrap();
    let mistakes = RobotModel::read(&path).expect_err("no such file");
    assert_eq!(mistakes.iter().next().unwrap().nearest.as_deref(), Some("six_joint_arm/palm.stl"));
}
