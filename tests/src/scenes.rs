//! Every scene that ships can be read, built and stepped, under each reward of its task.

use carrot_lab::saved::{check_rewards, check_setup};
use carrot_lab::{Setup, Source};

#[test]
fn every_scene_and_every_reward_that_ship_are_sound() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenes");
    let mut tasks = Vec::new();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // Scenarios lie in a folder of their own.
    for file in files.filter(|path| path.is_file()) {
        let source = Source::read(file).unwrap();
        let setup = Setup::read::<&str>(&source, &[], Default::default()).unwrap_or_else(|e| panic!("{e}"));
        check_setup(&setup).unwrap();
        let rewards = check_rewards(setup.task.spec()).unwrap();
        assert_eq!(rewards.len(), setup.task.spec().rewards.len());
        tasks.push(setup.task.spec().name);
    }
    let manipulation =
        carrot_tasks::task_names().into_iter().map(|name| carrot_tasks::build_task(name).unwrap());
    for task in manipulation.filter(|task| task.spec().family == "manipulation") {
        assert!(tasks.contains(&task.spec().name), "{} has no scene", task.spec().name);
    }
}
