//! The reward tree: every term with raw, staged, weight and contribution, and the line that must always say 0.

use carrot_reward::RuleDoc;
use egui::{Align, Checkbox, DragValue, Layout, Rect, RichText, ScrollArea, Sense, Ui, pos2, vec2};

use super::{heading, named, quiet, term};
use crate::action::Action;
use crate::session::fields::NumberField;
use crate::session::{Account, RewardEdit, TermLine};
use crate::theme::{BAD, GOOD, number, term_color};

/// What the panel shows.
#[derive(Debug, Clone, Default)]
pub struct RewardView {
    /// The trained graph, then the shadows.
    pub graphs: Vec<GraphView>,
    /// Numbers of the chosen term.
    pub fields: Vec<NumberField>,
    /// Page of the chosen term's kind.
    pub doc: Option<RuleDoc>,
    /// Pages of all kinds.
    pub kinds: Vec<RuleDoc>,
    /// Rewards of the task that could watch, with what each pays for.
    pub offers: Vec<(String, String)>,
    /// Signals that terms can read.
    pub signals: Vec<String>,
    /// Whether there is an edit to take back.
    pub can_undo: bool,
    /// Whether an edit was taken back.
    pub can_redo: bool,
    /// Whether the scene differs from its file.
    pub changed: bool,
    /// The last edits, newest first.
    pub log: Vec<String>,
}

/// One graph.
#[derive(Debug, Clone)]
pub struct GraphView {
    /// Its name; the trained one carries its reward's.
    pub title: String,
    /// The step that is looked at.
    pub account: Account,
    /// Paid so far in the episode that is looked at.
    pub episode_return: f64,
}

/// What the panel remembers between two frames.
#[derive(Debug, Clone, Default)]
pub struct RewardState {
    /// The graph that is taken apart.
    pub graph: usize,
    /// Path of the chosen term.
    pub term: Option<String>,
    /// The text of the term to add, while the form is open.
    pub adding: Option<term::NewTerm>,
    /// Counts drags and typings, so that each is undone as one.
    pub gesture: u64,
}

/// Width of the columns behind the name: raw, staged, weight, pays.
const COLUMN: f32 = 58.0;

/// Shows the panel.
pub fn show(ui: &mut Ui, view: &RewardView, state: &mut RewardState, actions: &mut Vec<Action>) {
    state.graph = state.graph.min(view.graphs.len().saturating_sub(1));
    bar(ui, view, actions);
    graphs(ui, view, state);
    let Some(graph) = view.graphs.get(state.graph) else { return };
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        tree(ui, graph, state, actions);
        totals(ui, graph);
        ui.separator();
        match &mut state.adding {
            Some(new) => {
                if term::add(ui, view, state.graph, new, actions) {
                    state.adding = None;
                }
            }
            None => term::inspect(ui, view, graph, state, actions),
        }
        if !view.log.is_empty() {
            heading(ui, "Edits");
            view.log.iter().take(6).for_each(|line| {
                quiet(ui, line);
            });
        }
    });
}

fn bar(ui: &mut Ui, view: &RewardView, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Reward").heading());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut button = |ui: &mut Ui, text: &str, hint: &str, enabled: bool, action: Action| {
                if ui.add_enabled(enabled, egui::Button::new(text)).on_hover_text(hint).clicked() {
                    actions.push(action);
                }
            };
            button(
                ui,
                "Save",
                "Write the scene; comments and order stay (Ctrl+S)",
                view.changed,
                Action::Save,
            );
            button(ui, "Redo", "Ctrl+Shift+Z", view.can_redo, Action::Redo);
            button(ui, "Undo", "Ctrl+Z", view.can_undo, Action::Undo);
        });
    });
}

/// All graphs side by side: what each pays now, and paid in this episode.
fn graphs(ui: &mut Ui, view: &RewardView, state: &mut RewardState) {
    egui::Grid::new("graphs").num_columns(3).striped(true).spacing(vec2(10.0, 2.0)).show(ui, |ui| {
        quiet(ui, "graph");
        quiet(ui, "this step");
        quiet(ui, "episode");
        ui.end_row();
        for (index, graph) in view.graphs.iter().enumerate() {
            let title =
                if index == 0 { format!("{} (trained on)", graph.title) } else { graph.title.clone() };
            if ui.selectable_label(state.graph == index, title).clicked() {
                (state.graph, state.term, state.adding) = (index, None, None);
            }
            ui.monospace(number(graph.account.paid));
            ui.monospace(format!("{:.2}", graph.episode_return));
            ui.end_row();
        }
    });
    ui.separator();
}

fn tree(ui: &mut Ui, graph: &GraphView, state: &mut RewardState, actions: &mut Vec<Action>) {
    let width = ui.available_width();
    let name_width = (width - 4.0 * COLUMN - 8.0).max(90.0);
    row(ui, name_width, |ui, cell| {
        let title = match cell {
            Cell::Name => "term",
            Cell::Raw => "raw",
            Cell::Staged => "staged",
            Cell::Weight => "weight",
            Cell::Pays => "pays",
        };
        quiet(ui, title);
    });
    let mut tops = 0;
    for line in &graph.account.lines {
        // Whatever hangs below a child of the root wears its colour.
        tops += usize::from(line.depth == 0);
        let place = tops - 1;
        let before = ui.cursor().top();
        row(ui, name_width, |ui, cell| match cell {
            Cell::Name => name_cell(ui, line, place, state, actions),
            Cell::Raw => {
                ui.monospace(number(line.account.raw));
            }
            Cell::Staged => {
                ui.monospace(number(line.account.staged)).on_hover_text(stages_text(line));
            }
            Cell::Weight => weight_cell(ui, line, state, actions),
            Cell::Pays => {
                ui.monospace(RichText::new(number(line.account.output)).strong());
            }
        });
        share_bar(ui, line, place, width, before);
        if let Some(asks) = &line.asks {
            ui.add(egui::Label::new(RichText::new(asks).small().italics()).wrap());
        }
    }
}

fn stages_text(line: &TermLine) -> String {
    if line.stages.is_empty() { "no stages".into() } else { format!("behind {}", line.stages.join(", ")) }
}

/// The cells of a row.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Name,
    Raw,
    Staged,
    Weight,
    Pays,
}

/// A row of the tree: a name of fixed width, then four numbers to the right.
fn row(ui: &mut Ui, name_width: f32, mut cell: impl FnMut(&mut Ui, Cell)) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let height = ui.spacing().interact_size.y;
        ui.allocate_ui_with_layout(vec2(name_width, height), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(name_width);
            ui.set_max_width(name_width);
            cell(ui, Cell::Name);
        });
        for column in [Cell::Raw, Cell::Staged, Cell::Weight, Cell::Pays] {
            let layout = Layout::right_to_left(Align::Center);
            ui.allocate_ui_with_layout(vec2(COLUMN - 2.0, height), layout, |ui| {
                ui.set_min_width(COLUMN - 2.0);
                cell(ui, column);
            });
        }
    });
}

fn name_cell(ui: &mut Ui, line: &TermLine, place: usize, state: &mut RewardState, actions: &mut Vec<Action>) {
    ui.add_space(12.0 * line.depth as f32);
    let mut on = line.weight != 0.0;
    let check = ui.add(Checkbox::without_text(&mut on));
    if named(check, &format!("{} on", line.name)).on_hover_text("Pay for it, or only measure it").changed() {
        actions.push(Action::Switch { graph: state.graph, path: line.path.clone(), on });
    }
    let (dot, _) = ui.allocate_exact_size(vec2(9.0, 9.0), Sense::hover());
    ui.painter().circle_filled(dot.center(), 4.0, term_color(place));
    let chosen = state.term.as_deref() == Some(line.path.as_str());
    let label = egui::Button::selectable(chosen, RichText::new(&line.name)).truncate();
    if ui.add(label).on_hover_text(format!("{}: {}", line.name, line.kind)).clicked() {
        state.term = (!chosen).then(|| line.path.clone());
        state.adding = None;
    }
}

fn weight_cell(ui: &mut Ui, line: &TermLine, state: &mut RewardState, actions: &mut Vec<Action>) {
    let mut weight = line.weight;
    let speed = (weight.abs() * 0.02).max(0.005);
    let drag = DragValue::new(&mut weight).speed(speed).max_decimals(4);
    let response = named(ui.add(drag), &format!("{} weight", line.name));
    if response.drag_started() || response.gained_focus() {
        state.gesture += 1;
    }
    if response.changed() {
        let path = format!("{}.weight", line.path);
        actions.push(set(state, path, weight, false));
    }
}

/// An edit of a number, as RON.
pub(super) fn set(state: &RewardState, path: String, value: f32, is_count: bool) -> Action {
    let value = if is_count { format!("{}", value.round()) } else { format!("{value:?}") };
    Action::Edit(RewardEdit::Set { graph: state.graph, path, value }, Some(state.gesture))
}

/// A bar below the row: how much of all that moves at this step is this term's, and which way.
fn share_bar(ui: &Ui, line: &TermLine, place: usize, width: f32, top: f32) {
    let Some(share) = line.share.filter(|share| *share > 0.0) else { return };
    let left = ui.min_rect().left();
    let bottom = top + ui.spacing().interact_size.y + 1.0;
    let rect = Rect::from_min_max(pos2(left, bottom), pos2(left + width * share, bottom + 2.0));
    let color = if line.account.output < 0.0 { BAD } else { term_color(place) };
    ui.painter().rect_filled(rect, 1.0, color);
}

/// What was paid, and what nobody accounts for.
fn totals(ui: &mut Ui, graph: &GraphView) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.label("Paid");
        ui.monospace(RichText::new(number(graph.account.paid)).strong());
        quiet(ui, format!("under revision {}", graph.account.revision));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let left_over = graph.account.unaccounted;
            let color = if left_over == 0.0 { GOOD } else { BAD };
            let text = RichText::new(format!("Unaccounted: {}", number(left_over))).color(color).strong();
            ui.label(text).on_hover_text(
                "What the learner's buffer holds, less what the terms contribute, added up in order. It is 0, bit for bit.",
            );
        });
    });
}
