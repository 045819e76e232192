//! Other processes: one that is killed while saving, one that owns the folder.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use carrot_record::{FAILPOINT_VARIABLE, RecordError, RunFolder, RunStart};

use crate::{fast_folder, sample};

const FOLDER_VARIABLE: &str = "CARROT_TEST_RUN_FOLDER";

/// Runs one of the ignored tests below in a process of its own.
fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("processes::{test}"), "--exact", "--ignored", "--nocapture"]);
    command.env(FOLDER_VARIABLE, folder).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn folder_from_parent() -> std::path::PathBuf {
    std::env::var_os(FOLDER_VARIABLE).expect("set by the parent").into()
}

#[test]
#[ignore = "a child process of `death_at_any_call_keeps_a_whole_checkpoint`"]
fn child_that_saves() {
    let run = RunFolder::open(&folder_from_parent()).unwrap();
    let (header, parts) = sample(200);
    run.checkpoints(1).save(&header, &parts).unwrap();
}

#[test]
#[ignore = "a child process of `a_folder_has_one_owner_and_a_killed_one_loses_it`"]
fn child_that_owns() {
    let _run = RunFolder::open(&folder_from_parent()).unwrap();
    eprintln!("owning until killed");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn death_at_any_call_keeps_a_whole_checkpoint() {
    let folder = fast_folder();
    let (mut deaths, mut old) = (0, 0);
    for at in 1.. {
        let path = folder.path().join(at.to_string());
        let run = RunFolder::create(&path, &RunStart::default()).unwrap();
        let (header, parts) = sample(100);
        run.checkpoints(1).save(&header, &parts).unwrap();
        drop(run);

        let survived = child("child_that_saves", &path)
            .env(FAILPOINT_VARIABLE, format!("checkpoint:{at}"))
            .status()
            .unwrap()
            .success();
        let run = RunFolder::open(&path).unwrap();
        let newest = run.checkpoints(1).load_newest().unwrap();
        assert!(newest.warnings.is_empty(), "call {at}: {:?}", newest.warnings);
        let (name, checkpoint) = newest.found.unwrap();
        assert_eq!((checkpoint.header, checkpoint.parts), sample(name.env_steps));
        if survived {
            assert_eq!(name.env_steps, 200);
            break;
        }
        deaths += 1;
        old += usize::from(name.env_steps == 100);
    }
    assert!(deaths > 20 && old > 10 && old < deaths, "{deaths} deaths, {old} with the old checkpoint");
}

#[test]
fn a_folder_has_one_owner_and_a_killed_one_loses_it() {
    let folder = fast_folder();
    let path = folder.path().join("run");
    drop(RunFolder::create(&path, &RunStart::default()).unwrap());
    let mut owner = child("child_that_owns", &path).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(owner.stderr.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("owning")));

    let Err(error) = RunFolder::open(&path) else { panic!("two owners") };
    assert_eq!(error.exit_code(), 8);
    assert!(matches!(error, RecordError::InUse { pid: Some(pid), .. } if pid == owner.id()), "{error}");
    assert!(error.to_string().contains(&format!("process {}", owner.id())), "{error}");

    owner.kill().unwrap();
    owner.wait().unwrap();
    RunFolder::open(&path).unwrap();
}
