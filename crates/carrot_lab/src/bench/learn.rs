//! How soon an agent learns: wall time until evaluations reach a bar, in turn with peers.

use carrot_learn::Device;
use carrot_reward::{Revision, RewardModels};
use carrot_scene::Source;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::peers::{Peer, PeerCase, PeerError, Peers, TrainRequest};
use super::{Lead, Spread};
use crate::error::LabError;
use crate::evaluate::{Actor, evaluate};
use crate::setup::{ModelFiles, Setup};
use crate::trainer::Trainer;

/// Episodes of an evaluation.
const EPISODES: usize = 100;
/// Seeds of evaluations lie apart from those of trainings.
const EVALUATION_SEED: u64 = 10_000;

/// One task to learn.
#[derive(Debug, Clone, Copy)]
pub struct LearnCase {
    /// The task.
    pub task: &'static str,
    /// Mean return over 100 episodes under `reward` that ends the training.
    pub bar: f64,
    /// The task's reward in which the bar is given, whatever is trained on.
    pub reward: &'static str,
    /// Env steps between evaluations, for everybody.
    pub every: u64,
    /// Name and text of Carrot's scene.
    pub scene: (&'static str, &'static str),
}

/// A case with the scene of this name below `benches/learn`.
macro_rules! case {
    ($task:literal, $reward:literal >= $bar:literal, every $every:literal, $file:literal) => {
        LearnCase {
            task: $task,
            bar: $bar,
            reward: $reward,
            every: $every,
            scene: (
                concat!("benches/learn/", $file),
                include_str!(concat!("../../../../benches/learn/", $file)),
            ),
        }
    };
}

/// The tasks to learn.
pub const CASES: &[LearnCase] = &[
    case!("CartPole-v1", "sparse" >= 475.0, every 2048, "cart_pole.ron"),
    case!("Pendulum-v1", "sparse" >= -200.0, every 8192, "pendulum.ron"),
    case!("Empty-8x8", "sparse" >= 0.9, every 8192, "empty_8x8.ron"),
    case!("DoorKey-8x8", "sparse" >= 0.9, every 16384, "door_key_8x8.ron"),
];

/// What one training came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The bar was reached.
    pub solved: bool,
    /// Mean return of the last evaluation.
    pub mean_return: f64,
    /// Env steps taken.
    pub env_steps: u64,
    /// Seconds on the wall clock, evaluations left out.
    pub wall_secs: f64,
    /// Seconds of CPU time, evaluations left out.
    pub cpu_secs: f64,
    /// Seconds that evaluations took.
    pub eval_secs: f64,
}

/// All that was measured on one task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskTrainings {
    /// The task.
    pub task: String,
    /// The bar.
    pub bar: f64,
    /// Carrot's trainings, seed by seed.
    pub own: Vec<Training>,
    /// Everybody else.
    pub peers: Vec<PeerTrainings>,
}

/// The part of a peer.
#[derive(Debug, Clone, Serialize)]
pub struct PeerTrainings {
    /// Its name.
    pub peer: String,
    /// Versions of what it is made of.
    pub versions: String,
    /// Its trainings, seed by seed, up to its failure.
    pub trainings: Vec<Training>,
    /// Why there are no more.
    pub failure: Option<String>,
    /// How far Carrot is ahead, over the seeds that Carrot solved.
    pub lead: Option<Lead>,
    /// The peer was cut off in one of those, so that the lead is at least as large.
    pub lead_is_a_bound: bool,
}

/// Trains each seed in turn, Carrot first, with `overrides` of its scene.
///
/// # Errors
/// When an override does not fit or Carrot's own training fails. A peer that fails is told of in its row.
pub fn measure_task(
    case: &LearnCase,
    overrides: &[String],
    seeds: u64,
    limit_secs: f64,
    peers: Option<&Peers>,
    on_training: &mut dyn FnMut(&str, u64, Option<&Training>),
) -> Result<TaskTrainings, LabError> {
    let mut own = Vec::new();
    let mut guests: Vec<Guest<'_>> = peers
        .into_iter()
        .flat_map(|peers| peers.learn.iter().map(move |case| Guest::new(peers, case)))
        .filter(|guest| guest.case.task == case.task)
        .collect();
    for seed in 1..=seeds {
        let request = TrainRequest { seed, bar: case.bar, every: case.every, episodes: EPISODES, limit_secs };
        on_training("Carrot", seed, None);
        let training = train(case, overrides, &request)?;
        on_training("Carrot", seed, Some(&training));
        own.push(training);
        for guest in guests.iter_mut().filter(|guest| guest.failure.is_none()) {
            on_training(&guest.case.peer, seed, None);
            guest.train(&request);
            if guest.failure.is_none() {
                on_training(&guest.case.peer, seed, guest.trainings.last());
            }
        }
    }
    let peers = guests.into_iter().map(|guest| guest.result(&own)).collect();
    Ok(TaskTrainings { task: case.task.into(), bar: case.bar, own, peers })
}

/// One training by Carrot. The clock runs from the building of the batch to the evaluation that reaches the bar,
/// evaluations left out.
fn train(case: &LearnCase, overrides: &[String], request: &TrainRequest) -> Result<Training, LabError> {
    let (name, text) = case.scene;
    let read = |last: String| {
        let overrides: Vec<String> = overrides.iter().cloned().chain([last]).collect();
        Setup::read(&Source::new(name, text), &overrides, ModelFiles::new())
    };
    let setup = read(format!("batch.seed={}", request.seed))?;
    let judge = read(format!("reward=\"{}\"", case.reward))?;
    let judged = Revision::initial(&judge.graphs);
    let clock = Clock::start();
    let mut trainer = Trainer::new(setup, Device::Cpu)?;
    let (mut next, mut eval) = (request.every, (0.0, 0.0));
    loop {
        trainer.update()?;
        let cut_off = trainer.is_complete() || clock.wall_secs() - eval.0 >= request.limit_secs;
        if trainer.env_steps() < next && !cut_off {
            continue;
        }
        next = trainer.env_steps() + request.every;
        let pause = Clock::start();
        let actor = Actor::Policy { learner: trainer.learner(), explore: false };
        let seed = EVALUATION_SEED * request.seed;
        let evaluation = evaluate(&judge, &judged, &mut RewardModels::new(), &actor, request.episodes, seed)?;
        eval = (eval.0 + pause.wall_secs(), eval.1 + pause.cpu_secs());
        let solved = evaluation.mean_return >= request.bar;
        if solved || cut_off {
            return Ok(Training {
                solved,
                mean_return: evaluation.mean_return,
                env_steps: trainer.env_steps(),
                wall_secs: clock.wall_secs() - eval.0,
                cpu_secs: clock.cpu_secs() - eval.1,
                eval_secs: eval.0,
            });
        }
    }
}

/// A peer that takes part for as long as it answers; each training has a process of its own.
struct Guest<'a> {
    peers: &'a Peers,
    case: &'a PeerCase,
    versions: String,
    trainings: Vec<Training>,
    failure: Option<PeerError>,
}

impl<'a> Guest<'a> {
    fn new(peers: &'a Peers, case: &'a PeerCase) -> Self {
        Self { peers, case, versions: String::new(), trainings: Vec::new(), failure: None }
    }

    fn train(&mut self, request: &TrainRequest) {
        let started = self.peers.start(self.case);
        let trained = started.and_then(|mut peer: Peer| {
            self.versions.clone_from(&peer.versions);
            peer.train(request)
        });
        match trained {
            Ok(training) => self.trainings.push(training),
            Err(error) => self.failure = Some(error),
        }
    }

    fn result(self, own: &[Training]) -> PeerTrainings {
        let turns: Vec<_> = own.iter().zip(&self.trainings).filter(|(own, _)| own.solved).collect();
        let ratios: Vec<_> = turns
            .iter()
            .map(|(own, peer)| (peer.wall_secs / own.wall_secs, peer.cpu_secs / own.cpu_secs))
            .collect();
        PeerTrainings {
            peer: self.case.peer.clone(),
            versions: self.versions,
            lead: Lead::of(&ratios),
            lead_is_a_bound: turns.iter().any(|(_, peer)| !peer.solved),
            trainings: self.trainings,
            failure: self.failure.map(|error| error.to_string()),
        }
    }
}

impl Training {
    /// Spread of one of the numbers over trainings.
    pub(super) fn spread(trainings: &[Self], of: fn(&Self) -> f64) -> Option<Spread> {
        Spread::of(trainings.iter().map(of))
    }
}
