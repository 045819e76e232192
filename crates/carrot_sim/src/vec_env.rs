//! Many shards as one batch: the interface that learners, evaluators and benchmarks drive.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bevy_app::App;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::batch::{PartData, PartSlice};
use crate::episode::{Fault, FaultLog, RawColumns};
use crate::error::SimError;
use crate::frame::{Frame, LookRule};
use crate::intervention::Intervention;
use crate::pixels::{Pixels, Turn};
use crate::rollout::Rollout;
use crate::row::{Episode, StepCount};
use crate::seed::RowKey;
use crate::shard::Shard;
use crate::signal::{SignalCatalog, Signals};
use crate::snapshot::RowSnapshot;
use crate::task::Task;

/// How a batch is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VecEnvConfig {
    /// Rows of the whole batch.
    pub num_envs: usize,
    /// Steps of a rollout.
    pub num_steps: usize,
    /// Worlds, one thread each; no number depends on it.
    pub shards: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Keep the signals of every step, for recording and for deferred terms.
    pub keep_signals: bool,
    /// Ended rows begin a new episode in the same step. When off, the caller resets them by mask.
    pub autoreset: bool,
}

/// A batch of envs on shards.
pub struct VecEnv {
    task: Arc<dyn Task>,
    config: VecEnvConfig,
    catalog: SignalCatalog,
    shards: Vec<Shard>,
    bounds: Vec<usize>,
    threads: Option<Arc<rayon::ThreadPool>>,
    rollout: Rollout,
    /// Draws the observations, where agents see pictures.
    pixels: Option<Pixels>,
}

/// The whole batch between two rollouts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchSnapshot {
    rows: Vec<RowSnapshot>,
    obs: Vec<PartData>,
}

impl VecEnv {
    /// Builds the batch; `install` adds further plugins (rewards) to the app of every shard.
    pub fn new(
        task: Arc<dyn Task>,
        config: VecEnvConfig,
        install: &dyn Fn(&mut App),
    ) -> Result<Self, SimError> {
        let (rows, shards) = (config.num_envs, config.shards);
        if rows == 0 || shards == 0 || config.num_steps == 0 {
            return Err(SimError::EmptyBatch { rows, shards });
        }
        let shards = shards.min(rows);
        let bounds: Vec<usize> = (0..=shards).map(|i| i * rows / shards).collect();
        let shards: Vec<Shard> = bounds
            .windows(2)
            .map(|pair| Shard::new(&task, install, config.seed, pair[0], pair[1] - pair[0]))
            .collect();
        let threads = match shards.len() {
            1 => None,
            n => {
                let builder = rayon::ThreadPoolBuilder::new().num_threads(n);
                let threads = builder.thread_name(|i| format!("shard {i}")).build();
                Some(Arc::new(threads.map_err(|e| SimError::Threads(e.to_string()))?))
            }
        };
        let spec = task.spec();
        let catalog = spec.catalog();
        let raw_columns = shards[0].world().resource::<RawColumns>().count();
        let rollout = Rollout::new(
            config.num_steps,
            rows,
            task.observation(),
            spec.action.width(),
            raw_columns,
            catalog.width(),
            config.keep_signals,
        )?;
        let pixels = task.painter()?.map(Pixels::new);
        let mut env = Self { task, config, catalog, shards, bounds, threads, rollout, pixels };
        env.look(&[]);
        env.reset(None)?;
        Ok(env)
    }

    /// The task.
    pub fn task(&self) -> &Arc<dyn Task> {
        &self.task
    }

    /// The layout.
    pub fn config(&self) -> &VecEnvConfig {
        &self.config
    }

    /// Signals of the task and its actions.
    pub fn catalog(&self) -> &SignalCatalog {
        &self.catalog
    }

    /// The shards.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The shards, for projecting revisions between rollouts.
    pub fn shards_mut(&mut self) -> &mut [Shard] {
        &mut self.shards
    }

    /// The buffers of the running rollout.
    pub fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    /// Runs a loop of steps from within this batch's threads: each step then hands over between threads that are
    /// awake, which costs a microsecond and not the tens that waking one up takes.
    pub fn on_threads<R: Send>(&mut self, work: impl FnOnce(&mut Self) -> R + Send) -> R {
        match self.threads.clone() {
            None => work(self),
            Some(threads) => threads.install(|| work(self)),
        }
    }

    /// Finalises the rollout on this batch's threads: `work` may fill deferred columns and use rayon.
    pub fn finalise_with<R: Send>(&mut self, work: impl FnOnce(&mut Rollout) -> R + Send) -> R {
        match &self.threads {
            None => work(&mut self.rollout),
            Some(threads) => threads.install(|| work(&mut self.rollout)),
        }
    }

    /// Observations that the next action answers, one buffer per part, and the range of their elements.
    pub fn current_obs(&self) -> Vec<PartSlice<'_>> {
        let (t, n) = (self.rollout.filled, self.config.num_envs);
        let sizes = self.rollout.part_sizes();
        self.rollout
            .obs
            .iter()
            .zip(sizes)
            .map(|(part, &size)| part.slice(t * n * size..(t + 1) * n * size))
            .collect()
    }

    /// Begins a new episode in all rows, or where the mask `[N]` is true.
    ///
    /// # Errors
    /// When the mask does not have one flag per row.
    pub fn reset(&mut self, mask: Option<&[bool]>) -> Result<(), SimError> {
        let expected = self.config.num_envs;
        if let Some(given) = mask.map(<[bool]>::len).filter(|&given| given != expected) {
            return Err(SimError::MaskShape { given, expected });
        }
        for (shard, pair) in self.shards.iter_mut().zip(self.bounds.windows(2)) {
            let own = mask.map(|mask| &mask[pair[0]..pair[1]]);
            let rows = own.map(|own| (0..own.len() as u32).filter(|&row| own[row as usize]).collect());
            shard.reset(rows);
        }
        self.refresh_obs(&|row| mask.is_none_or(|mask| mask[row]))?;
        self.refresh_start();
        Ok(())
    }

    /// Observes all rows anew; `begins` says of which ones the episode begins here, for stacks of pictures.
    fn refresh_obs(&mut self, begins: &dyn Fn(usize) -> bool) -> Result<(), SimError> {
        let t = self.rollout.filled;
        if self.pixels.is_some() {
            return self.paint(t, &|row| if begins(row) { Turn::Begin } else { Turn::Replace });
        }
        let mut outs = self.rollout.obs_at(t, &self.bounds);
        for (shard, out) in self.shards.iter().zip(&mut outs) {
            shard.write_observations(out);
        }
        Ok(())
    }

    /// Draws all rows as they are now, and writes their observations at step `to`.
    fn paint(&mut self, to: usize, turn: &dyn Fn(usize) -> Turn) -> Result<(), SimError> {
        let Some(pixels) = &mut self.pixels else { return Ok(()) };
        let drawings: Vec<_> = self.shards.iter().flat_map(Shard::drawings).collect();
        pixels.paint(&drawings)?;
        let (from, size) = (self.rollout.filled, self.rollout.part_sizes()[0]);
        let PartData::U8(obs) = &mut self.rollout.obs[0] else { return Ok(()) };
        let mut before = vec![0; size];
        for row in 0..drawings.len() {
            before.copy_from_slice(&obs[(from * drawings.len() + row) * size..][..size]);
            let out = &mut obs[(to * drawings.len() + row) * size..][..size];
            pixels.write(turn(row), row, &before, out);
        }
        Ok(())
    }

    /// Draws the last states of the episodes that ended in the step just taken, then all rows as they are now.
    fn observe_pixels(&mut self, first_look: usize) -> Result<(), SimError> {
        let (t, n) = (self.rollout.filled, self.config.num_envs);
        let Some(pixels) = &mut self.pixels else { return Ok(()) };
        let looks = &self.rollout.looks[first_look..];
        let (rows, last): (Vec<usize>, Vec<_>) = looks
            .iter()
            .filter(|look| look.ended)
            .map(|look| (look.row as usize, look.drawing.clone()))
            .unzip();
        if !rows.is_empty() {
            pixels.paint(&last)?;
            let size = self.rollout.part_sizes()[0];
            let mut out = vec![0; size];
            for (index, row) in rows.iter().enumerate() {
                let before = &self.rollout.obs[0].u8()[(t * n + row) * size..][..size];
                pixels.write(Turn::Push, index, before, &mut out);
                self.rollout.final_obs[0].extend(PartSlice::U8(&out));
            }
        }
        let autoreset = self.config.autoreset;
        self.paint(t + 1, &|row| {
            if autoreset && rows.binary_search(&row).is_ok() { Turn::Begin } else { Turn::Push }
        })
    }

    fn refresh_start(&mut self) {
        let n = self.config.num_envs;
        if let Some(log) = self.rollout.signals.as_mut().filter(|_| self.rollout.filled == 0) {
            for (shard, pair) in self.shards.iter().zip(self.bounds.windows(2)) {
                let before = shard.world().resource::<Signals>().before();
                for column in 0..self.rollout.signal_columns {
                    log.start[column * n + pair[0]..column * n + pair[1]]
                        .copy_from_slice(before.column(column));
                }
            }
        }
    }

    /// Starts a new rollout; the last observations become the first ones.
    pub fn begin_rollout(&mut self) {
        self.rollout.begin();
        self.refresh_start();
    }

    /// Makes the edits that wait, and those of perturbations, before the next actions are chosen: whoever looks now
    /// sees the state that the next step begins with. A step does it by itself where nobody looks before.
    ///
    /// # Errors
    /// When what agents see cannot be drawn.
    pub fn prepare(&mut self) -> Result<(), SimError> {
        let edited = self.shards.iter_mut().fold(false, |edited, shard| shard.prepare() | edited);
        if edited {
            self.refresh_obs(&|_| false)?;
            self.refresh_start();
        }
        Ok(())
    }

    /// One step of every row with actions `[N, A]`, written at the rollout's next step.
    ///
    /// # Errors
    /// When the actions do not fit, the rollout is full, or a system panicked.
    pub fn step(&mut self, actions: &[f32]) -> Result<(), SimError> {
        let width = self.task.spec().action.width();
        let (n, t) = (self.config.num_envs, self.rollout.filled);
        if actions.len() != n * width {
            return Err(SimError::ActionShape { given: actions.len(), expected: n * width, rows: n, width });
        }
        if t == self.config.num_steps {
            return Err(SimError::RolloutFull(t));
        }
        let autoreset = self.config.autoreset;
        let bounds = &self.bounds;
        let mut outs = self.rollout.outs(t, bounds);
        if self.pixels.is_some() {
            // Pictures take the place of what the shards would write.
            outs.iter_mut().for_each(|out| out.obs.clear());
        }
        let work = |(i, (shard, out)): (usize, (&mut Shard, &mut crate::batch::StepOut<'_>))| {
            let own = &actions[bounds[i] * width..bounds[i + 1] * width];
            catch_unwind(AssertUnwindSafe(|| shard.step(t as u32, own, autoreset, out)))
                .map_err(|panic| SimError::Panicked { shard: i, message: panic_text(panic.as_ref()) })
        };
        match &self.threads {
            None => self.shards.iter_mut().zip(&mut outs).enumerate().try_for_each(work)?,
            Some(threads) => threads.install(|| {
                self.shards.par_iter_mut().zip(outs.par_iter_mut()).enumerate().try_for_each(work)
            })?,
        }
        drop(outs);
        let first_look = self.rollout.looks.len();
        for shard in &mut self.shards {
            self.rollout.ends.append(&mut shard.ended.ends);
            let parts = shard.ended.final_obs.iter().filter(|_| self.pixels.is_none());
            for (to, from) in self.rollout.final_obs.iter_mut().zip(parts) {
                let len = from.f32().len().max(from.u8().len());
                to.extend(from.slice(0..len));
            }
            if let Some(log) = &mut self.rollout.signals {
                log.fresh.append(&mut shard.ended.fresh_signals);
            }
            self.rollout.looks.append(&mut shard.ended.looks);
        }
        self.observe_pixels(first_look)?;
        self.rollout.filled += 1;
        Ok(())
    }

    /// Key and step count of every row, in row order.
    pub fn keys(&mut self) -> Vec<(RowKey, u32)> {
        let seed = self.config.seed;
        let mut keys = Vec::with_capacity(self.config.num_envs);
        for shard in &mut self.shards {
            let world = shard.world_mut();
            let mut query = world.query::<(&crate::EnvId, &Episode, &StepCount)>();
            keys.extend(
                query
                    .iter(world)
                    .map(|(env, episode, steps)| (RowKey { seed, env: env.0, episode: episode.0 }, steps.0)),
            );
        }
        keys
    }

    /// Saves row `env`.
    pub fn snapshot(&self, env: usize) -> Result<RowSnapshot, SimError> {
        let (shard, row) = self.locate(env)?;
        self.shards[shard].snapshot(row)
    }

    /// Restores row `env`; with another row's snapshot this is a branch.
    pub fn restore(&mut self, env: usize, snapshot: &RowSnapshot) -> Result<(), SimError> {
        let (shard, row) = self.locate(env)?;
        self.shards[shard].restore(row, snapshot)?;
        self.refresh_obs(&|other| other == env)?;
        self.refresh_start();
        Ok(())
    }

    /// Saves every row, between two rollouts.
    pub fn save(&self) -> Result<BatchSnapshot, SimError> {
        let rows = (0..self.config.num_envs).map(|env| self.snapshot(env)).collect::<Result<_, _>>()?;
        Ok(BatchSnapshot { rows, obs: self.shards_obs() })
    }

    fn shards_obs(&self) -> Vec<PartData> {
        let n = self.config.num_envs;
        let (t, sizes) = (self.rollout.filled, self.rollout.part_sizes());
        let parts = self.rollout.obs.iter().zip(sizes);
        parts
            .map(|(part, &size)| {
                let mut own =
                    if part.f32().is_empty() { PartData::U8(Vec::new()) } else { PartData::F32(Vec::new()) };
                own.extend(part.slice(t * n * size..(t + 1) * n * size));
                own
            })
            .collect()
    }

    /// Restores every row and starts a new rollout there.
    pub fn load(&mut self, snapshot: &BatchSnapshot) -> Result<(), SimError> {
        if snapshot.rows.len() != self.config.num_envs {
            return Err(SimError::SnapshotColumns);
        }
        for (env, row) in snapshot.rows.iter().enumerate() {
            let (shard, local) = self.locate(env)?;
            self.shards[shard].restore(local, row)?;
        }
        self.rollout.filled = 0;
        self.refresh_obs(&|_| true)?;
        // What stands on top of a stack of pictures is drawn again; what lies below it only the snapshot knows.
        if let (Some(_), [kept]) = (&self.pixels, snapshot.obs.as_slice())
            && kept.u8().len() == self.config.num_envs * self.rollout.part_sizes()[0]
        {
            self.rollout.obs[0].slice_mut(0..kept.u8().len()).copy_from(kept);
        }
        if self.shards_obs() != snapshot.obs {
            return Err(SimError::SnapshotColumns);
        }
        self.begin_rollout();
        Ok(())
    }

    /// Queues an edit of row `edit.row` for the start of the next step.
    pub fn intervene(&mut self, edit: Intervention) -> Result<(), SimError> {
        let (shard, row) = self.locate(edit.row)?;
        self.shards[shard].intervene(Intervention { row, ..edit })
    }

    /// Keeps frames of these rows from the next step on.
    pub fn watch(&mut self, envs: &[usize]) {
        for (shard, pair) in self.shards.iter_mut().zip(self.bounds.windows(2)) {
            shard.watch(
                envs.iter().filter(|e| (pair[0]..pair[1]).contains(*e)).map(|e| e - pair[0]).collect(),
            );
        }
    }

    /// Draws all rows by these rules from the next step on; what was drawn stays in the rollout.
    pub fn look(&mut self, rules: &[LookRule]) {
        // Where agents see pictures, they see the last one of an episode as well.
        let last = self.pixels.as_ref().map(|_| LookRule { every: 0 });
        let rules: Vec<LookRule> = rules.iter().copied().chain(last).collect();
        self.shards.iter_mut().for_each(|shard| shard.look(&rules));
    }

    /// Frames of the watched rows at the last step.
    pub fn frames(&self) -> Vec<Frame> {
        self.shards.iter().flat_map(|s| s.frames().iter().cloned()).collect()
    }

    /// A frame of row `env` as it is now.
    pub fn frame(&mut self, env: usize) -> Result<Frame, SimError> {
        let (shard, row) = self.locate(env)?;
        self.shards[shard].frame(row)
    }

    /// Takes the faults contained since the last call.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        self.shards
            .iter_mut()
            .flat_map(|s| std::mem::take(&mut s.world_mut().resource_mut::<FaultLog>().0))
            .collect()
    }

    /// Action elements that clipping changed since the batch was built.
    pub fn clipped(&self) -> u64 {
        self.shards.iter().map(|s| s.world().resource::<crate::Actions>().clipped).sum()
    }

    /// Sets the count of clipped elements, as a resumed run does.
    pub fn set_clipped(&mut self, clipped: u64) {
        for (i, shard) in self.shards.iter_mut().enumerate() {
            shard.world_mut().resource_mut::<crate::Actions>().clipped = if i == 0 { clipped } else { 0 };
        }
    }

    fn locate(&self, env: usize) -> Result<(usize, usize), SimError> {
        if env >= self.config.num_envs {
            return Err(SimError::NoSuchRow { row: env, rows: self.config.num_envs });
        }
        let shard = self.bounds.partition_point(|&b| b <= env) - 1;
        Ok((shard, env - self.bounds[shard]))
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
