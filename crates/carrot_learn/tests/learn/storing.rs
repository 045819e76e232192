//! The matching problems under learners that store what they see.

use carrot_learn::{
    Device, DqnConfig, Experience, Learner, LearnerConfig, Memory, Parts, SacConfig, Scalars,
};
use carrot_reward::{Graph, GraphRevision, KindRegistry, Scope};
use carrot_scene::Source;
use carrot_sim::VecEnv;

use crate::matching::{NUM_ENVS, NUM_STEPS, Show, batch};

/// A batch and its learner.
pub(crate) struct Storing {
    show: Show,
    pub(crate) env: VecEnv,
    pub(crate) learner: Box<dyn Learner>,
    graph: Graph,
    actions: Vec<f32>,
    pub(crate) global_step: u64,
}

fn dqn() -> LearnerConfig {
    LearnerConfig::Dqn(DqnConfig {
        total_steps: 20_000,
        gamma: 0.5,
        buffer_size: 4_000,
        learning_starts: 512,
        batch_size: 64,
        updates_per_step: 0.05,
        learning_rate: 3e-3,
        target_every: 20,
        exploration_fraction: 0.3,
        hidden: vec![32],
        ..DqnConfig::default()
    })
}

fn sac() -> LearnerConfig {
    LearnerConfig::Sac(SacConfig {
        total_steps: 20_000,
        gamma: 0.5,
        buffer_size: 4_000,
        learning_starts: 512,
        batch_size: 64,
        updates_per_step: 0.05,
        learning_rate: 3e-3,
        ent_coef: 0.2,
        hidden: vec![32, 32],
        ..SacConfig::default()
    })
}

/// Both learners, each with a problem for it.
fn both() -> [(Show, LearnerConfig); 2] {
    [(Show::Category, dqn()), (Show::Number, sac())]
}

impl Storing {
    pub(crate) fn new(show: Show, config: &LearnerConfig, shards: usize) -> Self {
        let env = batch(show, shards);
        let task = env.task().clone();
        let text = Source::new("reward", "[(name: \"any\", kind: Alive())]");
        let scope = Scope::new(task.spec(), &[]);
        let graph = Graph::parse("reward", &text, &KindRegistry::standard(), &scope, &mut 0).unwrap();
        config.check_task(task.as_ref(), &graph).unwrap();
        let learner = config.build(task.as_ref(), env.rollout(), &graph, 11, Device::Cpu).unwrap();
        let actions = vec![0.0; NUM_ENVS * task.spec().action.width()];
        Self { show, env, learner, graph, actions, global_step: 0 }
    }

    /// A rollout and what it makes due; `spoil` may change actions and rewards. Gives the mean reward too.
    pub(crate) fn iterate_with(
        &mut self,
        spoil: impl Fn(usize, &mut [f32]),
        pay: impl Fn(&mut [f32]),
    ) -> (f32, Scalars) {
        self.env.begin_rollout();
        for t in 0..NUM_STEPS {
            self.learner.act(&self.env.current_obs(), self.global_step, &mut self.actions).unwrap();
            spoil(t, &mut self.actions);
            self.env.step(&self.actions).unwrap();
            self.global_step += 1;
        }
        let mut rewards = self.show.rewards(self.env.rollout());
        let mean = rewards.iter().sum::<f32>() / rewards.len() as f32;
        pay(&mut rewards);
        let revision = GraphRevision::initial(&self.graph);
        let experience = Experience {
            rollout: self.env.rollout(),
            rewards: &[rewards],
            graph: &self.graph,
            revision: &revision,
            number: 0,
        };
        (mean, self.learner.update(&experience).unwrap())
    }

    fn iterate(&mut self) -> (f32, Scalars) {
        self.iterate_with(|_, _| (), |_| ())
    }

    /// Mean reward of the policy's best actions.
    fn evaluate(&mut self) -> f32 {
        let mut memory = Memory::default();
        self.env.begin_rollout();
        for _ in 0..NUM_STEPS {
            let obs = self.env.current_obs();
            self.learner.evaluate(&mut memory, &obs, 0, false, &mut self.actions).unwrap();
            self.env.step(&self.actions).unwrap();
        }
        let rewards = self.show.rewards(self.env.rollout());
        rewards.iter().sum::<f32>() / rewards.len() as f32
    }
}

fn learned(show: Show, config: &LearnerConfig, rollouts: usize) -> f32 {
    let mut training = Storing::new(show, config, 1);
    (0..rollouts).for_each(|_| drop(training.iterate()));
    training.evaluate()
}

#[test]
fn a_category_and_a_picture_are_learned_by_action_values() {
    assert!(learned(Show::Category, &dqn(), 40) > 0.98);
    assert!(learned(Show::Picture, &dqn(), 40) > 0.98);
}

#[test]
fn a_number_is_learned_by_a_soft_actor() {
    let found = learned(Show::Number, &sac(), 40);
    assert!(found > 0.95, "{found}");
}

fn after(rollouts: usize, show: Show, config: &LearnerConfig, shards: usize) -> Parts {
    let mut training = Storing::new(show, config, shards);
    (0..rollouts).for_each(|_| drop(training.iterate()));
    training.learner.save().unwrap()
}

#[test]
fn a_run_repeats_itself_with_any_number_of_shards() {
    for (show, config) in both() {
        let one = after(4, show, &config, 1);
        assert_eq!(one, after(4, show, &config, 1));
        assert_eq!(one, after(4, show, &config, 3));
        assert_ne!(one, after(5, show, &config, 1));
    }
}

#[test]
fn a_resumed_run_gives_the_bytes_of_an_uninterrupted_one() {
    for (show, config) in both() {
        // Eight rollouts fill the buffer and wrap around.
        let whole = after(12, show, &config, 1);
        for cut in [1, 3, 10] {
            let mut training = Storing::new(show, &config, 2);
            (0..cut).for_each(|_| drop(training.iterate()));
            let (parts, rows) = (training.learner.save().unwrap(), training.env.save().unwrap());
            let mut resumed = Storing::new(show, &config, 1);
            resumed.learner.load(&parts).unwrap();
            resumed.env.load(&rows).unwrap();
            resumed.global_step = training.global_step;
            assert_eq!(resumed.learner.save().unwrap(), parts);
            (cut..12).for_each(|_| drop(resumed.iterate()));
            assert_eq!(resumed.learner.save().unwrap(), whole, "{show:?} from {cut}");
        }
    }
}

#[test]
fn parts_that_do_not_fit_change_nothing() {
    for (show, config) in both() {
        let good = after(3, show, &config, 1);
        let mut training = Storing::new(show, &config, 1);
        let fresh = training.learner.save().unwrap();
        let mut bad = vec![Parts::new()];
        for name in good.keys() {
            let mut missing = good.clone();
            missing.remove(name);
            let mut torn = good.clone();
            torn.insert(name.clone(), good[name][..good[name].len() / 2].to_vec());
            bad.extend([missing, torn]);
        }
        let mut long = good.clone();
        long.get_mut("replay.0000").unwrap().push(0);
        bad.push(long);
        for parts in bad {
            assert!(training.learner.load(&parts).is_err());
            assert_eq!(training.learner.save().unwrap(), fresh);
        }
        training.learner.load(&good).unwrap();
        assert_eq!(training.learner.save().unwrap(), good);
    }
}

#[test]
fn evaluation_leaves_no_trace() {
    for (show, config) in both() {
        let mut training = Storing::new(show, &config, 1);
        for _ in 0..3 {
            let mut actions = training.actions.clone();
            let obs = training.env.current_obs();
            training.learner.evaluate(&mut Memory::default(), &obs, 3, true, &mut actions).unwrap();
            training.iterate();
        }
        assert_eq!(training.learner.save().unwrap(), after(3, show, &config, 1));
    }
}

#[test]
fn a_void_step_teaches_nothing_and_a_bad_reward_is_skipped_and_counted() {
    for (show, config) in both() {
        let learned = |reward: f32| {
            let mut training = Storing::new(show, &config, 1);
            let width = training.actions.len() / NUM_ENVS;
            for _ in 0..3 {
                // A non-finite action is a fault of that row's step.
                let spoil = |t: usize, actions: &mut [f32]| {
                    if t == 5 {
                        actions[7 * width] = f32::NAN;
                    }
                };
                training.iterate_with(spoil, |rewards| rewards[5 * NUM_ENVS + 7] = reward);
            }
            assert_eq!(training.learner.counters().skipped_updates, 0);
            let mut parts = training.learner.save().unwrap();
            parts.retain(|name, _| !name.starts_with("replay"));
            parts
        };
        assert_eq!(learned(0.0), learned(1e6));
        assert_eq!(learned(0.0), learned(f32::NAN));

        let mut training = Storing::new(show, &config, 1);
        training.iterate();
        training.iterate_with(|_, _| (), |rewards| rewards.fill(f32::NAN));
        let skipped = training.learner.counters().skipped_updates;
        let parts = training.learner.save().unwrap();
        assert!(skipped > 0, "{skipped}");
        assert!(training.learner.load(&parts).is_ok(), "the weights are numbers still");
    }
}

#[test]
fn what_is_due_follows_the_steps() {
    let config = LearnerConfig::Dqn(DqnConfig { updates_per_step: 0.01, ..config_of_dqn() });
    let mut training = Storing::new(Show::Category, &config, 1);
    let updates: Vec<f64> = (0..4).map(|_| tag(&training.iterate().1, "train/n_updates")).collect();
    // 512 steps a rollout, the first of them without learning: 5.12 steps of the optimiser each.
    assert_eq!(updates, [0.0, 5.0, 10.0, 15.0]);
}

fn config_of_dqn() -> DqnConfig {
    match dqn() {
        LearnerConfig::Dqn(config) => config,
        other => panic!("{other:?}"),
    }
}

fn tag(scalars: &Scalars, tag: &str) -> f64 {
    scalars.iter().find(|(own, _)| *own == tag).unwrap().1
}
