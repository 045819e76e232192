//! The demonstration: three tasks, each under four rewards, three seeds each, and one report.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use carrot_scene::Source;

use crate::error::LabError;
use crate::evaluate::{Actor, Evaluation, evaluate};
use crate::report;
use crate::run::{Run, RunOptions};
use crate::setup::{ModelFiles, Setup};

/// Scenes of the demonstration: name and text.
pub const SCENES: [(&str, &str); 3] = [
    ("scenes/mountain_car.ron", include_str!("../../../scenes/mountain_car.ron")),
    ("scenes/empty_8x8.ron", include_str!("../../../scenes/empty_8x8.ron")),
    ("scenes/reach.ron", include_str!("../../../scenes/reach.ron")),
];
/// Rewards that each scene is trained under.
pub const REWARDS: [&str; 4] = ["sparse", "shaped", "naive", "mixed"];
/// Seeds of each reward.
pub const SEEDS: [u64; 3] = [1, 2, 3];

/// One training of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Scene, as an index into [`SCENES`].
    pub scene: usize,
    /// Reward.
    pub reward: &'static str,
    /// Seed.
    pub seed: u64,
}

/// What happens while the demonstration runs.
#[derive(Debug)]
pub enum DemoEvent<'a> {
    /// A job began.
    Started(&'a Job),
    /// A job took env steps.
    Progress(&'a Job, u64, u64),
    /// A job ended with its evaluation.
    Finished(&'a Job, &'a Evaluation),
}

/// All jobs, the longest first, so that the last ones end together.
pub fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    for scene in (0..SCENES.len()).rev() {
        for reward in REWARDS {
            jobs.extend(SEEDS.map(|seed| Job { scene, reward, seed }));
        }
    }
    jobs
}

/// Trains every job below `runs`, `workers` at a time, and writes the report; a demonstration that is stopped
/// reports the runs that were finished.
///
/// # Errors
/// The first error of a job; the other jobs then stop at their next update.
pub fn run_demo(
    runs: &Path,
    report_file: &Path,
    workers: usize,
    overrides: &[String],
    stop: &AtomicBool,
    on_event: &(dyn Fn(DemoEvent<'_>) + Sync),
) -> Result<report::Summary, LabError> {
    let queue = Mutex::new(VecDeque::from(jobs()));
    let folders: Mutex<Vec<(usize, PathBuf)>> = Mutex::default();
    let failure: Mutex<Option<LabError>> = Mutex::default();
    let order = jobs();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                while let Some(job) = pop(&queue).filter(|_| !stop.load(Ordering::Relaxed)) {
                    match run_job(&job, runs, overrides, stop, on_event) {
                        Ok(None) => {}
                        Ok(Some(folder)) => {
                            let place = order.iter().position(|j| *j == job).unwrap_or(0);
                            lock(&folders).push((place, folder));
                        }
                        Err(error) => {
                            stop.store(true, Ordering::Relaxed);
                            lock(&failure).get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = lock(&failure).take() {
        return Err(error);
    }
    let mut folders = std::mem::take(&mut *lock(&folders));
    folders.sort();
    let paths: Vec<PathBuf> = folders.into_iter().map(|(_, path)| path).collect();
    let curves = report::read_runs(&paths)?;
    let summary = report::summarise(&curves);
    let page =
        report::render_html(&curves, &summary, &[], "Four rewards, three tasks: what each one teaches")?;
    std::fs::write(report_file, page).map_err(|error| LabError::File {
        what: "cannot write the report",
        why: error.to_string(),
        path: report_file.to_path_buf(),
    })?;
    Ok(summary)
}

fn run_job(
    job: &Job,
    runs: &Path,
    overrides: &[String],
    stop: &AtomicBool,
    on_event: &(dyn Fn(DemoEvent<'_>) + Sync),
) -> Result<Option<PathBuf>, LabError> {
    on_event(DemoEvent::Started(job));
    let (name, text) = SCENES[job.scene];
    let mut all = vec![
        format!("reward=\"{}\"", job.reward),
        format!("batch.seed={}", job.seed),
        "batch.shards=1".into(),
    ];
    all.extend(overrides.iter().cloned());
    let setup = Setup::read(&Source::new(name, text), &all, ModelFiles::new())?;
    let options = RunOptions {
        name: Some(job.reward.into()),
        command: "carrot demo".into(),
        overrides: all,
        ..RunOptions::below(runs)
    };
    let mut run = Run::start(setup, &options)?;
    let total = run.trainer().total_steps();
    if !run.train(stop, |row| on_event(DemoEvent::Progress(job, row.env_steps, total)))? {
        return Ok(None);
    }
    let evaluation = evaluate_run(&run)?;
    run.append_metrics(evaluation.tags())?;
    on_event(DemoEvent::Finished(job, &evaluation));
    Ok(Some(run.path().to_path_buf()))
}

/// Evaluates the policy of a run as its scene says.
///
/// # Errors
/// Those of [`evaluate`].
pub fn evaluate_run(run: &Run) -> Result<Evaluation, LabError> {
    let trainer = run.trainer();
    let setup = trainer.setup();
    let mut models = trainer.reward_models()?;
    let spec = setup.scene.evaluation;
    let actor = Actor::Policy { learner: trainer.learner(), explore: false };
    evaluate(setup, trainer.revision(), &mut models, &actor, spec.episodes as usize, spec.seed)
}

fn pop(queue: &Mutex<VecDeque<Job>>) -> Option<Job> {
    lock(queue).pop_front()
}

/// A poisoned lock only says that another worker panicked; the data is still whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
