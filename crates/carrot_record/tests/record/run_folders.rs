//! Creating, opening, owning and rewinding run folders.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use carrot_record::{
    DiskStorage, Episode, EpisodeSchema, EpisodeWriter, LineLog, MetricsRow, MetricsWriter, RecordError,
    RecordWarning, RunFolder, RunMeta, RunName, RunStart, read_lines, read_meta, read_metrics,
};

fn name() -> RunName {
    RunName {
        task: "carrot/Hand-v0".into(),
        algo: "ppo".into(),
        started: "20260214_093000".into(),
        seed: 7,
        name: Some("first".into()),
    }
}

#[test]
fn a_new_run_says_how_it_started() {
    let runs = tempfile::tempdir().unwrap();
    let folder = name().folder(runs.path()).unwrap();
    assert_eq!(folder, runs.path().join("carrot/Hand-v0/ppo/20260214_093000_s7_first"));
    let start = RunStart {
        config: "(seed: 7)".into(),
        overrides: vec!["ppo.clip_coef=0.1".into(), "seed=7".into()],
        command: "carrot train".into(),
        meta: RunMeta { task: "Hand-v0".into(), seed: u64::MAX, ..RunMeta::default() },
    };
    let run = RunFolder::create(&folder, &start).unwrap();
    let text = |path| fs::read_to_string(path).unwrap();
    assert_eq!(text(run.paths().config()), "(seed: 7)");
    assert_eq!(text(run.paths().overrides()), "ppo.clip_coef=0.1\nseed=7\n");
    assert_eq!(text(run.paths().command()), "carrot train\n");
    assert_eq!(run.meta().unwrap(), start.meta);
    assert_eq!(read_meta(run.paths()).unwrap(), start.meta);
    drop(run);
    assert!(matches!(RunFolder::create(&folder, &start), Err(RecordError::AlreadyExists { .. })));
}

#[test]
fn a_name_cannot_leave_the_runs_folder() {
    for (task, started, given) in [
        ("..", "t", "n"),
        ("a/../b", "t", "n"),
        ("/abs", "t", "n"),
        ("a", "t/../..", "n"),
        ("a", "t", "n/x"),
        ("a", "t", ""),
    ] {
        let name = RunName { task: task.into(), started: started.into(), name: Some(given.into()), ..name() };
        assert!(matches!(name.folder(Path::new("runs")), Err(RecordError::InvalidName { .. })), "{name:?}");
    }
}

#[test]
fn a_folder_in_use_names_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let run = RunFolder::create(&path, &RunStart::default()).unwrap();
    let Err(error) = RunFolder::open(&path) else { panic!("two owners") };
    assert!(matches!(error, RecordError::InUse { pid: Some(pid), .. } if pid == std::process::id()));
    drop(run);
    RunFolder::open(&path).unwrap();
}

#[test]
fn a_strange_folder_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = RunFolder::open(folder.path()) else { panic!("opened") };
    assert!(matches!(error, RecordError::NotARun { missing: "meta.json", .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn row(update: u64) -> MetricsRow {
    MetricsRow { env_steps: update * 10, update, values: BTreeMap::from([("a".into(), update as f64 / 3.0)]) }
}

/// Logs one update in all logs and one episode file, as the trainer does between two checkpoints.
fn log_update(run: &RunFolder, update: u64) {
    let mut metrics = MetricsWriter::open(&DiskStorage, &run.paths().metrics()).unwrap();
    metrics.append(&row(update)).unwrap();
    metrics.sync().unwrap();
    let mut faults = LineLog::open(&DiskStorage, &run.paths().faults()).unwrap();
    faults.append(&update).unwrap();
    faults.sync().unwrap();
    let name = format!("step_{update:012}");
    let schema = EpisodeSchema::default();
    let mut episodes =
        EpisodeWriter::create(Arc::new(DiskStorage), &run.paths().episodes(), &name, schema).unwrap();
    episodes.write(&Episode::default()).unwrap();
    episodes.close().unwrap().unwrap();
}

#[test]
fn a_rewound_run_goes_on_as_if_never_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(&folder.path().join("run"), &RunStart::default()).unwrap();
    let untouched = run.measure_logs().unwrap();
    log_update(&run, 1);
    let lengths = run.measure_logs().unwrap();
    assert_eq!(lengths.len(), 4, "{lengths:?}");
    log_update(&run, 2);
    // What a kill leaves: a torn line, an unfinished episode file.
    let metrics = run.paths().metrics();
    let torn = [fs::read(&metrics).unwrap(), b"{\"env_st".to_vec()].concat();
    fs::write(&metrics, torn).unwrap();
    let unfinished = run.paths().episodes().join("step_000000000003.parquet.tmp");
    fs::write(&unfinished, b"PAR1").unwrap();

    let warnings = run.rewind(&lengths).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(run.measure_logs().unwrap(), lengths);
    assert!(!unfinished.exists());
    log_update(&run, 2);
    assert_eq!(read_metrics(&metrics).unwrap(), [row(1), row(2)]);
    assert_eq!(read_lines::<u64>(&run.paths().faults()).unwrap(), [1, 2]);

    // Without a checkpoint the run starts over.
    assert!(run.rewind(&BTreeMap::new()).unwrap().is_empty());
    assert_eq!(run.measure_logs().unwrap(), untouched);
}

#[test]
fn lost_logs_are_told_not_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(&folder.path().join("run"), &RunStart::default()).unwrap();
    log_update(&run, 1);
    let lengths = run.measure_logs().unwrap();
    fs::remove_file(run.paths().faults()).unwrap();
    fs::remove_file(run.paths().episodes().join("step_000000000001.parquet")).unwrap();
    let warnings = run.rewind(&lengths).unwrap();
    assert!(
        matches!(
            &warnings[..],
            [RecordWarning::LogShorter { found: 0, .. }, RecordWarning::EpisodesMissing { .. }]
        ),
        "{warnings:?}"
    );
    assert_eq!(read_metrics(&run.paths().metrics()).unwrap(), [row(1)]);
}
