//! The tiles of a row, its agent, and what each of MiniGrid's seven actions does to them.
//!
//! # Source
//! Minigrid 3.2.0: `core/grid.py` and `step` in `minigrid_env.py`.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::cell::{Cell, door, object};
use super::tile_bytes;

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

/// The tiles of one row, indexed `[x][y]` with y downwards.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid<const W: usize, const H: usize> {
    /// Cells, `[x][y]`.
    #[serde(with = "tile_bytes")]
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

    /// The cell at a tile, to change it; nothing outside of the grid.
    #[inline]
    pub fn get_mut(&mut self, x: i32, y: i32) -> Option<&mut Cell> {
        self.cells.get_mut(x as usize)?.get_mut(y as usize)
    }
}

/// Where the agent is, which way it faces and what it carries.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
        self.carried.object() != object::EMPTY
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
    match (action, cell.object()) {
        (action::PICKUP, _) if cell.can_pick_up() && !agent.is_carrying() => {
            agent.carried = std::mem::replace(cell, Cell::EMPTY);
        }
        (action::DROP, object::EMPTY) if agent.is_carrying() => {
            *cell = std::mem::replace(&mut agent.carried, Cell::EMPTY);
        }
        (action::TOGGLE, object::BOX) => *cell = cell.unboxed(),
        (action::TOGGLE, object::DOOR) => {
            let state = match cell.state() {
                door::OPEN => door::CLOSED,
                door::LOCKED if agent.carried != Cell::new(object::KEY, cell.color()) => door::LOCKED,
                _ => door::OPEN,
            };
            *cell = Cell::door(cell.color(), state);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::color;
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
        assert_eq!(grid.cells[2][1].state(), door::LOCKED);
        agent.carried = Cell::new(object::KEY, color::RED);
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
