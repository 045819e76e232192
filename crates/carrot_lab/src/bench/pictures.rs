//! Speed of drawing: pictures of many rows in one pass, in turn with peers that draw one env at a time.

pub use carrot_render::RenderConfig;
use carrot_render::{Pictures, Renderer, View};
use carrot_sim::{Frame, RowKey, VecEnv, VecEnvConfig, random_action};
use serde::Serialize;

use super::Window;
use super::clock::{Clock, OneCore};
use super::peers::Peers;
use super::turns::{Guest, PeerRates, Plan, Rates};
use crate::error::LabError;

/// Rows that are drawn together.
const ROWS: usize = 1024;
/// Random steps before they are drawn, so that no two rows look alike.
const STEPS: u32 = 8;

/// All that was measured of pictures of one task in one size.
#[derive(Debug, Clone, Serialize)]
pub struct PictureRates {
    /// The task.
    pub task: String,
    /// Side of the pictures in pixels.
    pub size: u32,
    /// Samples per pixel of Carrot's.
    pub samples: u32,
    /// The device that drew Carrot's.
    pub adapter: String,
    /// Carrot.
    pub own: Rates,
    /// Everybody else.
    pub peers: Vec<PeerRates>,
}

/// Measures pictures of a task on one core, from drawings in memory to bytes in memory, in turn with the peers.
///
/// # Errors
/// When the task is unknown, a step fails, or there is no device that draws. A peer that fails is told of in its row.
pub fn measure_pictures(
    task: &str,
    config: RenderConfig,
    peers: Option<&Peers>,
    plan: &Plan,
    on_party: &mut dyn FnMut(&str),
) -> Result<PictureRates, LabError> {
    let _core = OneCore::enter();
    let RenderConfig { size, samples } = config;
    on_party(&format!("{task}, {size} pixels"));
    let mut painter = Painter::new(task, config)?;
    let mut guests = Vec::new();
    let fits = |case: &&super::peers::PeerCase| case.task == task && case.size == Some(size);
    for case in peers.iter().flat_map(|peers| &peers.pictures).filter(fits) {
        on_party(&format!("{task}, {size} pixels, by {}", case.peer));
        guests.extend(peers.map(|peers| Guest::new(peers, case)));
    }
    let mut windows = Vec::with_capacity(plan.turns);
    for _ in 0..plan.turns {
        windows.push(painter.window(plan.window_secs)?);
        guests.iter_mut().for_each(|guest| guest.window(plan.window_secs));
    }
    let nothing = || LabError::Refused("there was no turn".into());
    let own = Rates::of(windows).ok_or_else(nothing)?;
    let peers = guests.into_iter().map(|guest| guest.rates(&[("pictures", &own)])).collect();
    let adapter = painter.renderer.adapter().to_owned();
    Ok(PictureRates { task: task.into(), size, samples, adapter, own, peers })
}

/// Rows of a task, ready to be drawn.
struct Painter {
    renderer: Renderer,
    frames: Vec<Frame>,
    camera: carrot_sim::Camera,
    pictures: Pictures,
}

impl Painter {
    fn new(task: &str, render: RenderConfig) -> Result<Self, LabError> {
        let unknown = || LabError::Refused(format!("there is no task `{task}`"));
        let task = carrot_tasks::build_task(task).ok_or_else(unknown)?;
        let (camera, space) = (task.camera(), task.spec().action.clone());
        let config = VecEnvConfig {
            num_envs: ROWS,
            num_steps: STEPS as usize,
            shards: 1,
            seed: 1,
            keep_signals: false,
            autoreset: true,
        };
        let mut env = VecEnv::new(task, config, &|_| {})?;
        let mut actions = vec![0.0; ROWS * space.width()];
        for step in 0..STEPS {
            for (row, action) in actions.chunks_mut(space.width()).enumerate() {
                random_action(&space, RowKey { seed: 1, env: row as u32, episode: 0 }, step, action);
            }
            if step + 1 == STEPS {
                env.watch(&(0..ROWS).collect::<Vec<_>>());
            }
            env.step(&actions)?;
        }
        let (renderer, pictures) = (Renderer::new(render)?, Pictures::default());
        let mut painter = Self { renderer, frames: env.frames(), camera, pictures };
        // Buffers are made and shaders compiled when the first pictures are.
        painter.draw()?;
        Ok(painter)
    }

    fn window(&mut self, secs: f64) -> Result<Window, LabError> {
        let (clock, mut steps) = (Clock::start(), 0);
        while clock.wall_secs() < secs {
            steps += self.draw()?;
        }
        Ok(Window { steps, secs: clock.wall_secs(), cpu_secs: clock.cpu_secs() })
    }

    fn draw(&mut self) -> Result<u64, LabError> {
        let views: Vec<View<'_>> = self.frames.iter().map(|frame| View::of(frame, &self.camera)).collect();
        self.renderer.render_into(&views, &mut self.pictures)?;
        Ok(views.len() as u64)
    }
}
