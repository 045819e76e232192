//! Classic control: rewards along recorded episodes, and of single steps from 10,000 states.

use carrot_lab::Setup;
use carrot_reward::{Ledger, Revision};
use carrot_sim::{Intervention, VecEnv, VecEnvConfig};

use super::super::setups::{random_actions, scene};
use super::{Recorded, compare, fixture, floats};

/// Sets the state of every row through its handles.
fn place<'a>(env: &mut VecEnv, states: impl Iterator<Item = &'a [f32]>, handles: &[&str]) {
    for (row, state) in states.enumerate() {
        for (handle, &value) in handles.iter().zip(state) {
            env.intervene(Intervention { row, handle: handle.to_string(), values: vec![value] }).unwrap();
        }
    }
}

/// What the trained reward pays for one step from each of the states, and whether the step terminated.
fn pay_once(setup: &Setup, rows: &[&[f32]], handles: &[&str]) -> Vec<(f32, bool)> {
    let config = VecEnvConfig {
        num_envs: rows.len(),
        num_steps: 1,
        shards: 1,
        seed: 1,
        keep_signals: false,
        autoreset: true,
    };
    let revision = Revision::initial(&setup.graphs);
    let mut env = setup.build(config, &revision).unwrap();
    place(&mut env, rows.iter().copied(), handles);
    env.begin_rollout();
    let actions: Vec<f32> = rows.iter().map(|row| row[handles.len()]).collect();
    env.step(&actions).unwrap();
    let mut ledger = Ledger::new(&setup.graphs, 1, rows.len());
    let catalog = env.catalog().clone();
    env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut Default::default(), &catalog, r))
        .unwrap();
    let paid = ledger.graphs[0].total(0, 0);
    paid.iter().copied().zip(env.rollout().terminated.iter().copied()).collect()
}

#[test]
fn single_steps_pay_what_gymnasium_pays() {
    const ACROBOT: [&str; 4] = ["shoulder_angle", "elbow_angle", "shoulder_velocity", "elbow_velocity"];
    let cases: [(&str, &str, usize, &[&str]); 3] = [
        ("MountainCarContinuous-v0", "mountain_car_continuous", 7, &["position", "velocity"]),
        ("Pendulum-v1", "pendulum", 10, &["angle", "angular_velocity"]),
        ("Acrobot-v1", "acrobot", 17, &ACROBOT),
    ];
    for (task, stem, width, handles) in cases {
        let data = floats(&fixture(&format!("{stem}_steps.bin")));
        // States beyond the car's valley cannot be set.
        let inside =
            |row: &&[f32]| width != 7 || ((-1.2..=0.6).contains(&row[0]) && (-0.07..=0.07).contains(&row[1]));
        let rows: Vec<&[f32]> = data.chunks_exact(width).filter(inside).collect();
        let paid = pay_once(&scene(task, "num_envs: 4, num_steps: 4", "\"sparse\"", ""), &rows, handles);
        let (mut compared, mut ends) = (0, 0);
        for (row, (reward, terminated)) in rows.iter().zip(paid) {
            let [.., expected, end] = row[..] else { panic!("row") };
            if terminated != (end != 0.0) {
                // The step lands on a limit; how close it must be for that, the task's own tests say.
                continue;
            }
            compared += 1;
            ends += usize::from(terminated);
            assert!((reward - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{task}: {reward} {row:?}");
        }
        assert!(compared as f64 > 0.99 * rows.len() as f64, "{task}: {compared}");
        assert!(ends > 500 || task == "Pendulum-v1", "{task}: {ends} ends");
    }
}

#[test]
fn pendulum_episodes_pay_what_gymnasium_pays() {
    let data = floats(&fixture("pendulum_episodes.bin"));
    let rows: Vec<&[f32]> = data.chunks_exact(9).collect();
    // Each step begins where the recorded one began, and pays for that state.
    let steps: Vec<[f32; 4]> = rows
        .windows(2)
        .filter(|pair| pair[1][0] != -9.0)
        .map(|pair| [pair[0][1], pair[0][2], pair[1][0], pair[1][6]])
        .collect();
    let states: Vec<&[f32]> = steps.iter().map(|step| &step[..]).collect();
    let setup = scene("Pendulum-v1", "num_envs: 4, num_steps: 4", "\"sparse\"", "");
    let paid = pay_once(&setup, &states, &["angle", "angular_velocity"]);
    assert_eq!(paid.len(), 4_000);
    for (step, (reward, _)) in steps.iter().zip(paid) {
        assert!((reward - step[3]).abs() <= 1e-5 * step[3].abs().max(1.0), "{reward} {step:?}");
    }
}

#[test]
fn mountain_car_pays_the_same() {
    let rows = floats(&fixture("mountain_car_episodes.bin"));
    let mut starts = Vec::new();
    let mut recorded: Vec<Recorded> = Vec::new();
    for row in rows.chunks_exact(6) {
        let [action, position, velocity, reward, terminated, truncated] = row[..] else { panic!("row") };
        if action < 0.0 {
            starts.push([position, velocity]);
            recorded.push(Recorded { actions: Vec::new(), rewards: Vec::new(), ended: Vec::new() });
        } else {
            let episode = recorded.last_mut().unwrap();
            episode.actions.push(action);
            episode.rewards.push(reward);
            episode.ended.push(terminated + truncated > 0.0);
        }
    }
    assert_eq!(recorded.len(), 20);
    compare(&scene("MountainCar-v0", "num_envs: 4, num_steps: 4", "\"sparse\"", ""), &recorded, |env| {
        place(env, starts.iter().map(|start| &start[..]), &["position", "velocity"]);
    });
}

#[test]
fn cart_pole_pays_one_per_step() {
    let rows = floats(&fixture("cartpole_episodes.bin"));
    let steps = rows.chunks_exact(8).filter(|row| row[0] >= 0.0);
    assert!(steps.clone().count() > 5000 && steps.clone().all(|row| row[5] == 1.0), "Gymnasium pays 1");
    let setup = scene("CartPole-v1", "num_envs: 50, num_steps: 100", "\"sparse\"", "");
    let revision = Revision::initial(&setup.graphs);
    let mut env = setup.build(setup.batch(), &revision).unwrap();
    let mut actions = Vec::new();
    env.begin_rollout();
    for _ in 0..100 {
        random_actions(&mut env, &mut actions);
        env.step(&actions).unwrap();
    }
    let mut ledger = Ledger::new(&setup.graphs, 100, 50);
    let catalog = env.catalog().clone();
    env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut Default::default(), &catalog, r))
        .unwrap();
    assert!(env.rollout().ends.len() > 50, "steps that terminate are among them");
    assert!(ledger.graphs[0].totals[0].iter().all(|&reward| reward == 1.0));
}
