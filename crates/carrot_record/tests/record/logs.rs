//! Metrics and line logs: exact numbers, torn ends, followers.

use std::{collections::BTreeMap, fs, io::Write};

use carrot_record::{
    DiskStorage, LineLog, MetricsRow, MetricsWriter, RecordError, read_lines, read_lines_from, read_metrics,
};

fn row(values: &[(&str, f64)]) -> MetricsRow {
    let values = values.iter().map(|(tag, value)| ((*tag).to_owned(), *value)).collect();
    MetricsRow { env_steps: u64::MAX, update: 3, values }
}

#[test]
fn rows_are_flat_sorted_and_exact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut writer = MetricsWriter::open(&DiskStorage, &path).unwrap();
    let numbers = [0.1 + 0.2, -0.0, f64::MIN_POSITIVE / 3.0, f64::MAX, 1e-300, f64::from(0.1_f32), 3.0];
    let tags: Vec<String> = (0..numbers.len()).map(|i| format!("train/{i}")).collect();
    let exact: Vec<_> = tags.iter().map(String::as_str).zip(numbers).collect();
    writer.append(&row(&[("z", 1.5), ("a", f64::NAN), ("f", f64::INFINITY)])).unwrap();
    writer.append(&row(&exact)).unwrap();
    assert!(!path.exists() || fs::read(&path).unwrap().is_empty(), "nothing is written before the flush");
    let offset = writer.offset();
    assert_eq!(writer.sync().unwrap(), offset);
    assert_eq!(fs::metadata(&path).unwrap().len(), offset);

    let text = fs::read_to_string(&path).unwrap();
    let first = r#"{"a":null,"env_steps":18446744073709551615,"f":null,"update":3,"z":1.5}"#;
    assert_eq!(text.lines().next().unwrap(), first);
    let rows = read_metrics(&path).unwrap();
    assert!(rows[0].values["a"].is_nan() && rows[0].values["f"].is_nan());
    assert_eq!((rows[0].env_steps, rows[0].update), (u64::MAX, 3));
    for (tag, number) in exact {
        assert_eq!(rows[1].values[tag].to_bits(), number.to_bits(), "{number:e}");
    }
}

#[test]
fn a_metric_cannot_pose_as_the_step_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = MetricsWriter::open(&DiskStorage, &folder.path().join("m")).unwrap();
    let error = writer.append(&row(&[("env_steps", 1.0)])).unwrap_err();
    assert!(matches!(error, RecordError::InvalidName { .. }));
    assert_eq!(writer.offset(), 0);
}

#[test]
fn every_cut_gives_the_complete_rows_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut writer = MetricsWriter::open(&DiskStorage, &path).unwrap();
    let rows: Vec<_> = (0..4).map(|i| row(&[("a", f64::from(i))])).collect();
    for row in &rows {
        writer.append(row).unwrap();
    }
    writer.flush().unwrap();
    let bytes = fs::read(&path).unwrap();
    for length in 0..=bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let complete = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(read_metrics(&path).unwrap(), rows[..complete]);
    }
}

#[test]
fn damage_in_the_middle_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    for line in ["{\"env_steps\":1}", "{\"env_steps\":1.5,\"update\":1}", "garbage", ""] {
        fs::write(&path, format!("{{\"env_steps\":1,\"update\":1}}\n{line}\n")).unwrap();
        let error = read_metrics(&path).unwrap_err();
        assert!(matches!(&error, RecordError::Corrupt { what, .. } if what.contains("byte 27")), "{error}");
    }
}

#[test]
fn a_follower_reads_each_line_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revisions.jsonl");
    assert!(read_lines::<u32>(&path).unwrap().is_empty());
    let mut log = LineLog::open(&DiskStorage, &path).unwrap();
    log.append(&BTreeMap::from([("revision", 1)])).unwrap();
    log.flush().unwrap();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"revi").unwrap();
    type Line = BTreeMap<String, u32>;
    let first = read_lines_from::<Line>(&path, 0).unwrap();
    assert_eq!((first.values.len(), first.end), (1, log.offset()));
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"sion\":2}\n").unwrap();
    let second = read_lines_from::<Line>(&path, first.end).unwrap();
    assert_eq!(second.values[0]["revision"], 2);
    // The run was rewound behind the follower's place.
    fs::write(&path, b"").unwrap();
    assert_eq!(read_lines_from::<Line>(&path, second.end).unwrap().end, 0);
}
