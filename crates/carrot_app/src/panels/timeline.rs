//! The timeline: play, pause, step, speed, scrub, rewind, branch, breakpoints.

use egui::{ComboBox, Slider, Stroke, TextEdit, Ui, pos2};

use super::named;
use crate::action::Action;
use crate::theme::{BAD, CARROT, GOOD};

/// What the timeline shows.
#[derive(Debug, Clone, Default)]
pub struct TimelineView {
    /// Oldest kept tick.
    pub first: u64,
    /// Newest tick.
    pub last: u64,
    /// The tick looked at.
    pub tick: u64,
    /// Whether time goes on.
    pub playing: bool,
    /// Whether the newest tick is looked at.
    pub live: bool,
    /// Speed against real time.
    pub speed: f32,
    /// Seconds per step.
    pub control_dt: f32,
    /// Episode and step within it.
    pub episode: (u32, u32),
    /// Ends of the chosen row's episodes: tick, and whether it was a success.
    pub ends: Vec<(u64, bool)>,
    /// Ticks of edits.
    pub edits: Vec<u64>,
    /// Ticks at which the timeline of a scenario acts.
    pub events: Vec<u64>,
    /// Ticks at which an expectation of a scenario fails.
    pub failures: Vec<u64>,
    /// Conditions, whether they are on.
    pub breakpoints: Vec<(String, bool)>,
    /// The one that stopped it.
    pub stopped_by: Option<String>,
    /// Who could drive a branch.
    pub drivers: Vec<String>,
}

/// What the timeline remembers between two frames.
#[derive(Debug, Clone, Default)]
pub struct TimelineState {
    /// The condition that is being typed.
    pub condition: String,
}

/// Speeds that are offered.
const SPEEDS: [f32; 8] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 16.0, 64.0];

/// Shows the timeline.
pub fn show(ui: &mut Ui, view: &TimelineView, state: &mut TimelineState, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        let mut button = |ui: &mut Ui, text: &str, name: &str, hint: &str, action: Action| {
            if named(ui.button(text), name).on_hover_text(hint).clicked() {
                actions.push(action);
            }
        };
        button(ui, "⏮", "Oldest step", "The oldest kept step (Home)", Action::Seek(view.first));
        button(ui, "◀", "Step back", "One step back (Left)", Action::StepBack);
        let (text, name) = if view.playing { ("⏸", "Pause") } else { ("▶", "Play") };
        button(ui, text, name, "Play or pause (Space)", Action::TogglePlay);
        button(ui, "⏵|", "Step", "One step (Right)", Action::StepOnce);
        button(ui, "⏭", "Live", "The newest step (End)", Action::GoLive);
        choose_speed(ui, view, actions);
        ui.separator();
        let (episode, step) = view.episode;
        let secs = step as f32 * view.control_dt;
        ui.monospace(format!("step {}  episode {episode} +{step} ({secs:.2} s)", view.tick));
        let (text, color) = if view.live { ("live", GOOD) } else { ("past", CARROT) };
        ui.colored_label(color, text);
        if let Some(condition) = &view.stopped_by {
            ui.colored_label(BAD, format!("stopped: {condition}"));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            choose_breakpoints(ui, view, state, actions);
            choose_branch(ui, view, actions);
            let rewind = ui.add_enabled(!view.live, egui::Button::new("Rewind here"));
            if rewind.on_hover_text("Forget what came after the shown step, and go on from it").clicked() {
                actions.push(Action::Rewind);
            }
        });
    });
    scrub(ui, view, actions);
}

fn choose_speed(ui: &mut Ui, view: &TimelineView, actions: &mut Vec<Action>) {
    let shown = |speed: f32| format!("{speed}x");
    let combo =
        ComboBox::from_id_salt("speed").selected_text(shown(view.speed)).width(54.0).show_ui(ui, |ui| {
            for speed in SPEEDS {
                if ui.selectable_label(speed == view.speed, shown(speed)).clicked() {
                    actions.push(Action::SetSpeed(speed));
                }
            }
        });
    named(combo.response, "Speed");
}

fn choose_branch(ui: &mut Ui, view: &TimelineView, actions: &mut Vec<Action>) {
    let combo = ComboBox::from_id_salt("branch").selected_text("Branch").width(64.0).show_ui(ui, |ui| {
        ui.label("From the shown step, driven by");
        for driver in &view.drivers {
            if ui.selectable_label(false, driver).clicked() {
                actions.push(Action::Branch(driver.clone()));
            }
        }
    });
    named(combo.response, "Branch")
        .on_hover_text("A second future from the shown step, side by side with the first");
}

fn choose_breakpoints(
    ui: &mut Ui,
    view: &TimelineView,
    state: &mut TimelineState,
    actions: &mut Vec<Action>,
) {
    let on = view.breakpoints.iter().filter(|(_, on)| *on).count();
    let title = if on == 0 { "Stop when".to_string() } else { format!("Stop when ({on})") };
    let menu = ui.menu_button(title, |ui| {
        ui.set_min_width(240.0);
        ui.label("Playing stops where a condition begins to hold.");
        for (index, (text, on)) in view.breakpoints.iter().enumerate() {
            ui.horizontal(|ui| {
                let mut enabled = *on;
                if ui.checkbox(&mut enabled, text).changed() {
                    actions.push(Action::EnableBreakpoint(index, enabled));
                }
                if named(ui.small_button("x"), &format!("Remove {text}")).clicked() {
                    actions.push(Action::RemoveBreakpoint(index));
                }
            });
        }
        let edit =
            ui.add(TextEdit::singleline(&mut state.condition).hint_text("score > 0.5").desired_width(170.0));
        let entered =
            named(edit, "Condition").lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if (ui.button("Add").clicked() || entered) && !state.condition.trim().is_empty() {
            actions.push(Action::AddBreakpoint(std::mem::take(&mut state.condition)));
        }
    });
    named(menu.response, "Stop when");
}

/// The bar to scrub: ends of episodes above it, edits of the reward and failures across it, events below.
fn scrub(ui: &mut Ui, view: &TimelineView, actions: &mut Vec<Action>) {
    let width = ui.available_width();
    ui.spacing_mut().slider_width = width;
    let mut tick = view.tick;
    let slider = ui.add(Slider::new(&mut tick, view.first..=view.last.max(view.first + 1)).show_value(false));
    let rect = slider.rect;
    if named(slider, "Timeline").changed() {
        actions.push(Action::Seek(tick));
    }
    let margin = rect.height() * 0.4;
    let span = (view.last.max(view.first + 1) - view.first) as f32;
    let place = |at: u64| {
        let share = (at.saturating_sub(view.first)) as f32 / span;
        egui::lerp((rect.left() + margin)..=(rect.right() - margin), share)
    };
    let painter = ui.painter();
    for &(at, success) in view.ends.iter().filter(|(at, _)| *at >= view.first) {
        let color = if success { GOOD } else { BAD };
        painter.line_segment(
            [pos2(place(at), rect.top()), pos2(place(at), rect.top() + 5.0)],
            Stroke::new(1.5, color),
        );
    }
    for &at in view.edits.iter().filter(|at| **at >= view.first) {
        let ends = [pos2(place(at), rect.top() + 2.0), pos2(place(at), rect.bottom() - 2.0)];
        painter.line_segment(ends, Stroke::new(1.5, CARROT));
    }
    for &at in view.events.iter().filter(|at| (view.first..=view.last).contains(at)) {
        let (x, y) = (place(at), rect.bottom());
        let corners = vec![pos2(x - 3.5, y), pos2(x + 3.5, y), pos2(x, y - 6.0)];
        painter.add(egui::Shape::convex_polygon(corners, CARROT, Stroke::NONE));
    }
    for &at in view.failures.iter().filter(|at| **at >= view.first) {
        painter.vline(place(at), rect.y_range(), Stroke::new(2.0, BAD));
    }
}
