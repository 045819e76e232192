//! The marks of the reward as lines in the world.

use bevy::prelude::*;

use super::camera::to_bevy;
use super::draw::Drawn;
use crate::desk::Desk;
use crate::marks::marks;
use crate::theme::term_color;

/// Colour of contacts.
const CONTACT: Color = Color::srgb(1.0, 0.84, 0.2);

/// What shines through the bodies that would hide it.
#[derive(Default, Reflect, GizmoConfigGroup)]
pub(super) struct Contacts;

/// Force that draws half of the longest arrow, N.
const MIDDLE_FORCE: f32 = 5.0;

pub(super) fn in_front(mut store: ResMut<GizmoConfigStore>) {
    let (config, _) = store.config_mut::<Contacts>();
    config.depth_bias = -1.0;
    config.line.width = 2.0;
}

/// Draws where bodies press on each other: a dot, and an arrow that grows with the force.
pub(super) fn draw_contacts(mut gizmos: Gizmos<Contacts>, drawn: Res<Drawn>) {
    let Some(offset) = drawn.offset() else { return };
    let place = |point: [f32; 3]| to_bevy(std::array::from_fn(|axis| point[axis] + offset[axis]));
    let longest = 0.18 * drawn.radius();
    for contact in drawn.contacts() {
        let (at, force) = (place(contact.position), to_bevy(contact.force));
        let size = force.length();
        gizmos.sphere(Isometry3d::from_translation(at), 0.006 * drawn.radius(), CONTACT).resolution(8);
        let along = force.normalize_or_zero() * (longest * size / (size + MIDDLE_FORCE));
        gizmos.arrow(at, at + along, CONTACT).with_tip_length(0.25 * along.length());
    }
}

/// Draws shells and arrows of the graph that the reward panel shows.
pub(super) fn draw_marks(mut gizmos: Gizmos, desk: NonSend<Desk>, drawn: Res<Drawn>) {
    let (Some(session), Some(offset)) = (&desk.session, drawn.offset()) else { return };
    let place = |point: [f32; 3]| to_bevy(std::array::from_fn(|axis| point[axis] + offset[axis]));
    for mark in marks(session, desk.reward.graph) {
        let [r, g, b, _] = term_color(mark.place).to_array();
        for (index, &radius) in mark.shells.iter().enumerate() {
            // What lies further out is paid less.
            let color = Color::srgb_u8(r, g, b).with_alpha(if index == 0 { 0.9 } else { 0.35 });
            gizmos.sphere(Isometry3d::from_translation(place(mark.goal)), radius, color).resolution(48);
        }
        if let Some([from, to]) = mark.arrow {
            let (from, to) = (place(from), place(to));
            gizmos.arrow(from, to, Color::srgb_u8(r, g, b)).with_tip_length(0.2 * (to - from).length());
        }
    }
}
