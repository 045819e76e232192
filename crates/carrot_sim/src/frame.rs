//! Frames: what a drawer needs to know about one row at one step, whatever the source.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

/// A primitive in metres, in its own frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// Half extents.
    Cuboid([f32; 3]),
    /// Radius.
    Sphere(f32),
    /// Radius and half length along local z.
    Capsule(f32, f32),
    /// Radius and half length along local z.
    Cylinder(f32, f32),
    /// A polyline of points, with its width.
    Line(Vec<[f32; 3]>, f32),
}

/// A drawn body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Name, stable over an episode.
    pub name: String,
    /// Form.
    pub shape: Shape,
    /// Position in metres, z up.
    pub position: [f32; 3],
    /// Rotation, x y z w.
    pub rotation: [f32; 4],
    /// Linear RGB and opacity.
    pub color: [f32; 4],
}

impl Body {
    /// A body without rotation.
    pub fn at(name: &str, shape: Shape, position: [f32; 3], color: [f32; 4]) -> Self {
        Self { name: name.into(), shape, position, rotation: [0.0, 0.0, 0.0, 1.0], color }
    }

    /// The same body turned about the y axis by an angle in radians.
    pub fn turned_about_y(mut self, angle: f32) -> Self {
        // Drawing only: no number of the simulation depends on it.
        let (sin, cos) = (f64::from(angle) * 0.5).sin_cos();
        self.rotation = [0.0, sin as f32, 0.0, cos as f32];
        self
    }
}

/// Tiles of a gridworld, row-major from the top.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tiles {
    /// Width in tiles.
    pub width: usize,
    /// Height in tiles.
    pub height: usize,
    /// (object, colour, state) per tile, in MiniGrid's numbers: [`tile`](crate::tile).
    pub cells: Vec<[u8; 3]>,
    /// Tile of the agent.
    pub agent: [u8; 2],
    /// Direction of the agent: 0 right, 1 down, 2 left, 3 up.
    pub direction: u8,
    /// True for tiles that the agent sees.
    pub visible: Vec<bool>,
}

/// From where a task is looked at. Tiles need none: they are seen from straight above.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// Where it is, in metres.
    pub eye: [f32; 3],
    /// What is in the middle of the picture.
    pub target: [f32; 3],
    /// The height that a camera without perspective sees, in metres; `None` sees in perspective, 40 degrees.
    pub height: Option<f32>,
}

impl Camera {
    /// Sees a plane of x and z from the side, without perspective.
    pub const fn beside(target: [f32; 3], height: f32) -> Self {
        let [x, y, z] = target;
        Self { eye: [x, y - 2.0 * height, z], target, height: Some(height) }
    }

    /// Sees a plane of x and y from above, without perspective.
    pub const fn above(target: [f32; 3], height: f32) -> Self {
        let [x, y, z] = target;
        Self { eye: [x, y, z + 2.0 * height], target, height: Some(height) }
    }

    /// The camera at a drawing's focus.
    pub fn at(self, drawing: &Drawing) -> Self {
        let focus = drawing.focus.unwrap_or_default();
        let moved = |point: [f32; 3]| std::array::from_fn(|axis| point[axis] + focus[axis]);
        Self { eye: moved(self.eye), target: moved(self.target), ..self }
    }

    /// Sees the middle of a table and what a hand does there.
    pub const TABLE: Self = Self { eye: [0.62, -0.5, 0.6], target: [0.07, 0.04, 0.09], height: None };
}

/// A point at which two bodies press on each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Where, in metres.
    pub position: [f32; 3],
    /// What one of them gets there, in newtons; the other gets the opposite.
    pub force: [f32; 3],
}

/// A row's picture as data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// Bodies in the world.
    pub bodies: Vec<Body>,
    /// Tiles, for gridworlds.
    pub tiles: Option<Tiles>,
    /// Where bodies touch, for tasks with contacts.
    pub contacts: Vec<Contact>,
    /// What the camera goes along with, in metres: its eye and target are as far from there as it says. One without it
    /// stands still.
    pub focus: Option<[f32; 3]>,
}

impl Drawing {
    /// A picture of bodies alone.
    pub fn of(bodies: Vec<Body>) -> Self {
        Self { bodies, ..Self::default() }
    }
}

/// One watched row at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Global env id.
    pub env: u32,
    /// Episode of that env.
    pub episode: u32,
    /// Steps taken in that episode.
    pub step: u32,
    /// What to draw.
    pub drawing: Drawing,
    /// Signals of s′, one number per column.
    pub signals: Vec<f32>,
    /// Terminated in this step.
    pub terminated: bool,
    /// Truncated in this step.
    pub truncated: bool,
    /// Truth at this step.
    pub success: bool,
    /// Truth at this step, 0 to 1.
    pub score: f32,
    /// Raw reward columns of this step.
    pub raw: Vec<f32>,
}

/// Which steps of an episode are looked at, counted from its first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookRule {
    /// Every so many steps, and the last one; 0 for the last one alone.
    pub every: u32,
}

impl LookRule {
    /// Whether a step is looked at.
    pub fn takes(self, step: u32, ended: bool) -> bool {
        ended || (self.every > 0 && step.is_multiple_of(self.every))
    }
}

/// What was drawn of one row at one step, for those who score pictures when the rollout is finalised.
#[derive(Debug, Clone)]
pub struct Look {
    /// Step of the rollout.
    pub t: u32,
    /// Row of the batch.
    pub row: u32,
    /// Episode of that row.
    pub episode: u32,
    /// Steps taken in the episode.
    pub step: u32,
    /// The last of its episode.
    pub ended: bool,
    /// What was drawn at s′, before any reset.
    pub drawing: Drawing,
}

/// How the task draws a row.
#[derive(Resource, Clone, Copy)]
pub(crate) struct DrawRow(pub(crate) fn(&World, usize) -> Drawing);

/// Rows whose frames are kept, and the frames of the last step.
#[derive(Resource, Debug, Clone, Default)]
pub(crate) struct Watch {
    pub(crate) rows: Vec<usize>,
    pub(crate) frames: Vec<Frame>,
}

/// Rules by which all rows are looked at, and what was drawn in the last step.
#[derive(Resource, Debug, Clone, Default)]
pub(crate) struct Looks {
    pub(crate) rules: Vec<LookRule>,
    pub(crate) taken: Vec<Look>,
}

/// Draws the rows whose turn it is, before any reset.
pub(crate) fn take_looks(world: &mut World) {
    use crate::{Ends, Episode, StepCount};
    let rules = std::mem::take(&mut world.resource_mut::<Looks>().rules);
    if rules.is_empty() {
        return;
    }
    let mut counts = world.query::<(&Episode, &StepCount)>();
    let counts: Vec<(u32, u32)> = counts.iter(world).map(|(episode, step)| (episode.0, step.0)).collect();
    let mut taken = Vec::new();
    for (row, (episode, step)) in counts.into_iter().enumerate() {
        let ends = world.resource::<Ends>();
        let ended = ends.terminated[row] || ends.truncated[row];
        if rules.iter().any(|rule| rule.takes(step, ended)) {
            taken.push(Look { t: 0, row: row as u32, episode, step, ended, drawing: draw(world, row) });
        }
    }
    *world.resource_mut::<Looks>() = Looks { rules, taken };
}

pub(crate) fn draw(world: &World, row: usize) -> Drawing {
    world.get_resource::<DrawRow>().copied().map_or_else(Drawing::default, |draw| draw.0(world, row))
}

/// Keeps a frame of every watched row, before any reset.
pub(crate) fn record_frames(world: &mut World) {
    let rows = world.resource::<Watch>().rows.clone();
    if rows.is_empty() {
        return;
    }
    let frames = rows.into_iter().map(|row| draw_row(world, row)).collect();
    world.resource_mut::<Watch>().frames = frames;
}

pub(crate) fn draw_row(world: &mut World, row: usize) -> Frame {
    use crate::{Ends, EnvId, Episode, RawColumns, Signals, StepCount};
    let key =
        world.query::<(&EnvId, &Episode, &StepCount)>().iter(world).nth(row).map(|(a, b, c)| (a.0, b.0, c.0));
    let (env, episode, step) = key.unwrap_or_default();
    let drawing = draw(world, row);
    let ends = world.resource::<Ends>();
    let raw = world.resource::<RawColumns>();
    Frame {
        env,
        episode,
        step,
        drawing,
        signals: world.resource::<Signals>().row_measured(row),
        terminated: ends.terminated[row],
        truncated: ends.truncated[row],
        success: ends.success[row],
        score: ends.score[row],
        raw: (0..raw.count()).map(|c| raw.get(c)[row]).collect(),
    }
}
