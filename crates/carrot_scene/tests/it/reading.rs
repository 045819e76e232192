//! A good scene, and the parts which stay open.

use std::{fs, io::Write};

use carrot_scene::{Diagnostics, EvaluationSpec, NodeRef, Reader, SceneSpec, Shape, Source, Syntax};

use crate::{SCENE, read, scene};

fn root(text: &str) -> NodeRef {
    Syntax::parse(&Source::new("t.ron", text)).unwrap().root()
}

#[test]
fn every_part_of_a_scene_is_read() {
    let spec = SceneSpec::read(&scene(), &[] as &[&str]).unwrap();
    assert_eq!(spec.task.name.value, "MountainCar-v0");
    assert_eq!(spec.task.name.span.location().to_string(), "scenes/car.ron:4:11");
    assert!(spec.task.params.is_none());
    assert_eq!((spec.batch.num_envs, spec.batch.num_steps), (64, 128));
    assert_eq!((spec.batch.shards, spec.batch.seed), (Some(2), 7));
    assert_eq!(spec.randomisation.unwrap().text(), "(power: (0.8, 1.2))");
    assert_eq!(spec.reward.items().unwrap().len(), 2);
    let shadows: Vec<_> =
        spec.shadows.iter().map(|(name, node)| (name.value.as_str(), node.shape())).collect();
    assert_eq!(shadows, [("truth", Shape::String), ("mine", Shape::List)]);
    assert_eq!(spec.learner.unwrap().variant().unwrap().0.value, "Ppo");
    assert_eq!(spec.evaluation, EvaluationSpec { episodes: 20, seed: 1000 });
}

#[test]
fn what_may_be_left_out_has_a_default() {
    let spec =
        read(r#"(version: 1, task: "Reach", batch: (num_envs: 1, num_steps: 1), reward: "sparse")"#, &[])
            .unwrap();
    assert_eq!((spec.batch.shards, spec.batch.seed), (None, 1));
    assert_eq!(spec.evaluation, EvaluationSpec::default());
    assert!(spec.shadows.is_empty() && spec.learner.is_none() && spec.randomisation.is_none());
    assert_eq!(spec.reward.string().unwrap().value, "sparse");
}

#[test]
fn a_task_may_bring_parameters() {
    let text = SCENE.replace(r#""MountainCar-v0""#, r#"Task(name: "Reach", params: (episode_steps: 50))"#);
    let spec = read(&text, &[]).unwrap();
    assert_eq!(spec.task.name.value, "Reach");
    assert_eq!(spec.task.params.unwrap().fields().unwrap()[0].1.parse::<u32>().unwrap(), 50);
}

#[test]
fn open_parts_outlive_the_scene() {
    let learner = read(SCENE, &[]).unwrap().learner.unwrap();
    let mut diagnostics = Diagnostics::new();
    let mut reader = Reader::open(&learner, &mut diagnostics).unwrap();
    assert_eq!(reader.required_in("gamma", 0.0..=1.0), Some(0.99_f64));
    assert_eq!(reader.optional("total_steps", 0_u64), 200_000);
    assert_eq!(reader.optional("num_epochs", 10_u32), 10);
    reader.finish();
    assert!(diagnostics.is_empty(), "{diagnostics}");
}

#[test]
fn values_are_written_as_people_write_them() {
    assert_eq!(root("1").parse::<f32>().unwrap(), 1.0);
    assert_eq!(root("50_000").parse::<f32>().unwrap(), 50_000.0);
    assert_eq!(root("0xff_ff").parse::<u32>().unwrap(), 0xffff);
    assert_eq!(root("-1e-3").parse::<f64>().unwrap(), -0.001);
    assert_eq!(root("18446744073709551615").parse::<u64>().unwrap(), u64::MAX);
    assert_eq!(root("2").parse::<Option<u8>>().unwrap(), Some(2));
    assert_eq!(root("Some(2)").parse::<Option<u8>>().unwrap(), Some(2));
    assert_eq!(root("None").parse::<Option<u8>>().unwrap(), None);
    assert_eq!(root(r#""a\n\u{e9}""#).string().unwrap().value, "a\né");
    assert_eq!(root(r##"r#"a "b" \n"#"##).string().unwrap().value, r#"a "b" \n"#);
    assert_eq!(root(r"'\''").parse::<char>().unwrap(), '\'');
    assert_eq!(root("[(1, true), (2, false),]").parse::<Vec<(u8, bool)>>().unwrap(), [(1, true), (2, false)]);
    assert_eq!(
        root("\u{feff}#![enable(implicit_some)]\n#![enable(unwrap_newtypes,)] 1").parse::<u8>().unwrap(),
        1
    );
    assert_eq!(root("/* a /* b */ */ ( /* c */ ) // d").shape(), Shape::Unit);
}

#[test]
fn shapes_tell_how_a_node_is_taken_apart() {
    let node = root(r#"Product([Square(0.5), Sqrt(x: "v"), Plain], {"k": 'c'}, Some((1, 2)))"#);
    let (name, arguments) = node.variant().unwrap();
    assert_eq!((name.value.as_str(), arguments.shape()), ("Product", Shape::Tuple));
    let items = arguments.items().unwrap();
    let kinds: Vec<_> = items[0].items().unwrap().iter().map(|kind| kind.variant().unwrap()).collect();
    let shapes: Vec<_> = kinds.iter().map(|(name, body)| (name.value.as_str(), body.shape())).collect();
    assert_eq!(shapes, [("Square", Shape::Tuple), ("Sqrt", Shape::Struct), ("Plain", Shape::Unit)]);
    let (key, value) = &items[1].map_entries().unwrap()[0];
    assert_eq!((key.string().unwrap().value.as_str(), value.shape()), ("k", Shape::Char));
    assert_eq!(items[2].shape(), Shape::Tuple);
    assert_eq!(items[2].items().unwrap()[1].parse::<u8>().unwrap(), 2);
}

#[test]
fn places_inside_of_strings_are_exact() {
    let node =
        root(r##"(plain: "a + b", raw: r#"é + c"#, escaped: "\"a\u{e9}\x41\xc3\xa9\t+ d", empty: r"")"##);
    let within = |field: usize, range| node.fields().unwrap()[field].1.span_within(range).text().to_owned();
    assert_eq!(within(0, 4..5), "b");
    assert_eq!(within(1, 5..6), "c");
    let value = node.fields().unwrap()[2].1.string().unwrap().value;
    assert_eq!(value, "\"aéAé\t+ d");
    for (at, c) in value.char_indices().filter(|(_, c)| "a+dA".contains(*c)) {
        let written = if c == 'A' { r"\x41".to_owned() } else { c.to_string() };
        assert_eq!(within(2, at..at + 1), written);
    }
    assert_eq!((within(2, 4..5).as_str(), within(2, 5..7).as_str()), (r"\x41", r"\xc3\xa9"));
    assert_eq!(within(3, 0..0), "");
}

#[test]
fn files_are_read_under_their_given_name() {
    let folder = std::env::temp_dir().join(format!("carrot_scene_{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a.ron");
    fs::write(&path, "(\n    'é', \u{7}").unwrap();
    let source = Source::read(&path).unwrap();
    assert_eq!(source.name(), path.display().to_string());

    fs::File::create(&path).unwrap().write_all(b"(\n  a: \xff)").unwrap();
    let error = Source::read(&path).unwrap_err();
    assert!(error.to_string().contains("a.ron:2:6: the file is not UTF-8 text"), "{error}");

    fs::write(&path, " ".repeat((4 << 20) + 1)).unwrap();
    let error = Syntax::parse(&Source::read(&path).unwrap()).unwrap_err();
    assert!(error.to_string().contains("longer than 4 MiB"), "{error}");

    fs::remove_dir_all(&folder).unwrap();
    let error = Source::read(&path).unwrap_err();
    assert!(error.to_string().contains("a.ron:1:1: cannot read"), "{error}");
}
