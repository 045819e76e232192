//! Boards of gridworlds: pictures put together from pictures of tiles, each of which is drawn once.
//!
//! A gridworld has a few dozen kinds of tiles, so that copying them is a hundred times as fast as drawing every board
//! anew. Tiles begin and end at whole pixels.

use std::collections::HashMap;

use carrot_sim::{Camera, Drawing, Tiles};

use crate::RenderError;
use crate::atlas::Grid;
use crate::rasterizer::{BACKGROUND, Rasterizer, Shot};
use crate::renderer::MOST;

/// Tiles that are kept at most; whoever shows more has them drawn anew.
const KEPT: usize = 4096;

/// Whether a drawing is a board and nothing else.
pub(crate) fn is_board(drawing: &Drawing) -> bool {
    drawing.tiles.is_some() && drawing.bodies.is_empty()
}

/// All that a tile's picture depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Look {
    cell: [u8; 3],
    is_seen: bool,
    /// Direction of the agent, if it is here.
    agent: Option<u8>,
    /// Width and height in pixels.
    size: [u16; 2],
}

impl Look {
    fn bytes(self) -> usize {
        self.size.map(usize::from).iter().product::<usize>() * 3
    }

    /// A board of this tile alone.
    fn drawing(self) -> Drawing {
        // An agent that is elsewhere is outside of the picture.
        let agent = if self.agent.is_some() { [0, 0] } else { [9, 9] };
        let direction = self.agent.unwrap_or(0);
        let (cells, visible) = (vec![self.cell], vec![self.is_seen]);
        let tiles = Tiles { width: 1, height: 1, cells, agent, direction, visible };
        Drawing { tiles: Some(tiles), ..Drawing::default() }
    }
}

/// Draws boards, and keeps the pictures of their tiles.
pub(crate) struct Boards {
    /// Width and height of a board's picture, pixels.
    size: usize,
    /// Where the picture of a tile starts.
    known: HashMap<Look, usize>,
    /// Pictures of tiles, one after the other.
    pixels: Vec<u8>,
    background: [u8; 3],
}

impl Boards {
    pub(crate) fn new(size: u32) -> Self {
        let (known, pixels) = (HashMap::new(), Vec::new());
        Self { size: size as usize, known, pixels, background: BACKGROUND.map(srgb) }
    }

    /// Appends a picture of each board.
    pub(crate) fn draw<'a>(
        &mut self,
        boards: impl Iterator<Item = &'a Tiles>,
        rasterizer: &mut Rasterizer,
        pictures: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        if self.known.len() > KEPT {
            self.known.clear();
            self.pixels.clear();
        }
        let mut wanted = Vec::new();
        let mut new = Vec::new();
        let mut len = self.pixels.len();
        let (mut count, mut has_margins) = (0, false);
        for board in boards {
            has_margins |= board.width != board.height || board.cells.len() < board.width * board.height;
            for piece in pieces(board, self.size) {
                let start = *self.known.entry(piece.look).or_insert_with(|| {
                    new.push(piece.look);
                    len += piece.look.bytes();
                    len - piece.look.bytes()
                });
                wanted.push((count, piece, start));
            }
            count += 1;
        }
        if let Err(error) = self.add(&new, rasterizer) {
            // What was promised is not there.
            self.known.clear();
            self.pixels.clear();
            return Err(error);
        }
        let stride = self.size * 3;
        let first = pictures.len();
        pictures.resize(first + count * self.size * stride, 0);
        if has_margins {
            pictures[first..].as_chunks_mut().0.fill(self.background);
        }
        for (board, piece, start) in wanted {
            let [width, height] = piece.look.size.map(usize::from);
            let corner = first + (board * self.size + piece.at[1]) * stride + piece.at[0] * 3;
            let tile = &self.pixels[start..start + width * height * 3];
            for (y, row) in tile.chunks_exact(width * 3).enumerate() {
                pictures[corner + y * stride..][..width * 3].copy_from_slice(row);
            }
        }
        Ok(())
    }

    /// Draws tiles and keeps their pictures. Each has a pass of its own: its bytes hang on nothing but its look, so that
    /// batches of any size and order see the same.
    fn add(&mut self, new: &[Look], rasterizer: &mut Rasterizer) -> Result<(), RenderError> {
        let mut cell = Vec::new();
        for look in new {
            let [width, height] = look.size.map(usize::from);
            let side = width.max(height);
            let grid = Grid::new(side as u32, 1, MOST);
            let place = corner_of(grid.place(0), look.size.map(|part| f32::from(part) / side as f32));
            let drawing = look.drawing();
            let shot = Shot { drawing: &drawing, camera: Camera::above([0.0; 3], 1.0), place };
            cell.clear();
            rasterizer.draw(grid, [shot].into_iter(), &mut cell)?;
            self.pixels.extend(cell.chunks_exact(side * 3).take(height).flat_map(|row| &row[..width * 3]));
        }
        Ok(())
    }
}

/// The upper left part of a place on the atlas.
fn corner_of([half_width, half_height, x, y]: [f32; 4], share: [f32; 2]) -> [f32; 4] {
    let (width, height) = (half_width * share[0], half_height * share[1]);
    [width, height, x - half_width + width, y + half_height - height]
}

/// A tile of a board, and its upper left corner in pixels.
struct Piece {
    look: Look,
    at: [usize; 2],
}

/// The tiles of a board in the middle of a picture; those that would have no pixel are left out.
fn pieces(board: &Tiles, size: usize) -> impl Iterator<Item = Piece> {
    let across = board.width.max(board.height).max(1);
    let edges = |count: usize| {
        // Twice the position in tiles, so that half of what is left over is whole.
        let edge = move |i: usize| ((2 * i + across - count) * size + across) / (2 * across);
        move |i: usize| [edge(i), edge(i + 1) - edge(i)]
    };
    let (column, row) = (edges(board.width), edges(board.height));
    let cells = board.cells.iter().take(board.width * board.height).enumerate();
    cells.filter_map(move |(index, cell)| {
        let [i, j] = [index % board.width, index / board.width];
        let ([x, width], [y, height]) = (column(i), row(j));
        let has_agent = board.agent.map(usize::from) == [i, j];
        let look = Look {
            cell: *cell,
            is_seen: board.visible.get(index).copied().unwrap_or(false),
            agent: has_agent.then_some(board.direction & 3),
            size: [width as u16, height as u16],
        };
        (look.bytes() > 0).then_some(Piece { look, at: [x, y] })
    })
}

/// A linear value as a byte of sRGB.
fn srgb(value: f64) -> u8 {
    let coded = if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
    (coded * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_board_without_gaps() {
        for (width, height, size) in
            [(8, 8, 64), (8, 8, 224), (12, 4, 64), (25, 25, 16), (3, 7, 100), (19, 19, 64)]
        {
            let board = Tiles {
                width,
                height,
                cells: vec![[1, 0, 0]; width * height],
                agent: [0, 0],
                direction: 0,
                visible: Vec::new(),
            };
            let mut covered = vec![0_u8; size * size];
            for piece in pieces(&board, size) {
                let [w, h] = piece.look.size.map(usize::from);
                for y in piece.at[1]..piece.at[1] + h {
                    covered[y * size + piece.at[0]..][..w].iter_mut().for_each(|times| *times += 1);
                }
            }
            let [used_w, used_h] = [width, height].map(|part| part * size / width.max(height));
            let times: usize = covered.iter().map(|times| usize::from(*times)).sum();
            assert!(covered.iter().all(|times| *times <= 1));
            assert!(times.abs_diff(used_w * used_h) <= 2 * size, "{width}x{height} at {size}: {times}");
            if width == height {
                assert_eq!(times, size * size);
            }
        }
    }
}
