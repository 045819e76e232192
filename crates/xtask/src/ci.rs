//! `ci`: everything a change must pass, stage by stage, with the minutes that each took.

use std::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cargo::{cargo, clippy, step};
use crate::{Outcome, place};

/// Their dependencies alone would take clippy most of CI's time; `cargo xtask check` does these too.
const NOT_IN_CI: [&str; 2] = ["carrot_app", "carrot_render"];

/// Runs the stages in order and stops at the first that fails.
pub(crate) fn run() -> Outcome {
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => folder,
        None => place::cache()?.join("ci-target").into_os_string(),
    };
    let has = |verb| cargo().args([verb, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let has = |verb| has(verb).is_ok_and(|status| status.success());
    let own = |verbs: &[&str]| {
        let mut command = cargo();
        command.arg("xtask").args(verbs);
        command
    };

    let mut fmt = cargo();
    fmt.args(["fmt", "--all", "--check"]);
    let left_out: Vec<&str> =
        NOT_IN_CI.into_iter().filter(|name| place::root().join("crates").join(name).exists()).collect();

    let stages = [
        ("setup", Some(own(&["setup"]))),
        ("fmt", has("fmt").then_some(fmt)),
        ("tidy", Some(own(&["tidy"]))),
        ("clippy", has("clippy").then(|| clippy(&left_out))),
        // Whoever reads the log of a red CI wants all failures, not the first.
        ("test", Some(own(&["test", "--no-fail-fast"]))),
        // The tests built the window, with the features of the whole workspace.
        ("tour", Some(own(&["tour", "--small", "--built"]))),
    ];

    let start = Instant::now();
    for (name, command) in stages {
        let Some(mut command) = command else {
            println!(
                "ci: WARNING: {name} skipped, the toolchain lacks it (rustup component add clippy rustfmt)"
            );
            continue;
        };
        println!("ci: {name} ...");
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", &target);
        // Once linked, libtorch's own path and not this clone's link to it: the target folder outlives the
        // clone, and the next one need not build the binding again.
        if name != "setup" {
            let libtorch = place::libtorch_link().canonicalize();
            command.env("LIBTORCH", libtorch.map_err(|error| format!("ci: no libtorch is linked: {error}"))?);
        }
        let took = timed(name, &mut command)?;
        println!("ci: {name} passed in {}", minutes(took));
    }
    println!("ci: all stages passed in {}", minutes(start.elapsed()));
    Ok(())
}

fn timed(name: &str, command: &mut Command) -> Outcome<Duration> {
    let start = Instant::now();
    match step(name, command) {
        Ok(()) => Ok(start.elapsed()),
        Err(_) => Err(format!("ci: stage `{name}` failed after {}", minutes(start.elapsed()))),
    }
}

fn minutes(time: Duration) -> String {
    format!("{:.1} minutes", time.as_secs_f64() / 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_stage_is_named() {
        let error = timed("fmt", &mut Command::new("false")).unwrap_err();
        assert!(error.starts_with("ci: stage `fmt` failed after 0.0 minutes"), "{error}");
        assert!(timed("fmt", &mut Command::new("true")).is_ok());
    }

    #[test]
    fn minutes_have_one_digit() {
        assert_eq!(minutes(Duration::from_secs(93)), "1.6 minutes");
    }
}
