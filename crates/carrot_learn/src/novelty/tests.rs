//! Bonuses by hand, what a row remembers, and what is published.

use carrot_reward::{RewardModel, StepRows};

use super::*;

fn config(episodic: Option<EpisodicBonus>, global: Option<GlobalBonus>) -> NoveltyConfig {
    NoveltyConfig {
        inputs: vec!["x".into(), "y".into()],
        ranges: vec![(0.0, 3.0), (0.0, 1.0)],
        actions: Vec::new(),
        episodic,
        global,
    }
}

/// What is paid for steps of one row.
fn paid(novelty: &mut Novelty, rows: &[[f32; 2]], fresh: bool) -> Vec<f32> {
    let features: Vec<f32> = rows.iter().flatten().copied().collect();
    let steps =
        StepRows { before: &[], features: &features, rows: 1, ended: &vec![false; rows.len()], fresh };
    let mut out = vec![0.0; rows.len()];
    novelty.score_steps(&steps, &mut out).unwrap();
    out
}

const WALK: [[f32; 2]; 5] = [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [3.0, 1.0], [0.0, 0.0]];

#[test]
fn visits_are_counted_within_the_episode() {
    let mut novelty = Novelty::new(config(Some(EpisodicBonus::Counts { cells: 4 }), None));
    let root = |n: f32| 1.0 / n.sqrt();
    assert_eq!(paid(&mut novelty, &WALK, true), [1.0, 1.0, root(2.0), 1.0, root(3.0)]);
    // The same steps in two calls, with what is remembered saved between them.
    let first = paid(&mut novelty, &WALK[..2], true);
    let mut resumed = Novelty::new(config(Some(EpisodicBonus::Counts { cells: 4 }), None));
    resumed.restore(&novelty.memory().unwrap()).unwrap();
    assert_eq!(
        [first, paid(&mut resumed, &WALK[2..], false)].concat(),
        [1.0, 1.0, root(2.0), 1.0, root(3.0)]
    );
    assert_eq!(RewardModel::version(&novelty), 1);
    assert!(novelty.score(&[0.0, 0.0], &mut [0.0]).is_err());
}

#[test]
fn rows_and_episodes_are_kept_apart() {
    let mut novelty = Novelty::new(config(Some(EpisodicBonus::Counts { cells: 4 }), None));
    // Two rows over three steps, in the same place all the time; the first one ends after its second step.
    let (features, ended) = (vec![0.0; 12], [false, false, true, false, false, false]);
    let mut out = vec![0.0; 6];
    let steps = StepRows { before: &[], features: &features, rows: 2, ended: &ended, fresh: true };
    novelty.score_steps(&steps, &mut out).unwrap();
    let half = 0.5_f32.sqrt();
    assert!((out[2] - half).abs() < 1e-6 && out[4] == 1.0, "{out:?}");
    assert!((out[3] - half).abs() < 1e-6 && (out[5] - 1.0 / 3.0_f32.sqrt()).abs() < 1e-6, "{out:?}");
}

#[test]
fn the_ellipsoid_is_that_of_the_definition() {
    let bonus = EpisodicBonus::E3b { ridge: 0.5 };
    let mut novelty = Novelty::new(config(Some(bonus), None));
    let given = paid(&mut novelty, &WALK, true);
    // x = (x / 3, y, 1): the first is (0, 0, 1) with C = 0.5 I, the third again with the first two in C.
    assert!((given[0] - 2.0).abs() < 1e-5, "{given:?}");
    // C over (x, 1) is [[0.5 + 1/9, 1/3], [1/3, 2.5]]; its inverse's last entry is (0.5 + 1/9) / det.
    let (a, b, d) = (0.5 + 1.0 / 9.0, 1.0 / 3.0, 2.5);
    assert!((f64::from(given[2]) - a / (a * d - b * b)).abs() < 1e-5, "{given:?}");
    assert!(given[3] > given[4], "{given:?}");
}

#[test]
fn near_states_are_worth_less() {
    let mut novelty = Novelty::new(config(Some(EpisodicBonus::Knn { k: 2 }), None));
    let given = paid(&mut novelty, &WALK, true);
    assert_eq!(given[0], 1.0);
    assert!(given[2] < given[1] && given[4] < given[2], "{given:?}");
    assert!((given[4] - 1.0 / 2.001_f32.sqrt()).abs() < 1e-3, "{given:?}");
}

#[test]
fn what_is_published_pays_and_what_is_learned_meanwhile_does_not() {
    let globals = [
        GlobalBonus::Counts { cells: 4 },
        GlobalBonus::E3b { ridge: 1.0 },
        GlobalBonus::Rnd { hidden: 32, learning_rate: 3e-3 },
    ];
    for global in globals {
        let config = config(None, Some(global));
        let mut trainer = NoveltyTrainer::new(config.clone(), 3).unwrap().unwrap();
        let mut novelty = Novelty::of(config.clone(), Some(&trainer));
        let before = paid(&mut novelty, &WALK, true);
        let often: Vec<f32> = [0.0, 0.0, 1.0, 0.0].repeat(400);
        let mut parts = trainer.learn(&[], &often).unwrap();
        for _ in 0..10 {
            parts = trainer.learn(&[], &often).unwrap();
        }
        assert_eq!(paid(&mut novelty, &WALK, true), before);
        novelty.publish(&parts, true).unwrap();
        assert_eq!(RewardModel::version(&novelty), 12);
        let after = paid(&mut novelty, &WALK, true);
        assert!(after[0] < 0.5 * after[3], "{config:?}: {after:?}");
        // The old version is still there, and the same from its parts.
        novelty.select(Some(1)).unwrap();
        assert_eq!(paid(&mut novelty, &WALK, true), before);
        assert!(novelty.select(Some(7)).is_err());
        let mut again = Novelty::new(config.clone());
        again.publish(&parts, false).unwrap();
        assert_eq!(paid(&mut again, &WALK, true), after);

        let mut resumed = NoveltyTrainer::new(config, 3).unwrap().unwrap();
        resumed.load(&trainer.save().unwrap()).unwrap();
        assert_eq!(resumed.learn(&[], &often).unwrap(), trainer.learn(&[], &often).unwrap());
    }
}

#[test]
fn both_are_multiplied() {
    let counts = GlobalBonus::Counts { cells: 4 };
    let both = config(Some(EpisodicBonus::Counts { cells: 4 }), Some(counts));
    let mut trainer = NoveltyTrainer::new(both.clone(), 0).unwrap().unwrap();
    let mut novelty = Novelty::of(both, Some(&trainer));
    // (0, 0) was seen three times before.
    novelty.publish(&trainer.learn(&[], &[0.0; 6]).unwrap(), false).unwrap();
    let given = paid(&mut novelty, &WALK, true);
    let third = 1.0 / 3.0_f32.sqrt();
    assert_eq!(given[..2], [0.5, 1.0]);
    assert!((given[4] - 0.5 * third).abs() < 1e-6, "{given:?}");
}

/// A position that moves by the action, beside one that moves by chance.
fn moves(count: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut rng = carrot_sim::RowKey { seed, env: 0, episode: 0 }.rng(carrot_sim::Stream::Script);
    let (mut before, mut now) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (x, action) = (rng.uniform(0.0, 1.0), rng.below(2) as f32);
        before.extend([x, 0.5, 0.0]);
        now.extend([x + 0.4 * action - 0.2, 0.5, action]);
    }
    (before, now)
}

#[test]
fn what_an_action_always_changes_is_soon_foretold_and_what_it_never_did_is_not() {
    let config = NoveltyConfig {
        inputs: vec!["x".into(), "y".into(), "action".into()],
        ranges: vec![(0.0, 1.0), (0.0, 1.0), (0.0, 1.0)],
        actions: vec![2],
        episodic: None,
        global: Some(GlobalBonus::Icm { hidden: 32, learning_rate: 3e-3 }),
    };
    config.check().unwrap();
    let mut trainer = NoveltyTrainer::new(config.clone(), 3).unwrap().unwrap();
    let mut novelty = Novelty::of(config.clone(), Some(&trainer));
    assert!(novelty.compares() && novelty.score(&[0.0; 3], &mut [0.0]).is_err());
    let (before, now) = moves(1_000, 1);
    let mut parts = trainer.learn(&before, &now).unwrap();
    for _ in 0..30 {
        parts = trainer.learn(&before, &now).unwrap();
    }
    novelty.publish(&parts, true).unwrap();
    let mut pay = |before: &[f32], now: &[f32]| {
        let mut out = vec![0.0; now.len() / 3];
        novelty.score_between(before, now, &mut out).unwrap();
        out.iter().sum::<f32>() / out.len() as f32
    };
    let (unseen, led_to) = moves(200, 2);
    let known = pay(&unseen, &led_to);
    // The same actions, and each leads the other way.
    let turned: Vec<f32> = led_to
        .chunks(3)
        .zip(unseen.chunks(3))
        .flat_map(|(now, s)| [2.0 * s[0] - now[0], now[1], now[2]])
        .collect();
    let new = pay(&unseen, &turned);
    assert!(new > 3.0 * known, "{new} {known}");

    let mut resumed = NoveltyTrainer::new(config.clone(), 3).unwrap().unwrap();
    resumed.load(&trainer.save().unwrap()).unwrap();
    assert_eq!(resumed.learn(&before, &now).unwrap(), trainer.learn(&before, &now).unwrap());
    let blind = NoveltyConfig { actions: Vec::new(), ..config };
    assert!(blind.check().is_err());
}

#[test]
fn every_bonus_for_the_episode_goes_with_every_one_for_the_training() {
    let episodic =
        [EpisodicBonus::Counts { cells: 4 }, EpisodicBonus::E3b { ridge: 0.5 }, EpisodicBonus::Knn { k: 2 }];
    let globals = [
        GlobalBonus::Counts { cells: 4 },
        GlobalBonus::E3b { ridge: 1.0 },
        GlobalBonus::Rnd { hidden: 8, learning_rate: 1e-3 },
    ];
    for own in episodic {
        for global in &globals {
            let pay = |episodic, global| {
                let config = config(episodic, global);
                let trainer = NoveltyTrainer::new(config.clone(), 0).unwrap();
                paid(&mut Novelty::of(config, trainer.as_ref()), &WALK, true)
            };
            let both = pay(Some(own), Some(global.clone()));
            let parts = (pay(Some(own), None), pay(None, Some(global.clone())));
            let product: Vec<f32> = parts.0.iter().zip(&parts.1).map(|(a, b)| a * b).collect();
            assert_eq!(both, product, "{own:?} {global:?}");
        }
    }
}

#[test]
fn a_bonus_for_nothing_is_refused() {
    assert!(config(None, None).check().is_err());
    assert!(config(Some(EpisodicBonus::E3b { ridge: 0.0 }), None).check().is_err());
    assert!(config(None, Some(GlobalBonus::Counts { cells: 0 })).check().is_err());
    assert!(
        NoveltyConfig { inputs: Vec::new(), ..config(Some(EpisodicBonus::Knn { k: 1 }), None) }
            .check()
            .is_err()
    );
}
