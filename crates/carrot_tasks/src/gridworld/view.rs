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
const WHOLE_ROW: u8 = (1 << VIEW) - 1;

/// The grid tile of view tile (i, j): i to the agent's right, j towards the agent.
#[inline]
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
    #[inline]
    fn new<const W: usize, const H: usize>(agent: &Agent) -> Self {
        let column = |x: i32| if (x as usize) < W { x as usize * H } else { W * H };
        let row = |y: i32| if (y as usize) < H { y as usize } else { W * H };
        let (mut right, mut ahead) = ([0; VIEW], [0; VIEW]);
        let along_x = agent.direction & 1 == 0;
        for k in 0..VIEW {
            let (beside, before) = (tile(agent, k, AGENT_J), tile(agent, AGENT_I, k));
            right[k] = if along_x { row(beside.1) } else { column(beside.0) };
            ahead[k] = if along_x { column(before.0) } else { row(before.1) };
        }
        Self { right, ahead }
    }

    #[inline]
    fn cell<const W: usize, const H: usize>(&self, grid: &Grid<W, H>, i: usize, j: usize) -> Cell {
        let at = self.right[i] + self.ahead[j];
        // Both sides of the choice are cheap and which one holds is hard to foresee: no branch.
        let inside = grid.cells.as_flattened()[at.min(W * H - 1)];
        if at < W * H { inside } else { Cell::WALL }
    }
}

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
    let (codes, _) = image.as_chunks_mut::<3>();
    let offsets = Offsets::new::<W, H>(agent);
    let mut seen = 1_u8 << AGENT_I;
    for j in (0..VIEW).rev() {
        let (mut cells, mut clear) = ([Cell::EMPTY; VIEW], 0_u8);
        for i in 0..VIEW {
            cells[i] = offsets.cell(grid, i, j);
            clear |= u8::from(!cells[i].is_opaque()) << i;
        }
        let (row, next) = if see_through { (WHOLE_ROW, WHOLE_ROW) } else { spread(seen, clear) };
        for i in 0..VIEW {
            codes[i * VIEW + j] = if row >> i & 1 == 1 { cells[i].code() } else { [0; 3] };
        }
        seen = next;
    }
    // The agent never sees what it stands on, but what it holds.
    codes[AGENT_I * VIEW + AGENT_J] = agent.carried.code();
}

/// How sight spreads in one row of the view, from the tiles that are seen so far, through the clear ones: all
/// tiles of the row that are seen, and those of the next row that are seen from it.
///
/// MiniGrid walks to the right, then to the left, and looks into the next row on both ways. A run of clear
/// tiles is crossed here in three doublings.
#[inline]
fn spread(seen: u8, clear: u8) -> (u8, u8) {
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
fn visible<const W: usize, const H: usize>(grid: &Grid<W, H>, agent: &Agent) -> [u8; VIEW] {
    let (mut masks, mut seen) = ([0_u8; VIEW], 1_u8 << AGENT_I);
    for j in (0..VIEW).rev() {
        let clear = (0..VIEW).fold(0_u8, |clear, i| {
            let (x, y) = tile(agent, i, j);
            clear | u8::from(!grid.get(x, y).is_opaque()) << i
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
    let masks = if see_through { [u8::MAX; VIEW] } else { visible(grid, agent) };
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
            let (mut row, mut next) = (seen, 0_u8);
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
