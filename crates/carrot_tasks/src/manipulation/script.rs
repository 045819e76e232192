//! Moves that scripts are made of; each looks at the signals of one row and writes one action.

use carrot_sim::ScriptView;

use super::manipulator::{OPENING, TOP_SPEED};

/// A vector signal.
pub fn vector(view: &ScriptView<'_>, name: &str) -> [f32; 3] {
    std::array::from_fn(|axis| view.axis(name, axis))
}

/// Commands a velocity, m/s, cut to the top speed of each axis.
pub fn move_at(action: &mut [f32], velocity: [f32; 3]) {
    for (slot, velocity) in action.iter_mut().zip(velocity) {
        *slot = (velocity / TOP_SPEED).clamp(-1.0, 1.0);
    }
}

/// Moves by an offset, m: 8 per second, so that a distance of 6 cm is met at top speed.
pub fn move_by(action: &mut [f32], offset: [f32; 3]) {
    move_at(action, offset.map(|d| 8.0 * d));
}

/// Commands the opening of the fingers, m.
pub fn grip(action: &mut [f32], opening: f32) {
    if let Some(slot) = action.get_mut(3) {
        *slot = (2.0 * opening / OPENING - 1.0).clamp(-1.0, 1.0);
    }
}

/// Length of the part of a vector that lies on the table.
pub fn on_table(v: [f32; 3]) -> f32 {
    super::signals::norm([v[0], v[1], 0.0])
}

/// How near a tool has to be above a thing before it goes down, m.
const ABOVE: f32 = 0.012;

/// Goes over a thing with open fingers, down around it, and closes them. `to_thing` leads from the tool to where the
/// fingertips have to be, `clearance` is how far above that nothing is in the way, `width` the thing's, all in m.
///
/// True once the thing is held; the fingers are then told to stay closed, and the rest of the action is free.
pub fn grasp(
    view: &ScriptView<'_>,
    action: &mut [f32],
    to_thing: [f32; 3],
    clearance: f32,
    width: f32,
) -> bool {
    let around = on_table(to_thing) < ABOVE && to_thing[2].abs() < ABOVE;
    let opening = view.get("finger_opening");
    if around && opening < width + 0.003 {
        grip(action, 0.0);
        return true;
    }
    if around {
        // Down there: close, and keep to the middle.
        grip(action, 0.0);
        move_by(action, to_thing);
    } else if on_table(to_thing) < ABOVE {
        grip(action, OPENING);
        move_by(action, to_thing);
    } else {
        grip(action, OPENING);
        let up = to_thing[2] + clearance;
        // Low and not above it: first up, or the fingers push it.
        let across = if up > 0.5 * clearance && on_table(to_thing) < 2.0 * clearance { 0.0 } else { 1.0 };
        move_by(action, [across * to_thing[0], across * to_thing[1], up]);
    }
    false
}
