//! Overrides and edits change what they name and nothing else.

use carrot_scene::{SceneSpec, Shape, Source, Syntax, apply_overrides, edit};
use proptest::prelude::*;

use crate::{SCENE, read, scene};

/// The scene after overrides must be the scene with these pieces replaced, byte for byte.
#[track_caller]
fn overridden(overrides: &[&str], pieces: &[(&str, &str)]) {
    let edited = apply_overrides(&scene(), overrides).unwrap_or_else(|error| panic!("{error}"));
    let expected = pieces.iter().fold(SCENE.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from:?} must name one place");
        text.replacen(from, to, 1)
    });
    assert_eq!(edited.text(), expected);
}

#[track_caller]
fn refused(argument: &str, column: usize, message: &str, nearest: Option<&str>) {
    let error = apply_overrides(&scene(), &[argument]).unwrap_err();
    let found = error.iter().next().unwrap();
    assert_eq!(error.len(), 1, "{error}");
    assert_eq!(found.location.file, format!("command line: {argument}"));
    assert_eq!((found.location.line, found.location.column), (1, column), "{error}");
    assert_eq!((found.message.as_str(), found.nearest.as_deref()), (message, nearest));
}

#[test]
fn values_are_replaced_where_they_stand() {
    overridden(&["learner.gamma=0.98"], &[("0.99", "0.98")]);
    overridden(&["batch.num_envs = 256 "], &[("64", "256")]);
    overridden(&["reward[1].weight=2"], &[("100,", "2,")]);
    overridden(&["reward.goal.weight=2"], &[("100,", "2,")]);
    overridden(&["reward.goal.kind.bounds[1]=0.7"], &[("0.6", "0.7")]);
    overridden(&["shadows.mine.speed.kind.signal=position"], &[("\"velocity\"", "\"position\"")]);
    overridden(&["shadows.truth=[]"], &[("\"sparse\"", "[]")]);
    overridden(&["randomisation=(power: (1, 1)) // fixed"], &[("(power: (0.8, 1.2))", "(power: (1, 1))")]);
    overridden(
        &["learner.gamma=0.9", "learner.gamma=0.8", "batch.seed=1"],
        &[("0.99", "0.8"), ("seed: 7", "seed: 1")],
    );
}

#[test]
fn bare_words_become_strings_where_strings_stood() {
    overridden(&["task=Reach"], &[("\"MountainCar-v0\"", "\"Reach\"")]);
    overridden(&["task=CartPole-v1"], &[("\"MountainCar-v0\"", "\"CartPole-v1\"")]);
    overridden(&["task=\"Reach\""], &[("\"MountainCar-v0\"", "\"Reach\"")]);
    overridden(&["task=None"], &[("\"MountainCar-v0\"", "None")]);
    overridden(&["reward.time.kind=Other"], &[("Constant", "Other")]);
    overridden(&["learner.total_steps=runs/a.ron"], &[("200_000", "\"runs/a.ron\"")]);
    let spec = SceneSpec::read(&scene(), &["task=Task(name: \"Reach\")", "task=Push"]).unwrap();
    assert_eq!(spec.task.name.value, "Push");
}

#[test]
fn missing_fields_are_inserted_in_the_style_around_them() {
    overridden(&["batch.agents=2"], &[("seed: 7)", "seed: 7, agents: 2)")]);
    overridden(&["learner.lr=3e-4"], &[("200_000\n", "200_000,\n        lr: 3e-4,\n")]);
    overridden(
        &["learner.lr=3e-4", "learner.eps=1"],
        &[("200_000\n", "200_000,\n        lr: 3e-4,\n        eps: 1,\n")],
    );
    overridden(&["note=ok-1"], &[("(episodes: 20),\n", "(episodes: 20),\n    note: \"ok-1\",\n")]);
    overridden(
        &["shadows.easy=dense"],
        &[("\"velocity\"))],\n", "\"velocity\"))],\n        \"easy\": dense,\n")],
    );
    overridden(&["reward.time.kind.value=2"], &[("Constant", "Constant(value: 2)")]);
    overridden(
        &["learner.norm.obs.clip=10"],
        &[("200_000\n", "200_000,\n        norm: (obs: (clip: 10)),\n")],
    );
}

#[test]
fn every_layout_of_brackets_takes_a_field() {
    let cases = [
        ("()", "(b: 1)"),
        ("( )", "(b: 1)"),
        ("A", "A(b: 1)"),
        ("A()", "A(b: 1)"),
        ("{}", "{\"b\": 1}"),
        ("(a: 0)", "(a: 0, b: 1)"),
        ("(a: 0,)", "(a: 0, b: 1)"),
        ("(a: 0, )", "(a: 0, b: 1)"),
        ("(a: 0 /* x, */)", "(a: 0, /* x, */ b: 1)"),
        ("(\n  a: 0\n)", "(\n  a: 0,\n  b: 1,\n)"),
        ("(\n\ta: 0, // x,\n)", "(\n\ta: 0, // x,\n\tb: 1,\n)"),
        ("(\n  a: 0 // x,\n)", "(\n  a: 0, // x,\n  b: 1,\n)"),
        ("(\r\n  a: 0\r\n)", "(\r\n  a: 0,\r\n  b: 1,\r\n)"),
        ("(a: 0,\n  c: 0)", "(a: 0,\n  c: 0, b: 1)"),
        ("A((a: 0))", "A((a: 0, b: 1))"),
        ("Some((a: 0))", "Some((a: 0, b: 1))"),
    ];
    for (before, after) in cases {
        let edited = edit(&Source::new("layout.ron", before), "b", "1").unwrap();
        assert_eq!(edited.text(), after, "from {before:?}");
    }
}

#[test]
fn bad_overrides_are_pointed_at_where_they_were_typed() {
    refused("learner.gamma", 14, "`learner.gamma` is given no value", None);
    refused("=1", 1, "the path is empty", None);
    refused("learner.=1", 9, "the path lacks a name here", None);
    refused("reward[x]=1", 7, "an index is a whole number in brackets", None);
    refused("reward[2].weight=1", 7, "[2] is past the end, there are 2 elements", None);
    refused("reward.goul.weight=1", 8, "unknown element \"goul\"", Some("goal"));
    refused("batch[0]=1", 6, "there is no [0] in a struct", None);
    refused("task.params.x=1", 6, "there is no `params` in a string", None);
    refused("batch.seed.x=1", 12, "there is no `x` in `7`", None);
    refused("learner.a b=1", 9, "`a b` cannot be the name of a field", None);
    refused("learner.x[0]=1", 10, "there is no list here", None);
    refused("batch.seed= ", 13, "`batch.seed` is given no value", None);
    refused("batch.seed=// 1", 16, "expected a value, found the end of the file", None);
    refused("batch.seed=(1", 12, "`(` is never closed", None);
    refused("batch.seed=1 2", 14, "the scene goes on after its end", None);
    refused("learner.gamma=0.9.9", 15, "`0.9.9` is not a number", None);
    refused("learner.gamma=NaN", 15, "numbers in a scene are finite", None);
}

#[test]
fn owners_point_at_the_override_as_well() {
    let lines = |overrides: &[&str]| read(SCENE, overrides).unwrap_err().to_string();
    assert_eq!(
        lines(&["batch.num_env=3"]),
        "command line: batch.num_env=3:1:7: unknown field \"num_env\" (did you mean \"num_envs\"?)"
    );
    assert_eq!(
        lines(&["lerner.gamma=3"]),
        "command line: lerner.gamma=3:1:1: unknown field \"lerner\" (did you mean \"learner\"?)"
    );
    assert_eq!(
        lines(&["batch=(num_envs: 0, num_steps: true)"]),
        "command line: batch=(num_envs: 0, num_steps: true):1:18: `num_envs` is 0, outside of 1 to 1048576\n\
         command line: batch=(num_envs: 0, num_steps: true):1:32: `num_steps`: expected a whole number, found `true`"
    );
    // Positions behind an edit are those of the file that the user has.
    let text = SCENE.replace("episodes: 20", "episodes: 0");
    let error = read(&text, &["batch.num_envs=100000", "learner.lr=1", "learner=Ppo"]).unwrap_err();
    assert_eq!(error.to_string(), "scene.ron:20:28: `episodes` is 0, outside of 1 to 1048576");
}

#[test]
fn all_bad_overrides_show_at_once() {
    let error = apply_overrides(&scene(), &["a", "batch.seed=2", "reward[7]=1"]).unwrap_err();
    assert_eq!(error.len(), 2, "{error}");
}

#[test]
fn the_resolved_text_reads_the_same_without_overrides() {
    let overrides = ["task=Reach", "learner.lr=1e-3", "batch.shards=4", "shadows.easy=\"dense\""];
    let spec = SceneSpec::read(&scene(), &overrides).unwrap();
    let again = read(spec.resolved_text(), &[]).unwrap();
    assert_eq!(again.resolved_text(), spec.resolved_text());
    assert_eq!((again.batch, again.task.name.value), (spec.batch, "Reach".to_owned()));
    assert_eq!(again.shadows.len(), 3);
    assert!(spec.resolved_text().contains("// every step costs"));
}

/// Writes a tree out again from its leaves and the text between them.
fn written_out(node: &carrot_scene::NodeRef, out: &mut String, at: &mut usize) {
    let children: Vec<_> = match node.shape() {
        Shape::Map => node.map_entries().unwrap().into_iter().flat_map(|(key, value)| [key, value]).collect(),
        Shape::List | Shape::Tuple => node.items().unwrap(),
        _ => match (node.fields(), node.items()) {
            (Some(fields), _) => fields.into_iter().map(|(_, value)| value).collect(),
            (_, Some(items)) => items,
            _ => Vec::new(),
        },
    };
    let (text, range) = (node.source().text(), node.span().range());
    assert!(*at <= range.start, "nodes stand in order");
    for child in children {
        assert!(child.span().range().end <= range.end, "children stand inside");
        written_out(&child, out, at);
    }
    out.push_str(&text[*at..range.end]);
    *at = range.end;
}

#[test]
fn a_tree_holds_the_whole_text() {
    let root = Syntax::parse(&scene()).unwrap().root();
    let (mut out, mut at) = (String::new(), 0);
    written_out(&root, &mut out, &mut at);
    out.push_str(&SCENE[at..]);
    assert_eq!(out, SCENE);
}

proptest! {
    #[test]
    fn an_override_is_what_a_reader_then_finds(envs in 1_u32..=1 << 20, gamma in 0.0_f32..1.0, seed: u64) {
        let overrides =
            [format!("batch.num_envs={envs}"), format!("learner.gamma={gamma:?}"), format!("batch.seed={seed}")];
        let spec = SceneSpec::read(&scene(), &overrides).unwrap();
        prop_assert_eq!((spec.batch.num_envs, spec.batch.seed), (envs, seed));
        let learner = spec.learner.as_ref().unwrap();
        prop_assert_eq!(learner.fields().unwrap()[0].1.parse::<f32>().unwrap().to_bits(), gamma.to_bits());
        let comments = ["// A car", "// the classic", "// every step", "/* as the task */"];
        for comment in comments {
            prop_assert!(spec.source().text().contains(comment));
        }
    }
}
