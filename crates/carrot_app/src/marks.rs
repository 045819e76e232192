//! What a reward wants, drawn where it wants it: shells around the goal, and arrows that pull towards it or push away.

use carrot_reward::graph::Body;

use crate::session::fields::number_fields;
use crate::session::{Session, TermLine};

/// What one term puts into the world of the chosen row, in Carrot's axes and metres.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Place of the term among the children of the root; it gives the colour.
    pub place: usize,
    /// Where the goal is.
    pub goal: [f32; 3],
    /// Distances from the goal at which the term's pay changes.
    pub shells: Vec<f32>,
    /// From where to where an arrow leads: along what the term pays for at this step.
    pub arrow: Option<[[f32; 3]; 2]>,
}

/// The marks of a graph for the row and the step that are looked at: one per term that reads how far the goal is.
/// Tasks without a goal in space have none.
pub fn marks(session: &Session, graph: usize) -> Vec<Mark> {
    found(session, graph).unwrap_or_default()
}

fn found(session: &Session, graph: usize) -> Option<Vec<Mark>> {
    let goal = session.setup().task.goal()?;
    let (record, env) = (session.record()?, session.env());
    let catalog = session.live().env().catalog();
    let point = |name: &str| -> Option<[f32; 3]> {
        let (id, spec) = catalog.find(name)?;
        let width = spec.kind.width();
        let axis = |axis: usize| if axis < width { record.signal(id.0 + axis, env) } else { 0.0 };
        (width > 1).then(|| std::array::from_fn(axis))
    };
    let (at, offset) = (point(goal.goal)?, point(goal.offset)?);
    let from: [f32; 3] = std::array::from_fn(|axis| at[axis] - offset[axis]);
    let spec = record.epoch.graphs.get(graph)?;
    let account = session.account(graph);
    let most = account.lines.iter().fold(0.0_f32, |most, line| most.max(line.account.output.abs()));
    let reads = |line: &TermLine| match &spec.nodes[line.node].body {
        Body::Term(kind, _) => {
            kind.signals().iter().any(|signal| signal.name == goal.distance || signal.name == goal.offset)
        }
        Body::Combine(..) => false,
    };
    let (mut marks, mut tops) = (Vec::new(), 0);
    for line in &account.lines {
        tops += usize::from(line.depth == 0);
        if line.weight == 0.0 || !reads(line) {
            continue;
        }
        let shells = shells(&spec.text, &line.path);
        let pull = if most > 0.0 { line.account.output / most } else { 0.0 };
        let arrow = (shells.is_empty() && pull != 0.0)
            .then(|| [from, std::array::from_fn(|axis| from[axis] + 0.6 * pull * offset[axis])]);
        marks.push(Mark { place: tops - 1, goal: at, shells, arrow });
    }
    Some(marks)
}

/// Distances at which a term's pay changes, rising.
fn shells(text: &str, path: &str) -> Vec<f32> {
    let fields = number_fields(text, path).unwrap_or_default();
    let field = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.value);
    let bound = field("bounds[1]").or(field("above")).or(field("below"));
    let margin = bound.and_then(|bound| Some(bound + field("margin")?));
    [bound, margin].into_iter().flatten().filter(|radius| *radius > 0.0).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use carrot_lab::ModelFiles;
    use carrot_scene::Source;

    use super::*;

    fn session(task: &str, reward: &str) -> Session {
        let text =
            format!("(version: 1, task: \"{task}\", batch: (num_envs: 2, num_steps: 8), reward: {reward})");
        let mut session = Session::open(Source::new("scene.ron", text), ModelFiles::new(), 2).unwrap();
        (0..3).for_each(|_| session.step().unwrap());
        session
    }

    #[test]
    fn a_tolerance_is_two_shells_and_a_distance_an_arrow_to_the_goal() {
        let near =
            "(name: \"near\", kind: Tolerance(signal: \"goal_distance\", bounds: (0.0, 0.05), margin: 0.2))";
        let close = "(name: \"close\", kind: Progress(signal: \"goal_distance\"), weight: 5.0)";
        let still = "(name: \"still\", kind: StateCost(signal: \"tool_velocity\"), weight: -0.1)";
        let session = session("Reach", &format!("[{still}, {near}, {close}]"));
        let marks = marks(&session, 0);
        assert_eq!(marks.iter().map(|mark| mark.place).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(marks[0].shells, [0.05, 0.25]);
        assert_eq!(marks[0].arrow, None);
        // The expert comes nearer, which pays: the arrow leads from the tool towards the goal.
        let [from, to] = marks[1].arrow.unwrap();
        let distance = |a: [f32; 3]| carrot_sim::goal::distance(&a, &marks[1].goal);
        assert!(distance(to) < distance(from), "{from:?} {to:?}");
    }

    #[test]
    fn a_task_without_a_goal_in_space_has_no_marks() {
        assert!(marks(&session("CartPole-v1", "\"mixed\""), 0).is_empty());
    }
}
