//! The tour: scripted keys through every panel, one task of each family, a numbered picture at each stop. The gallery
//! is a short one: every scene, without panels.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, KeyboardInput};
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy::window::PrimaryWindow;

use crate::action::{Action, Side};
use crate::desk::Desk;
use crate::session::RewardEdit;
use crate::session::training::{Stand, Training};

/// Colours that a picture must have at least; fewer are an empty window.
const COLORS: usize = 24;
/// Frames at the start until pipelines are ready.
const WARM_UP: u32 = 8;

pub(super) struct TourPlugin {
    pub(super) folder: PathBuf,
    pub(super) way: Way,
}

/// What is visited.
pub(super) enum Way {
    /// A scene or a scenario of each family, and with an image-text model one that asks it.
    Families(Option<String>),
    /// Every scene, without panels.
    Gallery,
    /// One scene; whether its trainings ask people, and whether its reward asks about pictures.
    Scene(PathBuf, [bool; 2]),
    /// One scenario.
    Scenario(PathBuf),
}

impl Plugin for TourPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Tour::new(self.folder.clone(), &self.way)).add_systems(PreUpdate, walk);
    }
}

/// One moment of the tour.
enum Beat {
    /// A key is pressed and let go, as a person does.
    Press(KeyCode, Key),
    /// Something that takes a pointer.
    Do(Action),
    /// Some frames pass.
    Wait(u32),
    /// Frames pass until the scenario on its way is there.
    Opened,
    /// Frames pass until the training of the window took some updates.
    Trained(usize),
    /// Frames pass until a pair of clips can be compared.
    Asked,
    /// A picture.
    Shot(&'static str),
    /// A look at every scene of the start page.
    EveryScene,
}

#[derive(Resource)]
struct Tour {
    folder: PathBuf,
    beats: VecDeque<Beat>,
    wait: u32,
    release: Option<(KeyCode, Key)>,
    shots: u32,
    waits_for_picture: bool,
}

fn key(letter: &str, code: KeyCode) -> Beat {
    Beat::Press(code, Key::Character(letter.into()))
}

impl Tour {
    fn new(folder: PathBuf, way: &Way) -> Self {
        let mut beats = VecDeque::from([Beat::Wait(WARM_UP)]);
        match way {
            Way::Families(model) => {
                beats.extend(Self::families());
                let asks = model.as_ref().map(|model| scene_that_asks(model, &folder));
                beats.extend(asks.into_iter().flatten().flat_map(|scene| words(&scene)));
            }
            Way::Gallery => beats.extend([Beat::Press(KeyCode::F5, Key::F5), Beat::EveryScene]),
            Way::Scene(path, [people, pictures]) => {
                beats.extend(stops(path, false));
                beats.extend(pictures.then(|| words(path)).into_iter().flatten());
                beats.extend(people.then(|| labels(path)).into_iter().flatten());
            }
            Way::Scenario(path) => beats.extend(scenario(path, 0)),
        }
        Self { folder, beats, wait: 0, release: None, shots: 0, waits_for_picture: false }
    }

    fn families() -> Vec<Beat> {
        let mut beats = vec![Beat::Shot("start")];
        beats.extend(stops(Path::new("scenes/pick_place.ron"), false));
        beats.extend(stops(Path::new("scenes/door_key_8x8.ron"), false));
        beats.extend(stops(Path::new("scenes/cart_pole.ron"), true));
        beats.extend(scenario(Path::new("scenes/scenarios/cart_pole.ron"), 7));
        beats.extend(labels(Path::new("scenes/cart_pole_labelled.ron")));
        beats.extend([
            Beat::Press(KeyCode::F9, Key::F9),
            Beat::Wait(6),
            Beat::Shot("light"),
            Beat::Press(KeyCode::Escape, Key::Escape),
            Beat::Wait(6),
            Beat::Shot("start_light"),
        ]);
        beats
    }
}

/// A rollout of a scenario while it is decided.
fn scenario(file: &Path, rollout: usize) -> Vec<Beat> {
    let play = || Beat::Press(KeyCode::Space, Key::Space);
    let open = Beat::Do(Action::OpenScenario(file.into()));
    let watch = [Action::WatchRollout(rollout), Action::SetSpeed(0.5)].map(Beat::Do);
    let rest = [Beat::Wait(4), play(), Beat::Wait(14), play(), Beat::Wait(4), Beat::Shot("scenario")];
    [open, Beat::Opened].into_iter().chain(watch).chain(rest).collect()
}

/// A training that asks people: clips, answers, and the next clips.
fn labels(scene: &Path) -> Vec<Beat> {
    let says = |code, key| [Beat::Asked, Beat::Press(code, key), Beat::Wait(2)];
    let mut beats = vec![
        Beat::Do(Action::OpenScene(scene.into())),
        Beat::Wait(2),
        Beat::Do(Action::StartTraining),
        Beat::Asked,
        Beat::Press(KeyCode::F4, Key::F4),
    ];
    beats.extend(says(KeyCode::ArrowLeft, Key::ArrowLeft));
    beats.extend(says(KeyCode::ArrowRight, Key::ArrowRight));
    beats.extend([Beat::Asked, Beat::Wait(12), Beat::Shot("labels"), Beat::Do(Action::StopTraining)]);
    beats.push(Beat::Press(KeyCode::F6, Key::F6));
    beats
}

/// A scene that asks a model about pictures, in a folder; none where it cannot be written.
fn scene_that_asks(model: &str, folder: &Path) -> Option<PathBuf> {
    let goal = "goal: \"the pole stands upright\", baseline: \"a cart and a pole\"";
    let text = format!(
        "(version: 1, task: \"CartPole-v1\", batch: (num_envs: 16, num_steps: 64), reward: [
            (name: \"upright\", kind: Vlm({goal}, model: \"{model}\")),
        ])"
    );
    let scene = folder.join("words.ron");
    std::fs::write(&scene, text).ok().map(|()| scene)
}

/// A reward that asks an image-text model: its picture, its answers, the truth.
fn words(scene: &Path) -> Vec<Beat> {
    let mut beats = glance(scene.into(), key("6", KeyCode::Digit6));
    beats.extend([Beat::Wait(4), Beat::Shot("words")]);
    beats
}

/// A scene after some steps, then one more beat.
fn glance(scene: PathBuf, then: Beat) -> Vec<Beat> {
    let play = || Beat::Press(KeyCode::Space, Key::Space);
    let (open, speed) = (Beat::Do(Action::OpenScene(scene)), Beat::Do(Action::SetSpeed(4.0)));
    vec![open, speed, Beat::Wait(4), play(), Beat::Wait(12), play(), Beat::Wait(3), then]
}

/// Every panel on one scene.
fn stops(scene: &Path, at_length: bool) -> Vec<Beat> {
    let play = || Beat::Press(KeyCode::Space, Key::Space);
    let tab = |number: &str, code| key(number, code);
    let mut beats = vec![
        Beat::Do(Action::OpenScene(scene.into())),
        Beat::Do(Action::SetSpeed(4.0)),
        tab("1", KeyCode::Digit1),
        Beat::Wait(6),
        play(),
        Beat::Wait(12),
        play(),
        Beat::Wait(3),
        Beat::Shot("contributions"),
        key("g", KeyCode::KeyG),
        tab("2", KeyCode::Digit2),
        Beat::Wait(4),
        Beat::Shot("field_and_signals"),
        key("g", KeyCode::KeyG),
        key("w", KeyCode::KeyW),
        Beat::Do(Action::SetDriver("random".into())),
        play(),
        Beat::Wait(14),
        play(),
        tab("4", KeyCode::Digit4),
        Beat::Wait(4),
        Beat::Shot("wall_and_batch"),
        tab("3", KeyCode::Digit3),
        Beat::Wait(3),
        Beat::Shot("return_and_truth"),
        key("w", KeyCode::KeyW),
        Beat::Wait(3),
    ];
    if at_length {
        let weight = RewardEdit::Set { graph: 0, path: "alive.weight".into(), value: "0.5".into() };
        beats.extend([
            tab("1", KeyCode::Digit1),
            Beat::Do(Action::GoLive),
            Beat::Do(Action::SetDriver("expert".into())),
            Beat::Do(Action::Edit(weight, None)),
            play(),
            Beat::Wait(12),
            play(),
            Beat::Wait(3),
            Beat::Shot("edited"),
            Beat::Press(KeyCode::ArrowLeft, Key::ArrowLeft),
            Beat::Press(KeyCode::ArrowLeft, Key::ArrowLeft),
            Beat::Do(Action::Branch("random".into())),
            play(),
            Beat::Wait(10),
            play(),
            Beat::Wait(3),
            Beat::Shot("branch"),
            Beat::Do(Action::CloseBranch),
            Beat::Do(Action::ShowSide(Side::Training)),
            tab("5", KeyCode::Digit5),
            Beat::Do(Action::StartTraining),
            Beat::Trained(4),
            Beat::Wait(3),
            Beat::Shot("training"),
            Beat::Do(Action::StopTraining),
        ]);
    }
    beats.extend([
        Beat::Press(KeyCode::F8, Key::F8),
        key("h", KeyCode::KeyH),
        Beat::Wait(3),
        Beat::Press(KeyCode::ArrowUp, Key::ArrowUp),
        Beat::Press(KeyCode::ArrowRight, Key::ArrowRight),
        Beat::Wait(3),
        Beat::Shot("by_hand"),
        key("h", KeyCode::KeyH),
        Beat::Press(KeyCode::F6, Key::F6),
    ]);
    beats
}

fn walk(
    mut commands: Commands,
    mut tour: ResMut<Tour>,
    mut desk: NonSendMut<Desk>,
    mut keys: MessageWriter<KeyboardInput>,
    mut exit: MessageWriter<AppExit>,
    window: Single<Entity, With<PrimaryWindow>>,
) {
    let mut input = |key_code: KeyCode, logical_key: Key, state: ButtonState| {
        let text = match &logical_key {
            Key::Character(text) if state == ButtonState::Pressed => Some(text.clone()),
            _ => None,
        };
        keys.write(KeyboardInput { key_code, logical_key, state, text, repeat: false, window: *window });
    };
    if let Some((code, key)) = tour.release.take() {
        input(code, key, ButtonState::Released);
        return;
    }
    if tour.waits_for_picture {
        return;
    }
    if tour.wait > 0 {
        tour.wait -= 1;
        return;
    }
    match tour.beats.pop_front() {
        None => {
            exit.write(AppExit::Success);
        }
        Some(Beat::Wait(frames)) => tour.wait = frames,
        Some(Beat::EveryScene) => {
            let scenes = desk.start.scenes.iter().map(|scene| scene.path.clone());
            tour.beats.extend(scenes.flat_map(|scene| glance(scene, Beat::Shot("scene"))));
        }
        Some(Beat::Do(action)) => desk.apply(action),
        Some(Beat::Opened) if desk.opening.is_some() => tour.beats.push_front(Beat::Opened),
        Some(Beat::Opened) => {}
        Some(Beat::Asked) => {
            let is_seen = desk.labels.as_ref().is_some_and(|labels| labels.clips().is_some());
            if !is_seen && desk.is_training() {
                tour.beats.push_front(Beat::Asked);
            }
        }
        Some(Beat::Trained(updates)) => {
            let training = desk.training.as_ref();
            let waits =
                |training: &Training| training.rows().len() < updates && *training.stand() == Stand::Running;
            if training.is_some_and(waits) {
                tour.beats.push_front(Beat::Trained(updates));
            }
        }
        Some(Beat::Press(code, key)) => {
            input(code, key.clone(), ButtonState::Pressed);
            tour.release = Some((code, key));
        }
        Some(Beat::Shot(name)) => {
            tour.shots += 1;
            tour.waits_for_picture = true;
            let task = desk.session.as_ref().map_or("", |session| session.task().name);
            let file =
                format!("{:02}_{}{}{name}.png", tour.shots, task, if task.is_empty() { "" } else { "_" });
            let path = tour.folder.join(file.to_lowercase());
            commands.spawn(Screenshot::primary_window()).observe(
                move |shot: On<ScreenshotCaptured>,
                      mut tour: ResMut<Tour>,
                      mut exit: MessageWriter<AppExit>| {
                    tour.waits_for_picture = false;
                    if let Err(why) = keep(&shot.image, &path) {
                        error!("{}: {why}", path.display());
                        exit.write(AppExit::error());
                    }
                },
            );
        }
    }
}

/// Writes a picture, unless nothing is on it.
fn keep(image: &Image, path: &Path) -> Result<(), String> {
    let image = image.clone().try_into_dynamic().map_err(|error| error.to_string())?.to_rgb8();
    let colors: BTreeSet<[u8; 3]> = image.pixels().step_by(7).map(|pixel| pixel.0).collect();
    if colors.len() < COLORS {
        return Err(format!("the picture is empty: {} colours", colors.len()));
    }
    image.save(path).map_err(|error| error.to_string())
}
