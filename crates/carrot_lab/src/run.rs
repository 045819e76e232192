//! A training and its folder: what is written when, and how a killed run goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use carrot_learn::Device;
use carrot_record::{
    CheckpointHeader, DiskStorage, EpisodeWriter, EventWriter, LineLog, MetricsRow, MetricsWriter, RunFolder,
    RunMeta, RunName, RunStart, content_hash,
};
use carrot_scene::Source;

use crate::error::{LabError, RunWarning};
use crate::models::{find_models, keep_models};
use crate::preference::PreferenceStore;
use crate::recorder;
use crate::setup::Setup;
use crate::trainer::{Trainer, UpdateReport};
use crate::versions::write_version;

/// Contained faults per million env steps above which a run stops: such a task is broken.
const FAULTS_PER_MILLION: u64 = 1000;
/// Checkpoints that are kept.
const KEEP: usize = 3;

/// How a run is started, beside its scene.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Folder under which runs lie.
    pub runs: PathBuf,
    /// The run's own folder, instead of a new one below `runs`.
    pub run_dir: Option<PathBuf>,
    /// A name for people, at the end of the folder's name.
    pub name: Option<String>,
    /// Where tensors live.
    pub device: Device,
    /// Updates between checkpoints; none for ten checkpoints in all.
    pub checkpoint_every: Option<u64>,
    /// The command line.
    pub command: String,
    /// The overrides in it.
    pub overrides: Vec<String>,
}

impl RunOptions {
    /// Runs below a folder, with all else at its default.
    pub fn below(runs: impl Into<PathBuf>) -> Self {
        Self {
            runs: runs.into(),
            run_dir: None,
            name: None,
            device: Device::Cpu,
            checkpoint_every: None,
            command: String::new(),
            overrides: Vec::new(),
        }
    }
}

/// A training that owns its folder.
pub struct Run {
    folder: RunFolder,
    trainer: Trainer,
    metrics: MetricsWriter,
    events: EventWriter,
    revisions: LineLog,
    faults: LineLog,
    episodes: Option<EpisodeWriter>,
    checkpoint_every: u64,
    config_hash: String,
    started: Instant,
    /// Seconds and env steps at the last update, for the rate of the next.
    last: (f64, u64),
    preferences: Option<PreferenceStore>,
    /// When the oldest answer was given that no published network has seen, in milliseconds since 1970.
    unseen_ms: Option<u64>,
    warnings: Vec<RunWarning>,
}

impl Run {
    /// Begins a new run.
    ///
    /// # Errors
    /// When the folder exists, the learner cannot be built, or the disk is full.
    pub fn start(setup: Setup, options: &RunOptions) -> Result<Self, LabError> {
        let start = RunStart {
            overrides: options.overrides.clone(),
            command: options.command.clone(),
            ..run_start(&setup, setup.learner.algo(), options.device)
        };
        let kept = setup.clone();
        let mut trainer = Trainer::new(setup, options.device)?;
        let folder = match &options.run_dir {
            Some(path) => RunFolder::create(path, &start)?,
            None => create_numbered(&options.runs, options.name.as_deref(), &start)?,
        };
        keep_models(&kept, folder.paths().root())?;
        kept.keep_files(folder.paths().root())?;
        let checkpoint_every = options.checkpoint_every.unwrap_or_else(|| default_interval(&trainer));
        let mut run = Self::open(folder, &mut trainer, checkpoint_every, start.meta.config_hash, None)
            .map(|parts| parts.into_run(trainer))?;
        for version in run.trainer.first_versions()? {
            write_version(run.folder.paths().root(), &version)?;
        }
        let first = run.trainer.revision().clone();
        run.revisions.append(&first)?;
        run.checkpoint()?;
        Ok(run)
    }

    /// Goes on where the newest valid checkpoint stands.
    ///
    /// # Errors
    /// When the folder is no run or in use, its configuration was changed, or it holds no valid checkpoint.
    pub fn resume(path: &Path, checkpoint_every: Option<u64>) -> Result<Self, LabError> {
        let folder = RunFolder::open(path)?;
        let meta = folder.meta()?;
        let source = Source::read(folder.paths().config())?;
        if content_hash(source.text().as_bytes()) != meta.config_hash {
            let message =
                format!("{} was changed since the run began; start a new run with it", source.name());
            return Err(LabError::Refused(message));
        }
        let setup = Setup::read::<&str>(&source, &[], find_models(folder.paths().root())?)?;
        let cuda = meta.facts.get("device").is_some_and(|d| d == device_name(Device::Cuda));
        let device = if cuda { Device::Cuda } else { Device::Cpu };
        let mut trainer = Trainer::new(setup, device)?;
        let newest = folder.checkpoints(KEEP).load_newest()?;
        let Some((_, checkpoint)) = newest.found else {
            return Err(LabError::Refused(format!("{} holds no valid checkpoint", path.display())));
        };
        trainer.load(&checkpoint.parts)?;
        let mut warnings: Vec<RunWarning> = newest.warnings.into_iter().map(RunWarning::from).collect();
        warnings.extend(folder.rewind(&checkpoint.header.logs)?.into_iter().map(RunWarning::from));
        let interval = checkpoint_every.unwrap_or_else(|| default_interval(&trainer));
        let steps = Some(trainer.env_steps());
        let mut run = Self::open(folder, &mut trainer, interval, meta.config_hash, steps)
            .map(|parts| parts.into_run(trainer))?;
        run.warnings = warnings;
        Ok(run)
    }

    fn open(
        folder: RunFolder,
        trainer: &mut Trainer,
        checkpoint_every: u64,
        config_hash: String,
        resumed_at: Option<u64>,
    ) -> Result<Opened, LabError> {
        let paths = folder.paths().clone();
        let storage = DiskStorage;
        let preferences = match trainer.preferences_mut() {
            None => None,
            Some(own) => {
                let (store, pairs) = PreferenceStore::open(paths.root())?;
                if own.config().asks_people() {
                    own.adopt(pairs);
                }
                Some(store)
            }
        };
        Ok(Opened {
            preferences,
            metrics: MetricsWriter::open(&storage, &paths.metrics())?,
            events: EventWriter::create(&storage, paths.root(), unix_secs(), resumed_at)?,
            revisions: LineLog::open(&storage, &paths.revisions())?,
            faults: LineLog::open(&storage, &paths.faults())?,
            steps_at_start: trainer.env_steps(),
            folder,
            checkpoint_every,
            config_hash,
        })
    }

    /// The run's folder.
    pub fn path(&self) -> &Path {
        self.folder.paths().root()
    }

    /// The training.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// What went wrong without stopping the run.
    pub fn take_warnings(&mut self) -> Vec<RunWarning> {
        std::mem::take(&mut self.warnings)
    }

    /// Puts a weight in force from the next rollout on, and writes the revision down.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn set_weight(&mut self, graph: usize, node: usize, weight: f32) -> Result<(), LabError> {
        let revision = self.trainer.set_weight(graph, node, weight)?;
        self.revisions.append(revision)?;
        Ok(())
    }

    /// Puts a value of a declared parameter in force from the next rollout on, and writes the revision down.
    ///
    /// # Errors
    /// When there is no such parameter, or the value is outside of its range.
    pub fn set_param(&mut self, graph: usize, name: &str, value: f32) -> Result<(), LabError> {
        let revision = self.trainer.set_param(graph, name, value)?;
        self.revisions.append(revision)?;
        Ok(())
    }

    /// Trains to the end, or until `stop` is set; either way a valid checkpoint remains.
    ///
    /// # Errors
    /// What [`Run::advance`] and [`Run::checkpoint`] give.
    pub fn train(
        &mut self,
        stop: &AtomicBool,
        mut on_update: impl FnMut(&MetricsRow),
    ) -> Result<bool, LabError> {
        while !self.trainer.is_complete() {
            if stop.load(Ordering::Relaxed) {
                self.checkpoint()?;
                return Ok(false);
            }
            let row = self.advance()?;
            on_update(&row);
        }
        self.checkpoint()?;
        Ok(true)
    }

    /// One update, written down; gives its metrics with wall-clock fields.
    ///
    /// # Errors
    /// When the update fails, or too many faults were contained.
    pub fn advance(&mut self) -> Result<MetricsRow, LabError> {
        self.hear()?;
        let report = self.trainer.update()?;
        let row = self.write(report)?;
        let (faults, env_steps) = (self.trainer.faults(), self.trainer.env_steps());
        if faults > FAULTS_PER_MILLION * env_steps.div_ceil(1_000_000) {
            self.checkpoint()?;
            let log = self.folder.paths().faults();
            return Err(LabError::TooManyFaults { faults, env_steps, allowed: FAULTS_PER_MILLION, log });
        }
        if self.trainer.updates().is_multiple_of(self.checkpoint_every) && !self.trainer.is_complete() {
            self.checkpoint()?;
        }
        Ok(row)
    }

    /// Takes the answers that people have given since the last update.
    fn hear(&mut self) -> Result<(), LabError> {
        let (Some(store), Some(own)) = (&mut self.preferences, self.trainer.preferences_mut()) else {
            return Ok(());
        };
        if own.config().asks_people() {
            let (labels, bad) = store.poll()?;
            self.warnings.extend(bad.into_iter().map(RunWarning::from));
            self.unseen_ms = labels.iter().filter_map(|label| label.given_ms).chain(self.unseen_ms).min();
            let unknown = labels.iter().filter(|label| !own.hear(label));
            self.warnings.extend(unknown.map(|label| RunWarning::UnknownPair(label.pair)));
        }
        Ok(())
    }

    fn write(&mut self, report: UpdateReport) -> Result<MetricsRow, LabError> {
        for fault in &report.faults {
            self.faults.append(fault)?;
        }
        for episode in &report.episodes {
            if self.episodes.is_none() {
                self.episodes = Some(self.new_episode_file()?);
            }
            if let Some(file) = &mut self.episodes {
                file.write(episode)?;
            }
        }
        if let (Some(store), Some(news)) = (&mut self.preferences, &report.preferences) {
            store.write(news)?;
        }
        self.warnings.extend(report.warnings.iter().cloned().map(RunWarning::RewardNetwork));
        for published in &report.published {
            write_version(self.folder.paths().root(), published)?;
        }
        if let Some(revision) = &report.revision {
            self.revisions.append(revision)?;
        }
        let mut row = report.metrics;
        let elapsed = self.started.elapsed().as_secs_f64();
        let fps = (row.env_steps - self.last.1) as f64 / (elapsed - self.last.0).max(1e-9);
        self.last = (elapsed, row.env_steps);
        row.values.insert("time/fps".into(), fps);
        row.values.insert("time/elapsed_secs".into(), elapsed);
        if report.preferences.is_some_and(|news| news.published.is_some())
            && let Some(given_ms) = self.unseen_ms.take()
        {
            row.values.insert("time/label_secs".into(), unix_secs() - 1e-3 * given_ms as f64);
        }
        self.metrics.append(&row)?;
        let scalars = row.values.iter().map(|(tag, &value)| (tag.as_str(), value as f32));
        self.events.write_scalars(row.env_steps, unix_secs(), scalars);
        // A full disk must not end a run at once: what is not written waits for the next flush, and the
        // checkpoint is what decides.
        for flushed in
            [self.metrics.flush(), self.events.flush(), self.revisions.flush(), self.faults.flush()]
        {
            match flushed {
                Err(error) if !error.is_disk_full() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(row)
    }

    fn new_episode_file(&self) -> Result<EpisodeWriter, LabError> {
        let setup = self.trainer.setup();
        let schema = recorder::schema(setup.task.spec(), self.trainer.env().catalog(), &setup.graphs);
        let name = format!("step_{:012}", self.trainer.env_steps());
        let folder = self.folder.paths().episodes();
        Ok(EpisodeWriter::create(Arc::new(DiskStorage), &folder, &name, schema)?)
    }

    /// Writes a checkpoint; until it is complete the one before stays valid.
    ///
    /// # Errors
    /// When the disk is full or fails, twice.
    pub fn checkpoint(&mut self) -> Result<(), LabError> {
        let parts = self.trainer.save()?;
        self.metrics.sync()?;
        self.revisions.sync()?;
        self.faults.sync()?;
        if let Some(store) = &mut self.preferences {
            store.sync()?;
        }
        if let Some(file) = self.episodes.take() {
            file.close()?;
        }
        let header = CheckpointHeader {
            env_steps: self.trainer.env_steps(),
            update: self.trainer.updates(),
            config_hash: self.config_hash.clone(),
            logs: self.folder.measure_logs()?,
        };
        let store = self.folder.checkpoints(KEEP);
        let saved = store.save(&header, &parts).or_else(|_| store.save(&header, &parts))?;
        self.warnings.extend(saved.warnings.into_iter().map(RunWarning::from));
        Ok(())
    }

    /// Adds numbers, such as those of an evaluation, as a last row.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn append_metrics(
        &mut self,
        values: impl IntoIterator<Item = (String, f64)>,
    ) -> Result<(), LabError> {
        let row = MetricsRow {
            env_steps: self.trainer.env_steps(),
            update: self.trainer.updates(),
            values: values.into_iter().collect(),
        };
        self.metrics.append(&row)?;
        self.metrics.sync()?;
        let scalars = row.values.iter().map(|(tag, &value)| (tag.as_str(), value as f32));
        self.events.write_scalars(row.env_steps, unix_secs(), scalars);
        self.events.flush()?;
        Ok(())
    }
}

/// Everything of a run but its trainer.
struct Opened {
    folder: RunFolder,
    metrics: MetricsWriter,
    events: EventWriter,
    revisions: LineLog,
    faults: LineLog,
    preferences: Option<PreferenceStore>,
    steps_at_start: u64,
    checkpoint_every: u64,
    config_hash: String,
}

impl Opened {
    fn into_run(self, trainer: Trainer) -> Run {
        Run {
            folder: self.folder,
            trainer,
            metrics: self.metrics,
            events: self.events,
            revisions: self.revisions,
            faults: self.faults,
            episodes: None,
            checkpoint_every: self.checkpoint_every,
            config_hash: self.config_hash,
            started: Instant::now(),
            last: (0.0, self.steps_at_start),
            preferences: self.preferences,
            unseen_ms: None,
            warnings: Vec::new(),
        }
    }
}

/// What the folder of a run says of it, whose learner, or who acts in its place, is `algo`.
pub(crate) fn run_start(setup: &Setup, algo: &str, device: Device) -> RunStart {
    let config = setup.scene.resolved_text().to_string();
    let facts = [
        ("reward", setup.reward.clone()),
        ("farmable", setup.farmed_by.is_some().to_string()),
        ("terms", setup.graphs[0].term_names().join(",")),
        ("version", env!("CARGO_PKG_VERSION").to_string()),
        ("device", device_name(device).to_string()),
        ("shards", setup.batch().shards.to_string()),
    ];
    let meta = RunMeta {
        task: setup.task.spec().name.into(),
        algo: algo.into(),
        seed: setup.scene.batch.seed,
        started: stamp(unix_secs()),
        config_hash: content_hash(config.as_bytes()),
        facts: facts.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
    };
    RunStart { config, meta, ..RunStart::default() }
}

/// A new folder below `runs`; runs of one second and seed get a number each.
pub(crate) fn create_numbered(
    runs: &Path,
    own_name: Option<&str>,
    start: &RunStart,
) -> Result<RunFolder, LabError> {
    let RunMeta { task, algo, seed, started, .. } = &start.meta;
    let mut attempt = 1;
    loop {
        let name = match (own_name, attempt) {
            (name, 1) => name.map(String::from),
            (Some(name), n) => Some(format!("{name}_{n}")),
            (None, n) => Some(n.to_string()),
        };
        let name =
            RunName { task: task.clone(), algo: algo.clone(), started: started.clone(), seed: *seed, name };
        match RunFolder::create(&name.folder(runs)?, start) {
            Err(carrot_record::RecordError::AlreadyExists { .. }) if attempt < 1000 => attempt += 1,
            created => return Ok(created?),
        }
    }
}

fn default_interval(trainer: &Trainer) -> u64 {
    let batch = trainer.env().config();
    let updates = trainer.total_steps() / (batch.num_envs * batch.num_steps) as u64;
    (updates / 10).max(1)
}

fn device_name(device: Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda => "cuda",
    }
}

/// Seconds since 1970.
pub(crate) fn unix_secs() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// `20260214_093000` in UTC.
///
/// # Source
/// Days to civil date after Hinnant, "chrono-compatible low-level date algorithms".
fn stamp(unix_secs: f64) -> String {
    let secs = unix_secs as i64;
    let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_civil_dates() {
        assert_eq!(stamp(0.0), "19700101_000000");
        assert_eq!(stamp(951_826_154.0), "20000229_120914");
        assert_eq!(stamp(1_798_761_599.0), "20261231_235959");
    }
}
