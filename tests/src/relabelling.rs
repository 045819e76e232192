//! Steps in store are worth what the newest version of a learned reward pays for them.

use carrot_lab::{Run, RunOptions, Setup, Source, rescore};
use carrot_learn::imitation::{AdversaryConfig, AdversaryReward, AdversaryTrainer};
use carrot_learn::preference::{Published, RewardNet};
use carrot_learn::replay::{Replay, ReplayLayout};
use carrot_reward::{Ledger, Revision, RewardModels};
use carrot_sim::VecEnvConfig;

use crate::setups::{hash, random_actions};

fn scene(task: &str, learner: &str, more: &str) -> Setup {
    let text = format!(
        r#"(
            version: 1,
            task: "{task}",
            batch: (num_envs: 6, num_steps: 20, shards: 1, seed: 3),
            reward: [(name: "alike", kind: Model(name: "alike"), weight: 0.5), (name: "effort", kind: Effort(), weight: 0.1)],
            imitation: (
                model: "alike", demonstrations: Script(episodes: 1), {more}
                network: (hidden: [8], batches: 2, batch_size: 16),
            ),
            learner: {learner},
            recording: (envs: 2),
        )"#
    );
    Setup::read::<&str>(&Source::new("relabelling.ron", text), &[], Default::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

/// Versions of a reward that compares s' with s, fitted to this and that.
fn versions() -> [RewardNet; 2] {
    let inputs = vec!["cart_position".to_owned(), "pole_angle".to_owned()];
    let config = AdversaryConfig { hidden: vec![8], batches: 3, ..AdversaryConfig::default() };
    let reward = AdversaryReward::Shaped { gamma: 0.99 };
    let ranges = [(-2.4, 2.4), (-0.2, 0.2)];
    let mut trainer =
        AdversaryTrainer::new(config, inputs, &ranges, &[0.0, 0.1, 0.2, 0.1], reward, 7).unwrap();
    [0.5, -0.5].map(|x| {
        trainer.learn(&[x, 0.0, x, 0.1]).unwrap();
        trainer.publish().unwrap()
    })
}

#[test]
fn a_newer_version_is_asked_about_every_step_in_store() {
    let setup = scene("CartPole-v1", "Ppo()", "");
    let [first, second] = versions();
    let mut models = RewardModels::new();
    models.insert("alike".into(), Box::new(Published::only(first)));
    let revision = Revision::initial(&setup.graphs);
    let config = VecEnvConfig { keep_signals: true, ..setup.batch() };
    let mut env = setup.build(config, &revision).unwrap();
    let spec = setup.task.spec();
    let mut replay = Replay::new(ReplayLayout {
        num_envs: config.num_envs,
        slots: 2 * config.num_steps + 3,
        observation: spec.observation.clone(),
        action_width: spec.action.width(),
        raw_columns: env.rollout().raw_columns,
        signal_columns: env.catalog().width(),
    })
    .unwrap();
    let (mut rollouts, mut actions) = (Vec::new(), Vec::new());
    let paid = |rollout: &carrot_sim::Rollout, models: &mut RewardModels| {
        let mut ledger = Ledger::new(&setup.graphs, config.num_steps, config.num_envs);
        let catalog = spec.catalog();
        ledger.finalise(&setup.graphs, &revision, models, &catalog, &mut rollout.clone()).unwrap();
        ledger.graphs[0].totals[0].clone()
    };
    for _ in 0..3 {
        env.begin_rollout();
        for _ in 0..config.num_steps {
            random_actions(&mut env, &mut actions);
            env.step(&actions).unwrap();
        }
        let mut filled = env.rollout().clone();
        let mut ledger = Ledger::new(&setup.graphs, config.num_steps, config.num_envs);
        ledger.finalise(&setup.graphs, &revision, &mut models, &spec.catalog(), &mut filled).unwrap();
        replay.push(&filled, &ledger.graphs[0].totals[0], 0).unwrap();
        rollouts.push(filled);
    }
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let live = |models: &mut RewardModels| {
        let all: Vec<f32> = rollouts.iter().flat_map(|rollout| paid(rollout, models)).collect();
        bits(&all[all.len() - replay.len()..])
    };
    let before = live(&mut models);
    assert_eq!(bits(&replay.rewards().0), before);

    models.get_mut("alike").unwrap().publish(&second.save().unwrap(), false).unwrap();
    let expected = live(&mut models);
    assert_ne!(expected, before);
    replay.refill(&setup.graphs[0], &mut models, &spec.catalog()).unwrap();
    replay.rescore(&setup.graphs[0], &revision.graphs[0], 1);
    assert_eq!(bits(&replay.rewards().0), expected);
    assert!(replay.refill(&setup.graphs[0], &mut RewardModels::new(), &spec.catalog()).is_err());
}

#[test]
fn learners_that_store_steps_go_on_bit_for_bit_under_a_reward_that_is_learned() {
    let dqn = "Dqn(total_steps: 960, buffer_size: 480, learning_starts: 100, batch_size: 16, hidden: [16])";
    let sac = "Sac(total_steps: 960, buffer_size: 480, learning_starts: 100, batch_size: 16, hidden: [16])";
    for (task, learner) in [("CartPole-v1", dqn), ("Pendulum-v1", sac)] {
        let folder = tempfile::tempdir().unwrap();
        let options = |name: &str| RunOptions {
            run_dir: Some(folder.path().join(name)),
            checkpoint_every: Some(3),
            ..RunOptions::below(folder.path())
        };
        let go_on = |run: &mut Run| {
            while run.trainer().updates() < 8 {
                run.advance().unwrap();
            }
            hash(run.trainer())
        };
        let mut whole = Run::start(scene(task, learner, ""), &options("whole")).unwrap();
        let undisturbed = go_on(&mut whole);
        let mut killed = Run::start(scene(task, learner, ""), &options("resumed")).unwrap();
        (0..5).for_each(|_| drop(killed.advance().unwrap()));
        drop(killed);
        let mut resumed = Run::resume(&folder.path().join("resumed"), Some(3)).unwrap();
        assert_eq!(go_on(&mut resumed), undisturbed, "{task}");
        let episodes = rescore::rescore_run(&folder.path().join("resumed"), None).unwrap();
        assert!(episodes.iter().all(|e| e.differing_steps == 0));

        // Steps that keep what they were paid teach something else.
        let kept = learner.replace("hidden", "rescore: false, hidden");
        let mut other = Run::start(scene(task, &kept, ""), &options("kept")).unwrap();
        assert_ne!(go_on(&mut other), undisturbed, "{task}");
    }
}
