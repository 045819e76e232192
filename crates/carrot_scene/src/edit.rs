//! One assignment as an edit of the text: find the node that a path names, replace or insert there.

use std::{ops::Range, sync::Arc};

use crate::{
    Diagnostic, Diagnostics, NodeRef, Shape, Source, Syntax,
    scan::skip_space,
    source::{Document, Patch},
    syntax::Kind,
};

/// One step of a path and where it was typed.
#[derive(Clone, Debug)]
struct Step {
    to: To,
    range: Range<usize>,
}

#[derive(Clone, Debug)]
enum To {
    Name(String),
    Index(usize),
}

/// `path=value`, with the place of both in what the user typed.
pub(crate) struct Assignment {
    document: Arc<Document>,
    typed: Source,
    path: Range<usize>,
    value: Range<usize>,
}

impl Assignment {
    /// An assignment with its path and its value at the given places of `document`.
    pub(crate) fn new(document: Document, path: Range<usize>, value: Range<usize>) -> Self {
        let document = Arc::new(document);
        Self { typed: Source::of(&document), document, path, value }
    }

    /// The text with the value at the path.
    pub(crate) fn apply(&self, source: &Source) -> Result<Source, Diagnostics> {
        let steps = self.steps()?;
        let syntax = Syntax::parse(source)?;
        let (node, missing) = self.walk(&syntax.root(), &steps)?;
        let mut patch = Patch::new(&self.document);
        let edited = if missing.is_empty() {
            self.write_value(&mut patch, node.seen().shape() == Shape::String)?;
            source.patched(node.node().range.clone(), patch)
        } else {
            self.insert(source, &node, missing)?
        };
        Syntax::parse(&edited)?;
        Ok(edited)
    }

    fn steps(&self) -> Result<Vec<Step>, Diagnostics> {
        let text = &self.document.text[..self.path.end];
        let mut steps = Vec::new();
        let mut at = self.path.start;
        while at < text.len() {
            let rest = &text[at..];
            if let Some(inside) = rest.strip_prefix('[') {
                let end = inside.find(']').map_or(text.len(), |close| at + close + 2);
                let Ok(index) = text[at + 1..end].trim_end_matches(']').trim().parse() else {
                    return Err(self.fail(at..end, "an index is a whole number in brackets").into());
                };
                steps.push(Step { to: To::Index(index), range: at..end });
                at = end;
            } else {
                at += usize::from(rest.starts_with('.') && !steps.is_empty());
                let rest = &text[at..];
                let end = at + rest.find(['.', '[']).unwrap_or(rest.len());
                let name = text[at..end].trim();
                if name.is_empty() {
                    return Err(self.fail(at..end, "the path lacks a name here").into());
                }
                let start = at + (text[at..end].len() - text[at..end].trim_start().len());
                steps.push(Step { to: To::Name(name.to_owned()), range: start..start + name.len() });
                at = end;
            }
        }
        if steps.is_empty() {
            return Err(self.fail(self.path.clone(), "the path is empty").into());
        }
        Ok(steps)
    }

    /// Walks as far as there are nodes; the steps left over name fields that do not exist yet.
    fn walk<'s>(&self, root: &NodeRef, steps: &'s [Step]) -> Result<(NodeRef, &'s [Step]), Diagnostics> {
        let mut node = root.clone();
        for (index, step) in steps.iter().enumerate() {
            match self.child(&node, step)? {
                Some(child) => node = child,
                None => return Ok((node, &steps[index..])),
            }
        }
        Ok((node, &[]))
    }

    /// The child that a step names, or `None` where it may be created.
    fn child(&self, node: &NodeRef, step: &Step) -> Result<Option<NodeRef>, Diagnostics> {
        let body = transparent(node, &step.to);
        match (&step.to, &body.node().kind) {
            (To::Name(name), Kind::Struct(fields)) => {
                Ok(fields.iter().find(|(field, _)| field.text == *name).map(|&(_, id)| body.at(id)))
            }
            (To::Name(name), Kind::Map(entries)) => Ok(entries
                .iter()
                .find(|&&(key, _)| body.at(key).string().is_some_and(|key| key.value == *name))
                .map(|&(_, value)| body.at(value))),
            (To::Name(_), Kind::Unit) if !node.is_none() => Ok(None),
            (To::Name(name), Kind::List(items)) => {
                let names = items
                    .iter()
                    .map(|&id| body.at(id))
                    .filter_map(|item| Some((element_name(&item)?, item)))
                    .collect::<Vec<_>>();
                match names.iter().find(|(candidate, _)| candidate == name) {
                    Some((_, item)) => Ok(Some(item.clone())),
                    None => {
                        let valid = names.iter().map(|(name, _)| name).collect::<Vec<_>>();
                        let span = self.typed.span(step.range.clone());
                        Err(Diagnostic::unknown_name(&span, "element", name, &valid).into())
                    }
                }
            }
            (To::Index(index), Kind::List(items) | Kind::Tuple(items)) => match items.get(*index) {
                Some(&id) => Ok(Some(body.at(id))),
                None => {
                    let message = format!("[{index}] is past the end, there are {} elements", items.len());
                    Err(self.fail(step.range.clone(), message).with_help("the first one is [0]").into())
                }
            },
            (To::Name(name), _) => {
                let message = format!("there is no `{name}` in {}", node.described());
                Err(self.fail(step.range.clone(), message).into())
            }
            (To::Index(index), _) => {
                let message = format!("there is no [{index}] in {}", node.described());
                Err(self.fail(step.range.clone(), message).with_help("only lists and tuples have one").into())
            }
        }
    }

    /// Writes `name: (name: value)` with new fields for all steps that are left.
    fn insert(&self, source: &Source, node: &NodeRef, steps: &[Step]) -> Result<Source, Diagnostics> {
        let body = transparent(node, &steps[0].to);
        let in_map = matches!(body.node().kind, Kind::Map(_));
        let cause = self.path.start..self.value.end;
        let mut entry = Patch::new(&self.document);
        for (depth, step) in steps.iter().enumerate() {
            let To::Name(name) = &step.to else {
                return Err(self.fail(step.range.clone(), "there is no list here").into());
            };
            let quote = if in_map && depth == 0 { "\"" } else { "" };
            let is_name =
                name.chars().all(|c| c == '_' || c.is_alphanumeric()) && !name.starts_with(char::is_numeric);
            if !is_name && (quote.is_empty() || name.contains(['"', '\\'])) {
                return Err(self
                    .fail(step.range.clone(), format!("`{name}` cannot be the name of a field"))
                    .into());
            }
            let open = if depth == 0 { "" } else { "(" };
            entry.glue(&format!("{open}{quote}"), cause.clone()).copy(step.range.clone());
            entry.glue(&format!("{quote}: "), cause.clone());
        }
        self.write_value(&mut entry, false)?;
        entry.glue(&")".repeat(steps.len() - 1), cause.clone());

        let range = body.node().range.clone();
        let last = match &body.node().kind {
            Kind::Struct(fields) => fields.last().map(|&(_, id)| id),
            Kind::Map(entries) => entries.last().map(|&(_, id)| id),
            // `()`, or a bare name.
            _ => {
                let is_bare = !body.text().starts_with('(');
                let range = if is_bare { range.end..range.end } else { range };
                let mut patch = Patch::new(&self.document);
                patch.glue("(", cause.clone()).append(entry).glue(")", cause);
                return Ok(source.patched(range, patch));
            }
        };
        let layout = Layout::of(source.text(), range, last.map(|id| body.at(id).node().range.end));
        let mut patch = Patch::new(&self.document);
        patch.glue(&layout.before, cause.clone()).append(entry).glue(layout.after, cause.clone());
        let mut edited = source.patched(layout.at..layout.at, patch);
        if let Some(at) = layout.comma_at {
            let mut comma = Patch::new(&self.document);
            comma.glue(",", cause);
            edited = edited.patched(at..at, comma);
        }
        Ok(edited)
    }

    /// The value as typed; a bare word becomes a string where one stood, or where it is no RON.
    fn write_value(&self, patch: &mut Patch, was_string: bool) -> Result<(), Diagnostics> {
        let text = &self.document.text[self.value.clone()];
        let is_word = !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '+' | '@'));
        let parsed = Syntax::parse(&self.typed.part(self.value.clone()));
        let quote = is_word
            && match &parsed {
                Ok(syntax) => {
                    let root = syntax.root();
                    was_string && root.shape() == Shape::Named && !root.is_none()
                }
                // `0.9.9` and `NaN` are bad numbers, not words.
                Err(_) => {
                    was_string
                        || text.starts_with(char::is_alphabetic) && text.contains(['-', '/', ':', '.', '@'])
                }
            };
        if quote {
            let word = self.value.clone();
            patch.glue("\"", word.clone()).copy(word.clone()).glue("\"", word);
        } else {
            // The value alone: a comment after it would swallow what follows.
            let range = parsed?.root().node().range.clone();
            patch.copy(self.value.start + range.start..self.value.start + range.end);
        }
        Ok(())
    }

    fn fail(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new("override", &self.typed.span(range), message)
    }
}

/// Looks through names and, on the way to a field, through the brackets of a newtype.
fn transparent(node: &NodeRef, to: &To) -> NodeRef {
    let body = node.body();
    match (&body.node().kind, to) {
        (Kind::Tuple(items), To::Name(_)) if items.len() == 1 => transparent(&body.at(items[0]), to),
        _ => body,
    }
}

/// The value of the field `name` of an element of a list.
fn element_name(item: &NodeRef) -> Option<String> {
    let fields = item.fields()?;
    let (_, name) = fields.iter().find(|(field, _)| field.value == "name")?;
    name.string().map(|name| name.value)
}

/// Where and how a new entry goes into the brackets at `range`.
struct Layout {
    at: usize,
    before: String,
    after: &'static str,
    /// Where the entry before it lacks a comma.
    comma_at: Option<usize>,
}

impl Layout {
    fn of(text: &str, range: Range<usize>, last_end: Option<usize>) -> Self {
        let close = range.end - 1;
        let next = last_end.map(|end| (end, skip_space(text, end).unwrap_or(end)));
        let has_comma = next.is_none_or(|(_, next)| text[next..].starts_with(','));
        let comma_at = next.filter(|_| !has_comma).map(|(end, _)| end);
        let blank = text[..close].trim_end_matches([' ', '\t']).len();
        match text[range.start..blank].strip_suffix('\n') {
            // The closing bracket has a line to itself: so does the new entry.
            Some(lines) => {
                let (lines, line_break) =
                    lines.strip_suffix('\r').map_or((lines, "\n"), |lines| (lines, "\r\n"));
                let indent = last_end.and_then(|end| indent_of_entry(text, &range, end));
                let indent = indent.map_or_else(|| format!("{}    ", &text[blank..close]), str::to_owned);
                let before = format!("{line_break}{indent}");
                Self { at: range.start + lines.len(), before, after: ",", comma_at }
            }
            None => {
                let before = match (last_end, has_comma, text[..close].ends_with(' ')) {
                    (None, ..) | (Some(_), true, true) => "",
                    _ => " ",
                };
                let after = "";
                Self { at: close, before: before.to_owned(), after, comma_at }
            }
        }
    }
}

/// The indentation of the line on which the last entry, or its closing bracket, ends.
fn indent_of_entry<'t>(text: &'t str, range: &Range<usize>, last_end: usize) -> Option<&'t str> {
    let line = text[range.start..last_end].rfind('\n')? + range.start + 1;
    let rest = &text[line..last_end];
    Some(&rest[..rest.len() - rest.trim_start_matches([' ', '\t']).len()])
}
