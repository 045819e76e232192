//! Failing and full disks: whatever call fails, what was safe stays safe.

use std::{fs, io::ErrorKind, path::Path, process::Command, sync::Arc};

use carrot_record::{
    CheckpointStore, DiskStorage, Episode, EpisodeReader, EpisodeSchema, EpisodeWriter, Fault, FaultStorage,
    LineLog, RecordError, read_lines,
};

use crate::{fast_folder, sample};

fn save_with(folder: &Path, plan: impl Fn(u64) -> Option<Fault> + Send + Sync + 'static) -> (u64, bool) {
    let storage = Arc::new(FaultStorage::new(DiskStorage, plan));
    let (header, parts) = sample(200);
    let saved = CheckpointStore::new(folder, 1, storage.clone()).save(&header, &parts);
    if let Err(error) = &saved {
        assert_eq!(error.exit_code(), 6, "{error:?}");
    }
    (storage.calls(), saved.is_ok())
}

#[test]
fn a_failure_at_any_call_keeps_the_previous_checkpoint() {
    let fresh = || {
        let folder = fast_folder();
        let (header, parts) = sample(100);
        CheckpointStore::new(folder.path(), 1, Arc::new(DiskStorage)).save(&header, &parts).unwrap();
        folder
    };
    let (calls, saved) = save_with(fresh().path(), |_| None);
    assert!(saved && calls > 20);
    let mut failed = 0;
    for at in 1..=calls {
        let plans: [fn(u64, u64) -> Option<Fault>; 4] = [
            |call, at| (call == at).then_some(Fault::Fail(ErrorKind::Other)),
            |call, at| (call >= at).then_some(Fault::Fail(ErrorKind::StorageFull)),
            |call, at| (call == at).then_some(Fault::ShortWrite),
            |call, at| match call.cmp(&at) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => Some(Fault::ShortWrite),
                std::cmp::Ordering::Greater => Some(Fault::Fail(ErrorKind::StorageFull)),
            },
        ];
        for plan in plans {
            let folder = fresh();
            let (_, saved) = save_with(folder.path(), move |call| plan(call, at));
            failed += usize::from(!saved);
            let store = CheckpointStore::new(folder.path(), 1, Arc::new(DiskStorage));
            let newest = store.load_newest().unwrap();
            assert!(newest.warnings.is_empty(), "call {at}: {:?}", newest.warnings);
            let (name, checkpoint) = newest.found.unwrap();
            assert_eq!((checkpoint.header, checkpoint.parts), sample(name.env_steps));
            assert!(!saved || name.env_steps == 200);

            let (header, parts) = sample(300);
            let again = store.save(&header, &parts).unwrap();
            assert!(again.warnings.is_empty(), "call {at}: {:?}", again.warnings);
            assert_eq!(store.names().unwrap(), [again.name]);
        }
    }
    assert!(failed > 40, "{failed}");
}

#[test]
fn a_log_goes_on_where_a_full_disk_stopped_it() {
    let folder = fast_folder();
    let path = folder.path().join("faults.jsonl");
    // Calls: 1 opens, 2 takes half of the first flush, 3 to 5 fail, then there is space again.
    let storage = FaultStorage::new(DiskStorage, |call| match call {
        2 => Some(Fault::ShortWrite),
        3..=5 => Some(Fault::Fail(ErrorKind::StorageFull)),
        _ => None,
    });
    let mut log = LineLog::open(&storage, &path).unwrap();
    for value in ["first", "second", "third"] {
        log.append(value).unwrap();
    }
    let all = log.offset();
    let error = log.flush().unwrap_err();
    assert!(error.is_disk_full() && error.exit_code() == 6);
    assert!(log.pending_bytes() > 0);
    assert_eq!(read_lines::<String>(&path).unwrap(), ["first"], "the torn second line is left out");

    // The disk stays full and the buffer is given up, but for the rest of the torn line.
    assert!(log.flush().is_err());
    assert_eq!(log.discard_pending(), 1);
    log.append("fourth").unwrap();
    assert!(log.flush().is_err());
    assert_eq!(log.sync().unwrap(), all - "\"third\"\n".len() as u64 + "\"fourth\"\n".len() as u64);
    assert_eq!(read_lines::<String>(&path).unwrap(), ["first", "second", "fourth"]);
}

fn episode() -> (EpisodeSchema, Episode) {
    let episode = Episode {
        steps: 2,
        terminated: vec![0, 1],
        truncated: vec![0, 0],
        success: vec![0, 1],
        cause: vec![0, 2],
        score: vec![0.5, 1.0],
        revision: vec![3, 3],
        ..Episode::default()
    };
    (EpisodeSchema { task: "t".into(), ..EpisodeSchema::default() }, episode)
}

fn write_episodes(folder: &Path, storage: Arc<dyn carrot_record::Storage>) -> Result<(), RecordError> {
    let (schema, episode) = episode();
    let mut writer = EpisodeWriter::create(storage, folder, "e", schema)?;
    writer.write(&episode)?;
    writer.close().map(drop)
}

#[test]
fn an_episode_file_is_complete_or_absent() {
    let folder = fast_folder();
    let healthy = Arc::new(FaultStorage::new(DiskStorage, |_| None));
    write_episodes(folder.path(), healthy.clone()).unwrap();
    for at in 1..=healthy.calls() {
        for fault in [Fault::Fail(ErrorKind::StorageFull), Fault::ShortWrite] {
            let folder = fast_folder();
            let full = FaultStorage::new(DiskStorage, move |call| match call.cmp(&at) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => Some(fault),
                std::cmp::Ordering::Greater => Some(Fault::Fail(ErrorKind::StorageFull)),
            });
            let result = write_episodes(folder.path(), Arc::new(full));
            let path = folder.path().join("e.parquet");
            if path.exists() {
                let episodes: Vec<_> =
                    EpisodeReader::open(&path).unwrap().episodes().collect::<Result<_, _>>().unwrap();
                assert_eq!(episodes, [episode().1]);
            }
            let error = result.unwrap_err();
            assert!(error.is_disk_full(), "call {at}: {error:?}");
        }
    }
}

/// A real full disk: a file system of 256 KiB, where the machine lets us mount one.
#[test]
fn a_full_file_system_keeps_the_previous_checkpoint() {
    let mount = tempfile::tempdir().unwrap();
    let run = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(mount.path())) {
        eprintln!("SKIPPED: no right to mount a small file system");
        return;
    }
    let check = std::panic::catch_unwind(|| {
        let store = CheckpointStore::new(mount.path(), 2, Arc::new(DiskStorage));
        let (header, parts) = sample(100);
        store.save(&header, &parts).unwrap();
        let (header, mut parts) = sample(200);
        parts.insert("large".into(), vec![7; 1 << 20]);
        let error = store.save(&header, &parts).unwrap_err();
        assert!(error.is_disk_full() && error.exit_code() == 6, "{error:?}");
        assert_eq!(store.load_newest().unwrap().found.unwrap().0.env_steps, 100);
        // The failed attempt gave its space back.
        parts.insert("large".into(), vec![7; 128 << 10]);
        assert_eq!(store.save(&header, &parts).unwrap().name.env_steps, 200);
        assert!(fs::read_dir(mount.path()).unwrap().count() >= 3);
    });
    assert!(run(Command::new("umount").arg(mount.path())));
    check.unwrap();
}
