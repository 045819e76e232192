//! Timelines: what happens to a row in its episode, at a step or where a condition over signals first holds.

use std::sync::Arc;

use carrot_reward::Transition;
use carrot_reward::expr::Compiled;
use carrot_sim::{RowKey, SignalView, Stream, unit_f32};

/// The most entries of a timeline.
pub(crate) const MAX_ENTRIES: usize = 32;

/// When an entry comes to pass; each does so once in an episode.
#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    /// After so many steps of the episode; 0 is its first state.
    Step(u32),
    /// In the first state where a condition holds.
    When(Arc<Compiled>),
}

/// What is done to a row.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sets a handle of the task.
    Set {
        /// Name.
        handle: String,
        /// New values.
        values: Vec<f32>,
    },
    /// Moves a handle that is a signal too by up to `spread` to either side.
    Jitter {
        /// Name.
        handle: String,
        /// First column of its signal.
        column: usize,
        /// Greatest change of each value.
        spread: Vec<f32>,
    },
    /// Sets a handle for some steps, then back to zero.
    Hold {
        /// Name.
        handle: String,
        /// Values meanwhile.
        values: Vec<f32>,
        /// Steps.
        steps: u32,
    },
    /// Something that the driver of the batch does, not its world.
    Drive(Drive),
}

/// What is done to a row from outside of its world.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Drive {
    /// Another policy takes over, by its number.
    Control(usize),
    /// Actions change by up to this to either side; a choice is drawn at random with this probability.
    ActionNoise(f32),
    /// Actions arrive so many steps late.
    ActionDelay(u32),
    /// A sensor reads up to this beside the truth.
    SensorNoise(Sensor, f32),
    /// All sensors show what was so many steps ago.
    SensorDelay(u32),
    /// A sensor reads 0.
    Drop(Sensor),
    /// A term of a reward has another weight from here on: reward, node, weight.
    Weight(usize, usize, f32),
}

/// Where a policy looks: a signal for scripts, a part of the observation for trained policies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sensor {
    /// Columns of a signal.
    Signal(std::ops::Range<usize>),
    /// A part of the observation.
    Part(usize),
}

/// One line of a timeline.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// As it is written, on one line.
    pub(crate) text: String,
    pub(crate) trigger: Trigger,
    pub(crate) act: Act,
}

/// All that happens in an episode, in the order written.
pub(crate) type Timeline = Arc<[Entry]>;

/// Not come to pass yet.
pub(crate) const WAITING: u32 = u32::MAX;

impl Trigger {
    /// Where this holds among rows in their present state; an empty list for a step.
    pub(crate) fn holds(&self, state: SignalView<'_>) -> Vec<f32> {
        let Self::When(condition) = self else { return Vec::new() };
        let none = Transition {
            before: state,
            now: state,
            terminated: &[],
            truncated: &[],
            cause: &[],
            success: &[],
            score: &[],
        };
        let mut holds = vec![0.0; state.rows()];
        condition.run(&none, &[], &mut holds);
        holds
    }

    /// Whether a row that has taken `steps` steps is there.
    pub(crate) fn fires(&self, holds: &[f32], row: usize, steps: u32) -> bool {
        match self {
            Self::Step(step) => *step == steps,
            Self::When(_) => holds[row] != 0.0,
        }
    }
}

/// Draws of perturbations by their purpose; each is keyed by row, episode, step and slot.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot {
    /// A value that an entry of the timeline moves.
    Jitter {
        /// Number of the entry.
        entry: usize,
        /// Number of the value.
        axis: usize,
    },
    /// An element of an action.
    Action(usize),
    /// A column of signals or an element of an observation.
    Sensor(usize),
}

/// A draw from -1 to 1.
pub(crate) fn draw(key: RowKey, step: u32, slot: Slot) -> f32 {
    let (stream, at): (u32, usize) = match slot {
        Slot::Jitter { entry, axis } => (0, 8 * entry + axis % 8),
        Slot::Action(element) => (1, element),
        Slot::Sensor(column) => (2, column),
    };
    // Each purpose has blocks of its own: 64 a step, four draws each.
    let within = step.wrapping_mul(64).wrapping_add((at as u32 / 4) % 64) & 0x3FFF_FFFF;
    let block = (stream << 30) | within;
    2.0 * unit_f32(key.words(Stream::Perturb, block)[at % 4]) - 1.0
}
