//! Scripts reach what they claim.

use carrot_sim::{RowKey, ScriptView};
use carrot_tasks::{build_task, task_names};

use crate::batch::{Episodes, env};

/// Plays a script until 100 first episodes ended.
pub(crate) fn play(task: &str, script: &str) -> Episodes {
    const ROWS: usize = 100;
    let mut env = env(task, ROWS, build_task(task).unwrap().spec().max_steps as usize);
    let act = env.task().spec().script(script).unwrap().act;
    let catalog = env.catalog().clone();
    let mut episodes = Episodes::new(ROWS);
    let width = env.task().spec().action.width();
    for t in 0..env.config().num_steps {
        let signals = env.shards()[0].world().resource::<carrot_sim::Signals>();
        let mut actions = vec![0.0; ROWS * width];
        for (row, action) in actions.chunks_exact_mut(width).enumerate() {
            let key = RowKey { seed: 1, env: row as u32, episode: 0 };
            // The step of the first episode, which alone counts.
            let step = t as u32;
            act(&ScriptView { signals: signals.before(), catalog: &catalog, row, step, key }, action);
        }
        env.step(&actions).unwrap();
        episodes.add_last_step(env.rollout());
    }
    assert!(episodes.ended.iter().all(|ended| *ended), "{task} {script}");
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
    let hover = play("Empty-8x8", "hover_beside_goal");
    assert!(hover.length.iter().all(|&n| n == 256));
    // The shortest way takes eleven steps: ten tiles and one turn.
    assert!(play("Empty-8x8", "expert").length.iter().all(|&n| n == 11));
}
