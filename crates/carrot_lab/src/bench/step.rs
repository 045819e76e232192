//! Speed of stepping: the whole path of a rollout without a learner, in turn with peers.

use carrot_reward::{Ledger, Revision, RewardModels};
use carrot_scene::Source;
use carrot_sim::{RowKey, VecEnv, VecEnvConfig, random_action};
use serde::Serialize;

use super::clock::{Clock, OneCore};
use super::peers::Peers;
use super::turns::{Guest, PeerRates, Plan, Rates};
use super::{Window, four_terms};
use crate::error::LabError;
use crate::setup::{ModelFiles, Setup};

/// Steps of a benchmarked rollout.
const NUM_STEPS: usize = 32;
/// Batches of random actions that are used in turn.
const ACTION_BATCHES: usize = 16;
/// Seconds until caches, branch predictors and pages are as they stay.
const WARM_UP_SECS: f64 = 0.1;

/// A reward that reads no signal.
const ALIVE: &str = "[(name: \"alive\", kind: Alive())]";

/// The reward that is none at all: no columns, no ledger.
pub const NONE: &str = "none";
/// The reward that [`four_terms`] makes for any task.
pub const FOUR_TERMS: &str = "four-terms";

/// What is measured of Carrot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepCase {
    /// Task.
    pub task: String,
    /// The robot that takes the place of the task's hand.
    pub robot: Option<String>,
    /// [`NONE`], [`FOUR_TERMS`], or the name of one of the task's rewards.
    pub reward: String,
    /// Rows.
    pub num_envs: usize,
    /// Worlds, one thread each; with one shard everything stays on one core.
    pub shards: usize,
}

impl StepCase {
    /// Task and robot: what a peer must do too to be compared.
    pub fn subject(&self) -> String {
        subject(&self.task, self.robot.as_deref())
    }
}

pub(super) fn subject(task: &str, robot: Option<&str>) -> String {
    robot.map_or_else(|| task.into(), |robot| format!("{task} with {robot}"))
}

/// All that was measured on one task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskRates {
    /// The task, with its robot.
    pub task: String,
    /// Carrot.
    pub own: Vec<OwnRates>,
    /// Everybody else.
    pub peers: Vec<PeerRates>,
}

/// Carrot's part.
#[derive(Debug, Clone, Serialize)]
pub struct OwnRates {
    /// What was measured.
    pub case: StepCase,
    /// How fast it was.
    pub rates: Rates,
}

/// Measures cases of one subject: those with one shard on one core, in turn with the peers of that task, then
/// those with more.
///
/// # Errors
/// When a task or reward is unknown or a step fails. A peer that fails is told of in its row.
pub fn measure_task(
    cases: &[StepCase],
    peers: Option<&Peers>,
    plan: &Plan,
    on_party: &mut dyn FnMut(&str),
) -> Result<TaskRates, LabError> {
    let task = cases.first().map(StepCase::subject).unwrap_or_default();
    let (single, sharded): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.shards == 1);
    let (mut own, peers) = {
        let _core = OneCore::enter();
        take_turns(&task, &single, peers, plan, on_party)?
    };
    for case in sharded {
        own.extend(take_turns(&task, &[case], None, plan, on_party)?.0);
    }
    Ok(TaskRates { task, own, peers })
}

fn take_turns(
    task: &str,
    cases: &[&StepCase],
    peers: Option<&Peers>,
    plan: &Plan,
    on_party: &mut dyn FnMut(&str),
) -> Result<(Vec<OwnRates>, Vec<PeerRates>), LabError> {
    let mut steppers = Vec::with_capacity(cases.len());
    for case in cases {
        on_party(&format!("{task} under {}, {} envs, {} shards", case.reward, case.num_envs, case.shards));
        steppers.push((Stepper::new(case)?, Vec::with_capacity(plan.turns)));
    }
    let mut guests = Vec::new();
    for case in peers.iter().flat_map(|peers| &peers.step).filter(|case| case.subject() == task) {
        on_party(&format!("{task} by {}", case.peer));
        guests.extend(peers.map(|peers| Guest::new(peers, case)));
    }
    for _ in 0..plan.turns {
        for (stepper, windows) in &mut steppers {
            windows.push(stepper.window(plan.window_secs)?);
        }
        guests.iter_mut().for_each(|guest| guest.window(plan.window_secs));
    }
    let rated = cases.iter().zip(steppers).filter_map(|(&case, (_, windows))| {
        Some(OwnRates { case: case.clone(), rates: Rates::of(windows)? })
    });
    let own: Vec<OwnRates> = rated.collect();
    let by_reward: Vec<_> = own.iter().map(|own| (own.case.reward.as_str(), &own.rates)).collect();
    let peers = guests.into_iter().map(|guest| guest.rates(&by_reward)).collect();
    Ok((own, peers))
}

/// A batch under random actions; autoreset, observations and, with a reward, raw columns, ledger and finalise
/// are all in.
struct Stepper {
    setup: Setup,
    revision: Revision,
    env: VecEnv,
    ledger: Ledger,
    actions: Vec<Vec<f32>>,
}

impl Stepper {
    fn new(case: &StepCase) -> Result<Self, LabError> {
        let setup = match case.reward.as_str() {
            NONE => Setup { graphs: Vec::new(), ..read(case, ALIVE)? },
            FOUR_TERMS => read(case, &four_terms(read(case, ALIVE)?.task.spec()))?,
            name => read(case, &format!("\"{name}\""))?,
        };
        let revision = Revision::initial(&setup.graphs);
        let env = setup.build(VecEnvConfig { shards: case.shards, ..setup.batch() }, &revision)?;
        let ledger = Ledger::new(&setup.graphs, NUM_STEPS, case.num_envs);
        let actions = random_actions(&setup, case.num_envs);
        let mut stepper = Self { setup, revision, env, ledger, actions };
        stepper.window(WARM_UP_SECS)?;
        Ok(stepper)
    }

    /// Whole rollouts, for `secs` seconds or a little longer.
    fn window(&mut self, secs: f64) -> Result<Window, LabError> {
        let (clock, mut steps) = (Clock::start(), 0);
        while clock.wall_secs() < secs {
            self.rollout()?;
            steps += (NUM_STEPS * self.env.config().num_envs) as u64;
        }
        Ok(Window { steps, secs: clock.wall_secs(), cpu_secs: clock.cpu_secs() })
    }

    fn rollout(&mut self) -> Result<(), LabError> {
        let Self { setup, revision, env, ledger, actions } = self;
        env.begin_rollout();
        env.on_threads(|env| (0..NUM_STEPS).try_for_each(|t| env.step(&actions[t % ACTION_BATCHES])))?;
        if !setup.graphs.is_empty() {
            let (catalog, mut models) = (env.catalog().clone(), RewardModels::new());
            env.finalise_with(|rollout| {
                ledger.finalise(&setup.graphs, revision, &mut models, &catalog, rollout)
            })?;
        }
        Ok(())
    }
}

/// The scene of a case under a reward.
fn read(case: &StepCase, reward: &str) -> Result<Setup, LabError> {
    let StepCase { task, robot, num_envs, .. } = case;
    let params = robot.as_ref().map_or_else(String::new, |robot| format!(", params: (robot: \"{robot}\")"));
    let scene = format!(
        "(version: 1, task: Task(name: \"{task}\"{params}), batch: (num_envs: {num_envs}, num_steps: {NUM_STEPS}), \
         reward: {reward}, recording: (envs: 0))"
    );
    Ok(Setup::read::<&str>(&Source::new("benchmark", scene), &[], ModelFiles::new())?)
}

fn random_actions(setup: &Setup, num_envs: usize) -> Vec<Vec<f32>> {
    let space = &setup.task.spec().action;
    let width = space.width();
    (0..ACTION_BATCHES)
        .map(|batch| {
            let mut actions = vec![0.0; num_envs * width];
            for (env, action) in actions.chunks_mut(width).enumerate() {
                let key = RowKey { seed: 1, env: env as u32, episode: 0 };
                random_action(space, key, batch as u32, action);
            }
            actions
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(reward: &str, shards: usize) -> StepCase {
        StepCase { task: "CartPole-v1".into(), robot: None, reward: reward.into(), num_envs: 64, shards }
    }

    #[test]
    fn every_reward_is_measured_in_every_turn() {
        let cases = [case(NONE, 1), case(FOUR_TERMS, 1), case("sparse", 2)];
        let plan = Plan { turns: 2, window_secs: 0.01 };
        let mut parties = Vec::new();
        let found = measure_task(&cases, None, &plan, &mut |party| parties.push(party.to_string()));
        let found = found.unwrap();
        assert_eq!(
            found.own.iter().map(|own| &own.case).collect::<Vec<_>>(),
            cases.iter().collect::<Vec<_>>()
        );
        assert!(found.own.iter().flat_map(|own| &own.rates.windows).all(|w| w.steps > 0 && w.secs >= 0.01));
        assert!(found.own.iter().all(|own| own.rates.windows.len() == 2));
        assert_eq!((parties.len(), found.peers.len()), (3, 0));
    }

    #[test]
    fn an_unknown_reward_is_a_mistake() {
        let plan = Plan { turns: 1, window_secs: 0.01 };
        let error = measure_task(&[case("shapd", 1)], None, &plan, &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("shaped"), "{error}");
    }
}
