//! What can be said of pictures: sentences, and when they are true.

use carrot_scene::{Diagnostics, Reader, Source, Spanned, Syntax};

use crate::setup::{ModelFiles, Setup};

/// One thing that can be said, in several wordings.
#[derive(Debug, Clone)]
pub struct Caption {
    /// Tasks whose pictures it is about.
    pub tasks: Vec<String>,
    /// The condition under which it is true, an expression over signals.
    when: Spanned<String>,
    /// The condition under which it is false; where `when` does not hold, if there is none.
    unless: Option<Spanned<String>>,
    /// How true it is, an expression from 0 to 1; 1 where it is true and 0 where it is false, if there is none.
    degree: Option<Spanned<String>>,
    /// Wordings to learn from.
    pub say: Vec<String>,
    /// Wordings to test with.
    pub ask: Vec<String>,
}

/// A file of captions.
#[derive(Debug, Clone)]
pub struct Captions(pub Vec<Caption>);

impl Captions {
    /// Those that come with Carrot.
    ///
    /// # Errors
    /// Never, which a test holds.
    pub fn shipped() -> Result<Self, Diagnostics> {
        let text = include_str!("../../../../assets/captions.ron");
        Self::read(&Source::new("assets/captions.ron", text))
    }

    /// Reads a file of captions.
    ///
    /// # Errors
    /// Every mistake with its place: unknown fields and tasks, captions without a wording.
    pub fn read(source: &Source) -> Result<Self, Diagnostics> {
        let root = Syntax::parse(source)?.root();
        let mut diagnostics = Diagnostics::new();
        let mut captions = Vec::new();
        let items = root.items().unwrap_or_else(|| {
            diagnostics.error(
                &root.head(),
                "expected a list of captions",
                "",
                "write `[(tasks: [..], when: \"..\", say: [..])]`",
            );
            Vec::new()
        });
        for item in items {
            let Some(mut reader) = Reader::open(&item, &mut diagnostics) else { continue };
            let tasks = reader.required_node("tasks");
            let when = reader.spanned("when");
            let unless = if reader.has("unless") { reader.spanned("unless") } else { None };
            let degree = if reader.has("degree") { reader.spanned("degree") } else { None };
            let say = reader.required::<Vec<String>>("say");
            let ask = reader.optional("ask", Vec::new());
            if say.as_ref().is_some_and(Vec::is_empty) {
                reader.refuse("say", "there is nothing to say", "give at least one wording");
            }
            reader.finish();
            let mut names = Vec::new();
            for task in tasks.and_then(|tasks| tasks.items()).unwrap_or_default() {
                let Some(name) = task.string() else {
                    diagnostics.error(&task.span(), "expected the name of a task", "", "write it in quotes");
                    continue;
                };
                if !carrot_tasks::task_names().contains(&name.value.as_str()) {
                    diagnostics.unknown_name(&name.span, "task", &name.value, &carrot_tasks::task_names());
                }
                names.push(name.value);
            }
            if let (Some(when), Some(say)) = (when, say) {
                captions.push(Caption { tasks: names, when, unless, degree, say, ask });
            }
        }
        diagnostics.into_result(Some(Self(captions)))
    }

    /// Indices of the captions about a task; the first one says its goal.
    pub fn of(&self, task: &str) -> Vec<usize> {
        (0..self.0.len()).filter(|&i| self.0[i].tasks.iter().any(|name| name == task)).collect()
    }

    /// All tasks that captions are about, in the order of the list of tasks.
    pub fn tasks(&self) -> Vec<&'static str> {
        carrot_tasks::task_names().into_iter().filter(|task| !self.of(task).is_empty()).collect()
    }

    /// A setup of a task whose reward's terms are the conditions of its captions: true, false and, where it is said, how
    /// true.
    ///
    /// # Errors
    /// A condition that is none over the task's signals, with its place.
    pub fn setup(&self, task: &str) -> Result<Setup, Diagnostics> {
        let mut lines = Vec::new();
        let mut places = Vec::new();
        for index in self.of(task) {
            let Caption { when, unless, degree, .. } = &self.0[index];
            lines.push(format!("term(\"{index} true\", 1, {});", when.value));
            let unless_text =
                unless.as_ref().map_or_else(|| format!("not ({})", when.value), |u| u.value.clone());
            lines.push(format!("term(\"{index} false\", 1, {unless_text});"));
            places.extend([&when.span, unless.as_ref().map_or(&when.span, |unless| &unless.span)]);
            if let Some(degree) = degree {
                lines.push(format!("term(\"{index} degree\", 1, {});", degree.value));
                places.push(&degree.span);
            }
        }
        let program = lines.join("\n");
        let scene = format!(
            "(version: 1, task: \"{task}\", batch: (num_envs: 1, num_steps: 1), recording: (envs: 0), reward: Program(r##\"{program}\"##))"
        );
        Setup::read::<&str>(&Source::new("captions", scene), &[], ModelFiles::new()).map_err(|found| {
            // A line of the program is a condition of the file.
            let mut told = Diagnostics::new();
            for mistake in found.iter() {
                let line = mistake.location.line.saturating_sub(1);
                if let Some(place) = places.get(line).or(places.first()) {
                    let near = mistake.nearest.as_ref().map(|near| format!("did you mean {near:?}?"));
                    let help = near.or_else(|| mistake.help.clone()).unwrap_or_default();
                    told.error(place, format!("{task}: {}", mistake.message), "", help);
                }
            }
            told
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_captions_fit_their_tasks() {
        let captions = Captions::shipped().unwrap();
        assert_eq!(captions.tasks(), carrot_tasks::task_names(), "something can be said of every task");
        for task in captions.tasks() {
            captions.setup(task).unwrap();
        }
        for caption in &captions.0 {
            assert!(!caption.ask.is_empty(), "{:?} keeps no wording back", caption.say);
            let known: Vec<&str> =
                captions.0.iter().flat_map(|c| &c.say).flat_map(|s| s.split(' ')).collect();
            let new = caption.ask.iter().flat_map(|s| s.split(' ')).find(|word| !known.contains(word));
            assert_eq!(new, None, "a wording that is asked for has words that no other one teaches");
            assert!(
                caption.ask.iter().all(|ask| !captions.0.iter().any(|c| c.say.contains(ask))),
                "{caption:?}"
            );
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        let read = |text: &str| {
            let captions = Captions::read(&Source::new("mine.ron", text));
            captions.and_then(|captions| captions.setup("CartPole-v1").map(drop)).unwrap_err().to_string()
        };
        let told = read("[(tasks: [\"CartPole-v1\"],\n when: \"pole_angel > 0\", say: [\"it leans\"])]");
        assert!(told.contains("mine.ron:2:8") && told.contains("pole_angle"), "{told}");
        let told = read("[(tasks: [\"CartPole\"], when: \"true\", say: [])]");
        assert!(told.contains("CartPole-v1") && told.contains("at least one wording"), "{told}");
    }
}
