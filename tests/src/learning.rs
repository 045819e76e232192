//! Agents learn what the figures in `benches/RESULTS.md` say; here one seed each, all of them with
//! `CARROT_FULL=1`.

use carrot_lab::evaluate::{Actor, evaluate};
use carrot_lab::{Setup, Source, Trainer};
use carrot_learn::Device;

/// Mean return and success rate of a policy that was trained as a scene says, with changes.
fn train_with(scene: &str, seed: u64, changes: &[&str]) -> (f64, f64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenes/");
    let source = Source::read(format!("{path}{scene}.ron")).unwrap();
    let seed = format!("batch.seed={seed}");
    let overrides = [&[seed.as_str(), "recording.envs=0"], changes].concat();
    let setup = Setup::read(&source, &overrides, Default::default()).unwrap();
    let mut trainer = Trainer::new(setup, Device::Cpu).unwrap();
    while !trainer.is_complete() {
        trainer.update().unwrap();
    }
    let actor = Actor::Policy { learner: trainer.learner(), explore: false };
    let spec = trainer.setup().scene.evaluation;
    let found =
        evaluate(trainer.setup(), trainer.revision(), &mut Default::default(), &actor, 100, spec.seed)
            .unwrap();
    (found.mean_return, found.success_rate)
}

fn train(scene: &str, seed: u64) -> (f64, f64) {
    train_with(scene, seed, &[])
}

fn seeds() -> Vec<u64> {
    if super::setups::full() { vec![1, 2, 3] } else { vec![1] }
}

#[test]
fn cart_pole_is_balanced() {
    for seed in seeds() {
        let (mean_return, _) = train("cart_pole", seed);
        assert!(mean_return >= 475.0, "seed {seed}: {mean_return}");
    }
}

#[test]
fn the_empty_room_is_crossed() {
    for seed in seeds() {
        let (mean_return, _) = train("empty_8x8", seed);
        assert!(mean_return >= 0.9, "seed {seed}: {mean_return}");
    }
}

#[test]
fn the_hand_reaches() {
    if !super::setups::full() {
        return;
    }
    for seed in seeds() {
        let (_, success) = train("reach", seed);
        assert!(success >= 0.95, "seed {seed}: {success}");
    }
}

/// A few seconds of training leave no doubt that something is learned; what it comes to takes longer.
fn learns(scene: &str, short: (&str, f64), whole: f64) {
    let (steps, bar) = short;
    for seed in seeds() {
        let changes = [steps];
        let (changes, bar) = if super::setups::full() { (&[][..], whole) } else { (&changes[..], bar) };
        let (mean_return, _) = train_with(scene, seed, changes);
        assert!(mean_return >= bar, "{scene}, seed {seed}: {mean_return}");
    }
}

#[test]
fn cart_pole_is_balanced_by_action_values() {
    learns("cart_pole_dqn", ("learner.total_steps=20_000", 195.0), 475.0);
}

#[test]
fn the_pendulum_is_swung_up_by_a_soft_actor() {
    learns("pendulum_sac", ("learner.total_steps=6_000", -600.0), -200.0);
}

#[test]
fn hindsight_finds_a_sparse_goal() {
    if !super::setups::full() {
        return;
    }
    for seed in seeds() {
        let (_, success) = train("reach_her", seed);
        assert!(success >= 0.95, "seed {seed}: {success}");
    }
}
