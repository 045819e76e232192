//! Walking distances to the goal, measured out once per layout.

use std::collections::VecDeque;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::cell::{Cell, object};
use super::grid::{AHEAD, Agent, Grid};
use super::tile_bytes;

/// Tiles to walk from each tile to the goal, through doors, around walls and lava, `[x][y]`; 255 where no way
/// leads.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distances<const W: usize, const H: usize> {
    #[serde(with = "tile_bytes")]
    tiles: [[u8; H]; W],
}

impl<const W: usize, const H: usize> Distances<W, H> {
    /// No way anywhere.
    pub const NONE: Self = Self { tiles: [[u8::MAX; H]; W] };

    /// Distances to a tile.
    pub fn to(goal: [u8; 2], grid: &Grid<W, H>) -> Self {
        let mut tiles = [[u8::MAX; H]; W];
        tiles[usize::from(goal[0])][usize::from(goal[1])] = 0;
        let mut frontier = VecDeque::from([goal]);
        while let Some([x, y]) = frontier.pop_front() {
            let distance = tiles[usize::from(x)][usize::from(y)].saturating_add(1).min(u8::MAX - 1);
            for (dx, dy) in AHEAD {
                let (x, y) = (i32::from(x) + dx, i32::from(y) + dy);
                let cell = grid.get(x, y);
                let passes = cell.can_enter() || cell.object() == object::DOOR;
                let known = tiles.get(x as usize).and_then(|column| column.get(y as usize));
                if !passes || known.is_none_or(|&known| known != u8::MAX) {
                    continue;
                }
                tiles[x as usize][y as usize] = distance;
                // Lava is stepped into, never out of.
                if cell != Cell::LAVA {
                    frontier.push_back([x as u8, y as u8]);
                }
            }
        }
        Self { tiles }
    }

    /// The distance of the agent.
    #[inline]
    pub fn of(&self, agent: &Agent) -> f32 {
        self.tiles[usize::from(agent.x)][usize::from(agent.y)].into()
    }
}
