//! The binary `carrot-app`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

use std::process::ExitCode;

use carrot_app::launch::{Launch, USAGE, no_display};
use carrot_app::window;

/// The command line or the scene is wrong.
const USAGE_ERROR: u8 = 2;
/// The machine lacks what a window needs.
const NO_DEVICE: u8 = 3;

fn main() -> ExitCode {
    let launch = match Launch::read(std::env::args().skip(1)) {
        Ok(launch) => launch,
        Err(error) => {
            eprintln!("error: {error}");
            return USAGE_ERROR.into();
        }
    };
    if launch.help {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if let Some(why) = no_display(launch.path.as_deref()) {
        eprintln!("error: {why}");
        return NO_DEVICE.into();
    }
    match launch.desk() {
        Ok((desk, spec)) => {
            if window::run(desk, &spec) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            USAGE_ERROR.into()
        }
    }
}
