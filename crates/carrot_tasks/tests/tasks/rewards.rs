//! The shipped rewards ask for what their names say, computed here from signals alone.

use carrot_tasks::{build_task, task_names};

use crate::scripts::play;

#[test]
fn every_task_ships_the_same_four_rewards() {
    for name in task_names() {
        let spec = build_task(name).unwrap().spec().clone();
        let names: Vec<_> = spec.rewards.iter().map(|reward| reward.name).collect();
        assert_eq!(names, ["sparse", "shaped", "naive", "mixed"]);
        let naive = &spec.rewards[2];
        assert!(spec.script(naive.farmed_by.unwrap()).is_some(), "{name}");
        let mixed: String = spec.rewards[3].ron.split_whitespace().collect();
        for part in &spec.rewards[..3] {
            for line in part.ron.lines().filter(|line| line.contains("kind:")) {
                let line: String = line.split_whitespace().collect();
                assert!(mixed.contains(&line), "{name}: mixed lacks {line}");
            }
        }
    }
}

#[test]
fn sparse_returns_are_those_of_gymnasium_and_minigrid() {
    let upright = play("CartPole-v1", "expert", 100);
    assert!(upright.length.iter().zip(&upright.score).all(|(&n, &score)| score == n as f32 / 500.0));
    let car = play("MountainCar-v0", "expert", 100);
    assert!(car.length.iter().all(|&n| (80..200).contains(&n)), "{:?}", car.length);
    let walk = play("Empty-8x8", "expert", 100);
    assert!(walk.score.iter().all(|&score| score == (1.0 - 0.9 * (11.0 / 256.0)) as f32));
}
