//! The behaviour of a batch, seen through real tasks.

use carrot_sim::{
    CAUSE_FAULT, FaultSource, Intervention, RowKey, StepCount, VecEnv, VecEnvConfig, random_action,
    set_row_state,
};
use carrot_tasks::{build_task, task_names};

/// A batch on one shard that resets itself and keeps its signals.
pub(crate) fn env(task: &str, num_envs: usize, num_steps: usize) -> VecEnv {
    env_with(task, config(num_envs, num_steps))
}

pub(crate) fn config(num_envs: usize, num_steps: usize) -> VecEnvConfig {
    VecEnvConfig { num_envs, num_steps, shards: 1, seed: 7, keep_signals: true, autoreset: true }
}

/// Lets the first episodes of a batch be cut within the next 60 steps, so that ends are seen of long episodes too.
fn begin_late(env: &mut VecEnv) {
    let limit = env.task().spec().max_steps;
    for shard in env.shards_mut() {
        for row in 0..shard.rows() {
            let left = 20 + (shard.first_env() + row) as u32 % 40;
            set_row_state(shard.world_mut(), row, StepCount(limit.saturating_sub(left)));
        }
    }
}

pub(crate) fn env_with(task: &str, config: VecEnvConfig) -> VecEnv {
    VecEnv::new(build_task(task).unwrap(), config, &|_| {}).unwrap()
}

/// First episodes of a batch.
pub(crate) struct Episodes {
    pub(crate) ended: Vec<bool>,
    pub(crate) success: Vec<bool>,
    pub(crate) score: Vec<f32>,
    pub(crate) length: Vec<u32>,
    /// Signals of s′, `[N][length][S]`.
    pub(crate) signals: Vec<Vec<Vec<f32>>>,
}

impl Episodes {
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            ended: vec![false; rows],
            success: vec![false; rows],
            score: vec![0.0; rows],
            length: vec![0; rows],
            signals: vec![Vec::new(); rows],
        }
    }

    pub(crate) fn add_last_step(&mut self, rollout: &carrot_sim::Rollout) {
        let t = rollout.filled - 1;
        let now = rollout.signals_now(t).unwrap();
        for row in 0..self.ended.len() {
            if !self.ended[row] {
                self.signals[row].push((0..rollout.signal_columns).map(|c| now.column(c)[row]).collect());
            }
        }
        for end in rollout.ends.iter().filter(|end| end.step as usize == t && end.episode == 0) {
            let (row, cell) = (end.env as usize, t * rollout.num_envs + end.env as usize);
            self.ended[row] = true;
            self.success[row] = rollout.success[cell];
            self.score[row] = rollout.score[cell];
            self.length[row] = end.length;
        }
    }

    pub(crate) fn success_rate(&self) -> f64 {
        self.success.iter().filter(|s| **s).count() as f64 / self.success.len() as f64
    }
}

/// Random actions of step `t`.
pub(crate) fn random_actions(env: &VecEnv, t: usize) -> Vec<f32> {
    let space = &env.task().spec().action;
    let mut actions = vec![0.0; env.config().num_envs * space.width()];
    for (row, action) in actions.chunks_exact_mut(space.width()).enumerate() {
        random_action(space, RowKey { seed: 3, env: row as u32, episode: 0 }, t as u32, action);
    }
    actions
}

/// Everything that a filled rollout says, as bytes that compare bit for bit.
fn bytes(env: &VecEnv) -> Vec<u8> {
    let rollout = env.rollout();
    let mut bytes = Vec::new();
    let mut floats = |data: &[f32]| data.iter().for_each(|x| bytes.extend(x.to_bits().to_le_bytes()));
    for part in rollout.obs.iter().chain(&rollout.final_obs) {
        floats(part.f32());
    }
    let log = rollout.signals.as_ref().unwrap();
    [&log.start, &log.now, &log.fresh, &rollout.score, &rollout.raw]
        .into_iter()
        .for_each(|data| floats(data));
    for part in rollout.obs.iter().chain(&rollout.final_obs) {
        bytes.extend(part.u8());
    }
    for flags in [&rollout.terminated, &rollout.truncated, &rollout.success] {
        bytes.extend(flags.iter().map(|flag| u8::from(*flag)));
    }
    bytes.extend(&rollout.cause);
    bytes.extend(format!("{:?}", rollout.ends).bytes());
    bytes
}

/// Fills a rollout with random actions from step `t` on.
pub(crate) fn roll(env: &mut VecEnv, t: usize) -> Vec<u8> {
    env.begin_rollout();
    for k in 0..env.config().num_steps {
        env.step(&random_actions(env, t + k)).unwrap();
    }
    bytes(env)
}

#[test]
fn one_two_and_four_shards_give_the_same_bits() {
    for task in task_names() {
        let mut ended = 0;
        let mut envs: Vec<_> =
            [1, 2, 4].map(|shards| env_with(task, VecEnvConfig { shards, ..config(37, 50) })).into();
        envs.iter_mut().for_each(begin_late);
        for rollout in 0..10 {
            let all: Vec<_> = envs.iter_mut().map(|env| roll(env, rollout * 50)).collect();
            assert!(all.iter().all(|bytes| *bytes == all[0]), "{task}, rollout {rollout}");
            ended += envs[0].rollout().ends.len();
        }
        assert!(ended > 20, "{task}: {ended} episodes");
    }
}

#[test]
fn a_restored_batch_goes_on_with_the_same_bytes() {
    for task in task_names() {
        let mut a = env(task, 19, 100);
        roll(&mut a, 0);
        let saved = a.save().unwrap();
        let mut b = env(task, 19, 100);
        b.load(&saved).unwrap();
        for rollout in 1..=5 {
            assert!(roll(&mut a, rollout * 100) == roll(&mut b, rollout * 100), "{task}, rollout {rollout}");
        }
    }
}

#[test]
fn a_branch_lives_the_same_life_as_its_origin() {
    for task in task_names() {
        let mut env = env(task, 6, 500);
        let width = env.task().spec().action.width();
        for t in 0..30 {
            env.step(&random_actions(&env, t)).unwrap();
        }
        let snapshot = env.snapshot(1).unwrap();
        env.restore(4, &snapshot).unwrap();
        for t in 30..500 {
            let mut actions = random_actions(&env, t);
            actions.copy_within(width..2 * width, 4 * width);
            env.step(&actions).unwrap();
            for (part, &size) in env.rollout().obs.iter().zip(env.rollout().part_sizes()) {
                let row = |row: usize| part_row(part, ((t + 1) * 6 + row) * size, size);
                assert_eq!(row(1), row(4), "{task}, step {t}");
            }
        }
    }
}

#[test]
fn a_reset_env_equals_a_fresh_one_with_the_same_key_and_episode() {
    for task in task_names() {
        let mut used = env(task, 16, 300);
        roll(&mut used, 0);
        used.begin_rollout();
        let mut fresh = env(task, 16, 300);
        for (row, (key, _)) in used.keys().into_iter().enumerate() {
            // A reset begins the episode after this one.
            set_row_state(fresh.shards_mut()[0].world_mut(), row, carrot_sim::Episode(key.episode));
        }
        used.reset(None).unwrap();
        fresh.reset(None).unwrap();
        assert_eq!(used.save().unwrap(), fresh.save().unwrap(), "{task}");
        assert!(roll(&mut used, 300) == roll(&mut fresh, 300), "{task}");
    }
}

#[test]
fn a_caller_that_resets_by_mask_sees_what_autoreset_does() {
    for task in task_names() {
        let mut auto = env(task, 23, 300);
        let mut manual = env_with(task, VecEnvConfig { autoreset: false, ..config(23, 300) });
        let mut ended = 0;
        begin_late(&mut auto);
        begin_late(&mut manual);
        for t in 0..300 {
            let actions = random_actions(&auto, t);
            auto.step(&actions).unwrap();
            manual.step(&actions).unwrap();
            let mask: Vec<bool> = (0..23)
                .map(|row| {
                    manual.rollout().terminated[t * 23 + row] | manual.rollout().truncated[t * 23 + row]
                })
                .collect();
            let rows: Vec<usize> = (0..23).filter(|&row| mask[row]).collect();
            let (own, delivered) = (manual.rollout(), auto.rollout());
            for (part, &size) in own.part_sizes().iter().enumerate() {
                for (i, row) in rows.iter().enumerate() {
                    let last = part_row(&own.obs[part], ((t + 1) * 23 + row) * size, size);
                    let given = part_row(&delivered.final_obs[part], (ended + i) * size, size);
                    assert_eq!(last, given, "{task}, step {t}, row {row}");
                }
            }
            ended += rows.len();
            manual.reset(Some(&mask)).unwrap();
            assert_eq!(auto.save().unwrap(), manual.save().unwrap(), "{task}, step {t}");
        }
        assert!(ended > 5, "{task}: {ended}");
    }
}

/// `len` numbers of a part.
fn part_row(part: &carrot_sim::PartData, from: usize, len: usize) -> Vec<f32> {
    match part.slice(from..from + len) {
        carrot_sim::PartSlice::F32(data) => data.to_vec(),
        carrot_sim::PartSlice::U8(data) => data.iter().map(|&x| x.into()).collect(),
    }
}

#[test]
fn a_nan_action_is_contained_in_its_row() {
    for task in task_names() {
        let (mut clean, mut struck) = (env(task, 20, 40), env(task, 20, 40));
        let width = clean.task().spec().action.width();
        for t in 0..40 {
            let mut actions = random_actions(&clean, t);
            clean.step(&actions).unwrap();
            if t == 5 {
                actions[11 * width] = f32::NAN;
            }
            struck.step(&actions).unwrap();
        }
        let (a, b) = (clean.rollout(), struck.rollout());
        let cell = 5 * 20 + 11;
        assert!(b.truncated[cell] && !b.terminated[cell] && b.cause[cell] == CAUSE_FAULT && !b.success[cell]);
        let fault = struck.take_faults();
        assert_eq!(fault.len(), 1);
        assert_eq!((fault[0].env, fault[0].step, fault[0].source), (11, 6, FaultSource::Action));
        let b = struck.rollout();
        assert!(b.obs.iter().chain(&b.final_obs).all(|part| part.f32().iter().all(|x| x.is_finite())));
        for (part, &size) in a.part_sizes().iter().enumerate() {
            for cell in (0..41 * 20).filter(|cell| cell % 20 != 11) {
                let row = |rollout: &carrot_sim::Rollout| part_row(&rollout.obs[part], cell * size, size);
                assert_eq!(row(a), row(b), "{task}, row {}", cell % 20);
            }
        }
    }
}

#[test]
fn a_state_that_stops_being_finite_ends_its_row_only() {
    let mut env = env("CartPole-v1", 3, 2);
    let push = Intervention { row: 1, handle: "pole_velocity".into(), values: vec![3e30] };
    env.intervene(push).unwrap();
    env.step(&[0.0; 3]).unwrap();
    assert_eq!(env.rollout().cause[..3], [0, CAUSE_FAULT, 0]);
    assert_eq!(env.take_faults()[0].source, FaultSource::State);
    assert!(env.rollout().final_obs[0].f32().iter().all(|x| x.is_finite()));
}

#[test]
fn an_edit_shows_in_the_signals_before_the_step_and_in_the_frame() {
    let mut env = env("Empty-8x8", 2, 1);
    env.watch(&[1]);
    env.intervene(Intervention { row: 1, handle: "agent_position".into(), values: vec![5.0, 6.0] }).unwrap();
    env.intervene(Intervention { row: 0, handle: "agent_position".into(), values: vec![0.0, 3.0] }).unwrap();
    env.step(&[6.0, 2.0]).unwrap();
    let rollout = env.rollout();
    assert_eq!(rollout.success, [false, true]);
    let frame = &env.frames()[0];
    let tiles = frame.drawing.tiles.as_ref().unwrap();
    assert_eq!((tiles.agent, frame.success, frame.signals[0]), ([6, 6], true, 6.0));
    // A wall is no place to stand on: row 0 stayed where it was.
    assert_eq!(rollout.signals_now(0).unwrap().column(0)[0], 1.0);
}

#[test]
fn bad_input_is_refused_with_a_reason() {
    let mut env = env("CartPole-v1", 2, 1);
    assert!(env.step(&[0.0]).unwrap_err().to_string().contains("expected 2"));
    let edit = |handle: &str, values: Vec<f32>| Intervention { row: 0, handle: handle.into(), values };
    assert!(env.intervene(edit("pole", vec![0.0])).unwrap_err().to_string().contains("pole_angle"));
    assert!(env.intervene(edit("pole_angle", vec![f32::NAN])).is_err());
    assert!(env.intervene(Intervention { row: 9, ..edit("pole_angle", vec![0.0]) }).is_err());
    env.step(&[0.0, 1.0]).unwrap();
    assert!(env.step(&[0.0, 1.0]).unwrap_err().to_string().contains("full"));
}

#[test]
fn tasks_are_found_by_name_with_their_documentation() {
    const SECTIONS: [&str; 10] = [
        "Description",
        "Action Space",
        "Observation Space",
        "Signals",
        "Rewards",
        "Success and Score",
        "Starting State",
        "Episode End",
        "When it misleads",
        "Version",
    ];
    for name in task_names() {
        let spec = build_task(name).unwrap().spec().clone();
        assert_eq!(spec.name, name);
        let headings: Vec<&str> = spec.docs.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, SECTIONS, "{name}");
        for signal in &spec.signals {
            assert!(spec.docs.contains(&format!("`{}`", signal.name)), "{name}: {}", signal.name);
        }
        for cause in spec.causes {
            assert!(spec.docs.contains(&format!("`{cause}`")), "{name}: {cause}");
        }
        for reward in &spec.rewards {
            assert!(spec.docs.contains(&format!("`{}`", reward.name)), "{name}: {}", reward.name);
        }
    }
    assert!(build_task("CartPole-v9").is_none());
}
