//! Stored steps, scored again, pay what the ledger would have paid: under another revision, another reward, and
//! another goal.

use carrot_lab::Setup;
use carrot_learn::replay::{GoalColumns, Replay, ReplayLayout};
use carrot_reward::{Ledger, Revision, RewardModels, RolloutView, project};
use carrot_sim::{Rollout, RowKey, Stream, VecEnv, VecEnvConfig};

use super::setups::{BUSY_CART_POLE, random_actions, scene};

/// A buffer, the rollouts that went in, and the revisions under which they were scored.
struct Stored {
    setup: Setup,
    env: VecEnv,
    replay: Replay,
    rollouts: Vec<Rollout>,
    revisions: Vec<Revision>,
}

impl Stored {
    fn new(task: &str, reward: &str) -> Self {
        let setup = scene(task, "num_envs: 12, num_steps: 40, shards: 1, seed: 4", reward, "");
        let mut revision = Revision::initial(&setup.graphs);
        let config = VecEnvConfig { keep_signals: true, ..setup.batch() };
        let mut env = setup.build(config, &revision).unwrap();
        let spec = setup.task.spec();
        let layout = ReplayLayout {
            num_envs: config.num_envs,
            // The first rollout and a bit of the second make room.
            slots: 4 * config.num_steps - 5,
            observation: spec.observation.clone(),
            action_width: spec.action.width(),
            raw_columns: env.rollout().raw_columns,
            signal_columns: env.catalog().width(),
        };
        let mut replay = Replay::new(layout).unwrap();
        let (mut rollouts, mut revisions, mut actions) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..5 {
            env.begin_rollout();
            for _ in 0..config.num_steps {
                random_actions(&mut env, &mut actions);
                env.step(&actions).unwrap();
            }
            let rewards = paid(&setup, &revision, env.rollout());
            replay.push(env.rollout(), &rewards, revision.number).unwrap();
            rollouts.push(env.rollout().clone());
            let steps = rollouts.len() * config.num_steps * config.num_envs;
            let next = revision.after(&setup.graphs, &RolloutView::new(env.rollout()), steps as u64);
            env.shards_mut().iter_mut().for_each(|shard| project(&next, shard));
            revisions.push(std::mem::replace(&mut revision, next));
        }
        Self { setup, env, replay, rollouts, revisions }
    }

    /// What the ledger pays for everything that is stored, under the revision of each rollout.
    fn ledger(&self, revision: impl Fn(usize) -> Revision) -> Vec<u32> {
        let rollouts = self.rollouts.iter().enumerate();
        let all = rollouts.flat_map(|(i, rollout)| paid(&self.setup, &revision(i), rollout));
        let bits: Vec<u32> = all.map(f32::to_bits).collect();
        bits[bits.len() - self.replay.len()..].to_vec()
    }

    fn stored(&self) -> Vec<u32> {
        bits(&self.replay.rewards().0)
    }
}

/// What the ledger pays for a rollout under a revision.
fn paid(setup: &Setup, revision: &Revision, rollout: &Rollout) -> Vec<f32> {
    let mut ledger = Ledger::new(&setup.graphs, rollout.num_steps, rollout.num_envs);
    let (catalog, mut models) = (setup.task.spec().catalog(), RewardModels::new());
    ledger.finalise(&setup.graphs, revision, &mut models, &catalog, &mut rollout.clone()).unwrap();
    ledger.graphs[0].totals[0].clone()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn stored_steps_pay_under_any_revision_what_the_ledger_does() {
    let mut stored = Stored::new("CartPole-v1", BUSY_CART_POLE);
    let revisions = stored.revisions.clone();
    assert!(revisions.windows(2).all(|pair| pair[0].number < pair[1].number), "norms and anneals must move");
    assert_eq!(stored.stored(), stored.ledger(|i| revisions[i].clone()));
    let graph = stored.setup.graphs[0].clone();
    let heavier = revisions[2].with_weight(0, graph.top[2], 3.0, 0);
    for revision in [&revisions[3], &revisions[1], &heavier] {
        let before = stored.stored();
        stored.replay.rescore(&graph, &revision.graphs[0], revision.number);
        assert_eq!(stored.stored(), stored.ledger(|_| revision.clone()));
        assert_ne!(stored.stored(), before);
        assert!(stored.replay.rewards().1.iter().all(|&number| number == revision.number));
    }
}

#[test]
fn stored_steps_pay_under_another_reward_what_it_would_have_paid_live() {
    let stored = Stored::new("CartPole-v1", "\"sparse\"");
    // Rewards change no step: the same run under the other reward, live.
    let other = Stored::new("CartPole-v1", BUSY_CART_POLE);
    let (graph, first) = (&other.setup.graphs[0], &other.revisions[0]);
    let catalog = stored.env.catalog();
    let again = stored.replay.rescored(graph, &first.graphs[0], &mut RewardModels::new(), catalog).unwrap();
    assert_eq!(bits(&again), other.ledger(|_| first.clone()));
    assert_eq!(stored.stored(), stored.ledger(|i| stored.revisions[i].clone()), "nothing was changed");
}

#[test]
fn hindsight_asks_the_reward_itself() {
    let stored = Stored::new("Reach", "\"shaped\"");
    let goals = GoalColumns::of(stored.setup.task.as_ref()).unwrap();
    let (graph, revision) = (&stored.setup.graphs[0], &stored.revisions[0].graphs[0]);
    let mut rng = RowKey { seed: 1, env: 0, episode: 0 }.rng(Stream::Learner);
    let own = stored.replay.sample(&mut rng, 2_000, 1, 0.99).unwrap();
    let mut later = own.clone();
    stored.replay.relabel(&mut later, &goals, 0.8, &mut rng, graph, revision).unwrap();

    let point = |parts: &[carrot_sim::PartData], part: usize, row: usize| {
        <[f32; 3]>::try_from(&parts[part].f32()[3 * row..][..3]).unwrap()
    };
    let (mut relabelled, mut reached) = (0, 0);
    for row in 0..own.rewards.len() {
        assert_eq!(point(&later.obs, 1, row), point(&own.obs, 1, row), "what is the case stays");
        let goal = point(&later.obs, 2, row);
        assert_eq!(goal, point(&later.next_obs, 2, row));
        // Reach's shaped reward, by hand: -1 outside of the tolerance, and the distance as a potential.
        let distance =
            |parts: &[carrot_sim::PartData]| carrot_sim::goal::distance(&point(parts, 1, row), &goal);
        let (before, now) = (distance(&later.obs), distance(&later.next_obs));
        let outside = if now > 0.05 { -1.0 } else { 0.0 };
        let expected = outside + -20.0 * (0.99 * now - before);
        assert_eq!(later.rewards[row], expected, "row {row}");
        if goal != point(&own.obs, 2, row) {
            relabelled += 1;
            reached += usize::from(now <= 0.05);
        } else {
            assert_eq!(later.rewards[row].to_bits(), own.rewards[row].to_bits());
        }
    }
    assert!((1_500..1_700).contains(&relabelled), "{relabelled} of 2000");
    assert!(reached > 100, "goals that were reached later are reached: {reached} of {relabelled}");
}

#[test]
fn goals_that_the_reward_cannot_be_asked_about_are_refused() {
    let graph = |reward: &str| scene("Reach", "num_envs: 2, num_steps: 2", reward, "").graphs.remove(0);
    assert!(GoalColumns::check(&graph("\"mixed\"")).is_ok());
    assert!(GoalColumns::check(&graph("[(name: \"truth\", kind: Truth(source: Score))]")).is_err());
}
