//! Pictures of a task in many states, and what is true of each.

use carrot_learn::Memory;
use carrot_render::{Renderer, View};
use carrot_reward::{Ledger, Revision, RewardModels};
use carrot_sim::{Frame, RowKey, Stream, VecEnvConfig};

use super::captions::Captions;
use crate::error::LabError;
use crate::evaluate::{Actor, act};
use crate::setup::Setup;

/// Envs that are stepped at a time.
const ENVS: usize = 16;
/// Steps between two looks at the batch.
const ROLLOUT: usize = 16;
/// Steps for which random actions are held: a policy that learns goes where noise at every step does not.
const HELD: [u32; 2] = [4, 16];
/// Steps of an env over which pictures are spread, where episodes are longer.
const SPREAD: u32 = 400;

/// Pictures and what is true of them.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// `[N, size, size, 3]`.
    pub pictures: Vec<u8>,
    /// One row per picture, one column per caption of the task; `None` is open.
    pub labels: Vec<Vec<Option<bool>>>,
    /// How true each caption is, from 0 to 1, in the same order; `None` is open.
    pub degrees: Vec<Vec<Option<f32>>>,
    /// The task's own success at that step.
    pub success: Vec<bool>,
    /// The task's own score at that step.
    pub score: Vec<f32>,
}

/// A caption, and the nodes that say what is true of it.
struct Judged {
    caption: usize,
    yes: usize,
    no: usize,
    degree: Option<usize>,
}

/// A task that can be shown.
pub struct Show {
    /// The setup whose reward tells what is true.
    setup: Setup,
    /// Captions of the task.
    captions: Vec<Judged>,
}

impl Show {
    /// A task with its captions.
    ///
    /// # Errors
    /// Mistakes in the captions' conditions.
    pub fn new(captions: &Captions, task: &str) -> Result<Self, LabError> {
        let setup = captions.setup(task)?;
        let nodes = &setup.graphs[0].nodes;
        let node = |name: String| nodes.iter().position(|node| node.name == name);
        let find = |caption: usize| {
            let [yes, no, degree] = ["true", "false", "degree"].map(|part| node(format!("{caption} {part}")));
            Some(Judged { caption, yes: yes?, no: no?, degree })
        };
        let captions = captions.of(task).into_iter().filter_map(find).collect();
        Ok(Self { setup, captions })
    }

    /// Indices of the task's captions, in the order of the columns of [`Shown::labels`].
    pub fn captions(&self) -> impl Iterator<Item = usize> {
        self.captions.iter().map(|judged| judged.caption)
    }

    /// Name of the task.
    pub fn task(&self) -> &'static str {
        self.setup.task.spec().name
    }

    /// Family of the task.
    pub fn family(&self) -> &'static str {
        self.setup.task.spec().family
    }

    /// At least `count` pictures: the scripts of the task, more and less noisy, and chance take turns, its actions held or not.
    ///
    /// # Errors
    /// When the batch cannot be built or stepped, or the device stops drawing.
    pub fn shoot(&self, renderer: &mut Renderer, count: usize, seed: u64) -> Result<Shown, LabError> {
        let task = &self.setup.task;
        let scripts = task.spec().scripts.iter();
        let mut actors: Vec<Actor<'_>> = scripts
            .flat_map(|script| [0.05, 0.35].map(|noise| Actor::NoisyScript { script: *script, noise }))
            .collect();
        actors.push(Actor::Random);
        actors.extend(HELD.map(Actor::Held));
        let (share, camera) = (count.div_ceil(actors.len()), task.camera());
        let mut shown = Shown::default();
        for (turn, actor) in actors.iter().enumerate() {
            let mut kept = Vec::new();
            self.play(actor, share, seed + turn as u64, &mut shown, &mut kept)?;
            let views: Vec<View<'_>> = kept.iter().map(|frame| View::of(frame, &camera)).collect();
            shown.pictures.extend(renderer.render(&views)?.data);
        }
        Ok(shown)
    }

    /// Steps until there are enough frames.
    fn play(
        &self,
        actor: &Actor<'_>,
        wanted: usize,
        seed: u64,
        shown: &mut Shown,
        kept: &mut Vec<Frame>,
    ) -> Result<(), LabError> {
        let config = VecEnvConfig {
            num_envs: ENVS,
            num_steps: ROLLOUT,
            shards: 1,
            seed,
            keep_signals: false,
            autoreset: true,
        };
        let (graphs, revision) = (&self.setup.graphs, Revision::initial(&self.setup.graphs));
        let mut env = self.setup.build(config, &revision)?;
        let catalog = env.catalog().clone();
        let mut ledger = Ledger::new(graphs, ROLLOUT, ENVS);
        let mut actions = vec![0.0; ENVS * self.setup.task.spec().action.width()];
        // So many steps that the pictures show whole episodes; ends always, since success is often seen there alone.
        let every = self.setup.task.spec().max_steps.min(SPREAD) * ENVS as u32 / wanted.max(1) as u32;
        let mut draws = RowKey { seed, env: u32::MAX, episode: 0 }.rng(Stream::Script);
        env.watch(&(0..ENVS).collect::<Vec<_>>());
        let mut step = 0;
        while kept.len() < wanted {
            env.begin_rollout();
            let mut looked = Vec::new();
            for t in 0..ROLLOUT {
                act(actor, &self.setup, &mut env, &mut Memory::default(), step, &mut actions)?;
                env.step(&actions)?;
                step += 1;
                for (row, frame) in env.frames().into_iter().enumerate() {
                    if frame.terminated || draws.below(every.max(1)) == 0 {
                        looked.push((t, row, frame));
                    }
                }
            }
            let mut models = RewardModels::new();
            env.finalise_with(|r| ledger.finalise(graphs, &revision, &mut models, &catalog, r))?;
            for (t, row, frame) in looked {
                let value = |node: usize| ledger.graphs[0].output(t, node)[row];
                let label = |judged: &Judged| match (value(judged.yes) > 0.5, value(judged.no) > 0.5) {
                    (true, _) => Some(true),
                    (false, true) => Some(false),
                    (false, false) => None,
                };
                let degree = |judged: &Judged| match judged.degree {
                    Some(node) => Some(value(node).clamp(0.0, 1.0)),
                    None => label(judged).map(|label| f32::from(u8::from(label))),
                };
                shown.labels.push(self.captions.iter().map(label).collect());
                shown.degrees.push(self.captions.iter().map(degree).collect());
                shown.success.push(env.rollout().success[t * ENVS + row]);
                shown.score.push(env.rollout().score[t * ENVS + row]);
                kept.push(frame);
            }
        }
        Ok(())
    }
}
