//! What the agent sees: the square ahead of it, turned upright, with what walls and doors hide left out.
//!
//! # Source
//! Minigrid 3.2.0: `gen_obs_grid`, `Grid.slice`, `Grid.rotate_left` and `Grid.process_vis`.

use super::grid::{AHEAD, Agent, Grid};

/// Tiles on a side of the view; the agent stands in the middle of its last row.
pub const VIEW: usize = 7;
/// Bytes of one encoded view, `[VIEW][VIEW][3]`.
pub const VIEW_BYTES: usize = VIEW * VIEW * 3;

const AGENT_I: usize = VIEW / 2;
const AGENT_J: usize = VIEW - 1;

/// The grid tile of view tile (i, j): i to the agent's right, j towards the agent.
#[inline]
fn tile(agent: &Agent, i: usize, j: usize) -> (i32, i32) {
    let (dx, dy) = AHEAD[usize::from(agent.direction & 3)];
    let (ahead, right) = ((AGENT_J - j) as i32, i as i32 - AGENT_I as i32);
    (i32::from(agent.x) + dx * ahead - dy * right, i32::from(agent.y) + dy * ahead + dx * right)
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
    for i in 0..VIEW {
        for j in 0..VIEW {
            let (x, y) = tile(agent, i, j);
            codes[i * VIEW + j] = grid.get(x, y).code();
        }
    }
    if !see_through {
        for (j, row) in visible(grid, agent).into_iter().enumerate() {
            for i in (0..VIEW).filter(|i| row >> i & 1 == 0) {
                codes[i * VIEW + j] = [0; 3];
            }
        }
    }
    // The agent never sees what it stands on, but what it holds.
    codes[AGENT_I * VIEW + AGENT_J] = agent.carried.code();
}

/// Visible view tiles, one mask per row j with bit i.
pub fn visible<const W: usize, const H: usize>(grid: &Grid<W, H>, agent: &Agent) -> [u8; VIEW] {
    let mut masks = [0_u8; VIEW];
    masks[AGENT_J] = 1 << AGENT_I;
    for j in (0..VIEW).rev() {
        let clear = (0..VIEW).fold(0_u8, |clear, i| {
            let (x, y) = tile(agent, i, j);
            clear | u8::from(!grid.get(x, y).is_opaque()) << i
        });
        // Sight spreads to the right, then to the left, and from both into the next row.
        let (mut row, mut next) = (masks[j], 0_u8);
        for i in 0..VIEW - 1 {
            if row & clear & 1 << i != 0 {
                row |= 2 << i;
                next |= 3 << i;
            }
        }
        for i in (1..VIEW).rev() {
            if row & clear & 1 << i != 0 {
                row |= 1 << (i - 1);
                next |= 3 << (i - 1);
            }
        }
        masks[j] = row;
        if j > 0 {
            masks[j - 1] = next;
        }
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
    use super::super::grid::Cell;
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
}
