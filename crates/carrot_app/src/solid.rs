//! Frames as solids: bodies and tiles alike become forms with a place and a colour, whoever draws them.

use carrot_sim::{Camera, Drawing, Shape, Tiles};

use crate::tiles;

/// A form in its own frame, in metres.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// Half extents.
    Cuboid([f32; 3]),
    /// Radius.
    Sphere(f32),
    /// Radius and half length along z.
    Capsule(f32, f32),
    /// Radius and half length along z.
    Cylinder(f32, f32),
    /// Radius and half length along z, the tip up.
    Cone(f32, f32),
    /// Radius of the ring and of its tube, in the xy plane.
    Ring(f32, f32),
    /// Points and width.
    Line(Vec<[f32; 3]>, f32),
}

impl Form {
    /// Half extents of a box around it.
    pub fn half_extents(&self) -> [f32; 3] {
        match self {
            Self::Cuboid(half) => *half,
            Self::Sphere(r) => [*r; 3],
            Self::Capsule(r, half) => [*r, *r, half + r],
            Self::Cylinder(r, half) | Self::Cone(r, half) => [*r, *r, *half],
            Self::Ring(r, tube) => [r + tube, r + tube, *tube],
            Self::Line(..) => [0.0; 3],
        }
    }
}

/// A form, placed and coloured.
#[derive(Debug, Clone, PartialEq)]
pub struct Solid {
    /// Name, stable over an episode.
    pub name: String,
    /// Form.
    pub form: Form,
    /// Position in metres, z up.
    pub position: [f32; 3],
    /// Rotation, x y z w.
    pub rotation: [f32; 4],
    /// Linear RGB and opacity.
    pub color: [f32; 4],
    /// Whether it shines by itself, as goals and lava do.
    pub glows: bool,
}

impl Solid {
    /// A solid without rotation.
    pub fn at(name: impl Into<String>, form: Form, position: [f32; 3], color: [f32; 4]) -> Self {
        Self { name: name.into(), form, position, rotation: [0.0, 0.0, 0.0, 1.0], color, glows: false }
    }

    /// The same solid, turned about z by an angle in radians.
    pub fn turned(mut self, angle: f32) -> Self {
        let (sin, cos) = (angle * 0.5).sin_cos();
        self.rotation = [0.0, 0.0, sin, cos];
        self
    }

    /// The same solid, shining.
    pub fn glowing(mut self) -> Self {
        self.glows = true;
        self
    }

    /// A point of its own frame in the world.
    pub fn place(&self, point: [f32; 3]) -> [f32; 3] {
        let turned = turn(self.rotation, point);
        std::array::from_fn(|axis| turned[axis] + self.position[axis])
    }
}

/// A vector turned by a unit quaternion.
pub fn turn([x, y, z, w]: [f32; 4], v: [f32; 3]) -> [f32; 3] {
    let cross = |a: [f32; 3], b: [f32; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let twice = cross([x, y, z], v).map(|c| 2.0 * c);
    let bent = cross([x, y, z], twice);
    std::array::from_fn(|axis| v[axis] + w * twice[axis] + bent[axis])
}

/// Deeper than 1 makes colours richer: tasks choose theirs for small pictures in flat light.
const DEPTH: f32 = 1.5;

/// Everything that a frame shows, seen from the drawing's focus.
pub fn solids(drawing: &Drawing) -> Vec<Solid> {
    let focus = drawing.focus.unwrap_or_default();
    let tiles = drawing.tiles.iter().flat_map(tiles::solids);
    let bodies = drawing.bodies.iter().map(|body| Solid {
        name: body.name.clone(),
        form: match &body.shape {
            Shape::Cuboid(half) => Form::Cuboid(*half),
            Shape::Sphere(radius) => Form::Sphere(*radius),
            Shape::Capsule(radius, half) => Form::Capsule(*radius, *half),
            Shape::Cylinder(radius, half) => Form::Cylinder(*radius, *half),
            Shape::Line(points, width) => Form::Line(points.clone(), *width),
        },
        position: std::array::from_fn(|axis| body.position[axis] - focus[axis]),
        rotation: body.rotation,
        color: std::array::from_fn(|i| if i < 3 { body.color[i].powf(DEPTH) } else { body.color[i] }),
        glows: false,
    });
    tiles.chain(bodies).collect()
}

/// Half the angle that a task's camera in perspective sees, radians.
pub const HALF_ANGLE: f32 = 0.349_065_85;

/// A box around solids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Lowest corner.
    pub low: [f32; 3],
    /// Highest corner.
    pub high: [f32; 3],
}

impl Default for Bounds {
    /// A unit box.
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Bounds {
    /// The box around all solids; a unit box around nothing.
    pub fn of(solids: &[Solid]) -> Self {
        let mut bounds = Self { low: [f32::INFINITY; 3], high: [f32::NEG_INFINITY; 3] };
        let mut add = |point: [f32; 3]| {
            for axis in 0..3 {
                bounds.low[axis] = bounds.low[axis].min(point[axis]);
                bounds.high[axis] = bounds.high[axis].max(point[axis]);
            }
        };
        for solid in solids {
            if let Form::Line(points, width) = &solid.form {
                for point in points {
                    let placed = solid.place(*point);
                    add(placed.map(|x| x - width));
                    add(placed.map(|x| x + width));
                }
                continue;
            }
            let half = solid.form.half_extents();
            for corner in 0..8 {
                let sign = |axis: usize| if corner >> axis & 1 == 0 { -half[axis] } else { half[axis] };
                add(solid.place([sign(0), sign(1), sign(2)]));
            }
        }
        if bounds.low[0] > bounds.high[0] {
            bounds = Self { low: [-0.5; 3], high: [0.5; 3] };
        }
        bounds
    }

    /// The box around all tiles of a gridworld, with its walls.
    pub fn board(tiles: &Tiles) -> Self {
        let [x, y] = [tiles.width, tiles.height].map(|tiles| 0.5 * tiles as f32);
        Self { low: [-x, -y, -0.06], high: [x, y, 0.6] }
    }

    /// The box around all solids, cut to what a task's camera sees: a course or a table may be far larger.
    pub fn seen(solids: &[Solid], camera: &Camera) -> Self {
        let mut bounds = Self::of(solids);
        let away: f32 = (0..3).map(|axis| (camera.eye[axis] - camera.target[axis]).powi(2)).sum();
        let half = match camera.height {
            Some(height) => [[0.5 * height; 2]; 3],
            None => {
                let half = away.sqrt() * HALF_ANGLE.tan();
                // Only the ground is cut: what stands on it is seen whole.
                [[half; 2], [half; 2], [0.4 * half, f32::INFINITY]]
            }
        };
        for (axis, [below, above]) in half.into_iter().enumerate() {
            let (low, high) = (camera.target[axis] - below, camera.target[axis] + above);
            bounds.low[axis] = bounds.low[axis].clamp(low, high);
            bounds.high[axis] = bounds.high[axis].clamp(low, high);
        }
        bounds
    }

    /// Plates that reach beyond the box, cut to it: neighbours in a wall do not run into each other.
    pub fn crop(&self, solids: &mut [Solid]) {
        for solid in solids.iter_mut().filter(|solid| solid.rotation == [0.0, 0.0, 0.0, 1.0]) {
            let Form::Cuboid(half) = &mut solid.form else { continue };
            for axis in 0..3 {
                let low = (solid.position[axis] - half[axis]).max(self.low[axis]);
                let high = (solid.position[axis] + half[axis]).min(self.high[axis]);
                if low < high {
                    (solid.position[axis], half[axis]) = (0.5 * (low + high), 0.5 * (high - low));
                }
            }
        }
    }

    /// The middle.
    pub fn center(&self) -> [f32; 3] {
        std::array::from_fn(|axis| 0.5 * (self.low[axis] + self.high[axis]))
    }

    /// Lengths of the edges.
    pub fn size(&self) -> [f32; 3] {
        std::array::from_fn(|axis| self.high[axis] - self.low[axis])
    }

    /// Half of the diagonal.
    pub fn radius(&self) -> f32 {
        0.5 * self.size().iter().map(|edge| edge * edge).sum::<f32>().sqrt()
    }

    /// Whether what is inside moves in the xz plane and is best seen from the front.
    pub fn is_upright(&self) -> bool {
        let [x, y, z] = self.size();
        y < 0.45 * x.max(z) && z > 0.12 * x
    }
}

/// Names of what people want to follow, the first that a drawing has.
const FOLLOWED: [&str; 13] = [
    "agent",
    "cart",
    "car",
    "tool",
    "palm",
    "hand",
    "hopper",
    "torso",
    "fingertip",
    "tip",
    "ball",
    "lower_link",
    "rod",
];

/// The place of what moves: the agent, the cart, the tool; without any of them the middle.
pub fn followed(solids: &[Solid]) -> [f32; 3] {
    let found = FOLLOWED.iter().find_map(|name| solids.iter().find(|solid| solid.name.contains(name)));
    found.map_or_else(|| Bounds::of(solids).center(), |solid| solid.position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_cut_to_what_the_camera_sees() {
        let plate = |half: [f32; 3]| Solid::at("table", Form::Cuboid(half), [0.0, 0.0, -0.1], [1.0; 4]);
        let mut solids = [plate([2.0, 2.0, 0.1]), plate([0.1, 0.1, 0.1])];
        let bounds = Bounds::seen(&solids, &Camera::TABLE);
        let [x, y, z] = bounds.size();
        assert!(x < 0.8 && y < 0.8 && z < 0.1 && bounds.high[2] == 0.0, "{bounds:?}");
        bounds.crop(&mut solids);
        assert_eq!(Bounds::of(&solids), bounds);
        assert_eq!(solids[1].form.half_extents()[..2], [0.1, 0.1], "what fits stays");
    }
}
