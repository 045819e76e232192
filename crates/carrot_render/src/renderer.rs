//! The renderer: device, pipelines, and pictures in passes over an atlas.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use carrot_sim::{Camera, Drawing, Frame};

use crate::RenderError;
use crate::atlas::{Atlas, COLOR, DEPTH, Grid};
use crate::camera::clip_from_world;
use crate::device::Opened;
use crate::mesh::{Meshes, Vertex};
use crate::scene::{Instance, Instances};

/// Smallest and largest side of a picture, in pixels.
const SIZES: [u32; 2] = [16, 1024];
/// Longest side of the atlas: with four samples per pixel it takes 160 MB.
const MOST: u32 = 2048;
const BACKGROUND: wgpu::Color = wgpu::Color { r: 0.55, g: 0.63, b: 0.72, a: 1.0 };

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

/// A picture's place and camera, as the shader reads it.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Tile {
    clip_from_world: [[f32; 4]; 4],
    place: [f32; 4],
}

/// Draws pictures, without a window.
pub struct Renderer {
    config: RenderConfig,
    opened: Opened,
    vertices: wgpu::Buffer,
    indices: wgpu::Buffer,
    /// The indices of each mesh.
    ranges: Vec<Range<u32>>,
    opaque: wgpu::RenderPipeline,
    translucent: wgpu::RenderPipeline,
    atlas: Option<Atlas>,
    instances: Instances,
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
        let opened = pollster::block_on(Opened::new())?;
        let Meshes { vertices, mut indices, ranges } = Meshes::new();
        // Buffers are filled in steps of four bytes.
        indices.resize(indices.len().next_multiple_of(2), 0);
        let vertices =
            filled(&opened, "corners", bytemuck::cast_slice(&vertices), wgpu::BufferUsages::VERTEX);
        let indices = filled(&opened, "indices", bytemuck::cast_slice(&indices), wgpu::BufferUsages::INDEX);
        let shader = opened.device.create_shader_module(wgpu::include_wgsl!("shader.wgsl"));
        let pipeline = |translucent| pipeline(&opened.device, &shader, config.samples, translucent);
        Ok(Self {
            opaque: pipeline(false),
            translucent: pipeline(true),
            config,
            opened,
            vertices,
            indices,
            ranges,
            atlas: None,
            instances: Instances::default(),
        })
    }

    /// Name of the device that draws.
    pub fn adapter(&self) -> &str {
        &self.opened.adapter
    }

    /// Draws pictures, in order.
    ///
    /// # Errors
    /// When the device is lost, has no memory left, or stops answering.
    pub fn render(&mut self, views: &[View<'_>]) -> Result<Pictures, RenderError> {
        let size = self.config.size;
        let mut pictures = Pictures { size, ..Pictures::default() };
        let mut rest = views;
        while !rest.is_empty() {
            let grid = Grid::new(size, rest.len(), MOST);
            let (now, later) = rest.split_at(rest.len().min(grid.capacity()));
            let drawn = self.draw(grid, now, &mut pictures.data);
            // What the device complained about first is the cause of all that came after.
            self.opened.check()?;
            drawn?;
            pictures.stamps.extend(now.iter().map(|view| view.stamp));
            rest = later;
        }
        Ok(pictures)
    }

    /// One pass over an atlas.
    fn draw(&mut self, grid: Grid, views: &[View<'_>], pictures: &mut Vec<u8>) -> Result<(), RenderError> {
        self.instances.clear();
        let mut tiles = Vec::with_capacity(views.len());
        for (tile, view) in (0_u32..).zip(views) {
            let camera = view.drawing.tiles.as_ref().map_or(*view.camera, |tiles| {
                let (width, height) = (tiles.width as f32, tiles.height as f32);
                Camera::above([0.5 * (width - 1.0), -0.5 * (height - 1.0), 0.0], width.max(height))
            });
            let clip_from_world = clip_from_world(&camera).to_cols_array_2d();
            tiles.push(Tile { clip_from_world, place: grid.place(tile) });
            self.instances.draw(view.drawing, tile);
        }
        let all: Vec<Instance> = self.instances.batches().flat_map(|(_, _, batch)| batch).copied().collect();
        if self.atlas.as_ref().is_none_or(|atlas| atlas.grid != grid) {
            self.atlas = Some(Atlas::new(&self.opened.device, grid, self.config.samples));
        }
        let Some(atlas) = &self.atlas else { return Ok(()) };
        let tiles = filled(&self.opened, "tiles", bytemuck::cast_slice(&tiles), wgpu::BufferUsages::STORAGE);
        let placed =
            filled(&self.opened, "instances", bytemuck::cast_slice(&all), wgpu::BufferUsages::VERTEX);
        let bind_group = self.opened.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("tiles"),
            layout: &self.opaque.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: tiles.as_entire_binding() }],
        });

        let mut encoder =
            self.opened.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = atlas.begin(&mut encoder, BACKGROUND);
        pass.set_vertex_buffer(0, self.vertices.slice(..));
        pass.set_index_buffer(self.indices.slice(..), wgpu::IndexFormat::Uint16);
        if !all.is_empty() {
            pass.set_vertex_buffer(1, placed.slice(..));
        }
        let mut first = 0;
        for (mesh, translucent, batch) in self.instances.batches() {
            let next = first + batch.len() as u32;
            if next > first {
                pass.set_pipeline(if translucent { &self.translucent } else { &self.opaque });
                pass.set_bind_group(0, &bind_group, &[]);
                pass.draw_indexed(self.ranges[mesh as usize].clone(), 0, first..next);
            }
            first = next;
        }
        drop(pass);
        atlas.copy_out(&mut encoder);
        let submission = self.opened.queue.submit([encoder.finish()]);
        atlas.read(&self.opened.device, submission, views.len(), pictures)
    }
}

/// A buffer with these bytes; an empty one has room for one tile, since a buffer may not be empty.
fn filled(opened: &Opened, label: &str, bytes: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
    let buffer = opened.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: (bytes.len() as u64).max(size_of::<Tile>() as u64),
        usage: usage | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    opened.queue.write_buffer(&buffer, 0, bytes);
    buffer
}

fn pipeline(
    device: &wgpu::Device,
    shader: &wgpu::ShaderModule,
    samples: u32,
    translucent: bool,
) -> wgpu::RenderPipeline {
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("tiles"),
        entries: &[wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::VERTEX,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: true },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        }],
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("pictures"),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let corner = wgpu::vertex_attr_array![0 => Float32x3, 1 => Float32x3];
    let instance =
        wgpu::vertex_attr_array![2 => Float32x4, 3 => Float32x4, 4 => Float32x4, 5 => Float32x4, 6 => Uint32];
    let buffers = [
        wgpu::VertexBufferLayout {
            array_stride: size_of::<Vertex>() as u64,
            step_mode: wgpu::VertexStepMode::Vertex,
            attributes: &corner,
        },
        wgpu::VertexBufferLayout {
            array_stride: size_of::<Instance>() as u64,
            step_mode: wgpu::VertexStepMode::Instance,
            attributes: &instance,
        },
    ];
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(if translucent { "translucent" } else { "opaque" }),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: shader,
            entry_point: Some("place"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &buffers,
        },
        primitive: wgpu::PrimitiveState {
            cull_mode: Some(wgpu::Face::Back),
            ..wgpu::PrimitiveState::default()
        },
        depth_stencil: Some(wgpu::DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(!translucent),
            depth_compare: Some(wgpu::CompareFunction::Less),
            stencil: wgpu::StencilState::default(),
            bias: wgpu::DepthBiasState::default(),
        }),
        multisample: wgpu::MultisampleState { count: samples, ..wgpu::MultisampleState::default() },
        fragment: Some(wgpu::FragmentState {
            module: shader,
            entry_point: Some("shade"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: COLOR,
                blend: translucent.then_some(wgpu::BlendState::ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
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
        renderer.opened.device.destroy();
        for views in [[view; 1].as_slice(), &[view; 9]] {
            let told = renderer.render(views).unwrap_err().to_string();
            assert!(told.contains("lost") && told.contains("resume"), "{told}");
        }
    }
}
