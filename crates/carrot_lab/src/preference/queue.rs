//! The pairs of a run that wait for a person, wherever that person sits: in the terminal or in the window.

use std::collections::BTreeMap;
use std::path::Path;

use carrot_learn::preference::Pair;
use carrot_record::read_lines_from;

use super::store::{BadLine, Label, LabelReader, LabelWriter, PreferencePaths, Says, read_takes};
use super::takes::PairTakes;
use crate::error::LabError;

/// Pairs and answers of a run, read on while it trains. Every answer is on the device before the next pair is shown.
pub struct PairQueue {
    paths: PreferencePaths,
    reader: LabelReader,
    writer: LabelWriter,
    pairs: BTreeMap<u64, Pair>,
    answered: BTreeMap<u64, Says>,
    /// Bytes of the pairs that were read.
    offset: u64,
    by: String,
    /// Pairs answered here, the last one last.
    said: Vec<u64>,
}

impl PairQueue {
    /// The pairs of a run folder; `by` is written beside each answer. Lines of labels that say nothing are given too.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(run: &Path, by: &str) -> Result<(Self, Vec<BadLine>), LabError> {
        let paths = PreferencePaths::new(run);
        let writer = LabelWriter::open(&paths.labels())?;
        let mut queue = Self {
            reader: LabelReader::new(paths.labels()),
            writer,
            paths,
            pairs: BTreeMap::new(),
            answered: BTreeMap::new(),
            offset: 0,
            by: by.into(),
            said: Vec::new(),
        };
        let bad = queue.refresh()?;
        Ok((queue, bad))
    }

    /// Reads what was asked and answered since.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn refresh(&mut self) -> Result<Vec<BadLine>, LabError> {
        let lines = read_lines_from::<Pair>(&self.paths.pairs(), self.offset)?;
        self.offset = lines.end;
        self.pairs.extend(lines.values.into_iter().map(|pair| (pair.id, pair)));
        let (labels, bad) = self.reader.read()?;
        labels.into_iter().for_each(|label| self.take(&label));
        Ok(bad)
    }

    fn take(&mut self, label: &Label) {
        match label.says {
            Says::Undo => self.answered.remove(&label.pair),
            says => self.answered.insert(label.pair, says),
        };
    }

    /// The pair to be compared next: the oldest without an answer.
    pub fn current(&self) -> Option<&Pair> {
        self.pairs.values().find(|pair| !self.answered.contains_key(&pair.id))
    }

    /// What shows a pair again; nothing for a side of which nothing was kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn takes(&self, pair: u64) -> Result<PairTakes, LabError> {
        read_takes(&self.paths.takes(pair))
    }

    /// Pairs that wait, and pairs with an answer.
    pub fn counts(&self) -> (usize, usize) {
        let answered = self.pairs.keys().filter(|id| self.answered.contains_key(id)).count();
        (self.pairs.len() - answered, answered)
    }

    /// Answers the current pair; gives its number, or nothing where none waits.
    ///
    /// # Errors
    /// When the disk is full or fails; the pair then still waits.
    pub fn say(&mut self, says: Says, note: &str) -> Result<Option<u64>, LabError> {
        let Some(pair) = self.current().map(|pair| pair.id) else { return Ok(None) };
        let label = Label::new(pair, says, &self.by, note).now();
        self.writer.write(&label)?;
        self.take(&label);
        self.said.push(pair);
        Ok(Some(pair))
    }

    /// Takes the last answer given here back, so that its pair waits again; gives its number.
    ///
    /// # Errors
    /// When the disk is full or fails; the answer then still holds.
    pub fn undo(&mut self) -> Result<Option<u64>, LabError> {
        let Some(&pair) = self.said.last() else { return Ok(None) };
        let label = Label::new(pair, Says::Undo, &self.by, "").now();
        self.writer.write(&label)?;
        self.take(&label);
        self.said.pop();
        Ok(Some(pair))
    }
}
