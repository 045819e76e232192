//! Laying out a fresh row: walls, things at random places, and the agent, drawn under the row's key.

use bevy_ecs::prelude::*;
use carrot_sim::{KeyedRng, RowKey, Stream};
use serde::{Deserialize, Serialize};

use super::Objective;
use super::cell::{Cell, color, door, object};
use super::grid::{Agent, Grid};

/// The tiles that a task is about.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Landmarks {
    /// Where the task ends: the goal, the door to open or the ball to fetch.
    pub goal: [u8; 2],
    /// The locked door, where there is one.
    pub door: [u8; 2],
    /// The key, where it lies; (0, 0) while it is carried.
    pub key: [u8; 2],
}

impl Landmarks {
    /// No landmark yet.
    pub const NONE: Self = Self { goal: [0; 2], door: [0; 2], key: [0; 2] };

    /// The landmarks of a layout that was made elsewhere.
    pub fn find<const W: usize, const H: usize>(objective: Objective, grid: &Grid<W, H>) -> Self {
        let find = |wanted: &dyn Fn(Cell) -> bool| {
            let mut tiles = (0..W as u8).flat_map(|x| (0..H as u8).map(move |y| [x, y]));
            tiles.find(|&[x, y]| wanted(grid.get(x.into(), y.into()))).unwrap_or_default()
        };
        let door = find(&|cell| cell.object() == object::DOOR && cell.state() == door::LOCKED);
        let goal = match objective {
            Objective::StandOnGoal => find(&|cell| cell.object() == object::GOAL),
            Objective::OpenDoor => door,
            Objective::CarryBall => find(&|cell| cell.object() == object::BALL),
        };
        Self { goal, door, key: find(&|cell| cell.object() == object::KEY) }
    }
}

/// How many layouts there are in all, where a scene says so; otherwise every episode has one of its own.
///
/// The same layouts are drawn under every seed, so that an evaluation has those of its training.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layouts(pub u32);

impl Layouts {
    /// The key under which a row that begins is laid out.
    pub fn key(layouts: Option<Self>, row: RowKey) -> RowKey {
        let Some(Self(count)) = layouts else { return row };
        RowKey { seed: 0, env: 0, episode: row.rng(Stream::Reset).below(count.max(1)) }
    }
}

/// A rectangle of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Leftmost column.
    pub x: u8,
    /// Topmost row.
    pub y: u8,
    /// Columns.
    pub width: u8,
    /// Rows.
    pub height: u8,
}

/// A row that is being laid out.
#[derive(Debug, Clone)]
pub struct Draft<const W: usize, const H: usize> {
    /// Tiles.
    pub grid: Grid<W, H>,
    /// The agent; at (0, 0), where nothing is ever placed, until it is put somewhere.
    pub agent: Agent,
    /// Landmarks.
    pub marks: Landmarks,
    rng: KeyedRng,
}

impl<const W: usize, const H: usize> Draft<W, H> {
    /// All tiles of the grid.
    pub const WHOLE: Area = Area { x: 0, y: 0, width: W as u8, height: H as u8 };

    /// An empty room with walls all around.
    pub fn new(key: RowKey) -> Self {
        let (agent, marks) = (Agent::at(0, 0, 0), Landmarks::NONE);
        Self { grid: Grid::room(), agent, marks, rng: key.rng(Stream::Reset) }
    }

    /// A whole number from `low` to below `high`.
    pub fn within(&mut self, low: u8, high: u8) -> u8 {
        low + self.rng.below(u32::from(high - low)) as u8
    }

    /// A colour; MiniGrid draws from all six.
    pub fn color(&mut self) -> u8 {
        self.within(0, color::COUNT)
    }

    /// The generator of this layout.
    pub fn rng(&mut self) -> &mut KeyedRng {
        &mut self.rng
    }

    /// Sets a tile.
    pub fn set(&mut self, [x, y]: [u8; 2], cell: Cell) {
        self.grid.cells[usize::from(x)][usize::from(y)] = cell;
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, area: Area, cell: Cell) {
        for column in &mut self.grid.cells[usize::from(area.x)..][..usize::from(area.width)] {
            column[usize::from(area.y)..][..usize::from(area.height)].fill(cell);
        }
    }

    /// Draws the outline of a rectangle as walls.
    pub fn wall_around(&mut self, area: Area) {
        let Area { x, y, width, height } = area;
        for side in [Area { width: 1, ..area }, Area { x: x + width - 1, width: 1, ..area }] {
            self.fill(side, Cell::WALL);
        }
        for side in [Area { height: 1, ..area }, Area { y: y + height - 1, height: 1, ..area }] {
            self.fill(side, Cell::WALL);
        }
    }

    /// Puts the goal on a tile.
    pub fn set_goal(&mut self, tile: [u8; 2]) {
        self.set(tile, Cell::GOAL);
        self.marks.goal = tile;
    }

    /// An empty tile of a rectangle on which the agent does not stand, each as likely as any other.
    ///
    /// The rectangle must have such a tile.
    pub fn free_tile(&mut self, area: Area) -> [u8; 2] {
        loop {
            let tile = [self.within(area.x, area.x + area.width), self.within(area.y, area.y + area.height)];
            let empty = self.grid.get(tile[0].into(), tile[1].into()) == Cell::EMPTY;
            if empty && tile != [self.agent.x, self.agent.y] {
                return tile;
            }
        }
    }

    /// Puts a thing on a free tile of a rectangle.
    pub fn place(&mut self, cell: Cell, area: Area) -> [u8; 2] {
        let tile = self.free_tile(area);
        self.set(tile, cell);
        tile
    }

    /// Puts the agent on a free tile of a rectangle, facing anywhere.
    pub fn place_agent(&mut self, area: Area) {
        let [x, y] = self.free_tile(area);
        self.agent = Agent::at(x, y, self.rng.below(4) as u8);
    }

    /// Puts the agent on a free tile of a rectangle, facing an empty tile or a wall.
    pub fn place_agent_unhindered(&mut self, area: Area) {
        loop {
            self.place_agent(area);
            let (x, y) = self.agent.ahead();
            if matches!(self.grid.get(x, y), Cell::EMPTY | Cell::WALL) {
                return;
            }
        }
    }
}
