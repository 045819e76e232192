//! Conditions at which playing stops.

use carrot_lab::LabError;

use super::Session;
use crate::session::breakpoint::Breakpoint;

impl Session {
    /// A condition stops time where it begins to hold for the chosen row.
    pub(super) fn stop_at_breakpoints(&mut self) {
        let (tick, row) = (self.tick(), self.env);
        let history = self.history();
        let Some(now) = history.record(tick) else { return };
        let before = history.record(tick - 1);
        let begins =
            |b: &&Breakpoint| b.enabled && b.is_met(now, row) && !before.is_some_and(|r| b.is_met(r, row));
        let met = self.breakpoints.iter().find(begins).map(ToString::to_string);
        if met.is_some() {
            self.playing = false;
            self.stopped_by = met;
        }
    }

    /// Adds a condition at which playing stops.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn add_breakpoint(&mut self, text: &str) -> Result<(), LabError> {
        let terms: Vec<String> = self.setup.graphs[0].nodes.iter().map(|node| node.name.clone()).collect();
        let parsed = Breakpoint::parse(text, self.live().env().catalog(), &terms);
        self.breakpoints.push(parsed.map_err(LabError::Refused)?);
        Ok(())
    }

    /// Removes a condition.
    pub fn remove_breakpoint(&mut self, index: usize) {
        if index < self.breakpoints.len() {
            self.breakpoints.remove(index);
        }
    }

    /// Turns a condition on or off.
    pub fn enable_breakpoint(&mut self, index: usize, enabled: bool) {
        if let Some(breakpoint) = self.breakpoints.get_mut(index) {
            breakpoint.enabled = enabled;
        }
    }
}
