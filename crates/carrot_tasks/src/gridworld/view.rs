//! What the agent sees: the square ahead of it, turned upright, with what walls and doors hide left out.
//!
//! # Source
//! Minigrid 3.2.0: `gen_obs_grid`, `Grid.slice`, `Grid.rotate_left` and `Grid.process_vis`.

use super::cell::Cell;
use super::grid::{AHEAD, Agent, Grid};

/// Tiles on a side of the view; the agent stands in the middle of its last row.
pub const VIEW: usize = 7;
/// Bytes of one encoded view, `[VIEW][VIEW][3]`.
pub const VIEW_BYTES: usize = VIEW * VIEW * 3;

const AGENT_I: usize = VIEW / 2;
const AGENT_J: usize = VIEW - 1;
/// A row of the view that is seen from side to side.
const WHOLE_ROW: u32 = (1 << VIEW) - 1;

/// The grid tile of view tile (i, j): i to the agent's right, j towards the agent.
fn tile(agent: &Agent, i: usize, j: usize) -> (i32, i32) {
    let (dx, dy) = AHEAD[usize::from(agent.direction & 3)];
    let (ahead, right) = ((AGENT_J - j) as i32, i as i32 - AGENT_I as i32);
    (i32::from(agent.x) + dx * ahead - dy * right, i32::from(agent.y) + dy * ahead + dx * right)
}

/// Where the tiles of a view lie in the cells of a grid: view tile (i, j) is cell `right[i] + ahead[j]`, or
/// outside when that is `W * H` or more.
///
/// Right of the agent and ahead of it are different axes of the grid, whichever way it faces, so the sum is
/// the same in all four directions and no tile needs a branch.
struct Offsets {
    right: [usize; VIEW],
    ahead: [usize; VIEW],
}

impl Offsets {
    #[inline(always)]
    fn new<const W: usize, const H: usize>(agent: &Agent) -> Self {
        let (x, y) = (i32::from(agent.x), i32::from(agent.y));
        let (along_x, back) = (agent.direction & 1 == 0, agent.direction & 2 != 0);
        let forth = if back { -1 } else { 1 };
        // Facing right or left, what lies ahead is a matter of columns and what lies beside of rows.
        let (column, row) = ((x, W as u32, H), (y, H as u32, 1));
        let (ahead, right) = if along_x { (column, row) } else { (row, column) };
        let sideways = if along_x { forth } else { -forth };
        Self {
            right: Self::line(right, right.0 - AGENT_I as i32 * sideways, sideways),
            ahead: Self::line(ahead, ahead.0 + AGENT_J as i32 * forth, -forth),
        }
    }

    /// Seven tiles along an axis of so many tiles, each so many cells from the next.
    #[inline(always)]
    fn line((_, tiles, stride): (i32, u32, usize), first: i32, step: i32) -> [usize; VIEW] {
        std::array::from_fn(|k| {
            let at = first + step * k as i32;
            if (at as u32) < tiles { at as usize * stride } else { OUTSIDE }
        })
    }
}

/// More than any grid has cells.
const OUTSIDE: usize = 1 << 20;

/// Encodes the view as MiniGrid's `image`.
///
/// # Shapes
/// `[7, 7, 3]`: i to the agent's right, j towards the agent, then object, colour, state.
#[inline]
pub fn encode<const W: usize, const H: usize>(
    grid: &Grid<W, H>,
    agent: &Agent,
    see_through: bool,
    image: &mut [u8; VIEW_BYTES],
) {
    let (cells, offsets) = (grid.cells.as_flattened(), Offsets::new::<W, H>(agent));
    // In the order of the image: i, then j.
    let mut codes = [0_u32; VIEW * VIEW];
    let mut seen = if see_through { WHOLE_ROW } else { 1 << AGENT_I };
    for j in (0..VIEW).rev() {
        // Most views end at a wall: nothing of the rows behind it is seen.
        if seen == 0 {
            break;
        }
        let (mut words, mut clear) = ([0_u32; VIEW], 0);
        for i in (0..VIEW).rev() {
            let at = offsets.right[i] + offsets.ahead[j];
            // Both sides of the choice are cheap and which one holds is hard to foresee: no branch.
            let inside = cells[at.min(W * H - 1)].word();
            words[i] = if at < W * H { inside } else { Cell::WALL.word() };
            clear = clear << 1 | words[i] >> 31;
        }
        let (row, next) = if see_through { (WHOLE_ROW, WHOLE_ROW) } else { spread(seen, clear) };
        let visible = &SEEN[row as usize];
        for i in 0..VIEW {
            codes[i * VIEW + j] = words[i] & visible[i];
        }
        seen = next;
    }
    // The agent never sees what it stands on, but what it holds.
    codes[AGENT_I * VIEW + AGENT_J] = agent.carried.word() & CODE;
    pack(&codes, image);
}

/// The three bytes of a word that an agent sees.
const CODE: u32 = 0x00FF_FFFF;

/// For each mask of a row [`CODE`] where a tile is seen, else 0.
const SEEN: [[u32; VIEW]; 1 << VIEW] = {
    let mut seen = [[0; VIEW]; 1 << VIEW];
    let mut at = 0;
    while at < seen.len() * VIEW {
        let (row, i) = (at / VIEW, at % VIEW);
        seen[row][i] = if row >> i & 1 == 1 { CODE } else { 0 };
        at += 1;
    }
    seen
};

/// Writes three bytes of each code. Two codes go in one store of eight bytes, whose last two the next store
/// overwrites.
#[inline(always)]
fn pack(codes: &[u32; VIEW * VIEW], image: &mut [u8; VIEW_BYTES]) {
    let (pairs, last) = codes.as_chunks::<2>();
    for (k, &[a, b]) in pairs.iter().enumerate() {
        if let Some(eight) = image[6 * k..].first_chunk_mut() {
            *eight = (u64::from(a) | u64::from(b) << 24).to_le_bytes();
        }
    }
    for (three, code) in image[6 * pairs.len()..].iter_mut().zip(last.iter().flat_map(|c| c.to_le_bytes())) {
        *three = code;
    }
}

/// How sight spreads in one row of the view, from the tiles that are seen so far, through the clear ones: all
/// tiles of the row that are seen, and those of the next row that are seen from it.
///
/// MiniGrid walks to the right, then to the left, and looks into the next row on both ways. A run of clear
/// tiles is crossed here in three doublings.
#[inline(always)]
fn spread(seen: u32, clear: u32) -> (u32, u32) {
    let (mut right, mut through) = (seen, clear);
    right |= (right & through) << 1;
    through &= through >> 1;
    right |= (right & through) << 2;
    through &= through >> 2;
    right = (right | (right & through) << 4) & WHOLE_ROW;
    let (mut row, mut through) = (right, clear);
    row |= (row & through) >> 1;
    through &= through << 1;
    row |= (row & through) >> 2;
    through &= through << 2;
    row |= (row & through) >> 4;
    // The outermost tile on either side has nobody beside it to look past on that way.
    let (rightwards, leftwards) = (right & clear & (WHOLE_ROW >> 1), row & clear & (WHOLE_ROW - 1));
    (row, rightwards | rightwards << 1 | leftwards | leftwards >> 1)
}

/// Visible view tiles, one mask per row j with bit i.
fn visible<const W: usize, const H: usize>(grid: &Grid<W, H>, agent: &Agent) -> [u32; VIEW] {
    let (mut masks, mut seen) = ([0; VIEW], 1 << AGENT_I);
    for j in (0..VIEW).rev() {
        let clear = (0..VIEW).fold(0, |clear, i| {
            let (x, y) = tile(agent, i, j);
            clear | u32::from(!grid.get(x, y).is_opaque()) << i
        });
        (masks[j], seen) = spread(seen, clear);
    }
    masks
}

/// The grid tiles that the agent sees, row-major from the top; for drawing.
pub fn visible_tiles<const W: usize, const H: usize>(
    grid: &Grid<W, H>,
    agent: &Agent,
    see_through: bool,
) -> Vec<bool> {
    let mut tiles = vec![false; W * H];
    let masks = if see_through { [WHOLE_ROW; VIEW] } else { visible(grid, agent) };
    for (j, row) in masks.into_iter().enumerate() {
        for i in (0..VIEW).filter(|i| row >> i & 1 == 1) {
            let (x, y) = tile(agent, i, j);
            if (0..W as i32).contains(&x) && (0..H as i32).contains(&y) {
                tiles[y as usize * W + x as usize] = true;
            }
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_hides_what_is_behind_it() {
        let mut grid = Grid::<9, 9>::room();
        // A wall from side to side, right ahead of an agent that faces up.
        (1..8).for_each(|x| grid.cells[x][5] = Cell::WALL);
        let agent = Agent::at(4, 6, 3);
        let mut image = [0; VIEW_BYTES];
        encode(&grid, &agent, false, &mut image);
        let code = |i: usize, j: usize| &image[(i * VIEW + j) * 3..][..3];
        assert_eq!(code(3, 6), Cell::EMPTY.code());
        assert_eq!(code(3, 5), Cell::WALL.code());
        assert!((0..VIEW).all(|i| (0..5).all(|j| code(i, j) == [0; 3])));
        let tiles = visible_tiles(&grid, &agent, false);
        assert!(tiles[6 * 9 + 4] && tiles[5 * 9 + 4] && !tiles[4 * 9 + 4]);
        encode(&grid, &agent, true, &mut image);
        assert!(image.as_chunks::<3>().0.iter().all(|code| code[0] != 0));
    }

    #[test]
    fn sight_spreads_as_mini_grid_walks() {
        for (seen, clear) in (0..=WHOLE_ROW).flat_map(|a| (0..=WHOLE_ROW).map(move |b| (a, b))) {
            let (mut row, mut next) = (seen, 0);
            for i in (0..VIEW - 1).filter(|i| clear >> i & 1 == 1) {
                if row >> i & 1 == 1 {
                    row |= 2 << i;
                    next |= 3 << i;
                }
            }
            for i in (1..VIEW).rev().filter(|i| clear >> i & 1 == 1) {
                if row >> i & 1 == 1 {
                    row |= 1 << (i - 1);
                    next |= 3 << (i - 1);
                }
            }
            assert_eq!(spread(seen, clear), (row, next), "{seen:07b} through {clear:07b}");
        }
    }

    #[test]
    fn outside_of_a_grid_without_walls_there_are_walls() {
        let grid = Grid::<3, 5> { cells: [[Cell::EMPTY; 5]; 3] };
        for direction in 0..4 {
            let (agent, mut image) = (Agent::at(1, 3, direction), [0; VIEW_BYTES]);
            encode(&grid, &agent, true, &mut image);
            for (i, j) in (0..VIEW).flat_map(|i| (0..VIEW).map(move |j| (i, j))) {
                let (x, y) = tile(&agent, i, j);
                assert_eq!(image[(i * VIEW + j) * 3..][..3], grid.get(x, y).code());
            }
        }
    }
}
