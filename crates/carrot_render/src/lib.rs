//! Small pictures of thousands of rows in one pass, without a window.
//!
//! A [`Renderer`] draws [`carrot_sim::Frame`]s into the tiles of an atlas and hands them back as bytes
//! `[N, H, W, 3]`, each stamped with the env, episode and step that it shows. The same drawings serve as pixel
//! observations, thumbnails and what an image-text model looks at.

mod atlas;
mod board;
mod camera;
mod device;
mod error;
mod mesh;
mod pipelines;
mod rasterizer;
mod renderer;
mod scene;
mod tiles;

pub use camera::clip_from_world;
pub use error::RenderError;
pub use renderer::{Pictures, RenderConfig, Renderer, Stamp, View};
