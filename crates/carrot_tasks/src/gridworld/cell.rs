//! What lies on a tile, in one byte, and the three numbers that MiniGrid shows of it.
//!
//! # Source
//! Minigrid 3.2.0 (M. Chevalier-Boisvert and others), `core/constants.py` and `core/world_object.py`.

use bytemuck::{Pod, Zeroable};
pub use carrot_sim::tile::{color, door, object};
use serde::{Deserialize, Serialize};

/// What lies on a tile: `6 * kind + colour`, so that a tile is a byte and all that is known of it one look
/// into a table.
///
/// Kinds are MiniGrid's objects, a door being open; then closed doors, locked doors, and boxes by what they
/// hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Pod, Zeroable)]
#[repr(transparent)]
pub struct Cell(u8);

const CLOSED_DOOR: u8 = 11;
const LOCKED_DOOR: u8 = 12;
/// First of the boxes that hold a key, a ball or an empty box of each colour.
const FULL_BOX: u8 = 13;
const KINDS: u8 = FULL_BOX + 3 * color::COUNT;

/// The agent can stand on it.
const ENTER: u8 = 1;
/// The agent can carry it.
const PICK_UP: u8 = 2;
/// What is behind it can be seen: the highest bit of a word, which is the cheapest to look at.
const CLEAR: u8 = 0x80;

/// Object, colour, state and properties of every byte, from the lowest byte of a word up; a byte that is no cell
/// reads as a wall.
const TABLE: [u32; 256] = {
    let mut table = [u32::from_le_bytes([object::WALL, color::GREY, 0, 0]); 256];
    let mut id = 0;
    while id < KINDS * color::COUNT {
        let (kind, color) = (id / color::COUNT, id % color::COUNT);
        let (object, state, is) = match kind {
            object::WALL => (kind, 0, 0),
            object::EMPTY | object::FLOOR | object::GOAL | object::LAVA => (kind, 0, CLEAR | ENTER),
            object::DOOR => (kind, door::OPEN, CLEAR | ENTER),
            object::KEY | object::BALL | object::BOX => (kind, 0, CLEAR | PICK_UP),
            CLOSED_DOOR => (object::DOOR, door::CLOSED, 0),
            LOCKED_DOOR => (object::DOOR, door::LOCKED, 0),
            FULL_BOX.. => (object::BOX, 0, CLEAR | PICK_UP),
            _ => (kind, 0, CLEAR),
        };
        table[id as usize] = u32::from_le_bytes([object, color, state, is]);
        id += 1;
    }
    table
};

impl Cell {
    /// Nothing.
    pub const EMPTY: Self = Self::new(object::EMPTY, 0);
    /// A wall.
    pub const WALL: Self = Self::new(object::WALL, color::GREY);
    /// The goal.
    pub const GOAL: Self = Self::new(object::GOAL, color::GREEN);
    /// Lava.
    pub const LAVA: Self = Self::new(object::LAVA, color::RED);

    /// A thing of a colour; a door of this sort is open.
    pub const fn new(object: u8, color: u8) -> Self {
        Self(object * color::COUNT + color)
    }

    /// A door.
    pub const fn door(color: u8, state: u8) -> Self {
        let kind = match state {
            door::OPEN => object::DOOR,
            door::CLOSED => CLOSED_DOOR,
            _ => LOCKED_DOOR,
        };
        Self::new(kind, color)
    }

    /// A box that holds a key, a ball or an empty box, or nothing when the thing is anything else.
    pub const fn boxed(color: u8, thing: Self) -> Self {
        let [object, own, _] = thing.code();
        match object {
            object::KEY..=object::BOX => {
                Self::new(FULL_BOX + (object - object::KEY) * color::COUNT + own, color)
            }
            _ => Self::new(object::BOX, color),
        }
    }

    /// What a box holds.
    pub const fn unboxed(self) -> Self {
        let kind = self.0 / color::COUNT;
        if kind < FULL_BOX || kind >= KINDS {
            return Self::EMPTY;
        }
        let held = kind - FULL_BOX;
        Self::new(object::KEY + held / color::COUNT, held % color::COUNT)
    }

    /// The cell that MiniGrid shows as these three numbers; a wall when it shows none so.
    pub const fn from_code([object, color, state]: [u8; 3]) -> Self {
        if object > object::AGENT || color >= color::COUNT {
            return Self::WALL;
        }
        if object == object::DOOR { Self::door(color, state) } else { Self::new(object, color) }
    }

    /// The three numbers that an agent sees, from the lowest byte up, and what holds for the cell in the highest
    /// one; its highest bit is set when what is behind the cell can be seen.
    #[inline]
    pub(super) const fn word(self) -> u32 {
        TABLE[self.0 as usize]
    }

    /// The three numbers that an agent sees.
    #[inline]
    pub const fn code(self) -> [u8; 3] {
        let [object, color, state, _] = self.word().to_le_bytes();
        [object, color, state]
    }

    /// See [`object`].
    #[inline]
    pub const fn object(self) -> u8 {
        self.code()[0]
    }

    /// See [`color`].
    #[inline]
    pub const fn color(self) -> u8 {
        self.code()[1]
    }

    /// See [`door`]; 0 for all else.
    #[inline]
    pub const fn state(self) -> u8 {
        self.code()[2]
    }

    /// True when nothing behind it can be seen.
    #[inline]
    pub const fn is_opaque(self) -> bool {
        self.word() >> 24 & CLEAR as u32 == 0
    }

    /// True when the agent can stand on it.
    #[inline]
    pub const fn can_enter(self) -> bool {
        self.word() >> 24 & ENTER as u32 != 0
    }

    /// True when the agent can carry it.
    #[inline]
    pub const fn can_pick_up(self) -> bool {
        self.word() >> 24 & PICK_UP as u32 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_mini_grid_is_kept() {
        for object in object::UNSEEN..=object::AGENT {
            for color in 0..color::COUNT {
                let states = if object == object::DOOR { 0..3 } else { 0..1 };
                for code in states.map(|state| [object, color, state]) {
                    assert_eq!(Cell::from_code(code).code(), code);
                }
            }
        }
    }

    #[test]
    fn boxes_keep_what_they_hold() {
        for thing in [object::KEY, object::BALL, object::BOX] {
            for (own, other) in (0..color::COUNT).flat_map(|a| (0..color::COUNT).map(move |b| (a, b))) {
                let thing = Cell::new(thing, own);
                let full = Cell::boxed(other, thing);
                assert_eq!((full.unboxed(), full.code()), (thing, [object::BOX, other, 0]));
            }
        }
        assert_eq!(Cell::boxed(color::RED, Cell::EMPTY).unboxed(), Cell::EMPTY);
    }

    #[test]
    fn doors_are_seen_and_walked_through_only_when_open() {
        let properties = |state| {
            let door = Cell::door(color::BLUE, state);
            (door.is_opaque(), door.can_enter())
        };
        assert_eq!(properties(door::OPEN), (false, true));
        assert_eq!(properties(door::CLOSED), (true, false));
        assert_eq!(properties(door::LOCKED), (true, false));
    }
}
