//! The solvers on models whose answers are known.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says what it needs")]

use super::*;
use crate::episode::CAUSE_TASK;

const GOAL: Ending = Ending { cause: CAUSE_TASK, success: true };

/// Walks over a square of `n` by `n` tiles in four directions, turning or going ahead, to the far corner; every
/// third move ahead slips and does nothing when `slips`.
fn square(n: usize, slips: bool) -> Mdp {
    type Pose = (usize, usize, usize);
    let step = |&(x, y, d): &Pose, action: usize, next: &mut Vec<(f64, Pose)>| match action {
        0 => next.push((1.0, (x, y, (d + 3) % 4))),
        1 => next.push((1.0, (x, y, (d + 1) % 4))),
        _ => {
            let ahead = match d {
                0 => ((x + 1).min(n - 1), y, d),
                1 => (x, (y + 1).min(n - 1), d),
                2 => (x.saturating_sub(1), y, d),
                _ => (x, y.saturating_sub(1), d),
            };
            let sure = if slips { 2.0 / 3.0 } else { 1.0 };
            next.push((sure, ahead));
            if slips {
                next.push((1.0 - sure, (x, y, d)));
            }
        }
    };
    let ending = |&(x, y, _): &Pose| if (x, y) == (n - 1, n - 1) { GOAL } else { Ending::NONE };
    let signals = |&(x, y, d): &Pose| vec![x as f32, y as f32, d as f32];
    let explorer = Explorer {
        num_actions: 3,
        step: &step,
        ending: &ending,
        signals: &signals,
        clocks: Vec::new(),
        max_steps: 0,
    };
    explorer.explore_all([((0, 0, 0), 1.0)])
}

/// -1 for every step.
fn costs(mdp: &Mdp) -> Vec<f64> {
    vec![-1.0; mdp.num_transitions()]
}

#[test]
fn a_model_lists_every_state_once() {
    let mdp = square(5, true);
    // The corner can be entered facing right or down, and is left by nobody.
    assert_eq!(mdp.num_states(), 24 * 4 + 2);
    assert_eq!(mdp.num_transitions(), 24 * 4 * 4);
    for (state, action) in (0..mdp.num_states()).flat_map(|s| (0..3).map(move |a| (s, a))) {
        let sum: f64 = mdp.outcomes(state, action).map(|t| mdp.prob[t]).sum();
        let expected = if mdp.is_terminal(state) { 0.0 } else { 1.0 };
        assert!((sum - expected).abs() < 1e-12);
    }
    let sources: Vec<_> = mdp.sources().collect();
    assert_eq!(sources.len(), mdp.num_transitions());
    assert!(mdp.outcomes(sources[77].0, sources[77].1).contains(&77));
    assert_eq!(mdp.column(2).iter().filter(|&&d| d == 2.0).count(), 24);
}

#[test]
fn values_are_lengths_of_shortest_ways() {
    let mdp = square(32, false);
    // 62 tiles and one turn.
    let best = value_iteration(&mdp, &costs(&mdp), 1.0, 1e-9).unwrap();
    assert_eq!(mdp.at_start(&best.values), -63.0);
    let same = policy_iteration(&mdp, &costs(&mdp), 1.0, 1e-9).unwrap();
    assert_eq!(same.values, best.values);
    let own = evaluate_policy(&mdp, &costs(&mdp), &best.policy, 1.0, 1e-9).unwrap();
    assert_eq!(own, best.values);
}

#[test]
fn a_slip_costs_what_it_should() {
    let mdp = square(8, true);
    // A tile takes 1.5 moves on average.
    let best = value_iteration(&mdp, &costs(&mdp), 1.0, 1e-10).unwrap();
    assert!((mdp.at_start(&best.values) + 14.0 * 1.5 + 1.0).abs() < 1e-6, "{}", mdp.at_start(&best.values));
    let gamma = 0.97;
    let (a, b) = (
        value_iteration(&mdp, &mdp.success_rewards(), gamma, 1e-10).unwrap(),
        policy_iteration(&mdp, &mdp.success_rewards(), gamma, 1e-10).unwrap(),
    );
    assert!(a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() < 1e-9));
}

#[test]
fn a_limit_of_steps_is_kept_exactly() {
    let mdp = square(4, true);
    let succeeds = mdp.success_rewards();
    // Six tiles and a turn: with eight steps one of the six may slip once.
    let chance = |steps: usize| {
        let plan = backward_induction(&mdp, steps, 1.0, |_, paid| paid.copy_from_slice(&succeeds));
        let policies = plan.policy.iter().map(Vec::as_slice);
        let again = evaluate_plan(&mdp, &succeeds, 1.0, policies).unwrap();
        assert_eq!(again, plan.values);
        mdp.at_start(&plan.values)
    };
    let (hit, slip) = (2.0_f64 / 3.0, 1.0 / 3.0);
    assert_eq!(chance(6), 0.0);
    assert!((chance(7) - hit.powi(6)).abs() < 1e-12);
    assert!((chance(8) - hit.powi(6) * (1.0 + 6.0 * slip)).abs() < 1e-12);
}

#[test]
fn equals_go_to_the_first_action() {
    let mdp = square(3, false);
    let best = value_iteration(&mdp, &vec![0.0; mdp.num_transitions()], 0.9, 1e-9).unwrap();
    assert!(best.policy.iter().all(|&action| action == 0));
}

#[test]
fn what_has_no_answer_is_refused() {
    let mdp = square(3, false);
    let endless = value_iteration(&mdp, &vec![1.0; mdp.num_transitions()], 1.0, 1e-9);
    assert!(matches!(endless, Err(MdpError::NotConverged { .. })));
    let short = value_iteration(&mdp, &[1.0], 0.9, 1e-9).unwrap_err();
    assert!(short.to_string().starts_with("rewards: 1 were given"), "{short}");
    assert!(evaluate_policy(&mdp, &costs(&mdp), &[0], 0.9, 1e-9).is_err());
    assert!(evaluate_policy(&mdp, &costs(&mdp), &vec![3; mdp.num_states()], 0.9, 1e-9).is_err());
    let count = |&n: &u64, _: usize, next: &mut Vec<(f64, u64)>| next.push((1.0, n + 1));
    let explorer = Explorer {
        num_actions: 1,
        step: &count,
        ending: &|_| Ending::NONE,
        signals: &|_| Vec::new(),
        clocks: Vec::new(),
        max_steps: 0,
    };
    assert_eq!(explorer.explore([(0, 1.0)], 1000), Err(MdpError::TooLarge { limit: 1000 }));
}
