//! Every state that a power cut during checkpoint writing can leave: each loads the old or the new checkpoint.

use std::{ops::RangeInclusive, sync::Arc};

use carrot_record::{CheckpointStore, NewestCheckpoint};

use crate::{
    memory_storage::{Change, Fate, MemoryStorage},
    sample,
};

fn store(storage: &MemoryStorage) -> CheckpointStore {
    CheckpointStore::new("/", 1, Arc::new(storage.clone()))
}

fn save(storage: &MemoryStorage, env_steps: u64) {
    let (header, parts) = sample(env_steps);
    assert!(store(storage).save(&header, &parts).unwrap().warnings.is_empty());
}

fn load(storage: &MemoryStorage) -> NewestCheckpoint {
    store(storage).load_newest().unwrap()
}

/// For each change of a prefix, the fates a crash right after the prefix may give it.
///
/// A change that a sync has covered is kept; any other may be lost, whatever became of those around it.
fn fates(prefix: &[Change], heed_file_syncs: bool) -> Vec<&'static [Fate]> {
    let covered = |at: usize| {
        prefix[at..].iter().any(|later| match (&prefix[at], later) {
            (Change::Write { node, .. }, Change::SyncFile { node: synced }) => {
                heed_file_syncs && node == synced
            }
            (
                Change::Link { folder, .. } | Change::Rename { folder, .. } | Change::Unlink { folder, .. },
                Change::SyncFolder { node: synced },
            ) => folder == synced,
            _ => false,
        })
    };
    let fates_of = |at: usize| match prefix[at] {
        Change::SyncFile { .. } | Change::SyncFolder { .. } => &[Fate::Kept][..],
        _ if covered(at) => &[Fate::Kept][..],
        Change::Write { .. } => &[Fate::Kept, Fate::Lost, Fate::Torn][..],
        _ => &[Fate::Kept, Fate::Lost][..],
    };
    (0..prefix.len()).map(fates_of).collect()
}

/// Calls `visit` with every state after every prefix of the given lengths, and the length of the prefix.
fn visit_crash_states(
    before: &MemoryStorage,
    changes: &[Change],
    lengths: RangeInclusive<usize>,
    heed_file_syncs: bool,
    mut visit: impl FnMut(MemoryStorage, usize),
) {
    for length in lengths {
        let prefix = &changes[..length];
        let fates = fates(prefix, heed_file_syncs);
        let states: usize = fates.iter().map(|fates| fates.len()).product();
        assert!(states <= 100_000, "{states} states after {length} changes");
        for state in 0..states {
            let mut digits = state;
            let chosen = fates.iter().map(|fates| {
                let fate = fates[digits % fates.len()];
                digits /= fates.len();
                fate
            });
            visit(before.after(prefix.iter().zip(chosen)), length);
        }
    }
}

/// A disk with one checkpoint at step 100 and the remains of an interrupted save, and the changes of saving another.
fn second_save() -> (MemoryStorage, Vec<Change>) {
    let before = MemoryStorage::new();
    save(&before, 100);
    let interrupted = before.settled();
    save(&interrupted, 150);
    let before = before.after(interrupted.changes()[..7].iter().map(|change| (change, Fate::Kept)));
    let recording = before.settled();
    save(&recording, 200);
    (before, recording.changes())
}

/// How many changes there are up to the rename that makes the new checkpoint visible.
fn renamed(changes: &[Change]) -> usize {
    let is_rename =
        |change: &Change| matches!(change, Change::Rename { from, .. } if from == "step_000000000200.tmp");
    changes.iter().position(is_rename).unwrap() + 1
}

#[test]
fn every_crash_leaves_the_old_or_the_new_checkpoint() {
    let (before, changes) = second_save();
    // The new checkpoint counts from the sync that follows its rename.
    let counts = renamed(&changes) + 1;
    let (mut states, mut old, mut new) = (0, 0, 0);
    visit_crash_states(&before, &changes, 0..=changes.len(), true, |storage, length| {
        let newest = load(&storage);
        assert!(newest.warnings.is_empty(), "after {length} changes: {:?}", newest.warnings);
        let (name, checkpoint) = newest.found.unwrap();
        assert_eq!((checkpoint.header, checkpoint.parts), sample(name.env_steps));
        match name.env_steps {
            100 => old += 1,
            200 => new += 1,
            other => panic!("a checkpoint of step {other}"),
        }
        assert!(length < counts || name.env_steps == 200, "lost after {length} changes");

        // Older checkpoints may be half removed, but then they do not look like checkpoints.
        let store = store(&storage);
        assert!(
            store.names().unwrap().into_iter().all(|name| store.load(name).is_ok()),
            "after {length} changes"
        );

        // Whatever the crash left lying about, the next save works.
        save(&storage, 300);
        assert_eq!(load(&storage).found.unwrap().0.env_steps, 300);
        states += 1;
    });
    assert!(states >= 2_000 && old > 0 && new > 0, "{states} states, {old} old, {new} new");
}

/// The model itself is tested: with file syncs that do nothing, damage must show.
#[test]
fn the_crash_model_notices_missing_syncs() {
    let (before, changes) = second_save();
    let mut damaged = 0;
    let after_rename = renamed(&changes);
    visit_crash_states(&before, &changes, after_rename..=after_rename, false, |storage, _| {
        damaged += usize::from(!load(&storage).warnings.is_empty());
    });
    assert!(damaged > 0);
}
