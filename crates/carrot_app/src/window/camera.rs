//! The camera: home shows everything; drag orbits, right drag pans, the wheel zooms, and it may follow what moves.

use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll, MouseScrollUnit};
use bevy::prelude::*;
use bevy_egui::egui;
use bevy_egui::input::EguiWantsInput;
use carrot_sim::Camera;

use super::{WorldCamera, WorldRect};
use crate::solid::{Bounds, HALF_ANGLE};

/// Vertical field of view, radians.
pub(super) const FOV: f32 = 0.6;
/// Lowest view of a home, radians.
const LOWEST: f32 = 0.07;
/// From where tiles are seen: steeply, so that what stands on them has a side.
const TILES: Vec3 = Vec3::new(0.0, 2.3, 1.0);

/// What the camera comes home to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum View {
    /// One env, as its task's camera sees it.
    Env(Camera),
    /// Several, from the same side.
    Wall(Camera),
    /// Tiles, one board or several.
    Tiles,
}

/// Where the camera looks from, about a target in Bevy's axes (y up).
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub(super) struct Orbit {
    /// What is looked at.
    pub(super) target: Vec3,
    /// Metres from it.
    pub(super) distance: f32,
    /// About the vertical, radians; 0 looks from the front.
    pub(super) yaw: f32,
    /// Above the horizon, radians.
    pub(super) pitch: f32,
}

impl Default for Orbit {
    fn default() -> Self {
        Self { target: Vec3::ZERO, distance: 5.0, yaw: 0.0, pitch: 0.3 }
    }
}

impl Orbit {
    /// Where the camera begins: one env as its task wants to be seen, a wall so that all of it is in the picture.
    pub(super) fn home(view: View, bounds: &Bounds, aspect: f32) -> Self {
        let camera = match view {
            View::Env(camera) | View::Wall(camera) => camera,
            View::Tiles => return Self::toward(TILES, bounds.center()).fit(bounds, aspect),
        };
        let away: [f32; 3] = std::array::from_fn(|axis| camera.eye[axis] - camera.target[axis]);
        let orbit = Self::toward(to_bevy(away), camera.target);
        if let View::Wall(_) = view {
            return Self { target: to_bevy(bounds.center()), ..orbit }.fit(bounds, aspect);
        }
        let [width, _, height] = bounds.size();
        // What a task's square camera sees, in a window that is wider: the same height, unless a track fills the
        // width; then the band in which things happen.
        let (seen, target) = match camera.height {
            None => (2.0 * to_bevy(away).length() * HALF_ANGLE.tan(), camera.target),
            Some(square) if bounds.is_upright() && width > 0.8 * square => {
                let band = (1.06 * width.min(square) / aspect).max(1.35 * height).min(square);
                let x = if width < square { bounds.center()[0] } else { camera.target[0] };
                (band, [x, camera.target[1], bounds.center()[2]])
            }
            // Words stand above the world.
            Some(square) => (1.1 * square, camera.target),
        };
        let distance = 0.5 * seen / ((FOV * 0.5).tan() * aspect.min(1.0));
        Self { target: to_bevy(target), distance, ..orbit }
    }

    /// A camera that looks against a direction in Bevy's axes.
    fn toward(away: Vec3, target: [f32; 3]) -> Self {
        let pitch = away.y.atan2(away.x.hypot(away.z));
        let yaw = if away.x.hypot(away.z) > 1e-3 * away.length() { away.x.atan2(away.z) } else { 0.0 };
        // A plane seen exactly from its side has no ground to stand on.
        Self { target: to_bevy(target), distance: away.length(), yaw, pitch: pitch.max(LOWEST) }
    }

    /// As far away as a box needs to be seen whole.
    fn fit(self, bounds: &Bounds, aspect: f32) -> Self {
        let rotation = self.rotation();
        let half = (to_bevy(bounds.high) - to_bevy(bounds.low)).abs() * 0.5;
        let middle = to_bevy(bounds.center()) - self.target;
        let tan = (FOV * 0.5).tan();
        let needs = |corner: u32| {
            let side = |bit: u32| if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
            let seen = rotation.inverse() * (middle + half * Vec3::new(side(0), side(1), side(2)));
            (seen.y.abs() / tan).max(seen.x.abs() / (tan * aspect)) * 1.06 + seen.z
        };
        let distance = (0..8).map(needs).fold(0.05, f32::max);
        Self { distance, ..self }
    }

    fn rotation(&self) -> Quat {
        Quat::from_rotation_y(self.yaw) * Quat::from_rotation_x(-self.pitch)
    }

    fn transform(&self) -> Transform {
        let rotation = self.rotation();
        Transform { translation: self.target + rotation * Vec3::Z * self.distance, rotation, ..default() }
    }
}

/// Carrot's axes (z up) in Bevy's (y up).
pub(super) fn to_bevy([x, y, z]: [f32; 3]) -> Vec3 {
    Vec3::new(x, z, -y)
}

pub(super) struct CameraPlugin;

impl Plugin for CameraPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Orbit>().add_systems(Update, (orbit, place).chain());
    }
}

/// Turns, moves and zooms while the pointer is over the world.
fn orbit(
    buttons: Res<ButtonInput<MouseButton>>,
    motion: Res<AccumulatedMouseMotion>,
    scroll: Res<AccumulatedMouseScroll>,
    window: Single<&Window>,
    rect: Res<WorldRect>,
    egui: Res<EguiWantsInput>,
    mut orbit: ResMut<Orbit>,
    mut held: Local<bool>,
) {
    let over = |rect: &WorldRect| {
        let at = window.cursor_position()?;
        rect.0.map(|rect| rect.contains(egui::pos2(at.x, at.y)))
    };
    let inside = over(&rect).unwrap_or(false) && !egui.is_using_pointer();
    let pressed = buttons.any_pressed([MouseButton::Left, MouseButton::Right, MouseButton::Middle]);
    // A drag that began in a panel does not turn the world, and one that began in the world goes on outside.
    *held = pressed && (*held || (inside && buttons.get_just_pressed().next().is_some()));
    let delta = motion.delta;
    if *held && delta != Vec2::ZERO {
        if buttons.pressed(MouseButton::Left) {
            orbit.yaw -= delta.x * 0.006;
            orbit.pitch = (orbit.pitch + delta.y * 0.006).clamp(-0.2, 1.55);
        } else {
            let height = rect.0.map_or(1.0, |rect| rect.height());
            let per_pixel = 2.0 * orbit.distance * (FOV * 0.5).tan() / height;
            let rotation = orbit.rotation();
            orbit.target += rotation * Vec3::new(-delta.x, delta.y, 0.0) * per_pixel;
        }
    }
    if inside && scroll.delta.y != 0.0 {
        let notches =
            if scroll.unit == MouseScrollUnit::Line { scroll.delta.y } else { scroll.delta.y / 50.0 };
        orbit.distance = (orbit.distance * 0.88_f32.powf(notches)).clamp(0.05, 500.0);
    }
}

pub(super) fn place(orbit: Res<Orbit>, mut camera: Single<&mut Transform, With<WorldCamera>>) {
    if orbit.is_changed() {
        **camera = orbit.transform();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a point of Carrot's world is in the picture.
    fn sees(orbit: &Orbit, aspect: f32, point: [f32; 3]) -> bool {
        let place = orbit.transform();
        let local = place.rotation.inverse() * (to_bevy(point) - place.translation);
        let (tan, depth) = ((FOV * 0.5).tan(), -local.z);
        depth > 0.0 && local.y.abs() <= tan * depth && local.x.abs() <= tan * aspect * depth
    }

    #[test]
    fn home_shows_what_the_task_wants_seen() {
        let track = Bounds { low: [-2.4, -0.1, -0.1], high: [2.4, 0.1, 1.1] };
        let beside = Camera::beside([0.0, 0.0, 0.6], 5.0);
        for aspect in [0.8, 1.0, 1.9] {
            let home = Orbit::home(View::Env(beside), &track, aspect);
            assert!(
                sees(&home, aspect, [-2.4, 0.0, 0.0]) && sees(&home, aspect, [2.4, 0.0, 1.1]),
                "{aspect}"
            );
        }
        let square = Orbit::home(View::Env(beside), &track, 1.0);
        let wide = Orbit::home(View::Env(beside), &track, 1.9);
        assert!(wide.distance < 0.7 * square.distance, "a track fills a wide window");

        let bob = Bounds { low: [-0.1, -0.1, -1.1], high: [0.1, 0.1, 0.1] };
        let home = Orbit::home(View::Env(Camera::beside([0.0; 3], 2.4)), &bob, 1.9);
        assert!(sees(&home, 1.9, [0.0, 0.0, 1.15]), "room for where the pendulum will be");

        let above = Orbit::home(View::Env(Camera::above([0.0; 3], 0.5)), &bob, 1.9);
        assert!(above.pitch > 1.5 && above.yaw == 0.0);
        assert!(sees(&above, 1.9, [0.2, 0.2, 0.0]) && !sees(&above, 1.9, [0.0, 0.3, 0.0]));

        let board = Bounds { low: [-9.0, -4.0, 0.0], high: [9.0, 4.0, 0.6] };
        for view in [View::Tiles, View::Wall(Camera::TABLE), View::Wall(beside)] {
            let home = Orbit::home(view, &board, 1.9);
            for corner in 0..8 {
                let pick =
                    |axis: usize| if corner >> axis & 1 == 0 { board.low[axis] } else { board.high[axis] };
                assert!(sees(&home, 1.9, [pick(0), pick(1), pick(2)]), "{view:?}");
            }
        }
    }
}
