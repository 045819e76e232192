//! How a training is shown while it runs: a bar on a terminal, now and then a line elsewhere.

use std::io::IsTerminal;

use carrot_record::MetricsRow;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// Lines that a training writes at most where there is no terminal.
const LINES: u64 = 20;
const BAR: &str = "{bar:20} {percent:>3}%  {eta} left  {wide_msg}";

/// The progress of one training, on stderr.
pub(crate) enum Progress {
    /// Nothing is shown.
    Quiet,
    /// A bar on a terminal.
    Bar(ProgressBar),
    /// Plain lines.
    Lines {
        /// Where they go.
        output: Output,
        /// Env steps of the whole training.
        total: u64,
        /// Env steps at which the next line is due.
        next: u64,
    },
}

impl Progress {
    /// Progress of a training of `total` env steps, of which `taken` are behind it.
    pub(crate) fn new(output: Output, quiet: bool, taken: u64, total: u64) -> Self {
        if quiet {
            Self::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            bar.set_style(style(BAR));
            bar.set_position(taken);
            // Steps of an earlier session say nothing about the speed of this one.
            bar.reset_eta();
            Self::Bar(bar)
        } else {
            Self::Lines { output, total, next: 0 }
        }
    }

    /// Shows the numbers of an update.
    pub(crate) fn show(&mut self, row: &MetricsRow) {
        match self {
            Self::Quiet => {}
            Self::Bar(bar) => {
                bar.set_message(format!("{}  {} steps", numbers(row), HumanCount(row.env_steps)));
                bar.set_position(row.env_steps);
            }
            Self::Lines { output, total, next } => {
                if row.env_steps >= *next || row.env_steps >= *total {
                    *next = row.env_steps + *total / LINES;
                    let taken = HumanCount(row.env_steps);
                    output.note(&format!("{taken}/{} steps  {}", HumanCount(*total), numbers(row)));
                }
            }
        }
    }

    /// Leaves the last state on the terminal.
    pub(crate) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}

/// A style whose template is known to be right; a wrong one would show as the default style.
pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The numbers that people watch; the truth beside the return.
fn numbers(row: &MetricsRow) -> String {
    let value = |tag: &str| row.values.get(tag).copied();
    let speed = value("time/fps").map(|fps| format!("{} steps/s", HumanCount(fps as u64)));
    let paid = value("rollout/ep_rew_mean").map(|x| format!("return {x:.2}"));
    let score = value("rollout/score_mean").map(|x| format!("score {x:.2}"));
    let success = value("rollout/success_rate").map(|x| format!("success {:.0}%", 100.0 * x));
    [speed, paid, score, success].into_iter().flatten().collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[test]
    fn numbers_that_are_not_there_yet_are_left_out() {
        let mut row = MetricsRow::default();
        assert_eq!(numbers(&row), "");
        for (tag, value) in [("time/fps", 12_345.6), ("rollout/success_rate", 0.256)] {
            row.values.insert(tag.into(), value);
        }
        assert_eq!(numbers(&row), "12,345 steps/s  success 26%");
    }
}
