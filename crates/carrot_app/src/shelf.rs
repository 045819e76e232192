//! What the start page offers: scenes with their first picture, and runs.

use std::path::{Path, PathBuf};

use carrot_lab::{ModelFiles, Setup};
use carrot_scene::Source;

use crate::panels::start::{RunCard, ScenarioCard, SceneCard};
use crate::runs::FoundRun;
use crate::session::mirror::unpaid_row;
use crate::solid::{Bounds, solids};

/// Letters that a card has room for.
const CARD_LETTERS: usize = 96;

/// Cards of all scenes in a folder, in the order of the tasks, and what could not be read.
pub fn scene_cards(folder: &Path, models: &ModelFiles) -> (Vec<SceneCard>, Vec<String>) {
    let Some(files) = ron_files(folder) else {
        let note = format!("There is no folder {}; start the app where your scenes are.", folder.display());
        return (Vec::new(), vec![note]);
    };
    let (mut cards, mut notes) = (Vec::new(), Vec::new());
    for file in files {
        match scene_card(&file, models) {
            Ok(card) => cards.push(card),
            Err(why) => notes.push(why),
        }
    }
    let names = carrot_tasks::task_names();
    let place = |card: &SceneCard| names.iter().position(|name| *name == card.task);
    cards.sort_by_key(|card| (place(card).is_none(), place(card)));
    (cards, notes)
}

/// All files of a folder that end in `.ron`, by name.
fn ron_files(folder: &Path) -> Option<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = paths.filter(|p| p.extension().is_some_and(|e| e == "ron")).collect();
    files.sort();
    Some(files)
}

/// Scenarios lie in a folder of their own beside the scenes.
pub fn scenario_cards(scenes: &Path) -> Vec<ScenarioCard> {
    let card = |path: PathBuf| ScenarioCard {
        title: path.file_stem().unwrap_or_default().to_string_lossy().replace('_', " "),
        about: first_comment(&path).unwrap_or_default(),
        path,
    };
    ron_files(&scenes.join("scenarios")).unwrap_or_default().into_iter().map(card).collect()
}

fn first_comment(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.strip_prefix("//")?.trim().to_string())
}

/// The beginning of the comment that a scene begins with, up to where it pauses; without one what its task says.
fn opening_words(text: &str, otherwise: &str) -> String {
    let comment: Vec<&str> = text.lines().map_while(|line| Some(line.strip_prefix("//")?.trim())).collect();
    let comment = comment.join(" ");
    let end = [". ", ": ", "; ", " ("].iter().filter_map(|pause| comment.find(pause)).min();
    let words = comment[..end.unwrap_or(comment.len())].trim_end_matches('.');
    match words.char_indices().nth(CARD_LETTERS) {
        _ if words.is_empty() => otherwise.into(),
        None => format!("{words}."),
        Some((end, _)) => format!("{}...", &words[..end]),
    }
}

fn scene_card(file: &Path, models: &ModelFiles) -> Result<SceneCard, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let source = Source::read(file).map_err(|error| wrong(&error))?;
    let setup = Setup::read::<&str>(&source, &[], models.clone()).map_err(|error| wrong(&error))?;
    let mut env = unpaid_row(&setup).map_err(|error| wrong(&error))?;
    let frame = env.frame(0).map_err(|error| wrong(&error))?;
    let (spec, solids) = (setup.task.spec(), solids(&frame.drawing));
    Ok(SceneCard {
        path: file.to_path_buf(),
        task: spec.name.into(),
        family: spec.family.into(),
        title: file.file_stem().unwrap_or_default().to_string_lossy().replace('_', " "),
        about: opening_words(source.text(), spec.about),
        detail: format!("{}, {} reward", spec.name, setup.reward),
        is_flat: frame.drawing.tiles.is_some(),
        bounds: match frame.drawing.tiles {
            Some(_) => Bounds::of(&solids),
            None => Bounds::seen(&solids, &setup.task.camera()),
        },
        solids,
    })
}

/// Cards of runs, in the order given.
pub fn run_cards(runs: &[FoundRun]) -> Vec<RunCard> {
    let card = |run: &FoundRun| {
        let steps = run.rows.last().map_or(0, |row| row.env_steps);
        let truth =
            run.last("rollout/score_mean").map_or(String::new(), |score| format!(", score {score:.2}"));
        RunCard {
            path: run.path.clone(),
            title: format!("{} {} {}", run.meta.task, run.meta.algo, run.reward()),
            detail: format!("{}, seed {}, {steps} env steps{truth}", run.meta.started, run.meta.seed),
        }
    };
    runs.iter().map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_what_its_scene_begins_with() {
        let of = |text: &str| opening_words(text, "The task.");
        assert_eq!(
            of("// Reach at 0.5 m, told in words: how far\n// it is.\n("),
            "Reach at 0.5 m, told in words."
        );
        assert_eq!(of("// A pole\n// that stands.\n(version: 1)"), "A pole that stands.");
        assert_eq!(of("(version: 1) // later"), "The task.");
        assert_eq!(of(&format!("// {}", "é".repeat(200))).chars().count(), CARD_LETTERS + 3);
    }
}
