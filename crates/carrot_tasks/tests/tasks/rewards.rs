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

/// What a signal's value pays.
type Pay = fn(f32) -> f32;

/// Mean return of a reward that reads one signal of s′ at every step of a first episode.
fn mean_return(task: &str, script: &str, signal: &str, pay: Pay) -> f32 {
    let episodes = play(task, script);
    let (id, _) =
        build_task(task).unwrap().spec().catalog().find(signal).map(|(id, s)| (id, s.clone())).unwrap();
    let total: f32 = episodes.signals.iter().flatten().map(|signals| pay(signals[id.0])).sum();
    total / episodes.signals.len() as f32
}

#[test]
fn naive_rewards_pay_their_exploits_more_than_the_expert() {
    let cases: [(&str, &str, &str, Pay); 6] = [
        ("CartPole-v1", "end_early", "pole_angle", |angle| -angle.abs()),
        ("MountainCar-v0", "swing_forever", "velocity", |velocity| 10.0 * velocity.abs()),
        ("MountainCarContinuous-v0", "swing_forever", "velocity", |velocity| 10.0 * velocity.abs()),
        ("Pendulum-v1", "spin", "angular_velocity", |velocity| velocity.abs()),
        ("Acrobot-v1", "swing_below", "elbow_velocity", |velocity| 0.5 * velocity.abs()),
        ("Empty-8x8", "hover_beside_goal", "goal_distance", |tiles| 0.1 * (1.0 - tiles / 10.0).max(0.0)),
    ];
    for (task, exploit, signal, pay) in cases {
        let (farmed, earned) =
            (mean_return(task, exploit, signal, pay), mean_return(task, "expert", signal, pay));
        assert!(farmed > earned + 0.25 * earned.abs(), "{task}: {exploit} {farmed}, expert {earned}");
    }
}

/// Mean pay for approaches alone, in units of the signal: what a clipped `Progress` pays.
fn mean_approach(task: &str, script: &str, signal: &str) -> f32 {
    let episodes = play(task, script);
    let catalog = build_task(task).unwrap().spec().catalog();
    let (id, _) = catalog.find(signal).unwrap();
    let nearer = |steps: &Vec<Vec<f32>>| -> f32 {
        steps.windows(2).map(|pair| (pair[0][id.0].abs() - pair[1][id.0].abs()).max(0.0)).sum()
    };
    episodes.signals.iter().map(nearer).sum::<f32>() / episodes.signals.len() as f32
}

#[test]
fn pay_for_approaching_alone_is_farmed_by_coming_again() {
    for (task, exploit, signal) in [
        ("Reach", "pump", "goal_distance"),
        ("Reacher", "spin", "target_distance"),
        ("BallBalance", "rock", "goal_distance"),
    ] {
        let (farmed, earned) = (mean_approach(task, exploit, signal), mean_approach(task, "expert", signal));
        assert!(farmed > 1.25 * earned, "{task}: {exploit} {farmed}, expert {earned}");
    }
}

#[test]
fn sparse_returns_are_those_of_gymnasium_and_minigrid() {
    let upright = play("CartPole-v1", "expert");
    assert!(upright.length.iter().zip(&upright.score).all(|(&n, &score)| score == n as f32 / 500.0));
    let car = play("MountainCar-v0", "expert");
    assert!(car.length.iter().all(|&n| (80..200).contains(&n)), "{:?}", car.length);
    let walk = play("Empty-8x8", "expert");
    assert!(walk.score.iter().all(|&score| score == (1.0 - 0.9 * (11.0 / 256.0)) as f32));
}
