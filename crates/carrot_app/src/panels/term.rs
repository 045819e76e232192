//! One term: its numbers on sliders, its page, and the form that adds another.

use carrot_reward::RuleDoc;
use egui::{ComboBox, RichText, Slider, TextEdit, Ui};

use super::reward::{GraphView, RewardState, RewardView, set};
use super::{heading, named, quiet};
use crate::action::Action;
use crate::session::RewardEdit;
use crate::session::fields::NumberField;
use crate::theme::CARROT;

/// A term that is being written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTerm {
    /// Kind whose page is shown.
    pub kind: String,
    /// RON of the whole term.
    pub text: String,
}

/// RON of a new term of a kind that reads a signal.
pub fn template(kind: &str, signal: &str) -> String {
    let arguments = match kind {
        "Tolerance" => format!("signal: \"{signal}\", bounds: (-0.1, 0.1), margin: 0.5"),
        "Threshold" => format!("signal: \"{signal}\", above: 0.0"),
        "Distance" | "Progress" | "StateCost" => format!("signal: \"{signal}\""),
        "Event" => "end: Terminated".into(),
        "Truth" => "source: Score".into(),
        "Expr" => format!("code: \"abs({signal})\""),
        "Model" => "name: \"model\"".into(),
        "Vlm" => "goal: \"what it shall look like\"".into(),
        _ => String::new(),
    };
    format!("(name: \"my_{}\", kind: {kind}({arguments}), weight: 1.0)", kind.to_lowercase())
}

/// The chosen term, or a word on how to choose one.
pub(super) fn inspect(
    ui: &mut Ui,
    view: &RewardView,
    graph: &GraphView,
    state: &mut RewardState,
    actions: &mut Vec<Action>,
) {
    let chosen = graph.account.lines.iter().find(|line| Some(line.path.as_str()) == state.term.as_deref());
    match chosen {
        None => {
            quiet(ui, "Choose a term to turn its parameters and read its page.");
        }
        Some(line) => {
            ui.horizontal(|ui| {
                ui.label(RichText::new(&line.name).strong());
                quiet(ui, format!("{} · {:?}", line.kind, line.source));
                if line.depth == 0 {
                    let remove = ui.small_button("Remove").on_hover_text("Take this term out of the reward");
                    if remove.clicked() {
                        let (graph, name) = (state.graph, line.name.clone());
                        actions.push(Action::Edit(RewardEdit::Remove { graph, name }, None));
                    }
                }
            });
            for field in &view.fields {
                parameter(ui, field, &line.name, state, actions);
            }
            if let Some(doc) = &view.doc {
                page(ui, doc);
            }
        }
    }
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        if ui.button("Add a term").clicked() {
            let signal = view.signals.first().map_or("", String::as_str);
            state.adding = Some(NewTerm { kind: "Tolerance".into(), text: template("Tolerance", signal) });
        }
        for (name, about) in &view.offers {
            if ui.button(format!("Watch {name}")).on_hover_text(about).clicked() {
                actions.push(Action::Edit(RewardEdit::AddShadow { name: name.clone() }, None));
            }
        }
    });
}

fn parameter(
    ui: &mut Ui,
    field: &NumberField,
    term: &str,
    state: &mut RewardState,
    actions: &mut Vec<Action>,
) {
    ui.horizontal(|ui| {
        let mut value = field.value;
        let reach = (2.0 * value.abs()).max(1.0);
        let low = if field.value < 0.0 || field.name.contains('[') { -reach } else { 0.0 };
        let mut slider = match field.limits {
            Some([low, high]) => Slider::new(&mut value, low..=high),
            None => Slider::new(&mut value, low..=reach).clamping(egui::SliderClamping::Never),
        };
        if field.is_count {
            slider = slider.integer();
        }
        let response = named(ui.add(slider), &format!("{term} {}", field.name));
        ui.label(&field.name);
        if response.drag_started() || response.gained_focus() {
            state.gesture += 1;
        }
        if response.changed() {
            actions.push(set(state, field.path.clone(), value, field.is_count));
        }
    });
}

/// The page of a kind: what it rewards, its formula, and when it misleads.
fn page(ui: &mut Ui, doc: &RuleDoc) {
    ui.add_space(2.0);
    ui.label(doc.rewards);
    ui.monospace(doc.formula);
    ui.label(RichText::new(format!("When it misleads: {}", doc.misleads)).color(CARROT));
    for (name, about) in doc.parameters {
        quiet(ui, format!("{name}: {about}"));
    }
    quiet(ui, format!("Range {}. Source: {}", doc.range, doc.source));
}

/// The form that adds a term; true when it is to be closed.
pub(super) fn add(
    ui: &mut Ui,
    view: &RewardView,
    graph: usize,
    new: &mut NewTerm,
    actions: &mut Vec<Action>,
) -> bool {
    heading(ui, "Add a term");
    let mut close = false;
    ui.horizontal(|ui| {
        let combo = ComboBox::from_id_salt("kind").selected_text(&new.kind).width(130.0).show_ui(ui, |ui| {
            for doc in &view.kinds {
                if ui.selectable_label(doc.name == new.kind, doc.name).on_hover_text(doc.rewards).clicked() {
                    let signal = view.signals.first().map_or("", String::as_str);
                    *new = NewTerm { kind: doc.name.into(), text: template(doc.name, signal) };
                }
            }
        });
        named(combo.response, "Kind");
        if ui.button("Add").clicked() {
            actions.push(Action::Edit(RewardEdit::Add { graph, term: new.text.clone() }, None));
            close = true;
        }
        close |= ui.button("Cancel").clicked();
    });
    let edit = TextEdit::multiline(&mut new.text).code_editor().desired_rows(3).desired_width(f32::INFINITY);
    named(ui.add(edit), "Term as RON");
    quiet(ui, format!("Signals: {}", view.signals.join(", ")));
    if let Some(doc) = view.kinds.iter().find(|doc| doc.name == new.kind) {
        page(ui, doc);
    }
    close
}
