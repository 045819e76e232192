//! Image-text models: the numbers of `transformers`, and files that are not what they should be.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use carrot_learn::Device;
use carrot_learn::vlm::{Vlm, VlmError};
use carrot_sim::{RowKey, Stream};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    text_embeddings: Vec<Vec<f32>>,
    pictures: Vec<Picture>,
}

#[derive(Deserialize)]
struct Picture {
    size: [usize; 2],
    embedding: Vec<f32>,
    logits: Vec<f32>,
}

const FAMILIES: [&str; 2] = ["clip", "siglip"];
const FILES: [&str; 4] = ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vlm").join(name)
}

/// The picture of the fixtures' generator.
fn picture([height, width]: [usize; 2]) -> Vec<u8> {
    let pixel =
        |(y, x): (usize, usize)| [x * 255 / width, y * 255 / height, (x * 7 + y * 13) % 256].map(|v| v as u8);
    (0..height).flat_map(|y| (0..width).map(move |x| (y, x))).flat_map(pixel).collect()
}

fn assert_close(own: &[f32], theirs: &[f32], within: f32, what: &str) {
    assert_eq!(own.len(), theirs.len(), "{what}");
    for (own, theirs) in own.iter().zip(theirs) {
        assert!((own - theirs).abs() < within, "{what}: {own} and {theirs}");
    }
}

#[test]
fn embeddings_are_those_of_transformers() {
    for family in FAMILIES {
        let vlm = Vlm::open(&folder(family), Device::Cpu).unwrap();
        let text = fs::read_to_string(folder(family).join("expected.json")).unwrap();
        let expected: Expected = serde_json::from_str(&text).unwrap();
        let width = vlm.config().embedding;
        let texts: Vec<&str> = expected.texts.iter().map(String::as_str).collect();
        let words = vlm.read(&texts).unwrap();
        for (own, theirs) in words.chunks(width).zip(&expected.text_embeddings) {
            assert_close(own, theirs, 2e-6, family);
        }
        for Picture { size, embedding, logits } in &expected.pictures {
            let seen = vlm.see(&picture(*size), *size).unwrap();
            // Scaling rounds to bytes, which a last bit may move by one.
            let within = if *size == [32, 32] { 3e-6 } else { 2e-3 };
            assert_close(&seen, embedding, within, &format!("{family} {size:?}"));
            let own: Vec<f32> = words
                .chunks(width)
                .map(|words| vlm.logit(words.iter().zip(&seen).map(|(a, b)| a * b).sum()))
                .collect();
            assert_close(&own, logits, 10.0 * within, &format!("{family} {size:?}"));
        }
    }
}

#[test]
fn a_picture_has_one_embedding_in_any_company() {
    let vlm = Vlm::open(&folder("clip"), Device::Cpu).unwrap();
    let one = picture([32, 32]);
    let many: Vec<u8> = (0..100).flat_map(|i| one.iter().map(move |x| x.wrapping_add(i))).collect();
    let (alone, all) = (vlm.see(&one, [32, 32]).unwrap(), vlm.see(&many, [32, 32]).unwrap());
    assert_close(&alone, &all[..alone.len()], 1e-6, "the first of many");
    assert_eq!(all.len(), 100 * alone.len());
}

#[test]
fn what_does_not_fit_is_named() {
    let vlm = Vlm::open(&folder("clip"), Device::Cpu).unwrap();
    let long = "the red cube ".repeat(20);
    let error = vlm.read(&[&long]).unwrap_err();
    assert!(matches!(error, VlmError::TooLong { most: 20, .. }), "{error}");
    let error = vlm.see(&[0; 100], [32, 32]).unwrap_err();
    assert!(error.to_string().starts_with("100 bytes are no"), "{error}");

    let other = tempfile::tempdir().unwrap();
    for (family, file, with, words) in [
        ("clip", "model.safetensors", "siglip", "`config.json` asks for"),
        ("siglip", "tokenizer.json", "clip", "it belongs to another model"),
        ("clip", "config.json", "siglip", "it belongs to another model"),
    ] {
        copy(family, other.path());
        fs::copy(folder(with).join(file), other.path().join(file)).unwrap();
        let error = Vlm::open(other.path(), Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for file in FILES.iter().filter(|file| **file != "preprocessor_config.json") {
        copy("clip", other.path());
        fs::remove_file(other.path().join(file)).unwrap();
        let error = Vlm::open(other.path(), Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
    }
}

/// Says that the process runs one test, so that its memory is that of the test.
const ALONE: &str = "CARROT_TEST_ALONE";
/// What mutants may take beyond the size of their files, in bytes.
const ROOM: u64 = 64 << 20;

/// Bytes changed, cut, repeated and put in: either a model that can be used, or an error that names the file, and no
/// more memory than the files and some room.
#[test]
fn mutated_files_are_refused_by_name_or_read() {
    if env::var_os(ALONE).is_none() {
        let name = "vlm::mutated_files_are_refused_by_name_or_read";
        let mut alone = Command::new(env::current_exe().unwrap());
        let ended = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let told = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    // What libtorch takes for itself is there from the first model on.
    use_up(&Vlm::open(&folder("clip"), Device::Cpu).unwrap());
    let before = resident("VmRSS");
    let folder = tempfile::tempdir().unwrap();
    let mutants = if env::var_os("CARROT_FULL").is_some() { 2_000 } else { 200 };
    let (mut refused, mut kept) = (0, 0);
    for mutant in 0..mutants {
        let (family, file) = (FAMILIES[mutant % 2], FILES[mutant / 2 % 4]);
        let mut rng = RowKey { seed: 9, env: mutant as u32, episode: 0 }.rng(Stream::Script);
        copy(family, folder.path());
        let path = folder.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        // The header of weights is where most harm can be done.
        let reach = if file == "model.safetensors" && mutant % 3 > 0 { 4_000 } else { bytes.len() } as u32;
        for _ in 0..=rng.below(4) {
            // Nothing is left of a short file after a few cuts.
            if bytes.is_empty() {
                break;
            }
            let at = rng.below(reach.min(bytes.len() as u32)) as usize;
            match rng.below(4) {
                0 => bytes[at] = rng.below(256) as u8,
                1 => bytes.truncate(at.max(1)),
                2 => bytes.splice(at..at, b"99999999".iter().copied()).for_each(drop),
                _ => drop(bytes.drain(at..(at + 1 + rng.below(20) as usize).min(bytes.len()))),
            }
        }
        fs::write(&path, bytes).unwrap();
        match Vlm::open(folder.path(), Device::Cpu) {
            Err(error) => {
                refused += 1;
                let told = error.to_string();
                assert!(FILES.iter().any(|file| told.contains(file)), "mutant {mutant} of {file}: {told}");
            }
            Ok(vlm) => {
                kept += 1;
                use_up(&vlm);
            }
        }
    }
    assert!(refused > mutants / 2 && kept > 0, "{refused} refused, {kept} read");
    let files = FILES.iter().map(|file| fs::metadata(folder.path().join(file)).unwrap().len()).sum::<u64>();
    let grown = resident("VmHWM").saturating_sub(before);
    assert!(grown < files + ROOM, "{grown} bytes for files of {files}");
}

/// Both towers, once; a mutant may have lost what they need.
fn use_up(vlm: &Vlm) {
    let _ = (vlm.read(&["the pole"]), vlm.see(&picture([32, 32]), [32, 32]));
}

/// Bytes of this process's memory: now (`VmRSS`) or at most so far (`VmHWM`).
fn resident(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    let kib = line.trim_matches([':', '\t', ' ']).trim_end_matches(" kB").parse::<u64>().unwrap();
    kib << 10
}

fn copy(family: &str, to: &Path) {
    for file in FILES {
        fs::copy(folder(family).join(file), to.join(file)).unwrap();
    }
}
