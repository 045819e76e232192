//! Everything that ends a command early: how it is told, and its exit code.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use carrot_lab::{Diagnostics, LabError};
use carrot_record::RecordError;
use carrot_sim::SimError;
use serde_json::{Value, json};

use crate::bug::plea;
use crate::output::{Output, WIDTH, wants_color};

/// Bad arguments.
const USAGE: u8 = 2;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the lab or below.
    Lab(LabError),
    /// What was checked is not as it should be; the answer has already said what.
    Wrong(String),
    /// Something that is needed is not there; the answer has already said what.
    Missing(String),
    /// A signal asked to stop; everything is saved.
    Stopped {
        /// Its number.
        signal: u8,
        /// Where things stand and how to go on.
        message: String,
    },
    /// The answer could not be written.
    Output(io::Error),
}

impl<E: Into<LabError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Lab(error.into())
    }
}

impl Failure {
    /// The exit code: the only place that maps errors to codes, with [`LabError::exit_code`] below it.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Lab(error) => error.exit_code(),
            Self::Wrong(_) => 1,
            Self::Missing(_) => 3,
            Self::Stopped { signal, .. } => 128 + signal,
            Self::Output(_) => 6,
        }
    }

    /// Tells about it and gives the exit code.
    pub(crate) fn report(&self, output: &Output) -> ExitCode {
        match self {
            // A JSON reader has the whole answer already, and must not get a second document.
            Self::Wrong(message) | Self::Missing(message) => output.note(&format!("error: {message}")),
            _ => output.error(&self.text(), &self.document()),
        }
        ExitCode::from(self.exit_code())
    }

    fn text(&self) -> String {
        match self {
            Self::Lab(LabError::Scene(mistakes)) => page(mistakes),
            Self::Lab(error @ LabError::Sim(SimError::Panicked { .. })) => {
                plea(&format!("error: {}", chain(error)))
            }
            Self::Lab(error) => format!("error: {}{}", chain(error), hint(error)),
            Self::Wrong(message) | Self::Missing(message) => format!("error: {message}"),
            Self::Stopped { message, .. } => message.clone(),
            Self::Output(error) => format!("error: cannot write to stdout: {error}"),
        }
    }

    fn document(&self) -> Value {
        let code = self.exit_code();
        match self {
            Self::Lab(LabError::Scene(mistakes)) => {
                json!({"exit_code": code, "message": mistakes.to_string(), "diagnostics": mistakes})
            }
            Self::Lab(error) => json!({"exit_code": code, "message": chain(error)}),
            _ => json!({"exit_code": code, "message": self.text()}),
        }
    }
}

/// Tells about arguments that cannot be parsed, or gives the help that was asked for.
pub(crate) fn refuse_arguments(refusal: &clap::Error) -> ExitCode {
    let as_json = std::env::args_os().any(|argument| argument == "--json");
    if refusal.use_stderr() && as_json {
        let message = refusal.to_string();
        Output::new(true).error("", &json!({"exit_code": USAGE, "message": message.trim_end()}));
    } else {
        // Whoever asked for help and closed the pipe has seen enough.
        let _ = refusal.print();
    }
    ExitCode::from(if refusal.use_stderr() { USAGE } else { 0 })
}

/// Mistakes as pages for people, with their number at the end.
fn page(mistakes: &Diagnostics) -> String {
    let count = match mistakes.len() {
        1 => "1 mistake".to_string(),
        n => format!("{n} mistakes"),
    };
    format!("{}\nerror: {count}; nothing was written", mistakes.render(WIDTH, wants_color()).trim_end())
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        // Some errors repeat their cause in their own words.
        if told.ends_with(&cause) { told } else { format!("{told}: {cause}") }
    })
}

/// What to do about some errors.
fn hint(error: &LabError) -> &'static str {
    match error {
        LabError::Record(RecordError::InUse { .. }) => "\n  wait for it, stop it, or choose another folder",
        LabError::Record(RecordError::AlreadyExists { .. }) => {
            "\n  choose another folder; runs are never overwritten"
        }
        LabError::Record(RecordError::NotARun { .. }) => {
            "\n  a run folder is what `carrot train` prints at its end"
        }
        LabError::Record(error) if error.is_disk_full() => {
            "\n  free some space; the last checkpoint is intact: carrot resume RUN"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_the_codes_that_shells_know() {
        let stopped = |signal| Failure::Stopped { signal, message: String::new() }.exit_code();
        assert_eq!((stopped(2), stopped(15)), (130, 143));
    }

    #[test]
    fn causes_are_told_once() {
        let record = RecordError::NotARun { path: "here".into(), missing: "meta.json" };
        assert_eq!(chain(&LabError::Record(record)), "here is not a run folder: it has no meta.json");
        let full = io::Error::other("no space");
        let error = RecordError::Io { action: "write", path: "there".into(), source: full };
        assert_eq!(chain(&LabError::Record(error)), "cannot write there: no space");
    }
}
