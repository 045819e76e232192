//! Random programs against the plain evaluator, bit for bit, within their bounds; and mutated texts.

use carrot_sim::{RowKey, SignalKind, SignalView, Stream};

use super::reference::{Row, evaluate};
use super::scope;
use crate::expr::{Compiled, parse};
use crate::kind::Transition;

/// Rows that each program is run on: more than a block, and no multiple of one.
const ROWS: usize = 300;

/// A source of choices that is the same on every machine.
struct Dice(carrot_sim::KeyedRng);

impl Dice {
    fn new(env: u32) -> Self {
        Self(RowKey { seed: 3, env, episode: 0 }.rng_at(Stream::Script, 0))
    }

    fn below(&mut self, n: u32) -> usize {
        self.0.below(n) as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u32)]
    }

    fn number(&mut self) -> String {
        let special = ["0", "1", "2", "0.5", "0.1", "1e-3", "3", "1e20", "0.25"];
        if self.below(3) == 0 { format!("{}", self.0.uniform(0.0, 4.0)) } else { self.pick(&special).into() }
    }
}

/// A random expression of a type; everything is made a plain number first, so that units agree.
struct Writer {
    dice: Dice,
    before: bool,
    names: Vec<String>,
}

impl Writer {
    fn number(&mut self, depth: u32) -> String {
        if depth == 0 {
            return match self.dice.below(8) {
                0 => "(x / 1 [m])".into(),
                1 => "(speed / 0.5 [m/s])".into(),
                2 => "angle_of_pole".into(),
                3 => "share".into(),
                4 => "turn.w".into(),
                5 => "(flat.y / 1 [m])".into(),
                6 if !self.names.is_empty() => self.names[self.dice.below(self.names.len() as u32)].clone(),
                _ => self.dice.number(),
            };
        }
        let d = depth - 1;
        match self.dice.below(20) {
            0..4 => {
                let op = self.dice.pick(&["+", "-", "*", "/"]);
                format!("({} {op} {})", self.number(d), self.number(d))
            }
            4 => format!("-({})", self.number(d)),
            5 => format!("({})^{}", self.number(d), self.dice.below(5)),
            6..9 => {
                let name = self.dice.pick(&["abs", "sign", "sqrt", "exp", "log", "tanh", "sigmoid"]);
                format!("{name}({})", self.number(d))
            }
            9 => {
                let name = self.dice.pick(&["min", "max"]);
                format!("{name}({}, {}, {})", self.number(d), self.number(d), self.number(d))
            }
            10 => {
                let name = self.dice.pick(&["clamp", "smoothstep"]);
                format!("{name}({}, {}, {})", self.number(d), self.number(d), self.number(d))
            }
            11 => {
                let kernels = crate::kinds::Sigmoid::ALL;
                let kernel = kernels[self.dice.below(8)];
                let margin = self.dice.pick(&["0", "0.3", "abs(share)", "exp(share)"]);
                format!("tolerance({}, {}, 1, {margin}, \"{kernel:?}\")", self.number(d), self.number(d))
            }
            12 | 13 => {
                format!("(if {} {{ {} }} else {{ {} }})", self.flag(d), self.number(d), self.number(d))
            }
            14 => format!("(norm({}) / 1 [m])", self.vector(d)),
            15 => {
                let name = self.dice.pick(&["dot", "dist", "angle"]);
                let unit = if name == "dot" { "1 [m^2]" } else { "1 [m]" };
                let call = format!("{name}({}, {})", self.vector(d), self.vector(d));
                if name == "angle" { call } else { format!("({call} / {unit})") }
            }
            16 => "angle(turn, twist)".into(),
            17 | 18 if !self.before => {
                self.before = true;
                let inner = self.number(d);
                self.before = false;
                match self.dice.pick(&["prev", "delta", "rate"]) {
                    "rate" => format!("(rate({inner}) * control_dt)"),
                    name => format!("{name}({inner})"),
                }
            }
            _ => self.number(0),
        }
    }

    fn flag(&mut self, depth: u32) -> String {
        let d = depth.saturating_sub(1);
        match self.dice.below(if depth == 0 { 3 } else { 8 }) {
            0 => "open".into(),
            1 if !self.before => self.dice.pick(&["terminated", "truncated", "cause('fell')"]).into(),
            1 | 2 => "true".into(),
            3 => format!("(not {})", self.flag(d)),
            4 => {
                let op = self.dice.pick(&["and", "or", "==", "!="]);
                format!("({} {op} {})", self.flag(d), self.flag(d))
            }
            _ => {
                let op = self.dice.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {op} {})", self.number(d), self.number(d))
            }
        }
    }

    fn vector(&mut self, depth: u32) -> String {
        let d = depth.saturating_sub(1);
        match self.dice.below(if depth == 0 { 2 } else { 6 }) {
            0 => "tip".into(),
            1 => "goal".into(),
            2 => format!("({} {} {})", self.vector(d), self.dice.pick(&["+", "-"]), self.vector(d)),
            3 => format!("({} * ({}))", self.vector(d), self.number(d)),
            4 => format!("(-{})", self.vector(d)),
            _ => format!("vec3(x, {} * 1 [m], flat.x)", self.number(d)),
        }
    }

    fn text(&mut self) -> String {
        let mut text = String::from("param p = 0.5 in 0.1..2;\n");
        self.names.push("p".into());
        for i in 0..self.dice.below(3) {
            // Names are used before and after the step, so they read the state alone.
            self.before = true;
            let value = self.number(3);
            self.before = false;
            text += &format!("let own{i} = {value};\n");
            self.names.push(format!("own{i}"));
        }
        let depth = 1 + self.dice.below(5) as u32;
        if self.dice.below(5) == 0 { text + &self.flag(depth) } else { text + &self.number(depth) }
    }
}

/// Signals within their ranges, end points and zeros among them, column-major.
fn signals(dice: &mut Dice) -> Vec<f32> {
    let scope = scope();
    let mut data = Vec::new();
    for (_, spec) in scope.catalog.iter() {
        for _ in 0..spec.kind.width() * ROWS {
            let (low, high) = spec.range;
            data.push(match (spec.kind, dice.below(8)) {
                (SignalKind::Flag, n) => (n % 2) as f32,
                (_, 0) => low,
                (_, 1) => high,
                (_, 2) => 0.0,
                _ => dice.0.uniform(low, high),
            });
        }
    }
    data
}

#[test]
fn random_programs_give_the_bits_of_the_plain_evaluator_within_their_bounds() {
    let full = std::env::var_os("CARROT_FULL").is_some();
    let programs = if full { 1_000_000 / ROWS + 1 } else { 150 };
    let scope = scope();
    let columns = scope.catalog.width();
    let mut finite = 0;
    for program in 0..programs {
        let mut writer = Writer { dice: Dice::new(program as u32), before: false, names: Vec::new() };
        let text = writer.text();
        let code = Compiled::value(&text, &scope).unwrap_or_else(|m| panic!("{text}\n{m:?}"));
        let script = parse::parse(&text).unwrap();
        let (before, now) = (signals(&mut writer.dice), signals(&mut writer.dice));
        let flags = |offset: usize| (0..ROWS).map(|i| (i + offset).is_multiple_of(3)).collect::<Vec<bool>>();
        let (terminated, truncated) = (flags(0), flags(1));
        let cause: Vec<u8> = (0..ROWS).map(|i| (i % 4) as u8).collect();
        let step = Transition {
            before: SignalView::new(&before, ROWS),
            now: SignalView::new(&now, ROWS),
            terminated: &terminated,
            truncated: &truncated,
            cause: &cause,
            success: &[],
            score: &[],
        };
        let mut out = vec![0.0; ROWS];
        code.run(&step, &code.initial_params(), &mut out);
        let row_of =
            |data: &[f32], row: usize| (0..columns).map(|c| data[c * ROWS + row]).collect::<Vec<f32>>();
        for row in 0..ROWS {
            let (before, now) = (row_of(&before, row), row_of(&now, row));
            let plain = Row {
                scope: &scope,
                before: &before,
                now: &now,
                terminated: terminated[row],
                truncated: truncated[row],
                cause: cause[row],
            };
            let expected = evaluate(&script, &plain);
            let same = expected.to_bits() == out[row].to_bits() || (expected.is_nan() && out[row].is_nan());
            assert!(same, "row {row}: {expected} is not {}\n{text}", out[row]);
            assert!(code.bounds.contains(expected), "{expected} is not in {:?}\n{text}", code.bounds);
            finite += usize::from(expected.is_finite());
        }
    }
    assert!(finite * 10 > programs * ROWS * 8, "{finite} finite values say too little");
}

#[test]
fn mutated_texts_are_read_or_refused() {
    let full = std::env::var_os("CARROT_FULL").is_some();
    let (scope, count) = (scope(), if full { 100_000 } else { 3_000 });
    let pieces = [
        "(", ")", "{", "}", "[", "]", "\"", "'", ";", ",", "..", ".", "^", "-", "not ", "if ", "else ",
        "let ", "param ", "term(", "prev(", "angle(", "1e9", "é", "0", "\n", "//", "x", "tip", "==", "[m/s]",
        "in", "=",
    ];
    let (mut read, mut refused) = (0, 0);
    for seed in 0..count {
        let mut writer = Writer { dice: Dice::new(seed), before: false, names: Vec::new() };
        let mut text = writer.text();
        for _ in 0..=writer.dice.below(3) {
            let mut at = writer.dice.below(text.len() as u32 + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match writer.dice.below(4) {
                0 => text.truncate(at),
                1 => text.insert_str(at, writer.dice.pick(&pieces)),
                2 => {
                    let copy = text[at..].to_owned();
                    text.push_str(&copy);
                }
                _ => {
                    let end = text[at..].char_indices().nth(2).map_or(text.len(), |(i, _)| at + i);
                    text.replace_range(at..end, writer.dice.pick(&pieces));
                }
            }
        }
        match Compiled::value(&text, &scope) {
            Ok(code) => read += usize::from(code.passes() > 0),
            Err(mistake) => {
                assert!(text.get(mistake.range.clone()).is_some(), "{mistake:?} in {text:?}");
                refused += usize::from(!mistake.message.is_empty());
            }
        }
        let terms = Compiled::terms(&text, &scope);
        assert!(terms.is_err() || text.contains("term"));
    }
    assert!(read > 0 && refused > read, "{read} read, {refused} refused");
}
