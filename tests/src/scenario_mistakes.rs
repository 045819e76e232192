//! Mistakes in scenario files: each is found at its line and column in words that help, and no broken file brings the
//! program down.

use carrot_lab::scenario::ScenarioFile;
use carrot_lab::{Diagnostics, Source};
use carrot_sim::{RowKey, Stream};

use super::setups::full;

const GOOD: &str = r##"(
    version: 1,
    task: "MountainCar-v0",
    randomisation: {"position": Uniform(-0.6, -0.4)},
    gamma: 0.95,
    rewards: {
        "sparse": "sparse",
        "own": [(name: "height", kind: Distance(signal: "height"), weight: 2.0)],
    },
    rollouts: {
        "expert": (policy: "expert", envs: 2, steps: 50),
        "pushed": (policy: "idle", seed: 3, timeline: [
            (at: 10, do: Set("velocity", 0.05)),
            (when: "position > 0.2 [m]", do: Control("random")),
            (at_secs: 2.0, do: Jitter("position", 0.1)),
            (at: 20, do: Weight("own", "height", 1.0)),
            (at: 30, do: SensorNoise("velocity", 0.01)),
        ]),
        "listed": (policy: Actions([[0], [2]]), steps: 4),
    },
    expect: [
        (name: "time", under: "sparse", in: "expert", always: "paid(time_penalty) == -1"),
        (under: "own", given: "step > 2", never: "total < 0"),
        (window: (1, 5), times: (5, "step >= 1")),
        (in: ["expert", "pushed"], same: "so_far", tolerance: 0.5),
        (holds: "return(expert) <= return(pushed, own)"),
        (at: "last", in_order: ["step == 49", "step == 50"]),
    ],
    equivalent: [(reward: "own", mutant: "height: sign", why: "none")],
)"##;

/// What stands in the good file, what a slip of the hand makes of it, and where and how that is told.
const MISTAKES: [(&str, &str, usize, usize, &str); 71] = [
    ("version: 1", "version: 2", 2, 14, "this scenario has version 2, this program reads version 1"),
    ("    version: 1,\n", "", 1, 1, "missing field `version`"),
    ("task: \"MountainCar-v0\"", "task: \"MountainCar-v1\"", 3, 11, "unknown task \"MountainCar-v1\""),
    ("task: \"MountainCar-v0\",\n", "", 1, 1, "a scenario names its task or a scene"),
    ("task: \"MountainCar-v0\"", "scene: \"no_such.ron\"", 3, 12, "there is no scene no_such.ron"),
    (
        "task: \"MountainCar-v0\"",
        "task: \"MountainCar-v0\", scene: \"a.ron\"",
        1,
        1,
        "a scenario names its task or a scene",
    ),
    ("gamma: 0.95", "gamma: 1.5", 5, 12, "`gamma` is 1.5, outside of 0 to 1"),
    ("gamma: 0.95", "gama: 0.95", 5, 5, "unknown field \"gama\""),
    ("rollouts: {", "rolouts: {", 10, 5, "unknown field \"rolouts\""),
    ("\"position\": Uniform(-0.6", "\"positon\": Uniform(-0.6", 4, 21, "unknown handle \"positon\""),
    ("Uniform(-0.6, -0.4)", "Uniform(-0.4, -0.6)", 4, 33, "-0.4 is more than -0.6"),
    ("Uniform(-0.6, -0.4)", "Unifrom(-0.6, -0.4)", 4, 33, "unknown distribution \"Unifrom\""),
    ("Uniform(-0.6, -0.4)", "LogUniform(-0.6, -0.4)", 4, 33, "only numbers above 0 have a logarithm"),
    (
        "Uniform(-0.6, -0.4)",
        "[Uniform(0, 1), Uniform(0, 1)]",
        4,
        33,
        "`position` takes 1 numbers, 2 are drawn",
    ),
    ("Uniform(-0.6, -0.4)", "Choice([])", 4, 33, "a choice is among one number at least"),
    ("Uniform(-0.6, -0.4)", "Curriculum(from: (0, 1))", 4, 43, "missing field `to`"),
    ("Uniform(-0.6, -0.4)", "0.5", 4, 33, "expected a distribution"),
    (
        "{\"position\": Uniform(-0.6, -0.4)}",
        "[]",
        4,
        20,
        "`randomisation` maps handles to what is drawn for them",
    ),
    ("\"sparse\": \"sparse\"", "\"sparse\": \"spars\"", 7, 19, "unknown reward \"spars\""),
    ("\"own\": [", "\"my own\": [", 8, 9, "this cannot be a name here"),
    ("signal: \"height\"", "signal: \"heigth\"", 8, 57, "unknown signal \"heigth\""),
    ("kind: Distance", "kind: Distnace", 8, 40, "unknown kind \"Distnace\""),
    ("policy: \"expert\", envs", "policy: \"exprt\", envs", 11, 28, "unknown policy \"exprt\""),
    ("envs: 2", "envs: 0", 11, 44, "`envs` is 0, outside of 1 to 4096"),
    ("steps: 50", "steps: \"50\"", 11, 54, "`steps`: expected a whole number, found a string"),
    ("policy: \"expert\", envs: 2", "envs: 2", 11, 19, "missing field `policy`"),
    (
        "policy: Actions([[0], [2]])",
        "policy: Action([[0], [2]])",
        19,
        28,
        "unknown kind of policy \"Action\"",
    ),
    ("Actions([[0], [2]])", "Actions([])", 19, 36, "a list of actions has at least one"),
    ("Actions([[0], [2]])", "Actions([[0, 1]])", 19, 37, "this action has 2 numbers, the task takes 1"),
    ("Actions([[0], [2]])", "Actions([\"push_up\"])", 19, 37, "unknown action \"push_up\""),
    ("Actions([[0], [2]])", "Checkpoint(\"nowhere\")", 19, 39, "nowhere is no run"),
    ("Actions([[0], [2]])", "Actions", 19, 28, "`Actions` takes one value"),
    ("at: 10, do", "at: -1, do", 13, 18, "expected a whole number that is not so low, found `-1`"),
    ("(at: 10, do", "(do", 13, 13, "an entry says once when it comes to pass"),
    ("at: 10, do", "at: 10, when: \"true\", do", 13, 13, "an entry says once when it comes to pass"),
    ("at_secs: 2.0", "at_secs: -2.0", 15, 23, "a time is from 0 to a million seconds"),
    ("Set(\"velocity\", 0.05)", "Set(\"velocty\", 0.05)", 13, 30, "unknown handle \"velocty\""),
    (
        "Set(\"velocity\", 0.05)",
        "Set(\"velocity\", (0.05, 0.1))",
        13,
        42,
        "`velocity` takes 1 numbers, 2 are given",
    ),
    ("Set(\"velocity\", 0.05)", "Set(\"velocity\")", 13, 26, "`Set` does not take 1 values"),
    ("Set(\"velocity\", 0.05)", "Put(\"velocity\", 0.05)", 13, 26, "unknown thing to do \"Put\""),
    (
        "Set(\"velocity\", 0.05)",
        "Push(\"car\", (1, 0, 0), 3)",
        13,
        31,
        "unknown body that can be pushed \"car\"",
    ),
    (
        "position > 0.2 [m]",
        "position > 0.2 [m/s]",
        14,
        21,
        "`>` does not go with a number [m] and a number [m/s]",
    ),
    ("position > 0.2 [m]", "prev(position) > 0.2 [m]", 14, 20, "a timeline looks at the present state alone"),
    ("position > 0.2 [m]", "positon > 0.2 [m]", 14, 21, "unknown signal or name \"positon\""),
    ("position > 0.2 [m]", "position", 14, 21, "a condition is true or false, this is a number"),
    ("Control(\"random\")", "Control(\"randm\")", 14, 54, "unknown policy \"randm\""),
    ("Weight(\"own\", \"height\"", "Weight(\"own\", \"heigth\"", 16, 40, "unknown term \"heigth\""),
    ("Weight(\"own\", \"height\"", "Weight(\"mine\", \"height\"", 16, 33, "unknown reward \"mine\""),
    ("SensorNoise(\"velocity\", 0.01)", "SensorNoise(\"speed\", 0.01)", 17, 38, "unknown sensor \"speed\""),
    ("SensorNoise(\"velocity\", 0.01)", "SensorNoise(\"velocity\", -0.01)", 17, 50, "noise is 0 or more"),
    ("under: \"sparse\", in", "under: \"spars\", in", 22, 31, "unknown reward \"spars\""),
    ("in: \"expert\", always", "in: \"exprt\", always", 22, 45, "unknown rollout \"exprt\""),
    ("in: \"expert\", always", "in: [], always", 22, 45, "an expectation looks at one rollout at least"),
    ("paid(time_penalty)", "paid(time_penality)", 22, 64, "unknown signal or name \"paid(time_penality)\""),
    ("paid(time_penalty)", "payed(time_penalty)", 22, 64, "unknown function \"payed\""),
    ("always: \"paid", "alway: \"paid", 22, 55, "unknown field \"alway\""),
    ("never: \"total < 0\"", "never: \"total\"", 23, 51, "a condition is true or false, this is a number"),
    (
        "never: \"total < 0\"",
        "never: \"total < 0\", always: \"true\"",
        23,
        9,
        "an expectation says one thing, this says 2",
    ),
    (
        "given: \"step > 2\"",
        "given: \"step > 2 [m]\"",
        23,
        32,
        "`>` does not go with a number and a number [m]",
    ),
    ("window: (1, 5)", "window: (0, 5)", 24, 9, "these steps cannot be looked at"),
    ("window: (1, 5)", "window: (5, 1)", 24, 9, "these steps cannot be looked at"),
    ("times: (5, \"step >= 1\")", "times: \"step >= 1\"", 24, 33, "expected a number and a condition"),
    (
        "in: [\"expert\", \"pushed\"], same",
        "in: [\"expert\"], same",
        25,
        32,
        "`same` compares two rollouts or more",
    ),
    ("tolerance: 0.5", "tolerance: -0.5", 25, 63, "`tolerance` is -0.5, outside of 0 to 1000000"),
    ("return(pushed, own)", "return(pushd, own)", 26, 36, "unknown signal or name \"return(pushd, own)\""),
    (
        "return(pushed, own)",
        "return(pushed, mine)",
        26,
        36,
        "unknown signal or name \"return(pushed, mine)\"",
    ),
    ("holds: \"return", "given: \"true\", holds: \"return", 26, 32, "`holds` speaks of whole rollouts"),
    ("at: \"last\"", "at: \"lost\"", 27, 14, "this is no step"),
    (
        "[\"step == 49\", \"step == 50\"]",
        "[\"step == 49\"]",
        27,
        32,
        "an order is a list of two or more conditions",
    ),
    ("why: \"none\"", "wy: \"none\"", 29, 58, "unknown field \"wy\""),
    (", why: \"none\"", "", 29, 18, "missing field `why`"),
];

fn read(text: &str) -> Result<ScenarioFile, Diagnostics> {
    ScenarioFile::read(&Source::new("own.ron", text))
}

#[test]
fn every_mistake_is_told_at_its_place() {
    read(GOOD).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    for (from, to, line, column, message) in MISTAKES {
        assert_eq!(GOOD.matches(from).count(), 1, "{from:?} must name one place");
        let mistakes =
            read(&GOOD.replacen(from, to, 1)).err().unwrap_or_else(|| panic!("{to:?} is no mistake"));
        let first = mistakes.iter().next().unwrap();
        assert_eq!(mistakes.len(), 1, "{from:?} -> {to:?}:\n{mistakes}");
        let found = (first.location.line, first.location.column, first.message.as_str());
        assert_eq!(found, (line, column, message), "{from:?} -> {to:?}");
    }
}

/// A good file with one to three pieces flipped, cut, doubled, swapped or put in, keyed by its number.
fn mutated(good: &str, number: u32) -> String {
    const PIECES: [&str; 16] = [
        "(",
        ")",
        "]",
        "\"",
        "r#\"",
        "/*",
        "'",
        ":",
        "-",
        "1e999",
        "é\u{2028}",
        "\\",
        "Some(",
        "((((((((",
        "^99",
        "prev(",
    ];
    let mut rng = RowKey { seed: 9, env: number, episode: 0 }.rng(Stream::Script);
    let mut bytes = good.as_bytes().to_vec();
    for _ in 0..=rng.below(3) {
        let (at, len) = (rng.below(bytes.len() as u32 + 1) as usize, 1 + rng.below(30) as usize);
        let range = at.min(bytes.len())..(at + len).min(bytes.len());
        match rng.below(6) {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << rng.below(8)),
            1 => drop(bytes.drain(range)),
            2 => {
                let copy = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, copy);
            }
            3 => bytes.truncate(at.max(20)),
            4 => {
                let other = rng.below(bytes.len() as u32) as usize;
                let copy = bytes[other..(other + len).min(bytes.len())].to_vec();
                bytes.splice(range, copy);
            }
            _ => {
                let piece = PIECES[rng.below(16) as usize];
                bytes.splice(range.start..range.start, piece.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many of the mutants of a good text are refused; each refusal has a place within the text.
fn refused(good: &str, name: &str, mutants: u32, read: impl Fn(&str) -> Option<Diagnostics>) -> u32 {
    let mut refused = 0;
    for number in 0..mutants {
        let text = mutated(good, number);
        let Some(mistakes) = read(&text) else { continue };
        refused += 1;
        assert!(!mistakes.is_empty(), "mutant {number}");
        for mistake in &mistakes {
            let at = &mistake.location;
            assert_eq!(at.file, name, "mutant {number}: {mistake}");
            let line = text.split('\n').nth(at.line - 1);
            let line = line.unwrap_or_else(|| panic!("mutant {number} has no such line: {mistake}"));
            assert!((1..=line.chars().count() + 1).contains(&at.column), "mutant {number}: {mistake}");
        }
        assert!(mistakes.render(80, false).contains(name));
    }
    refused
}

#[test]
fn broken_scenarios_are_read_or_refused() {
    let mutants = if full() { 10_000 } else { 500 };
    let refused = refused(GOOD, "own.ron", mutants, |text| read(text).err());
    assert!((mutants / 2..mutants).contains(&refused), "{refused} of {mutants} refused");
}

#[test]
fn broken_expressions_are_read_or_refused() {
    let mutants = if full() { 10_000 } else { 500 };
    let scene = |reward: &str| {
        let head = "(version: 1, task: \"MountainCar-v0\", rollouts: {\"a\": (policy: \"idle\")}, expect: [(always: \"true\")], ";
        format!("{head}rewards: {{\"own\": [Program(r###\"{reward}\"###)]}})")
    };
    let program = "param reach = 0.1 [m] in 0.02..0.5;\nlet near = exp(-goal_distance / reach);\nterm(\"near\", 0.5, near);\n\
                   term(\"fast\", -0.1, if abs(velocity) > 0.02 [m/s] and not at_goal { tolerance(position, -0.5, 0.5, 0.1, 'Cosine') } else { delta(height) * 1 [1/m] });\n";
    assert!(read(&scene(program)).is_ok(), "{}", read(&scene(program)).err().unwrap());
    let good = scene(program);
    let refused = refused(&good, "own.ron", mutants, |text| read(text).err());
    assert!((mutants / 2..mutants).contains(&refused), "{refused} of {mutants} refused");
}

#[test]
fn a_misspelt_call_is_told_the_nearest_name() {
    for (from, to, near) in [
        ("paid(time_penalty)", "payed(time_penalty)", "paid"),
        ("return(pushed, own)", "retrun(pushed, own)", "return"),
    ] {
        let mistakes = read(&GOOD.replacen(from, to, 1)).err().unwrap();
        assert_eq!(mistakes.iter().next().unwrap().nearest.as_deref(), Some(near), "{mistakes}");
    }
}
