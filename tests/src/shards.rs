//! One, two and four shards give the same bits, through training with running statistics.

use carrot_lab::Trainer;
use carrot_learn::Device;

use super::setups::{BUSY_CART_POLE, EXPRESSIONS, STAGES, hash, scene};

fn trained(task: &str, reward: &str, shards: usize) -> (String, String) {
    let batch = format!("num_envs: 301, num_steps: 24, shards: {shards}, seed: 9");
    let setup = scene(task, &batch, reward, "total_steps: 28896, update_epochs: 2, hidden: [32]");
    let mut trainer = Trainer::new(setup, Device::Cpu).unwrap();
    let mut metrics = String::new();
    while !trainer.is_complete() {
        metrics += &format!("{:?}\n", trainer.update().unwrap().metrics);
    }
    (hash(&trainer), metrics)
}

#[test]
fn shards_do_not_change_a_control_training() {
    let one = trained("CartPole-v1", BUSY_CART_POLE, 1);
    for shards in [2, 4] {
        assert!(one == trained("CartPole-v1", BUSY_CART_POLE, shards), "{shards} shards differ");
    }
}

#[test]
fn shards_do_not_change_a_training_under_expressions() {
    let one = trained("CartPole-v1", EXPRESSIONS, 1);
    for shards in [2, 3] {
        assert!(one == trained("CartPole-v1", EXPRESSIONS, shards), "{shards} shards differ");
    }
}

#[test]
fn shards_do_not_change_a_training_in_stages() {
    assert!(trained("DoorKey-8x8", STAGES, 1) == trained("DoorKey-8x8", STAGES, 3));
}

#[test]
fn shards_do_not_change_a_grid_training() {
    let one = trained("Empty-8x8", "\"mixed\"", 1);
    for shards in [2, 4] {
        assert!(one == trained("Empty-8x8", "\"mixed\"", shards), "{shards} shards differ");
    }
}
