//! The trail of what moves, coloured by the reward that each step paid.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::camera::to_bevy;
use super::draw::Drawn;
use crate::desk::Desk;

/// Steps that a trail keeps.
const STEPS: usize = 240;
/// Linear RGB of what was taken, of nothing, and of what was paid.
const COLORS: [Vec3; 3] =
    [Vec3::new(0.86, 0.13, 0.10), Vec3::new(0.55, 0.57, 0.60), Vec3::new(0.10, 0.66, 0.28)];

/// Where the chosen row was, from its origin, and what it was paid there.
#[derive(Default)]
pub(super) struct Trail {
    points: VecDeque<(Vec3, f32)>,
    at: (usize, usize, u64, u32),
}

/// Draws it; a jump in time, another row or a new episode begins it anew.
pub(super) fn draw_trail(
    mut gizmos: Gizmos,
    desk: NonSend<Desk>,
    drawn: Res<Drawn>,
    mut trail: Local<Trail>,
) {
    let (Some(session), Some(at), Some(origin)) = (&desk.session, drawn.followed(), drawn.offset()) else {
        trail.points.clear();
        return;
    };
    let origin = to_bevy(origin);
    let Some(record) = session.record() else { return };
    let env = session.env();
    let (tick, episode) = (session.tick(), record.episode[env]);
    let now = (session.lane(), env, tick, episode);
    if now != trail.at {
        let (lane, row, before, played) = trail.at;
        let goes_on = (lane, row, played) == (now.0, now.1, now.3) && tick > before && tick - before < 16;
        if !goes_on {
            trail.points.clear();
        }
        trail.at = now;
        trail.points.push_back((at - origin, record.total(0, env)));
        let surplus = trail.points.len().saturating_sub(STEPS);
        trail.points.drain(..surplus);
    }
    let most = trail.points.iter().fold(1e-6_f32, |most, (_, reward)| most.max(reward.abs()));
    let line = trail.points.iter().map(|&(point, reward)| (point + origin, color(reward / most)));
    gizmos.linestrip_gradient(line);
}

/// From red over grey to green, -1 to 1.
fn color(share: f32) -> LinearRgba {
    let end = if share < 0.0 { COLORS[0] } else { COLORS[2] };
    let mixed = COLORS[1].lerp(end, share.abs().sqrt());
    LinearRgba::rgb(mixed.x, mixed.y, mixed.z)
}
