//! Playing a rollout: one episode of every env under a policy and a timeline, kept transition by transition.

use std::sync::Arc;

use carrot_reward::Transition;
use carrot_sim::{
    Cause, PartData, PartSlice, RowKey, ScriptView, SignalCatalog, SignalView, Signals, Task, VecEnv,
    VecEnvConfig, random_action,
};

use super::perturb::{Perturbations, edits_at};
use super::policy::{Acting, idle_action};
use super::rollout::RolloutSpec;
use super::timeline::{Act, Drive, Sensor, Slot, WAITING, draw};
use crate::error::LabError;

/// The first episode of each env of a rollout, one transition after the other.
///
/// # Shapes
/// N transitions in all, S signal columns; `before` and `now` are `[S, N]`.
#[derive(Debug, Clone)]
pub struct Played {
    /// First transition of each env, and N.
    pub starts: Vec<usize>,
    /// Names of the signal columns.
    pub catalog: SignalCatalog,
    /// Numbers per action.
    pub action_width: usize,
    /// Signals of s, with the edits of the timeline.
    pub before: Vec<f32>,
    /// Signals of s′.
    pub now: Vec<f32>,
    /// Actions as they were given, `[N, A]`.
    pub actions: Vec<f32>,
    /// Ended by the task.
    pub terminated: Vec<bool>,
    /// Cut.
    pub truncated: Vec<bool>,
    /// Why.
    pub cause: Vec<Cause>,
    /// Truth.
    pub success: Vec<bool>,
    /// Truth, 0 to 1.
    pub score: Vec<f32>,
    /// Weights that the timeline changed, in order of time within an env.
    pub weights: Vec<WeightChange>,
    /// Lines of the timeline as they came to pass, in order of time within an env.
    pub happened: Vec<Happened>,
}

/// From transition `at` to the end of its episode a node of a reward has another weight.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightChange {
    /// Env.
    pub env: usize,
    /// The first transition, counted over all envs.
    pub at: usize,
    /// The reward, by its place in the file.
    pub reward: usize,
    /// The node.
    pub node: usize,
    /// Its weight from there on.
    pub weight: f32,
}

/// A line of a timeline came to pass in an env.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happened {
    /// Env.
    pub env: usize,
    /// The line, from 0.
    pub line: usize,
    /// The step that began with it, from 1.
    pub step: usize,
}

impl Played {
    /// N.
    pub fn len(&self) -> usize {
        self.terminated.len()
    }

    /// Whether nothing was played.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of envs.
    pub fn envs(&self) -> usize {
        self.starts.len() - 1
    }

    /// Transitions of an env.
    pub fn episode(&self, env: usize) -> std::ops::Range<usize> {
        self.starts[env]..self.starts[env + 1]
    }

    /// All transitions at once, as rewards read them.
    pub fn transition(&self) -> Transition<'_> {
        Transition {
            before: SignalView::new(&self.before, self.len()),
            now: SignalView::new(&self.now, self.len()),
            terminated: &self.terminated,
            truncated: &self.truncated,
            cause: &self.cause,
            success: &self.success,
            score: &self.score,
        }
    }
}

/// What the driver does to a row at present.
#[derive(Debug, Clone, Default)]
struct Driven {
    policy: usize,
    action_noise: f32,
    action_delay: usize,
    sensor_noise: Vec<(Sensor, f32)>,
    sensor_delay: usize,
    dropped: Vec<Sensor>,
    fired: Vec<u32>,
}

impl Driven {
    fn disturbs_sensors(&self) -> bool {
        !self.sensor_noise.is_empty() || self.sensor_delay > 0 || !self.dropped.is_empty()
    }
}

/// Plays the first episode of every env.
///
/// # Errors
/// When the batch cannot be built or stepped, or a checkpoint cannot be read.
pub fn play(task: &Arc<dyn Task>, spec: &RolloutSpec, shards: usize) -> Result<Played, LabError> {
    let config = VecEnvConfig {
        num_envs: spec.envs,
        num_steps: spec.steps,
        shards,
        seed: spec.seed,
        keep_signals: true,
        autoreset: true,
    };
    let timeline = spec.timeline.clone();
    let mut env = VecEnv::new(task.clone(), config, &|app| {
        app.add_plugins(Perturbations(timeline.clone()));
    })?;
    Player::new(task, spec, &env)?.play(&mut env)
}

struct Player<'a> {
    task: &'a Arc<dyn Task>,
    spec: &'a RolloutSpec,
    policies: Vec<Acting>,
    driven: Vec<Driven>,
    keys: Vec<RowKey>,
    /// Actions of the policies at every step so far, `[t][N, A]`.
    chosen: Vec<Vec<f32>>,
    /// Signals of s at every step so far, `[t][S, N]`.
    states: Vec<Vec<f32>>,
    ended: Vec<Option<usize>>,
    weights: Vec<WeightChange>,
    happened: Vec<Happened>,
}

impl<'a> Player<'a> {
    fn new(task: &'a Arc<dyn Task>, spec: &'a RolloutSpec, env: &VecEnv) -> Result<Self, LabError> {
        let rows = env.config().num_envs;
        let policies = spec.policies.iter().map(|policy| policy.start(task.as_ref(), rows));
        let driven = Driven { fired: vec![WAITING; spec.timeline.len()], ..Driven::default() };
        let key = |env| RowKey { seed: spec.seed, env: env as u32, episode: 0 };
        Ok(Self {
            task,
            spec,
            policies: policies.collect::<Result<_, _>>()?,
            driven: vec![driven; rows],
            keys: (0..rows).map(key).collect(),
            chosen: Vec::new(),
            states: Vec::new(),
            ended: vec![None; rows],
            weights: Vec::new(),
            happened: Vec::new(),
        })
    }

    fn play(mut self, env: &mut VecEnv) -> Result<Played, LabError> {
        let (rows, width) = (self.driven.len(), self.task.spec().action.width());
        let mut given = vec![0.0; rows * width];
        env.begin_rollout();
        for t in 0..self.spec.steps {
            env.prepare()?;
            let state = state_of(env);
            self.follow_timeline(&state, t);
            self.note_edits(env, t);
            self.choose(env, &state, t, &mut given)?;
            self.states.push(state);
            env.step(&given)?;
            let rollout = env.rollout();
            for policy in &mut self.policies {
                policy.forget(rollout)?;
            }
            for (row, ended) in self.ended.iter_mut().enumerate() {
                let cell = t * rows + row;
                let ends = rollout.terminated[cell] || rollout.truncated[cell];
                *ended = ended.or(ends.then_some(t));
            }
            if self.ended.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(self.collect(env))
    }

    /// Notes what comes to pass before step `t`; what changes the rows themselves is done in their shard.
    fn follow_timeline(&mut self, state: &[f32], t: usize) {
        let rows = self.driven.len();
        for (index, entry) in self.spec.timeline.iter().enumerate() {
            let Act::Drive(drive) = &entry.act else { continue };
            let holds = entry.trigger.holds(SignalView::new(state, rows));
            for (env, row) in self.driven.iter_mut().enumerate() {
                let is_over = self.ended[env].is_some() || row.fired[index] != WAITING;
                if is_over || !entry.trigger.fires(&holds, env, t as u32) {
                    continue;
                }
                row.fired[index] = t as u32;
                self.happened.push(Happened { env, line: index, step: t + 1 });
                match drive.clone() {
                    Drive::Control(policy) => row.policy = policy,
                    Drive::ActionNoise(spread) => row.action_noise = spread,
                    Drive::ActionDelay(steps) => row.action_delay = steps as usize,
                    Drive::SensorNoise(sensor, spread) => row.sensor_noise.push((sensor, spread)),
                    Drive::SensorDelay(steps) => row.sensor_delay = steps as usize,
                    Drive::Drop(sensor) => row.dropped.push(sensor),
                    Drive::Weight(reward, node, weight) => {
                        self.weights.push(WeightChange { env, at: t, reward, node, weight });
                    }
                }
            }
        }
    }

    /// Notes which edits the rows made of themselves before step `t`.
    fn note_edits(&mut self, env: &VecEnv, t: usize) {
        for shard in env.shards() {
            for row in 0..shard.rows() {
                let index = shard.first_env() + row;
                if self.ended[index].is_none() {
                    let lines = edits_at(shard.world(), row, t as u32, &self.spec.timeline);
                    self.happened.extend(lines.map(|line| Happened { env: index, line, step: t + 1 }));
                }
            }
        }
    }

    /// Writes the actions of step `t`.
    fn choose(&mut self, env: &VecEnv, state: &[f32], t: usize, given: &mut [f32]) -> Result<(), LabError> {
        let space = &self.task.spec().action;
        let (rows, width) = (self.driven.len(), space.width());
        let mut chosen = vec![0.0; rows * width];
        let seen = self.seen(state, t);
        let parts = self.seen_parts(env, t);
        let parts: Vec<PartSlice<'_>> = parts.iter().map(|part| part.slice(0..part_len(part))).collect();
        for policy in &mut self.policies {
            policy.look(&parts, t)?;
        }
        for shard in env.shards() {
            let own: Vec<f32> = seen
                .chunks_exact(rows)
                .flat_map(|column| &column[shard.first_env()..][..shard.rows()])
                .copied()
                .collect();
            for row in 0..shard.rows() {
                let index = shard.first_env() + row;
                let view = ScriptView {
                    signals: SignalView::new(&own, shard.rows()),
                    catalog: env.catalog(),
                    world: shard.world(),
                    row,
                    step: t as u32,
                    key: self.keys[index],
                };
                let action = &mut chosen[index * width..][..width];
                self.policies[self.driven[index].policy].act(&view, space, index, action);
            }
        }
        for (index, row) in self.driven.iter().enumerate() {
            let own = index * width..(index + 1) * width;
            let action = &mut given[own.clone()];
            match t.checked_sub(row.action_delay) {
                Some(then) if row.action_delay > 0 => action.copy_from_slice(&self.chosen[then][own]),
                Some(_) => action.copy_from_slice(&chosen[own]),
                None => action.copy_from_slice(&idle_action(space).unwrap_or_else(|| vec![0.0; width])),
            }
            self.disturb(row, index, t as u32, action);
        }
        self.chosen.push(chosen);
        Ok(())
    }

    fn disturb(&self, row: &Driven, index: usize, t: u32, action: &mut [f32]) {
        if row.action_noise == 0.0 {
            return;
        }
        let (space, key) = (&self.task.spec().action, self.keys[index]);
        if space.choices(0).is_none() {
            for (element, value) in action.iter_mut().enumerate() {
                let (low, high) = space.bounds(element);
                let noise = row.action_noise * draw(key, t, Slot::Action(element));
                *value = (*value + noise).clamp(low, high);
            }
        } else if 0.5 * (draw(key, t, Slot::Action(0)) + 1.0) < row.action_noise {
            random_action(space, key, t, action);
        }
    }

    /// The signals that scripts see, `[S, N]`.
    fn seen(&self, state: &[f32], t: usize) -> Vec<f32> {
        let (rows, mut seen) = (self.driven.len(), state.to_vec());
        for (index, row) in self.driven.iter().enumerate().filter(|(_, row)| row.disturbs_sensors()) {
            for column in 0..state.len() / rows {
                let at = column * rows + index;
                let reads = |sensor: &Sensor| matches!(sensor, Sensor::Signal(own) if own.contains(&column));
                if row.sensor_delay > 0
                    && let Some(past) = t.min(self.states.len()).checked_sub(row.sensor_delay)
                {
                    seen[at] = self.states[past][at];
                } else if row.sensor_delay > 0
                    && let Some(first) = self.states.first()
                {
                    seen[at] = first[at];
                }
                for (_, spread) in row.sensor_noise.iter().filter(|(sensor, _)| reads(sensor)) {
                    seen[at] += spread * draw(self.keys[index], t as u32, Slot::Sensor(column));
                }
                if row.dropped.iter().any(reads) {
                    seen[at] = 0.0;
                }
            }
        }
        seen
    }

    /// The observations that trained policies see.
    fn seen_parts(&self, env: &VecEnv, t: usize) -> Vec<PartData> {
        let (rows, rollout) = (self.driven.len(), env.rollout());
        let sizes = rollout.part_sizes();
        let mut parts = Vec::with_capacity(sizes.len());
        for (part, (all, &size)) in rollout.obs.iter().zip(sizes).enumerate() {
            let at =
                |index: usize| t.saturating_sub(self.driven[index].sensor_delay) * rows * size + index * size;
            let is_it = |sensor: &Sensor| *sensor == Sensor::Part(part);
            if all.f32().is_empty() {
                let dropped = |index: usize| self.driven[index].dropped.iter().any(is_it);
                let bytes = (0..rows).flat_map(|index| {
                    let own = &all.u8()[at(index)..][..size];
                    own.iter().map(move |&byte| if dropped(index) { 0 } else { byte })
                });
                parts.push(PartData::U8(bytes.collect()));
                continue;
            }
            let mut floats: Vec<f32> =
                (0..rows).flat_map(|index| &all.f32()[at(index)..][..size]).copied().collect();
            for (index, (row, own)) in self.driven.iter().zip(floats.chunks_mut(size)).enumerate() {
                for (_, spread) in row.sensor_noise.iter().filter(|(sensor, _)| is_it(sensor)) {
                    for (element, value) in own.iter_mut().enumerate() {
                        *value += spread * draw(self.keys[index], t as u32, Slot::Sensor(element));
                    }
                }
                if row.dropped.iter().any(is_it) {
                    own.fill(0.0);
                }
            }
            parts.push(PartData::F32(floats));
        }
        parts
    }

    /// Cuts the first episode of each env out of the rollout.
    fn collect(self, env: &VecEnv) -> Played {
        let (rollout, rows) = (env.rollout(), self.driven.len());
        let width = self.task.spec().action.width();
        let lengths = self.ended.iter().map(|end| end.map_or(rollout.filled, |t| t + 1));
        let mut starts = vec![0];
        for length in lengths {
            starts.push(starts[starts.len() - 1] + length);
        }
        let cells: Vec<(usize, usize)> =
            (0..rows).flat_map(|row| (0..starts[row + 1] - starts[row]).map(move |t| (t, row))).collect();
        let columns = rollout.signal_columns;
        let mut before = Vec::with_capacity(columns * cells.len());
        let mut now = Vec::with_capacity(columns * cells.len());
        let log = rollout.signals.as_ref().map_or(&[][..], |log| &log.now);
        for column in 0..columns {
            before.extend(cells.iter().map(|&(t, row)| self.states[t][column * rows + row]));
            now.extend(cells.iter().map(|&(t, row)| log[(t * columns + column) * rows + row]));
        }
        let cell = |&(t, row): &(usize, usize)| t * rows + row;
        let weights = self.weights.into_iter();
        let mut happened = self.happened;
        happened.sort_by_key(|happened| (happened.env, happened.step, happened.line));
        Played {
            happened,
            catalog: env.catalog().clone(),
            action_width: width,
            before,
            now,
            actions: cells
                .iter()
                .flat_map(|c| &rollout.actions[cell(c) * width..][..width])
                .copied()
                .collect(),
            terminated: cells.iter().map(|c| rollout.terminated[cell(c)]).collect(),
            truncated: cells.iter().map(|c| rollout.truncated[cell(c)]).collect(),
            cause: cells.iter().map(|c| rollout.cause[cell(c)]).collect(),
            success: cells.iter().map(|c| rollout.success[cell(c)]).collect(),
            score: cells.iter().map(|c| rollout.score[cell(c)]).collect(),
            weights: weights
                .map(|change| WeightChange { at: starts[change.env] + change.at, ..change })
                .collect(),
            starts,
        }
    }
}

fn part_len(part: &PartData) -> usize {
    part.f32().len().max(part.u8().len())
}

/// Signals of the present state of all rows, joined column by column, `[S, N]`.
fn state_of(env: &VecEnv) -> Vec<f32> {
    let views: Vec<SignalView<'_>> =
        env.shards().iter().map(|shard| shard.world().resource::<Signals>().before()).collect();
    (0..env.catalog().width())
        .flat_map(|c| views.iter().flat_map(move |view| view.column(c)))
        .copied()
        .collect()
}
