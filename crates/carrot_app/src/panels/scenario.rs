//! A scenario: its rollouts, what happens in the one that is watched, and what is expected of it.

use std::path::PathBuf;

use egui::{Label, RichText, ScrollArea, Ui};

use super::{heading, named, quiet};
use crate::action::Action;
use crate::session::scenario::{Fate, Spot};
use crate::theme::{BAD, CARROT, GOOD};

/// What the panel shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScenarioView {
    /// Its file.
    pub path: PathBuf,
    /// Rollouts by name.
    pub rollouts: Vec<String>,
    /// The one that is watched.
    pub watched: usize,
    /// Row that is looked at.
    pub env: usize,
    /// What happens in it.
    pub lines: Vec<TimelineLine>,
    /// What is expected, of the watched rollout first.
    pub expectations: Vec<ExpectationLine>,
}

/// A line of the watched rollout's timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineLine {
    /// As it is written.
    pub text: String,
    /// The step that began with it.
    pub step: Option<u64>,
    /// Whether it lies behind the step looked at.
    pub past: bool,
}

/// An expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectationLine {
    /// Its name.
    pub name: String,
    /// The reward that it is about.
    pub under: String,
    /// Line in its file.
    pub line: usize,
    /// What is known of it.
    pub fate: Fate,
    /// Whether it looks at the watched rollout.
    pub watched: bool,
    /// Why it failed, and where.
    pub failure: Option<(String, Option<Spot>)>,
}

/// Shows the panel.
pub fn show(ui: &mut Ui, view: &ScenarioView, actions: &mut Vec<Action>) {
    ui.label(RichText::new("Scenario").heading());
    quiet(ui, view.path.display().to_string());
    ui.horizontal_wrapped(|ui| {
        for (rollout, name) in view.rollouts.iter().enumerate() {
            let label = ui.selectable_label(rollout == view.watched, name);
            if named(label, &format!("Watch {name}")).clicked() {
                actions.push(Action::WatchRollout(rollout));
            }
        }
    });
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        if !view.lines.is_empty() {
            heading(ui, &format!("What happens in env {}", view.env));
            view.lines.iter().for_each(|line| happening(ui, line, actions));
        }
        let (own, others): (Vec<_>, Vec<_>) = view.expectations.iter().partition(|line| line.watched);
        let count = |fate: Fate| own.iter().filter(|line| line.fate == fate).count();
        let (held, failed, open) = (count(Fate::Held), count(Fate::Failed), count(Fate::Open));
        heading(ui, &format!("Expected of it: {held} hold, {failed} do not, {open} are open"));
        own.iter().for_each(|line| expectation(ui, line, actions));
        if !others.is_empty() {
            heading(ui, "Expected of other rollouts");
            others.iter().for_each(|line| expectation(ui, line, actions));
        }
    });
}

fn happening(ui: &mut Ui, line: &TimelineLine, actions: &mut Vec<Action>) {
    ui.horizontal_wrapped(|ui| {
        match line.step {
            Some(step) => {
                let button = ui.small_button(format!("step {step}"));
                if named(button, &format!("Look at {}", line.text)).clicked() {
                    actions.push(Action::Seek(step));
                }
            }
            None => drop(quiet(ui, "never here")),
        }
        let text = RichText::new(&line.text).monospace().small();
        ui.label(if line.past { text.color(CARROT) } else { text });
    });
}

fn expectation(ui: &mut Ui, line: &ExpectationLine, actions: &mut Vec<Action>) {
    let (sign, color) = match line.fate {
        Fate::Open => ("·", ui.visuals().weak_text_color()),
        Fate::Held => ("✔", GOOD),
        Fate::Failed => ("✖", BAD),
    };
    ui.horizontal_top(|ui| {
        ui.label(RichText::new(sign).color(color).strong());
        ui.vertical(|ui| {
            ui.add(Label::new(&line.name).wrap())
                .on_hover_text(format!("line {}, under {}", line.line, line.under));
            let Some((why, spot)) = line.failure.as_ref().filter(|_| line.fate == Fate::Failed) else {
                return;
            };
            ui.add(Label::new(RichText::new(why).small().color(BAD)).wrap());
            if let Some(spot) = spot {
                let button = ui.small_button(format!("Look at env {}, step {}", spot.env, spot.step));
                if named(button, &format!("Look at the failure of {}", line.name)).clicked() {
                    actions.push(Action::LookAt(*spot));
                }
            }
        });
    });
}
