//! What can go wrong when a scene is built or a snapshot is restored.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum PhysicsError {
    /// Two parts of the same kind have one name.
    #[error("two {kind}s are named `{name}`")]
    DuplicateName {
        /// What sort of part: body, site, motor or watch.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// No part has this name.
    #[error("no {kind} is named `{name}`; known: {known}")]
    UnknownName {
        /// What sort of part: body, site, motor or watch.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// Every name of this kind, comma-separated.
        known: String,
    },
    /// A number that physics cannot work with.
    #[error("{what} is {value}, expected {expected}")]
    BadNumber {
        /// Which number, in words.
        what: String,
        /// What it was.
        value: f32,
        /// What would do.
        expected: &'static str,
    },
    /// A robot that is not what was asked for.
    #[error("robot `{robot}` is no six-joint arm with a gripper: {why}")]
    NotAnArm {
        /// The robot's name.
        robot: String,
        /// What is missing.
        why: String,
    },
    /// Bytes that are no snapshot of this scene.
    #[error("not a snapshot of this scene: {0}")]
    BadSnapshot(String),
    /// The state could not be written.
    #[error("cannot write a snapshot: {0}")]
    WriteSnapshot(#[source] postcard::Error),
}

/// Checks that `value` is finite and above zero.
pub(crate) fn positive(what: &str, value: f32) -> Result<(), PhysicsError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(PhysicsError::BadNumber { what: what.into(), value, expected: "a finite number above 0" })
}

/// Checks that every value is finite.
pub(crate) fn finite(what: &str, values: &[f32]) -> Result<(), PhysicsError> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(&value) => {
            Err(PhysicsError::BadNumber { what: what.into(), value, expected: "a finite number" })
        }
        None => Ok(()),
    }
}
