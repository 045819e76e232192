//! Exported models: what is known of their optima, and that the env does what they say.

use carrot_sim::mdp::{backward_induction, policy_iteration, value_iteration};
use carrot_sim::{Mdp, MdpError, RowKey, Stream, unit_f32};
use carrot_tasks::{build_task, task_names};

use crate::batch::{config, env_with};
use crate::scripts::play;

const SEED: u64 = 7;

fn model(task: &str, env: u32) -> Mdp {
    build_task(task).unwrap().mdp(RowKey { seed: SEED, env, episode: 0 }).unwrap()
}

/// Steps to the success by the best policy, from the start.
fn shortest(mdp: &Mdp) -> f64 {
    // A success after n steps is worth gamma to the power of n - 1.
    let gamma = 0.999_f64;
    let best = policy_iteration(mdp, &mdp.success_rewards(), gamma, 1e-9).unwrap();
    1.0 + mdp.at_start(&best.values).ln() / gamma.ln()
}

#[test]
fn optima_are_those_of_the_literature() {
    let lake = model("FrozenLake-v1", 0);
    let best = value_iteration(&lake, &lake.success_rewards(), 1.0, 1e-12).unwrap();
    assert!((lake.at_start(&best.values) - 14.0 / 17.0).abs() < 1e-6, "{}", lake.at_start(&best.values));
    // Gymnasium's registry names 0.74 and 0.91 as the optima within 100 and 200 steps.
    for (name, low, high) in [("FrozenLake-v1", 0.735, 0.745), ("FrozenLake8x8-v1", 0.90, 0.92)] {
        let mdp = model(name, 0);
        let rewards = mdp.success_rewards();
        let plan =
            backward_induction(&mdp, mdp.max_steps as usize, 1.0, |_, paid| paid.copy_from_slice(&rewards));
        assert!((low..high).contains(&mdp.at_start(&plan.values)), "{name}: {}", mdp.at_start(&plan.values));
    }
    let cliff = model("CliffWalking-v1", 0);
    let fell = build_task("CliffWalking-v1").unwrap().spec().catalog().find("fell").unwrap().0;
    let cost = |&next: &u32| if cliff.column(fell.0)[next as usize] > 0.5 { -100.0 } else { -1.0 };
    let costs: Vec<f64> = cliff.next.iter().map(cost).collect();
    let best = value_iteration(&cliff, &costs, 1.0, 1e-9).unwrap();
    assert_eq!(cliff.at_start(&best.values), -13.0);
    assert!((shortest(&model("Empty-8x8", 0)) - 11.0).abs() < 1e-3);
}

#[test]
fn experts_take_as_few_steps_as_can_be() {
    for name in
        ["Empty-8x8", "DoorKey-8x8", "FourRooms", "LavaGap-S7", "LavaCrossing", "MultiRoom-N4", "Unlock"]
    {
        let played = play(name, "expert", 100);
        let (mut optimal, mut taken) = (0.0, 0.0);
        for env in 0..4 {
            optimal += shortest(&model(name, env));
            taken += f64::from(played.length[env as usize]);
        }
        // Fetching the key on the way that is shortest in all is not what the expert weighs.
        let slack = if matches!(name, "DoorKey-8x8" | "Unlock") { 4.0 } else { 0.01 };
        assert!(taken >= optimal - 0.01 && taken <= optimal + slack, "{name}: {taken}, optimum {optimal}");
    }
}

#[test]
fn what_cannot_be_listed_says_so() {
    let mdp =
        |name: &str, seed: u64| build_task(name).unwrap().mdp(RowKey { seed, env: 0, episode: 0 }).err();
    // Where the key can lie decides the number of states, and the wall decides where it can lie.
    let large =
        (0..8).filter_map(|seed| mdp("DoorKey-16x16", seed)).find(|e| matches!(e, MdpError::TooLarge { .. }));
    assert!(large.is_some_and(|error| error.to_string().contains("too large for an exact model")));
    assert_eq!(mdp("Dynamic-Obstacles-8x8", 1), Some(MdpError::NotListed("Dynamic-Obstacles-8x8")));
    assert!(mdp("CartPole-v1", 1).unwrap().to_string().contains("CartPole-v1 does not export itself"));
}

/// Follows random episodes in the model: every step of the env must be one of its transitions, with the signals and
/// the end of the state that it leads to.
#[test]
fn the_env_does_what_its_model_says() {
    const STEPS: usize = 200;
    let mut followed = Vec::new();
    // Some layouts of the larger room are small enough too, but take long.
    for name in task_names().into_iter().filter(|name| *name != "DoorKey-16x16") {
        let Ok(first) = build_task(name).unwrap().mdp(RowKey { seed: SEED, env: 0, episode: 0 }) else {
            continue;
        };
        let models = [first, model(name, 1)];
        let mut env = env_with(name, config(models.len(), STEPS));
        let clocks: Vec<usize> = models[0].clocks.iter().map(|clock| clock.column).collect();
        let columns = models[0].signals.len() / models[0].num_states();
        let compared: Vec<usize> = (0..columns).filter(|column| !clocks.contains(column)).collect();
        let agrees = |mdp: &Mdp, state: usize, row: &[f32]| {
            compared.iter().all(|&column| mdp.column(column)[state] == row[column])
        };
        let row = |view: carrot_sim::SignalView<'_>, row: usize| -> Vec<f32> {
            (0..columns).map(|column| view.column(column)[row]).collect()
        };
        let signals = env.shards()[0].world().resource::<carrot_sim::Signals>().before();
        let mut states: Vec<Option<usize>> = models
            .iter()
            .enumerate()
            .map(|(e, mdp)| {
                let start = mdp.start.iter().map(|&(state, _)| state as usize);
                let found = start.into_iter().find(|&state| agrees(mdp, state, &row(signals, e)));
                Some(found.unwrap_or_else(|| panic!("{name}: row {e} starts in no start state")))
            })
            .collect();
        for t in 0..STEPS {
            let mut actions = vec![0.0; models.len()];
            for (e, action) in actions.iter_mut().enumerate() {
                let key = RowKey { seed: 3, env: e as u32, episode: 0 };
                let mut rng = key.rng_at(Stream::Script, t as u32);
                *action = rng.below(models[e].num_actions as u32) as f32;
            }
            env.step(&actions).unwrap();
            let rollout = env.rollout();
            for (e, mdp) in models.iter().enumerate() {
                let Some(state) = states[e] else { continue };
                let (now, cell) = (row(rollout.signals_now(t).unwrap(), e), t * models.len() + e);
                let mut next = mdp.outcomes(state, actions[e] as usize).map(|t| mdp.next[t] as usize);
                let next = next.find(|&next| agrees(mdp, next, &now));
                let next = next.unwrap_or_else(|| panic!("{name}: step {t} of row {e} is not in the model"));
                assert_eq!(mdp.is_terminal(next), rollout.terminated[cell], "{name}: step {t}");
                assert_eq!(mdp.success[next], rollout.success[cell], "{name}: step {t}");
                for clock in &mdp.clocks {
                    assert_eq!(clock.values[t + 1], now[clock.column], "{name}: step {t}");
                }
                let ended = rollout.terminated[cell] | rollout.truncated[cell];
                states[e] = Some(next).filter(|_| !ended);
            }
        }
        followed.push(name);
    }
    assert_eq!(followed.len(), 12, "{followed:?}");
}

/// Counts outcomes of many random steps: each is as frequent as its probability says, within five deviations.
#[test]
fn slips_are_as_frequent_as_the_model_says() {
    const ROWS: usize = 4096;
    const STEPS: usize = 64;
    let mdp = model("FrozenLake-v1", 0);
    let mut env = env_with("FrozenLake-v1", config(ROWS, STEPS));
    let mut counts = vec![0_u32; mdp.num_states() * mdp.num_actions * mdp.num_states()];
    for t in 0..STEPS {
        let before = env.rollout().obs[0].u8()[t * ROWS..][..ROWS].to_vec();
        let action = |row: usize| {
            (4.0 * unit_f32(
                RowKey { seed: 9, env: row as u32, episode: 0 }.words(Stream::Script, t as u32)[0],
            ))
            .floor()
        };
        let actions: Vec<f32> = (0..ROWS).map(action).collect();
        env.step(&actions).unwrap();
        let rollout = env.rollout();
        for row in 0..ROWS {
            let after = match rollout.end_at(t, row) {
                Some(end) => rollout.final_obs[0].u8()[end],
                None => rollout.obs[0].u8()[(t + 1) * ROWS + row],
            };
            let cell = usize::from(before[row]) * mdp.num_actions + actions[row] as usize;
            counts[cell * mdp.num_states() + usize::from(after)] += 1;
        }
    }
    let mut checked = 0;
    for (cell, counts) in counts.chunks(mdp.num_states()).enumerate() {
        let total: u32 = counts.iter().sum();
        for (next, &count) in counts.iter().enumerate().filter(|_| total > 200) {
            let outcomes = mdp.outcomes(cell / mdp.num_actions, cell % mdp.num_actions);
            let prob: f64 = outcomes.filter(|&t| mdp.next[t] as usize == next).map(|t| mdp.prob[t]).sum();
            let (mean, deviation) =
                (prob * f64::from(total), (prob * (1.0 - prob) * f64::from(total)).sqrt());
            assert!(
                (f64::from(count) - mean).abs() <= 5.0 * deviation + 1e-9,
                "{cell} {next}: {count}, {mean}"
            );
            checked += 1;
        }
    }
    assert!(checked > 500, "{checked}");
}
