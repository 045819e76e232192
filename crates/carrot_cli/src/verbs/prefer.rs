//! `carrot prefer`: a person compares pairs of a run in the terminal, while the run trains.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::Duration;

use carrot_lab::LabError;
use carrot_lab::preference::{Pair, PairQueue, Says, Segment};
use carrot_lab::saved::SavedRun;
use clap::Args;
use console::{Key, Term};
use serde_json::json;

use crate::failure::Failure;
use crate::lookup::refused;
use crate::output::{Output, table};

/// Widest line of a signal.
const WIDTH: usize = 32;
/// How long is waited before the run is looked at again.
const PAUSE: Duration = Duration::from_millis(250);

/// Compare pairs of a run's segments, while it trains.
///
/// Each pair shows what the reward network reads, left beside right, on one scale. Keys: left arrow or l, right arrow
/// or r: that side is better; = or e: equal; s: skip; u: undo; q: stop. Every answer is on the disk before the next pair
/// is shown. Where no terminal is attached the keys are read from standard input.
#[derive(Args)]
#[command(after_help = "Example:\n  carrot train scenes/cart_pole_preferred.ron --quiet &\n  \
    carrot prefer runs/CartPole-v1/ppo/20260214_093000_s1")]
pub(crate) struct Prefer {
    /// Run folder whose scene says `annotator: People`
    run: PathBuf,
    /// Who compares; written beside each answer
    #[arg(long, value_name = "NAME", default_value = "terminal")]
    by: String,
    /// Words kept with every answer of this sitting
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Wait for new pairs instead of stopping when all are answered
    #[arg(long)]
    wait: bool,
}

/// What a key asks for.
enum Wish {
    Say(Says),
    Undo,
    Stop,
}

impl Prefer {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let run = SavedRun::open(&self.run)?;
        let Some(config) = run.setup().preferences.as_ref().filter(|config| config.asks_people()) else {
            let given = self.run.display().to_string();
            let help = "write `preferences: (.., annotator: People)` into the scene";
            return Err(refused(&given, "this run does not ask people", help).into());
        };
        let (mut queue, bad) = PairQueue::open(&self.run, &self.by)?;
        bad.iter().for_each(|line| output.note(&format!("warning: {line}")));
        let mut keys = Keys::new();
        let mut answers = 0_u64;
        loop {
            for line in queue.refresh()? {
                output.note(&format!("warning: {line}"));
            }
            let Some(pair) = queue.current() else {
                if !self.wait {
                    break;
                }
                std::thread::sleep(PAUSE);
                continue;
            };
            let (open, answered) = queue.counts();
            output.note(&format!("\n{}\n{open} wait, {answered} answered", page(pair, &config.inputs)));
            match keys.next()? {
                Wish::Stop => break,
                Wish::Undo => match queue.undo()? {
                    Some(pair) => {
                        answers -= 1;
                        output.note(&format!("pair {pair} waits again"));
                    }
                    None => output.note("nothing to take back"),
                },
                Wish::Say(says) => {
                    queue.say(says, &self.note)?;
                    answers += 1;
                }
            }
        }
        let (open, answered) = queue.counts();
        let document = json!({"run": self.run, "given": answers, "answered": answered, "open": open});
        output.answer(&document, || format!("{answers} answers given, {answered} in all, {open} pairs wait"))
    }
}

/// Keys of a terminal, or letters of standard input.
enum Keys {
    Terminal(Term),
    Letters(std::io::Stdin),
}

impl Keys {
    fn new() -> Self {
        let stdin = std::io::stdin();
        if stdin.is_terminal() { Self::Terminal(Term::stdout()) } else { Self::Letters(stdin) }
    }

    /// The next key that means something; the end of the input stops.
    fn next(&mut self) -> Result<Wish, LabError> {
        loop {
            let key = match self {
                Self::Terminal(terminal) => terminal.read_key(),
                Self::Letters(stdin) => {
                    let mut letter = [0];
                    stdin.lock().read(&mut letter).map(|read| match read {
                        0 => Key::Escape,
                        _ => Key::Char(char::from(letter[0])),
                    })
                }
            };
            let key = key.map_err(|error| LabError::File {
                what: "cannot read the keyboard",
                why: error.to_string(),
                path: "standard input".into(),
            })?;
            return Ok(match key {
                Key::ArrowLeft | Key::Char('l') => Wish::Say(Says::Left),
                Key::ArrowRight | Key::Char('r') => Wish::Say(Says::Right),
                Key::Char('=' | 'e') => Wish::Say(Says::Equal),
                Key::Char('s') => Wish::Say(Says::Skip),
                Key::Char('u') => Wish::Undo,
                Key::Char('q') | Key::Escape | Key::CtrlC | Key::Unknown => Wish::Stop,
                _ => continue,
            });
        }
    }
}

/// Both segments, signal by signal, on a scale that they share.
fn page(pair: &Pair, inputs: &[String]) -> String {
    let width = inputs.len().max(1);
    let column = |segment: &Segment, k: usize| -> Vec<f32> {
        segment.features.iter().skip(k).step_by(width).copied().collect()
    };
    let row = |(k, name): (usize, &String)| {
        let (left, right) = (column(&pair.left, k), column(&pair.right, k));
        let all = || left.iter().chain(&right).copied();
        let (low, high) = (all().fold(f32::INFINITY, f32::min), all().fold(f32::NEG_INFINITY, f32::max));
        vec![name.clone(), line(&left, low, high), line(&right, low, high), format!("{low:.3} to {high:.3}")]
    };
    let steps = |segment: &Segment| format!("{} steps", segment.features.len() / width);
    let (left, right) = (steps(&pair.left), steps(&pair.right));
    let rows: Vec<Vec<String>> = inputs.iter().enumerate().map(row).collect();
    let headings =
        [format!("pair {}", pair.id), format!("LEFT, {left}"), format!("RIGHT, {right}"), "scale".into()];
    table(&headings.each_ref().map(String::as_str), &rows)
}

/// A signal over time as a line of bars.
fn line(values: &[f32], low: f32, high: f32) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = values.len().min(WIDTH);
    let bar = |i: usize| {
        let value = values[i * values.len() / shown];
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        BARS[((share * 7.999) as usize).min(7)]
    };
    (0..shown).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_shown_on_one_scale() {
        let segment = |features: &[f32]| Segment { features: features.to_vec(), ..Segment::default() };
        let pair = Pair { id: 7, left: segment(&[0.0, 5.0, 1.0, 5.0]), right: segment(&[7.0, 5.0]) };
        let page = page(&pair, &["speed".into(), "height".into()]);
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines[0].contains("pair 7") && lines[0].contains("LEFT, 2 steps"), "{page}");
        assert!(
            lines[1].contains("▁▂") && lines[1].contains("█") && lines[1].contains("0.000 to 7.000"),
            "{page}"
        );
        assert!(lines[2].contains("▄▄"), "{page}");
    }

    #[test]
    fn long_segments_are_thinned_out() {
        let values: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let line = line(&values, 0.0, 199.0);
        assert_eq!(line.chars().count(), WIDTH);
        assert!(line.starts_with('▁') && line.ends_with('█'));
    }
}
