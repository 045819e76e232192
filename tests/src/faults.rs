//! Non-finite numbers are contained: one row is reset and recorded, all others keep their bits.

use carrot_lab::Trainer;
use carrot_learn::Device;
use carrot_sim::{CAUSE_FAULT, FaultSource, VecEnvConfig};

use super::setups::{random_actions, scene};

#[test]
fn a_bad_action_touches_no_other_row() {
    for task in ["CartPole-v1", "Empty-8x8", "Reach"] {
        let setup = scene(task, "num_envs: 4, num_steps: 4", "\"sparse\"", "");
        let config = VecEnvConfig {
            num_envs: 9,
            num_steps: 40,
            shards: 2,
            seed: 4,
            keep_signals: true,
            autoreset: true,
        };
        let run = |bad: Option<f32>| {
            let revision = carrot_reward::Revision::initial(&setup.graphs);
            let mut env = setup.build(config, &revision).unwrap();
            let (mut actions, mut faults) = (Vec::new(), Vec::new());
            env.begin_rollout();
            for t in 0..40 {
                random_actions(&mut env, &mut actions);
                if let (Some(bad), 17) = (bad, t) {
                    let width = actions.len() / 9;
                    actions[4 * width] = bad;
                }
                env.step(&actions).unwrap();
                faults.extend(env.take_faults());
            }
            (env.rollout().clone(), faults)
        };
        let (clean, none) = run(None);
        assert!(none.is_empty());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (touched, faults) = run(Some(bad));
            assert_eq!(faults.len(), 1, "{task}");
            assert_eq!((faults[0].env, faults[0].source), (4, FaultSource::Action));
            assert!(touched.truncated[17 * 9 + 4] && touched.cause[17 * 9 + 4] == CAUSE_FAULT);
            let (a, b) = (clean.signals.unwrap_ref(), touched.signals.unwrap_ref());
            for (i, (x, y)) in a.now.iter().zip(&b.now).enumerate() {
                assert!(i % 9 == 4 || x.to_bits() == y.to_bits(), "{task}: row {} changed", i % 9);
            }
        }
    }
}

/// Reads the signal log that these batches keep.
trait UnwrapRef {
    fn unwrap_ref(&self) -> &carrot_sim::SignalLog;
}

impl UnwrapRef for Option<carrot_sim::SignalLog> {
    fn unwrap_ref(&self) -> &carrot_sim::SignalLog {
        self.as_ref().unwrap()
    }
}

#[test]
fn a_reward_that_is_not_finite_is_masked_and_recorded() {
    // 1e30 squared is infinite: the effort of a huge but clipped action is not, that of its given value is.
    let reward =
        r#"[(name: "alive", kind: Alive()), (name: "effort", kind: Effort(signals: ["action_given"]))]"#;
    let setup = scene("CartPole-v1", "num_envs: 3, num_steps: 8", reward, "");
    let revision = carrot_reward::Revision::initial(&setup.graphs);
    let mut env = setup.build(setup.batch(), &revision).unwrap();
    env.begin_rollout();
    env.step(&[0.0, 1e30, 1.0]).unwrap();
    let faults = env.take_faults();
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].env, faults[0].source), (1, FaultSource::Reward));
    let mut ledger = carrot_reward::Ledger::new(&setup.graphs, 8, 3);
    let catalog = env.catalog().clone();
    env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut Default::default(), &catalog, r))
        .unwrap();
    assert_eq!(ledger.graphs[0].total(0, 0), [1.0, 0.0, 2.0]);
}

#[test]
fn training_goes_on_after_faults() {
    let setup =
        scene("CartPole-v1", "num_envs: 8, num_steps: 16", "\"sparse\"", "total_steps: 512, hidden: [8]");
    let mut trainer = Trainer::new(setup, Device::Cpu).unwrap();
    while !trainer.is_complete() {
        let report = trainer.update().unwrap();
        assert!(
            report.metrics.values.iter().all(|(tag, x)| x.is_finite() || tag.starts_with("rollout/")),
            "{report:?}"
        );
    }
}
