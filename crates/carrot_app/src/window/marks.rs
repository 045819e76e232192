//! The marks of the reward as lines in the world.

use bevy::prelude::*;

use super::camera::to_bevy;
use super::draw::Drawn;
use crate::desk::Desk;
use crate::marks::marks;
use crate::theme::term_color;

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
