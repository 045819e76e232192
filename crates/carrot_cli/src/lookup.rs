//! Names and files given on the command line; a name that does not exist is answered like one in a scene.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrot_lab::{Diagnostics, ModelFiles, Source};
use carrot_scene::Diagnostic;
use carrot_sim::Task;

/// A task by name.
pub(crate) fn task(name: &str) -> Result<Arc<dyn Task>, Diagnostics> {
    carrot_tasks::build_task(name).ok_or_else(|| unknown("task", name, &carrot_tasks::task_names()))
}

/// A name on the command line that is none of the valid ones.
pub(crate) fn unknown(what: &str, given: &str, valid: &[&str]) -> Diagnostics {
    let source = Source::new("command line", given);
    Diagnostic::unknown_name(&source.span(0..given.len()), what, given, valid).into()
}

/// A mistake on the command line that has nothing to do with names.
pub(crate) fn refused(given: &str, message: impl Into<String>, help: impl Into<String>) -> Diagnostics {
    let source = Source::new("command line", given);
    Diagnostic::new("argument", &source.span(0..given.len()), message).with_help(help).into()
}

/// `NAME=FILE` of a reward model.
pub(crate) fn parse_model(argument: &str) -> Result<(String, PathBuf), String> {
    match argument.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.into(), file.into())),
        _ => Err("expected NAME=FILE, for example truth=truth.safetensors".into()),
    }
}

/// Reward models by name; every file, or folder of an image-text model, must be there.
pub(crate) fn models(given: &[(String, PathBuf)]) -> Result<ModelFiles, Diagnostics> {
    let mut mistakes = Diagnostics::new();
    for (name, file) in given {
        if !file.exists() {
            let argument = format!("--model {name}={}", file.display());
            let help = "make one with `carrot fit-reward`";
            mistakes.extend(refused(
                &argument,
                format!("there is no file or folder {}", file.display()),
                help,
            ));
        }
    }
    mistakes.into_result(Some(given.iter().cloned().collect()))
}

/// Whether a folder is a run.
pub(crate) fn is_run(path: &Path) -> bool {
    path.join("meta.json").is_file()
}

/// Arguments as one could paste them into a shell again.
pub(crate) fn command_line() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| quote(&argument.to_string_lossy()));
    std::iter::once("carrot".to_string()).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./:,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_string();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_where_a_shell_would_read_them() {
        assert_eq!(quote("batch.seed=3"), "batch.seed=3");
        assert_eq!(quote("reward=[(name: \"a\")]"), "'reward=[(name: \"a\")]'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn a_model_has_a_name_and_a_file() {
        assert_eq!(parse_model("a=b/c=d"), Ok(("a".into(), "b/c=d".into())));
        assert!(["a", "=b", "a=", ""].iter().all(|text| parse_model(text).is_err()));
    }

    #[test]
    fn an_unknown_task_is_answered_with_the_nearest() {
        let mistakes = task("CartPole-v2").err().map(|mistakes| mistakes.to_string()).unwrap_or_default();
        assert!(mistakes.starts_with("command line:1:1: unknown task"), "{mistakes}");
        assert!(mistakes.contains("CartPole-v1"), "{mistakes}");
    }
}
