//! Scripts reach what they claim.

use carrot_sim::{ScriptView, VecEnv};
use carrot_tasks::{build_task, task_names};

use crate::batch::{Episodes, env};

/// Plays a script until 100 first episodes ended.
pub(crate) fn play(task: &str, script: &str) -> Episodes {
    play_in(env(task, 100, build_task(task).unwrap().spec().max_steps as usize), script)
}

/// Plays a script until every env's first episode ended.
pub(crate) fn play_in(mut env: VecEnv, script: &str) -> Episodes {
    let rows = env.config().num_envs;
    let act = env.task().spec().script(script).unwrap().act;
    let catalog = env.catalog().clone();
    let mut episodes = Episodes::new(rows);
    let width = env.task().spec().action.width();
    for _ in 0..env.config().num_steps {
        let keys = env.keys();
        let world = env.shards()[0].world();
        let signals = world.resource::<carrot_sim::Signals>().before();
        let mut actions = vec![0.0; rows * width];
        for (row, action) in actions.chunks_exact_mut(width).enumerate() {
            let (key, step) = keys[row];
            act(&ScriptView { signals, catalog: &catalog, world, row, step, key }, action);
        }
        env.step(&actions).unwrap();
        episodes.add_last_step(env.rollout());
    }
    assert!(episodes.ended.iter().all(|ended| *ended), "{} {script}", env.task().spec().name);
    episodes
}

#[test]
fn experts_succeed_and_exploits_do_not() {
    for name in task_names() {
        let spec = build_task(name).unwrap().spec().clone();
        assert_eq!(spec.scripts[0].name, "expert");
        let expert = play(name, "expert");
        assert!(expert.success_rate() >= 0.95, "{name}: {}", expert.success_rate());
        for script in &spec.scripts[1..] {
            let exploit = play(name, script.name);
            assert_eq!(exploit.success_rate(), 0.0, "{name} {}", script.name);
        }
    }
}

#[test]
fn exploits_do_what_their_names_say() {
    let fall = play("CartPole-v1", "end_early");
    assert!(fall.length.iter().all(|&n| n < 15), "{:?}", fall.length);
    let swing = play("MountainCar-v0", "swing_forever");
    assert!(swing.length.iter().all(|&n| n == 200));
    let swing = play("MountainCarContinuous-v0", "swing_forever");
    assert!(swing.length.iter().all(|&n| n == 999));
    let swing = play("Acrobot-v1", "swing_below");
    assert!(swing.length.iter().all(|&n| n == 500));
    let hover = play("Empty-8x8", "hover_beside_goal");
    assert!(hover.length.iter().all(|&n| n == 256));
    // The shortest way takes eleven steps: ten tiles and one turn.
    assert!(play("Empty-8x8", "expert").length.iter().all(|&n| n == 11));
}
