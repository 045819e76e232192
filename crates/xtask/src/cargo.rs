//! The verbs that are cargo with the right words: demo, test, check, bench.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{Outcome, place, setup, tidy};

/// cargo as it was called, run from the repository root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(place::root());
    command
}

/// `demo`: the release command line's own demo.
pub(crate) fn demo(args: &[String]) -> Outcome {
    setup::ensure()?;
    become_it(carrot().arg("demo").args(args))
}

/// `bench`: the release command line measures its step rate.
pub(crate) fn bench(args: &[String]) -> Outcome {
    setup::ensure()?;
    become_it(carrot().args(["bench", "step"]).args(args))
}

/// `test`: all tests of the workspace, doc tests included; the output ends with cargo's own result lines.
pub(crate) fn test(args: &[String]) -> Outcome {
    setup::ensure()?;
    let (full, args) = take_full(args);
    let mut command = cargo();
    command.args(["test", "--workspace"]).args(args);
    if full {
        command.env("CARROT_FULL", "1");
    }
    become_it(&mut command)
}

/// `check`: what a commit must pass before its tests.
pub(crate) fn check() -> Outcome {
    setup::ensure()?;
    step("cargo fmt", cargo().args(["fmt", "--all", "--check"]))?;
    step("cargo clippy", &mut clippy(&[]))?;
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    step("cargo doc", &mut doc)?;
    tidy::run()
}

/// clippy over every target of the workspace but the named packages; a warning is an error.
pub(crate) fn clippy(left_out: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets"]);
    for package in left_out {
        command.args(["--exclude", package]);
    }
    command.args(["--", "-D", "warnings"]);
    command
}

/// Runs a command whose own output says what went wrong.
///
/// # Errors
/// Names the command when it fails.
pub(crate) fn step(name: &str, command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("{name} failed (see above)")),
        Err(error) => Err(format!("cannot run {name}: {error}")),
    }
}

/// The release `carrot`, built when it is not there or old.
fn carrot() -> Command {
    let mut command = cargo();
    command.args(["run", "--release", "--package", "carrot_cli", "--bin", "carrot", "--"]);
    command
}

/// Hands the process over, so that output, signals and exit code are the command's own.
fn become_it(command: &mut Command) -> Outcome {
    let error = command.exec();
    Err(format!("cannot run {}: {error}", command.get_program().display()))
}

/// Takes our own `--full` out of what goes to cargo; what follows `--` is the tests' own.
fn take_full(args: &[String]) -> (bool, Vec<&String>) {
    let ours = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let full = args[..ours].iter().any(|arg| arg == "--full");
    let rest = args.iter().enumerate().filter(|(index, arg)| *index >= ours || *arg != "--full");
    (full, rest.map(|(_, arg)| arg).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_is_ours_only_before_the_double_dash() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let ours = words("--full -p carrot_sim -- --exact");
        let (full, rest) = take_full(&ours);
        assert!(full);
        assert_eq!(rest, ["-p", "carrot_sim", "--", "--exact"]);
        let theirs = words("-- --full");
        let (full, rest) = take_full(&theirs);
        assert!(!full);
        assert_eq!(rest, ["--", "--full"]);
    }
}
