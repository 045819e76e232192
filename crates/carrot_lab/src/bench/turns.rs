//! Turns: everybody has a window, again and again, and what counts is the ratio within a turn.

use serde::Serialize;

use super::peers::{Peer, PeerCase, PeerError, Peers};
use super::{Lead, Spread, Window};

/// How something is measured in turn with peers.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Plan {
    /// Turns; each party has one window in each.
    pub turns: usize,
    /// Seconds per window.
    pub window_secs: f64,
}

/// The part of a peer.
#[derive(Debug, Clone, Serialize)]
pub struct PeerRates {
    /// Its name.
    pub peer: String,
    /// Envs in its batch.
    pub num_envs: Option<u64>,
    /// Versions of what it is made of.
    pub versions: String,
    /// How fast it was, or why that is not known.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How fast a peer was, or why that is not known.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It was measured.
    Measured {
        /// How fast it was.
        rates: Rates,
        /// How far Carrot is ahead on one core, by what was measured of it.
        leads: Vec<(String, Lead)>,
    },
    /// It is not there.
    NotInstalled {
        /// What is missing.
        why: String,
    },
    /// It went wrong.
    Failed {
        /// Why.
        why: String,
    },
}

/// Windows, and what they say.
#[derive(Debug, Clone, Serialize)]
pub struct Rates {
    /// Env steps, or pictures, per second.
    pub per_sec: Spread,
    /// The same per second of CPU time.
    pub per_cpu_sec: Spread,
    /// The windows, turn by turn.
    pub windows: Vec<Window>,
}

impl Rates {
    pub(super) fn of(windows: Vec<Window>) -> Option<Self> {
        let per_sec = Spread::of(windows.iter().map(Window::rate))?;
        let per_cpu_sec = Spread::of(windows.iter().map(Window::cpu_rate))?;
        Some(Self { per_sec, per_cpu_sec, windows })
    }

    fn lead(&self, peer: &Self) -> Option<Lead> {
        let pairs = self.windows.iter().zip(&peer.windows);
        let ratios = pairs.map(|(own, peer)| (own.rate() / peer.rate(), own.cpu_rate() / peer.cpu_rate()));
        Lead::of(&ratios.collect::<Vec<_>>())
    }
}

/// A peer that takes part for as long as it answers.
pub(super) struct Guest<'a> {
    case: &'a PeerCase,
    peer: Result<Peer, PeerError>,
    windows: Vec<Window>,
}

impl<'a> Guest<'a> {
    pub(super) fn new(peers: &Peers, case: &'a PeerCase) -> Self {
        Self { case, peer: peers.start(case), windows: Vec::new() }
    }

    pub(super) fn window(&mut self, secs: f64) {
        if let Ok(peer) = &mut self.peer {
            match peer.window(secs) {
                Ok(window) => self.windows.push(window),
                Err(error) => self.peer = Err(error),
            }
        }
    }

    pub(super) fn rates(self, own: &[(&str, &Rates)]) -> PeerRates {
        let versions = self.peer.as_ref().map(|peer| peer.versions.clone()).unwrap_or_default();
        let outcome = match (self.peer, Rates::of(self.windows)) {
            (Err(PeerError::NotInstalled(why)), _) => Outcome::NotInstalled { why },
            (Err(error), _) => Outcome::Failed { why: error.to_string() },
            (Ok(_), None) => Outcome::Failed { why: "there was no turn".into() },
            (Ok(_), Some(rates)) => {
                let lead = |&(name, own): &(&str, &Rates)| Some((name.to_owned(), own.lead(&rates)?));
                Outcome::Measured { leads: own.iter().filter_map(lead).collect(), rates }
            }
        };
        PeerRates { peer: self.case.peer.clone(), num_envs: self.case.envs(), versions, outcome }
    }
}
