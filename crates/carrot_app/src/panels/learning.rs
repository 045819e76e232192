//! Learning curves: return beside truth over env steps, several runs at once, with bands over seeds.

use egui::Ui;
use egui_plot::{Corner, FilledArea, Legend, Line, Plot};

use super::quiet;
use crate::runs::Curve;
use crate::theme::term_color;

/// What the panel shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LearningView {
    /// Return per episode under the trained reward.
    pub returns: Vec<Curve>,
    /// Score per episode: the truth.
    pub scores: Vec<Curve>,
}

/// Shows the panel.
pub fn show(ui: &mut Ui, view: &LearningView) {
    if view.returns.is_empty() {
        quiet(
            ui,
            "No run of this task yet. Start a training on the right, or open a run from the start page.",
        );
        return;
    }
    let pictures = [("return per episode", &view.returns), ("score (truth)", &view.scores)];
    ui.columns(2, |uis| {
        for (ui, (title, curves)) in uis.iter_mut().zip(pictures) {
            let plot = Plot::new(title)
                .legend(Legend::default().position(Corner::LeftTop))
                .x_axis_label("env steps")
                .y_axis_label(title)
                .height(ui.available_height())
                .allow_scroll(false);
            plot.show(ui, |plot| {
                for (place, curve) in curves.iter().enumerate() {
                    let color = term_color(place);
                    let band = FilledArea::new(curve.name.clone(), &curve.steps, &curve.low, &curve.high);
                    plot.add(band.fill_color(color.gamma_multiply(0.25)).allow_hover(false));
                    let points: Vec<[f64; 2]> =
                        curve.steps.iter().zip(&curve.mean).map(|(&x, &y)| [x, y]).collect();
                    plot.line(Line::new(curve.name.clone(), points).color(color).width(1.8));
                }
            });
        }
    });
}
