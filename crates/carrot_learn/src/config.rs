//! Who learns and how, as a scene says it.
//!
//! Each learner has one table of settings: a line gives a field, its default and its range, and with it the
//! reader, the check and the nearest-name report of a slip.

use std::ops::RangeInclusive;

use carrot_reward::Graph;
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::{Rollout, Task};

use crate::replay::Hindsight;
use crate::{Device, Dqn, DqnConfig, LearnError, Learner, Ppo, PpoConfig, Sac, SacConfig};

/// The settings of a run's learner.
#[derive(Debug, Clone, PartialEq)]
pub enum LearnerConfig {
    /// Proximal policy optimisation.
    Ppo(PpoConfig),
    /// Deep Q-learning.
    Dqn(DqnConfig),
    /// Soft actor-critic.
    Sac(SacConfig),
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self::Ppo(PpoConfig::default())
    }
}

/// Names as scenes write them.
const NAMES: [&str; 3] = ["Ppo", "Dqn", "Sac"];

/// The same expression for whichever settings there are.
macro_rules! each {
    ($config:expr, $own:ident => $work:expr) => {
        match $config {
            LearnerConfig::Ppo($own) => $work,
            LearnerConfig::Dqn($own) => $work,
            LearnerConfig::Sac($own) => $work,
        }
    };
}

impl LearnerConfig {
    /// Reads `Name(setting: value, ..)`; a struct without a name is [`Ppo`]'s. Every mistake is reported.
    pub fn read(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Self> {
        let name = node.variant().map(|(name, _)| name);
        let mut reader = Reader::open(node, diagnostics)?;
        let config = match name.as_ref().map_or(NAMES[0], |name| name.value.as_str()) {
            "Ppo" => PpoConfig::read(&mut reader).map(Self::Ppo),
            "Dqn" => DqnConfig::read(&mut reader).map(Self::Dqn),
            "Sac" => SacConfig::read(&mut reader).map(Self::Sac),
            other => {
                let span = name.as_ref().map_or_else(|| node.head(), |name| name.span.clone());
                reader.diagnostics().unknown_name(&span, "learner", other, &NAMES);
                return None;
            }
        };
        reader.finish();
        config
    }

    /// Name of the algorithm, as run folders have it.
    pub fn algo(&self) -> &'static str {
        match self {
            Self::Ppo(_) => "ppo",
            Self::Dqn(_) => "dqn",
            Self::Sac(_) => "sac",
        }
    }

    /// Discount.
    pub fn gamma(&self) -> f32 {
        each!(self, own => own.gamma)
    }

    /// Discount of a reward group.
    pub fn gamma_of(&self, group: &str) -> f32 {
        match self {
            Self::Ppo(own) => own.group_gammas.get(group).copied().unwrap_or(own.gamma),
            Self::Dqn(_) | Self::Sac(_) => self.gamma(),
        }
    }

    /// Env steps of the whole training.
    pub fn total_steps(&self) -> u64 {
        each!(self, own => own.total_steps)
    }

    /// Refuses a task or a reward that this learner cannot learn.
    ///
    /// # Errors
    /// [`LearnError::Space`] with the reason.
    pub fn check_task(&self, task: &dyn Task, reward: &Graph) -> Result<(), LearnError> {
        match self {
            Self::Ppo(own) => {
                let range = &range::SHARE;
                own.group_gammas.values().try_for_each(|gamma| expect("group_gammas", gamma, range))?;
                match own.group_gammas.keys().find(|group| !reward.groups.contains(group)) {
                    None => Ok(()),
                    Some(group) => {
                        let known = reward.groups.join(", ");
                        let message = format!("the reward has no group `{group}`; it has {known}");
                        Err(LearnError::Config { field: "group_gammas", message })
                    }
                }
            }
            Self::Dqn(_) => Dqn::check_space(&task.spec().action),
            Self::Sac(own) => Sac::check_task(own, task, reward),
        }
    }

    /// Whether the learner keeps signals, so that rollouts must have them: for goals in hindsight, or to ask models again
    /// about steps in store.
    pub fn keeps_signals(&self, reward: &Graph) -> bool {
        match self {
            Self::Ppo(_) => false,
            Self::Dqn(own) => own.rescore && !reward.models().is_empty(),
            Self::Sac(own) => own.hindsight != Hindsight::Off || own.rescore && !reward.models().is_empty(),
        }
    }

    /// A fresh learner for the rows of a batch.
    ///
    /// # Errors
    /// When a setting is out of range, no network reads the spaces, or the device is not there.
    pub fn build(
        &self,
        task: &dyn Task,
        rollout: &Rollout,
        reward: &Graph,
        seed: u64,
        device: Device,
    ) -> Result<Box<dyn Learner>, LearnError> {
        let spec = task.spec();
        let signals = self.keeps_signals(reward);
        Ok(match self {
            Self::Ppo(own) => {
                let gammas: Vec<f32> = reward.groups.iter().map(|group| self.gamma_of(group)).collect();
                Box::new(Ppo::new(own.clone(), task.observation(), &spec.action, &gammas, seed, device)?)
            }
            Self::Dqn(own) => Box::new(Dqn::new(own.clone(), task, rollout, signals, seed, device)?),
            Self::Sac(own) => Box::new(Sac::new(own.clone(), task, rollout, signals, seed, device)?),
        })
    }
}

/// A value that lies in a range, or does not.
pub(crate) trait Ranged: Sized {
    /// What bounds it.
    type Bound: PartialOrd + std::fmt::Display;

    /// Reads an optional field. What it reports is out of range is reported once: the default is taken then.
    fn read(reader: &mut Reader<'_>, name: &str, default: Self, range: RangeInclusive<Self::Bound>) -> Self;

    /// The first number outside.
    fn outside(&self, range: &RangeInclusive<Self::Bound>) -> Option<&Self::Bound>;
}

macro_rules! ranged {
    ($($number:ty),*) => {$(
        impl Ranged for $number {
            type Bound = Self;
            fn read(reader: &mut Reader<'_>, name: &str, default: Self, range: RangeInclusive<Self>) -> Self {
                reader.optional_in(name, default, range)
            }
            fn outside(&self, range: &RangeInclusive<Self>) -> Option<&Self> {
                (!range.contains(self)).then_some(self)
            }
        }
    )*};
}
ranged!(f32, f64, u64, usize);

impl Ranged for Option<f64> {
    type Bound = f64;
    fn read(reader: &mut Reader<'_>, name: &str, default: Self, _: RangeInclusive<f64>) -> Self {
        reader.optional(name, default)
    }
    fn outside(&self, range: &RangeInclusive<f64>) -> Option<&f64> {
        self.as_ref().and_then(|value| value.outside(range))
    }
}

impl Ranged for Vec<usize> {
    type Bound = usize;
    fn read(reader: &mut Reader<'_>, name: &str, default: Self, _: RangeInclusive<usize>) -> Self {
        reader.optional(name, default)
    }
    fn outside(&self, range: &RangeInclusive<usize>) -> Option<&usize> {
        self.iter().find_map(|value| value.outside(range))
    }
}

/// Refuses a setting outside of its range.
pub(crate) fn expect<T: Ranged>(
    field: &'static str,
    value: &T,
    range: &RangeInclusive<T::Bound>,
) -> Result<(), LearnError> {
    let Some(number) = value.outside(range) else { return Ok(()) };
    let message = format!("{number} is outside of {} to {}", range.start(), range.end());
    Err(LearnError::Config { field, message })
}

/// Ranges that settings share.
pub(crate) mod range {
    use std::ops::RangeInclusive;

    pub(crate) const SHARE: RangeInclusive<f32> = 0.0..=1.0;
    pub(crate) const COUNT: RangeInclusive<usize> = 1..=10_000;
    pub(crate) const WEIGHT: RangeInclusive<f64> = 0.0..=1e6;
    pub(crate) const RATE: RangeInclusive<f64> = 0.0..=1.0;
    pub(crate) const NORM: RangeInclusive<f64> = 1e-9..=1e9;
    pub(crate) const STEPS: RangeInclusive<u64> = 1..=1_000_000_000_000;
    pub(crate) const THREADS: RangeInclusive<usize> = 1..=256;
    pub(crate) const WIDTH: RangeInclusive<usize> = 1..=4_096;
}

/// A table of settings: `field: Type = default, range;`, the range being left out where any value will do.
macro_rules! settings {
    (
        $(#[$about:meta])*
        $name:ident {
            $( $(#[$doc:meta])* $field:ident : $type:ty = $default:expr $(, $range:expr)? ; )*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $name {
            /// Reads the settings that a scene gives; every mistake is reported, and `None` is returned then.
            pub fn read(reader: &mut carrot_scene::Reader<'_>) -> Option<Self> {
                let before = reader.diagnostics().len();
                let default = Self::default();
                let config = Self {
                    $( $field: $crate::config::settings!(@read reader, $field, default $(, $range)?), )*
                };
                // What is left are the fields whose range is not that of one number.
                if let Err($crate::LearnError::Config { field, message }) = config.check() {
                    let help = format!("leave `{field}` out for the default");
                    reader.refuse(field, format!("`{field}`: {message}"), help);
                }
                (reader.diagnostics().len() == before).then_some(config)
            }

            /// Refuses settings out of range.
            ///
            /// # Errors
            /// [`LearnError::Config`](crate::LearnError::Config) with the first such setting.
            pub fn check(&self) -> Result<(), $crate::LearnError> {
                $( $( $crate::config::expect(stringify!($field), &self.$field, &$range)?; )? )*
                Ok(())
            }
        }
    };
    (@read $reader:ident, $field:ident, $default:ident) => {
        $reader.optional(stringify!($field), $default.$field)
    };
    (@read $reader:ident, $field:ident, $default:ident, $range:expr) => {
        $crate::config::Ranged::read($reader, stringify!($field), $default.$field, $range)
    };
}
pub(crate) use settings;
