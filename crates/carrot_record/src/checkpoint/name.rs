//! How checkpoint folders are called, and which names are safe to use as files.

use std::{fmt, str::FromStr};

use crate::RecordError;

/// The name of a checkpoint folder: `step_000000123456`, or `step_000000123456_1` for a second one at that step.
///
/// Names order by step, then by count: the greatest is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckpointName {
    /// Environment steps taken when it was written.
    pub env_steps: u64,
    /// 0 for the first checkpoint at this step, then 1, 2, ...
    pub repeat: u32,
}

impl fmt::Display for CheckpointName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "step_{:012}", self.env_steps)?;
        if self.repeat > 0 { write!(formatter, "_{}", self.repeat) } else { Ok(()) }
    }
}

impl FromStr for CheckpointName {
    type Err = RecordError;

    fn from_str(name: &str) -> Result<Self, RecordError> {
        let parsed = name.strip_prefix("step_").and_then(|rest| {
            let (steps, repeat) = rest.split_once('_').unwrap_or((rest, "0"));
            Some(Self { env_steps: steps.parse().ok()?, repeat: repeat.parse().ok()? })
        });
        // Only the one spelling that `Display` gives: two folders must not have one name.
        parsed.filter(|parsed| parsed.to_string() == name).ok_or_else(|| RecordError::InvalidName {
            what: "checkpoint",
            name: name.to_owned(),
            expected: "`step_` and twelve digits, such as step_000000123456",
        })
    }
}

/// Refuses everything but letters, digits, `_`, `-` and `.`, and names that begin with a dot.
///
/// Such a name is a file of its own folder on every system: no separator, no parent, nothing hidden.
pub(crate) fn check_plain_name(what: &'static str, name: &str) -> Result<(), RecordError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(plain) {
        return Ok(());
    }
    let expected = "1 to 128 letters, digits, `_`, `-` or `.`, not beginning with a dot";
    Err(RecordError::InvalidName { what, name: name.to_owned(), expected })
}
