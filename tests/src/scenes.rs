//! The scenes to start from are without mistakes.

use carrot_lab::{Setup, Source};

#[test]
fn every_scene_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenes/");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let source = Source::read(entry.unwrap().path()).unwrap();
        Setup::read::<&str>(&source, &[], Default::default()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        count += 1;
    }
    assert!(count >= 8, "{count} scenes");
}
