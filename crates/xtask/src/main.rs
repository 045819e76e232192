//! `cargo xtask`: set-up, tests, CI and repository rules, from nothing but Rust and Python.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod cargo;
mod ci;
mod libtorch;
mod place;
mod setup;
mod system;
mod tidy;
mod tour;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask VERB [ARGS]

  setup [--cpu]      find or assemble libtorch, link it, name or install what is missing
  demo  [ARGS]       train the demo and write report.html (`carrot demo ARGS`)
  test  [--full] [ARGS]   all tests (`cargo test --workspace ARGS`); --full adds the long ones
  check              formatting, clippy, documentation, repository rules
  tidy               the repository rules alone
  app [ARGS]         open the window (`carrot-app ARGS`)
  tour [--small] [--built]   walk the real window through every panel on a virtual screen; pictures in
                     target/tour; --built takes the window that the tests left
  bench [ARGS]       measure the step rate (`carrot bench step ARGS`)
  ci                 everything a change must pass, with the minutes of each stage
";

/// What a verb gives back: the message is shown as it is, once.
type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match verb.as_str() {
        "setup" => setup::explicit(&rest),
        "demo" => cargo::demo(&rest),
        "test" => cargo::test(&rest),
        "check" => none_left("check", &rest).and_then(|()| cargo::check()),
        "tidy" => none_left("tidy", &rest).and_then(|()| tidy::run()),
        "bench" => cargo::bench(&rest),
        "app" => tour::app(&rest),
        "tour" => tour::run(&rest),
        "ci" => none_left("ci", &rest).and_then(|()| ci::run()),
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(())
        }
        "" => Err(format!("which verb?\n\n{HELP}")),
        other => Err(format!("no verb `{other}`\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Refuses arguments that a verb would otherwise silently drop.
fn none_left(verb: &str, rest: &[String]) -> Outcome {
    match rest {
        [] => Ok(()),
        [first, ..] => Err(format!("`cargo xtask {verb}` takes no arguments, got `{first}`")),
    }
}
