//! Edits of a reward as edits of the scene's text: comments and order stay, and every one can be taken back.

use std::ops::Range;
use std::path::Path;

use carrot_lab::{LabError, SceneSpec, Setup};
use carrot_scene::{NodeRef, Shape, Source, edit};

use super::fields::within_text;

/// One change of a reward.
#[derive(Debug, Clone, PartialEq)]
pub enum RewardEdit {
    /// A value of a term: `near.weight`, `near.kind.margin`.
    Set {
        /// 0 for the trained graph, then the shadows.
        graph: usize,
        /// Path below the graph.
        path: String,
        /// RON.
        value: String,
    },
    /// One more term.
    Add {
        /// 0 for the trained graph, then the shadows.
        graph: usize,
        /// RON of the term.
        term: String,
    },
    /// A child of the root less.
    Remove {
        /// 0 for the trained graph, then the shadows.
        graph: usize,
        /// Its name.
        name: String,
    },
    /// One of the task's rewards as a further shadow.
    AddShadow {
        /// Its name.
        name: String,
    },
}

impl std::fmt::Display for RewardEdit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set { path, value, .. } => write!(f, "{path} = {value}"),
            Self::Add { term, .. } => write!(f, "add {term}"),
            Self::Remove { name, .. } => write!(f, "remove {name}"),
            Self::AddShadow { name } => write!(f, "watch {name}"),
        }
    }
}

/// One line of the edit log.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEdit {
    /// Tick at which it came into force.
    pub tick: u64,
    /// Revision that it made.
    pub revision: u32,
    /// What was changed.
    pub text: String,
}

/// The scene's text under edit.
#[derive(Debug, Clone)]
pub struct RewardText {
    source: Source,
    saved: String,
    undo: Vec<Source>,
    redo: Vec<Source>,
    gesture: Option<u64>,
    /// Every edit so far, undone ones too.
    pub log: Vec<LoggedEdit>,
}

impl RewardText {
    /// A text without edits.
    pub fn new(source: Source) -> Self {
        let saved = source.text().to_string();
        Self { source, saved, undo: Vec::new(), redo: Vec::new(), gesture: None, log: Vec::new() }
    }

    /// The text as it stands.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether it differs from the file.
    pub fn is_changed(&self) -> bool {
        self.source.text() != self.saved
    }

    /// Whether there is an edit to take back.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether an edit was taken back.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// The text with an edit made; nothing is kept yet.
    ///
    /// # Errors
    /// When the path leads nowhere, or the value is not RON.
    pub fn with(&self, setup: &Setup, change: &RewardEdit) -> Result<Source, LabError> {
        let edited = match change {
            RewardEdit::Set { graph, path, value } => {
                let source = expanded(&self.source, setup, *graph)?;
                match within_text(&graph_node(&source, *graph)?, path) {
                    Some(place) => spliced(&source, place, value),
                    None => edit(&source, &format!("{}.{path}", graph_path(setup, *graph)), value)?,
                }
            }
            RewardEdit::Add { graph, term } => {
                let source = expanded(&self.source, setup, *graph)?;
                append(&source, &graph_node(&source, *graph)?, term)
            }
            RewardEdit::Remove { graph, name } => {
                let source = expanded(&self.source, setup, *graph)?;
                remove(&source, &graph_node(&source, *graph)?, name)?
            }
            RewardEdit::AddShadow { name } => {
                let quoted = format!("\"{name}\"");
                match SceneSpec::read::<&str>(&self.source, &[])?.shadows.is_empty() {
                    true => edit(&self.source, "shadows", &format!("{{{quoted}: {quoted}}}"))?,
                    false => edit(&self.source, &format!("shadows.{name}"), &quoted)?,
                }
            }
        };
        // A text of its own: places in it do not remember every slider that was ever moved.
        Ok(Source::new(self.source.name(), edited.text()))
    }

    /// Takes a text as the new one. Edits of one gesture, such as the drag of a slider, are undone together.
    pub fn commit(&mut self, edited: Source, gesture: Option<u64>) {
        let before = std::mem::replace(&mut self.source, edited);
        if gesture.is_none() || gesture != self.gesture {
            self.undo.push(before);
        }
        self.gesture = gesture;
        self.redo.clear();
    }

    /// The text before the last edit; [`RewardText::undo`] makes it the present one.
    pub fn peek_undo(&self) -> Option<&Source> {
        self.undo.last()
    }

    /// The text that was last taken back.
    pub fn peek_redo(&self) -> Option<&Source> {
        self.redo.last()
    }

    /// Takes the last edit back.
    pub fn undo(&mut self) {
        if let Some(before) = self.undo.pop() {
            self.redo.push(std::mem::replace(&mut self.source, before));
            self.gesture = None;
        }
    }

    /// Makes the edit again that was last taken back.
    pub fn redo(&mut self) {
        if let Some(after) = self.redo.pop() {
            self.undo.push(std::mem::replace(&mut self.source, after));
            self.gesture = None;
        }
    }

    /// Writes the text to a file, in one step.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn save(&mut self, path: &Path) -> Result<(), LabError> {
        carrot_record::replace_file(&carrot_record::DiskStorage, path, self.source.text().as_bytes())?;
        self.saved = self.source.text().to_string();
        Ok(())
    }
}

/// Where a graph stands in a scene.
fn graph_path(setup: &Setup, graph: usize) -> String {
    match graph {
        0 => "reward".into(),
        shadow => format!("shadows.{}", setup.graphs[shadow].name),
    }
}

/// The node of a graph in a scene's text.
fn graph_node(source: &Source, graph: usize) -> Result<NodeRef, LabError> {
    let scene = SceneSpec::read::<&str>(source, &[])?;
    let shadow = |index: usize| scene.shadows.get(index).map(|(_, node)| node.clone());
    let node = if graph == 0 { Some(scene.reward.clone()) } else { shadow(graph - 1) };
    node.ok_or_else(|| LabError::Refused(format!("the scene has no graph {graph}")))
}

/// The scene with a graph written out where it is given by name: only what is written can be edited.
fn expanded(source: &Source, setup: &Setup, graph: usize) -> Result<Source, LabError> {
    let node = graph_node(source, graph)?;
    // A name may stand without quotes.
    let is_form = node.variant().is_some_and(|(_, arguments)| arguments.shape() != Shape::Unit);
    if node.items().is_some() || is_form {
        return Ok(source.clone());
    }
    let name = node.string().map_or_else(|| node.text().to_string(), |name| name.value);
    let known = setup.task.spec().rewards.iter().find(|reward| reward.name == name);
    let ron = known.ok_or_else(|| LabError::Refused(format!("there is no reward `{name}`")))?.ron;
    Ok(edit(source, &graph_path(setup, graph), &ron.replace('\n', "\n    "))?)
}

/// The text with one more item at the end of a list; what stands alone becomes the first of one.
fn append(source: &Source, list: &NodeRef, item: &str) -> Source {
    let (text, place) = (source.text(), list.span().range());
    if list.variant().is_some() {
        let alone = &text[place.clone()];
        return spliced(source, place, &format!("[\n        {alone},\n        {item},\n    ]"));
    }
    let items = list.items().unwrap_or_default();
    let Some(last) = items.last().map(|item| item.span().range()) else {
        return spliced(source, place.start + 1..place.start + 1, item);
    };
    let line = text[..last.start].rfind('\n').map_or(0, |newline| newline + 1);
    let indent: String = text[line..].chars().take_while(|c| c.is_whitespace() && *c != '\n').collect();
    match comma_after(&text[last.end..place.end]) {
        Some(comma) => {
            let at = last.end + comma + 1;
            spliced(source, at..at, &format!("\n{indent}{item},"))
        }
        None => spliced(source, last.end..last.end, &format!(",\n{indent}{item}")),
    }
}

/// The text without the item of a list that has a name.
fn remove(source: &Source, list: &NodeRef, name: &str) -> Result<Source, LabError> {
    let named = |item: &NodeRef| {
        let fields = item.fields().unwrap_or_default();
        fields
            .iter()
            .any(|(field, value)| field.value == "name" && value.string().is_some_and(|n| n.value == name))
    };
    let items = list.items().unwrap_or_default();
    let item = items.iter().find(|item| named(item));
    let item = item.ok_or_else(|| LabError::Refused(format!("there is no term `{name}` to remove")))?;
    if items.len() == 1 {
        return Err(LabError::Refused("a reward needs at least one term".into()));
    }
    let (text, own) = (source.text(), item.span().range());
    let rest = &text[own.end..list.span().range().end];
    let end = comma_after(rest).map_or(own.end, |comma| own.end + comma + 1);
    let start = text[..own.start].trim_end_matches([' ', '\t']).len();
    let start = if text[..start].ends_with('\n') { start - 1 } else { own.start };
    Ok(spliced(source, start..end, ""))
}

fn spliced(source: &Source, range: Range<usize>, with: &str) -> Source {
    let mut text = source.text().to_string();
    text.replace_range(range, with);
    Source::new(source.name(), text)
}

/// Where the comma is that ends an item, if one comes before the next item or bracket.
fn comma_after(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match next {
            ',' => return Some(at),
            c if c.is_whitespace() => c.len_utf8(),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => return None,
        };
    }
    None
}
