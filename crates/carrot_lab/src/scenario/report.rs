//! What is told of scenarios: pages for people, JUnit XML for machines.

use std::fmt::Write;

use super::check::{Failure, Verdict};
use super::mutation::{Fate, MutationScore};
use super::suite::FileOutcome;

/// One file: what failed, with the steps around it and the command that replays it.
pub fn file_text(outcome: &FileOutcome) -> String {
    let (failed, all) = (outcome.failed(), outcome.verdicts.len());
    let mut lines = vec![match failed {
        0 => format!("{}: {all} hold", outcome.file),
        _ => format!("{}: {} hold, {failed} do not", outcome.file, all - failed),
    }];
    for verdict in outcome.verdicts.iter().filter(|verdict| !verdict.passed()) {
        lines.push(verdict_text(verdict));
    }
    lines.join("\n")
}

fn verdict_text(verdict: &Verdict) -> String {
    let at = &verdict.location;
    let mut text = format!(
        "  FAILED {}:{}:{}\n    {} (under {})",
        at.file, at.line, at.column, verdict.name, verdict.under
    );
    for failure in &verdict.failures {
        let _ = write!(text, "\n{}", failure_text(failure));
    }
    if let Some(place) = verdict.failures.iter().find_map(|failure| failure.at.as_ref()) {
        let (file, under) = (&at.file, &verdict.under);
        let (rollout, env) = (&place.rollout, place.env);
        let _ =
            write!(text, "\n    replay: carrot test {file} --replay {rollout} --env {env} --under {under}");
    }
    text
}

fn failure_text(failure: &Failure) -> String {
    let Some(place) = &failure.at else { return format!("    {}", failure.message) };
    let mut text =
        format!("    {}, env {}, step {}: {}", place.rollout, place.env, place.step, failure.message);
    if failure.columns.is_empty() {
        return text;
    }
    let mut rows =
        vec![std::iter::once("step".to_string()).chain(failure.columns.clone()).collect::<Vec<_>>()];
    rows.extend(failure.steps.iter().map(|row| {
        std::iter::once(row.step.to_string())
            .chain(row.values.iter().map(|value| format!("{value}")))
            .collect()
    }));
    for (line, marked) in aligned(&rows).into_iter().zip(marks(failure, place.step)) {
        let _ = write!(text, "\n    {marked} {line}");
    }
    text
}

/// An arrow at the step that failed; the heading has none.
fn marks(failure: &Failure, step: usize) -> impl Iterator<Item = &'static str> {
    std::iter::once(" ").chain(failure.steps.iter().map(move |row| if row.step == step { ">" } else { " " }))
}

/// Cells in columns of equal width, right-aligned.
pub(super) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

/// One file's mutants: the score, and those that nothing noticed.
pub fn mutation_text(score: &MutationScore) -> String {
    let (killed, all) = (score.killed(), score.killed() + score.survived());
    let equivalent = match score.equivalent() {
        0 => String::new(),
        n => format!(", {n} equivalent"),
    };
    let percent = 100.0 * score.share();
    let mut text = format!("{}: {killed} of {all} mutants noticed ({percent:.0} %){equivalent}", score.file);
    for mutant in score.mutants.iter().filter(|mutant| mutant.fate == Fate::Survived) {
        let _ = write!(text, "\n  SURVIVED {}: {}", mutant.reward, mutant.mutant);
    }
    text
}

/// All files as JUnit XML: a suite for each file, a case for each expectation.
pub fn junit(outcomes: &[FileOutcome]) -> String {
    let tests: usize = outcomes.iter().map(|outcome| outcome.verdicts.len()).sum();
    let failures: usize = outcomes.iter().map(FileOutcome::failed).sum();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"carrot\" tests=\"{tests}\" failures=\"{failures}\">\n"
    );
    for outcome in outcomes {
        let (name, tests, failed) = (escaped(&outcome.file), outcome.verdicts.len(), outcome.failed());
        let _ = writeln!(xml, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\">");
        for verdict in &outcome.verdicts {
            let (case, class) =
                (escaped(&verdict.name), escaped(&format!("{}.{}", outcome.task, verdict.under)));
            let line = verdict.location.line;
            let _ = write!(
                xml,
                "    <testcase name=\"{case}\" classname=\"{class}\" file=\"{name}\" line=\"{line}\""
            );
            match verdict.failures.first() {
                None => xml.push_str("/>\n"),
                Some(failure) => {
                    let (message, text) = (escaped(&failure.message), escaped(&verdict_text(verdict)));
                    let _ = writeln!(
                        xml,
                        ">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>"
                    );
                }
            }
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text that XML can hold, in attributes too; control characters cannot be written at all.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_holds_any_text() {
        assert_eq!(escaped("a < \"b\" & c > d\u{1}"), "a &lt; &quot;b&quot; &amp; c &gt; d\u{fffd}");
    }

    #[test]
    fn tables_are_aligned_to_the_right() {
        let row = |cells: [&str; 2]| cells.map(String::from).to_vec();
        assert_eq!(aligned(&[row(["step", "x"]), row(["7", "1.25"])]), ["step     x", "   7  1.25"]);
    }
}
