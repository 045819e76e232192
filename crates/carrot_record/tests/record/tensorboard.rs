//! Event files, read by ourselves and by the stock TensorBoard.

use std::{fs, path::Path};

use carrot_record::{
    DiskStorage, EventContent, EventRecord, EventWriter, RecordError, event_files, read_events,
};

use crate::python;

const WALL: f64 = 1_700_000_000.25;

/// A session of 5 points, then one that resumes at the third and goes another way, the clock set back by an hour.
fn two_sessions(folder: &Path) {
    let mut writer = EventWriter::create(&DiskStorage, folder, WALL, None).unwrap();
    for step in 1..=5_u64 {
        let scalars = [("rollout/ep_rew_mean", step as f32 * 1.5), ("train/approx_kl", 0.0)];
        writer.write_scalars(step * 100, WALL + step as f64, scalars);
    }
    writer.flush().unwrap();
    let mut writer = EventWriter::create(&DiskStorage, folder, WALL - 3600.0, Some(300)).unwrap();
    for step in 3..=6_u64 {
        writer.write_scalars(step * 100, WALL - 3000.0, [("rollout/ep_rew_mean", -(step as f32))]);
    }
    writer.flush().unwrap();
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    two_sessions(folder.path());
    let files = event_files(&DiskStorage, folder.path()).unwrap();
    let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        ["events.out.tfevents.1700000000.carrot.0000", "events.out.tfevents.1700000000.carrot.0001"]
    );
    let version = |wall_secs| EventRecord {
        step: 0,
        wall_secs,
        content: EventContent::FileVersion("brain.Event:2".into()),
    };
    let first = read_events(&files[0]).unwrap();
    assert_eq!(first.len(), 6);
    assert_eq!(first[0], version(WALL));
    let scalars = vec![("rollout/ep_rew_mean".into(), 1.5), ("train/approx_kl".into(), 0.0)];
    let content = EventContent::Scalars(scalars);
    assert_eq!(first[1], EventRecord { step: 100, wall_secs: WALL + 1.0, content });
    let second = read_events(&files[1]).unwrap();
    assert_eq!(second[0], version(WALL - 3600.0));
    assert_eq!((second[1].step, &second[1].content), (300, &EventContent::SessionStart));
}

#[test]
fn a_torn_end_is_left_out_and_a_flipped_bit_found() {
    let folder = crate::fast_folder();
    two_sessions(folder.path());
    let path = event_files(&DiskStorage, folder.path()).unwrap().remove(0);
    let bytes = fs::read(&path).unwrap();
    let all = read_events(&path).unwrap();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let read = read_events(&path).unwrap();
        assert!(read.len() < all.len() && all.starts_with(&read));
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        fs::write(&path, flipped).unwrap();
        assert!(matches!(read_events(&path), Err(RecordError::Corrupt { .. })), "byte {at}");
    }
}

#[test]
fn stock_tensorboard_reads_it_and_forgets_the_overlap() {
    let folder = tempfile::tempdir().unwrap();
    two_sessions(folder.path());
    let script = r#"
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
print(sorted(events.Tags()["scalars"]))
print([(e.step, e.value) for e in events.Scalars("rollout/ep_rew_mean")])
print([(e.step, e.value) for e in events.Scalars("train/approx_kl")])
"#;
    let Some(output) = python::run(script, &["tensorboard"], folder.path()) else { return };
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "['rollout/ep_rew_mean', 'train/approx_kl']",
            "[(100, 1.5), (200, 3.0), (300, -3.0), (400, -4.0), (500, -5.0), (600, -6.0)]",
            "[(100, 0.0), (200, 0.0)]",
        ]
    );
}
