//! Exact solvers: value iteration, policy evaluation, policy iteration, and backward induction over a limited
//! number of steps.
//!
//! # Source
//! R. Sutton and A. Barto, "Reinforcement Learning", 2nd edition (2018), chapter 4; M. Puterman, "Markov
//! Decision Processes" (1994), section 6.5 for modified policy iteration.

use super::{Mdp, MdpError};

/// Sweeps after which values that still move are given up.
const MOST_SWEEPS: usize = 50_000;
/// An action must be better by this share of the values' size to be preferred over an earlier one, so that
/// rounding does not choose between equals.
const TIE: f64 = 1e-10;
/// Evaluation sweeps between two improvements of a policy.
const EVALUATIONS: usize = 20;

/// Values and a policy that attains them.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// Value of each state, `[S]`; 0 where the episode has terminated.
    pub values: Vec<f64>,
    /// Best action of each state, the first among equals, `[S]`.
    pub policy: Vec<u32>,
    /// Sweeps over all states that it took.
    pub sweeps: usize,
}

/// A policy that knows how many steps are left.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Value of each state before the first step, `[S]`.
    pub values: Vec<f64>,
    /// Best action at each step, `[steps][S]`.
    pub policy: Vec<Vec<u32>>,
}

/// The optimal values by in-place value iteration.
///
/// The values are within `tolerance` of the true ones for gamma below 1; at gamma 1 no sweep changes them by
/// more.
///
/// # Shapes
/// `rewards` `[T]`.
///
/// # Errors
/// When the rewards do not fit, or the values do not settle.
pub fn value_iteration(mdp: &Mdp, rewards: &[f64], gamma: f64, tolerance: f64) -> Result<Optimum, MdpError> {
    check(mdp, rewards)?;
    let mut values = vec![0.0; mdp.num_states()];
    let sweeps = settle(gamma, tolerance, || {
        let mut change = 0.0_f64;
        for state in (0..mdp.num_states()).filter(|&state| !mdp.is_terminal(state)) {
            let best = (0..mdp.num_actions)
                .map(|action| action_value(mdp, rewards, gamma, &values, state, action))
                .fold(f64::NEG_INFINITY, f64::max);
            change = change.max((best - values[state]).abs());
            values[state] = best;
        }
        change
    })?;
    let policy = greedy(mdp, rewards, gamma, &values);
    Ok(Optimum { values, policy, sweeps })
}

/// The optimal values by policy iteration with partial evaluation: far fewer sweeps over all actions than
/// [`value_iteration`] where gamma is near 1.
///
/// # Shapes
/// `rewards` `[T]`.
///
/// # Errors
/// Those of [`value_iteration`].
pub fn policy_iteration(mdp: &Mdp, rewards: &[f64], gamma: f64, tolerance: f64) -> Result<Optimum, MdpError> {
    check(mdp, rewards)?;
    let mut values = vec![0.0; mdp.num_states()];
    let sweeps = settle(gamma, tolerance, || {
        let policy = greedy(mdp, rewards, gamma, &values);
        let change = sweep(mdp, rewards, &policy, gamma, &mut values);
        (1..EVALUATIONS).for_each(|_| {
            sweep(mdp, rewards, &policy, gamma, &mut values);
        });
        change
    })?;
    let policy = greedy(mdp, rewards, gamma, &values);
    Ok(Optimum { values, policy, sweeps: sweeps * EVALUATIONS })
}

/// The values of a policy.
///
/// # Shapes
/// `rewards` `[T]`, `policy` `[S]`.
///
/// # Errors
/// Those of [`value_iteration`].
pub fn evaluate_policy(
    mdp: &Mdp,
    rewards: &[f64],
    policy: &[u32],
    gamma: f64,
    tolerance: f64,
) -> Result<Vec<f64>, MdpError> {
    check(mdp, rewards)?;
    check_policy(mdp, policy)?;
    let mut values = vec![0.0; mdp.num_states()];
    settle(gamma, tolerance, || sweep(mdp, rewards, policy, gamma, &mut values))?;
    Ok(values)
}

/// The optimal values and policy over `steps` steps; what comes after the last step counts 0. The rewards may
/// depend on the step, which a clock needs.
///
/// # Shapes
/// `rewards(step)` writes `[T]` for step 0, 1, ..
pub fn backward_induction(
    mdp: &Mdp,
    steps: usize,
    gamma: f64,
    mut rewards: impl FnMut(usize, &mut [f64]),
) -> Plan {
    let mut values = vec![0.0; mdp.num_states()];
    let mut paid = vec![0.0; mdp.num_transitions()];
    let mut policy = Vec::with_capacity(steps);
    for step in (0..steps).rev() {
        rewards(step, &mut paid);
        let best = greedy(mdp, &paid, gamma, &values);
        values = step_back(mdp, &paid, &best, gamma, &values);
        policy.push(best);
    }
    policy.reverse();
    Plan { values, policy }
}

/// The values over the first steps of policies, one per step: with [`Mdp::success_rewards`] and gamma 1 the
/// probability to succeed within them.
///
/// # Shapes
/// `rewards` `[T]`, each policy `[S]`.
///
/// # Errors
/// When rewards or a policy do not fit.
pub fn evaluate_plan<'p>(
    mdp: &Mdp,
    rewards: &[f64],
    gamma: f64,
    policies: impl DoubleEndedIterator<Item = &'p [u32]>,
) -> Result<Vec<f64>, MdpError> {
    check(mdp, rewards)?;
    policies.rev().try_fold(vec![0.0; mdp.num_states()], |values, policy| {
        check_policy(mdp, policy)?;
        Ok(step_back(mdp, rewards, policy, gamma, &values))
    })
}

/// Repeats sweeps until one changes little enough; gives their number.
fn settle(gamma: f64, tolerance: f64, mut sweep: impl FnMut() -> f64) -> Result<usize, MdpError> {
    // A contraction by gamma that moves by d is at most d gamma / (1 - gamma) from its end.
    let enough =
        if gamma < 1.0 { tolerance * (1.0 - gamma) / gamma.max(f64::MIN_POSITIVE) } else { tolerance };
    let mut change = f64::INFINITY;
    for sweeps in 1..=MOST_SWEEPS {
        change = sweep();
        if change <= enough {
            return Ok(sweeps);
        }
    }
    Err(MdpError::NotConverged { sweeps: MOST_SWEEPS, change })
}

#[inline]
fn action_value(mdp: &Mdp, rewards: &[f64], gamma: f64, values: &[f64], state: usize, action: usize) -> f64 {
    let outcomes = mdp.outcomes(state, action);
    let columns = mdp.prob[outcomes.clone()].iter().zip(&rewards[outcomes.clone()]).zip(&mdp.next[outcomes]);
    columns.fold(0.0, |sum, ((prob, reward), &next)| sum + prob * (reward + gamma * values[next as usize]))
}

/// The best action of each state under these values.
fn greedy(mdp: &Mdp, rewards: &[f64], gamma: f64, values: &[f64]) -> Vec<u32> {
    let best_of = |state: usize| {
        let mut best = (0, f64::NEG_INFINITY);
        for action in 0..mdp.num_actions {
            let value = action_value(mdp, rewards, gamma, values, state, action);
            if value > best.1 + TIE * best.1.abs().max(1.0) || action == 0 {
                best = (action as u32, value);
            }
        }
        best.0
    };
    (0..mdp.num_states()).map(best_of).collect()
}

/// One in-place sweep of a policy's values; gives the largest change.
fn sweep(mdp: &Mdp, rewards: &[f64], policy: &[u32], gamma: f64, values: &mut [f64]) -> f64 {
    let mut change = 0.0_f64;
    for (state, &action) in policy.iter().enumerate() {
        let value = action_value(mdp, rewards, gamma, values, state, action as usize);
        change = change.max((value - values[state]).abs());
        values[state] = value;
    }
    change
}

/// Values one step earlier under a policy.
fn step_back(mdp: &Mdp, rewards: &[f64], policy: &[u32], gamma: f64, later: &[f64]) -> Vec<f64> {
    let states = policy.iter().enumerate();
    states.map(|(state, &action)| action_value(mdp, rewards, gamma, later, state, action as usize)).collect()
}

fn check(mdp: &Mdp, rewards: &[f64]) -> Result<(), MdpError> {
    let (given, expected) = (rewards.len(), mdp.num_transitions());
    if given == expected { Ok(()) } else { Err(MdpError::Shape { what: "rewards", given, expected }) }
}

fn check_policy(mdp: &Mdp, policy: &[u32]) -> Result<(), MdpError> {
    let (given, expected) = (policy.len(), mdp.num_states());
    if given != expected {
        return Err(MdpError::Shape { what: "actions of a policy", given, expected });
    }
    match policy.iter().find(|&&action| action as usize >= mdp.num_actions) {
        None => Ok(()),
        Some(&action) => Err(MdpError::Shape {
            what: "action of a policy",
            given: action as usize,
            expected: mdp.num_actions,
        }),
    }
}
