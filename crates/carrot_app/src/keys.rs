//! Keys: every action that matters is one key away.

use carrot_lab::preference::Says;
use egui::{Event, Key, Modifiers, Ui};

use crate::action::{Action, Side, Tab};
use crate::desk::Desk;

/// Keys without a hand on the wheel, and what they do.
pub const HELP: [(&str, &str); 18] = [
    ("Space", "play or pause"),
    ("Left, Right", "one step back, one step on"),
    ("Home, End", "oldest kept step, newest step"),
    ("[ ]", "env before, env after"),
    ("1 to 6", "contributions, signals, return and truth, batch, learning curves, words and pictures"),
    ("F6 F7 F8 F10 F4", "reward, training, by hand, scenario, labels"),
    ("Left, Right, =, S, U", "in labels: which clip is better, neither, skip, take it back"),
    ("- +", "slower, faster"),
    ("W", "one env, or a wall of them"),
    ("H, Ctrl+K", "take the wheel, or let go; keep the last episode"),
    ("F, C", "follow, camera home"),
    ("G", "the reward as a field on the floor"),
    ("Ctrl+Z, Ctrl+Shift+Z", "undo, redo"),
    ("Ctrl+S", "save the scene"),
    ("F5", "the panels away, or back"),
    ("F9, F11, F12", "dark or light, film, picture"),
    ("F1", "this page"),
    ("Esc", "start page"),
];

/// What the keys of this frame ask for; none while text is typed.
pub fn read(ui: &Ui, desk: &Desk) -> Vec<Action> {
    if ui.ctx().egui_wants_keyboard_input() {
        return Vec::new();
    }
    let mut actions = Vec::new();
    let pressed = |key: Key| ui.input(|input| input.key_pressed(key) && input.modifiers.is_none());
    let chord = |modifiers: Modifiers, key: Key| ui.input_mut(|input| input.consume_key(modifiers, key));
    if pressed(Key::F5) {
        actions.push(Action::HidePanels(!desk.is_bare));
    }
    if pressed(Key::F1) {
        actions.push(Action::ShowKeys(!desk.shows_keys));
    }
    if pressed(Key::F9) {
        actions.push(Action::SetDark(!desk.dark));
    }
    if pressed(Key::F12) {
        actions.push(Action::SavePicture);
    }
    let Some(session) = &desk.session else { return actions };
    if chord(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z) {
        actions.push(Action::Redo);
    } else if chord(Modifiers::COMMAND, Key::Z) {
        actions.push(Action::Undo);
    } else if chord(Modifiers::COMMAND, Key::S) {
        actions.push(Action::Save);
    } else if chord(Modifiers::COMMAND, Key::K) {
        actions.push(Action::KeepEpisode);
    }
    let by_hand = session.hand().is_some();
    let compares = desk.side == Side::Labels && desk.labels.is_some();
    if compares {
        compare(ui, &mut actions);
    } else if by_hand {
        drive(ui, desk, &mut actions);
    } else {
        let numbers = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6];
        let tabs = numbers.into_iter().zip(Tab::ALL).filter(|(key, _)| pressed(*key));
        actions.extend(tabs.map(|(_, tab)| Action::ShowTab(tab)));
        let others = [
            (Key::ArrowLeft, Action::StepBack),
            (Key::ArrowRight, Action::StepOnce),
            (Key::F, Action::Follow(!desk.follow)),
            (Key::G, Action::ShowField(!desk.shows_field)),
            (Key::C, Action::ResetCamera),
            (Key::W, Action::SetWall(if session.wall() > 1 { 1 } else { session.live().rows().min(16) })),
        ];
        actions.extend(others.into_iter().filter(|(key, _)| pressed(*key)).map(|(_, action)| action));
    }
    let sides = [Key::F6, Key::F7, Key::F8, Key::F10, Key::F4]
        .into_iter()
        .zip(Side::ALL)
        .filter(|(key, _)| pressed(*key));
    actions.extend(sides.map(|(_, side)| Action::ShowSide(side)));
    let always = [
        (Key::Space, Action::TogglePlay),
        (Key::Home, Action::Seek(session.history().first())),
        (Key::End, Action::GoLive),
        (Key::OpenBracket, Action::SelectEnv(session.env().saturating_sub(1))),
        (Key::CloseBracket, Action::SelectEnv(session.env() + 1)),
        (Key::Minus, Action::SetSpeed(session.speed() * 0.5)),
        (Key::Plus, Action::SetSpeed(session.speed() * 2.0)),
        (Key::H, Action::TakeWheel(!by_hand)),
        (Key::F11, Action::SaveAnimation),
        (Key::Escape, Action::GoHome),
    ];
    actions.extend(always.into_iter().filter(|(key, _)| pressed(*key)).map(|(_, action)| action));
    if !compares && pressed(Key::Equals) {
        actions.push(Action::SetSpeed(session.speed() * 2.0));
    }
    actions
}

/// Keys as answers: one for each time a key goes down, however long it is held.
fn compare(ui: &Ui, actions: &mut Vec<Action>) {
    let says = |key: Key| match key {
        Key::ArrowLeft => Some(Action::Label(Says::Left)),
        Key::ArrowRight => Some(Action::Label(Says::Right)),
        Key::Equals | Key::E => Some(Action::Label(Says::Equal)),
        Key::S => Some(Action::Label(Says::Skip)),
        Key::U => Some(Action::UndoLabel),
        _ => None,
    };
    let went_down = |event: &Event| match event {
        Event::Key { key, pressed: true, repeat: false, modifiers, .. } if modifiers.is_none() => says(*key),
        _ => None,
    };
    ui.input(|input| actions.extend(input.events.iter().filter_map(went_down)));
}

/// Keys as actions. A task of turns takes a step per key while time stands; all others act while keys are held.
fn drive(ui: &Ui, desk: &Desk, actions: &mut Vec<Action>) {
    let Some(session) = &desk.session else { return };
    if desk.hand.is_turn_based && !session.is_playing() {
        let pressed = desk.hand.action(|key| ui.input(|input| input.key_pressed(key)));
        if let Some(action) = pressed {
            actions.extend([Action::Steer(action), Action::StepOnce]);
        }
        return;
    }
    let held = desk.hand.action(|key| ui.input(|input| input.key_down(key)));
    let any_released = desk.hand.bindings().iter().any(|b| ui.input(|input| input.key_released(b.key)));
    match held {
        Some(action) => actions.push(Action::Steer(action)),
        None if any_released => actions.push(Action::Steer(desk.hand.idle().to_vec())),
        None => {}
    }
}
