//! CartPole and both mountain cars against Gymnasium's own steps.

use carrot_sim::{Intervention, VecEnv};
use carrot_tasks::control::valley::{self, Valley};
use carrot_tasks::control::{cart_pole, mountain_car, mountain_car_continuous};

use crate::batch::env;
use crate::fixtures::{json, rows};

/// Within 1e-5 of the larger of the two numbers and 1.
pub(crate) fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-5 * a.abs().max(b.abs()).max(1.0)
}

pub(crate) fn column<const F: usize>(rows: &[[f32; F]], field: usize) -> Vec<f32> {
    rows.iter().map(|row| row[field]).collect()
}

/// Sets the state of every row through its handles.
pub(crate) fn place<const F: usize>(env: &mut VecEnv, rows: &[[f32; F]], handles: &[&str]) {
    for (row, values) in rows.iter().enumerate() {
        for (handle, &value) in handles.iter().zip(values) {
            env.intervene(Intervention { row, handle: handle.to_string(), values: vec![value] }).unwrap();
        }
    }
}

#[test]
fn cart_pole_steps_agree_with_gymnasium() {
    let rows = rows::<11>("cartpole_steps.bin");
    let [mut x, mut v, mut a, mut w, action] = [0, 1, 2, 3, 4].map(|field| column(&rows, field));
    assert!(cart_pole::step_rows(&mut x, &mut v, &mut a, &mut w, &action));
    for (i, row) in rows.iter().enumerate() {
        let next = [x[i], v[i], a[i], w[i]];
        assert!((0..4).all(|k| close(next[k], row[5 + k])), "row {i}: {next:?} {row:?}");
    }
}

#[test]
fn cart_pole_batch_agrees_with_gymnasium_in_states_and_ends() {
    let rows = rows::<11>("cartpole_steps.bin");
    let undecidable: Vec<usize> = json("cartpole_steps.json")["terminated_undecidable_in_f32"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_u64().unwrap() as usize)
        .collect();
    let mut env = env(cart_pole::NAME, rows.len(), 1);
    place(&mut env, &rows, &["cart_position", "cart_velocity", "pole_angle", "pole_velocity"]);
    env.step(&column(&rows, 4)).unwrap();
    let rollout = env.rollout();
    let now = rollout.signals_now(0).unwrap();
    let mut compared = 0;
    for (i, row) in rows.iter().enumerate() {
        let next = [0, 1, 2, 3].map(|column| now.column(column)[i]);
        assert!((0..4).all(|k| close(next[k], row[5 + k])), "row {i}: {next:?} {row:?}");
        let to_limit = (next[0].abs() - cart_pole::RAIL_HALF_LENGTH)
            .abs()
            .min((next[2].abs() - cart_pole::FALL_ANGLE).abs());
        if undecidable.contains(&i) || to_limit < 1e-6 {
            continue;
        }
        compared += 1;
        assert_eq!(rollout.terminated[i], row[10] != 0.0, "row {i}: {next:?} {row:?}");
        assert_eq!(rollout.cause[i] != 0, row[10] != 0.0);
    }
    assert!(compared > 9_000, "{compared}");
    // Rewards of 1 per step follow from the step count; the truth of a first step is 1 of 500.
    assert!(rollout.score.iter().all(|&score| score == 1.0 / 500.0));
}

#[test]
fn cart_pole_episodes_agree_with_gymnasium_step_by_step() {
    let rows = rows::<8>("cartpole_episodes.bin");
    let pairs: Vec<_> = rows.windows(2).filter(|pair| pair[1][0] >= 0.0).collect();
    let field = |k: usize| -> Vec<f32> { pairs.iter().map(|pair| pair[0][k]).collect() };
    let [mut x, mut v, mut a, mut w] = [1, 2, 3, 4].map(field);
    let action: Vec<f32> = pairs.iter().map(|pair| pair[1][0]).collect();
    assert!(cart_pole::step_rows(&mut x, &mut v, &mut a, &mut w, &action));
    for (i, pair) in pairs.iter().enumerate() {
        let next = [x[i], v[i], a[i], w[i]];
        assert!((0..4).all(|k| close(next[k], pair[1][1 + k])), "{i}: {next:?} {:?}", pair[1]);
        let over = next[0].abs() > cart_pole::RAIL_HALF_LENGTH || next[2].abs() > cart_pole::FALL_ANGLE;
        assert_eq!(over, pair[1][6] != 0.0, "{i}");
    }
}

/// Name, steps, valley and fixture of a car.
type Car = (&'static str, u32, Valley, &'static str);

const CARS: [Car; 2] = [
    (mountain_car::NAME, mountain_car::MAX_STEPS, mountain_car::VALLEY, "mountain_car"),
    (
        mountain_car_continuous::NAME,
        mountain_car_continuous::MAX_STEPS,
        mountain_car_continuous::VALLEY,
        "mountain_car_continuous",
    ),
];

/// A throttle is cut to its bounds before the car sees it.
fn applied(car: &Car, given: &[f32]) -> Vec<f32> {
    let bound = if car.2.coast == 0.0 { 1.0 } else { f32::INFINITY };
    given.iter().map(|a| a.clamp(-bound, bound)).collect()
}

#[test]
fn mountain_car_steps_agree_with_gymnasium() {
    for car in CARS {
        let rows = rows::<7>(&format!("{}_steps.bin", car.3));
        let [mut x, mut v, action] = [0, 1, 2].map(|field| column(&rows, field));
        assert!(valley::step_rows(&mut x, &mut v, &applied(&car, &action), &car.2));
        for (i, row) in rows.iter().enumerate() {
            // Velocities are small: their bound is 1e-5 of the top speed.
            let equal = close(x[i], row[3]) && (v[i] - row[4]).abs() <= 7e-7;
            assert!(equal, "{} row {i}: {} {} {row:?}", car.0, x[i], v[i]);
        }
    }
}

#[test]
fn mountain_car_batch_agrees_with_gymnasium_in_states_and_ends() {
    for car in CARS {
        let rows = rows::<7>(&format!("{}_steps.bin", car.3));
        let mut env = env(car.0, rows.len(), 1);
        place(&mut env, &rows, &["position", "velocity"]);
        env.step(&column(&rows, 2)).unwrap();
        let rollout = env.rollout();
        let now = rollout.signals_now(0).unwrap();
        let mut compared = 0;
        for (i, row) in rows.iter().enumerate() {
            let (x, v) = (now.column(0)[i], now.column(1)[i]);
            if row[0] < valley::LEFT_WALL || row[0] > valley::RIGHT_END || row[1].abs() > 0.07 {
                // The handles keep a row in the valley; beyond it the maps are compared above.
                continue;
            }
            assert!(close(x, row[3]) && (v - row[4]).abs() <= 7e-7, "row {i}: {x} {v} {row:?}");
            if (x - car.2.goal).abs() > 1e-6 && v.abs() > 1e-6 {
                compared += 1;
                assert_eq!(rollout.terminated[i], row[6] != 0.0, "row {i}: {x} {v} {row:?}");
                assert_eq!(rollout.success[i], row[6] != 0.0);
            }
        }
        assert!(compared > 7_000, "{compared}");
    }
}

#[test]
fn mountain_car_trajectories_agree_with_gymnasium() {
    for car in CARS {
        let rows = rows::<6>(&format!("{}_episodes.bin", car.3));
        let fresh = |row: &[f32; 6]| row[0] == if car.2.coast == 0.0 { -9.0 } else { -1.0 };
        let starts: Vec<usize> = (0..rows.len()).filter(|&i| fresh(&rows[i])).collect();
        let mut env = env(car.0, starts.len(), car.1 as usize);
        let states: Vec<[f32; 2]> = starts.iter().map(|&i| [rows[i][1], rows[i][2]]).collect();
        place(&mut env, &states, &["position", "velocity"]);
        let mut running = vec![true; starts.len()];
        // A swing of a thousand steps multiplies what the arithmetic of one leaves over.
        let tolerance = if car.1 > 200 { 1e-4 } else { 1e-5 };
        for t in 1..=car.1 as usize {
            let recorded = |e: usize| rows.get(starts[e] + t).filter(|row| !fresh(row));
            let actions: Vec<f32> =
                (0..starts.len()).map(|e| if running[e] { recorded(e).unwrap()[0] } else { 0.0 }).collect();
            env.step(&actions).unwrap();
            let rollout = env.rollout();
            let now = rollout.signals_now(t - 1).unwrap();
            for e in (0..starts.len()).filter(|&e| running[e]) {
                let (row, cell) = (recorded(e).unwrap(), (t - 1) * starts.len() + e);
                let off = [now.column(0)[e] - row[1], now.column(1)[e] - row[2]];
                assert!(off.iter().all(|x| x.abs() < tolerance), "{} {e}, step {t}: {off:?}", car.0);
                assert_eq!(rollout.terminated[cell], row[4] != 0.0, "episode {e}, step {t}");
                assert_eq!(rollout.truncated[cell], row[5] != 0.0, "episode {e}, step {t}");
            }
            let ended: Vec<usize> =
                rollout.ends.iter().filter(|end| end.episode == 0).map(|end| end.env as usize).collect();
            ended.into_iter().for_each(|e| running[e] = false);
        }
        assert!(running.iter().all(|running| !running));
    }
}

#[test]
fn spaces_and_fresh_states_are_those_of_gymnasium() {
    let cart_pole = env(cart_pole::NAME, 4096, 1);
    let part = &cart_pole.task().spec().observation[0];
    assert_eq!(part.high, [4.8, f32::INFINITY, 0.418_879_02, f32::INFINITY]);
    assert_eq!(cart_pole.task().spec().max_steps, 500);
    let fresh = cart_pole.rollout().obs[0].f32()[..4 * 4096].to_vec();
    assert!(fresh.iter().all(|x| x.abs() <= 0.05));
    let spread = |k: usize| fresh[k..].iter().step_by(4).map(|x| x * x).sum::<f32>() / 4096.0;
    // Variance of a uniform number of that width: 0.1^2 / 12.
    assert!((0..4).all(|k| (spread(k) - 8.333e-4).abs() < 5e-5));
    for (name, max_steps, ..) in CARS {
        let car = env(name, 4096, 1);
        assert_eq!(car.task().spec().observation[0].low, [-1.2, -0.07]);
        assert_eq!(car.task().spec().max_steps, max_steps);
        let fresh = &car.rollout().obs[0].f32()[..2 * 4096];
        assert!(fresh.as_chunks::<2>().0.iter().all(|[x, v]| (-0.6..=-0.4).contains(x) && *v == 0.0));
    }
}
