//! Panics: each one is a bug of carrot, and says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::output::Output;

/// Exit code of a bug.
const EXIT_CODE: u8 = 4;

/// What panicked, where; contained panics of worker threads are among them.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A panic that nobody below contained.
#[derive(Debug)]
pub(crate) struct Bug {
    panics: Vec<String>,
}

/// Runs `work`; a panic in it becomes a [`Bug`].
///
/// The hook only takes notes: a panic that a library contains and reports as an error must not be shown twice.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Bug> {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
    }));
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Bug { panics: panics() })
}

/// How to report a bug, after what is known about it.
pub(crate) fn plea(known: &str) -> String {
    format!(
        "{known}\n\nThis is a bug in carrot {}, not a mistake of yours. Please report it with the text above and \
         the command line; `carrot doctor --json` and the run folder help too. Checkpoints on disk stay valid.",
        env!("CARGO_PKG_VERSION")
    )
}

fn panics() -> Vec<String> {
    std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Bug {
    /// Tells about it.
    pub(crate) fn report(&self, output: &Output) -> ExitCode {
        let known = self.panics.join("\n");
        output.error(
            &plea(&known),
            &json!({"exit_code": EXIT_CODE, "message": "a bug in carrot", "panics": self.panics}),
        );
        ExitCode::from(EXIT_CODE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_contained_and_names_its_place() {
        assert_eq!(contain(|| 3).ok(), Some(3));
        let bug = contain(|| panic!("the row is gone")).expect_err("a panic");
        let known = bug.panics.join("\n");
        assert!(known.contains("the row is gone") && known.contains("bug.rs:"), "{known}");
        assert!(plea(&known).contains("This is a bug in carrot"));
    }
}
