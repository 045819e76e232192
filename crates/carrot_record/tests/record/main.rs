//! What carrot_record promises, held against healthy, full, failing and crashing disks.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stderr, reason = "a skipped check must be seen")]

mod checkpoints;
mod crash_states;
mod episodes;
mod io_faults;
mod logs;
mod memory_storage;
mod processes;
mod python;
mod run_folders;
mod tensorboard;

use std::collections::BTreeMap;

use carrot_record::CheckpointHeader;

/// A folder for tests that write much: in memory where the machine has such a place, so that syncing is fast.
fn fast_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A header and two parts that differ from those of any other step.
fn sample(env_steps: u64) -> (CheckpointHeader, BTreeMap<String, Vec<u8>>) {
    let logs = BTreeMap::from([("metrics.jsonl".to_owned(), env_steps * 10)]);
    let header = CheckpointHeader { env_steps, update: env_steps / 100, config_hash: "c0ffee".into(), logs };
    let policy = (0..3000_u64).map(|i| (i * 7 + env_steps) as u8).collect();
    let parts = BTreeMap::from([
        ("policy.safetensors".to_owned(), policy),
        ("state.postcard".to_owned(), env_steps.to_le_bytes().to_vec()),
        ("empty".to_owned(), Vec::new()),
    ]);
    (header, parts)
}
