//! The same bytes, whatever interrupts the training or cuts the batch.

use carrot_learn::{LearnError, Memory, Parts, PpoConfig};

use crate::matching::{Show, Training, quick};

fn after(updates: usize, show: Show, shards: usize) -> Parts {
    let mut training = Training::new(show, quick(), &[0.9, 0.5], shards);
    for _ in 0..updates {
        learn(&mut training);
    }
    training.ppo.save().unwrap()
}

fn learn(training: &mut Training) {
    training.collect(|_, _| ());
    let rewards = training.rewards();
    let second = rewards.iter().map(|x| 0.5 * x).collect();
    training.learn(&[rewards, second]).unwrap();
}

#[test]
fn a_run_repeats_itself_with_any_number_of_shards() {
    for show in [Show::Category, Show::Number, Show::Picture, Show::Pair] {
        let one = after(3, show, 1);
        assert_eq!(one, after(3, show, 1), "{show:?}");
        assert_eq!(one, after(3, show, 3), "{show:?}");
        assert_ne!(one, after(4, show, 1), "{show:?}");
    }
}

#[test]
fn a_resumed_run_gives_the_bytes_of_an_uninterrupted_one() {
    for show in [Show::Category, Show::Number] {
        let mut training = Training::new(show, quick(), &[0.9, 0.5], 2);
        learn(&mut training);
        learn(&mut training);
        let (parts, batch) = (training.ppo.save().unwrap(), training.env.save().unwrap());
        let mut resumed = Training::new(show, quick(), &[0.9, 0.5], 1);
        resumed.ppo.load(&parts).unwrap();
        resumed.env.load(&batch).unwrap();
        resumed.global_step = training.global_step;
        assert_eq!(resumed.ppo.save().unwrap(), parts);
        for _ in 0..3 {
            learn(&mut resumed);
        }
        assert_eq!(resumed.ppo.save().unwrap(), after(5, show, 1), "{show:?}");
    }
}

#[test]
fn evaluation_leaves_no_trace() {
    let mut training = Training::new(Show::Category, quick(), &[0.9, 0.5], 1);
    for _ in 0..2 {
        let mut actions = training.actions.clone();
        training
            .ppo
            .evaluate(&mut Memory::default(), &training.env.current_obs(), 3, true, &mut actions)
            .unwrap();
        learn(&mut training);
    }
    assert_eq!(training.ppo.save().unwrap(), after(2, Show::Category, 1));
}

#[test]
fn parts_that_do_not_fit_change_nothing() {
    let good = after(1, Show::Category, 1);
    let mut training = Training::new(Show::Category, quick(), &[0.9, 0.5], 1);
    let fresh = training.ppo.save().unwrap();
    let wider = PpoConfig { hidden: vec![33], ..quick() };
    let other = Training::new(Show::Category, wider, &[0.9, 0.5], 1).ppo.save().unwrap();
    let one_group = Training::new(Show::Category, quick(), &[0.9], 1).ppo.save().unwrap();
    let mut bad = vec![Parts::new(), other.clone(), one_group];
    for name in good.keys() {
        let mut missing = good.clone();
        missing.remove(name);
        let mut torn = good.clone();
        torn.insert(name.clone(), good[name][..good[name].len() / 2].to_vec());
        bad.extend([missing, torn]);
    }
    // One part of another network among good ones: the others must not have been taken already.
    bad.push(Parts::from_iter(good.clone().into_iter().map(|(name, bytes)| match name.as_str() {
        "optim.safetensors" => (name.clone(), other[&name].clone()),
        _ => (name, bytes),
    })));
    let mut poisoned = good.clone();
    let policy = poisoned.get_mut("policy.safetensors").unwrap();
    let end = policy.len();
    policy[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    bad.push(poisoned);
    for parts in bad {
        assert!(matches!(training.ppo.load(&parts), Err(LearnError::Checkpoint { .. })));
        assert_eq!(training.ppo.save().unwrap(), fresh);
    }
    training.ppo.load(&good).unwrap();
    assert_eq!(training.ppo.save().unwrap(), good);
}
