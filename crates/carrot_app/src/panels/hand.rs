//! Driving by hand: what the keys do, sliders for what keys cannot say, and one's own ledger beside the agent's.

use carrot_sim::ActionSpace;
use egui::{Slider, Ui};

use super::{heading, named, quiet};
use crate::action::Action;

/// What the panel shows.
#[derive(Debug, Clone)]
pub struct HandView {
    /// What one may do.
    pub space: ActionSpace,
    /// The action given, while the hand has the wheel.
    pub hand: Option<Vec<f32>>,
    /// Keys and what each does.
    pub keys: Vec<(String, String)>,
    /// The last whole episodes by hand and by the driver: return and score.
    pub own: Option<(f64, f32)>,
    /// The mean of the episodes of all other envs so far: return and score.
    pub others: Option<(f64, f32)>,
    /// The folder of the episodes that were kept, and how many there are.
    pub kept: Option<(String, usize)>,
}

/// Shows the panel.
pub fn show(ui: &mut Ui, view: &HandView, actions: &mut Vec<Action>) {
    ui.label(egui::RichText::new("By hand").heading());
    let mut on = view.hand.is_some();
    if ui.checkbox(&mut on, "Take the wheel of the chosen env").on_hover_text("H").changed() {
        actions.push(Action::TakeWheel(on));
    }
    quiet(ui, "Press play; the other envs go on under their driver.");
    heading(ui, "Keys");
    for (key, what) in &view.keys {
        ui.horizontal(|ui| {
            ui.monospace(format!("{key:>8}"));
            ui.label(what);
        });
    }
    if let Some(hand) = &view.hand {
        heading(ui, "Action");
        steer(ui, &view.space, hand, actions);
    }
    heading(ui, "Your last episode beside those of other envs");
    let line = |ui: &mut Ui, name: &str, found: Option<(f64, f32)>| {
        let text = found.map_or("no whole episode yet".into(), |(paid, score)| {
            format!("return {paid:.2}, score {score:.2}")
        });
        ui.horizontal(|ui| {
            ui.label(name);
            ui.monospace(text);
        });
    };
    line(ui, "you", view.own);
    line(ui, "the others, mean", view.others);
    let keep = egui::Button::new("Keep your last episode");
    let hint = "Write it into a run folder: to score it again, or to be imitated (Ctrl+K)";
    if ui.add_enabled(view.own.is_some(), keep).on_hover_text(hint).clicked() {
        actions.push(Action::KeepEpisode);
    }
    if let Some((folder, count)) = &view.kept {
        quiet(ui, format!("{count} kept in {folder}"));
    }
}

fn steer(ui: &mut Ui, space: &ActionSpace, hand: &[f32], actions: &mut Vec<Action>) {
    let mut action = hand.to_vec();
    let mut changed = false;
    match space {
        ActionSpace::Discrete { names } => {
            ui.horizontal_wrapped(|ui| {
                for (choice, name) in names.iter().enumerate() {
                    if ui.selectable_label(action[0] == choice as f32, name).clicked() {
                        (action[0], changed) = (choice as f32, true);
                    }
                }
            });
        }
        ActionSpace::MultiDiscrete { names, choices } => {
            for (element, name) in names.iter().enumerate() {
                ui.horizontal_wrapped(|ui| {
                    ui.label(name);
                    for (choice, what) in choices[element].iter().enumerate() {
                        if ui.selectable_label(action[element] == choice as f32, what).clicked() {
                            (action[element], changed) = (choice as f32, true);
                        }
                    }
                });
            }
        }
        ActionSpace::Continuous { names, units, low, high } => {
            for (element, name) in names.iter().enumerate() {
                ui.horizontal(|ui| {
                    // Actions of -1 to 1 stand for so many units each: `0.5 m/s`.
                    let times =
                        if units[element].starts_with(|c: char| c.is_ascii_digit()) { " × " } else { " " };
                    let slider = Slider::new(&mut action[element], low[element]..=high[element])
                        .suffix(format!("{times}{}", units[element]));
                    changed |= named(ui.add(slider), name).changed();
                    ui.label(name);
                });
            }
        }
    }
    if changed {
        actions.push(Action::Steer(action));
    }
}
