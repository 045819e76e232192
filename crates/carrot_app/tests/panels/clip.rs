//! No text is cut: every panel at the two usual sizes of a window.

use carrot_app::action::{Action, Side, Tab};
use carrot_app::desk::Desk;
use egui::Shape;
use egui_kittest::Harness;

use crate::{Workplace, scenes, window};

const SIZES: [(f32, f32); 2] = [(1280.0, 720.0), (1920.0, 1080.0)];
/// What may be lost at an edge: the softened border of a letter.
const EDGE: f32 = 1.5;

/// Text that is cut off at a side, or shortened with dots.
fn cut(harness: &Harness<'_, Desk>, size: (f32, f32)) -> Vec<String> {
    let mut cut = Vec::new();
    for clipped in &harness.output().shapes {
        collect(&clipped.shape, clipped.clip_rect, size, &mut cut);
    }
    cut
}

fn collect(shape: &Shape, clip: egui::Rect, size: (f32, f32), cut: &mut Vec<String>) {
    let text = match shape {
        Shape::Vec(shapes) => return shapes.iter().for_each(|shape| collect(shape, clip, size, cut)),
        Shape::Text(text) => text,
        _ => return,
    };
    let rect = text.visual_bounding_rect();
    let letters = text.galley.text();
    // What is scrolled away is not cut.
    if letters.trim().is_empty() || rect.area() == 0.0 || !clip.intersects(rect) {
        return;
    }
    let across = clip.left().max(0.0) - EDGE..=clip.right().min(size.0) + EDGE;
    let whole =
        across.contains(&rect.left()) && across.contains(&rect.right()) && rect.bottom() <= size.1 + EDGE;
    if !whole || text.galley.elided {
        cut.push(format!("`{letters}` at {rect:?} in {clip:?}"));
    }
}

#[test]
fn no_text_is_cut_on_any_panel() {
    let place = Workplace::new();
    for size in SIZES {
        let start = window(place.desk(), size);
        assert_eq!(cut(&start, size), Vec::<String>::new(), "start page at {size:?}");
        for scene in ["cart_pole.ron", "door_key_8x8.ron", "pick_place.ron", "mountain_car.ron"] {
            let mut desk = place.with(scene);
            desk.apply(Action::SetDriver("random".into()));
            (0..300).for_each(|_| desk.apply(Action::StepOnce));
            desk.apply(Action::Branch("random".into()));
            (0..5).for_each(|_| desk.apply(Action::StepOnce));
            desk.reward.term = Some(desk.session.as_ref().unwrap().account(0).lines[0].path.clone());
            let mut harness = window(desk, size);
            for (tab, side) in Tab::ALL.into_iter().zip(Side::ALL.into_iter().cycle()) {
                harness.state_mut().apply(Action::ShowTab(tab));
                harness.state_mut().apply(Action::ShowSide(side));
                harness.run_steps(3);
                assert_eq!(cut(&harness, size), Vec::<String>::new(), "{scene} {tab:?} {side:?} at {size:?}");
            }
        }
        let mut desk = place.with_scenario(&scenes().join("scenarios/cart_pole.ron"));
        (0..30).for_each(|_| desk.apply(Action::StepOnce));
        let harness = window(desk, size);
        assert_eq!(cut(&harness, size), Vec::<String>::new(), "scenario at {size:?}");
    }
}
