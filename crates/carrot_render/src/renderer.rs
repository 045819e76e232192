//! The renderer: device, pipelines, and pictures in passes over an atlas.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use carrot_sim::{Camera, Drawing, Frame};

use crate::RenderError;
use crate::atlas::{Atlas, COLOR, DEPTH, Grid};
use crate::camera::clip_from_world;
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
    adapter: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
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
        let (adapter, device, queue) = pollster::block_on(open())?;
        let Meshes { vertices, mut indices, ranges } = Meshes::new();
        // Buffers are filled in steps of four bytes.
        indices.resize(indices.len().next_multiple_of(2), 0);
        let vertices =
            filled(&device, "corners", bytemuck::cast_slice(&vertices), wgpu::BufferUsages::VERTEX);
        let indices = filled(&device, "indices", bytemuck::cast_slice(&indices), wgpu::BufferUsages::INDEX);
        let shader = device.create_shader_module(wgpu::include_wgsl!("shader.wgsl"));
        let pipeline = |translucent| pipeline(&device, &shader, config.samples, translucent);
        Ok(Self {
            opaque: pipeline(false),
            translucent: pipeline(true),
            config,
            adapter,
            device,
            queue,
            vertices,
            indices,
            ranges,
            atlas: None,
            instances: Instances::default(),
        })
    }

    /// Name of the device that draws.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }

    /// Draws pictures, in order.
    ///
    /// # Errors
    /// When the device stops answering.
    pub fn render(&mut self, views: &[View<'_>]) -> Result<Pictures, RenderError> {
        let size = self.config.size;
        let mut pictures = Pictures { size, ..Pictures::default() };
        let mut rest = views;
        while !rest.is_empty() {
            let grid = Grid::new(size, rest.len(), MOST);
            let (now, later) = rest.split_at(rest.len().min(grid.capacity()));
            self.draw(grid, now, &mut pictures.data)?;
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
            self.atlas = Some(Atlas::new(&self.device, grid, self.config.samples));
        }
        let Some(atlas) = &self.atlas else { return Ok(()) };
        let tiles = filled(&self.device, "tiles", bytemuck::cast_slice(&tiles), wgpu::BufferUsages::STORAGE);
        let placed =
            filled(&self.device, "instances", bytemuck::cast_slice(&all), wgpu::BufferUsages::VERTEX);
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("tiles"),
            layout: &self.opaque.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: tiles.as_entire_binding() }],
        });

        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
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
        let submission = self.queue.submit([encoder.finish()]);
        atlas.read(&self.device, submission, views.len(), pictures)
    }
}

async fn open() -> Result<(String, wgpu::Device, wgpu::Queue), RenderError> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..wgpu::RequestAdapterOptions::default()
    };
    let adapter = instance.request_adapter(&options).await;
    let adapter = adapter.map_err(|error| RenderError::NoAdapter(error.to_string()))?;
    let name = adapter.get_info().name;
    let unfit = |why: String| RenderError::Device { adapter: name.clone(), why };
    let needed = wgpu::Features::CLIP_DISTANCES;
    if !adapter.features().contains(needed) {
        return Err(unfit("it has no clip distances".into()));
    }
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("pictures"),
        required_features: needed,
        required_limits: wgpu::Limits::downlevel_defaults(),
        ..wgpu::DeviceDescriptor::default()
    };
    let (device, queue) =
        adapter.request_device(&descriptor).await.map_err(|error| unfit(error.to_string()))?;
    Ok((name, device, queue))
}

/// A buffer with these bytes; an empty one has room for one tile, since a buffer may not be empty.
fn filled(device: &wgpu::Device, label: &str, bytes: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: (bytes.len() as u64).max(size_of::<Tile>() as u64),
        usage,
        mapped_at_creation: true,
    });
    buffer.get_mapped_range_mut(..bytes.len().max(1) as u64).slice(..bytes.len()).copy_from_slice(bytes);
    buffer.unmap();
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
