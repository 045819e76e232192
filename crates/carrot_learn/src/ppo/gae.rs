//! Generalised advantage estimation that keeps the four ways apart in which a step can be followed.
//!
//! # Source
//! Schulman et al., "High-dimensional continuous control using generalized advantage estimation" (2016),
//! equation 16. Truncated steps bootstrap with the value of the final observation, as in Pardo et al.,
//! "Time limits in reinforcement learning" (2018).

use carrot_sim::{CAUSE_FAULT, Rollout};

/// What follows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor {
    /// The next step of the same episode.
    Next,
    /// Nothing was seen, but the value of the final observation still counts.
    Truncated,
    /// Nothing: no value follows.
    Terminated,
    /// The step itself is void: it teaches nothing.
    Fault,
}

impl Successor {
    /// What follows each step of a rollout, `[T, N]`.
    pub fn of(rollout: &Rollout) -> Vec<Self> {
        (0..rollout.filled * rollout.num_envs)
            .map(|cell| match (rollout.cause[cell], rollout.terminated[cell], rollout.truncated[cell]) {
                (CAUSE_FAULT, ..) => Self::Fault,
                (_, true, _) => Self::Terminated,
                (_, false, true) => Self::Truncated,
                _ => Self::Next,
            })
            .collect()
    }
}

/// Advantages of one reward group.
///
/// # Shapes
/// All slices are `[T, N]`. `next_values` holds the value of the true successor, that is of the final
/// observation at [`Successor::Truncated`]; it is not read at `Terminated` and `Fault`.
pub fn advantages(
    gamma: f32,
    gae_lambda: f32,
    num_envs: usize,
    rewards: &[f32],
    values: &[f32],
    next_values: &[f32],
    successors: &[Successor],
) -> Vec<f32> {
    let mut advantages = vec![0.0; rewards.len()];
    let mut trace = vec![0.0_f32; num_envs];
    for (cell, advantage) in advantages.iter_mut().enumerate().rev() {
        let trace = &mut trace[cell % num_envs];
        let (follows, carried) = match successors[cell] {
            Successor::Next => (next_values[cell], *trace),
            Successor::Truncated => (next_values[cell], 0.0),
            Successor::Terminated => (0.0, 0.0),
            Successor::Fault => {
                *trace = 0.0;
                continue;
            }
        };
        let delta = rewards[cell] + gamma * follows - values[cell];
        *advantage = delta + gamma * gae_lambda * carried;
        *trace = *advantage;
    }
    advantages
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::{RowKey, Stream};

    const T: usize = 40;
    const N: usize = 5;
    const GAMMA: f64 = 0.9;
    const LAMBDA: f64 = 0.8;

    /// The definition: A_t is the sum over k of (gamma lambda)^k delta_{t+k}, up to where the trace is cut.
    fn by_definition(r: &[f32], v: &[f32], next: &[f32], after: &[Successor], t: usize, env: usize) -> f64 {
        let (mut sum, mut discount) = (0.0, 1.0);
        for cell in (t..T).map(|t| t * N + env) {
            let bootstrap = match after[cell] {
                // A later void step adds nothing; a void step itself has no advantage.
                Successor::Fault => return sum,
                Successor::Terminated => 0.0,
                Successor::Next | Successor::Truncated => f64::from(next[cell]),
            };
            sum += discount * (f64::from(r[cell]) + GAMMA * bootstrap - f64::from(v[cell]));
            discount *= GAMMA * LAMBDA;
            if after[cell] != Successor::Next {
                return sum;
            }
        }
        sum
    }

    #[test]
    fn agrees_with_the_definition() {
        let mut rng = RowKey { seed: 5, env: 0, episode: 0 }.rng(Stream::Script);
        let mut draw = || -> Vec<f32> { (0..T * N).map(|_| rng.uniform(-1.0, 1.0)).collect() };
        let (r, v, next) = (draw(), draw(), draw());
        let after: Vec<Successor> = draw()
            .iter()
            .map(|&x| match x {
                x if x > 0.9 => Successor::Terminated,
                x if x > 0.8 => Successor::Truncated,
                x if x > 0.7 => Successor::Fault,
                _ => Successor::Next,
            })
            .collect();
        let kinds = [Successor::Terminated, Successor::Truncated, Successor::Fault];
        assert!(kinds.iter().all(|kind| after.contains(kind)));
        let fast = advantages(GAMMA as f32, LAMBDA as f32, N, &r, &v, &next, &after);
        for (t, env) in (0..T).flat_map(|t| (0..N).map(move |env| (t, env))) {
            let slow = by_definition(&r, &v, &next, &after, t, env);
            let given = f64::from(fast[t * N + env]);
            assert!((given - slow).abs() < 1e-5, "step {t}, env {env}: {given} and {slow}");
        }
    }

    #[test]
    fn an_end_by_time_still_counts_what_would_follow() {
        let one = |after| advantages(0.5, 1.0, 1, &[1.0], &[0.0], &[10.0], &[after])[0];
        assert_eq!(one(Successor::Terminated), 1.0);
        assert_eq!(one(Successor::Truncated), 6.0);
        assert_eq!(one(Successor::Fault), 0.0);
    }
}
