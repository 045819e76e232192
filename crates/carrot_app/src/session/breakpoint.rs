//! Breakpoints: conditions on signals, terms and truth at which playing stops.

use std::fmt;

use carrot_scene::nearest;
use carrot_sim::SignalCatalog;

use super::account::accounts;
use super::history::StepRecord;

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A signal column.
    Signal(usize),
    /// What a term of the trained graph hands on.
    Term(String),
    /// What was paid.
    Reward,
    /// The truth, 0 to 1.
    Score,
    /// 1 where an episode ended.
    End,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `<`
    Below,
    /// `==`
    Equal,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Breakpoint {
    /// As typed.
    pub text: String,
    /// What it looks at.
    pub subject: Subject,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub threshold: f32,
    /// Off ones are kept, and do nothing.
    pub enabled: bool,
}

impl Breakpoint {
    /// Reads `pole_angle > 0.1`: a signal, a term, `reward`, `score` or `end`, then `>`, `<` or `==` and a number.
    ///
    /// # Errors
    /// A sentence that says what was expected, with the nearest valid name.
    pub fn parse(text: &str, catalog: &SignalCatalog, terms: &[String]) -> Result<Self, String> {
        let found = [(">", Comparison::Above), ("<", Comparison::Below), ("==", Comparison::Equal)]
            .into_iter()
            .find_map(|(sign, comparison)| {
                text.split_once(sign).map(|(left, right)| (left, comparison, right))
            });
        let Some((name, comparison, number)) = found else {
            return Err("write a condition such as `score > 0.5`".into());
        };
        let (name, number) = (name.trim(), number.trim());
        let Ok(threshold) = number.parse::<f32>() else {
            return Err(format!("`{number}` is not a number"));
        };
        let columns = catalog.column_names();
        let subject = match name {
            "reward" => Subject::Reward,
            "score" => Subject::Score,
            "end" => Subject::End,
            term if terms.iter().any(|known| known == term) => Subject::Term(term.into()),
            signal => match columns.iter().position(|known| known == signal) {
                Some(column) => Subject::Signal(column),
                None => {
                    let known =
                        columns.iter().chain(terms).map(String::as_str).chain(["reward", "score", "end"]);
                    let help = nearest(name, known).map_or_else(String::new, |near| format!("; `{near}`?"));
                    return Err(format!("there is no signal or term `{name}`{help}"));
                }
            },
        };
        Ok(Self { text: text.trim().into(), subject, comparison, threshold, enabled: true })
    }

    /// Whether a row meets it at a step.
    pub fn is_met(&self, record: &StepRecord, row: usize) -> bool {
        let value = match &self.subject {
            Subject::Signal(column) => record.signal(*column, row),
            Subject::Reward => record.total(0, row),
            Subject::Score => record.score[row],
            Subject::End => f32::from(record.ended(row)),
            Subject::Term(name) => {
                let graph = &record.epoch.graphs[0];
                let Some(node) = graph.nodes.iter().position(|node| node.name == *name) else { return false };
                accounts(record, 0, row)[node].output
            }
        };
        match self.comparison {
            Comparison::Above => value > self.threshold,
            Comparison::Below => value < self.threshold,
            Comparison::Equal => value == self.threshold,
        }
    }
}

impl fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
