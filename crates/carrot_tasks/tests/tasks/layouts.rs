//! Gridworlds with a counted number of layouts: shared by all episodes, rows and seeds.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use carrot_scene::{Diagnostics, SceneSpec, Source};
use carrot_sim::{CheckConfig, check_task};
use carrot_sim::{RowKey, Task, VecEnv, VecEnvConfig};
use carrot_tasks::read_task;

fn read(task: &str) -> Result<Arc<dyn Task>, Diagnostics> {
    let text = format!("(version: 1, task: {task}, batch: (num_envs: 1, num_steps: 1), reward: \"sparse\")");
    let scene = SceneSpec::read::<&str>(&Source::new("scene.ron", text), &[])?;
    let mut diagnostics = Diagnostics::new();
    let task = read_task(&scene.task, Path::new(""), &mut diagnostics);
    diagnostics.into_result(task.map(|built| built.task))
}

/// Everything that is measured and seen of the first states of many episodes.
fn starts(task: &Arc<dyn Task>, seed: u64) -> BTreeSet<Vec<u32>> {
    let config =
        VecEnvConfig { num_envs: 40, num_steps: 1, shards: 2, seed, keep_signals: true, autoreset: true };
    let mut env = VecEnv::new(task.clone(), config, &|_| {}).unwrap();
    env.begin_rollout();
    env.step(&[0.0; 40]).unwrap();
    let columns: Vec<usize> = (0..env.catalog().width()).collect();
    let rollout = env.rollout();
    let measured = rollout.rows_before(&columns).unwrap();
    let rows = measured.chunks(columns.len()).enumerate().map(|(row, signals)| {
        let seen = rollout.obs.iter().zip(rollout.part_sizes());
        let bytes = seen.flat_map(|(part, &size)| part.u8().iter().skip(row * size).take(size));
        signals.iter().map(|x| x.to_bits()).chain(bytes.map(|&byte| u32::from(byte))).collect()
    });
    rows.collect()
}

#[test]
fn as_many_layouts_are_drawn_as_there_are_under_every_seed() {
    for name in [
        "DoorKey-16x16",
        "DoorKey-8x8",
        "FourRooms",
        "MultiRoom-N4",
        "KeyCorridor-S3R3",
        "Unlock",
        "LavaCrossing",
        "LavaGap-S7",
    ] {
        let with = |count: u32| read(&format!("Task(name: \"{name}\", params: (layouts: {count}))")).unwrap();
        let one = starts(&with(1), 1);
        assert_eq!(one.len(), 1, "{name}");
        assert_eq!(one, starts(&with(1), 2), "{name}");
        let few = starts(&with(3), 1);
        assert!((2..=3).contains(&few.len()) && one.is_subset(&few), "{name}: {}", few.len());
        let plain = read(&format!("\"{name}\"")).unwrap();
        assert!(starts(&plain, 1).len() > few.len(), "{name}");
    }
    let task = read("Task(name: \"DoorKey-8x8\", params: (layouts: 1))").unwrap();
    check_task(&task, CheckConfig { rows: 9, steps: 40, seed: 3 })
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let states =
        |env: u32| task.mdp(RowKey { seed: u64::from(env), env, episode: env }).unwrap().num_states();
    assert_eq!(states(1), states(7), "the exact model is of the same layout");
}

#[test]
fn a_wrong_number_is_refused() {
    let refused = |params: &str| {
        let found = read(&format!("Task(name: \"DoorKey-8x8\", params: {params})")).err().unwrap();
        found.iter().map(|mistake| mistake.message.clone()).collect::<Vec<_>>().join("; ")
    };
    assert!(refused("(layouts: 0)").contains("needs a layout"));
    assert!(refused("()").contains("layouts"));
    assert!(refused("(layout: 1)").contains("layout"));
}
