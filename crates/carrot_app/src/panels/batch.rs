//! The batch at one step: how reward and truth are spread over all envs.

use egui::Ui;
use egui_plot::{Bar, BarChart, Plot};

use super::quiet;
use crate::theme::{number, term_color};

/// What the panel shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchView {
    /// Named columns, one value per row each.
    pub columns: Vec<(String, Vec<f32>)>,
}

/// Bars of a histogram: left edges, width and counts.
pub fn histogram(values: &[f32], bars: usize) -> (f64, f64, Vec<usize>) {
    let finite = || values.iter().copied().filter(|value| value.is_finite()).map(f64::from);
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    if low > high {
        return (0.0, 1.0, vec![0; bars]);
    }
    let width = if high > low { (high - low) / bars as f64 } else { 1.0 / bars as f64 };
    let mut counts = vec![0; bars];
    for value in finite() {
        counts[(((value - low) / width) as usize).min(bars - 1)] += 1;
    }
    (low, width, counts)
}

/// Shows the panel.
pub fn show(ui: &mut Ui, view: &BatchView) {
    ui.columns(view.columns.len().max(1), |uis| {
        for (place, (ui, (name, values))) in uis.iter_mut().zip(&view.columns).enumerate() {
            let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
            quiet(ui, format!("{name}: mean {}", number(mean)));
            let (low, width, counts) = histogram(values, 20);
            let bar = |(index, &count): (usize, &usize)| {
                Bar::new(low + (index as f64 + 0.5) * width, count as f64).width(width * 0.92)
            };
            let bars = counts.iter().enumerate().map(bar).collect();
            let chart = BarChart::new(name.clone(), bars).color(term_color(place));
            let plot = Plot::new(name.as_str()).height(ui.available_height()).allow_scroll(false);
            plot.allow_drag(false).allow_zoom(false).show(ui, |plot| plot.bar_chart(chart));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_value_is_counted_once() {
        let (low, width, counts) = histogram(&[0.0, 0.1, 0.5, 1.0, f32::NAN], 4);
        assert_eq!((low, width, counts), (0.0, 0.25, vec![2, 0, 1, 1]));
        assert_eq!(histogram(&[], 3).2, [0, 0, 0]);
        assert_eq!(histogram(&[2.0, 2.0], 3).2, [2, 0, 0]);
    }
}
