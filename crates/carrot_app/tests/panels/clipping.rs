//! No text is cut at the usual sizes of a window, on any panel of any family, dark or light.

use carrot_app::action::{Action, Side, Tab};
use carrot_app::desk::Desk;
use carrot_app::{layout, theme};
use egui::{Rect, Shape};

use crate::Workplace;

/// How far a glyph may reach over its clip rectangle: antialiasing and italics.
const SLACK: f32 = 2.0;

/// Texts of the last frame that stick out of the window, or are cut on the right by the panel they stand in.
fn cut_texts(desk: &mut Desk, size: (f32, f32), dark: bool) -> Vec<String> {
    let ctx = egui::Context::default();
    theme::apply(&ctx, dark);
    let window = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size.0, size.1));
    let mut shapes = Vec::new();
    for _ in 0..4 {
        let input = egui::RawInput { screen_rect: Some(window), ..egui::RawInput::default() };
        let mut output = ctx.run_ui(input, |ui| {
            layout::show(ui, desk);
        });
        shapes = std::mem::take(&mut output.shapes);
        output.drop_without_applying_deltas();
    }
    let mut cut = Vec::new();
    for clipped in &shapes {
        let Shape::Text(text) = &clipped.shape else { continue };
        let rect = text.visual_bounding_rect();
        // What is scrolled out of sight is not cut; what is half shown in a plot's corner is.
        let vertical = rect.bottom() > clipped.clip_rect.bottom() + SLACK
            || rect.top() < clipped.clip_rect.top() - SLACK;
        let sideways =
            rect.right() > clipped.clip_rect.right() + SLACK || rect.right() > window.right() + SLACK;
        if sideways && !vertical && !text.galley.text().is_empty() {
            cut.push(text.galley.text().to_string());
        }
    }
    cut
}

#[test]
fn no_text_is_cut() {
    let place = Workplace::new();
    for scene in ["cart_pole.ron", "door_key_8x8.ron", "pick_place.ron"] {
        let mut desk = place.with(scene);
        for _ in 0..30 {
            desk.apply(Action::StepOnce);
        }
        for size in [(1280.0, 720.0), (1920.0, 1080.0)] {
            for tab in Tab::ALL {
                desk.apply(Action::ShowTab(tab));
                let cut = cut_texts(&mut desk, size, true);
                assert!(cut.is_empty(), "{scene} {size:?} {tab:?}: {cut:?}");
            }
            for side in Side::ALL {
                desk.apply(Action::ShowSide(side));
                let cut = cut_texts(&mut desk, size, false);
                assert!(cut.is_empty(), "{scene} {size:?} {side:?}: {cut:?}");
            }
        }
    }
    let mut start = place.desk();
    let cut = cut_texts(&mut start, (1280.0, 720.0), true);
    assert!(cut.is_empty(), "start: {cut:?}");
}
