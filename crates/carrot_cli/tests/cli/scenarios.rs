//! `carrot test`: what holds, what does not, what cannot be read, and what programs get.

use std::fs;

use crate::{json, output, succeed};

const GOOD: &str = r#"(
    version: 1,
    task: "CartPole-v1",
    rollouts: {"expert": (policy: "expert", envs: 2, steps: 12)},
    expect: [
        (name: "every step pays one", under: "sparse", always: "total == 1"),
        (name: "a dozen steps", under: "sparse", holds: "return(expert) == 12"),
    ],
)"#;

#[test]
fn what_holds_is_told_and_what_does_not_is_shown() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("own.ron"), GOOD).unwrap();
    let told = succeed(here.path(), &["test", "own.ron"]);
    assert_eq!(told, "own.ron: 2 hold\n2 expectations in 1 files, 0 failed\n");

    fs::write(here.path().join("own.ron"), GOOD.replace("total == 1", "so_far < 5")).unwrap();
    let found = output(here.path(), &["test", "own.ron", "--junit", "report.xml"]);
    assert_eq!(found.status.code(), Some(1));
    let told = String::from_utf8(found.stdout).unwrap();
    for part in ["FAILED own.ron:6:", "expert, env 0, step 5: it is false", ">    5       5"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let xml = fs::read_to_string(here.path().join("report.xml")).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("<failure message="), "{xml}");

    let replay = told.lines().find_map(|line| line.trim().strip_prefix("replay: carrot ")).unwrap();
    let table = succeed(here.path(), &replay.split(' ').collect::<Vec<_>>());
    assert_eq!(table.lines().count(), 2 + 12, "{table}");

    let (answer, code) = json(here.path(), &["test", "own.ron", "--filter", "dozen"]);
    assert_eq!((code, &answer["expectations"]), (Some(0), &1.into()));
}

#[test]
fn mutants_that_survive_are_named() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("own.ron"), GOOD).unwrap();
    let (answer, code) = json(here.path(), &["test", "own.ron", "--mutate"]);
    assert_eq!(code, Some(1));
    assert!(answer["killed"].as_u64() >= Some(3) && answer["survived"].as_u64() >= Some(10), "{answer}");
}

#[test]
fn a_file_that_is_no_scenario_is_refused_with_its_place() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("own.ron"), GOOD.replace("total == 1", "totl == 1")).unwrap();
    let (answer, code) = json(here.path(), &["test", "own.ron"]);
    let first = &answer["error"]["diagnostics"][0];
    assert_eq!((code, &first["line"], &first["column"]), (Some(2), &6.into(), &65.into()), "{first}");
    assert_eq!(first["nearest"], "total");
    fs::create_dir(here.path().join("empty")).unwrap();
    for missing in ["no_such.ron", "empty"] {
        assert_eq!(json(here.path(), &["test", missing]).1, Some(2), "{missing}");
    }
    assert_eq!(json(here.path(), &["test", "own.ron", "--replay", "expert"]).1, Some(2));
}
