//! Pendulum and Acrobot against Gymnasium's own steps.

use carrot_tasks::control::{acrobot, pendulum};

use crate::batch::env;
use crate::control::{close, column, place};
use crate::fixtures::{json, rows};

/// Difference of two angles, in f64 and modulo a turn.
fn apart(a: f32, b: f32) -> f64 {
    let turns = f64::from(a) - f64::from(b);
    (turns - std::f64::consts::TAU * (turns / std::f64::consts::TAU).round()).abs()
}

#[test]
fn pendulum_steps_agree_with_gymnasium() {
    let rows = rows::<10>("pendulum_steps.bin");
    let [mut angle, mut speed, action] = [0, 1, 2].map(|field| column(&rows, field));
    let action: Vec<f32> = action.iter().map(|a| a.clamp(-2.0, 2.0)).collect();
    let mut upright = vec![0.0; rows.len()];
    assert!(pendulum::step_rows(&mut angle, &mut speed, &mut upright, &action));
    for (i, row) in rows.iter().enumerate() {
        let off = apart(angle[i], row[3]) / f64::from(row[3].abs().max(1.0));
        assert!(off <= 1e-5 && close(speed[i], row[4]), "row {i}: {} {} {row:?}", angle[i], speed[i]);
        assert_eq!(upright[i] > 0.0, angle[i].abs() <= pendulum::UPRIGHT);
    }
}

#[test]
fn pendulum_batch_agrees_with_gymnasium_in_states_observations_and_ends() {
    let rows = rows::<10>("pendulum_steps.bin");
    let mut env = env(pendulum::NAME, rows.len(), 1);
    place(&mut env, &rows, &["angle", "angular_velocity"]);
    env.step(&column(&rows, 2)).unwrap();
    let rollout = env.rollout();
    let now = rollout.signals_now(0).unwrap();
    let seen = rollout.obs[0].f32()[3 * rows.len()..].as_chunks::<3>().0;
    for (i, row) in rows.iter().enumerate() {
        assert!(apart(now.column(0)[i], row[3]) <= 1e-5, "row {i}: {} {row:?}", now.column(0)[i]);
        assert!(now.column(0)[i].abs() <= std::f32::consts::PI);
        assert!((0..3).all(|k| close(seen[i][k], row[5 + k])), "row {i}: {:?} {row:?}", seen[i]);
        assert!(!rollout.terminated[i] && row[9] == 0.0);
    }
}

#[test]
fn pendulum_episodes_agree_with_gymnasium_step_by_step() {
    let rows = rows::<9>("pendulum_episodes.bin");
    let pairs: Vec<_> = rows.windows(2).filter(|pair| pair[1][0] != -9.0).collect();
    let field = |k: usize| -> Vec<f32> { pairs.iter().map(|pair| pair[0][k]).collect() };
    let ([mut angle, mut speed], mut upright) = ([1, 2].map(field), vec![0.0; pairs.len()]);
    let action: Vec<f32> = pairs.iter().map(|pair| pair[1][0].clamp(-2.0, 2.0)).collect();
    assert!(pendulum::step_rows(&mut angle, &mut speed, &mut upright, &action));
    assert_eq!(pairs.len(), 4_000);
    for (i, pair) in pairs.iter().enumerate() {
        let off = apart(angle[i], pair[1][1]) / f64::from(pair[1][1].abs().max(1.0));
        assert!(off <= 1e-5 && close(speed[i], pair[1][2]), "{i}: {pair:?}");
    }
    let last = pairs.iter().filter(|pair| pair[1][8] != 0.0).count();
    assert_eq!(last, 20, "every episode is truncated after {} steps", pendulum::MAX_STEPS);
}

/// Largest error of a state, relative to each variable's size and at least to 1.
fn acrobot_error(next: [f32; 4], expected: &[f32]) -> f64 {
    let angles = [0, 1].map(|k| apart(next[k], expected[k]));
    let speeds =
        [2, 3].map(|k| f64::from(next[k] - expected[k]).abs() / f64::from(expected[k].abs().max(1.0)));
    angles.into_iter().chain(speeds).fold(0.0, f64::max)
}

/// Rows in which f32 cannot be held to 1e-5.
fn ill_conditioned() -> Vec<usize> {
    let listed = json("acrobot_steps.json");
    let rows = listed["ill_conditioned"].as_array().unwrap();
    rows.iter().map(|row| row.as_u64().unwrap() as usize).collect()
}

#[test]
fn acrobot_steps_agree_with_gymnasium() {
    let (rows, loose) = (rows::<17>("acrobot_steps.bin"), ill_conditioned());
    assert!(loose.len() < 120);
    let [mut a, mut b, mut v, mut w, action] = [0, 1, 2, 3, 4].map(|field| column(&rows, field));
    assert!(acrobot::step_rows(&mut a, &mut b, &mut v, &mut w, &action));
    for (i, row) in rows.iter().enumerate() {
        let (next, tolerance) = ([a[i], b[i], v[i], w[i]], if loose.contains(&i) { 3e-4 } else { 1e-5 });
        assert!(acrobot_error(next, &row[5..9]) <= tolerance, "row {i}: {next:?} {row:?}");
    }
}

#[test]
fn acrobot_batch_agrees_with_gymnasium_in_observations_and_ends() {
    let (rows, loose) = (rows::<17>("acrobot_steps.bin"), ill_conditioned());
    let mut env = env(acrobot::NAME, rows.len(), 1);
    let handles = ["shoulder_angle", "elbow_angle", "shoulder_velocity", "elbow_velocity"];
    place(&mut env, &rows, &handles);
    env.step(&column(&rows, 4)).unwrap();
    let rollout = env.rollout();
    let (now, finals) = (rollout.signals_now(0).unwrap(), &rollout.ends);
    let seen = rollout.obs[0].f32()[6 * rows.len()..].as_chunks::<6>().0;
    let mut compared = [0, 0];
    for (i, row) in rows.iter().enumerate().filter(|(i, _)| !loose.contains(i)) {
        let next = [0, 1, 2, 3].map(|k| now.column(k)[i]);
        assert!(acrobot_error(next, &row[5..9]) <= 1e-5, "row {i}: {next:?} {row:?}");
        // An ended row already shows its next episode.
        if !rollout.terminated[i] {
            assert!((0..6).all(|k| close(seen[i][k], row[9 + k])), "row {i}: {:?} {row:?}", seen[i]);
        }
        let height = -row[9] - (row[9] * row[11] - row[10] * row[12]);
        if (height - acrobot::LINE).abs() > 1e-5 {
            compared[usize::from(row[16] != 0.0)] += 1;
            assert_eq!(rollout.terminated[i], row[16] != 0.0, "row {i}: {next:?} {row:?}");
            assert_eq!(rollout.success[i], row[16] != 0.0);
        }
    }
    assert!(compared[0] > 7_000 && compared[1] > 1_000, "{compared:?}");
    assert!(finals.len() >= compared[1]);
}

#[test]
fn acrobot_episodes_agree_with_gymnasium_step_by_step() {
    let rows = rows::<14>("acrobot_episodes.bin");
    let pairs: Vec<_> = rows.windows(2).filter(|pair| pair[1][0] >= 0.0).collect();
    let field = |k: usize| -> Vec<f32> { pairs.iter().map(|pair| pair[0][k]).collect() };
    let [mut a, mut b, mut v, mut w] = [1, 2, 3, 4].map(field);
    let action: Vec<f32> = pairs.iter().map(|pair| pair[1][0]).collect();
    assert!(acrobot::step_rows(&mut a, &mut b, &mut v, &mut w, &action));
    for (i, pair) in pairs.iter().enumerate() {
        let next = [a[i], b[i], v[i], w[i]];
        assert!(acrobot_error(next, &pair[1][1..5]) <= 1e-5, "{i}: {next:?} {:?}", pair[1]);
    }
    assert!(pairs.iter().any(|pair| pair[1][12] != 0.0) && pairs.iter().any(|pair| pair[1][13] != 0.0));
}

#[test]
fn spaces_limits_and_fresh_states_are_those_of_gymnasium() {
    let pi = std::f32::consts::PI;
    let swing = env(pendulum::NAME, 4096, 1);
    let spec = swing.task().spec();
    assert_eq!((spec.max_steps, &spec.observation[0].high), (200, &vec![1.0, 1.0, 8.0]));
    assert_eq!(spec.action.bounds(0), (-2.0, 2.0));
    let fresh = swing.rollout().obs[0].f32()[..3 * 4096].as_chunks::<3>().0;
    assert!(fresh.iter().all(|[cos, sin, w]| close(cos * cos + sin * sin, 1.0) && w.abs() <= 1.0));
    // Uniform over the circle: every quarter holds its share.
    let upper = fresh.iter().filter(|[cos, sin, _]| *cos > 0.0 && *sin > 0.0).count();
    assert!((900..1150).contains(&upper), "{upper}");

    let acrobot = env(acrobot::NAME, 4096, 1);
    let spec = acrobot.task().spec();
    assert_eq!((spec.max_steps, spec.action.choices(0)), (500, Some(3)));
    assert_eq!(spec.observation[0].high, [1.0, 1.0, 1.0, 1.0, 4.0 * pi, 9.0 * pi]);
    let fresh = acrobot.rollout().obs[0].f32()[..6 * 4096].as_chunks::<6>().0;
    assert!(fresh.iter().all(|o| o[1].abs() <= 0.1 && o[3].abs() <= 0.1 && o[4].abs() <= 0.1));
    let spread = fresh.iter().map(|o| o[5] * o[5]).sum::<f32>() / 4096.0;
    // Variance of a uniform number of that width: 0.2^2 / 12.
    assert!((spread - 3.333e-3).abs() < 2e-4, "{spread}");
}
