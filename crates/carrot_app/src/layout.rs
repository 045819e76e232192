//! The whole window: which panel stands where, and what is left for the world.

use egui::{Align2, CentralPanel, FontId, Frame, Panel, Rect, RichText, Ui, pos2};

use crate::action::{Action, Side, Tab};
use crate::desk::Desk;
use crate::panels::{
    batch, contributions, episodes, hand, labels, learning, reward, scenario, signals, start, timeline, top,
    training, words,
};
use crate::session::Session;
use crate::theme::{BAD, CARROT, GOOD, number};
use crate::{keys, views};

/// Narrowest and usual width of the right side.
const SIDE: (f32, f32) = (360.0, 420.0);
/// Usual height of the lower part.
const LOWER: f32 = 250.0;

/// Shows everything, does what was asked for, and gives the rectangle that is left for the world; none on the start
/// page, nor while clips are compared.
pub fn show(ui: &mut Ui, desk: &mut Desk) -> Option<Rect> {
    let mut actions = keys::read(ui, desk);
    let is_bare = desk.is_bare && desk.session.is_some();
    if !is_bare {
        Panel::top("top").frame(bar_frame(ui)).show(ui, |ui| top::show(ui, &views::top(desk), &mut actions));
    }
    notices(ui, desk, &mut actions);
    opening(ui, desk, &mut actions);
    let world = match desk.session.take() {
        None => {
            CentralPanel::default().show(ui, |ui| start::show(ui, &desk.start, &mut actions));
            None
        }
        Some(session) => {
            if !is_bare {
                session_panels(ui, desk, &session, &mut actions);
            }
            let rect = match &desk.labels {
                // Clips to compare take the place of the world.
                Some(labels) if desk.side == Side::Labels => {
                    let view = views::labels(labels);
                    CentralPanel::default().show(ui, |ui| labels::clips(ui, &view, &mut actions));
                    None
                }
                _ => Some(world(ui, desk, &session)),
            };
            desk.session = Some(session);
            rect
        }
    };
    key_page(ui, desk, &mut actions);
    actions.into_iter().for_each(|action| desk.apply(action));
    world
}

fn bar_frame(ui: &Ui) -> Frame {
    Frame::side_top_panel(ui.style()).inner_margin(egui::Margin::symmetric(8, 5))
}

fn session_panels(ui: &mut Ui, desk: &mut Desk, session: &Session, actions: &mut Vec<Action>) {
    Panel::right("side").default_size(SIDE.1).min_size(SIDE.0).resizable(true).show(ui, |ui| {
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let offered = |side: &Side| match side {
                Side::Scenario => desk.scenario.is_some(),
                Side::Labels => desk.labels.is_some(),
                Side::Reward | Side::Training | Side::Hand => true,
            };
            for side in Side::ALL.into_iter().filter(offered) {
                if ui.selectable_label(desk.side == side, side.name()).clicked() {
                    actions.push(Action::ShowSide(side));
                }
            }
        });
        ui.separator();
        match desk.side {
            Side::Reward => {
                let view = views::reward(desk, session);
                reward::show(ui, &view, &mut desk.reward, actions);
            }
            Side::Training => training::show(ui, &views::training(desk, session), actions),
            Side::Hand => hand::show(ui, &views::hand(desk, session), actions),
            Side::Scenario => scenario::show(ui, &views::scenario(desk, session), actions),
            Side::Labels => {
                if let Some(own) = &mut desk.labels {
                    labels::show(ui, &views::labels(own), &mut own.note, actions);
                }
            }
        }
    });
    Panel::bottom("lower").default_size(LOWER).min_size(160.0).resizable(true).show(ui, |ui| {
        ui.add_space(3.0);
        timeline::show(ui, &views::timeline(desk, session), &mut desk.timeline, actions);
        ui.horizontal(|ui| {
            let asks = !session.asking().is_empty();
            for tab in Tab::ALL.into_iter().filter(|tab| *tab != Tab::Words || asks) {
                if ui.selectable_label(desk.tab == tab, tab.name()).clicked() {
                    actions.push(Action::ShowTab(tab));
                }
            }
        });
        match desk.tab {
            Tab::Contributions => contributions::show(ui, &views::contributions(desk, session), actions),
            Tab::Signals => signals::show(ui, &views::signals(desk, session), &mut desk.signals, actions),
            Tab::Episodes => episodes::show(ui, &views::episodes(desk, session), actions),
            Tab::Batch => batch::show(ui, &views::batch(session)),
            Tab::Learning => learning::show(ui, &views::learning(desk, session)),
            Tab::Words => {
                if let Some(view) = views::words(desk, session) {
                    words::show(ui, &view, actions);
                }
            }
        }
        // The world keeps its size, whatever is shown below it.
        ui.take_available_space();
    });
}

/// What the panels leave for the world, with a few words over it.
fn world(ui: &Ui, desk: &Desk, session: &Session) -> Rect {
    let rect = ui.available_rect_before_wrap();
    let below = head_up(ui, rect, session);
    if desk.shows_field {
        let none = "floor: no field; it needs a goal in space or tiles, and a step that led here";
        let caption = desk.field.as_ref().map_or(none, |field| field.caption.as_str());
        subtitle(ui, rect, below, caption);
    }
    rect
}

/// What is most worth knowing, written over the world.
/// Gives the height at which it ends.
fn head_up(ui: &Ui, rect: Rect, session: &Session) -> f32 {
    let painter = ui.painter().with_clip_rect(rect);
    let text = ui.visuals().strong_text_color();
    let back = ui.visuals().extreme_bg_color.gamma_multiply(0.72);
    let env = session.env();
    let mut lines = vec![(format!("env {env}"), text)];
    if let Some(record) = session.record() {
        lines.push((format!("reward {}", number(record.total(0, env))), text));
        lines.push((format!("return {:.2}", views::episode_return(session, 0)), text));
        lines.push((format!("score {:.3} (truth)", record.score[env]), text));
        if record.ended(env) {
            let cause = session.task().cause_name(record.cause[env]).replace('_', " ");
            let (word, color) = if record.success[env] { ("success", GOOD) } else { ("ended", BAD) };
            lines.push((format!("{word}: {cause}"), color));
        }
    } else {
        lines.push(("press Space to play".into(), text));
    }
    let font = FontId::proportional(13.0);
    let mut at = rect.left_top() + egui::vec2(12.0, 8.0);
    for (line, color) in lines {
        let galley = painter.layout_no_wrap(line, font.clone(), color);
        let size = galley.size();
        painter.rect_filled(
            Rect::from_min_size(at - egui::vec2(4.0, 1.0), size + egui::vec2(8.0, 2.0)),
            3.0,
            back,
        );
        painter.galley(at, galley, color);
        at.x += size.x + 12.0;
    }
    at.y + 18.0
}

/// A sentence over the world, as wide as there is room.
fn subtitle(ui: &Ui, rect: Rect, top: f32, text: &str) {
    let painter = ui.painter().with_clip_rect(rect);
    let (font, color) = (FontId::proportional(11.5), ui.visuals().strong_text_color());
    let galley = painter.layout(text.to_string(), font, color, rect.width() - 24.0);
    let at = pos2(rect.left() + 12.0, top + 4.0);
    let back = ui.visuals().extreme_bg_color.gamma_multiply(0.72);
    painter.rect_filled(Rect::from_min_size(at, galley.size()).expand2(egui::vec2(4.0, 1.0)), 3.0, back);
    painter.galley(at, galley, color);
}

/// The number of an env over its place in a wall.
pub fn label(painter: &egui::Painter, rect: Rect, at: [f32; 2], env: u32, chosen: bool) {
    let color = if chosen { CARROT } else { painter.ctx().global_style().visuals.text_color() };
    let font = FontId::proportional(if chosen { 14.0 } else { 11.0 });
    painter.with_clip_rect(rect).text(pos2(at[0], at[1]), Align2::CENTER_CENTER, env, font, color);
}

fn notices(ui: &mut Ui, desk: &Desk, actions: &mut Vec<Action>) {
    if desk.notices.is_empty() {
        return;
    }
    Panel::top("notices").show(ui, |ui| {
        for (index, notice) in desk.notices.iter().enumerate() {
            ui.horizontal(|ui| {
                if crate::panels::named(ui.small_button("x"), "Dismiss").clicked() {
                    actions.push(Action::Dismiss(index));
                }
                ui.add(egui::Label::new(RichText::new(notice).color(ui.visuals().warn_fg_color)).wrap());
            });
        }
    });
}

/// How far the scenario on its way is.
fn opening(ui: &mut Ui, desk: &Desk, actions: &mut Vec<Action>) {
    let Some(opening) = &desk.opening else { return };
    Panel::top("opening").show(ui, |ui| {
        ui.horizontal(|ui| {
            let (played, of, name) = opening.progress();
            let file = opening.path().file_name().unwrap_or_default().to_string_lossy();
            let text = match of {
                0 => format!("Reading {file}"),
                _ => format!("Playing rollout {} of {of} of {file}: {name}", played + 1),
            };
            if ui.button("Cancel opening").clicked() {
                actions.push(Action::CancelOpening);
            }
            let share = played as f32 / of.max(1) as f32;
            ui.add(egui::ProgressBar::new(share).desired_width(160.0));
            ui.label(text);
        });
    });
}

/// What every key does, over everything else.
fn key_page(ui: &Ui, desk: &Desk, actions: &mut Vec<Action>) {
    let mut stays = desk.shows_keys;
    let page = egui::Window::new("What every key does").collapsible(false).resizable(false);
    page.open(&mut stays).anchor(Align2::CENTER_CENTER, egui::Vec2::ZERO).show(ui.ctx(), |ui| {
        egui::Grid::new("keys").num_columns(2).striped(true).spacing(egui::vec2(16.0, 3.0)).show(ui, |ui| {
            for (key, what) in keys::HELP {
                ui.monospace(key);
                ui.label(what);
                ui.end_row();
            }
        });
    });
    if stays != desk.shows_keys {
        actions.push(Action::ShowKeys(stays));
    }
}
