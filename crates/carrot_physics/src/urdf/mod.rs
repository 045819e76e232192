//! Robots from URDF files: read strictly, checked as a whole, loaded by `rapier3d-urdf`.
//!
//! A file from elsewhere is not trusted. It is measured before it is parsed, parsed without entities, and read
//! attribute by attribute; every mistake has a [name](UrdfError), a place and, where a name was meant, the nearest
//! valid one. Only what passed is handed to the loader, and what comes back is counted. Nothing is executed, nothing
//! is fetched, and no file outside of the robot's own folder is opened.
//!
//! ```
//! use carrot_physics::{RobotModel, UrdfError};
//!
//! let text = r#"<robot name="r">
//!   <link name="base"/> <link name="arm"/>
//!   <joint name="j" type="fixed"> <parent link="bsae"/> <child link="arm"/> </joint>
//! </robot>"#;
//! let mistakes = RobotModel::parse("robot.urdf", text).unwrap_err();
//! let first = mistakes.iter().next().unwrap();
//! assert_eq!(first.error, UrdfError::UnknownLink { name: "bsae".into() });
//! assert_eq!((first.location().line, first.nearest.as_deref()), (3, Some("base")));
//! ```

mod error;
mod folder;
mod insert;
mod load;
mod model;
mod read;
mod stl;
mod tree;
mod xml;

use std::path::Path;

use carrot_scene::{Diagnostics, Source};

pub use error::{UrdfError, UrdfMistake, UrdfMistakes};
pub(crate) use insert::Stance;
pub(crate) use load::{load, pose};
pub use model::{Collision, Geometry, Inertial, Joint, JointKind, Link, Origin, RobotModel};
pub use stl::Hull;

use folder::Folder;
use xml::Element;

/// A robot that is part of the program: its name, its text, and the files beside it.
type BuiltIn = (&'static str, &'static str, &'static [(&'static str, &'static [u8])]);

const BUILT_IN: &[BuiltIn] = &[(
    "six_joint_arm",
    include_str!("../../../../assets/robots/six_joint_arm.urdf"),
    &[("six_joint_arm/palm.stl", include_bytes!("../../../../assets/robots/six_joint_arm/palm.stl"))],
)];

impl RobotModel {
    /// Names of the robots that are part of the program.
    pub fn names() -> Vec<&'static str> {
        BUILT_IN.iter().map(|(name, ..)| *name).collect()
    }

    /// A robot that is part of the program.
    ///
    /// # Errors
    /// Its mistakes, of which there are none; `None` where there is no robot of this name.
    pub fn built_in(name: &str) -> Option<Result<Self, UrdfMistakes>> {
        let (name, text, files) = BUILT_IN.iter().find(|(known, ..)| *known == name)?;
        Some(read(&Source::new(format!("assets/robots/{name}.urdf"), *text), Folder::embedded(files)))
    }

    /// Reads a file; its meshes are looked for in its folder.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, UrdfMistakes> {
        let name = path.display().to_string();
        let refuse = |why: &str| refused(&name, UrdfError::Unreadable { why: why.into() });
        let found = std::fs::metadata(path).map_err(|error| refuse(&error.to_string()))?;
        if !found.is_file() {
            return Err(refuse("it is no regular file"));
        }
        if found.len() > xml::MAX_BYTES as u64 {
            return Err(refused(
                &name,
                UrdfError::TooMuch { what: "bytes in the file", limit: xml::MAX_BYTES },
            ));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let source = Source::read(path).map_err(|error| unreadable(&error))?;
        let mut robot = read(&source, Folder::on_disk(folder))?;
        let own = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        robot.files.insert(own, source.text().as_bytes().to_vec());
        Ok(robot)
    }

    /// Reads a file by a path that cannot leave `folder`; the files that it consists of have paths from there.
    ///
    /// # Errors
    /// Everything that is wrong with the path or the file.
    pub fn read_within(folder: &Path, path: &str) -> Result<Self, UrdfMistakes> {
        let located = Folder::on_disk(folder).locate(path).map_err(|error| refused(path, error))?;
        let mut robot = Self::read(&located)?;
        let inside = located.strip_prefix(folder).unwrap_or(&located).parent().unwrap_or(Path::new(""));
        let files = std::mem::take(&mut robot.files).into_iter();
        robot.files = files.map(|(path, bytes)| (inside.join(path).display().to_string(), bytes)).collect();
        Ok(robot)
    }

    /// Reads a text without files beside it; `name` is what mistakes call it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, UrdfMistakes> {
        read(&Source::new(name, text), Folder::embedded(&[]))
    }
}

fn read(source: &Source, folder: Folder) -> Result<RobotModel, UrdfMistakes> {
    let mut mistakes = UrdfMistakes::default();
    let Some(document) = xml::parse(source, &mut mistakes) else { return Err(mistakes) };
    let root = Element::root(&document, source);
    let parts = read::read(root, &folder, &mut mistakes);
    let mut robot = tree::assemble(parts, source, &mut mistakes);
    robot.files = folder.into_files();
    if mistakes.is_empty()
        && let Err(error) = load(&robot)
    {
        mistakes.add(&root.span(), error);
    }
    mistakes.into_result(robot)
}

/// A mistake that is about the file as a whole.
fn refused(name: &str, error: UrdfError) -> UrdfMistakes {
    let mut mistakes = UrdfMistakes::default();
    mistakes.add(&Source::new(name, "").span(0..0), error);
    mistakes
}

/// What kept a text from being read, at its place.
fn unreadable(diagnostics: &Diagnostics) -> UrdfMistakes {
    let mut mistakes = UrdfMistakes::default();
    for diagnostic in diagnostics {
        let place = Source::new(&diagnostic.location.file, "").span(0..0);
        mistakes.add(&place, UrdfError::Unreadable { why: diagnostic.message.clone() });
    }
    mistakes
}
