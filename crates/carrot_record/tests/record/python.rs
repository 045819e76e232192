//! The readers that users have: Python, where it is there.

use std::{path::Path, process::Command};

/// Runs a script with a path as its argument and returns what it printed.
///
/// The Python is `CARROT_TEST_PYTHON`, else `python3`; where it lacks a module the check is skipped, visibly.
pub(crate) fn run(script: &str, modules: &[&str], path: &Path) -> Option<String> {
    let python = std::env::var("CARROT_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let imports = format!("import {}", modules.join(", "));
    let present = Command::new(&python).args(["-c", &imports]).output();
    if !present.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no {}", modules.join(" and "));
        return None;
    }
    let output = Command::new(&python).args(["-c", script]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
