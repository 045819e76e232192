//! Words and pictures: what an image-text model sees of the shown step, what it says of it, and how that goes with
//! the truth.

use std::sync::Arc;

use egui::{
    Color32, ColorImage, Label, RichText, TextureOptions, Ui, UiBuilder, Vec2b, load::SizedTexture, vec2,
};
use egui_plot::{Corner, Legend, Line, Plot, PlotPoints, Points, VLine};

use super::contributions::{cursor_color, seek};
use super::{named, quiet};
use crate::action::Action;
use crate::theme::{BAD, CARROT, GOOD, number, term_color};

/// What the panel shows.
#[derive(Debug, Clone, Default)]
pub struct WordsView {
    /// The term.
    pub term: String,
    /// What it asks.
    pub question: String,
    /// Whom, and about which pictures.
    pub asked: String,
    /// Ticks, rising.
    pub ticks: Vec<u64>,
    /// What was answered at each; not finite where nothing was asked.
    pub answers: Vec<f32>,
    /// The task's own score at each.
    pub score: Vec<f32>,
    /// The task's own success at each.
    pub success: Vec<bool>,
    /// The tick looked at.
    pub tick: u64,
    /// Answers of all envs in these steps, and how they go with the truth.
    pub pictures: usize,
    /// The chance that a step with success is valued above one without.
    pub auc: Option<f64>,
    /// Rank correlation with the score.
    pub rank: Option<f64>,
    /// The shown step as the model sees it, or why it sees nothing.
    pub sight: Option<Result<SightView, String>>,
}

/// A step as a model sees it.
#[derive(Debug, Clone)]
pub struct SightView {
    /// The picture.
    pub picture: Arc<ColorImage>,
    /// What the model answers.
    pub answer: f32,
    /// The task's own score.
    pub score: f32,
}

/// Shows the panel; a click on the plot over time goes to the step.
pub fn show(ui: &mut Ui, view: &WordsView, actions: &mut Vec<Action>) {
    // Children of their own: what they draw does not change how high the panel is.
    let room = ui.available_rect_before_wrap();
    let mut left = ui.new_child(UiBuilder::new().id_salt("seen").max_rect(room));
    let side = picture(&mut left, view, room.height());
    let mut rest = room;
    rest.min.x += side + ui.spacing().item_spacing.x;
    let mut right = ui.new_child(UiBuilder::new().id_salt("answers").max_rect(rest));
    agreement(&mut right, view);
    let height = right.available_height();
    right.horizontal_top(|ui| {
        over_time(ui, view, vec2(0.58 * rest.width(), height), actions);
        against_truth(ui, view, vec2(ui.available_width(), height));
    });
}

/// How the answers go with the truth.
fn agreement(ui: &mut Ui, view: &WordsView) {
    let told = |value: Option<f64>| value.map_or("not known yet".into(), |value| format!("{value:.2}"));
    ui.horizontal_wrapped(|ui| {
        let color = |value: Option<f64>, even: f64| match value {
            Some(value) if value > even + 0.1 => GOOD,
            Some(value) if value < even - 0.1 => BAD,
            _ => ui.visuals().weak_text_color(),
        };
        let (auc, rank) = (color(view.auc, 0.5), color(view.rank, 0.0));
        ui.label(RichText::new(&view.term).strong()).on_hover_text(&view.question);
        ui.label(RichText::new(format!("AUC with success: {}", told(view.auc))).color(auc)).on_hover_text(
            "The chance that a step with success is valued above one without; 0.5 tells nothing",
        );
        ui.label(RichText::new(format!("rank with score: {}", told(view.rank))).color(rank)).on_hover_text(
            "Spearman's rank correlation of answers with the task's own score; 0 tells nothing",
        );
        quiet(ui, format!("{} pictures of all envs; {}", view.pictures, view.asked));
    });
}

/// The picture that the model sees, its answer below, and the truth below that; gives their width.
fn picture(ui: &mut Ui, view: &WordsView, height: f32) -> f32 {
    let line = ui.text_style_height(&egui::TextStyle::Body) + ui.spacing().item_spacing.y;
    let side = (height - 2.0 * line).max(32.0);
    ui.set_width(side);
    match &view.sight {
        Some(Ok(sight)) => {
            let id = ui.id().with("sight");
            let texture = ui.data_mut(|data| data.get_temp::<(Arc<ColorImage>, egui::TextureHandle)>(id));
            let kept = texture.filter(|(image, _)| Arc::ptr_eq(image, &sight.picture));
            let texture = kept.map(|(_, texture)| texture).unwrap_or_else(|| {
                let image = sight.picture.clone();
                let data = egui::ImageData::Color(image.clone());
                let texture = ui.ctx().load_texture("sight", data, TextureOptions::NEAREST);
                ui.data_mut(|kept| kept.insert_temp(id, (image, texture.clone())));
                texture
            });
            let image = ui.image(SizedTexture::new(texture.id(), vec2(side, side)));
            named(image, "What the model sees").on_hover_text("The shown step, as the model sees it");
            for (name, value) in [("says", sight.answer), ("score", sight.score)] {
                ui.add(Label::new(format!("{name} {}", number(value))).extend());
            }
        }
        Some(Err(why)) => {
            ui.add(Label::new(RichText::new(why).color(BAD)).wrap());
        }
        None => {
            quiet(ui, "The picture comes with the next frame.");
        }
    }
    side
}

/// Answers and the score, one above the other's scale.
fn over_time(ui: &mut Ui, view: &WordsView, size: egui::Vec2, actions: &mut Vec<Action>) {
    let strong = ui.visuals().strong_text_color();
    let line = |values: &[f32]| -> PlotPoints<'static> {
        let points = view.ticks.iter().zip(values).filter(|(_, value)| value.is_finite());
        points.map(|(&tick, &value)| [tick as f64, f64::from(value)]).collect()
    };
    let plot = Plot::new("answers")
        .legend(Legend::default().position(Corner::RightBottom))
        .x_axis_label("step")
        .width(size.x)
        .height(size.y)
        .allow_scroll(false)
        .allow_drag(Vec2b::FALSE);
    let response = plot.show(ui, |plot| {
        plot.line(Line::new("answer", line(&view.answers)).color(term_color(0)).width(1.5));
        plot.points(Points::new("answer", line(&view.answers)).color(term_color(0)).radius(2.0));
        plot.line(Line::new("score (truth)", line(&view.score)).color(GOOD).width(1.5));
        plot.vline(VLine::new("", view.tick as f64).color(cursor_color(strong)).allow_hover(false));
        plot.pointer_coordinate()
    });
    seek(&response.response, response.inner, actions);
}

/// Answers against the score, a point a picture; the shown step is ringed.
fn against_truth(ui: &mut Ui, view: &WordsView, size: egui::Vec2) {
    let points = |wanted: bool| -> PlotPoints<'static> {
        let all = view.answers.iter().zip(&view.score).zip(&view.success);
        all.filter(|((answer, _), success)| answer.is_finite() && **success == wanted)
            .map(|((&answer, &score), _)| [f64::from(score), f64::from(answer)])
            .collect()
    };
    let plot = Plot::new("against truth")
        .legend(Legend::default().position(Corner::RightBottom))
        .x_axis_label("score (truth)")
        .y_axis_label("answer")
        .width(size.x)
        .height(size.y)
        .allow_scroll(false)
        .allow_drag(Vec2b::FALSE);
    plot.show(ui, |plot| {
        for (name, success, color) in [("no success", false, BAD), ("success", true, GOOD)] {
            plot.points(Points::new(name, points(success)).color(color).radius(2.5));
        }
        if let Some(Ok(sight)) = &view.sight {
            let at = PlotPoints::from(vec![[f64::from(sight.score), f64::from(sight.answer)]]);
            plot.points(Points::new("shown step", at).color(CARROT).radius(5.0).filled(false));
        }
    });
}

/// A picture as egui takes it; one whose bytes do not fit is black.
pub fn image(size: usize, rgb: &[u8]) -> ColorImage {
    match rgb.len() == size * size * 3 {
        true => ColorImage::from_rgb([size, size], rgb),
        false => ColorImage::filled([size, size], Color32::BLACK),
    }
}
