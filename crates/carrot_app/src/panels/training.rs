//! Training: start, pause, stop, checkpoint, and what the trainer says.

use egui::{ProgressBar, Ui};

use super::{heading, quiet};
use crate::action::Action;
use crate::session::training::Stand;
use crate::theme::{BAD, GOOD, number};

/// What the panel shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainingView {
    /// Learner and what it is set to, in one line.
    pub learner: String,
    /// Envs, steps a rollout, env steps in all.
    pub batch: (usize, usize, u64),
    /// How far it is.
    pub stand: Stand,
    /// Env steps taken.
    pub env_steps: u64,
    /// The run's folder.
    pub folder: String,
    /// The last update's numbers.
    pub metrics: Vec<(String, f64)>,
    /// Whether the run belongs to another process and is only read.
    pub attached: bool,
}

/// Shows the panel.
pub fn show(ui: &mut Ui, view: &TrainingView, actions: &mut Vec<Action>) {
    ui.label(egui::RichText::new("Training").heading());
    let (envs, steps, total) = view.batch;
    ui.label(&view.learner);
    quiet(ui, format!("{envs} envs, {steps} steps a rollout, {total} env steps in all"));
    ui.horizontal_wrapped(|ui| {
        let mut button = |ui: &mut Ui, text: &str, hint: &str, action: Action| {
            if ui.button(text).on_hover_text(hint).clicked() {
                actions.push(action);
            }
        };
        match view.stand {
            Stand::Running => {
                button(ui, "Pause", "Stop between two updates", Action::PauseTraining(true));
                button(ui, "Checkpoint", "Write one now", Action::CheckpointTraining);
                button(ui, "Stop", "End it with a checkpoint", Action::StopTraining);
                button(ui, "Watch the policy", "The newest checkpoint drives", Action::UseCheckpoint);
            }
            Stand::Paused => {
                button(ui, "Go on", "From where it stopped", Action::PauseTraining(false));
                button(ui, "Stop", "End it with a checkpoint", Action::StopTraining);
                button(ui, "Watch the policy", "The newest checkpoint drives", Action::UseCheckpoint);
            }
            Stand::Absent | Stand::Ended | Stand::Failed(_) => {
                let hint = "Train with the reward as it stands, on a thread of its own";
                button(ui, "Start training", hint, Action::StartTraining);
                if !view.folder.is_empty() {
                    button(ui, "Watch the policy", "The newest checkpoint drives", Action::UseCheckpoint);
                }
            }
        }
    });
    let (text, color) = match &view.stand {
        Stand::Absent if view.attached && view.env_steps >= total => {
            ("This run is finished.".into(), Some(GOOD))
        }
        Stand::Absent if view.attached => {
            let reads = "This run is not finished. While another process writes it, the window reads along";
            (format!("{reads}; if none does, go on with: carrot resume {}", view.folder), None)
        }
        Stand::Absent => (
            "No training yet. The window never slows it; closing the window leaves a checkpoint.".into(),
            None,
        ),
        Stand::Running => ("Running".to_string(), Some(GOOD)),
        Stand::Paused => ("Paused".into(), None),
        Stand::Ended => ("Ended; a checkpoint remains.".into(), Some(GOOD)),
        Stand::Failed(why) if view.folder.is_empty() => (format!("It did not begin: {why}"), Some(BAD)),
        Stand::Failed(why) => {
            let resume = format!("Go on from its last checkpoint with: carrot resume {}", view.folder);
            (format!("It broke off: {why}. {resume}"), Some(BAD))
        }
    };
    match color {
        Some(color) => ui.colored_label(color, text),
        None => quiet(ui, text),
    };
    if view.env_steps > 0 {
        let share = view.env_steps as f32 / total.max(1) as f32;
        ui.add(ProgressBar::new(share.min(1.0)).text(format!("{} / {total} env steps", view.env_steps)));
    }
    if !view.metrics.is_empty() {
        heading(ui, "Last update");
        egui::Grid::new("metrics").num_columns(2).striped(true).show(ui, |ui| {
            for (name, value) in &view.metrics {
                ui.label(name);
                ui.monospace(number(*value as f32));
                ui.end_row();
            }
        });
    }
    if !view.folder.is_empty() {
        heading(ui, "Run folder");
        ui.add(egui::Label::new(egui::RichText::new(&view.folder).small().monospace()).wrap());
    }
}
