//! The reward panel, as a function of data.

use carrot_app::action::Action;
use carrot_app::panels::reward::{self, RewardState, RewardView};
use carrot_app::panels::term::template;
use carrot_app::session::RewardEdit;
use carrot_app::{desk::Desk, views};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use crate::Workplace;

struct Shown {
    view: RewardView,
    state: RewardState,
    actions: Vec<Action>,
}

fn panel(desk: &Desk, state: RewardState) -> Harness<'static, Shown> {
    let view = views::reward(desk, desk.session.as_ref().unwrap());
    let shown = Shown { view, state, actions: Vec::new() };
    let mut harness = Harness::builder().with_size(egui::vec2(430.0, 640.0)).build_ui_state(
        |ui, shown: &mut Shown| reward::show(ui, &shown.view, &mut shown.state, &mut shown.actions),
        shown,
    );
    harness.run_steps(3);
    harness
}

#[test]
fn every_term_is_listed_and_nothing_is_unaccounted() {
    let place = Workplace::new();
    let mut desk = place.with("cart_pole.ron");
    desk.apply(Action::StepOnce);
    let harness = panel(&desk, RewardState::default());
    harness.get_by_label("alive");
    harness.get_by_label("Unaccounted: 0");
    harness.get_by_label("sparse (trained on)");
    harness.get_by_label("shaped");
    harness.get_by_label("naive");
}

#[test]
fn a_term_is_switched_off_by_its_box() {
    let place = Workplace::new();
    let mut harness = panel(&place.with("cart_pole.ron"), RewardState::default());
    harness.get_by_label("alive on").click();
    harness.run_steps(2);
    let expected = Action::Switch { graph: 0, path: "alive".into(), on: false };
    assert_eq!(harness.state().actions, [expected]);
}

#[test]
fn a_chosen_term_shows_its_page_and_its_numbers() {
    let place = Workplace::new();
    let mut desk = place.with("cart_pole.ron");
    desk.reward = RewardState { graph: 1, term: Some("upright_potential".into()), ..RewardState::default() };
    let state = desk.reward.clone();
    let harness = panel(&desk, state);
    harness.get_by_label("upright_potential margin");
    assert!(harness.query_by_label_contains("When it misleads").is_some());
}

#[test]
fn every_kind_has_a_template_that_is_understood_or_says_what_it_lacks() {
    let place = Workplace::new();
    let desk = place.with("cart_pole.ron");
    let session = desk.session.as_ref().unwrap();
    for doc in session.setup().kinds.docs() {
        let mut desk = place.with("cart_pole.ron");
        let signal = if doc.name == "Progress" { "pole_angle" } else { "cart_position" };
        desk.apply(Action::Edit(RewardEdit::Add { graph: 0, term: template(doc.name, signal) }, None));
        let terms = desk.session.as_ref().unwrap().account(0).lines.len();
        match doc.name {
            // A model must be offered by the run.
            "Model" => assert!(desk.notices[0].contains("model"), "{:?}", desk.notices),
            _ => assert_eq!((terms, desk.notices.len()), (2, 0), "{}: {:?}", doc.name, desk.notices),
        }
    }
}
