//! Gridworlds as solids: a floor that shows what the agent sees, and things that are told apart at a glance.

use carrot_sim::Tiles;
use carrot_sim::tile::{color, door, object};

use crate::solid::{Form, Solid};

/// Half the width of a tile's plate, so that a seam stays.
const HALF: f32 = 0.48;

const SEEN: [f32; 4] = [0.62, 0.60, 0.46, 1.0];
const UNSEEN: [f32; 4] = [0.16, 0.18, 0.21, 1.0];
const WALL: [f32; 4] = [0.085, 0.10, 0.125, 1.0];
const SEEN_WALL: [f32; 4] = [0.13, 0.15, 0.19, 1.0];
const GOAL: [f32; 4] = [0.06, 0.62, 0.16, 1.0];
const LAVA: [f32; 4] = [0.95, 0.22, 0.02, 1.0];
const AGENT: [f32; 4] = [0.88, 0.10, 0.07, 1.0];

/// All solids of a gridworld: metres are tiles, x to the right, y up the page.
pub fn solids(tiles: &Tiles) -> Vec<Solid> {
    let mut solids = Vec::with_capacity(tiles.cells.len() * 2);
    let outside = outside(tiles);
    for (index, cell) in tiles.cells.iter().enumerate().filter(|(index, _)| !outside[*index]) {
        let seen = tiles.visible.get(index).copied().unwrap_or(false);
        add_tile(*cell, place(tiles, index), seen, index, &mut solids);
    }
    let agent = usize::from(tiles.agent[1]) * tiles.width + usize::from(tiles.agent[0]);
    let [x, y, _] = place(tiles, agent);
    // A cone lying down: its tip shows where the agent looks.
    let quarter = std::f32::consts::FRAC_PI_2;
    let mut pointer = Solid::at("agent", Form::Cone(0.30, 0.36), [x, y, 0.33], AGENT).glowing();
    let heading = -quarter * f32::from(tiles.direction);
    // Tip from z to x, then about z by the heading.
    let (tilt, half) = ((quarter * 0.5).sin_cos(), (heading * 0.5).sin_cos());
    pointer.rotation = [-half.0 * tilt.0, half.1 * tilt.0, half.0 * tilt.1, half.1 * tilt.1];
    solids.push(pointer);
    solids
}

/// Empty tiles that the board's edge leads to without a wall between, as around the rooms of MultiRoom; none where
/// the agent is among them.
fn outside(tiles: &Tiles) -> Vec<bool> {
    let (width, height) = (tiles.width, tiles.height);
    let is_empty = |index: usize| tiles.cells[index][0] == object::EMPTY;
    let on_edge = |index: usize| {
        let (x, y) = (index % width, index / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let mut found = vec![false; tiles.cells.len()];
    let mut open: Vec<usize> = (0..found.len()).filter(|&index| on_edge(index) && is_empty(index)).collect();
    while let Some(index) = open.pop() {
        if std::mem::replace(&mut found[index], true) {
            continue;
        }
        let (x, y) = (index % width, index / width);
        let beside = [
            (x > 0).then(|| index - 1),
            (x + 1 < width).then(|| index + 1),
            (y > 0).then(|| index - width),
            (y + 1 < height).then(|| index + width),
        ];
        open.extend(beside.into_iter().flatten().filter(|&next| is_empty(next) && !found[next]));
    }
    let [x, y] = tiles.agent.map(usize::from);
    if found[y * width + x] { vec![false; found.len()] } else { found }
}

fn place(tiles: &Tiles, index: usize) -> [f32; 3] {
    let (column, row) = (index % tiles.width, index / tiles.width);
    let x = column as f32 + 0.5 - tiles.width as f32 * 0.5;
    let y = tiles.height as f32 * 0.5 - row as f32 - 0.5;
    [x, y, 0.0]
}

fn add_tile(
    [what, color, state]: [u8; 3],
    [x, y, _]: [f32; 3],
    seen: bool,
    index: usize,
    out: &mut Vec<Solid>,
) {
    let [r, g, b] = color::LINEAR[usize::from(color) % color::LINEAR.len()];
    let color = [r, g, b, 1.0];
    let solid = |name: &str, form: Form, height: f32, color: [f32; 4]| {
        Solid::at(format!("{name} {index}"), form, [x, y, height], color)
    };
    if what == object::WALL {
        let shade = if seen { SEEN_WALL } else { WALL };
        out.push(solid("wall", Form::Cuboid([0.5, 0.5, 0.3]), 0.3, shade));
        return;
    }
    let floor = match what {
        object::GOAL => GOAL,
        object::LAVA => LAVA,
        object::FLOOR => color,
        _ if seen => SEEN,
        _ => UNSEEN,
    };
    let plate = solid("tile", Form::Cuboid([HALF, HALF, 0.03]), -0.03, floor);
    out.push(Solid { glows: matches!(what, object::GOAL | object::LAVA), ..plate });
    match what {
        object::DOOR if state == door::OPEN => {
            out.push(solid("door", Form::Cuboid([0.06, 0.48, 0.28]), 0.28, color))
        }
        object::DOOR => {
            let knob = if state == door::LOCKED { [0.02, 0.02, 0.02, 1.0] } else { [0.8, 0.8, 0.8, 1.0] };
            out.push(solid("door", Form::Cuboid([0.46, 0.46, 0.26]), 0.26, color));
            out.push(solid("knob", Form::Sphere(0.11), 0.55, knob));
        }
        object::KEY => {
            let mut shaft = solid("shaft", Form::Cuboid([0.18, 0.045, 0.045]), 0.1, color);
            shaft.position[0] += 0.3;
            out.extend([solid("key", Form::Ring(0.15, 0.05), 0.1, color), shaft]);
        }
        object::BALL => out.push(solid("ball", Form::Sphere(0.3), 0.3, color)),
        object::BOX => {
            let dark = color.map(|c| c * 0.6);
            out.push(solid("box", Form::Cuboid([0.28, 0.28, 0.28]), 0.28, color));
            out.push(solid("lid", Form::Cuboid([0.30, 0.30, 0.05]), 0.58, [dark[0], dark[1], dark[2], 1.0]));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solid::turn;

    #[test]
    fn the_agent_points_where_it_looks() {
        // Right, down, left, up; y goes up the page.
        for (direction, ahead) in [(0, [1.0, 0.0]), (1, [0.0, -1.0]), (2, [-1.0, 0.0]), (3, [0.0, 1.0])] {
            let tiles = Tiles {
                width: 1,
                height: 1,
                cells: vec![[object::EMPTY, 0, 0]],
                agent: [0, 0],
                direction,
                visible: vec![true],
            };
            let agent = solids(&tiles).into_iter().find(|solid| solid.name == "agent");
            let tip = agent.map(|agent| turn(agent.rotation, [0.0, 0.0, 1.0])).unwrap_or_default();
            assert!(
                (tip[0] - ahead[0]).abs() < 1e-5 && (tip[1] - ahead[1]).abs() < 1e-5,
                "{direction}: {tip:?}"
            );
        }
    }

    #[test]
    fn what_lies_around_the_rooms_is_left_out() {
        let row = |what: [u8; 5]| what.map(|what| [what, 0, 0]);
        let (e, w) = (object::EMPTY, object::WALL);
        let cells: Vec<[u8; 3]> = [row([e, w, w, w, e]), row([e, w, e, w, e]), row([e, w, w, w, e])].concat();
        let board =
            |agent| Tiles { width: 5, height: 3, cells: cells.clone(), agent, direction: 0, visible: vec![] };
        let left_out = outside(&board([2, 1])).into_iter().filter(|outside| *outside).count();
        assert_eq!(left_out, 6);
        assert!(!outside(&board([0, 0])).contains(&true), "where the agent can walk is no outside");
    }

    #[test]
    fn every_thing_has_a_form_of_its_own() {
        let count = |cell| {
            let mut out = Vec::new();
            add_tile(cell, [0.0; 3], true, 0, &mut out);
            out.iter().map(|solid| format!("{:?}{:?}", solid.form, solid.color)).collect::<Vec<_>>()
        };
        let things = [
            [object::EMPTY, 0, 0],
            [object::WALL, 5, 0],
            [object::DOOR, 4, door::OPEN],
            [object::DOOR, 4, door::CLOSED],
            [object::DOOR, 4, door::LOCKED],
            [object::KEY, 4, 0],
            [object::BALL, 4, 0],
            [object::BOX, 4, 0],
            [object::GOAL, 1, 0],
            [object::LAVA, 0, 0],
        ];
        for (i, a) in things.iter().enumerate() {
            for b in &things[..i] {
                assert_ne!(count(*a), count(*b), "{a:?} {b:?}");
            }
        }
    }
}
