//! `carrot app`: hands over to the window, a binary of its own beside this one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::failure::Failure;

/// Name of the window's binary.
const BINARY: &str = "carrot-app";

/// Open the window: scenes, runs, rewards, live.
#[derive(Args)]
#[command(
    disable_help_flag = true,
    after_help = "Example:\n  carrot app scenes/cart_pole.ron\n  carrot app --help"
)]
pub(crate) struct App {
    /// What the window takes: a scene, a run, options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl App {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut command = Command::new(binary());
        command.args(&self.arguments);
        let error = hand_over(&mut command);
        let build = "build it with: cargo build --release -p carrot_app";
        Err(Failure::Missing(format!("cannot start {}: {error}; {build}", command.get_program().display())))
    }
}

/// The window beside this very binary; without one there, whatever the path has.
fn binary() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(BINARY));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| BINARY.into())
}

/// Becomes the other program; comes back with an error alone.
#[cfg(unix)]
fn hand_over(command: &mut Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

/// Runs the other program and ends as it does; comes back with an error alone.
#[cfg(not(unix))]
fn hand_over(command: &mut Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
