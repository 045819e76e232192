//! Planted mistakes: each is found at its line and column, with the name that was meant.

use carrot_scene::{Diagnostic, Diagnostics, NodeRef, Reader, SceneSpec};
use serde::Deserialize;

use crate::{SCENE, read};

/// Reads the scene and then its open parts, as their owners would.
fn read_all(text: &str) -> Diagnostics {
    let scene = match read(text, &[]) {
        Ok(scene) => scene,
        Err(diagnostics) => return diagnostics,
    };
    let mut diagnostics = Diagnostics::new();
    read_open(&scene, &mut diagnostics);
    diagnostics
}

fn read_open(scene: &SceneSpec, diagnostics: &mut Diagnostics) {
    for term in scene.reward.items().unwrap_or_default() {
        read_term(&term, diagnostics);
    }
    if let Some(mut reader) = scene.learner.as_ref().and_then(|learner| Reader::open(learner, diagnostics)) {
        reader.required_in("gamma", 0.0..=1.0_f32);
        reader.optional("total_steps", 1_u64);
        reader.optional("device", Device::Cpu);
        reader.finish();
    }
}

#[derive(Deserialize)]
enum Device {
    Cpu,
    #[expect(dead_code, reason = "only its name matters")]
    Cuda(u32),
}

fn read_term(term: &NodeRef, diagnostics: &mut Diagnostics) -> Option<()> {
    let mut reader = Reader::open(term, diagnostics)?;
    reader.required::<String>("name");
    reader.optional("weight", 1.0_f32);
    let kind = reader.required_node("kind");
    reader.finish();
    let (name, arguments) = kind?.variant()?;
    match name.value.as_str() {
        "Constant" => {}
        "Reached" => {
            let mut reader = Reader::open(&arguments, diagnostics)?;
            let signal = reader.spanned::<String>("signal");
            reader.required::<(f32, f32)>("bounds");
            reader.finish();
            let signal = signal?;
            if !["position", "velocity"].contains(&signal.value.as_str()) {
                diagnostics.unknown_name(&signal.span, "signal", &signal.value, &["position", "velocity"]);
            }
        }
        other => diagnostics.unknown_name(&name.span, "kind", other, &["Constant", "Reached"]),
    }
    Some(())
}

/// Replaces one piece of the good scene; gives the only mistake found.
#[track_caller]
fn planted(from: &str, to: &str) -> Diagnostic {
    assert_eq!(SCENE.matches(from).count(), 1, "{from:?} must name one place");
    let diagnostics = read_all(&SCENE.replacen(from, to, 1));
    assert_eq!(diagnostics.len(), 1, "{from:?} -> {to:?}:\n{diagnostics}");
    diagnostics.iter().next().unwrap().clone()
}

#[track_caller]
fn expect(from: &str, to: &str, line: usize, column: usize, message: &str, nearest: Option<&str>) {
    let found = planted(from, to);
    let place = (found.location.line, found.location.column);
    assert_eq!(place, (line, column), "{from:?} -> {to:?}: {found}");
    assert_eq!(found.message, message, "{from:?} -> {to:?}");
    assert_eq!(found.nearest.as_deref(), nearest, "{from:?} -> {to:?}");
}

#[test]
fn the_good_scene_has_none() {
    assert_eq!(read_all(SCENE).to_string(), "");
}

#[test]
fn wrong_names() {
    expect("randomisation", "randomization", 6, 5, r#"unknown field "randomization""#, Some("randomisation"));
    expect("num_steps", "nun_steps", 5, 27, r#"unknown field "nun_steps""#, Some("num_steps"));
    expect("seed: 7", "sed: 7", 5, 54, r#"unknown field "sed""#, Some("seed"));
    expect("episodes", "epsiodes", 20, 18, r#"unknown field "epsiodes""#, Some("episodes"));
    expect("learner", "learnt", 16, 5, r#"unknown field "learnt""#, Some("learner"));
}

#[test]
fn wrong_names_in_open_parts() {
    expect(r#""position""#, r#""postion""#, 10, 59, r#"unknown signal "postion""#, Some("position"));
    expect("Reached", "Reach", 10, 43, r#"unknown kind "Reach""#, Some("Reached"));
    expect("weight: 100", "wieght: 100", 10, 24, r#"unknown field "wieght""#, Some("weight"));
    expect("total_steps: 200_000", "device: Cdua(0)", 18, 17, r#"unknown variant "Cdua""#, Some("Cuda"));
    expect("gamma", "gama", 17, 9, r#"unknown field "gama""#, Some("gamma"));
}

#[test]
fn wrong_values() {
    expect("weight: 100", r#"weight: "1""#, 10, 32, "`weight`: expected a number, found a string", None);
    expect("(0.5, 0.6)", "(0.5, None)", 10, 85, "`bounds`: expected a number, found `None`", None);
    expect("(0.5, 0.6)", "[0.5, 0.6]", 10, 79, "`bounds`: expected (..), found a list", None);
    expect(
        "(0.5, 0.6)",
        "(0.5, 0.6, 0.7)",
        10,
        90,
        "`bounds`: expected `)`, no more values, found `0.7`",
        None,
    );
    expect(
        "(0.5, 0.6)",
        "(0.5)",
        10,
        79,
        "`bounds`: expected a tuple of size 2, found a tuple of size 1",
        None,
    );
    expect(
        "num_envs: 64",
        "num_envs: 6.4",
        5,
        23,
        "`num_envs`: expected a whole decimal number, found `6.4`",
        None,
    );
    expect(
        "seed: 7",
        "seed: -7",
        5,
        60,
        "`seed`: expected a whole number that is not so low, found `-7`",
        None,
    );
    expect(r#""time""#, "time", 9, 16, "`name`: expected a string in quotes, found `time`", None);
    expect("(episodes: 20)", "20", 20, 17, "expected a struct, found `20`", None);
    expect("seed: 7", "seed: true", 5, 60, "`seed`: expected a whole number, found `true`", None);
    expect(r#""truth": "#, "truth: ", 13, 9, "the name of a shadow is a string", None);
    expect(r#""MountainCar-v0""#, "5", 4, 11, "`task` is neither a name nor Task(..)", None);
    expect(r#""MountainCar-v0""#, r#"Tsk(name: "a")"#, 4, 11, r#"unknown kind of task "Tsk""#, Some("Task"));
}

#[test]
fn values_out_of_range() {
    expect(
        "num_envs: 64",
        "num_envs: 2_000_000",
        5,
        23,
        "`num_envs` is 2000000, outside of 1 to 1048576",
        None,
    );
    expect("num_steps: 128", "num_steps: 0", 5, 38, "`num_steps` is 0, outside of 1 to 65536", None);
    expect("shards: 2", "shards: 65", 5, 51, "`shards` is 65, outside of 1 to 64", None);
    expect("episodes: 20", "episodes: 0", 20, 28, "`episodes` is 0, outside of 1 to 1048576", None);
    expect("gamma: 0.99", "gamma: 1.01", 17, 16, "`gamma` is 1.01, outside of 0 to 1", None);
    expect("version: 1", "version: 2", 3, 14, "this scene has version 2, this program reads version 1", None);
    expect("-1.0", "NaN", 9, 32, "numbers in a scene are finite", None);
    expect("-1.0", "-inf", 9, 32, "numbers in a scene are finite", None);
    expect("-1.0", "1e39", 9, 32, "`1e39` is too large", None);
}

#[test]
fn missing_parts() {
    expect("    version: 1,\n", "", 2, 1, "the scene does not say its version", None);
    expect("num_envs: 64, ", "", 5, 12, "missing field `num_envs`", None);
    expect(", kind: Constant", "", 9, 9, "missing field `kind`", None);
    expect(", bounds: (0.5, 0.6)", "", 10, 50, "missing field `bounds`", None);
    expect("gamma: 0.99, ", "", 16, 14, "missing field `gamma`", None);
}

#[test]
fn broken_syntax() {
    expect("num_envs: 64,", "num_envs: 64", 5, 26, "expected `,` or `)`, found `n`", None);
    expect("seed: 7)", "seed: 7]", 5, 61, "expected `,` or `)`, found `]`", None);
    expect("gamma: ", "gamma = ", 17, 15, "expected `:` and a value", None);
    expect("(power: ", r#"("power": "#, 6, 21, "expected the name of a field", None);
    expect("(episodes: 20),\n)", "(episodes: 20),\n", 2, 1, "`(` is never closed", None);
    expect(r#""goal""#, r#""goal"#, 10, 59, "expected `,` or `)`, found `p`", None);
    expect("/* as the task */", "/* as the task", 17, 22, "the comment is never closed", None);
    expect("-1.0", "-1.0.0", 9, 32, "`-1.0.0` is not a number", None);
    expect("-1.0", "0..10", 9, 32, "`0..10` is not a number", None);
    expect(r#""sparse""#, r#""sp\qarse""#, 13, 19, "bad text: Unknown escape character", None);
    expect("seed: 7", "seed: 7, shards: 3", 5, 63, "`shards` is given twice", None);
    expect(r#""mine""#, r#""truth""#, 14, 9, "`truth` is given twice", None);
    expect(
        "(\n    version",
        "#![enable(implicit_sum)]\n(\n    version",
        2,
        11,
        r#"unknown RON extension "implicit_sum""#,
        Some("implicit_some"),
    );
    expect("Constant", "§", 9, 44, "expected a value, found `§`", None);
    expect("(episodes: 20),\n)", "(episodes: 20),\n) extra", 21, 3, "the scene goes on after its end", None);
}

#[test]
fn columns_count_characters() {
    expect("// the classic", "/* ü§漢 */ sed: 1,", 4, 39, r#"unknown field "sed""#, None);
}

#[test]
fn all_mistakes_show_at_once_and_in_order() {
    let text = SCENE
        .replace("version: 1", "version: 3")
        .replace("num_envs: 64", "num_envs: 0")
        .replace("seed: 7", "sed: 7")
        .replace("episodes: 20", "episodes: x");
    let lines = read_all(&text).to_string();
    let expected = "\
scene.ron:3:14: this scene has version 3, this program reads version 1 (write `version: 1` and see what is refused)
scene.ron:5:23: `num_envs` is 0, outside of 1 to 1048576
scene.ron:5:53: unknown field \"sed\" (did you mean \"seed\"?)
scene.ron:20:28: `episodes`: expected a whole number, found `x`";
    assert_eq!(lines, expected);
}

#[test]
fn a_hundred_mistakes_are_enough() {
    let twice = format!("({})", "a: 1, ".repeat(100_000));
    assert_eq!(read(&twice, &[]).unwrap_err().len(), 100);
    let fields = (0..100_000).map(|index| format!("unheard_{index}: 1, ")).collect::<String>();
    let unknown = SCENE.replace("episodes: 20", &fields);
    assert_eq!(read(&unknown, &[]).unwrap_err().len(), 100);
}

#[test]
fn nesting_has_a_limit() {
    for (open, close) in ["()", "[]"].map(|pair| pair.split_at(1)) {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let parse = |text: String| carrot_scene::Syntax::parse(&carrot_scene::Source::new("n.ron", text));
        assert!(parse(nested(64)).is_ok());
        for depth in [65, 10_000] {
            let error = parse(nested(depth)).unwrap_err();
            assert_eq!(error.to_string(), "n.ron:1:65: nested more than 64 deep");
        }
    }
}
