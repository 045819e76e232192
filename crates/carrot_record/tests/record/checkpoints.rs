//! Saving, loading, keeping, setting aside; damaged and hostile checkpoints.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use carrot_record::{CheckpointName, CheckpointStore, DiskStorage, RecordError, RecordWarning, content_hash};

use crate::sample;

fn store(folder: &Path, keep: usize) -> CheckpointStore {
    CheckpointStore::new(folder, keep, Arc::new(DiskStorage))
}

fn save(store: &CheckpointStore, env_steps: u64) -> CheckpointName {
    let (header, parts) = sample(env_steps);
    let saved = store.save(&header, &parts).unwrap();
    assert!(saved.warnings.is_empty(), "{:?}", saved.warnings);
    saved.name
}

#[test]
fn the_newest_comes_back_as_it_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    assert!(store.load_newest().unwrap().found.is_none());
    assert_eq!(store.latest().unwrap(), None);
    save(&store, 900);
    let name = save(&store, 1_000_000_000_000);
    assert_eq!(name.to_string(), "step_1000000000000");

    let (found, checkpoint) = store.load_newest().unwrap().found.unwrap();
    assert_eq!(found, name);
    assert_eq!((checkpoint.header, checkpoint.parts), sample(1_000_000_000_000));
    assert_eq!(store.latest().unwrap(), Some(name));
}

#[test]
fn old_ones_go_but_the_best_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 2);
    let best = save(&store, 100);
    store.mark_best(best).unwrap();
    let names: Vec<_> = (2..=5).map(|i| save(&store, i * 100)).collect();
    assert_eq!(store.names().unwrap(), [best, names[2], names[3]]);
    assert_eq!(store.best().unwrap(), Some(best));
    assert!(store.load(best).is_ok());
}

#[test]
fn a_second_save_at_one_step_is_the_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 100);
    let (header, mut parts) = sample(100);
    parts.insert("state.postcard".into(), vec![9]);
    let name = store.save(&header, &parts).unwrap().name;
    assert_eq!(name.to_string(), "step_000000000100_1");
    assert_eq!(store.load_newest().unwrap().found.unwrap().1.parts, parts);
}

#[test]
fn a_damaged_one_is_set_aside_and_the_one_before_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    let old = save(&store, 100);
    for bad in ["step_000000000200.bad", "step_000000000200.bad1"] {
        let name = save(&store, 200);
        let part = folder.path().join(name.to_string()).join("policy.safetensors");
        let mut bytes = fs::read(&part).unwrap();
        bytes[1234] ^= 4;
        fs::write(&part, bytes).unwrap();

        let newest = store.load_newest().unwrap();
        assert_eq!(newest.found.unwrap().0, old);
        assert!(folder.path().join(bad).join("state.postcard").is_file());
        assert!(
            matches!(&newest.warnings[..], [RecordWarning::Quarantined { set_aside, reason: RecordError::Corrupt { .. }, .. }] if set_aside == bad),
            "{:?}",
            newest.warnings
        );
    }
}

#[test]
fn no_flipped_bit_and_no_cut_gets_through() {
    let folder = crate::fast_folder();
    let store = store(folder.path(), 3);
    let name = save(&store, 100);
    let folder = folder.path().join(name.to_string());
    for file in ["MANIFEST.json", "state.postcard", "empty"] {
        let path = folder.join(file);
        let good = fs::read(&path).unwrap();
        let flipped = (0..good.len() * 8).step_by(3).map(|bit| {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        let cut = (0..good.len()).map(|length| good[..length].to_vec());
        let longer = [[good.as_slice(), b"\n"].concat()];
        for bytes in flipped.chain(cut).chain(longer) {
            fs::write(&path, &bytes).unwrap();
            let error = store.load(name).unwrap_err();
            assert!(
                matches!(error, RecordError::Corrupt { .. } | RecordError::UnsupportedFormat { .. }),
                "{file}: {error:?}"
            );
        }
        fs::write(&path, &good).unwrap();
    }
    assert!(store.load(name).is_ok());
}

/// Rewrites a manifest and gives it a hash that fits, as somebody hostile would.
fn forge(folder: &Path, from: &str, to: &str) {
    let path = folder.join("MANIFEST.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    let text = text.replace(from, to);
    let hash_at = text.rfind("\"blake3\": \"").unwrap() + "\"blake3\": \"".len();
    let unsigned = format!("{}{}", &text[..hash_at], &text[hash_at + 64..]);
    let hash = content_hash(unsigned.as_bytes());
    fs::write(&path, format!("{}{hash}{}", &text[..hash_at], &text[hash_at + 64..])).unwrap();
}

#[test]
fn a_forged_manifest_reads_nothing_outside_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    fs::write(folder.path().join("secret"), b"x").unwrap();
    let (header, _) = sample(100);
    let parts = BTreeMap::from([("part".to_owned(), b"x".to_vec())]);
    let name = store.save(&header, &parts).unwrap().name;
    let path = folder.path().join(name.to_string());

    // The forger's tool works: an honest rename of the part is accepted.
    fs::rename(path.join("part"), path.join("port")).unwrap();
    forge(&path, "\"part\"", "\"port\"");
    assert!(store.load(name).is_ok());

    forge(&path, "\"port\"", "\"../secret\"");
    assert!(matches!(store.load(name), Err(RecordError::InvalidName { .. })));
    let newest = store.load_newest().unwrap();
    assert!(newest.found.is_none());
    assert!(matches!(newest.warnings[..], [RecordWarning::Quarantined { .. }]));
}

#[cfg(unix)]
#[test]
fn a_link_is_not_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    let name = save(&store, 100);
    let part = folder.path().join(name.to_string()).join("state.postcard");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&part, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &part).unwrap();
    assert!(matches!(store.load(name), Err(RecordError::Corrupt { .. })));
}

#[test]
fn another_format_is_refused_and_not_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    save(&store, 100);
    let name = save(&store, 200);
    forge(&folder.path().join(name.to_string()), "\"format_version\": 1", "\"format_version\": 2");
    let error = store.load_newest().unwrap_err();
    assert!(matches!(error, RecordError::UnsupportedFormat { found: 2, supported: 1, .. }), "{error:?}");
    assert_eq!(store.names().unwrap().len(), 2);
}

#[test]
fn unsafe_part_names_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 3);
    for name in ["../x", "a/b", "", ".hidden", "MANIFEST.json", "a b", "nul\0", "C:x"] {
        let parts = BTreeMap::from([(name.to_owned(), vec![1])]);
        let error = store.save(&sample(1).0, &parts).unwrap_err();
        assert!(matches!(error, RecordError::InvalidName { .. }), "{name}: {error:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_checkpoint_name_has_one_spelling() {
    for name in ["step_000000000100", "step_1234567890123", "step_000000000100_2"] {
        assert_eq!(name.parse::<CheckpointName>().unwrap().to_string(), name);
    }
    for name in ["step_100", "step_000000000100_0", "step_000000000100.tmp", "step_+00000000100", "latest"] {
        assert!(name.parse::<CheckpointName>().is_err(), "{name}");
    }
}
