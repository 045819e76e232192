//! What MiniGrid's numbers in [`Tiles`](crate::Tiles) mean: one table for simulation and drawers.
//!
//! # Source
//! Minigrid 3.2.0 (M. Chevalier-Boisvert and others), `core/constants.py` and `core/world_object.py`.

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
    /// Number of colours.
    pub const COUNT: u8 = 6;

    /// How they are drawn, linear RGB.
    pub const LINEAR: [[f32; 3]; COUNT as usize] = [
        [0.80, 0.04, 0.04],
        [0.05, 0.60, 0.08],
        [0.06, 0.15, 0.80],
        [0.30, 0.05, 0.55],
        [0.85, 0.65, 0.02],
        [0.22, 0.22, 0.24],
    ];
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
