//! Panels: functions of data. Each takes a view of what is, and hands back what the person asks for.

pub mod batch;
pub mod contributions;
pub mod episodes;
pub mod hand;
pub mod labels;
pub mod learning;
pub mod reward;
pub mod scenario;
pub mod signals;
pub mod start;
pub mod term;
pub mod timeline;
pub mod top;
pub mod training;
pub mod words;

use egui::{Response, RichText, Ui};

/// Gives a widget the name by which screen readers and tests find it.
pub(crate) fn named(response: Response, name: &str) -> Response {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(name));
    response
}

/// A small quiet line.
pub(crate) fn quiet(ui: &mut Ui, text: impl Into<String>) -> Response {
    ui.label(RichText::new(text).small().weak())
}

/// A small heading above a part of a panel.
pub(crate) fn heading(ui: &mut Ui, text: &str) -> Response {
    ui.add_space(4.0);
    ui.label(RichText::new(text).strong())
}
