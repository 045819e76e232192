//! Agents that see pictures: what is in an observation, and that no bit depends on shards, stops or branches.

use carrot_lab::{Device, Run, RunOptions, Setup, Source, Trainer};
use carrot_reward::Revision;
use carrot_sim::{VecEnv, VecEnvConfig};

use super::setups::{hash, random_actions};

/// A CartPole scene with pictures of 36 pixels, three in an observation.
fn setup(shards: usize) -> Setup {
    let text = format!(
        "(version: 1, task: \"CartPole-v1\", obs: Pixels(size: 36, stack: 3), reward: \"sparse\",
         batch: (num_envs: 4, num_steps: 16, shards: {shards}, seed: 3), recording: (envs: 4),
         learner: Ppo(total_steps: 1_000, update_epochs: 1, num_minibatches: 2, hidden: [16]))"
    );
    Setup::read::<&str>(&Source::new("test.ron", text), &[], Default::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

const SIZE: usize = 36 * 36 * 9;

fn env(setup: &Setup, num_steps: usize, shards: usize) -> VecEnv {
    let config =
        VecEnvConfig { num_envs: 4, num_steps, shards, seed: 3, keep_signals: false, autoreset: true };
    setup.build(config, &Revision::initial(&setup.graphs)).unwrap()
}

fn play(env: &mut VecEnv, steps: usize) {
    let mut actions = Vec::new();
    env.begin_rollout();
    for _ in 0..steps {
        random_actions(env, &mut actions);
        env.step(&actions).unwrap();
    }
}

/// One picture of a stack.
fn layer(obs: &[u8], index: usize) -> Vec<u8> {
    obs.chunks_exact(9).flat_map(|pixel| pixel[3 * index..][..3].to_vec()).collect()
}

#[test]
fn an_observation_is_the_last_pictures_of_its_own_episode() {
    let mut env = env(&setup(1), 60, 1);
    play(&mut env, 60);
    let rollout = env.rollout();
    let at = |t: usize, row: usize| &rollout.obs[0].u8()[(t * 4 + row) * SIZE..][..SIZE];
    let (mut moved, mut last) = (0, rollout.final_obs[0].u8().chunks_exact(SIZE));
    for t in 0..60 {
        for row in 0..4 {
            let (before, after) = (at(t, row), at(t + 1, row));
            if rollout.end_at(t, row).is_some() {
                let last = last.next().unwrap();
                assert_eq!(layer(last, 0), layer(before, 1), "the last observation belongs to the episode");
                assert_ne!(layer(last, 2), layer(after, 2));
                assert_eq!([layer(after, 0), layer(after, 1)], [layer(after, 2), layer(after, 2)]);
                continue;
            }
            assert_eq!([layer(after, 0), layer(after, 1)], [layer(before, 1), layer(before, 2)]);
            moved += usize::from(layer(after, 2) != layer(after, 1));
        }
    }
    assert!(rollout.ends.len() > 4 && last.next().is_none());
    assert!(moved > 150, "a moving pole looks different in {moved} of 240 steps");
}

#[test]
fn rollouts_of_any_length_and_any_shards_see_the_same() {
    let (mut whole, mut split) = (env(&setup(1), 24, 1), env(&setup(1), 12, 2));
    play(&mut whole, 24);
    play(&mut split, 12);
    play(&mut split, 12);
    assert!(whole.current_obs() == split.current_obs());
    // A batch goes on from where it was saved, with what its agents remember seeing.
    let saved = whole.save().unwrap();
    let mut other = env(&setup(1), 24, 3);
    other.load(&saved).unwrap();
    assert!(whole.current_obs() == other.current_obs());
    play(&mut whole, 5);
    play(&mut other, 5);
    assert!(whole.current_obs() == other.current_obs());
}

#[test]
fn a_training_on_pixels_resumes_and_shards_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str, shards: usize| {
        let options =
            RunOptions { run_dir: Some(folder.path().join(name)), ..RunOptions::below(folder.path()) };
        Run::start(setup(shards), &options).unwrap()
    };
    let mut whole = start("whole", 1);
    (0..4).for_each(|_| drop(whole.advance().unwrap()));
    let mut split = start("split", 2);
    (0..2).for_each(|_| drop(split.advance().unwrap()));
    split.checkpoint().unwrap();
    drop(split);
    let mut split = Run::resume(&folder.path().join("split"), None).unwrap();
    (0..2).for_each(|_| drop(split.advance().unwrap()));
    assert_eq!(hash(whole.trainer()), hash(split.trainer()));
}

#[test]
fn mistakes_and_goals_that_no_picture_tells_are_refused() {
    let read = |obs: &str, learner: &str| {
        let text = format!(
            "(version: 1, task: \"Reach\", batch: (num_envs: 2, num_steps: 8), reward: \"sparse\",\n obs: {obs}, learner: {learner})"
        );
        let setup = Setup::read::<&str>(&Source::new("test.ron", text), &[], Default::default());
        setup
            .map_err(|e| e.to_string())
            .and_then(|s| Trainer::new(s, Device::Cpu).map(drop).map_err(|e| e.to_string()))
    };
    let told = read("Pixel()", "Ppo()").unwrap_err();
    assert!(told.contains("test.ron:2:7") && told.contains("Pixels"), "{told}");
    let told = read("Pixels(size: 8)", "Ppo()").unwrap_err();
    assert!(told.contains("36") && told.contains("224"), "{told}");
    let told = read("Pixels(stack: 0)", "Ppo()").unwrap_err();
    assert!(told.contains("stack"), "{told}");
    let told = read("Pixels()", "Sac(hindsight: Future(goals: 4))").unwrap_err();
    assert!(told.contains("desired_goal") || told.contains("goal"), "{told}");
}
