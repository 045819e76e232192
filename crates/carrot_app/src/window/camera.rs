//! The camera: home shows everything; drag orbits, right drag pans, the wheel zooms, and it may follow what moves.

use bevy::input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll, MouseScrollUnit};
use bevy::prelude::*;
use bevy_egui::input::EguiWantsInput;

use super::{WorldCamera, WorldRect};
use crate::solid::Bounds;

/// Vertical field of view, radians.
pub(super) const FOV: f32 = 0.6;

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
    /// The view that shows a box of the world whole, from where it is best seen.
    pub(super) fn home(bounds: &Bounds, is_flat: bool, aspect: f32) -> Self {
        let (yaw, pitch) = match (is_flat, bounds.is_upright()) {
            (true, _) => (0.0, 1.12),
            (_, true) => (0.0, 0.10),
            _ => (0.55, 0.52),
        };
        let mut orbit = Self { target: to_bevy(bounds.center()), distance: 1.0, yaw, pitch };
        let (right, up) = (orbit.rotation() * Vec3::X, orbit.rotation() * Vec3::Y);
        let toward = orbit.rotation() * Vec3::Z;
        let half = (to_bevy(bounds.high) - to_bevy(bounds.low)).abs() * 0.5;
        let reach = |axis: Vec3| (axis.abs() * half).element_sum();
        let tan = (FOV * 0.5).tan();
        orbit.distance = (reach(up) / tan).max(reach(right) / (tan * aspect)) * 1.12 + reach(toward);
        orbit
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
        rect.0.map(|rect| rect.contains(bevy_egui::egui::pos2(at.x, at.y)))
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
