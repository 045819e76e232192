//! Learning, and what must not disturb it.

use carrot_learn::{LearnError, Memory, PpoConfig};
use carrot_sim::PartData;

use crate::matching::{NUM_ENVS, NUM_STEPS, Show, Training, quick};

#[test]
fn a_category_is_learned() {
    let mut training = Training::new(Show::Category, quick(), &[0.0], 1);
    let (first, before) = training.iterate();
    let (last, after) = (0..40).map(|_| training.iterate()).last().unwrap();
    assert!(first < 0.5 && last > 0.95, "{first} to {last}");
    assert!(after.entropy < 0.5 * before.entropy && after.skipped_updates == 0, "{after:?}");
    assert!(after.learning_rate < before.learning_rate);
}

#[test]
fn a_picture_is_learned_through_the_encoder() {
    let mut training = Training::new(Show::Picture, quick(), &[0.0], 1);
    // Once everything is right the advantages are noise, and a step along normalised noise may undo much.
    let best = (0..30).map(|_| training.iterate().0).fold(0.0, f32::max);
    assert!(best > 0.95, "{best}");
}

#[test]
fn two_choices_at_once_are_learned() {
    let mut training = Training::new(Show::Pair, quick(), &[0.0], 1);
    let (first, before) = training.iterate();
    let (last, after) = (0..40).map(|_| training.iterate()).last().unwrap();
    assert!(first < 0.5 && last > 0.95, "{first} to {last}");
    assert!((before.entropy - 2.0 * 3_f64.ln()).abs() < 0.1 && after.entropy < 0.5, "{after:?}");
}

#[test]
fn a_number_is_learned() {
    let config = PpoConfig { log_std_init: -1.0, ..quick() };
    let mut training = Training::new(Show::Number, config, &[0.0], 1);
    let (first, _) = training.iterate();
    let (last, _) = (0..59).map(|_| training.iterate()).last().unwrap();
    assert!(last > 0.9 && first < 0.7, "{first} to {last}");
    let mut actions = vec![0.0; 2 * NUM_ENVS];
    training
        .ppo
        .evaluate(&mut Memory::default(), &training.env.current_obs(), 0, false, &mut actions)
        .unwrap();
    let shown = training.env.rollout().obs[0].f32()[NUM_STEPS * NUM_ENVS..].to_vec();
    let worst = shown.iter().zip(actions.chunks(2)).map(|(x, a)| (a[0] - x).abs()).fold(0.0, f32::max);
    assert!(worst < 0.3, "{worst}");
}

#[test]
fn values_stop_at_a_true_end_and_look_past_a_cut() {
    let config = PpoConfig { anneal_lr: false, ..quick() };
    let mut training = Training::new(Show::Category, config, &[0.9], 1);
    // Every step is worth 1. Odd envs are only cut: their value is 1 / (1 - 0.9) = 10 at any step. Even envs
    // end after four steps: at most 3.4. Without a bootstrap at cuts the two would hardly differ, and what
    // is left to the values is the step of the episode, which nothing shows.
    let learn = |_| {
        training.collect(|_, _| ());
        training.learn(&[vec![1.0; NUM_ENVS * NUM_STEPS]]).unwrap()
    };
    let last = (0..60).map(learn).last().unwrap();
    assert!(last.explained_variance > 0.9, "{last:?}");
}

#[test]
fn a_final_observation_counts_at_cuts_alone() {
    let learned = |changed: Option<bool>| {
        let mut training = Training::new(Show::Category, quick(), &[0.9], 1);
        training.collect(|_, _| ());
        let rewards = training.rewards();
        let mut rollout = training.env.rollout().clone();
        let terminated = rollout
            .ends
            .iter()
            .map(|end| rollout.terminated[end.step as usize * NUM_ENVS + end.env as usize]);
        let terminated: Vec<bool> = terminated.collect();
        assert!(terminated.contains(&true) && terminated.contains(&false));
        let PartData::U8(shown) = &mut rollout.final_obs[0] else { panic!("a category is a byte") };
        for (shown, _) in
            shown.iter_mut().zip(terminated).filter(|(_, terminated)| Some(*terminated) == changed)
        {
            *shown = (*shown + 1) % 3;
        }
        training.ppo.update(&rollout, &[rewards]).unwrap();
        training.ppo.save().unwrap()
    };
    assert_eq!(learned(None), learned(Some(true)));
    assert_ne!(learned(None), learned(Some(false)));
}

#[test]
fn each_group_has_its_own_discount_and_head() {
    let mut training = Training::new(Show::Category, quick(), &[0.0, 0.9], 1);
    for _ in 0..30 {
        training.collect(|_, _| ());
        let rewards = training.rewards();
        // The first group pays the same whatever is done, so the second alone can teach.
        training.learn(&[vec![5.0; rewards.len()], rewards]).unwrap();
    }
    training.collect(|_, _| ());
    let rewards = training.rewards();
    assert!(rewards.iter().sum::<f32>() > 0.9 * rewards.len() as f32);
    assert!(matches!(training.learn(&[rewards]), Err(LearnError::Length { given: 1, expected: 2, .. })));
}

#[test]
fn a_reward_that_is_not_a_number_is_skipped_and_counted() {
    let mut training = Training::new(Show::Category, quick(), &[0.9], 1);
    training.iterate();
    training.collect(|_, _| ());
    let mut rewards = training.rewards();
    rewards[NUM_ENVS * NUM_STEPS - 1] = f32::NAN;
    rewards[3] = f32::INFINITY;
    let metrics = training.learn(&[rewards]).unwrap();
    let after = training.ppo.save().unwrap();
    assert!(metrics.skipped_updates > 0);
    assert_eq!(training.ppo.counters().skipped_updates, metrics.skipped_updates);
    assert!(numbers_in(&after["policy.safetensors"]).all(f32::is_finite));
    // And the next rollout is learned from as ever.
    assert_eq!(training.iterate().1.skipped_updates, 0);
}

/// The numbers of a safetensors file, its header left out.
fn numbers_in(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].chunks_exact(4).map(|quad| f32::from_le_bytes(quad.try_into().unwrap()))
}

#[test]
fn a_void_step_teaches_nothing() {
    let learned = |reward: f32| {
        let mut training = Training::new(Show::Category, quick(), &[0.9], 1);
        // A non-finite action is a fault of that row's step.
        training.collect(|t, actions| {
            if t == 5 {
                actions[7] = f32::NAN;
            }
        });
        let mut rewards = training.rewards();
        rewards[5 * NUM_ENVS + 7] = reward;
        let metrics = training.learn(&[rewards]).unwrap();
        assert_eq!(metrics.skipped_updates, 0);
        training.ppo.save().unwrap()
    };
    assert_eq!(learned(0.0), learned(1e6));
    assert_eq!(learned(0.0), learned(f32::NAN));
}

#[test]
fn a_rollout_that_was_not_acted_for_is_refused() {
    let mut training = Training::new(Show::Category, quick(), &[0.9], 1);
    training.collect(|_, _| ());
    let rewards = vec![training.rewards()];
    training.ppo.begin_rollout();
    assert!(matches!(training.learn(&rewards), Err(LearnError::Length { given: 0, .. })));
}

#[test]
fn a_target_kl_ends_the_passes_early() {
    let passes = |target_kl| {
        let config = PpoConfig { target_kl, update_epochs: 10, ..quick() };
        Training::new(Show::Category, config, &[0.0], 1).iterate().1.epochs
    };
    assert_eq!((passes(Some(1e-6)), passes(None)), (1, 10));
}

#[test]
fn the_shares_of_a_mini_batch_add_up_to_it() {
    for show in [Show::Category, Show::Picture, Show::Number] {
        let learned = |micro_batches| {
            let config = PpoConfig { micro_batches, update_epochs: 1, ent_coef: 0.01, ..quick() };
            let mut training = Training::new(show, config, &[0.9], 1);
            let (_, metrics) = training.iterate();
            (metrics, numbers_in(&training.ppo.save().unwrap()["policy.safetensors"]).collect::<Vec<f32>>())
        };
        let ((whole, one), (shared, three)) = (learned(1), learned(3));
        let worst = one.iter().zip(&three).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{show:?}: {worst}");
        for (a, b) in [
            (whole.loss, shared.loss),
            (whole.approx_kl, shared.approx_kl),
            (whole.grad_norm, shared.grad_norm),
            (whole.clipfrac, shared.clipfrac),
        ] {
            assert!((a - b).abs() < 1e-3, "{whole:?} and {shared:?}");
        }
        assert_eq!(learned(3).1, three, "and the threads have no say");
    }
}
