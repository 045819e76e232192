//! Pictures out: a PNG of the window, and a film of an episode with its reward burnt in below.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};
use carrot_lab::LabError;

use super::WorldRect;
use crate::desk::{Desk, Errand};
use crate::film::{Film, encoder};

/// Pictures of a film at most; longer episodes leave steps out.
const MOST_PICTURES: u64 = 150;
/// Height of the reward strip, as a share of the picture's.
const STRIP: f32 = 0.16;
/// Frames to wait after a seek until the window shows it.
const SETTLE: u32 = 2;

pub(super) struct PicturePlugin;

impl Plugin for PicturePlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Shooting>().add_systems(Last, (run_errands, shoot).chain());
    }
}

/// A film that is being made.
#[derive(Resource, Default)]
struct Shooting {
    path: Option<PathBuf>,
    ticks: Vec<u64>,
    rewards: Vec<f32>,
    next: usize,
    settle: u32,
    waits_for_picture: bool,
    film: Option<Film>,
    /// Where the person looked before.
    back_to: u64,
}

fn run_errands(mut commands: Commands, mut desk: NonSendMut<Desk>, mut shooting: ResMut<Shooting>) {
    let errands = std::mem::take(&mut desk.errands);
    for errand in errands {
        match errand {
            Errand::Picture(path) => {
                desk.note(format!("Picture: {}", path.display()));
                commands.spawn(Screenshot::primary_window()).observe(save_to_disk(path));
            }
            Errand::Animation(path) => begin(&mut desk, &mut shooting, path),
            Errand::ResetCamera => desk.errands.push(errand),
        }
    }
}

fn begin(desk: &mut Desk, shooting: &mut Shooting, path: PathBuf) {
    let Some(session) = &mut desk.session else { return };
    session.pause();
    let (env, tick) = (session.env(), session.tick());
    let (from, to) = session.history().episode_span(env, tick);
    let stride = ((to - from) / MOST_PICTURES + 1) as usize;
    let ticks: Vec<u64> = (from..=to).step_by(stride).collect();
    let reward = |tick: &u64| session.history().record(*tick).map_or(0.0, |record| record.total(0, env));
    *shooting = Shooting {
        path: Some(path),
        rewards: ticks.iter().map(reward).collect(),
        ticks,
        back_to: tick,
        ..Shooting::default()
    };
    desk.note("Taking the pictures of this episode");
}

/// One picture after another: seek, wait until it is drawn, keep it.
fn shoot(mut commands: Commands, mut desk: NonSendMut<Desk>, mut shooting: ResMut<Shooting>) {
    if shooting.path.is_none() || shooting.waits_for_picture {
        return;
    }
    let Some(session) = &mut desk.session else {
        *shooting = Shooting::default();
        return;
    };
    if let Some(&tick) = shooting.ticks.get(shooting.next) {
        session.seek(tick);
        shooting.settle += 1;
        if shooting.settle > SETTLE {
            shooting.settle = 0;
            shooting.waits_for_picture = true;
            commands.spawn(Screenshot::primary_window()).observe(keep);
        }
        return;
    }
    session.seek(shooting.back_to);
    if let Some(film) = std::mem::take(&mut *shooting).film {
        desk.note(film.finish().unwrap_or_else(|error| error.to_string()));
    }
}

fn keep(
    captured: On<ScreenshotCaptured>,
    rect: Res<WorldRect>,
    window: Single<&Window>,
    mut desk: NonSendMut<Desk>,
    mut shooting: ResMut<Shooting>,
) {
    shooting.waits_for_picture = false;
    shooting.next += 1;
    let Ok(image) = captured.image.clone().try_into_dynamic() else { return };
    let image = image.to_rgba8();
    let Some(rect) = rect.0 else { return };
    let scale = window.scale_factor();
    let (x, y) = ((rect.left() * scale) as u32, (rect.top() * scale) as u32);
    let width = ((rect.width() * scale) as u32).min(image.width() - x);
    let height = ((rect.height() * scale) as u32).min(image.height() - y);
    let strip = (height as f32 * STRIP) as u32;
    let mut pixels = Vec::with_capacity((width * (height + strip) * 4) as usize);
    for row in y..y + height {
        for column in x..x + width {
            pixels.extend_from_slice(&image.get_pixel(column, row).0);
        }
    }
    pixels.extend(reward_strip(&shooting.rewards, shooting.next, width as usize, strip as usize));
    if let Err(error) = add(&mut shooting, (width as u16, (height + strip) as u16), pixels) {
        desk.note(error.to_string());
        if let Some(session) = &mut desk.session {
            session.seek(shooting.back_to);
        }
        *shooting = Shooting::default();
    }
}

/// Adds a picture to the film, which the first one begins.
fn add(shooting: &mut Shooting, size: (u16, u16), pixels: Vec<u8>) -> Result<(), LabError> {
    if shooting.film.is_none() {
        let path = shooting.path.clone().unwrap_or_default();
        shooting.film = Some(Film::begin(path, size, encoder().as_deref())?);
    }
    shooting.film.as_mut().map_or(Ok(()), |film| film.push(pixels))
}

/// Bars of the rewards of all pictures, those already shown in full colour, above and below a line at zero.
fn reward_strip(rewards: &[f32], shown: usize, width: usize, height: usize) -> Vec<u8> {
    let top = rewards.iter().copied().fold(0.0_f32, f32::max);
    let bottom = rewards.iter().copied().fold(0.0_f32, f32::min);
    let span = (top - bottom).max(1e-6);
    let line = (top / span * (height as f32 - 1.0)) as usize;
    let mut pixels = vec![0; width * height * 4];
    for row in 0..height {
        for column in 0..width {
            let index = column * rewards.len() / width;
            let reward = rewards[index];
            let end = ((top - reward) / span * (height as f32 - 1.0)) as usize;
            let inside = row >= line.min(end) && row <= line.max(end);
            let color: [u8; 4] = match (row == line, inside, index < shown, reward < 0.0) {
                (true, ..) => [150, 150, 150, 255],
                (_, true, true, true) => [224, 79, 69, 255],
                (_, true, true, false) => [47, 179, 116, 255],
                (_, true, false, _) => [70, 76, 86, 255],
                _ => [18, 20, 24, 255],
            };
            pixels[(row * width + column) * 4..][..4].copy_from_slice(&color);
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::reward_strip;

    #[test]
    fn the_strip_shows_sign_and_what_is_still_to_come() {
        let pixels = reward_strip(&[1.0, -1.0, 1.0], 2, 3, 5);
        let at = |column: usize, row: usize| pixels[(row * 3 + column) * 4];
        assert_eq!((at(0, 0), at(0, 4)), (47, 18), "paid: up from the line");
        assert_eq!((at(1, 0), at(1, 4)), (18, 224), "taken: down from it");
        assert_eq!((at(2, 0), at(2, 2)), (70, 150), "to come: grey; the line runs through");
    }
}
