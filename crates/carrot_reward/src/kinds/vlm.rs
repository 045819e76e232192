//! `Vlm`: what an image-text model says of pictures, scored over whole rollouts.

use bevy_ecs::prelude::Component;
use carrot_scene::{NodeRef, Reader};

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};
use crate::question::{Asked, Form, Frames, Question};

/// Name of the image-text model that comes with Carrot, which every run offers.
pub const SHIPPED: &str = "shipped";

/// Most prompts of one term.
const MOST_PROMPTS: usize = 64;

/// Pays how well pictures of s′ fit a description. The column stays 0 in the step and is filled when the rollout is
/// finalised, so no step waits for a picture.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Vlm {
    /// What is asked.
    pub asked: Asked,
}

impl Kind for Vlm {
    const DOC: RuleDoc = RuleDoc {
        name: "Vlm",
        rewards: "Looking like a description, as an image-text model sees it.",
        formula: "raw = answer(picture of s', prompts): cosine similarity to `goal`; with `baseline`, that of the \
                  picture projected towards the line from baseline to goal; with `others`, the chance of the goal \
                  among them; with `from`, the way made from there to the goal. Steps without a picture pay 0",
        range: "[-1, 1]; with `others` or `from` [0, 1]",
        parameters: &[
            ("goal", "a description, or a list of wordings of it"),
            ("baseline", "what the picture shows anyway, none unless given"),
            ("alpha", "strength of the projection, 0 to 1, 0.5 unless given"),
            ("others", "descriptions that the goal is told from"),
            (
                "threshold",
                "pay 1 where the chance of the goal reaches it, else 0: among `others`, or the model's own without them, \
                 which models that were taught with a sigmoid have (SigLIP, Carrot's)",
            ),
            ("from", "a description of where the way to the goal begins"),
            (
                "frames",
                "Every(k) steps and the last, Last, or Best(k): the best of every k, paid at the end; Every(1)",
            ),
            (
                "model",
                "name of an image-text model that the run offers; the one that comes with Carrot without it",
            ),
        ],
        misleads: "A model answers for all that a picture has in common with words, seen or imagined: an agent finds \
                   poses that look right from the camera and are wrong, or that the model has never seen. Compare with \
                   the truth over many states (`carrot vlm bench`) before training on it.",
        source: "Goal and baseline: Rocamonde et al. 2023, VLM-RM. Success detection by a threshold: Baumli et al. \
                 2023. Progress between two texts is the projection of the same line, clipped.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        let goal = reader.required_node("goal");
        let goal = goal.and_then(|node| read_prompts(&node, reader));
        let form = read_form(reader);
        let frames = reader.optional("frames", Frames::Every(1));
        if matches!(frames, Frames::Every(0) | Frames::Best(0)) {
            reader.refuse("frames", "pictures are taken every 1 step or more", "write `Every(4)` or `Last`");
            return None;
        }
        let help = "give its folder with `--model NAME=FOLDER`, or leave `model` out for the one that comes with Carrot";
        let model = match reader.optional("model", SHIPPED.to_string()) {
            name if name == SHIPPED => name,
            _ => scope.model(reader, "model", "image-text model", help)?,
        };
        let question = Question { goal: goal?, form: form? };
        if question.prompts().len() > MOST_PROMPTS {
            let message = format!("a term asks at most {MOST_PROMPTS} prompts");
            reader.refuse("goal", message, "leave some out");
            return None;
        }
        Some(Self { asked: Asked { model, question, frames } })
    }

    fn signals(&self) -> Vec<SignalRef> {
        Vec::new()
    }

    fn is_of_state(&self) -> bool {
        false
    }

    fn evaluate(&self, _: &Transition<'_>, raw: &mut [f32]) {
        raw.fill(0.0);
    }

    fn model(&self) -> Option<&str> {
        Some(&self.asked.model)
    }

    fn asked(&self) -> Option<&Asked> {
        Some(&self.asked)
    }
}

/// One description, or several.
fn read_prompts(node: &NodeRef, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let prompts = match node.string() {
        Some(one) => vec![one.value],
        None => reader.diagnostics().collect(node.parse::<Vec<String>>())?,
    };
    if prompts.is_empty() || prompts.iter().any(|prompt| prompt.trim().is_empty()) {
        let help = "write `\"the pole stands upright\"`, or a list of wordings";
        reader.diagnostics().error(&node.head(), "a description has words", "", help);
        return None;
    }
    Some(prompts)
}

/// What the fields beside the goal make of the question.
fn read_form(reader: &mut Reader<'_>) -> Option<Form> {
    let given: Vec<&str> =
        ["baseline", "others", "from"].into_iter().filter(|field| reader.has(field)).collect();
    if let [_, second, ..] = given[..] {
        let message = format!("`{}` and `{second}` are two ways to ask", given[0]);
        reader.refuse(second, message, "use two terms");
        return None;
    }
    if reader.has("alpha") && !given.contains(&"baseline") {
        reader.refuse("alpha", "`alpha` goes with `baseline`", "give `baseline` as well");
        return None;
    }
    if reader.has("threshold")
        && let Some(with) = given.iter().find(|field| **field != "others")
    {
        let message = format!("`threshold` does not go with `{with}`");
        reader.refuse("threshold", message, "leave one of them out");
        return None;
    }
    Some(match given.first() {
        None if reader.has("threshold") => {
            let threshold = reader.required_in("threshold", 0.0..=1.0)?;
            Form::Success { others: Vec::new(), threshold }
        }
        None => Form::Likeness,
        Some(&"baseline") => Form::Baseline {
            baseline: reader.required("baseline")?,
            alpha: reader.optional_in("alpha", 0.5, 0.0..=1.0),
        },
        Some(&"from") => Form::Progress { from: reader.required("from")? },
        Some(_) => {
            let node = reader.required_node("others")?;
            let others = read_prompts(&node, reader)?;
            if reader.has("threshold") {
                Form::Success { others, threshold: reader.required_in("threshold", 0.0..=1.0)? }
            } else {
                Form::Among(others)
            }
        }
    })
}
