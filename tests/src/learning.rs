//! Agents learn what the figures in `benches/RESULTS.md` say; here one seed each, all of them with
//! `CARROT_FULL=1`.

use carrot_lab::evaluate::{Actor, evaluate};
use carrot_lab::{Setup, Source, Trainer};
use carrot_learn::Device;

fn train(scene: &str, seed: u64) -> (f64, f64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenes/");
    let source = Source::read(format!("{path}{scene}.ron")).unwrap();
    let seed = format!("batch.seed={seed}");
    let setup = Setup::read(&source, &[seed.as_str(), "recording.envs=0"], Default::default()).unwrap();
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
