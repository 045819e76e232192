//! Peers: other people's envs and learners, each in a process of its own that answers line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Window;
use crate::error::LabError;

/// The program that every peer runs in.
const WORKER: &str = "worker.py";
/// The table of peers.
const CASES: &str = "cases.json";
/// The folder of virtual environments.
const VENVS: &str = "venv";
/// Longest time until a peer is ready: some compile first.
const START: Duration = Duration::from_secs(300);
/// Longest time that an answer may take beyond what was asked for.
const GRACE: Duration = Duration::from_secs(60);

/// One peer on one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerCase {
    /// Carrot's name of the task.
    pub task: String,
    /// The robot that must take the place of the task's hand to be compared.
    #[serde(default)]
    pub robot: Option<String>,
    /// Side of the pictures that it draws, in pixels.
    #[serde(default)]
    pub size: Option<u32>,
    /// Name of the peer.
    pub peer: String,
    /// Virtual environment.
    pub python: String,
    /// Python module and function that build it.
    pub build: String,
    /// Packages whose versions are told.
    pub packages: Vec<String>,
    /// Arguments of that function.
    pub args: serde_json::Map<String, serde_json::Value>,
}

impl PeerCase {
    /// What of Carrot's it is compared with.
    pub fn subject(&self) -> String {
        super::step::subject(&self.task, self.robot.as_deref())
    }

    /// Envs in its batch.
    pub fn envs(&self) -> Option<u64> {
        self.args.get("envs").and_then(serde_json::Value::as_u64)
    }
}

/// Every peer there is, and where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Envs to step.
    pub step: Vec<PeerCase>,
    /// Learners.
    pub learn: Vec<PeerCase>,
    /// Envs to draw.
    #[serde(default)]
    pub pictures: Vec<PeerCase>,
    #[serde(skip)]
    root: PathBuf,
}

impl Peers {
    /// Reads the table of a folder such as `benches/peers`.
    ///
    /// # Errors
    /// When there is no table or it cannot be read.
    pub fn open(root: &Path) -> Result<Self, LabError> {
        let path = root.join(CASES);
        let failed =
            |why: String| LabError::File { what: "cannot read the table of peers", why, path: path.clone() };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        let peers: Self = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        // A peer's program must be found from wherever the process begins.
        let root = root.canonicalize().map_err(|error| failed(error.to_string()))?;
        Ok(Self { root, ..peers })
    }

    /// Starts a peer and waits until it is ready.
    ///
    /// # Errors
    /// [`PeerError::NotInstalled`] when its environment or a package is not there, else why it failed.
    pub fn start(&self, case: &PeerCase) -> Result<Peer, PeerError> {
        let python = self.root.join(VENVS).join(&case.python).join("bin").join("python");
        if !python.exists() {
            let why = format!("there is no virtual environment `{}`", case.python);
            return Err(PeerError::NotInstalled(why));
        }
        let text = serde_json::to_string(case).map_err(|error| PeerError::Failed(error.to_string()))?;
        Peer::start(Command::new(python).arg(self.root.join(WORKER)).arg(text), START)
    }
}

/// Why a peer gives no figure.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It, or something that it needs, is not there.
    #[error("not installed: {0}")]
    NotInstalled(String),
    /// It says itself why.
    #[error("failed: {0}")]
    Failed(String),
    /// Its process ended.
    #[error("ended before it answered: {0}")]
    Ended(ExitStatus),
    /// It said something else than an answer.
    #[error("gave no answer but `{0}`")]
    Rubbish(String),
    /// It said nothing.
    #[error("gave no answer for {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// Its process could not be reached.
    #[error("cannot be reached: {0}")]
    Io(#[from] std::io::Error),
}

/// A peer that is ready; its process ends with it.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
    /// Versions of what it is made of.
    pub versions: String,
}

/// What is asked of a learner.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TrainRequest {
    /// Seed.
    pub seed: u64,
    /// Mean return that ends the training.
    pub bar: f64,
    /// Env steps between evaluations.
    pub every: u64,
    /// Episodes of an evaluation.
    pub episodes: usize,
    /// Wall-clock seconds of training after which it is cut off.
    pub limit_secs: f64,
}

impl Peer {
    fn start(command: &mut Command, limit: Duration) -> Result<Self, PeerError> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(requests), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(PeerError::Io(std::io::Error::other("a pipe is missing")));
        };
        let (sender, answers) = channel();
        // Ends with the process, whose output it reads, or when nobody listens any more.
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut peer = Self { child, requests, answers, versions: String::new() };
        let line = peer.answer(limit)?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match verb {
            "ready" => peer.versions = rest.into(),
            "missing" => return Err(PeerError::NotInstalled(rest.into())),
            "failed" => return Err(PeerError::Failed(rest.into())),
            _ => return Err(PeerError::Rubbish(line)),
        }
        Ok(peer)
    }

    /// Steps with random actions for `secs` seconds.
    ///
    /// # Errors
    /// When it ends, says something else or says nothing in time.
    pub fn window(&mut self, secs: f64) -> Result<Window, PeerError> {
        self.ask(&format!("window {secs}"), Duration::from_secs_f64(secs) + GRACE)
    }

    /// Trains once. Its evaluations, which do not count, may take twice the time of the training.
    ///
    /// # Errors
    /// Those of [`Peer::window`].
    pub fn train(&mut self, request: &TrainRequest) -> Result<super::learn::Training, PeerError> {
        let text = serde_json::to_string(request).map_err(|error| PeerError::Failed(error.to_string()))?;
        self.ask(&format!("train {text}"), 3 * Duration::from_secs_f64(request.limit_secs) + GRACE)
    }

    fn ask<T: DeserializeOwned>(&mut self, request: &str, limit: Duration) -> Result<T, PeerError> {
        // A process that has ended cannot be written to; the answer tells how it ended.
        let _ = writeln!(self.requests, "{request}");
        let line = self.answer(limit)?;
        serde_json::from_str(&line).map_err(|_| PeerError::Rubbish(line))
    }

    fn answer(&mut self, limit: Duration) -> Result<String, PeerError> {
        match self.answers.recv_timeout(limit) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(PeerError::Silent(limit)),
            Err(RecvTimeoutError::Disconnected) => Err(PeerError::Ended(self.end()?)),
        }
    }

    /// Ends the process and leaves no zombie.
    fn end(&mut self) -> Result<ExitStatus, std::io::Error> {
        // Whoever closed its output is about to end by itself, and then says why.
        for _ in 0..100 {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Nothing is lost with it, and a process that has already ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
