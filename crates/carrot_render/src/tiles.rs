//! How the tiles of a gridworld look: MiniGrid's objects, colours and doors.
//!
//! A tile is one metre; x goes to the right, y downwards, so that row r lies at y = -r.

use carrot_sim::Tiles;
use carrot_sim::tile::{color, door, object};
use glam::Affine3A;

use crate::mesh::Mesh;
use crate::scene::{Instances, placed, turned};

const FLOOR: [f32; 3] = [0.035, 0.037, 0.045];
const SEEN_FLOOR: [f32; 3] = [0.11, 0.115, 0.135];
const WALLS: [f32; 3] = [0.22, 0.22, 0.24];
const HOT: [f32; 3] = [0.90, 0.22, 0.01];
const AGENT: [f32; 3] = [0.90, 0.10, 0.10];
/// Half of a tile's visible floor: what is left over is the grid's lines.
const HALF: f32 = 0.47;

/// Heights of the layers over each other.
const THING: f32 = 0.2;
const DETAIL: f32 = 0.3;
const TOP: f32 = 0.5;

/// Adds the floor, what lies on it, and the agent.
pub(crate) fn draw_tiles(instances: &mut Instances, tiles: &Tiles, tile: u32) {
    for (index, cell) in tiles.cells.iter().enumerate() {
        let at = [(index % tiles.width) as f32, -((index / tiles.width) as f32)];
        let is_seen = tiles.visible.get(index).copied().unwrap_or(false);
        let mut sketch = Sketch { instances, at, tile };
        // What fills its tile hides the floor.
        if !matches!(cell[0], object::WALL | object::GOAL | object::LAVA) {
            sketch.plate([HALF, HALF], [0.0; 2], 0.0, if is_seen { SEEN_FLOOR } else { FLOOR });
        }
        sketch.thing(*cell);
    }
    let [x, y] = tiles.agent;
    let at = [f32::from(x), -f32::from(y)];
    // Directions go by the clock on the screen: right, down, left, up.
    let pose = turned([0.36, 0.3, 1.0], 4 - (tiles.direction & 3), [at[0], at[1], TOP]);
    instances.push(Mesh::Triangle, pose, opaque(AGENT), tile);
}

fn opaque([r, g, b]: [f32; 3]) -> [f32; 4] {
    [r, g, b, 1.0]
}

/// One tile on which is drawn.
struct Sketch<'a> {
    instances: &'a mut Instances,
    at: [f32; 2],
    tile: u32,
}

impl Sketch<'_> {
    fn add(&mut self, mesh: Mesh, pose: impl FnOnce([f32; 2]) -> Affine3A, color: [f32; 3]) {
        self.instances.push(mesh, pose(self.at), opaque(color), self.tile);
    }

    /// A rectangle, its middle off the tile's by so much.
    fn plate(&mut self, half: [f32; 2], off: [f32; 2], height: f32, color: [f32; 3]) {
        let scale = [half[0], half[1], 1.0];
        self.add(Mesh::Square, |at| placed(scale, [at[0] + off[0], at[1] + off[1], height]), color);
    }

    fn disc(&mut self, radius: f32, off: [f32; 2], height: f32, color: [f32; 3]) {
        let scale = [radius, radius, 1.0];
        self.add(Mesh::Disc, |at| placed(scale, [at[0] + off[0], at[1] + off[1], height]), color);
    }

    fn thing(&mut self, [what, color, state]: [u8; 3]) {
        let color = color::LINEAR[usize::from(color).min(color::LINEAR.len() - 1)];
        match what {
            object::WALL => self.plate([0.5, 0.5], [0.0; 2], THING, WALLS),
            object::FLOOR => self.plate([HALF, HALF], [0.0; 2], 0.05, color.map(|x| 0.5 * x)),
            object::DOOR => self.door(color, state),
            object::KEY => self.key(color),
            object::BALL => self.add(Mesh::Sphere, |at| placed([0.3; 3], [at[0], at[1], THING]), color),
            object::BOX => self.chest(color),
            object::GOAL => self.plate([HALF, HALF], [0.0; 2], THING, color),
            object::LAVA => self.lava(),
            _ => {}
        }
    }

    fn door(&mut self, color: [f32; 3], state: u8) {
        let dark = color.map(|x| 0.25 * x);
        if state == door::OPEN {
            // Open: the leaf stands at the side.
            self.plate([0.06, HALF], [-0.4, 0.0], THING, color);
            return;
        }
        self.plate([HALF, HALF], [0.0; 2], THING, color);
        self.plate(
            [0.36, 0.36],
            [0.0; 2],
            0.25,
            if state == door::LOCKED { color.map(|x| 0.6 * x) } else { dark },
        );
        self.disc(0.08, [0.22, 0.0], DETAIL, color);
        if state == door::LOCKED {
            // Locked: a keyhole.
            self.disc(0.12, [0.0, 0.06], DETAIL, [0.0; 3]);
            self.plate([0.05, 0.14], [0.0, -0.1], DETAIL, [0.0; 3]);
        }
    }

    fn key(&mut self, color: [f32; 3]) {
        self.disc(0.17, [0.0, 0.2], THING, color);
        self.disc(0.08, [0.0, 0.2], DETAIL, FLOOR);
        self.plate([0.05, 0.25], [0.0, -0.14], THING, color);
        self.plate([0.08, 0.04], [0.12, -0.32], THING, color);
        self.plate([0.06, 0.04], [0.1, -0.2], THING, color);
    }

    fn chest(&mut self, color: [f32; 3]) {
        self.plate([0.34, 0.34], [0.0; 2], THING, color);
        self.plate([0.26, 0.26], [0.0; 2], 0.25, FLOOR);
        self.plate([0.26, 0.04], [0.0; 2], DETAIL, color);
    }

    fn lava(&mut self) {
        self.plate([HALF, HALF], [0.0; 2], THING, HOT);
        for off in [-0.2, 0.0, 0.2] {
            self.plate([0.3, 0.03], [0.0, off], 0.25, [0.25, 0.03, 0.0]);
        }
    }
}
