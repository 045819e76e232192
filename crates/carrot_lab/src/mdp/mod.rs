//! Exact optima: what a reward's best policy earns, and what it does for the task, without training anything.

mod scorer;

use carrot_sim::Mdp;
use carrot_sim::mdp::{backward_induction, evaluate_plan, evaluate_policy, policy_iteration};
use serde::Serialize;

pub use scorer::TransitionScorer;

use crate::error::LabError;
use crate::setup::Setup;

/// How exact values are.
const TOLERANCE: f64 = 1e-6;

/// The optimum of one reward.
#[derive(Debug, Clone, Serialize)]
pub struct RewardOptimum {
    /// Name of the reward.
    pub reward: String,
    /// Discount.
    pub gamma: f64,
    /// Discounted return of the best policy, over the start states.
    pub value: f64,
    /// Probability that this policy succeeds within the step limit.
    pub success: f64,
    /// Steps that the policy counts and plans for, when the reward depends on the step count; else it is the
    /// best of those that see the state alone.
    pub horizon: Option<u32>,
}

/// The highest probability to succeed within the step limit that any policy has.
///
/// # Errors
/// Those of the solvers.
pub fn best_success(mdp: &Mdp) -> Result<f64, LabError> {
    let rewards = mdp.success_rewards();
    let values = match mdp.max_steps {
        0 => policy_iteration(mdp, &rewards, 1.0, TOLERANCE)?.values,
        steps => {
            backward_induction(mdp, steps as usize, 1.0, |_, paid| paid.copy_from_slice(&rewards)).values
        }
    };
    Ok(mdp.at_start(&values))
}

/// The optimum of a setup's trained reward on the model of its task, under the discount of its learner.
///
/// # Errors
/// When the reward reads what a model does not have, or its values have no end.
pub fn optimum(setup: &Setup, mdp: &Mdp) -> Result<RewardOptimum, LabError> {
    let gamma = f64::from(setup.learner.gamma());
    let scorer = TransitionScorer::new(setup.task.spec(), &setup.graphs[0], mdp)?;
    let succeeds = mdp.success_rewards();
    let (values, success, horizon) = if scorer.reads_clock() {
        let mut failed = Ok(());
        let plan = backward_induction(mdp, mdp.max_steps as usize, gamma, |step, paid| {
            if failed.is_ok() {
                failed = scorer.rewards(step, paid);
            }
        });
        failed?;
        let success = evaluate_plan(mdp, &succeeds, 1.0, plan.policy.iter().map(Vec::as_slice))?;
        (plan.values, success, Some(mdp.max_steps))
    } else {
        let mut rewards = vec![0.0; mdp.num_transitions()];
        scorer.rewards(0, &mut rewards)?;
        let best = policy_iteration(mdp, &rewards, gamma, TOLERANCE)?;
        let success = match mdp.max_steps {
            0 => evaluate_policy(mdp, &succeeds, &best.policy, 1.0, TOLERANCE)?,
            steps => {
                let policies = std::iter::repeat_n(best.policy.as_slice(), steps as usize);
                evaluate_plan(mdp, &succeeds, 1.0, policies)?
            }
        };
        (best.values, success, None)
    };
    let (value, success) = (mdp.at_start(&values), mdp.at_start(&success));
    Ok(RewardOptimum { reward: setup.reward.clone(), gamma, value, success, horizon })
}
