//! The picture of all pictures: textures that are drawn into, and the buffer in which they come back.

use std::sync::mpsc;
use std::time::Duration;

use crate::RenderError;

pub(crate) const COLOR: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8UnormSrgb;
pub(crate) const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;
const BYTES: u32 = 4;
/// Longest that a pass may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the tiles lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Pixels of a picture's side.
    pub(crate) size: u32,
    pub(crate) columns: u32,
    pub(crate) rows: u32,
}

impl Grid {
    /// The grid for so many pictures, near a square; at most `most` pixels wide and high.
    pub(crate) fn new(size: u32, count: usize, most: u32) -> Self {
        let across = (most / size).max(1);
        let wanted = (count.max(1) as f64).sqrt().ceil() as u32;
        let columns = wanted.min(across);
        let rows = (count.max(1) as u32).div_ceil(columns).min(across);
        Self { size, columns, rows }
    }

    pub(crate) fn capacity(self) -> usize {
        (self.columns * self.rows) as usize
    }

    fn width(self) -> u32 {
        self.columns * self.size
    }

    fn height(self) -> u32 {
        self.rows * self.size
    }

    /// Half width, half height and middle of a tile in clip coordinates of the atlas.
    pub(crate) fn place(self, tile: u32) -> [f32; 4] {
        let (column, row) = (tile % self.columns, tile / self.columns);
        let (x, y) = (1.0 / self.columns as f32, 1.0 / self.rows as f32);
        [x, y, (2 * column + 1) as f32 * x - 1.0, 1.0 - (2 * row + 1) as f32 * y]
    }

    /// Bytes of a row of the atlas in the buffer: a multiple of 256.
    fn stride(self) -> u32 {
        (self.width() * BYTES).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT)
    }
}

/// Textures and buffer for one grid.
pub(crate) struct Atlas {
    pub(crate) grid: Grid,
    color: wgpu::Texture,
    color_view: wgpu::TextureView,
    /// Where samples are drawn to when there are several per pixel.
    samples: Option<wgpu::TextureView>,
    depth: wgpu::TextureView,
    buffer: wgpu::Buffer,
}

impl Atlas {
    pub(crate) fn new(device: &wgpu::Device, grid: Grid, samples: u32) -> Self {
        let texture = |label, format, sample_count, usage| {
            device.create_texture(&wgpu::TextureDescriptor {
                label: Some(label),
                size: wgpu::Extent3d { width: grid.width(), height: grid.height(), depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage,
                view_formats: &[],
            })
        };
        let drawn = wgpu::TextureUsages::RENDER_ATTACHMENT;
        let color = texture("atlas", COLOR, 1, drawn | wgpu::TextureUsages::COPY_SRC);
        let view = |texture: &wgpu::Texture| texture.create_view(&wgpu::TextureViewDescriptor::default());
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("pictures"),
            size: u64::from(grid.stride()) * u64::from(grid.height()),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        Self {
            grid,
            color_view: view(&color),
            color,
            samples: (samples > 1).then(|| view(&texture("samples", COLOR, samples, drawn))),
            depth: view(&texture("depth", DEPTH, samples, drawn)),
            buffer,
        }
    }

    /// A pass over the empty atlas.
    pub(crate) fn begin<'a>(
        &self,
        encoder: &'a mut wgpu::CommandEncoder,
        background: wgpu::Color,
    ) -> wgpu::RenderPass<'a> {
        let (view, resolve_target, store) = match &self.samples {
            None => (&self.color_view, None, wgpu::StoreOp::Store),
            Some(samples) => (samples, Some(&self.color_view), wgpu::StoreOp::Discard),
        };
        encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("pictures"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view,
                depth_slice: None,
                resolve_target,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(background), store },
            })],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: &self.depth,
                depth_ops: Some(wgpu::Operations {
                    load: wgpu::LoadOp::Clear(1.0),
                    store: wgpu::StoreOp::Discard,
                }),
                stencil_ops: None,
            }),
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        })
    }

    pub(crate) fn copy_out(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.copy_texture_to_buffer(
            self.color.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &self.buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(self.grid.stride()),
                    rows_per_image: None,
                },
            },
            self.color.size(),
        );
    }

    /// Waits for a submission and appends the first `count` pictures, `[count, H, W, 3]`.
    pub(crate) fn read(
        &self,
        device: &wgpu::Device,
        submission: wgpu::SubmissionIndex,
        count: usize,
        pictures: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let (sender, receiver) = mpsc::channel();
        self.buffer.map_async(wgpu::MapMode::Read, .., move |mapped| {
            // The receiver waits below; it is only gone when the poll failed.
            let _ = sender.send(mapped);
        });
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(PATIENCE) };
        device.poll(wait).map_err(|error| RenderError::Readback(error.to_string()))?;
        let mapped = receiver.try_recv().map_err(|error| RenderError::Readback(error.to_string()))?;
        mapped.map_err(|error| RenderError::Readback(error.to_string()))?;
        let view = self.buffer.get_mapped_range(..);
        let Grid { size, columns, .. } = self.grid;
        let (size, stride, columns) = (size as usize, self.grid.stride() as usize, columns as usize);
        let first = pictures.len();
        pictures.resize(first + count * size * size * 3, 0);
        for (tile, picture) in pictures[first..].chunks_exact_mut(size * size * 3).enumerate() {
            let (row, column) = (tile / columns, tile % columns);
            for (y, line) in picture.chunks_exact_mut(size * 3).enumerate() {
                let start = (row * size + y) * stride + column * size * BYTES as usize;
                without_alpha(&view[start..start + size * BYTES as usize], line);
            }
        }
        drop(view);
        self.buffer.unmap();
        Ok(())
    }
}

/// Copies pixels of four bytes to pixels of three. Words of four pixels are put together at a time, four times as fast as
/// bytes.
fn without_alpha(rgba: &[u8], rgb: &mut [u8]) {
    let (fours, rest) = rgba.as_chunks::<16>();
    let (threes, end) = rgb.as_chunks_mut::<12>();
    for (from, to) in fours.iter().zip(threes) {
        let word = |i: usize| u32::from_le_bytes([from[4 * i], from[4 * i + 1], from[4 * i + 2], 0]);
        let [a, b, c, d] = [0, 1, 2, 3].map(word);
        let words = [a | b << 24, b >> 8 | c << 16, c >> 16 | d << 8];
        for (bytes, word) in to.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
    }
    for (from, to) in rest.as_chunks::<4>().0.iter().zip(end.as_chunks_mut::<3>().0) {
        to.copy_from_slice(&from[..3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lose_their_fourth_byte_and_nothing_else() {
        for pixels in [0, 1, 3, 4, 17, 30] {
            let rgba: Vec<u8> = (0..pixels * 4).map(|i| (i * 7 % 251) as u8).collect();
            let mut rgb = vec![0; pixels * 3];
            without_alpha(&rgba, &mut rgb);
            let expected: Vec<u8> = rgba.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
            assert_eq!(rgb, expected);
        }
    }

    #[test]
    fn a_grid_holds_its_pictures_and_fits() {
        for (size, count, most) in [(64, 1, 2048), (64, 5, 2048), (64, 4096, 2048), (224, 100, 2048)] {
            let grid = Grid::new(size, count, most);
            assert!(grid.width() <= most && grid.height() <= most, "{grid:?}");
            assert!(grid.capacity() >= count.min((most / size).pow(2) as usize), "{grid:?}");
        }
    }

    #[test]
    fn tiles_cover_the_atlas_from_its_top_left() {
        let grid = Grid { size: 64, columns: 4, rows: 2 };
        assert_eq!(grid.place(0), [0.25, 0.5, -0.75, 0.5]);
        assert_eq!(grid.place(7), [0.25, 0.5, 0.75, -0.5]);
    }
}
