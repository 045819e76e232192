//! Contributions over time: one band per term, stacked above and below zero, and the total that the learner got.

use egui::{Color32, Ui, Vec2b};
use egui_plot::{Corner, FilledArea, Legend, Line, LineStyle, Plot, PlotPoints, VLine};

use crate::action::Action;
use crate::theme::{CARROT, term_color};

/// What the plot shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContributionsView {
    /// Ticks, rising.
    pub ticks: Vec<u64>,
    /// Children of the root, each with one contribution per tick.
    pub terms: Vec<(String, Vec<f32>)>,
    /// What was paid, one per tick.
    pub totals: Vec<f32>,
    /// What the other graphs paid, and this one in another future, by name; NaN where there is nothing.
    pub shadows: Vec<(String, Vec<f32>)>,
    /// The tick looked at.
    pub tick: u64,
    /// Ticks of edits.
    pub edits: Vec<u64>,
}

/// Shows the plot; a click goes to the step.
pub fn show(ui: &mut Ui, view: &ContributionsView, actions: &mut Vec<Action>) {
    let strong = ui.visuals().strong_text_color();
    let plot = Plot::new("contributions")
        .legend(Legend::default().position(Corner::LeftTop))
        .x_axis_label("step")
        .allow_scroll(false)
        .allow_drag(Vec2b::FALSE)
        .show_grid(Vec2b::new(false, true));
    let response = plot.show(ui, |plot| {
        let xs: Vec<f64> = view.ticks.iter().map(|&tick| tick as f64).collect();
        for band in bands(view) {
            let color = term_color(band.place);
            let area = FilledArea::new(band.name, &xs, &band.low, &band.high);
            plot.add(
                area.fill_color(color.gamma_multiply(0.55))
                    .stroke(egui::Stroke::new(0.5, color))
                    .allow_hover(false),
            );
        }
        let line = |values: &[f32]| -> PlotPoints<'static> {
            let there = xs.iter().zip(values).filter(|(_, y)| y.is_finite());
            there.map(|(&x, &y)| [x, f64::from(y)]).collect()
        };
        for (place, (name, totals)) in view.shadows.iter().enumerate() {
            let color = term_color(view.terms.len() + place);
            plot.line(Line::new(name.clone(), line(totals)).color(color).style(LineStyle::dashed_loose()));
        }
        plot.line(Line::new("paid", line(&view.totals)).color(strong).width(1.5));
        for &edit in view.edits.iter().filter(|edit| view.ticks.first().is_some_and(|first| *edit >= first)) {
            plot.vline(
                VLine::new("edit", edit as f64)
                    .color(CARROT)
                    .style(LineStyle::dashed_dense())
                    .allow_hover(false),
            );
        }
        plot.vline(VLine::new("", view.tick as f64).color(cursor_color(strong)).allow_hover(false));
        plot.pointer_coordinate()
    });
    seek(&response.response, response.inner, actions);
}

/// The colour of the line at the shown step.
pub(super) fn cursor_color(strong: Color32) -> Color32 {
    strong.gamma_multiply(0.5)
}

/// A click on a plot over time goes to that step.
pub(super) fn seek(response: &egui::Response, at: Option<egui_plot::PlotPoint>, actions: &mut Vec<Action>) {
    if let Some(point) = at.filter(|_| response.clicked()) {
        actions.push(Action::Seek(point.x.round().max(0.0) as u64));
    }
}

/// A term's band over all ticks.
struct Band {
    name: String,
    place: usize,
    low: Vec<f64>,
    high: Vec<f64>,
}

/// Positive contributions pile up from zero, negative ones down from it.
fn bands(view: &ContributionsView) -> Vec<Band> {
    let mut above = vec![0.0_f64; view.ticks.len()];
    let mut below = vec![0.0_f64; view.ticks.len()];
    let mut bands = Vec::with_capacity(view.terms.len());
    for (place, (name, values)) in view.terms.iter().enumerate() {
        let mut band = Band { name: name.clone(), place, low: Vec::new(), high: Vec::new() };
        for (tick, &value) in values.iter().enumerate() {
            let pile = if value < 0.0 { &mut below[tick] } else { &mut above[tick] };
            let (from, to) = (*pile, *pile + f64::from(value));
            *pile = to;
            band.low.push(from.min(to));
            band.high.push(from.max(to));
        }
        bands.push(band);
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_pile_up_by_sign() {
        let view = ContributionsView {
            ticks: vec![1, 2],
            terms: vec![
                ("a".into(), vec![1.0, -1.0]),
                ("b".into(), vec![2.0, -3.0]),
                ("c".into(), vec![-1.0, 5.0]),
            ],
            ..ContributionsView::default()
        };
        let edges: Vec<_> = bands(&view).into_iter().map(|band| (band.low, band.high)).collect();
        assert_eq!(edges[0], (vec![0.0, -1.0], vec![1.0, 0.0]));
        assert_eq!(edges[1], (vec![1.0, -4.0], vec![3.0, -1.0]));
        assert_eq!(edges[2], (vec![-1.0, 0.0], vec![0.0, 5.0]));
    }
}
