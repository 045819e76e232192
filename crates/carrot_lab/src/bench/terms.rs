//! The reward of the step benchmark: four terms of common shapes over whatever signals a task has.

use carrot_sim::{SignalKind, TaskSpec};

/// Most that a bound is away from zero where a signal has no bounds of its own.
const UNBOUNDED: f32 = 1.0;

/// A reward in RON for any task: being alive, a tolerance, a distance and a threshold.
///
/// The last three read the first three scalar signals of the task's catalog. Where there are fewer, axes of
/// vectors follow, then flags and categories, then these from the first on again. The tolerance has its
/// bounds around the middle tenth of the signal's range, the threshold around the middle half.
pub fn four_terms(spec: &TaskSpec) -> String {
    let catalog = spec.catalog();
    let mut signals = Vec::new();
    for (_, signal) in catalog.iter() {
        let order = match signal.kind {
            SignalKind::Scalar => 0,
            SignalKind::Vec2 | SignalKind::Vec3 | SignalKind::Quat => 1,
            SignalKind::Flag | SignalKind::Category => 2,
        };
        let width = signal.kind.width();
        let axes = ["x", "y", "z", "w"].into_iter().take(width);
        let name = |axis| if width == 1 { signal.name.clone() } else { format!("{}.{axis}", signal.name) };
        signals.extend(axes.map(|axis| (order, name(axis), signal.range)));
    }
    signals.sort_by_key(|(order, ..)| *order);
    let mut chosen = signals.iter().cycle();
    let mut next = || {
        chosen.next().map_or(("", 0.0, UNBOUNDED), |(_, name, range)| {
            let (low, high) = (range.0.max(-UNBOUNDED), range.1.min(UNBOUNDED));
            (name.as_str(), 0.5 * (low + high), 0.5 * (high - low))
        })
    };
    let (tolerated, middle, half) = next();
    let (low, high, margin) = (middle - 0.1 * half, middle + 0.1 * half, 0.5 * half);
    let (distant, ..) = next();
    let (bounded, middle, half) = next();
    let (above, below) = (middle - 0.5 * half, middle + 0.5 * half);
    format!(
        r#"[
    (name: "alive", kind: Alive()),
    (name: "near", kind: Tolerance(signal: "{tolerated}", bounds: ({low:?}, {high:?}), margin: {margin:?})),
    (name: "far", kind: Distance(signal: "{distant}"), weight: -0.1),
    (name: "inside", kind: Threshold(signal: "{bounded}", above: {above:?}, below: {below:?}), weight: 0.5),
]"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModelFiles, Setup, Source};

    #[test]
    fn every_task_takes_the_four_terms() {
        for name in carrot_tasks::task_names() {
            let reward = four_terms(carrot_tasks::build_task(name).unwrap().spec());
            let scene = format!(
                "(version: 1, task: \"{name}\", batch: (num_envs: 1, num_steps: 1), reward: {reward})"
            );
            let setup = Setup::read::<&str>(&Source::new(name, scene), &[], ModelFiles::new());
            let setup = setup.unwrap_or_else(|mistakes| panic!("{mistakes}: {reward}"));
            assert_eq!(setup.graphs[0].term_names(), ["alive", "near", "far", "inside"]);
        }
    }
}
