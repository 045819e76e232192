//! Episodes: bit-exact round trips, many per file, honest errors, and pandas as a reader.

use std::{fs, path::Path, sync::Arc};

use carrot_record::{
    ColumnLabel, DiskStorage, Episode, EpisodeKey, EpisodeReader, EpisodeSchema, EpisodeWriter, RecordError,
};

use crate::python;

fn schema() -> EpisodeSchema {
    let label = |name: &str, unit: &str| ColumnLabel { name: name.into(), unit: unit.into() };
    EpisodeSchema {
        task: "CartPole-v1".into(),
        signals: vec![label("pole_angle", "rad"), label("cart.x", "m"), label("speed", "m/s")],
        actions: vec![label("push", "N"), label("brake", "")],
        causes: vec!["none".into(), "fell".into()],
        raws: vec!["upright".into()],
        contributions: vec!["upright".into(), "effort".into()],
        groups: vec!["main".into()],
    }
}

/// Floats that careless code changes: negative zero, denormals, infinities, quiet and signalling NaNs with payloads.
const HARD_BITS: [u32; 10] = [
    0x8000_0000,
    0x0000_0001,
    0x807f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc1_2345,
    0x7f80_0001,
    0xffbf_ffff,
    0x3dcc_cccd,
];

fn floats(count: usize, salt: usize) -> Vec<f32> {
    let bits = (0..count).map(|i| match i % 3 {
        0 => HARD_BITS[(i / 3 + salt) % HARD_BITS.len()],
        _ => ((i * 31 + salt * 17) as u32).wrapping_mul(2_654_435_761),
    });
    bits.map(f32::from_bits).collect()
}

fn episode(index: u32, steps: usize) -> Episode {
    let salt = index as usize;
    let flags = |modulus: usize| (0..steps).map(|step| ((step + salt) % modulus) as u8).collect();
    Episode {
        key: EpisodeKey { seed: u64::MAX - u64::from(index), env_id: u32::MAX - index, episode: index },
        steps,
        signals: floats((steps + 1) * 3, salt),
        actions: floats(steps * 2, salt + 1),
        applied: floats(steps * 2, salt + 2),
        terminated: flags(2),
        truncated: flags(3),
        success: flags(5),
        cause: flags(256),
        score: floats(steps, salt + 3),
        revision: (0..steps).map(|step| u32::MAX - (step / 7) as u32).collect(),
        raws: floats(steps, salt + 4),
        contributions: floats(steps * 2, salt + 5),
        totals: floats(steps, salt + 6),
    }
}

/// `==` on floats would call NaN different and negative zero equal.
fn bits(episode: &Episode) -> (Episode, Vec<Vec<u32>>) {
    let mut rest = episode.clone();
    let floats = [
        std::mem::take(&mut rest.signals),
        std::mem::take(&mut rest.actions),
        std::mem::take(&mut rest.applied),
        std::mem::take(&mut rest.score),
        std::mem::take(&mut rest.raws),
        std::mem::take(&mut rest.contributions),
        std::mem::take(&mut rest.totals),
    ];
    (rest, floats.iter().map(|column| column.iter().map(|value| value.to_bits()).collect()).collect())
}

fn write(folder: &Path, name: &str, episodes: &[Episode]) -> std::path::PathBuf {
    let mut writer = EpisodeWriter::create(Arc::new(DiskStorage), folder, name, schema()).unwrap();
    for episode in episodes {
        writer.write(episode).unwrap();
    }
    writer.close().unwrap().unwrap()
}

fn assert_round_trip(episodes: &[Episode]) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "step_000000000000", episodes);
    let reader = EpisodeReader::open(&path).unwrap();
    assert_eq!(reader.schema(), &schema());
    let read: Vec<_> = reader.episodes().map(|episode| bits(&episode.unwrap())).collect();
    assert_eq!(read.len(), episodes.len());
    for (read, written) in read.iter().zip(episodes) {
        assert!(*read == bits(written), "episode {:?}", written.key);
    }
}

#[test]
fn every_bit_comes_back() {
    assert_round_trip(&[episode(0, 0), episode(1, 1), episode(2, 2000), episode(3, 7)]);
}

#[test]
fn many_row_groups_come_back() {
    // 80,000 rows, one episode longer than a row group is meant to be.
    let mut episodes: Vec<_> = (0..400).map(|index| episode(index, 99)).collect();
    episodes.push(episode(1000, 40_000));
    assert_round_trip(&episodes);
}

#[test]
fn a_file_without_columns_of_its_own_still_counts_steps() {
    let folder = tempfile::tempdir().unwrap();
    let schema = EpisodeSchema::default();
    let mut writer = EpisodeWriter::create(Arc::new(DiskStorage), folder.path(), "e", schema).unwrap();
    let written = Episode {
        steps: 1,
        terminated: vec![1],
        truncated: vec![0],
        success: vec![1],
        cause: vec![255],
        score: vec![1.0],
        revision: vec![0],
        ..Episode::default()
    };
    writer.write(&written).unwrap();
    let path = writer.close().unwrap().unwrap();
    let read: Vec<_> = EpisodeReader::open(&path).unwrap().episodes().map(Result::unwrap).collect();
    assert_eq!(read, [written]);
}

#[test]
fn an_episode_that_does_not_fit_is_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EpisodeWriter::create(Arc::new(DiskStorage), folder.path(), "e", schema()).unwrap();
    let mut wrong = episode(0, 3);
    wrong.applied.pop();
    let error = writer.write(&wrong).unwrap_err();
    assert!(matches!(error, RecordError::Shape { column: "applied", expected: 6, found: 5 }), "{error}");
    assert_eq!(writer.episodes(), 0);
    assert_eq!(writer.close().unwrap(), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn names_must_differ_and_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let create =
        |name: &str, schema| EpisodeWriter::create(Arc::new(DiskStorage), folder.path(), name, schema);
    let mut twice = schema();
    twice.raws.push("upright".into());
    assert!(
        matches!(create("e", twice).err().unwrap(), RecordError::InvalidName { name, .. } if name == "raw/upright")
    );
    assert!(matches!(create("../e", schema()).err().unwrap(), RecordError::InvalidName { .. }));
    write(folder.path(), "e", &[episode(0, 3)]);
    assert!(matches!(create("e", schema()).err().unwrap(), RecordError::AlreadyExists { .. }));
}

#[test]
fn an_unclosed_file_is_not_an_episode_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EpisodeWriter::create(Arc::new(DiskStorage), folder.path(), "e", schema()).unwrap();
    writer.write(&episode(0, 40_000)).unwrap();
    drop(writer);
    assert!(!folder.path().join("e.parquet").exists());
    let error = EpisodeReader::open(&folder.path().join("e.parquet.tmp")).err().unwrap();
    assert!(matches!(error, RecordError::Corrupt { .. }), "{error:?}");
}

#[test]
fn damaged_files_give_errors() {
    let folder = crate::fast_folder();
    let path = write(folder.path(), "e", &[episode(0, 5), episode(1, 3)]);
    let good = fs::read(&path).unwrap();
    let read = || -> Result<Vec<Episode>, RecordError> { EpisodeReader::open(&path)?.episodes().collect() };
    assert_eq!(read().unwrap().len(), 2);
    for length in (0..good.len()).step_by(97) {
        fs::write(&path, &good[..length]).unwrap();
        assert!(matches!(read(), Err(RecordError::Corrupt { .. })), "cut to {length} bytes");
    }
    // Parquet has no checksum over everything: a flip may pass, but nothing may panic.
    let mut found = 0;
    for at in (0..good.len()).step_by(4) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        found += usize::from(read().is_err());
    }
    assert!(found > good.len() / 12, "{found} of {} flips found", good.len() / 4);
}

#[test]
fn pandas_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut episodes = vec![episode(0, 2), episode(1, 3)];
    episodes[1].signals = (0..12).map(|i| i as f32 / 8.0).collect();
    let path = write(folder.path(), "e", &episodes);
    let script = r#"
import json, sys, pandas, pyarrow.parquet
frame = pandas.read_parquet(sys.argv[1], dtype_backend="pyarrow")
print(len(frame), list(frame.columns))
one = frame[frame["episode"] == 1]
print(one["seed"].iloc[0], one["env_id"].iloc[0], one["step"].tolist())
print(one["signal/pole_angle"].tolist())
print(one["terminated"].isna().tolist(), frame["revision"].iloc[0])
note = json.loads(pyarrow.parquet.read_metadata(sys.argv[1]).metadata[b"carrot"])
print(note["format_version"], note["episodes"]["task"], note["episodes"]["signals"][0])
"#;
    let Some(output) = python::run(script, &["pandas", "pyarrow"], &path) else { return };
    assert_eq!(
        output.lines().collect::<Vec<_>>(),
        [
            "7 ['seed', 'env_id', 'episode', 'step', 'signal/pole_angle', 'signal/cart.x', 'signal/speed', \
             'action/push', 'action/brake', 'applied/push', 'applied/brake', 'terminated', 'truncated', 'success', \
             'cause', 'revision', 'score', 'raw/upright', 'contribution/upright', 'contribution/effort', \
             'total/main']",
            "18446744073709551614 4294967294 [0, 1, 2, 3]",
            "[0.0, 0.375, 0.75, 1.125]",
            "[False, False, False, True] 4294967295",
            "1 CartPole-v1 {'name': 'pole_angle', 'unit': 'rad'}",
        ]
    );
}
