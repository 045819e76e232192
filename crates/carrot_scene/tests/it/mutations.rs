//! Broken files are refused at a place inside of them, and never bring the program down.

use carrot_scene::{Diagnostics, NodeRef, SceneSpec, Source, apply_overrides};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::SCENE;

#[derive(Clone, Debug)]
enum Mutation {
    Flip(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, String),
    Nest(usize, char),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = 0..SCENE.len();
    let piece = prop_oneof![
        Just("(".to_owned()),
        Just("]".to_owned()),
        Just("\"".to_owned()),
        Just("r#\"".to_owned()),
        Just("/*".to_owned()),
        Just("//".to_owned()),
        Just("'".to_owned()),
        Just(":".to_owned()),
        Just("-".to_owned()),
        Just("1e999".to_owned()),
        Just("é\u{200e}\u{2028}".to_owned()),
        Just("\\".to_owned()),
        Just("Some(".to_owned()),
        Just("#![enable(".to_owned()),
        Just("r#".to_owned()),
        "\\PC{0,4}",
    ];
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        at.clone().prop_map(Mutation::Cut),
        (at.clone(), 1..40_usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
        (at.clone(), 1..40_usize).prop_map(|(at, len)| Mutation::Repeat(at, len)),
        (at.clone(), piece).prop_map(|(at, text)| Mutation::Insert(at, text)),
        (at, prop_oneof![Just('('), Just('['), Just('{')]).prop_map(|(at, open)| Mutation::Nest(at, open)),
    ]
}

fn mutated(mutations: &[Mutation]) -> String {
    let mut bytes = SCENE.as_bytes().to_vec();
    for mutation in mutations {
        let within = |at: usize, len: usize, bytes: &[u8]| at.min(bytes.len())..(at + len).min(bytes.len());
        match mutation {
            Mutation::Flip(at, bits) => bytes.get_mut(*at).into_iter().for_each(|byte| *byte ^= bits),
            Mutation::Cut(at) => bytes.truncate(*at),
            Mutation::Remove(at, len) => drop(bytes.drain(within(*at, *len, &bytes))),
            Mutation::Repeat(at, len) => {
                let range = within(*at, *len, &bytes);
                let copy = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, copy);
            }
            Mutation::Insert(at, text) => {
                let at = (*at).min(bytes.len());
                bytes.splice(at..at, text.bytes());
            }
            Mutation::Nest(at, open) => {
                let at = (*at).min(bytes.len());
                bytes.splice(at..at, std::iter::repeat_n(*open as u8, 10_000));
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every mistake has a place in the text that was given, and a page.
fn check(text: &str, diagnostics: &Diagnostics) {
    assert!(!diagnostics.is_empty());
    for diagnostic in diagnostics {
        let at = &diagnostic.location;
        assert_eq!(at.file, "scene.ron");
        let line = text.split('\n').nth(at.line - 1).unwrap_or_else(|| panic!("no such line: {diagnostic}"));
        assert!((1..=line.chars().count() + 1).contains(&at.column), "no such column: {diagnostic}");
        assert!((at.line, at.column) <= (at.end_line, at.end_column), "{diagnostic}");
    }
    assert!(diagnostics.render(80, false).contains("scene.ron"));
}

/// Asks a node everything that an owner could ask.
fn interrogate(node: &NodeRef, text: &str) {
    if let Err(error) = node.parse::<(String, Vec<f32>)>() {
        check(text, &error);
    }
    let _ = (node.parse::<u8>(), node.parse::<Option<bool>>(), node.string(), node.variant(), node.head());
    let fields = node.fields().unwrap_or_default().into_iter().map(|(_, value)| value);
    let entries = node.map_entries().unwrap_or_default().into_iter().flat_map(|(key, value)| [key, value]);
    for child in fields.chain(entries).chain(node.items().unwrap_or_default()) {
        interrogate(&child, text);
    }
}

#[test]
fn two_thousand_broken_files_are_read_or_refused() {
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let refused = std::cell::Cell::new(0);
    let mutations = prop::collection::vec(mutation(), 1..4);
    let outcome = runner.run(&mutations, |mutations| {
        let text = mutated(&mutations);
        let source = Source::new("scene.ron", text.as_str());
        match SceneSpec::read(&source, &[] as &[&str]) {
            Ok(scene) => {
                assert_eq!(scene.resolved_text(), text);
                let open = [Some(scene.reward), scene.learner, scene.randomisation];
                open.into_iter().flatten().for_each(|node| interrogate(&node, &text));
            }
            Err(diagnostics) => {
                refused.set(refused.get() + 1);
                check(&text, &diagnostics);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert!((1_000..2_000).contains(&refused.get()), "{} of 2,000 refused", refused.get());
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(500) })]

    #[test]
    fn no_override_brings_the_program_down(argument in "[a-z.\\[\\]0-9= ()\"']{0,24}", tail in "\\PC{0,8}") {
        let source = Source::new("scene.ron", SCENE);
        for argument in [format!("{argument}{tail}"), format!("learner.{argument}={tail}"), format!("reward[1].weight={tail}")] {
            if let Err(error) = apply_overrides(&source, &[&argument]) {
                for diagnostic in &error {
                    prop_assert!(diagnostic.location.column <= argument.chars().count() + 1, "{}", diagnostic);
                }
                error.render(80, true);
            }
        }
    }
}
