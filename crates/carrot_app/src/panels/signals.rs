//! Signals over time: any of them, in their own units.

use egui::{ScrollArea, Ui, Vec2b};
use egui_plot::{Corner, Legend, Line, Plot, PlotPoints, VLine};

use super::contributions::{cursor_color, seek};
use super::named;
use crate::action::Action;
use crate::theme::{number, term_color};

/// What the panel shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignalsView {
    /// Every column: name, unit, what it measures, and its value at the step looked at.
    pub columns: Vec<SignalColumn>,
    /// Ticks, rising.
    pub ticks: Vec<u64>,
    /// Chosen columns, each with one value per tick.
    pub series: Vec<(usize, Vec<f32>)>,
    /// The tick looked at.
    pub tick: u64,
}

/// One column of the catalog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignalColumn {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// What it measures.
    pub about: String,
    /// Value at the step looked at.
    pub value: f32,
}

/// What the panel remembers between two frames.
#[derive(Debug, Clone, Default)]
pub struct SignalsState {
    /// Chosen columns.
    pub chosen: Vec<usize>,
}

/// Shows the panel; a click on the plot goes to the step.
pub fn show(ui: &mut Ui, view: &SignalsView, state: &mut SignalsState, actions: &mut Vec<Action>) {
    egui::Panel::left("signal_list").exact_size(250.0).show(ui, |ui| {
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            for (column, signal) in view.columns.iter().enumerate() {
                let mut on = state.chosen.contains(&column);
                let unit = if signal.unit.is_empty() { String::new() } else { format!(" {}", signal.unit) };
                ui.horizontal(|ui| {
                    let check = ui.checkbox(&mut on, &signal.name).on_hover_text(&signal.about);
                    if named(check, &signal.name).changed() {
                        state.chosen.retain(|&other| other != column);
                        state.chosen.extend(on.then_some(column));
                    }
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        ui.monospace(format!("{}{unit}", number(signal.value)));
                    });
                });
            }
        });
    });
    let strong = ui.visuals().strong_text_color();
    let plot = Plot::new("signals")
        .legend(Legend::default().position(Corner::LeftTop))
        .x_axis_label("step")
        .allow_scroll(false)
        .allow_drag(Vec2b::FALSE);
    let response = plot.show(ui, |plot| {
        for (place, (column, values)) in view.series.iter().enumerate() {
            let points: PlotPoints<'_> = view
                .ticks
                .iter()
                .zip(values)
                .map(|(&tick, &value)| [tick as f64, f64::from(value)])
                .collect();
            let signal = &view.columns[*column];
            let name = if signal.unit.is_empty() {
                signal.name.clone()
            } else {
                format!("{} [{}]", signal.name, signal.unit)
            };
            plot.line(Line::new(name, points).color(term_color(place)).width(1.5));
        }
        plot.vline(VLine::new("", view.tick as f64).color(cursor_color(strong)).allow_hover(false));
        plot.pointer_coordinate()
    });
    seek(&response.response, response.inner, actions);
}
