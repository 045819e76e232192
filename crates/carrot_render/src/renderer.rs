//! The renderer: pictures of views, in order.

use carrot_sim::{Camera, Drawing, Frame};

use crate::RenderError;
use crate::atlas::Grid;
use crate::board::{Boards, is_board};
use crate::rasterizer::{Rasterizer, Shot};

/// Smallest and largest side of a picture, in pixels.
const SIZES: [u32; 2] = [16, 1024];
/// Longest side of the atlas: with four samples per pixel it takes 160 MB.
pub(crate) const MOST: u32 = 2048;

/// How pictures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderConfig {
    /// Width and height of a picture, pixels.
    pub size: u32,
    /// Samples per pixel, 1 or 4: four have smooth edges and take longer.
    pub samples: u32,
}

impl Default for RenderConfig {
    fn default() -> Self {
        Self { size: 64, samples: 4 }
    }
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Global env id.
    pub env: u32,
    /// Episode of that env.
    pub episode: u32,
    /// Steps taken in that episode.
    pub step: u32,
}

impl From<&Frame> for Stamp {
    fn from(frame: &Frame) -> Self {
        Self { env: frame.env, episode: frame.episode, step: frame.step }
    }
}

/// A drawing, from where it is looked at, and what it shows.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What is drawn.
    pub drawing: &'a Drawing,
    /// From where; tiles are seen from above whatever it says.
    pub camera: &'a Camera,
    /// What it shows.
    pub stamp: Stamp,
}

impl<'a> View<'a> {
    /// A frame as a task's camera sees it.
    pub fn of(frame: &'a Frame, camera: &'a Camera) -> Self {
        Self { drawing: &frame.drawing, camera, stamp: frame.into() }
    }
}

/// Pictures and what they show.
///
/// # Shapes
/// `data`: `[N, size, size, 3]`, sRGB, rows from the top.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pictures {
    /// Width and height, pixels.
    pub size: u32,
    /// One per picture, in the order of the views.
    pub stamps: Vec<Stamp>,
    /// All pictures, one after the other.
    pub data: Vec<u8>,
}

impl Pictures {
    /// The bytes of one picture, `[size, size, 3]`.
    pub fn picture(&self, index: usize) -> &[u8] {
        let len = self.size as usize * self.size as usize * 3;
        &self.data[index * len..(index + 1) * len]
    }
}

/// Draws pictures, without a window.
pub struct Renderer {
    config: RenderConfig,
    rasterizer: Rasterizer,
    boards: Boards,
}

impl Renderer {
    /// Opens the fastest Vulkan device, which may be a software renderer.
    ///
    /// # Errors
    /// When there is no device, it lacks what the shaders need, or the sizes are out of range.
    pub fn new(config: RenderConfig) -> Result<Self, RenderError> {
        let [least, most] = SIZES;
        if !(least..=most).contains(&config.size) {
            return Err(RenderError::Size { given: config.size, least, most });
        }
        if !matches!(config.samples, 1 | 4) {
            return Err(RenderError::Samples { given: config.samples });
        }
        let rasterizer = Rasterizer::new(config.samples)?;
        Ok(Self { config, rasterizer, boards: Boards::new(config.size) })
    }

    /// Name of the device that draws.
    pub fn adapter(&self) -> &str {
        self.rasterizer.adapter()
    }

    /// Draws pictures, in order.
    ///
    /// # Errors
    /// When the device is lost, has no memory left, or stops answering.
    pub fn render(&mut self, views: &[View<'_>]) -> Result<Pictures, RenderError> {
        let mut pictures = Pictures::default();
        self.render_into(views, &mut pictures)?;
        Ok(pictures)
    }

    /// Draws pictures in the place of others, whose memory is used again.
    ///
    /// # Errors
    /// Those of [`Self::render`]; what the pictures hold then is of no use.
    pub fn render_into(&mut self, views: &[View<'_>], pictures: &mut Pictures) -> Result<(), RenderError> {
        let size = self.config.size;
        pictures.size = size;
        pictures.data.clear();
        pictures.stamps.clear();
        pictures.stamps.extend(views.iter().map(|view| view.stamp));
        pictures.data.reserve(views.len() * (size * size * 3) as usize);
        for run in views.chunk_by(|a, b| is_board(a.drawing) == is_board(b.drawing)) {
            if is_board(run[0].drawing) {
                let boards = run.iter().filter_map(|view| view.drawing.tiles.as_ref());
                self.boards.draw(boards, &mut self.rasterizer, &mut pictures.data)?;
                continue;
            }
            let mut rest = run;
            while !rest.is_empty() {
                let grid = Grid::new(size, rest.len(), MOST);
                let (now, later) = rest.split_at(rest.len().min(grid.capacity()));
                let shots = now.iter().zip(0_u32..).map(|(view, tile)| Shot {
                    drawing: view.drawing,
                    camera: camera(view),
                    place: grid.place(tile),
                });
                self.rasterizer.draw(grid, shots, &mut pictures.data)?;
                rest = later;
            }
        }
        Ok(())
    }
}

/// From where a view is seen: tiles from straight above.
fn camera(view: &View<'_>) -> Camera {
    view.drawing.tiles.as_ref().map_or(view.camera.at(view.drawing), |tiles| {
        let (width, height) = (tiles.width as f32, tiles.height as f32);
        Camera::above([0.5 * (width - 1.0), -0.5 * (height - 1.0), 0.0], width.max(height))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_gone_is_an_error() {
        let mut renderer = Renderer::new(RenderConfig::default()).unwrap();
        let drawing = Drawing::default();
        let stamp = Stamp { env: 0, episode: 0, step: 0 };
        let view = View { drawing: &drawing, camera: &Camera::TABLE, stamp };
        renderer.render(&[view]).unwrap();
        renderer.rasterizer.destroy();
        for views in [[view; 1].as_slice(), &[view; 9]] {
            let told = renderer.render(views).unwrap_err().to_string();
            assert!(told.contains("lost") && told.contains("resume"), "{told}");
        }
    }
}
