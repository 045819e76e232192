//! Broken files are refused at a place inside of them, and never lose a shape in silence.

use std::ops::Range;

use carrot_physics::RobotModel;

use crate::{ARM, folder_with};

/// A small fixed generator, so that every run sees the same files.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn pick<'p, T>(&mut self, from: &'p [T]) -> &'p T {
        &from[self.below(from.len())]
    }
}

const NUMBERS: [&str; 18] = [
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "1e-320",
    "3.4e38",
    "1e38",
    "1e-38",
    "1,5",
    "0x10",
    "",
    "--1",
    "9999999999999999999999",
    "1e-7",
    "100",
];
const PIECES: [&str; 16] = [
    "<collision>",
    "</collision>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?x ?>",
    "&amp;",
    "&#0;",
    "<!DOCTYPE r>",
    "\"",
    "<link/>",
    "é\u{202e}\u{feff}",
    "\0",
    "<geometry/>",
    "<joint name=\"x\" type=\"fixed\"/>",
];

/// Ranges of the text between a `<` and the next `>`.
fn tags(text: &str) -> Vec<Range<usize>> {
    text.match_indices('<').filter_map(|(at, _)| Some(at..at + text[at..].find('>')? + 1)).collect()
}

/// Ranges of what stands between quotation marks.
fn values(text: &str) -> Vec<Range<usize>> {
    let marks: Vec<_> = text.match_indices('"').map(|(at, _)| at).collect();
    marks.chunks_exact(2).map(|pair| pair[0] + 1..pair[1]).collect()
}

fn mutate(text: &str, draws: &mut Draws) -> Vec<u8> {
    let (tags, values) = (tags(text), values(text));
    let mut bytes = text.as_bytes().to_vec();
    let at = draws.below(bytes.len() + 1);
    if tags.is_empty() || values.is_empty() || at == bytes.len() {
        return bytes;
    }
    match draws.below(11) {
        0 => bytes[at] ^= 1 << draws.below(8),
        1 => bytes.truncate(at),
        2 => bytes.drain(draws.pick(&tags).clone()).for_each(drop),
        3 => {
            let tag = draws.pick(&tags).clone();
            let copy = bytes[tag.clone()].to_vec();
            bytes.splice(tag.end..tag.end, copy).for_each(drop);
        }
        4 => {
            let (from, to) = (draws.pick(&values).clone(), draws.pick(&values).clone());
            bytes.splice(to, text[from].bytes()).for_each(drop);
        }
        5 => {
            let number = draws.pick(&NUMBERS).bytes();
            bytes.splice(draws.pick(&values).clone(), number).for_each(drop);
        }
        6 => {
            // One number of several.
            let value = draws.pick(&values).clone();
            let number = *draws.pick(&NUMBERS);
            let word = text[value.clone()].split(' ').next().unwrap_or_default().len();
            bytes.splice(value.start..value.start + word, number.bytes()).for_each(drop);
        }
        7 => bytes.splice(at..at, draws.pick(&PIECES).bytes()).for_each(drop),
        8 => {
            let depth = *draws.pick(&[2, 40, 10_000]);
            bytes.splice(at..at, "<collision>".repeat(depth).bytes()).for_each(drop);
        }
        9 => {
            let end = (at + draws.below(60)).min(bytes.len());
            bytes.drain(at..end).for_each(drop);
        }
        _ => {
            // A whole element, with everything in it, twice.
            let starts: Vec<_> = text.match_indices("  <link name").map(|(at, _)| at).collect();
            if !starts.is_empty() {
                let start = *draws.pick(&starts);
                let end = text[start..].find("</link>").map_or(text.len(), |end| start + end + 7);
                let copy = bytes[start..end].to_vec();
                bytes.splice(end..end, copy).for_each(drop);
            }
        }
    }
    bytes
}

/// How many shapes a text declares, read in another way than the reader under test does: everything that XML passes
/// over is cut out, and what is left is counted.
fn declared(text: &str) -> usize {
    let mut text = text.to_owned();
    for (open, close) in [("<!--", "-->"), ("<?", "?>")] {
        while let Some(start) = text.find(open) {
            let Some(length) = text[start..].find(close) else { break };
            text.replace_range(start..start + length + close.len(), "");
        }
    }
    // Only what belongs to a link collides; elements that are passed over are none of ours.
    text.match_indices("<collision")
        .filter(|(at, name)| {
            text[at + name.len()..]
                .starts_with(|next: char| next.is_whitespace() || next == '>' || next == '/')
        })
        .count()
}

#[test]
fn two_thousand_broken_files_are_read_whole_or_refused_at_a_place() {
    let folder = folder_with(b"");
    let path = folder.path().join("robot.urdf");
    let mut draws = Draws(7);
    let mut refused = 0;
    for case in 0..2_000 {
        let mut bytes = mutate(ARM, &mut draws);
        for _ in 0..draws.below(3) {
            bytes = mutate(&String::from_utf8_lossy(&bytes), &mut draws);
        }
        std::fs::write(&path, &bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match RobotModel::read(&path) {
            Ok(robot) => {
                assert_eq!(robot.colliders(), declared(&text), "case {case} lost a shape:\n{text}");
            }
            Err(mistakes) => {
                refused += 1;
                assert!(!mistakes.is_empty());
                for mistake in mistakes.iter() {
                    let at = mistake.location();
                    assert!(at.file.ends_with("robot.urdf"), "case {case}: {at}");
                    let line = text.split('\n').nth(at.line - 1);
                    let line = line.unwrap_or_else(|| panic!("case {case}: no line {}", at.line));
                    assert!((1..=line.chars().count() + 1).contains(&at.column), "case {case}: {at}");
                }
                assert!(carrot_scene::Diagnostics::from(mistakes).render(80, false).contains("robot.urdf"));
            }
        }
    }
    assert!((1_200..1_990).contains(&refused), "{refused} of 2,000 refused");
}
