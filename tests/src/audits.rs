//! Every shipped reward against every shipped behaviour: naive ones are farmed by the exploit they name, the others
//! by nobody.

use carrot_lab::audit::{audit, shipped_rewards};
use carrot_reward::RewardModels;

#[test]
fn naive_rewards_are_farmed_and_no_sparse_or_shaped_one_is() {
    for task in carrot_tasks::task_names() {
        let setup = shipped_rewards(task).unwrap();
        let found = audit(&setup, &mut RewardModels::new(), 40, 1000).unwrap();
        // No policy succeeds always on slippery ice.
        let least = if task.starts_with("FrozenLake") { 0.5 } else { 0.95 };
        assert!(found.behaviours[0].success_rate >= least, "{task}: the expert fails: {found:?}");
        for (audited, shipped) in found.rewards.iter().zip(&setup.task.spec().rewards) {
            assert_eq!(audited.name, shipped.name);
            match shipped.farmed_by {
                Some(exploit) => {
                    assert!(audited.farmed_by.iter().any(|by| by == exploit), "{task}: {found:?}")
                }
                None if shipped.name != "mixed" => {
                    assert_eq!(audited.farmed_by, [""; 0], "{task}: {found:?}")
                }
                None => {}
            }
        }
    }
}
