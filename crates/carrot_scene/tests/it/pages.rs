//! What people and programs get to see.

use carrot_scene::{Diagnostics, SceneSpec};
use insta::assert_snapshot;

use crate::{SCENE, read};

fn mistakes() -> Diagnostics {
    let text = SCENE.replace("seed: 7", "/* ü§漢 */ sed: 7").replace("episodes: 20", "episodes: 0");
    read(&text, &["batch.num_envs=0"]).unwrap_err()
}

#[test]
fn a_page_shows_the_text_and_the_way_out() {
    assert_snapshot!(mistakes().render(80, false), @r#"
    out_of_range

      × `num_envs` is 0, outside of 1 to 1048576
       ╭─[command line: batch.num_envs=0:1:16]
     1 │ batch.num_envs=0
       ·                ┬
       ·                ╰── expected 1 to 1048576
       ╰────

    unknown_name

      × unknown field "sed"
       ╭─[scene.ron:5:64]
     4 │     task: "MountainCar-v0", // the classic
     5 │     batch: (num_envs: 64, num_steps: 128, shards: 2, /* ü§漢 */ sed: 7),
       ·                                                                 ─┬─
       ·                                                                  ╰── no such field
     6 │     randomisation: (power: (0.8, 1.2)),
       ╰────
      help: did you mean "seed"? valid: num_envs, num_steps, shards, seed

    out_of_range

      × `episodes` is 0, outside of 1 to 1048576
        ╭─[scene.ron:20:28]
     19 │     ),
     20 │     evaluation: (episodes: 0),
        ·                            ┬
        ·                            ╰── expected 1 to 1048576
     21 │ )
        ╰────
    "#);
}

#[test]
fn colours_come_only_when_asked_for() {
    assert!(!mistakes().render(80, false).contains('\u{1b}'));
    assert!(mistakes().render(80, true).contains('\u{1b}'));
}

#[test]
fn mistakes_in_endless_lines_are_told_without_drawing() {
    let long = format!("{}\n", " ".repeat(100_000));
    let at_its_end = SCENE.replace("seed: 7", &format!("{}sed: 7", " ".repeat(100_000)));
    for text in [SCENE.replace("seed: 7", &format!("{long}sed: 7")), at_its_end] {
        let page = read(&text, &[]).unwrap_err().render(80, false);
        assert!(page.starts_with("scene.ron:") && page.contains("unknown field \"sed\""), "{}", page.len());
        assert!(page.len() < 1_000);
    }
}

#[test]
fn programs_get_the_same_as_json() {
    let error = read(&SCENE.replace("seed: 7", "sed: 7"), &[]).unwrap_err();
    assert_snapshot!(serde_json::to_string_pretty(&error).unwrap(), @r#"
    [
      {
        "code": "unknown_name",
        "message": "unknown field \"sed\"",
        "label": "no such field",
        "help": "did you mean \"seed\"? valid: num_envs, num_steps, shards, seed",
        "nearest": "seed",
        "file": "scene.ron",
        "line": 5,
        "column": 54,
        "end_line": 5,
        "end_column": 57
      }
    ]
    "#);
}

#[test]
fn mistakes_are_an_error_like_any_other() {
    let boxed: Box<dyn std::error::Error> = SceneSpec::read(&crate::scene(), &["x"]).unwrap_err().into();
    assert_eq!(boxed.to_string(), "command line: x:1:2: `x` is given no value");
}
