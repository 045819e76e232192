//! The bar at the top: where one is, who acts, which env, how it looks.

use egui::{ComboBox, RichText, Ui};

use super::named;
use crate::action::Action;
use crate::theme::CARROT;

/// What the bar shows.
#[derive(Debug, Clone, Default)]
pub struct TopView {
    /// Name of the task, or nothing on the start page.
    pub task: String,
    /// Scene file, shortened.
    pub scene: String,
    /// Whether the scene differs from its file.
    pub changed: bool,
    /// Who acts.
    pub driver: String,
    /// Who could, with what each does.
    pub drivers: Vec<(String, String)>,
    /// The chosen row.
    pub env: usize,
    /// N.
    pub envs: usize,
    /// Rows that are drawn.
    pub wall: usize,
    /// Futures, by name.
    pub lanes: Vec<String>,
    /// The one looked at.
    pub lane: usize,
    /// Whether the camera follows.
    pub follow: bool,
    /// Whether the reward is laid out on the floor.
    pub field: bool,
    /// Dark or light.
    pub dark: bool,
    /// Whether the page of keys is shown.
    pub keys: bool,
}

/// Sizes of the wall that are offered.
const WALLS: [usize; 5] = [1, 4, 9, 16, 64];

/// Shows the bar.
pub fn show(ui: &mut Ui, view: &TopView, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let home = ui.button(RichText::new("Carrot").strong().color(CARROT));
        if named(home, "Start page").on_hover_text("Start page (Esc)").clicked() {
            actions.push(Action::GoHome);
        }
        if !view.task.is_empty() {
            ui.label(RichText::new(&view.task).strong());
            let star = if view.changed { " *" } else { "" };
            ui.label(RichText::new(format!("{}{star}", view.scene)).weak());
            ui.separator();
            choose_driver(ui, view, actions);
            choose_env(ui, view, actions);
            if view.lanes.len() > 1 {
                choose_lane(ui, view, actions);
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.selectable_label(view.keys, "Keys").on_hover_text("What every key does (F1)").clicked() {
                actions.push(Action::ShowKeys(!view.keys));
            }
            let look = if view.dark { "Light" } else { "Dark" };
            if ui.button(look).on_hover_text("Change the look (F9)").clicked() {
                actions.push(Action::SetDark(!view.dark));
            }
            if !view.task.is_empty() {
                let hint = "Save the shown episode, as MP4 where there is ffmpeg, else as GIF (F11)";
                if ui.button("Film").on_hover_text(hint).clicked() {
                    actions.push(Action::SaveAnimation);
                }
                if ui.button("Picture").on_hover_text("Save a PNG of the window (F12)").clicked() {
                    actions.push(Action::SavePicture);
                }
                let hint = "What the step would have paid, had it ended elsewhere, laid out on the floor (G)";
                if ui.selectable_label(view.field, "Field").on_hover_text(hint).clicked() {
                    actions.push(Action::ShowField(!view.field));
                }
                if ui
                    .selectable_label(view.follow, "Follow")
                    .on_hover_text("The camera follows what moves (F)")
                    .clicked()
                {
                    actions.push(Action::Follow(!view.follow));
                }
                if ui
                    .button("Camera home")
                    .on_hover_text("Drag to orbit, right drag to pan, wheel to zoom (C)")
                    .clicked()
                {
                    actions.push(Action::ResetCamera);
                }
            }
        });
    });
}

fn choose_driver(ui: &mut Ui, view: &TopView, actions: &mut Vec<Action>) {
    ui.label("driven by");
    let combo = ComboBox::from_id_salt("driver").selected_text(&view.driver).width(110.0).show_ui(ui, |ui| {
        for (name, about) in &view.drivers {
            if ui.selectable_label(*name == view.driver, name).on_hover_text(about).clicked() {
                actions.push(Action::SetDriver(name.clone()));
            }
        }
    });
    named(combo.response, "Driver");
}

fn choose_env(ui: &mut Ui, view: &TopView, actions: &mut Vec<Action>) {
    ui.label("env");
    let mut env = view.env;
    let drag = ui.add(egui::DragValue::new(&mut env).range(0..=view.envs.saturating_sub(1)).speed(0.1));
    if named(drag, "Env").on_hover_text("Which env is looked at ([ and ])").changed() {
        actions.push(Action::SelectEnv(env));
    }
    ui.label("draw");
    let combo =
        ComboBox::from_id_salt("wall").selected_text(view.wall.to_string()).width(46.0).show_ui(ui, |ui| {
            for wall in WALLS.into_iter().filter(|&wall| wall <= view.envs.max(16)) {
                if ui.selectable_label(wall == view.wall, wall.to_string()).clicked() {
                    actions.push(Action::SetWall(wall));
                }
            }
        });
    named(combo.response, "Drawn envs");
}

fn choose_lane(ui: &mut Ui, view: &TopView, actions: &mut Vec<Action>) {
    ui.separator();
    for (id, lane) in view.lanes.iter().enumerate() {
        if ui.selectable_label(id == view.lane, lane).clicked() {
            actions.push(Action::SelectLane(id));
        }
    }
    if named(ui.small_button("x"), "Close branch").clicked() {
        actions.push(Action::CloseBranch);
    }
}
