//! One pass over an atlas: device, pipelines, and what is drawn by them.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use carrot_sim::{Camera, Drawing};

use crate::RenderError;
use crate::atlas::{Atlas, Grid};
use crate::camera::{Sight, clip_from_world};
use crate::device::Opened;
use crate::mesh::{Detail, Meshes};
use crate::pipelines::{filled, pipeline};
use crate::scene::{Instance, Instances, Layer};

/// What is seen where nothing is, in linear RGB.
pub(crate) const BACKGROUND: [f64; 3] = [0.55, 0.63, 0.72];

/// A drawing, from where it is seen, and its place on the atlas.
pub(crate) struct Shot<'a> {
    pub(crate) drawing: &'a Drawing,
    pub(crate) camera: Camera,
    /// Half width, half height and middle, in clip coordinates of the atlas.
    pub(crate) place: [f32; 4],
}

/// A picture's place and camera, as the shader reads it.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Tile {
    clip_from_world: [[f32; 4]; 4],
    place: [f32; 4],
}

/// Draws drawings side by side.
pub(crate) struct Rasterizer {
    opened: Opened,
    samples: u32,
    vertices: wgpu::Buffer,
    indices: wgpu::Buffer,
    /// The indices of each mesh, from little detail to much.
    ranges: Vec<[Range<u32>; Detail::ALL.len()]>,
    /// One for each layer.
    pipelines: [wgpu::RenderPipeline; Layer::ALL.len()],
    atlas: Option<Atlas>,
    instances: Instances,
}

impl Rasterizer {
    pub(crate) fn new(samples: u32) -> Result<Self, RenderError> {
        let opened = pollster::block_on(Opened::new())?;
        let Meshes { vertices, mut indices, ranges } = Meshes::new();
        // Buffers are filled in steps of four bytes.
        indices.resize(indices.len().next_multiple_of(2), 0);
        let vertices =
            filled(&opened, "corners", bytemuck::cast_slice(&vertices), wgpu::BufferUsages::VERTEX);
        let indices = filled(&opened, "indices", bytemuck::cast_slice(&indices), wgpu::BufferUsages::INDEX);
        let shader = opened.device.create_shader_module(wgpu::include_wgsl!("shader.wgsl"));
        let pipelines = Layer::ALL.map(|layer| pipeline(&opened.device, &shader, samples, layer));
        Ok(Self {
            opened,
            samples,
            vertices,
            indices,
            ranges,
            pipelines,
            atlas: None,
            instances: Instances::default(),
        })
    }

    pub(crate) fn adapter(&self) -> &str {
        &self.opened.adapter
    }

    /// Draws as many shots as the grid has room for and appends its cells, `[N, size, size, 3]`.
    pub(crate) fn draw<'a>(
        &mut self,
        grid: Grid,
        shots: impl Iterator<Item = Shot<'a>>,
        pictures: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let drawn = self.pass(grid, shots, pictures);
        // What the device complained about first is the cause of all that came after.
        self.opened.check()?;
        drawn
    }

    fn pass<'a>(
        &mut self,
        grid: Grid,
        shots: impl Iterator<Item = Shot<'a>>,
        pictures: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        self.instances.clear();
        let mut tiles = Vec::with_capacity(grid.capacity());
        for (shot, tile) in shots.zip(0_u32..) {
            let clip_from_world = clip_from_world(&shot.camera).to_cols_array_2d();
            tiles.push(Tile { clip_from_world, place: shot.place });
            self.instances.draw(shot.drawing, Sight::new(&shot.camera, grid.size), tile);
        }
        let all: Vec<Instance> =
            self.instances.batches().flat_map(|(_, _, _, batch)| batch).copied().collect();
        if self.atlas.as_ref().is_none_or(|atlas| atlas.grid != grid) {
            self.atlas = Some(Atlas::new(&self.opened.device, grid, self.samples));
        }
        let Some(atlas) = &self.atlas else { return Ok(()) };
        let count = tiles.len();
        let tiles = filled(&self.opened, "tiles", bytemuck::cast_slice(&tiles), wgpu::BufferUsages::STORAGE);
        let placed =
            filled(&self.opened, "instances", bytemuck::cast_slice(&all), wgpu::BufferUsages::VERTEX);
        let bind_group = self.opened.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("tiles"),
            layout: &self.pipelines[0].get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: tiles.as_entire_binding() }],
        });

        let mut encoder =
            self.opened.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let [r, g, b] = BACKGROUND;
        let mut pass = atlas.begin(&mut encoder, wgpu::Color { r, g, b, a: 1.0 });
        pass.set_vertex_buffer(0, self.vertices.slice(..));
        pass.set_index_buffer(self.indices.slice(..), wgpu::IndexFormat::Uint16);
        if !all.is_empty() {
            pass.set_vertex_buffer(1, placed.slice(..));
        }
        let mut first = 0;
        for (mesh, detail, layer, batch) in self.instances.batches() {
            let next = first + batch.len() as u32;
            pass.set_pipeline(&self.pipelines[layer as usize]);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.draw_indexed(self.ranges[mesh as usize][detail as usize].clone(), 0, first..next);
            first = next;
        }
        drop(pass);
        atlas.copy_out(&mut encoder);
        let submission = self.opened.queue.submit([encoder.finish()]);
        atlas.read(&self.opened.device, submission, count, pictures)
    }

    #[cfg(test)]
    pub(crate) fn destroy(&self) {
        self.opened.device.destroy();
    }
}
