//! Labels: two clips side by side, which of them is better, and what was said so far.

use carrot_lab::preference::Says;
use egui::{Align, Button, Color32, Layout, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, vec2};

use super::{heading, named, quiet};
use crate::action::Action;
use crate::sketch::sketch;
use crate::solid::{Bounds, Solid};
use crate::theme::{BAD, CARROT};

/// What the panel shows.
#[derive(Debug, Clone, Default)]
pub struct LabelsView {
    /// The run's folder.
    pub run: String,
    /// Pairs that wait.
    pub open: usize,
    /// Pairs with an answer.
    pub answered: usize,
    /// Number of the pair that is compared.
    pub pair: Option<u64>,
    /// Left and right, once they are there.
    pub clips: Option<[ClipView; 2]>,
    /// Why they will not be.
    pub trouble: Option<String>,
    /// Answers given here, newest first.
    pub said: Vec<(u64, Says)>,
}

/// One clip at the step that is seen.
#[derive(Debug, Clone, Default)]
pub struct ClipView {
    /// What is seen; nothing where no picture was kept.
    pub solids: Vec<Solid>,
    /// The part of it that is worth seeing.
    pub bounds: Bounds,
    /// Whether it is a gridworld, seen from above.
    pub is_flat: bool,
    /// The step that is seen, from 1.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
}

/// Keys, and what each says.
const KEYS: [(&str, &str); 5] = [
    ("Left", "left is better"),
    ("Right", "right is better"),
    ("= or E", "neither"),
    ("S", "cannot be compared"),
    ("U", "take the last answer back"),
];

/// Shows the panel beside the clips.
pub fn show(ui: &mut Ui, view: &LabelsView, note: &mut String, actions: &mut Vec<Action>) {
    ui.label(RichText::new("Labels").heading());
    quiet(
        ui,
        "Which clip is closer to what you want? The reward network learns from your answers while the agent trains.",
    );
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{} labels", view.answered)).strong());
        ui.label(format!("{} pairs wait", view.open));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let undo = ui.add_enabled(!view.said.is_empty(), Button::new("Undo label"));
            if undo.on_hover_text("The last answer given here no longer holds (U)").clicked() {
                actions.push(Action::UndoLabel);
            }
        });
    });
    heading(ui, "Note");
    let edit = TextEdit::multiline(note).desired_rows(2).desired_width(f32::INFINITY);
    named(ui.add(edit.hint_text("kept with the next answer")), "Note for the next answer");
    heading(ui, "Keys");
    egui::Grid::new("label_keys").num_columns(2).show(ui, |ui| {
        for (key, what) in KEYS {
            ui.monospace(key);
            ui.label(what);
            ui.end_row();
        }
    });
    heading(ui, "Answers given here");
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        if view.said.is_empty() {
            quiet(ui, "None yet. Each is on the disk before the next pair is shown.");
        }
        for (pair, says) in &view.said {
            ui.label(format!("pair {pair}: {}", word(*says)));
        }
        quiet(ui, format!("in {}", view.run));
    });
}

fn word(says: Says) -> &'static str {
    match says {
        Says::Left => "left",
        Says::Right => "right",
        Says::Equal => "equal",
        Says::Skip => "skipped",
        Says::Undo => "taken back",
    }
}

/// Shows the clips, and below them what can be said.
pub fn clips(ui: &mut Ui, view: &LabelsView, actions: &mut Vec<Action>) {
    let Some(pair) = view.pair else {
        let text = match view.answered {
            0 => "The first pairs come after the first rollout.",
            _ => "Every pair is answered. More come while the run trains.",
        };
        ui.centered_and_justified(|ui| ui.label(RichText::new(text).size(16.0)));
        return;
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("Pair {pair}")).heading());
        quiet(ui, "Which is better?");
    });
    let spacing = ui.spacing().item_spacing.x;
    let size = vec2(0.5 * (ui.available_width() - spacing), (ui.available_height() - 46.0).max(60.0));
    ui.horizontal(|ui| {
        for (side, name) in ["Left", "Right"].into_iter().enumerate() {
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            named(response, &format!("{name} clip"));
            match (&view.clips, &view.trouble) {
                (Some(clips), _) => draw(ui, rect, name, &clips[side]),
                (None, Some(why)) => words(ui, rect, &format!("This pair cannot be shown: {why}"), BAD),
                (None, None) => words(ui, rect, "being played", ui.visuals().weak_text_color()),
            }
        }
    });
    let can_answer = view.clips.is_some() || view.trouble.is_some();
    ui.add_space(4.0);
    ui.columns(4, |columns| {
        let answers = [
            (0, "◀  Left is better", "Left is better", Says::Left),
            (1, "Equal", "Equal", Says::Equal),
            (2, "Skip", "Skip", Says::Skip),
            (3, "Right is better  ▶", "Right is better", Says::Right),
        ];
        for (column, text, name, says) in answers {
            let ui = &mut columns[column];
            let wide = vec2(ui.available_width(), 26.0);
            let response = ui.add_enabled_ui(can_answer, |ui| ui.add_sized(wide, Button::new(text))).inner;
            if named(response, name).clicked() {
                actions.push(Action::Label(says));
            }
        }
    });
}

fn draw(ui: &Ui, rect: Rect, name: &str, clip: &ClipView) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 4.0, ui.visuals().extreme_bg_color);
    if clip.steps == 0 {
        let text = "No picture was kept of this segment; its signals are shown by: carrot prefer RUN";
        words(ui, rect, text, ui.visuals().warn_fg_color);
        return;
    }
    let mut picture = rect.shrink(8.0);
    picture.min.y += 20.0;
    picture.max.y -= 6.0;
    sketch(&painter, picture, &clip.solids, &clip.bounds, clip.is_flat);
    let over = if clip.step == clip.steps { ", over" } else { "" };
    let text = format!("{name}: step {} of {}{over}", clip.step, clip.steps);
    let color = ui.visuals().strong_text_color();
    painter.text(
        rect.left_top() + vec2(10.0, 7.0),
        egui::Align2::LEFT_TOP,
        text,
        egui::FontId::proportional(13.0),
        color,
    );
    let mut bar = Rect::from_min_max(rect.left_bottom() - vec2(0.0, 4.0), rect.right_bottom());
    bar.set_width(rect.width() * clip.step as f32 / clip.steps as f32);
    painter.rect_filled(bar, 2.0, CARROT);
}

fn words(ui: &Ui, rect: Rect, text: &str, color: Color32) {
    let galley =
        ui.painter().layout(text.into(), egui::FontId::proportional(13.0), color, rect.width() - 24.0);
    ui.painter().rect_filled(rect, 4.0, ui.visuals().extreme_bg_color);
    ui.painter().galley(rect.center() - 0.5 * galley.size(), galley, color);
}
