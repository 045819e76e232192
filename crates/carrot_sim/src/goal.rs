//! Goals: what a goal task counts as reached, as data, so that a learner may ask what another goal would have paid.
//!
//! The goal of such a task acts on nothing: neither dynamics nor ends depend on it. So a recorded step becomes a
//! step under another goal by writing that goal over the desired part and over the three signals that know it
//! ([`GoalSpec::write_signals`]); success and every reward follow from these.

use crate::signal::{SignalCatalog, SignalId};

/// What reaching a goal means in a task.
///
/// Part and signals `goal`, `offset` have the same number of columns, which may be one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GoalSpec {
    /// Observation part that holds what is the case.
    pub achieved: &'static str,
    /// Observation part that holds what is wanted.
    pub desired: &'static str,
    /// Success is a Euclidean distance between the two of at most this, in their unit.
    pub tolerance: f32,
    /// Signal that holds the goal.
    pub goal: &'static str,
    /// Signal that leads from what is the case to the goal.
    pub offset: &'static str,
    /// Signal that holds the length of the offset.
    pub distance: &'static str,
}

impl GoalSpec {
    /// Whether a distance counts as success.
    pub fn is_reached(&self, distance: f32) -> bool {
        distance <= self.tolerance
    }

    /// First columns of the three signals: goal, offset, distance.
    pub fn columns(&self, catalog: &SignalCatalog) -> Option<[SignalId; 3]> {
        let find = |name| catalog.find(name).map(|(id, _)| id);
        Some([find(self.goal)?, find(self.offset)?, find(self.distance)?])
    }

    /// Writes a goal over the signals of one row, in column order; gives the distance.
    ///
    /// # Shapes
    /// `columns` as [`Self::columns`] gives them, `achieved` and `desired` `[G]`, `row` `[S]`.
    pub fn write_signals(columns: [SignalId; 3], achieved: &[f32], desired: &[f32], row: &mut [f32]) -> f32 {
        let [goal, offset, to_distance] = columns;
        for (axis, (achieved, desired)) in achieved.iter().zip(desired).enumerate() {
            row[goal.0 + axis] = *desired;
            row[offset.0 + axis] = desired - achieved;
        }
        row[to_distance.0] = distance(achieved, desired);
        row[to_distance.0]
    }
}

/// Euclidean distance between two points.
///
/// Tasks measure with it what [`GoalSpec::distance`] names, so that both give the same bits.
#[inline]
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0_f32, |sum, (a, b)| sum + (b - a) * (b - a)).sqrt()
}
