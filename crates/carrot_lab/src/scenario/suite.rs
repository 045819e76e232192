//! Running scenario files: found by path, played side by side, one outcome each.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use carrot_scene::{Diagnostics, Source};
use serde::Serialize;

use super::check::{Stage, Verdict};
use super::file::ScenarioFile;
use crate::error::LabError;

/// What became of one file.
#[derive(Debug, Clone, Serialize)]
pub struct FileOutcome {
    /// Its path.
    pub file: String,
    /// Its task.
    pub task: String,
    /// One for each expectation, in the order written.
    pub verdicts: Vec<Verdict>,
}

impl FileOutcome {
    /// Expectations that do not hold.
    pub fn failed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| !verdict.passed()).count()
    }
}

/// The scenario files among paths: a file as it is, of a folder all that end in `.ron`, by name.
///
/// # Errors
/// When a path cannot be read, or there is no file at all.
pub fn find_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, LabError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(LabError::file("cannot read the folder", path))?;
        let mut own: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        own.retain(|path| path.extension().is_some_and(|extension| extension == "ron"));
        own.sort();
        files.extend(own);
    }
    if files.is_empty() {
        let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(LabError::Refused(format!("there is no scenario in {names}")));
    }
    Ok(files)
}

/// Plays a file and checks its expectations.
///
/// # Errors
/// When a rollout cannot be played.
pub fn run_file(file: &ScenarioFile) -> Result<FileOutcome, LabError> {
    let verdicts = Stage::play(file)?.verdicts();
    Ok(FileOutcome { file: file.path.clone(), task: file.task.spec().name.into(), verdicts })
}

/// Reads all files and keeps the expectations that `keep` names; every mistake of every file is told at once. Then
/// does `work` for each file that has any left, on all cores; answers come in the order of the files.
///
/// # Errors
/// Mistakes in the files, or the first error of the work.
pub fn run_files<T: Send>(
    files: &[PathBuf],
    keep: impl Fn(&Path, &str) -> bool + Sync,
    work: impl Fn(&ScenarioFile) -> Result<T, LabError> + Sync,
) -> Result<Vec<T>, LabError> {
    let read = on_all_cores(files, |path| {
        let mut file = ScenarioFile::read(&Source::read(path)?)?;
        file.expectations.retain(|expectation| keep(path, &expectation.name));
        Ok::<_, Diagnostics>(file)
    });
    let (mut mistakes, mut scenarios) = (Diagnostics::new(), Vec::new());
    for file in read {
        scenarios.extend(mistakes.collect(file).filter(|file| !file.expectations.is_empty()));
    }
    let scenarios = mistakes.into_result(Some(scenarios))?;
    on_all_cores(&scenarios, &work).into_iter().collect()
}

/// Does the work for each item; threads take the next one as they get free.
fn on_all_cores<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..cores.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let answer = work(item);
                    if let Ok(mut answers) = answers.lock() {
                        answers.push((index, answer));
                    }
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_default();
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
