//! A scenario under a person's eyes: its rollouts as they were played, and what it expects of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrot_lab::LabError;
use carrot_lab::scenario::{Expectation, Failure, Played, RolloutSpec, ScenarioFile, Stage, Verdict, play};
use carrot_scene::{Source, Syntax};

use super::driver::Recording;
use super::stage::Session;

/// A scenario file, played once; one of its rollouts is watched.
pub struct Scenario {
    path: PathBuf,
    file: ScenarioFile,
    played: Vec<Arc<Played>>,
    verdicts: Vec<Verdict>,
    watched: usize,
}

/// What is known of an expectation at some step of the watched rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It may still go either way.
    Open,
    /// It holds.
    Held,
    /// It does not.
    Failed,
}

/// A place of a scenario to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Rollout.
    pub rollout: usize,
    /// Row.
    pub env: usize,
    /// Step from 1, which is also the tick that it led to.
    pub step: u64,
}

impl Scenario {
    /// Whether a file is a scenario: it has rollouts, where a scene has a batch.
    pub fn is_one(path: &Path) -> bool {
        let fields = || Syntax::parse(&Source::read(path).ok()?).ok()?.root().fields();
        fields().is_some_and(|fields| fields.iter().any(|(name, _)| name.value == "rollouts"))
    }

    /// Reads a file, plays its rollouts and checks what it expects. Before each rollout it tells its number, how many
    /// there are and its name; nothing comes of it where it is told to stop.
    ///
    /// # Errors
    /// Every mistake of the file at once, or what cannot be played.
    pub fn open(
        path: &Path,
        mut go_on: impl FnMut(usize, usize, &str) -> bool,
    ) -> Result<Option<Self>, LabError> {
        let file = ScenarioFile::read(&Source::read(path)?)?;
        let mut played = Vec::with_capacity(file.rollouts.len());
        for (index, rollout) in file.rollouts.iter().enumerate() {
            if !go_on(index, file.rollouts.len(), &rollout.name) {
                return Ok(None);
            }
            played.push(play(&file.task, rollout, 1)?);
        }
        let stage = Stage::of(&file, played)?;
        let verdicts = stage.verdicts();
        let played = stage.played().iter().cloned().map(Arc::new).collect();
        let mut scenario = Self { path: path.to_path_buf(), file, played, verdicts, watched: 0 };
        let failing = scenario.verdicts.iter().find_map(|verdict| scenario.spot(verdict));
        scenario.watched = failing.map_or(0, |spot| spot.rollout);
        Ok(Some(scenario))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn file(&self) -> &ScenarioFile {
        &self.file
    }

    /// Its rollouts as they were played.
    pub fn played(&self) -> &[Arc<Played>] {
        &self.played
    }

    /// The rollout that is watched.
    pub fn watched(&self) -> usize {
        self.watched
    }

    /// What the watched rollout is.
    pub fn rollout(&self) -> &RolloutSpec {
        &self.file.rollouts[self.watched]
    }

    /// A session on a rollout, which is watched from then on.
    ///
    /// # Errors
    /// When there is no such rollout, or its batch cannot be built.
    pub fn watch(&mut self, rollout: usize) -> Result<Session, LabError> {
        let missing = || LabError::Refused("there is no such rollout".into());
        let spec = self.file.rollouts.get(rollout).ok_or_else(missing)?.clone();
        let recording = Recording::new(&self.file, rollout, self.played[rollout].clone());
        let session = Session::open_rollout(self.file.scene.clone(), spec, recording)?;
        self.watched = rollout;
        Ok(session)
    }

    /// Lines of the watched rollout's timeline, each with the step from 1 at which it came to pass in a row.
    pub fn lines(&self, env: usize) -> impl Iterator<Item = (&str, Option<u64>)> {
        let happened = &self.played[self.watched].happened;
        self.rollout().lines().enumerate().map(move |(line, text)| {
            let found = happened.iter().find(|own| (own.env, own.line) == (env, line));
            (text, found.map(|own| own.step as u64))
        })
    }

    /// Every expectation and what became of it, in the order written.
    pub fn verdicts(&self) -> impl Iterator<Item = (&Expectation, &Verdict)> {
        self.file.expectations.iter().zip(&self.verdicts)
    }

    /// What is known of an expectation once the watched rollout came to a step: failures at the step where they
    /// happen, all else when there is nothing left to see.
    pub fn fate(&self, expectation: &Expectation, verdict: &Verdict, step: u64) -> Fate {
        if !expectation.reads(self.watched) {
            return if verdict.passed() { Fate::Held } else { Fate::Failed };
        }
        let here = |failure: &Failure| self.spot_of(failure).filter(|spot| spot.rollout == self.watched);
        if let Some(first) = verdict.failures.iter().filter_map(here).map(|spot| spot.step).min() {
            return if step >= first { Fate::Failed } else { Fate::Open };
        }
        let played = &self.played[self.watched];
        let longest = (0..played.envs()).map(|env| played.episode(env).len()).max().unwrap_or(0);
        let decided = expectation.last_step().unwrap_or(longest).min(longest);
        match (step >= decided as u64, verdict.passed()) {
            (false, _) => Fate::Open,
            (true, true) => Fate::Held,
            (true, false) => Fate::Failed,
        }
    }

    /// The first place where an expectation fails, those of the watched rollout first.
    pub fn spot(&self, verdict: &Verdict) -> Option<Spot> {
        let spots = || verdict.failures.iter().filter_map(|failure| self.spot_of(failure));
        spots().find(|spot| spot.rollout == self.watched).or_else(|| spots().next())
    }

    fn spot_of(&self, failure: &Failure) -> Option<Spot> {
        let at = failure.at.as_ref()?;
        let rollout = self.file.rollouts.iter().position(|rollout| rollout.name == at.rollout)?;
        Some(Spot { rollout, env: at.env, step: at.step as u64 })
    }
}
