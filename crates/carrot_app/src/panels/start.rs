//! The start page: scenes as cards with pictures, recent runs, one click to a live demo.

use std::path::PathBuf;

use egui::{Align, Button, Frame, Layout, RichText, ScrollArea, Sense, Ui, vec2};

use super::{named, quiet};
use crate::action::Action;
use crate::sketch::sketch;
use crate::solid::{Bounds, Solid};
use crate::theme::CARROT;

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct StartView {
    /// Scenes to open.
    pub scenes: Vec<SceneCard>,
    /// Scenarios to watch.
    pub scenarios: Vec<ScenarioCard>,
    /// Runs, newest first.
    pub runs: Vec<RunCard>,
    /// What stands in the way, such as a folder that cannot be read.
    pub notes: Vec<String>,
}

/// A scene to open.
#[derive(Debug, Clone)]
pub struct SceneCard {
    /// Its file.
    pub path: PathBuf,
    /// Its name.
    pub title: String,
    /// Name of the task.
    pub task: String,
    /// `control`, `gridworld` or `manipulation`.
    pub family: String,
    /// What it says of itself.
    pub about: String,
    /// Its task and its reward.
    pub detail: String,
    /// Its first state.
    pub solids: Vec<Solid>,
    /// The part of it that is worth seeing.
    pub bounds: Bounds,
    /// Whether it is a gridworld, seen from above.
    pub is_flat: bool,
}

/// A scenario to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioCard {
    /// Its file.
    pub path: PathBuf,
    /// Its name.
    pub title: String,
    /// The first line of its comment.
    pub about: String,
}

/// A run to open.
#[derive(Debug, Clone, PartialEq)]
pub struct RunCard {
    /// Its folder.
    pub path: PathBuf,
    /// Task, learner and reward.
    pub title: String,
    /// When it began, how far it is, what it scores.
    pub detail: String,
}

const CARD: egui::Vec2 = vec2(196.0, 190.0);

/// Shows the page.
pub fn show(ui: &mut Ui, view: &StartView, actions: &mut Vec<Action>) {
    ui.add_space(10.0);
    ui.horizontal(|ui| {
        ui.add_space(8.0);
        ui.label(RichText::new("Carrot").size(28.0).strong().color(CARROT));
        ui.label(RichText::new("See what a reward really asks for.").size(16.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(8.0);
            if let Some(first) = view.scenes.first() {
                let demo = Button::new(RichText::new("▶  Live demo").strong());
                if named(ui.add(demo), "Live demo")
                    .on_hover_text("The first scene, driven by its expert")
                    .clicked()
                {
                    actions.push(Action::OpenScene(first.path.clone()));
                    actions.push(Action::TogglePlay);
                }
            }
        });
    });
    for note in &view.notes {
        ui.colored_label(ui.visuals().warn_fg_color, note);
    }
    ui.add_space(6.0);
    if !view.runs.is_empty() {
        egui::Panel::right("recent_runs").exact_size(300.0).show(ui, |ui| recent(ui, view, actions));
    }
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        let mut families: Vec<&str> = Vec::new();
        view.scenes.iter().for_each(|scene| {
            if !families.contains(&scene.family.as_str()) {
                families.push(&scene.family);
            }
        });
        Frame::new().inner_margin(egui::Margin::symmetric(8, 0)).show(ui, |ui| {
            for family in families {
                ui.add_space(6.0);
                ui.label(RichText::new(title(family)).heading());
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing = vec2(10.0, 10.0);
                    let own = view.scenes.iter().filter(|scene| scene.family == family);
                    own.for_each(|scene| card(ui, scene, actions));
                });
            }
            scenarios(ui, view, actions);
        });
        ui.add_space(10.0);
    });
}

fn title(family: &str) -> String {
    let mut letters = family.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn card(ui: &mut Ui, scene: &SceneCard, actions: &mut Vec<Action>) {
    let (rect, response) = ui.allocate_exact_size(CARD, Sense::click());
    let visuals = ui.style().interact(&response);
    let stroke = if response.hovered() || response.has_focus() {
        egui::Stroke::new(1.5, CARROT)
    } else {
        ui.visuals().widgets.noninteractive.bg_stroke
    };
    let fill = ui.visuals().faint_bg_color;
    ui.painter().rect(rect, visuals.corner_radius, fill, stroke, egui::StrokeKind::Inside);
    let mut picture = rect.shrink(6.0);
    picture.set_height(100.0);
    ui.painter().rect_filled(picture, 3.0, ui.visuals().extreme_bg_color);
    sketch(ui.painter(), picture, &scene.solids, &scene.bounds, scene.is_flat);
    let mut text = rect.shrink(8.0);
    text.min.y = picture.bottom() + 4.0;
    let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(text).layout(Layout::top_down(Align::Min)));
    inner.spacing_mut().item_spacing.y = 1.0;
    inner.add(egui::Label::new(RichText::new(&scene.title).strong()).truncate().selectable(false));
    inner.add(egui::Label::new(RichText::new(&scene.about).small()).wrap().selectable(false));
    let detail = egui::Label::new(RichText::new(&scene.detail).small().weak()).truncate().selectable(false);
    inner.with_layout(Layout::bottom_up(Align::Min), |ui| ui.add(detail));
    let name = format!("Open {}", scene.path.file_name().unwrap_or_default().to_string_lossy());
    let hover = format!("{}\n{}", scene.about, scene.path.display());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, &name));
    if response.on_hover_text(hover).clicked() {
        actions.push(Action::OpenScene(scene.path.clone()));
    }
}

fn scenarios(ui: &mut Ui, view: &StartView, actions: &mut Vec<Action>) {
    if view.scenarios.is_empty() {
        return;
    }
    ui.add_space(6.0);
    ui.label(RichText::new("Scenarios").heading());
    quiet(
        ui,
        "Rollouts that a file scripts, and what it expects of them: watch each expectation be decided.",
    );
    ui.horizontal_wrapped(|ui| {
        for scenario in &view.scenarios {
            let button = named(ui.button(&scenario.title), &format!("Watch {}", scenario.title));
            if button.on_hover_text(format!("{}\n{}", scenario.about, scenario.path.display())).clicked() {
                actions.push(Action::OpenScenario(scenario.path.clone()));
            }
        }
    });
}

fn recent(ui: &mut Ui, view: &StartView, actions: &mut Vec<Action>) {
    ui.label(RichText::new("Recent runs").heading());
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        for run in &view.runs {
            Frame::group(ui.style()).show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.add(egui::Label::new(RichText::new(&run.title).strong()).truncate());
                quiet(ui, &run.detail);
                if named(ui.small_button("Open"), &format!("Open run {}", run.title)).clicked() {
                    actions.push(Action::OpenRun(run.path.clone()));
                }
            });
        }
    });
}
