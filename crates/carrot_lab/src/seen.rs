//! Pictures as what an agent observes, as a task around the task.

use std::sync::Arc;

use carrot_render::{Pictures, RenderConfig, Renderer, Stamp, View};
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::{
    App, Camera, Drawing, GoalSpec, Mdp, MdpError, ObsPart, Painter, PixelSpec, RowKey, SimError, Task,
    TaskSpec,
};

/// Sides of pictures that networks read.
const SIDES: std::ops::RangeInclusive<usize> = 36..=224;
/// Most pictures in one observation.
const MOST_STACKED: usize = 8;

/// A task whose agents see it.
struct Seen {
    inner: Arc<dyn Task>,
    pixels: PixelSpec,
    observation: [ObsPart; 1],
}

/// Wraps a task so that agents see pictures: `obs: Pixels(size: 64, stack: 3)`, pixels a side and pictures in one
/// observation.
///
/// Every mistake is reported; the task stays as it is then.
pub(crate) fn seen(task: Arc<dyn Task>, node: &NodeRef, diagnostics: &mut Diagnostics) -> Arc<dyn Task> {
    match node.variant() {
        Some((name, _)) if name.value == "Pixels" => {}
        Some((name, _)) => {
            diagnostics.unknown_name(&name.span, "observation", &name.value, &["Pixels"]);
            return task;
        }
        None => {
            diagnostics.error(&node.head(), "`obs` says what agents observe", "", "write `obs: Pixels()`");
            return task;
        }
    }
    let before = diagnostics.len();
    let Some(mut reader) = Reader::open(node, diagnostics) else { return task };
    let side = reader.optional_in("size", 64, SIDES);
    let stack = reader.optional_in("stack", 3, 1..=MOST_STACKED);
    reader.finish();
    if diagnostics.len() > before {
        return task;
    }
    let pixels = PixelSpec { side, stack };
    Arc::new(Seen { inner: task, pixels, observation: [pixels.part()] })
}

impl Task for Seen {
    fn spec(&self) -> &TaskSpec {
        self.inner.spec()
    }

    fn build(&self, app: &mut App) {
        self.inner.build(app);
    }

    fn camera(&self) -> Camera {
        self.inner.camera()
    }

    fn observation(&self) -> &[ObsPart] {
        &self.observation
    }

    fn painter(&self) -> Result<Option<Box<dyn Painter>>, SimError> {
        let config = RenderConfig { size: self.pixels.side as u32, samples: 4 };
        let renderer = Renderer::new(config).map_err(|error| SimError::Painter(error.to_string()))?;
        Ok(Some(Box::new(Easel {
            renderer,
            camera: self.inner.camera(),
            pixels: self.pixels,
            pictures: Pictures::default(),
        })))
    }

    fn goal(&self) -> Option<GoalSpec> {
        self.inner.goal()
    }

    fn mdp(&self, layout: RowKey) -> Result<Mdp, MdpError> {
        self.inner.mdp(layout)
    }
}

/// A renderer that paints.
struct Easel {
    renderer: Renderer,
    camera: Camera,
    pixels: PixelSpec,
    pictures: Pictures,
}

impl Painter for Easel {
    fn pixels(&self) -> PixelSpec {
        self.pixels
    }

    fn paint(&mut self, drawings: &[Drawing], out: &mut [u8]) -> Result<(), String> {
        let stamp = Stamp { env: 0, episode: 0, step: 0 };
        let views: Vec<View<'_>> =
            drawings.iter().map(|drawing| View { drawing, camera: &self.camera, stamp }).collect();
        self.renderer.render_into(&views, &mut self.pictures).map_err(|error| error.to_string())?;
        out.copy_from_slice(&self.pictures.data);
        Ok(())
    }
}
