//! Cells, doors, things to carry, and what each of MiniGrid's seven actions does to them.
//!
//! # Source
//! Minigrid 3.2.0 (M. Chevalier-Boisvert and others), `core/grid.py`, `core/world_object.py` and
//! `minigrid_env.py`.

use bevy_ecs::prelude::*;
use bytemuck::{Pod, Zeroable};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// MiniGrid's numbers for what lies on a tile.
pub mod object {
    /// Not seen.
    pub const UNSEEN: u8 = 0;
    /// Nothing.
    pub const EMPTY: u8 = 1;
    /// A wall.
    pub const WALL: u8 = 2;
    /// A coloured floor.
    pub const FLOOR: u8 = 3;
    /// A door.
    pub const DOOR: u8 = 4;
    /// A key.
    pub const KEY: u8 = 5;
    /// A ball.
    pub const BALL: u8 = 6;
    /// A box, which may hold a thing.
    pub const BOX: u8 = 7;
    /// The goal.
    pub const GOAL: u8 = 8;
    /// Lava.
    pub const LAVA: u8 = 9;
    /// The agent; never stored in a grid.
    pub const AGENT: u8 = 10;
}

/// MiniGrid's numbers for colours.
pub mod color {
    /// Red.
    pub const RED: u8 = 0;
    /// Green, also the goal's.
    pub const GREEN: u8 = 1;
    /// Blue.
    pub const BLUE: u8 = 2;
    /// Purple.
    pub const PURPLE: u8 = 3;
    /// Yellow.
    pub const YELLOW: u8 = 4;
    /// Grey, also a wall's.
    pub const GREY: u8 = 5;
}

/// MiniGrid's numbers for the state of a door.
pub mod door {
    /// Open.
    pub const OPEN: u8 = 0;
    /// Closed.
    pub const CLOSED: u8 = 1;
    /// Locked.
    pub const LOCKED: u8 = 2;
}

/// MiniGrid's actions.
pub mod action {
    /// Turn left.
    pub const LEFT: u8 = 0;
    /// Turn right.
    pub const RIGHT: u8 = 1;
    /// One tile ahead.
    pub const FORWARD: u8 = 2;
    /// Pick up what lies ahead.
    pub const PICKUP: u8 = 3;
    /// Drop what is carried.
    pub const DROP: u8 = 4;
    /// Open or close what lies ahead.
    pub const TOGGLE: u8 = 5;
    /// Nothing.
    pub const WAIT: u8 = 6;
    /// Names as MiniGrid has them.
    pub const NAMES: [&str; 7] = ["left", "right", "forward", "pickup", "drop", "toggle", "done"];
}

/// One step ahead in each direction: right, down, left, up.
pub const AHEAD: [(i32, i32); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// What lies on a tile, in MiniGrid's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Pod, Zeroable)]
#[repr(C)]
pub struct Cell {
    /// See [`object`].
    pub object: u8,
    /// See [`color`].
    pub color: u8,
    /// See [`door`]; 0 for all else.
    pub state: u8,
    /// What a box holds: 0 for nothing, else `1 + 6 * object + color`.
    pub contents: u8,
}

impl Cell {
    /// Nothing.
    pub const EMPTY: Self = Self::new(object::EMPTY, 0);
    /// A wall.
    pub const WALL: Self = Self::new(object::WALL, color::GREY);
    /// The goal.
    pub const GOAL: Self = Self::new(object::GOAL, color::GREEN);
    /// Lava.
    pub const LAVA: Self = Self::new(object::LAVA, color::RED);

    /// A thing of a colour.
    pub const fn new(object: u8, color: u8) -> Self {
        Self { object, color, state: 0, contents: 0 }
    }

    /// A door.
    pub const fn door(color: u8, state: u8) -> Self {
        Self { state, ..Self::new(object::DOOR, color) }
    }

    /// A box that holds a thing without a state, or nothing when the thing is [`Self::EMPTY`].
    pub const fn boxed(color: u8, thing: Self) -> Self {
        let contents = if thing.object == object::EMPTY { 0 } else { 1 + 6 * thing.object + thing.color };
        Self { contents, ..Self::new(object::BOX, color) }
    }

    /// What a box holds.
    pub const fn unboxed(self) -> Self {
        match self.contents {
            0 => Self::EMPTY,
            n => Self::new((n - 1) / 6, (n - 1) % 6),
        }
    }

    /// The three numbers that an agent sees.
    #[inline]
    pub const fn code(self) -> [u8; 3] {
        [self.object, self.color, self.state]
    }

    /// True when nothing behind it can be seen.
    #[inline]
    pub const fn is_opaque(self) -> bool {
        self.object == object::WALL || (self.object == object::DOOR && self.state != door::OPEN)
    }

    /// True when the agent can stand on it.
    #[inline]
    pub const fn can_enter(self) -> bool {
        matches!(self.object, object::EMPTY | object::FLOOR | object::GOAL | object::LAVA)
            || (self.object == object::DOOR && self.state == door::OPEN)
    }

    /// True when the agent can carry it.
    pub const fn can_pick_up(self) -> bool {
        matches!(self.object, object::KEY | object::BALL | object::BOX)
    }
}

/// The tiles of one row, indexed `[x][y]` with y downwards.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid<const W: usize, const H: usize> {
    /// Cells, `[x][y]`.
    pub cells: [[Cell; H]; W],
}

impl<const W: usize, const H: usize> Grid<W, H> {
    /// An empty room with walls all around.
    pub const fn room() -> Self {
        let mut cells = [[Cell::EMPTY; H]; W];
        let mut x = 0;
        while x < W {
            (cells[x][0], cells[x][H - 1]) = (Cell::WALL, Cell::WALL);
            x += 1;
        }
        (cells[0], cells[W - 1]) = ([Cell::WALL; H], [Cell::WALL; H]);
        Self { cells }
    }

    /// The cell at a tile; outside of the grid there are walls.
    #[inline]
    pub fn get(&self, x: i32, y: i32) -> Cell {
        self.cells.get(x as usize).and_then(|column| column.get(y as usize)).copied().unwrap_or(Cell::WALL)
    }

    fn get_mut(&mut self, x: i32, y: i32) -> Option<&mut Cell> {
        self.cells.get_mut(x as usize)?.get_mut(y as usize)
    }
}

impl<const W: usize, const H: usize> Serialize for Grid<W, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytemuck::cast_slice(self.cells.as_flattened()))
    }
}

impl<'de, const W: usize, const H: usize> Deserialize<'de> for Grid<W, H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes<const W: usize, const H: usize>;
        impl<const W: usize, const H: usize> Visitor<'_> for Bytes<W, H> {
            type Value = Grid<W, H>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{} bytes of grid cells", 4 * W * H)
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Grid<W, H>, E> {
                let mut grid = Grid { cells: [[Cell::EMPTY; H]; W] };
                if bytes.len() != 4 * W * H {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                bytemuck::cast_slice_mut(grid.cells.as_flattened_mut()).copy_from_slice(bytes);
                Ok(grid)
            }
        }
        deserializer.deserialize_bytes(Bytes).map_err(D::Error::custom)
    }
}

/// Where the agent is, which way it faces and what it carries.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Column, from the left.
    pub x: u8,
    /// Row, from the top.
    pub y: u8,
    /// Index into [`AHEAD`].
    pub direction: u8,
    /// The carried thing, or [`Cell::EMPTY`].
    pub carried: Cell,
}

impl Agent {
    /// An agent with empty hands.
    pub const fn at(x: u8, y: u8, direction: u8) -> Self {
        Self { x, y, direction, carried: Cell::EMPTY }
    }

    /// The tile ahead.
    #[inline]
    pub fn ahead(&self) -> (i32, i32) {
        let (dx, dy) = AHEAD[usize::from(self.direction & 3)];
        (i32::from(self.x) + dx, i32::from(self.y) + dy)
    }

    /// True when the hands are full.
    pub const fn is_carrying(&self) -> bool {
        self.carried.object != object::EMPTY
    }
}

/// One of the seven actions; an unknown one does nothing. Whether the step ends the episode shows in what
/// the agent then stands on.
#[inline]
pub fn act<const W: usize, const H: usize>(grid: &mut Grid<W, H>, agent: &mut Agent, action: u8) {
    match action {
        action::LEFT => agent.direction = (agent.direction + 3) & 3,
        action::RIGHT => agent.direction = (agent.direction + 1) & 3,
        action::FORWARD => {
            let (x, y) = agent.ahead();
            if grid.get(x, y).can_enter() {
                (agent.x, agent.y) = (x as u8, y as u8);
            }
        }
        action::PICKUP | action::DROP | action::TOGGLE => handle(grid, agent, action),
        _ => {}
    }
}

/// The three actions that change the tile ahead.
fn handle<const W: usize, const H: usize>(grid: &mut Grid<W, H>, agent: &mut Agent, action: u8) {
    let (x, y) = agent.ahead();
    let Some(cell) = grid.get_mut(x, y) else { return };
    match (action, cell.object) {
        (action::PICKUP, _) if cell.can_pick_up() && !agent.is_carrying() => {
            agent.carried = std::mem::replace(cell, Cell::EMPTY);
        }
        (action::DROP, object::EMPTY) if agent.is_carrying() => {
            *cell = std::mem::replace(&mut agent.carried, Cell::EMPTY);
        }
        (action::TOGGLE, object::BOX) => *cell = cell.unboxed(),
        (action::TOGGLE, object::DOOR) => {
            let has_key = agent.carried.object == object::KEY && agent.carried.color == cell.color;
            cell.state = match cell.state {
                door::OPEN => door::CLOSED,
                door::LOCKED if !has_key => door::LOCKED,
                _ => door::OPEN,
            };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_keeps_its_thing_until_it_is_opened() {
        let key = Cell::new(object::KEY, color::YELLOW);
        let mut grid = Grid::<5, 5>::room();
        let mut agent = Agent::at(1, 1, 0);
        grid.cells[2][1] = Cell::boxed(color::PURPLE, key);
        act(&mut grid, &mut agent, action::PICKUP);
        act(&mut grid, &mut agent, action::FORWARD);
        assert_eq!((agent.x, grid.cells[2][1]), (2, Cell::EMPTY));
        act(&mut grid, &mut agent, action::DROP);
        act(&mut grid, &mut agent, action::TOGGLE);
        assert_eq!(grid.cells[3][1], key);
        act(&mut grid, &mut agent, action::TOGGLE);
        act(&mut grid, &mut agent, action::PICKUP);
        assert_eq!(agent.carried, key);
    }

    #[test]
    fn only_the_right_key_unlocks_a_door() {
        let mut grid = Grid::<5, 5>::room();
        grid.cells[2][1] = Cell::door(color::RED, door::LOCKED);
        let mut agent = Agent { carried: Cell::new(object::KEY, color::BLUE), ..Agent::at(1, 1, 0) };
        act(&mut grid, &mut agent, action::TOGGLE);
        assert_eq!(grid.cells[2][1].state, door::LOCKED);
        agent.carried.color = color::RED;
        act(&mut grid, &mut agent, action::TOGGLE);
        act(&mut grid, &mut agent, action::FORWARD);
        assert_eq!((agent.x, agent.is_carrying()), (2, true));
    }

    #[test]
    fn the_edge_of_a_grid_is_a_wall() {
        let mut grid = Grid::<3, 3> { cells: [[Cell::EMPTY; 3]; 3] };
        let mut agent = Agent::at(0, 0, 2);
        for action in 2..7 {
            act(&mut grid, &mut agent, action);
        }
        assert_eq!(agent, Agent::at(0, 0, 2));
        assert_eq!(grid.get(-1, 0), Cell::WALL);
        assert_eq!(grid.get(0, 3), Cell::WALL);
    }
}
