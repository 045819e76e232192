//! Scripts reach what they claim.

use carrot_sim::mdp::backward_induction;
use carrot_sim::{Mdp, RowKey, ScriptView, VecEnv};
use carrot_tasks::{build_task, task_names};

use crate::batch::{Episodes, env};

/// Plays a script until the first episode of each of `rows` rows ended.
pub(crate) fn play(task: &str, script: &str, rows: usize) -> Episodes {
    play_in(env(task, rows, build_task(task).unwrap().spec().max_steps as usize), script)
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
        if episodes.ended.iter().all(|ended| *ended) {
            break;
        }
    }
    assert!(episodes.ended.iter().all(|ended| *ended), "{} {script}", env.task().spec().name);
    episodes
}

const KEY: RowKey = RowKey { seed: 1, env: 0, episode: 0 };

/// The highest probability to succeed within the step limit.
fn best_success(mdp: &Mdp) -> f64 {
    let rewards = mdp.success_rewards();
    let steps = mdp.max_steps as usize;
    mdp.at_start(&backward_induction(mdp, steps, 1.0, |_, paid| paid.copy_from_slice(&rewards)).values)
}

#[test]
fn experts_succeed_and_exploits_do_not() {
    for name in task_names() {
        let spec = build_task(name).unwrap().spec().clone();
        assert_eq!(spec.scripts[0].name, "expert");
        // On slippery ice no policy succeeds always: there the expert must come near the best that can be.
        let (rows, best, luck) = match build_task(name).unwrap().mdp(KEY) {
            Ok(mdp) if name.starts_with("FrozenLake") => (1000, best_success(&mdp), 0.25),
            _ => (if spec.max_steps > 1000 { 20 } else { 100 }, 1.0, 0.0),
        };
        let expert = play(name, "expert", rows);
        assert!(expert.success_rate() >= 0.95 * best, "{name}: {} of {best}", expert.success_rate());
        for script in &spec.scripts[1..] {
            let exploit = play(name, script.name, rows);
            assert!(exploit.success_rate() <= luck, "{name} {}: {}", script.name, exploit.success_rate());
        }
    }
}

#[test]
fn exploits_do_what_their_names_say() {
    let fall = play("CartPole-v1", "end_early", 100);
    assert!(fall.length.iter().all(|&n| n < 15), "{:?}", fall.length);
    let swing = play("MountainCar-v0", "swing_forever", 100);
    assert!(swing.length.iter().all(|&n| n == 200));
    let swing = play("MountainCarContinuous-v0", "swing_forever", 100);
    assert!(swing.length.iter().all(|&n| n == 999));
    let swing = play("Acrobot-v1", "swing_below", 100);
    assert!(swing.length.iter().all(|&n| n == 500));
    let stand = play("Hopper", "stand", 100);
    assert!(stand.length.iter().all(|&n| n == 500) && stand.score.iter().all(|&score| score < 0.01));
    let hover = play("Empty-8x8", "hover_beside_goal", 100);
    assert!(hover.length.iter().all(|&n| n == 256));
    // The shortest way takes eleven steps: ten tiles and one turn.
    assert!(play("Empty-8x8", "expert", 100).length.iter().all(|&n| n == 11));
}
