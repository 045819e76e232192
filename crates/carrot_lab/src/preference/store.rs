//! Pairs and labels of a run, on disk.
//!
//! ```text
//! RUN/preferences/pairs.jsonl   every pair that was asked for, by the training
//! RUN/preferences/takes/         what people need to see the pairs again, a file each
//! RUN/preferences/labels.jsonl  every answer, by whoever gives it; lines are only ever added
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use carrot_learn::preference::{Pair, Verdict};
use carrot_record::{DiskStorage, LineLog, read_lines};
use serde::{Deserialize, Serialize};

use super::rounds::News;
use super::takes::PairTakes;
use crate::error::LabError;
use crate::run::unix_secs;
use crate::versions::failed;

/// The format of a line of labels.
const VERSION: u32 = 1;

/// What a line of labels says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Left is better.
    Left,
    /// Right is better.
    Right,
    /// Neither.
    Equal,
    /// Cannot be compared.
    Skip,
    /// What was said before about this pair no longer holds.
    Undo,
}

impl Says {
    /// The verdict, unless one is taken back.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Left => Some(Verdict::Left),
            Self::Right => Some(Verdict::Right),
            Self::Equal => Some(Verdict::Equal),
            Self::Skip => Some(Verdict::Skip),
            Self::Undo => None,
        }
    }
}

/// One answer. The last line about a pair holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    version: u32,
    /// Number of the pair.
    pub pair: u64,
    /// The answer.
    pub says: Says,
    /// Who gave it.
    pub by: String,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When a person gave it, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_ms: Option<u64>,
}

impl Label {
    /// An answer; the note may be empty.
    pub fn new(pair: u64, says: Says, by: &str, note: &str) -> Self {
        Self { version: VERSION, pair, says, by: by.into(), note: note.into(), given_ms: None }
    }

    /// The same, given now.
    #[must_use]
    pub fn now(self) -> Self {
        Self { given_ms: Some((1e3 * unix_secs()) as u64), ..self }
    }
}

/// A line of labels that says nothing; all others count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {why}; the line is left out", path.display())]
pub struct BadLine {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

/// Where things lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferencePaths {
    root: PathBuf,
}

impl PreferencePaths {
    /// In a run's folder.
    pub fn new(run: &Path) -> Self {
        Self { root: run.join("preferences") }
    }

    /// Every pair that was asked for.
    pub fn pairs(&self) -> PathBuf {
        self.root.join("pairs.jsonl")
    }

    /// What is needed to see a pair again.
    pub fn takes(&self, pair: u64) -> PathBuf {
        self.root.join("takes").join(format!("{pair:06}.postcard"))
    }

    /// Every answer.
    pub fn labels(&self) -> PathBuf {
        self.root.join("labels.jsonl")
    }
}

/// The answers of a file that grows, read on from where an earlier look ended.
#[derive(Debug, Clone)]
pub struct LabelReader {
    path: PathBuf,
    offset: u64,
    lines: usize,
}

impl LabelReader {
    /// From the beginning.
    pub fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, lines: 0 }
    }

    /// Complete lines that came since; those that say nothing are told apart.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(&mut self) -> Result<(Vec<Label>, Vec<BadLine>), LabError> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
            Err(error) => return Err(failed("cannot read the labels", &self.path)(error)),
            Ok(mut file) => file
                .seek(SeekFrom::Start(self.offset))
                .and_then(|_| file.read_to_end(&mut bytes))
                .map_err(failed("cannot read the labels", &self.path))?,
        };
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (mut labels, mut bad) = (Vec::new(), Vec::new());
        for line in bytes[..complete].split_inclusive(|byte| *byte == b'\n') {
            self.lines += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let refuse = |column, why| BadLine { path: self.path.clone(), line: self.lines, column, why };
            match serde_json::from_slice::<Label>(line) {
                Ok(label) if label.version == VERSION => labels.push(label),
                Ok(label) => {
                    bad.push(refuse(1, format!("version {}, this program reads {VERSION}", label.version)))
                }
                Err(error) => bad.push(refuse(error.column().max(1), reason(&error))),
            }
        }
        self.offset += complete as u64;
        Ok((labels, bad))
    }
}

/// What is wrong with a line, without serde_json's own idea of where.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_string())
}

/// Adds answers to a file, each on the device before the next is asked for.
pub struct LabelWriter {
    log: LineLog,
}

impl LabelWriter {
    /// Opens a file at its end. A line that a killed process left torn is closed, so that no answer is glued to it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, LabError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("cannot create the folder", folder))?;
        }
        close_last_line(path).map_err(failed("cannot open the labels", path))?;
        Ok(Self { log: LineLog::open(&DiskStorage, path)? })
    }

    /// Writes an answer and waits for the device.
    ///
    /// # Errors
    /// When the disk is full or fails; the answer is kept for the next call.
    pub fn write(&mut self, label: &Label) -> Result<(), LabError> {
        self.log.append(label)?;
        self.log.sync()?;
        Ok(())
    }
}

fn close_last_line(path: &Path) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(())
}

/// What a training writes down of its preferences.
pub(crate) struct PreferenceStore {
    paths: PreferencePaths,
    pairs: LineLog,
    labels: LineLog,
    /// Pairs and answers that the files hold; what a resumed training makes again is not written twice.
    next_pair: u64,
    next_label: u64,
    reader: LabelReader,
}

impl PreferenceStore {
    /// Opens the files of a run, and gives the pairs that they hold.
    pub(crate) fn open(run: &Path) -> Result<(Self, Vec<Pair>), LabError> {
        let paths = PreferencePaths::new(run);
        fs::create_dir_all(&paths.root).map_err(failed("cannot create the folder", &paths.root))?;
        cut_torn_line(&paths.pairs()).map_err(failed("cannot open the pairs", &paths.pairs()))?;
        close_last_line(&paths.labels()).map_err(failed("cannot open the labels", &paths.labels()))?;
        let pairs: Vec<Pair> = read_lines(&paths.pairs())?;
        let (labels, _) = LabelReader::new(paths.labels()).read()?;
        let store = Self {
            pairs: LineLog::open(&DiskStorage, &paths.pairs())?,
            labels: LineLog::open(&DiskStorage, &paths.labels())?,
            next_pair: pairs.iter().map(|pair| pair.id + 1).max().unwrap_or(0),
            next_label: labels.iter().map(|label| label.pair + 1).max().unwrap_or(0),
            reader: LabelReader::new(paths.labels()),
            paths,
        };
        Ok((store, pairs))
    }

    /// Answers that came since the last look.
    pub(crate) fn poll(&mut self) -> Result<(Vec<Label>, Vec<BadLine>), LabError> {
        self.reader.read()
    }

    /// Writes down what a rollout led to.
    pub(crate) fn write(&mut self, news: &News) -> Result<(), LabError> {
        // Whoever reads of a pair finds what shows it.
        for (pair, takes) in news.takes.iter().filter(|(pair, _)| *pair >= self.next_pair) {
            write_takes(&self.paths.takes(*pair), takes)?;
        }
        for pair in news.asked.iter().filter(|pair| pair.id >= self.next_pair) {
            self.pairs.append(pair)?;
        }
        for label in news.labels.iter().filter(|label| label.pair >= self.next_label) {
            self.labels.append(label)?;
        }
        self.next_pair = news.asked.iter().map(|pair| pair.id + 1).fold(self.next_pair, u64::max);
        self.next_label = news.labels.iter().map(|label| label.pair + 1).fold(self.next_label, u64::max);
        if !news.asked.is_empty() {
            self.pairs.flush()?;
            self.labels.flush()?;
        }
        Ok(())
    }

    /// Forces everything onto the device.
    pub(crate) fn sync(&mut self) -> Result<(), LabError> {
        self.pairs.sync()?;
        self.labels.sync()?;
        Ok(())
    }
}

fn write_takes(path: &Path, takes: &PairTakes) -> Result<(), LabError> {
    let cannot = "cannot write the takes of a pair";
    let bytes = postcard::to_stdvec(takes)
        .map_err(|error| LabError::Part { part: path.display().to_string(), why: error.to_string() })?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed(cannot, folder))?;
    }
    fs::write(path, bytes).map_err(failed(cannot, path))
}

/// Reads what shows a pair; nothing where nothing was kept.
pub(super) fn read_takes(path: &Path) -> Result<PairTakes, LabError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok([None, None]),
        read => postcard::from_bytes(&read.map_err(failed("cannot read the takes of a pair", path))?)
            .map_err(|error| LabError::Part { part: path.display().to_string(), why: error.to_string() }),
    }
}

/// A pair that was written in part is asked for again.
fn cut_torn_line(path: &Path) -> io::Result<()> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if complete < bytes.len() {
        fs::OpenOptions::new().write(true).open(path)?.set_len(complete as u64)?;
    }
    Ok(())
}
