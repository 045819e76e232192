//! What is new over the whole training, and what of it is published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::episodic::{identity, stretch};
use super::icm::{Icm, IcmTrainer};
use super::rnd::{Rnd, RndTrainer};
use super::{NoveltyConfig, Steps, cell};
use crate::LearnError;
use crate::learner::Parts;
use crate::parts::{find, read_state, write_state};

/// Part of a published version, and of a checkpoint.
pub(super) const STATE: &str = "novelty.postcard";

/// A bonus that falls over the whole training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum GlobalBonus {
    /// One over the root of one more than the visits to a cell.
    Counts {
        /// Parts into which the range of each input is cut.
        cells: u32,
    },
    /// How far a state lies outside the ellipsoid of all that was seen.
    E3b {
        /// How much is taken to be seen beforehand.
        ridge: f32,
    },
    /// How badly a network that was fitted to all states foretells a random one, in deviations of that error.
    ///
    /// # Source
    /// Burda et al., "Exploration by random network distillation" (2019), section 2.2.
    Rnd {
        /// Width of the hidden layer.
        #[serde(default = "hidden")]
        hidden: usize,
        /// Learning rate of Adam.
        #[serde(default = "learning_rate")]
        learning_rate: f64,
    },
    /// How badly networks that were fitted to all steps foretell the code of s' from that of s and the action, in
    /// deviations of that error.
    ///
    /// # Source
    /// Pathak et al., "Curiosity-driven exploration by self-supervised prediction" (2017), equation 6.
    Icm {
        /// Width of the hidden layers.
        #[serde(default = "hidden")]
        hidden: usize,
        /// Learning rate of Adam.
        #[serde(default = "learning_rate")]
        learning_rate: f64,
    },
}

fn hidden() -> usize {
    64
}

fn learning_rate() -> f64 {
    1e-3
}

impl GlobalBonus {
    /// Whether it reads s and the action beside s'.
    pub fn compares(&self) -> bool {
        matches!(self, Self::Icm { .. })
    }

    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Counts { cells } => (1..=1_000_000).contains(cells),
            Self::E3b { ridge } => *ridge > 0.0 && ridge.is_finite(),
            Self::Rnd { hidden, learning_rate } | Self::Icm { hidden, learning_rate } => {
                (1..=4_096).contains(hidden) && (0.0..=1.0).contains(learning_rate)
            }
        }
    }
}

/// What a published version pays by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Seen {
    Counts { cells: u32, visits: BTreeMap<Vec<i32>, u32> },
    E3b(Vec<f64>),
    Rnd(Rnd),
    Icm(Icm),
}

impl Seen {
    /// What each step is worth; states are on the scale of their ranges.
    pub(super) fn pay(&mut self, steps: &Steps<'_>, width: usize) -> Vec<f32> {
        let rows = steps.now.chunks_exact(width);
        match self {
            Self::Icm(icm) => icm.pay(steps),
            Self::Counts { cells, visits } => rows
                .map(|row| 1.0 / (1.0 + visits.get(&cell(row, *cells)).map_or(0.0, |n| *n as f32)).sqrt())
                .collect(),
            Self::E3b(inverse) => rows.map(|row| stretch(inverse, row, false) as f32).collect(),
            Self::Rnd(rnd) => rnd.pay(rows),
        }
    }
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) number: u32,
    pub(super) seen: Seen,
}

/// Learns what was seen, rollout by rollout, and publishes it.
#[derive(Debug)]
pub struct NoveltyTrainer {
    config: NoveltyConfig,
    version: Version,
    foreteller: Option<Foreteller>,
}

/// Networks that are fitted beside.
#[derive(Debug)]
enum Foreteller {
    Rnd(RndTrainer),
    Icm(IcmTrainer),
}

impl NoveltyTrainer {
    /// Nothing seen; `None` where nothing is remembered beyond an episode.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn new(config: NoveltyConfig, seed: u64) -> Result<Option<Self>, LearnError> {
        config.check()?;
        let Some(bonus) = &config.global else { return Ok(None) };
        let width = config.states();
        let mut foreteller = None;
        let seen = match bonus {
            GlobalBonus::Counts { cells } => Seen::Counts { cells: *cells, visits: BTreeMap::new() },
            GlobalBonus::E3b { ridge } => Seen::E3b(identity(width + 1, 1.0 / f64::from(*ridge))),
            GlobalBonus::Rnd { hidden, learning_rate } => {
                let trainer = RndTrainer::new(width, *hidden, *learning_rate, seed)?;
                let published = trainer.publish()?;
                foreteller = Some(Foreteller::Rnd(trainer));
                Seen::Rnd(published)
            }
            GlobalBonus::Icm { hidden, learning_rate } => {
                let trainer = IcmTrainer::new([width, *hidden, config.acts()], *learning_rate, seed)?;
                let published = trainer.publish()?;
                foreteller = Some(Foreteller::Icm(trainer));
                Seen::Icm(published)
            }
        };
        Ok(Some(Self { config, version: Version { number: 1, seen }, foreteller }))
    }

    /// Takes the steps of a rollout in, and gives the next version as named parts.
    ///
    /// # Shapes
    /// `features` is `[rows, F]`, and `before` too for a bonus that compares; rows that are not finite are left out.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn learn(&mut self, before: &[f32], features: &[f32]) -> Result<Parts, LearnError> {
        let (all, width) = (self.config.inputs.len(), self.config.states());
        let is_finite = |rows: &[f32], row: usize| {
            rows.get(row * all..(row + 1) * all).is_none_or(|row| row.iter().all(|x| x.is_finite()))
        };
        let kept: Vec<usize> = (0..features.len() / all)
            .filter(|&row| is_finite(features, row) && is_finite(before, row))
            .collect();
        let pick = |rows: &[f32]| -> Vec<f32> {
            kept.iter().filter_map(|row| rows.get(row * all..(row + 1) * all)).flatten().copied().collect()
        };
        let (before, now) = (pick(before), pick(features));
        let finite = self.config.scaled(&now);
        match &mut self.version.seen {
            Seen::Counts { cells, visits } => {
                for row in finite.chunks_exact(width) {
                    let visits = visits.entry(cell(row, *cells)).or_default();
                    *visits = visits.saturating_add(1);
                }
            }
            Seen::E3b(inverse) => finite.chunks_exact(width).for_each(|row| {
                let _ = stretch(inverse, row, true);
            }),
            Seen::Rnd(published) => {
                if let Some(Foreteller::Rnd(trainer)) = &mut self.foreteller {
                    trainer.learn(&finite)?;
                    *published = trainer.publish()?;
                }
            }
            Seen::Icm(published) => {
                if let Some(Foreteller::Icm(trainer)) = &mut self.foreteller {
                    let (before, acts) = (self.config.scaled(&before), self.config.done(&now));
                    trainer.learn(&Steps { before: &before, now: &finite, acts: &acts })?;
                    *published = trainer.publish()?;
                }
            }
        }
        self.version.number += 1;
        self.published()
    }

    /// The version in force.
    pub(super) fn in_force(&self) -> &Version {
        &self.version
    }

    /// The version in force, as named parts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn published(&self) -> Result<Parts, LearnError> {
        Ok(Parts::from([(STATE.to_owned(), write_state(STATE, &self.version)?)]))
    }

    /// Its number.
    pub fn version(&self) -> u32 {
        self.version.number
    }

    /// Everything to go on from, as named parts.
    ///
    /// # Errors
    /// When libtorch refuses a copy.
    pub fn save(&self) -> Result<Parts, LearnError> {
        let mut parts = self.published()?;
        match &self.foreteller {
            None => {}
            Some(Foreteller::Rnd(own)) => own.save(&mut parts)?,
            Some(Foreteller::Icm(own)) => own.save(&mut parts)?,
        }
        Ok(parts)
    }

    /// Goes on from saved parts, bit for bit.
    ///
    /// # Errors
    /// When a part is missing or does not fit.
    pub fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let version = read_state(STATE, find(parts, STATE)?)?;
        match &mut self.foreteller {
            None => {}
            Some(Foreteller::Rnd(own)) => own.load(parts)?,
            Some(Foreteller::Icm(own)) => own.load(parts)?,
        }
        self.version = version;
        Ok(())
    }
}
