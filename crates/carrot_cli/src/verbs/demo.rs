//! `carrot demo`: the laboratory's point, on three tasks at once.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use carrot_lab::demo::{DemoEvent, Job, SCENES, jobs, run_demo};
use carrot_lab::report::text_table;
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use serde_json::json;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::style;

const OVERALL: &str = "{bar:24} {percent:>3}%  {msg}  {elapsed} so far, {eta} left";
const WORKER: &str = "  {bar:22} {percent:>3}%  {msg}";
/// What one training counts in the overall bar, however many env steps it takes.
const SHARE: u64 = 1000;

/// Train three tasks under four rewards each, three seeds each, and report which reward fooled the agent.
#[derive(Args)]
#[command(after_help = "Examples:\n  carrot demo\n  carrot demo --workers 4 learner.total_steps=50_000")]
pub(crate) struct Demo {
    /// Folder below which the runs lie
    #[arg(long, value_name = "DIR", default_value = "runs/demo")]
    runs: PathBuf,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// Trainings at a time; one per core without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Changes to all scenes by path
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl Demo {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let interrupt = Interrupt::listen()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.workers.map_or(cores, usize::from);
        let board = Board::new(*output, workers);
        let on_event = |event: DemoEvent<'_>| board.show(&event);
        let ended = run_demo(&self.runs, &self.out, workers, &self.overrides, interrupt.flag(), &on_event);
        board.finish();
        let runs = self.runs.display();
        interrupt.check(|| format!("stopped; what was trained lies in {runs}, each run can be resumed"))?;
        let summary = ended?;
        let document = json!({"report": self.out, "runs": self.runs, "summary": summary});
        output.answer(&document, || format!("{}\nreport {}", text_table(&summary), self.out.display()))
    }
}

/// The bars: one over all trainings, one line per worker; plain lines where there is no terminal.
struct Board {
    output: Output,
    bars: MultiProgress,
    overall: ProgressBar,
    lines: Vec<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Thousandths of each training under way or behind, by its label.
    shares: BTreeMap<String, u64>,
    /// The worker line that a training has.
    lines: BTreeMap<String, usize>,
    finished: usize,
}

impl Board {
    fn new(output: Output, workers: usize) -> Self {
        let total = jobs().len();
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let overall = bars.add(ProgressBar::new(SHARE * total as u64));
        overall.set_style(style(OVERALL));
        overall.set_message(format!("0/{total} trainings"));
        let line = |_| {
            let line = bars.add(ProgressBar::new(SHARE));
            line.set_style(style(WORKER));
            line
        };
        let lines = (0..workers.min(total)).map(line).collect();
        Self { output, bars, overall, lines, state: Mutex::default() }
    }

    fn show(&self, event: &DemoEvent<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            DemoEvent::Started(job) => {
                let taken: Vec<usize> = state.lines.values().copied().collect();
                if let Some(free) = (0..self.lines.len()).find(|line| !taken.contains(line)) {
                    self.lines[free].set_position(0);
                    self.lines[free].set_message(label(job));
                    state.lines.insert(label(job), free);
                }
            }
            DemoEvent::Progress(job, env_steps, total) => {
                let share = (SHARE * env_steps / total.max(&1)).min(SHARE);
                state.shares.insert(label(job), share);
                self.overall.set_position(state.shares.values().sum());
                if let Some(&line) = state.lines.get(&label(job)) {
                    self.lines[line].set_position(share);
                }
            }
            DemoEvent::Finished(job, evaluation) => {
                state.lines.remove(&label(job));
                state.shares.insert(label(job), SHARE);
                state.finished += 1;
                let total = jobs().len();
                let found = format!(
                    "{}: return {:.2}, score {:.2}, success {:.0}%",
                    label(job),
                    evaluation.mean_return,
                    evaluation.mean_score,
                    100.0 * evaluation.success_rate
                );
                self.overall.set_position(state.shares.values().sum());
                self.overall.set_message(format!("{}/{total} trainings", state.finished));
                if !std::io::stderr().is_terminal() {
                    self.output.note(&format!("[{}/{total}] {found}", state.finished));
                } else {
                    // A line that scrolls away above the bars; nobody to read it is no harm.
                    let _ = self.bars.println(found);
                }
            }
        }
    }

    fn finish(&self) {
        for line in &self.lines {
            line.finish_and_clear();
        }
        self.overall.finish_and_clear();
    }
}

/// A training in a few words.
fn label(job: &Job) -> String {
    let scene = SCENES[job.scene].0.trim_start_matches("scenes/").trim_end_matches(".ron");
    format!("{scene} {} seed {}", job.reward, job.seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::ProgressStyle;

    #[test]
    fn templates_are_valid() {
        assert!(
            ProgressStyle::with_template(OVERALL).is_ok() && ProgressStyle::with_template(WORKER).is_ok()
        );
    }

    #[test]
    fn every_training_has_a_label_of_its_own() {
        let labels: std::collections::BTreeSet<String> = jobs().iter().map(label).collect();
        assert_eq!(labels.len(), jobs().len());
    }
}
