//! The binary `carrot-app`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

use std::process::ExitCode;

use carrot_app::launch::{Launch, USAGE, has_no_display, headless};
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
    let job = headless(launch.path.as_deref());
    let refuse = move |why: &str| eprintln!("error: no window: {why}; without one, try: {job}");
    if has_no_display() {
        refuse("DISPLAY is not set");
        return NO_DEVICE.into();
    }
    match launch.desk() {
        Ok((desk, spec)) => {
            let cannot_open = move |why: &str| {
                refuse(why);
                std::process::exit(NO_DEVICE.into())
            };
            if window::run(desk, &spec, cannot_open) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            USAGE_ERROR.into()
        }
    }
}
