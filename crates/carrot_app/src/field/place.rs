//! Fields of goal tasks: the shown step scored again, had what moves ended elsewhere.
//!
//! Only what the task's [`carrot_sim::GoalSpec`] knows follows a point: the place itself, the way to the goal, its
//! length, and success. All other signals are as they were at this step, and the caption says so. Nothing is
//! simulated: rewards are pure functions of a transition.

use carrot_reward::{RewardModels, Transition, score_transitions};
use carrot_sim::{SignalCatalog, SignalId, SignalView};

use super::Field;
use crate::session::{Session, StepRecord};

/// Points on a side.
const SIDE: usize = 48;

/// The field of a task whose goal is in space.
pub(super) fn field(session: &Session, graph: usize) -> Option<Field> {
    let place = Place::find(session)?;
    let [low, high] = place.range;
    let at = |index: usize, low: f32, high: f32| low + (high - low) * (index as f32 + 0.5) / SIDE as f32;
    let points = (0..SIDE * SIDE).map(|i| {
        let mut point = place.now.clone();
        (point[0], point[1]) = (at(i % SIDE, low[0], high[0]), at(i / SIDE, low[1], high[1]));
        point
    });
    let pay = place.pay(session, graph, &points.collect::<Vec<_>>())?;
    let caption = format!("pay of this step, had `{}` ended there and all else been as it is", place.name);
    Some(Field { low, high, columns: SIDE, pay, caption })
}

/// What moves towards a goal, and the signals that follow it.
struct Place<'a> {
    record: &'a StepRecord,
    before: Option<&'a StepRecord>,
    env: usize,
    columns: [SignalId; 3],
    /// The signal that is the place itself, where there is one.
    own: Option<SignalId>,
    name: String,
    now: Vec<f32>,
    goal: Vec<f32>,
    range: [[f32; 2]; 2],
}

impl<'a> Place<'a> {
    fn find(session: &'a Session) -> Option<Self> {
        let goal = session.setup().task.goal()?;
        let (record, env) = (session.record()?, session.env());
        let catalog = session.live().env().catalog();
        let columns = goal.columns(catalog)?;
        let (id, spec) = catalog.find(goal.goal)?;
        let width = spec.kind.width();
        let read = |id: SignalId| (0..width).map(|axis| record.signal(id.0 + axis, env)).collect::<Vec<_>>();
        let (to, offset) = (read(id), read(columns[1]));
        let now: Vec<f32> = to.iter().zip(&offset).map(|(to, offset)| to - offset).collect();
        let own = place_signal(catalog, id, width, |id| close(&read(id), &now));
        let (low, high) = spec.range;
        let before = session.history().record(session.tick() - 1);
        (width > 1 && low.is_finite() && high.is_finite()).then(|| Self {
            before: before.filter(|before| before.episode[env] == record.episode[env]),
            record,
            env,
            columns,
            own: own.as_ref().map(|(id, _)| *id),
            name: own.map_or_else(|| goal.achieved.to_string(), |(_, name)| name),
            now,
            goal: to,
            range: [[low; 2], [high; 2]],
        })
    }

    /// What the step pays if it ends at each of these points.
    fn pay(&self, session: &Session, graph: usize, points: &[Vec<f32>]) -> Option<Vec<f32>> {
        let goal = session.setup().task.goal()?;
        let catalog = session.live().env().catalog();
        let (n, width, env) = (points.len(), catalog.width(), self.env);
        let row = |record: &StepRecord| (0..width).map(|c| record.signal(c, env)).collect::<Vec<f32>>();
        let (ended, began) = (row(self.record), row(self.before.unwrap_or(self.record)));
        let before: Vec<f32> = began.iter().flat_map(|&value| std::iter::repeat_n(value, n)).collect();
        let (mut now, mut success) = (vec![0.0; width * n], vec![false; n]);
        for (index, point) in points.iter().enumerate() {
            let mut signals = ended.clone();
            let distance = carrot_sim::GoalSpec::write_signals(self.columns, point, &self.goal, &mut signals);
            success[index] = goal.is_reached(distance);
            if let Some(own) = self.own {
                signals[own.0..own.0 + point.len()].copy_from_slice(point);
            }
            signals.iter().enumerate().for_each(|(column, value)| now[column * n + index] = *value);
        }
        let transition = Transition {
            before: SignalView::new(&before, n),
            now: SignalView::new(&now, n),
            terminated: &vec![self.record.terminated[env]; n],
            truncated: &vec![self.record.truncated[env]; n],
            cause: &vec![self.record.cause[env]; n],
            success: &success,
            score: &vec![self.record.score[env]; n],
        };
        let epoch = session.live().epoch();
        let (spec, state) = (epoch.graphs.get(graph)?, &epoch.revision.graphs[graph]);
        let scored = score_transitions(spec, state, &mut RewardModels::new(), catalog, &transition).ok()?;
        let total = |point: usize| scored.totals.iter().fold(0.0_f32, |sum, group| sum + group[point]);
        Some((0..n).map(total).collect())
    }
}

/// The signal of a place among those of a width, the goal's own aside.
fn place_signal(
    catalog: &SignalCatalog,
    goal: SignalId,
    width: usize,
    is_there: impl Fn(SignalId) -> bool,
) -> Option<(SignalId, String)> {
    let mut found = catalog.iter().filter(|(id, spec)| *id != goal && spec.kind.width() == width);
    found
        .find(|(id, spec)| spec.name.ends_with("position") && is_there(*id))
        .map(|(id, spec)| (id, spec.name.clone()))
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use carrot_lab::ModelFiles;
    use carrot_scene::Source;

    use super::*;
    use crate::session::RewardEdit;

    fn session(task: &str, reward: &str) -> Session {
        let text = format!(
            "(version: 1, task: \"{task}\", batch: (num_envs: 2, num_steps: 8), reward: \"{reward}\")"
        );
        let mut session = Session::open(Source::new("scene.ron", text), ModelFiles::new(), 2).unwrap();
        (0..5).for_each(|_| session.step().unwrap());
        session
    }

    #[test]
    fn where_the_step_ended_the_field_is_what_it_paid() {
        for task in ["Reach", "Push", "PickPlace"] {
            for reward in ["sparse", "shaped", "mixed"] {
                let session = session(task, reward);
                let place = Place::find(&session).unwrap();
                let pay = place.pay(&session, 0, std::slice::from_ref(&place.now)).unwrap();
                assert!((pay[0] - session.account(0).paid).abs() < 1e-4, "{task} {reward}: {pay:?}");
                assert!(place.own.is_some(), "{task}: the place has a signal");
            }
        }
    }

    #[test]
    fn the_field_of_a_distance_is_brightest_beside_the_goal() {
        let session = session("Reach", "shaped");
        let field = field(&session, 0).unwrap();
        let place = Place::find(&session).unwrap();
        let best = (0..SIDE * SIDE).max_by(|&a, &b| field.pay[a].total_cmp(&field.pay[b])).unwrap();
        let step = (field.high[0] - field.low[0]) / SIDE as f32;
        let at = [best % SIDE, best / SIDE].map(|i| field.low[0] + step * (i as f32 + 0.5));
        assert!((at[0] - place.goal[0]).abs() <= step && (at[1] - place.goal[1]).abs() <= step, "{at:?}");
        assert!(field.caption.contains("`tool_position`"), "{}", field.caption);
    }

    #[test]
    fn a_weight_is_seen_in_the_field_at_once() {
        let mut session = session("Reach", "shaped");
        let before = field(&session, 0).unwrap();
        let path = format!("{}.weight", session.account(0).lines[0].path);
        session.edit(&RewardEdit::Set { graph: 0, path, value: "3.0".into() }, None).unwrap();
        assert_ne!(field(&session, 0).unwrap().pay, before.pay);
    }

    #[test]
    fn a_task_without_a_goal_in_space_has_no_field() {
        assert_eq!(field(&session("CartPole-v1", "mixed"), 0), None);
    }
}
