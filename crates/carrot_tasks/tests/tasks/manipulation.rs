//! What the tasks over a table promise beyond what every task does: starts, goals and what scripts do in them.

use carrot_sim::Intervention;
use carrot_tasks::manipulation::{button_press, cube, drawer_open, peg_insert, pick_place, push, stack};

use crate::batch::{Episodes, env};
use crate::scripts::play;

/// A signal's first column.
fn column(task: &str, name: &str) -> usize {
    let spec = carrot_tasks::build_task(task).unwrap().spec().clone();
    spec.catalog().find(name).unwrap().0.0
}

/// Mean over episodes and steps of a signal's first column.
fn mean(episodes: &Episodes, column: usize) -> f32 {
    let values: Vec<f32> = episodes.signals.iter().flatten().map(|signals| signals[column]).collect();
    values.iter().sum::<f32>() / values.len() as f32
}

/// A signal's first column at the last step of each episode.
fn last(episodes: &Episodes, column: usize) -> Vec<f32> {
    episodes.signals.iter().map(|steps| steps.last().unwrap()[column]).collect()
}

#[test]
fn goals_of_cubes_lie_apart_from_them_and_half_of_those_of_pick_place_in_the_air() {
    for (task, in_the_air) in [(push::NAME, 0.0), (pick_place::NAME, 0.5)] {
        let env = env(task, 1000, 1);
        let (cubes, goals) = (env.rollout().obs[1].f32(), env.rollout().obs[2].f32());
        let mut high = 0;
        for (cube, goal) in cubes[..3000].as_chunks::<3>().0.iter().zip(goals[..3000].as_chunks::<3>().0) {
            let distance = carrot_sim::goal::distance(cube, goal);
            assert!(distance > 1.4 * cube::TOLERANCE, "{task}: {distance} m from {cube:?} to {goal:?}");
            assert!(cube::LEAST_DISTANCE <= carrot_sim::goal::distance(&cube[..2], &[0.0; 2]));
            high += usize::from(goal[2] > cube::HALF);
        }
        assert!((high as f32 / 1000.0 - in_the_air).abs() < 0.05, "{task}: {high} of 1000 in the air");
    }
}

#[test]
fn a_cube_and_a_goal_can_be_set_by_hand() {
    let mut env = env(push::NAME, 2, 1);
    let edit = |handle: &str, values: [f32; 3]| Intervention {
        row: 1,
        handle: handle.into(),
        values: values.to_vec(),
    };
    env.intervene(edit("cube_position", [0.1, -0.1, cube::HALF])).unwrap();
    env.intervene(edit("goal_position", [0.1, -0.13, cube::HALF])).unwrap();
    env.step(&[0.0; 6]).unwrap();
    assert_eq!(env.rollout().success, [false, true]);
}

#[test]
fn pushing_and_carrying_end_within_half_of_the_tolerance_and_mostly_at_rest() {
    for task in [push::NAME, pick_place::NAME] {
        let expert = play(task, "expert", 40);
        let near = last(&expert, column(task, "goal_distance"));
        assert!(near.iter().all(|&d| d < 0.5 * cube::TOLERANCE), "{task}: {near:?}");
        let speed = last(&expert, column(task, "cube_speed"));
        assert!(speed.iter().filter(|&&v| v < 0.05).count() >= 34, "{task}: {speed:?}");
    }
}

#[test]
fn exploits_over_the_table_do_what_they_say() {
    let cling = play(push::NAME, "cling", 40);
    assert!(mean(&cling, column(push::NAME, "cube_contact")) > 0.5);
    for task in [pick_place::NAME, stack::NAME] {
        let high = last(&play(task, "hoist", 40), column(task, "cube_position") + 2);
        assert!(high.iter().filter(|&&z| z > 0.35).count() >= 30, "{task}: {high:?}");
    }
    let hover =
        last(&play(button_press::NAME, "hover", 40), column(button_press::NAME, "tool_button_distance"));
    assert!(hover.iter().all(|d| (0.01..0.03).contains(d)), "{hover:?}");
    let hover = last(&play(peg_insert::NAME, "hover", 40), column(peg_insert::NAME, "peg_hole_distance"));
    assert!(hover.iter().all(|d| (0.005..0.02).contains(d)), "{hover:?}");
    let pump = play(drawer_open::NAME, "pump", 40);
    let opening = column(drawer_open::NAME, "drawer_opening");
    for steps in &pump.signals {
        let ways: f32 = steps.windows(2).map(|pair| (pair[1][opening] - pair[0][opening]).abs()).sum();
        assert!(ways > 0.12, "the drawer went {ways} m in all");
    }
}

#[test]
fn terminating_tasks_end_with_their_cause_and_full_score() {
    for task in [button_press::NAME, peg_insert::NAME] {
        let expert = play(task, "expert", 40);
        assert!(expert.score.iter().all(|&score| score == 1.0), "{task}: {:?}", expert.score);
        let max_steps = carrot_tasks::build_task(task).unwrap().spec().max_steps;
        assert!(expert.length.iter().all(|&length| length < max_steps / 2), "{task}: {:?}", expert.length);
    }
}

#[test]
fn a_stack_is_let_go_of_and_stands_at_the_end() {
    let expert = play(stack::NAME, "expert", 40);
    let task = stack::NAME;
    assert!(last(&expert, column(task, "cube_contact")).iter().all(|&touching| touching == 0.0));
    let speed = last(&expert, column(task, "cube_speed"));
    assert!(speed.iter().all(|&v| v < stack::REST), "{speed:?}");
    // It stood for a while, not for the last step alone.
    let stacked = column(task, "stacked");
    for steps in &expert.signals {
        assert!(steps[steps.len() - 10..].iter().all(|signals| signals[stacked] == 1.0));
    }
}
