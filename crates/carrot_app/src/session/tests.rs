//! The session's promises, without any window.
#![allow(clippy::unwrap_used, reason = "tests")]

use carrot_lab::ModelFiles;
use carrot_scene::Source;

use super::*;

fn scene(task: &str, reward: &str) -> Source {
    let text = format!(
        "// A scene.\n(\n    version: 1,\n    task: \"{task}\",\n    batch: (num_envs: 8, num_steps: 16, seed: 7),\n    reward: {reward}, // mine\n)\n"
    );
    Source::new("scene.ron", text)
}

fn open(task: &str, reward: &str, rows: usize) -> Session {
    Session::open(scene(task, reward), ModelFiles::new(), rows).unwrap()
}

fn steps(session: &mut Session, count: usize) {
    (0..count).for_each(|_| session.step().unwrap());
}

#[test]
fn every_kept_step_looks_as_it_did_when_it_was_new() {
    for task in ["CartPole-v1", "DoorKey-8x8", "Reach"] {
        let task = carrot_tasks::task_names().into_iter().find(|name| name.contains(task)).unwrap();
        let mut session = open(task, "\"sparse\"", 3);
        session.set_driver(Driver::Random);
        session.set_wall(3);
        let mut seen = vec![session.frames().unwrap()];
        for _ in 0..70 {
            session.step().unwrap();
            seen.push(session.frames().unwrap());
        }
        for tick in [0_u64, 1, 2, 24, 25, 26, 27, 49, 50, 51, 69, 3] {
            session.seek(tick);
            let shown = session.frames().unwrap();
            for (row, (shown, seen)) in shown.iter().zip(&seen[tick as usize]).enumerate() {
                assert_eq!(shown.drawing, seen.drawing, "{task} row {row} tick {tick}");
                assert_eq!((shown.env, shown.episode, shown.step), (seen.env, seen.episode, seen.step));
            }
        }
    }
}

#[test]
fn nothing_is_unaccounted_for() {
    for reward in ["\"sparse\"", "\"shaped\"", "\"naive\"", "\"mixed\""] {
        let mut session = open("CartPole-v1", reward, 4);
        session.set_driver(Driver::Random);
        for _ in 0..100 {
            session.step().unwrap();
            for row in 0..4 {
                let account = Account::of(session.record().unwrap(), 0, row);
                assert_eq!(account.unaccounted.to_bits(), 0.0_f32.to_bits());
            }
        }
    }
}

#[test]
fn a_clip_behind_the_ledger_is_found() {
    let mut session = open("CartPole-v1", "\"shaped\"", 1);
    session.step().unwrap();
    let mut record = session.record().unwrap().clone();
    record.totals[0] = record.totals[0].clamp(-0.5, 0.5);
    assert_ne!(Account::of(&record, 0, 0).unaccounted, 0.0);
}

#[test]
fn a_weight_holds_from_the_next_step_and_is_undone() {
    let mut session = open("CartPole-v1", "\"sparse\"", 2);
    steps(&mut session, 5);
    let before = session.text().source().text().to_string();
    let change = |value: &str| RewardEdit::Set { graph: 0, path: "alive.weight".into(), value: value.into() };
    session.edit(&change("2.0"), Some(1)).unwrap();
    session.edit(&change("3.0"), Some(1)).unwrap();
    assert_eq!(session.account(0).paid, 1.0, "the past is as it was paid");
    session.step().unwrap();
    assert_eq!(session.account(0).paid, 3.0);
    assert!(session.text().source().text().contains("// mine"), "comments stay");
    session.undo().unwrap();
    assert_eq!(session.text().source().text(), before, "one gesture is one edit");
    session.step().unwrap();
    assert_eq!(session.account(0).paid, 1.0);
    session.redo().unwrap();
    session.step().unwrap();
    assert_eq!(session.account(0).paid, 3.0);
    let revisions: Vec<u32> = session.text().log.iter().map(|edit| edit.revision).collect();
    assert_eq!(revisions, [1, 2, 3, 4]);
}

#[test]
fn an_edit_of_the_reward_changes_no_state() {
    let run = |edited: bool| {
        let mut session = open("CartPole-v1", "\"mixed\"", 3);
        session.set_driver(Driver::Random);
        steps(&mut session, 30);
        if edited {
            let path = "upright_potential.kind.margin".into();
            session.edit(&RewardEdit::Set { graph: 0, path, value: "0.5".into() }, None).unwrap();
            let term = "(name: \"centred\", kind: Distance(signal: \"cart_position\"), weight: -0.5)".into();
            session.edit(&RewardEdit::Add { graph: 0, term }, None).unwrap();
            session.edit(&RewardEdit::Remove { graph: 0, name: "alive".into() }, None).unwrap();
        }
        steps(&mut session, 60);
        (session.record().unwrap().signals.clone(), session.account(0))
    };
    let (plain, edited) = (run(false), run(true));
    assert_eq!(plain.0, edited.0);
    let names = |account: &Account| account.lines.iter().map(|line| line.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&plain.1), ["alive", "upright_potential", "angle_penalty", "time_penalty"]);
    assert_eq!(names(&edited.1), ["upright_potential", "angle_penalty", "time_penalty", "centred"]);
    assert_eq!(edited.1.unaccounted, 0.0);
}

#[test]
fn a_wrong_edit_is_refused_and_changes_nothing() {
    let mut session = open("CartPole-v1", "\"sparse\"", 1);
    let text = session.text().source().text().to_string();
    let term = "(name: \"x\", kind: Distance(signal: \"pole_angel\"))".into();
    let error = session.edit(&RewardEdit::Add { graph: 0, term }, None).unwrap_err();
    assert!(error.to_string().contains("pole_angel"), "{error}");
    assert_eq!(session.text().source().text(), text);
    assert!(!session.text().can_undo());
}

#[test]
fn a_reward_named_without_quotes_can_be_edited() {
    let mut session = open("CartPole-v1", "sparse", 1);
    let edit = RewardEdit::Set { graph: 0, path: "alive.weight".into(), value: "0.5".into() };
    session.edit(&edit, None).unwrap();
    session.step().unwrap();
    assert_eq!(session.account(0).paid, 0.5);
}

#[test]
fn a_shadow_joins_and_pays_beside() {
    let mut session = open("CartPole-v1", "\"sparse\"", 1);
    session.edit(&RewardEdit::AddShadow { name: "naive".into() }, None).unwrap();
    session.edit(&RewardEdit::AddShadow { name: "shaped".into() }, None).unwrap();
    session.step().unwrap();
    assert_eq!((session.account(0).paid, session.account(1).graph.as_str()), (1.0, "naive"));
    assert!(session.account(1).paid < 0.0);
    assert_eq!(session.account(2).graph, "shaped");
}

#[test]
fn rewinding_and_branching_continue_bit_for_bit() {
    let mut session = open("CartPole-v1", "\"sparse\"", 2);
    session.set_driver(Driver::Random);
    steps(&mut session, 90);
    let was: Vec<Vec<f32>> =
        (41..=90).map(|t| session.history().record(t).unwrap().signals.clone()).collect();
    session.seek(40);
    session.branch(Driver::Random).unwrap();
    steps(&mut session, 50);
    let now: Vec<Vec<f32>> =
        (41..=90).map(|t| session.history().record(t).unwrap().signals.clone()).collect();
    assert_eq!(was, now, "the same driver meets the same future");
    session.close_branch();
    session.seek(40);
    session.rewind().unwrap();
    assert_eq!(session.tick(), 40);
    session.set_driver(Driver::by_name(session.task(), "expert").unwrap());
    steps(&mut session, 50);
    let other: Vec<Vec<f32>> =
        (41..=90).map(|t| session.history().record(t).unwrap().signals.clone()).collect();
    assert_ne!(was, other, "another driver meets another");
}

#[test]
fn the_oldest_steps_go_and_what_is_kept_stays_whole() {
    let mut session = open("CartPole-v1", "\"sparse\"", 1);
    steps(&mut session, 120);
    let mut history = History::bounded(0, 60, usize::MAX);
    let rows = |tick: u64| session.history().keyframe(tick).unwrap().rows.clone();
    history.keep(rows(0), Carry::default());
    for tick in 1..=120 {
        history.push(session.history().record(tick).unwrap().clone());
        if history.wants_keyframe() {
            history.keep(rows(tick), Carry::default());
        }
    }
    assert!(history.last() - history.first() >= 60 && history.first() > 0);
    assert_eq!(history.keyframe(history.first()).unwrap().tick, history.first());
    assert!(history.record(history.first()).is_none() && history.record(history.first() + 1).is_some());
    assert_eq!(history.range(0, 999).count() as u64, history.last() - history.first());
}

#[test]
fn a_breakpoint_stops_where_its_condition_begins() {
    let mut session = open("CartPole-v1", "\"sparse\"", 1);
    session.set_driver(Driver::by_name(session.task(), "end_early").unwrap());
    session.add_breakpoint("pole_angle > 0.1").unwrap();
    session.add_breakpoint("pole_angle < -0.1").unwrap();
    session.play();
    session.advance(10.0, || true).unwrap();
    assert!(!session.is_playing());
    assert!(session.stopped_by().is_some_and(|text| text.contains("pole_angle")));
    let column = 2;
    assert!(session.record().unwrap().signal(column, 0).abs() > 0.1);
    let error = session.add_breakpoint("pole_angel > 1").unwrap_err().to_string();
    assert!(error.contains("`pole_angle`?"), "{error}");
}

#[test]
fn a_hand_drives_the_chosen_row_alone() {
    let mut session = open("CartPole-v1", "\"sparse\"", 2);
    session.select_env(1);
    session.set_hand(Some(vec![0.0]));
    steps(&mut session, 12);
    let actions: Vec<f32> = (1..=12).map(|t| session.history().record(t).unwrap().actions[1]).collect();
    assert_eq!(actions, [0.0; 12]);
    let expert: Vec<f32> = (1..=12).map(|t| session.history().record(t).unwrap().actions[0]).collect();
    assert!(expert.contains(&1.0));
}

#[test]
fn number_fields_find_what_can_be_turned() {
    let text = "[(name: \"a\", kind: Tolerance(signal: \"x\", bounds: (-0.1, 0.1), margin: 1.0), stages: [Clip(low: 0.0)]),
        (name: \"b\", kind: Product([(name: \"c\", kind: Threshold(signal: \"x\", above: 0.5))]))]";
    let names = |term: &str| -> Vec<String> {
        fields::number_fields(text, term).unwrap().into_iter().map(|field| field.path).collect()
    };
    assert_eq!(names("a"), ["a.kind.bounds[0]", "a.kind.bounds[1]", "a.kind.margin", "a.stages[0].low"]);
    assert_eq!(names("b.kind.c"), ["b.kind.c.kind.above"]);
}

#[test]
fn numbers_within_a_program_can_be_turned() {
    let program = r##"Program(r#"
        param width = 0.2 [m] in 0.05..1.0; // of the middle
        term("near it", 0.5, exp(-abs(cart_position) / width));
        term("alive", 1, 1);
    "#)"##;
    let mut session = open("CartPole-v1", program, 1);
    let set = |path: &str, value: &str| RewardEdit::Set { graph: 0, path: path.into(), value: value.into() };
    let found = fields::number_fields(&session.setup().graphs[0].text, "near it").unwrap();
    assert_eq!((found[0].path.as_str(), found[0].limits), ("near it.params.width", Some([0.05, 1.0])));
    session.edit(&set("near it.weight", "-2.5"), None).unwrap();
    session.edit(&set("near it.params.width", "0.75"), None).unwrap();
    let term = "(name: \"slow\", kind: Distance(signal: \"cart_velocity\"), weight: -0.5)".into();
    session.edit(&RewardEdit::Add { graph: 0, term }, None).unwrap();
    steps(&mut session, 3);
    let text = session.text().source().text();
    assert!(text.contains("width = 0.75 [m] in 0.05..1.0; // of the middle"), "{text}");
    let account = session.account(0);
    let weights: Vec<(&str, f32)> = account.lines.iter().map(|l| (l.name.as_str(), l.weight)).collect();
    assert_eq!(weights, [("near it", -2.5), ("alive", 1.0), ("slow", -0.5)]);
    assert_eq!(account.unaccounted, 0.0);
    let error = session.edit(&set("near it.params.width", "7.0"), None).unwrap_err().to_string();
    assert!(error.contains("outside of 0.05..1"), "{error}");
}

#[test]
fn what_was_new_is_new_again_after_a_rewind_and_in_a_branch() {
    let source = Source::new(
        "scene.ron",
        r#"(
            version: 1,
            task: "DoorKey-8x8",
            batch: (num_envs: 8, num_steps: 16, seed: 7),
            reward: [(name: "new", kind: Model(name: "new"))],
            novelty: [(model: "new", inputs: ["agent_x", "agent_y"], episodic: Counts(cells: 8))],
        )"#,
    );
    let mut session = Session::open(source, ModelFiles::new(), 4).unwrap();
    session.set_driver(Driver::Random);
    let paid = |session: &Session| -> Vec<u32> {
        let records = session.history().range(31, 60);
        records
            .flat_map(|(_, record)| record.totals.iter().map(|paid| paid.to_bits()).collect::<Vec<_>>())
            .collect()
    };
    steps(&mut session, 60);
    let first = paid(&session);
    assert!(first.iter().collect::<std::collections::BTreeSet<_>>().len() > 5, "a bonus that falls");
    session.seek(30);
    session.branch(Driver::Random).unwrap();
    steps(&mut session, 30);
    assert_eq!(paid(&session), first, "in a branch");
    session.close_branch();
    session.seek(30);
    session.rewind().unwrap();
    steps(&mut session, 30);
    assert_eq!(paid(&session), first, "after a rewind");
    // A term more makes a revision, and forgets nothing of the episodes under way.
    session.seek(30);
    session.rewind().unwrap();
    let watch = RewardEdit::AddShadow { name: "sparse".into() };
    session.edit(&watch, None).unwrap();
    steps(&mut session, 30);
    let records = session.history().range(31, 60);
    let own: Vec<u32> = records
        .flat_map(|(_, record)| record.totals[..4].iter().map(|paid| paid.to_bits()).collect::<Vec<_>>())
        .collect();
    assert_eq!(own, first, "after an edit");
}
