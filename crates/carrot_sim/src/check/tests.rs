//! The checker finds what broken tasks break.

#![allow(clippy::unwrap_used, reason = "a test that unwraps says what it needs")]

use std::sync::atomic::{AtomicU32, Ordering};

use bevy_app::App;
use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    ActionSpace, Actions, ActiveRows, BatchApp, ColumnMut, Ends, GoalSpec, ObsPart, Observations, RowKeys,
    Script, SignalId, SignalSpec, Signals, StepSystems, Stream, TaskSpec, unit_f32,
};

/// How the walker breaks its promises.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Draws its start from a shared counter.
    SharedDraw,
    /// Keeps part of its state outside of the row.
    HiddenState,
    /// Ends without naming a cause.
    NoCause,
    /// Scores more than 1.
    Score,
    /// Leaves the range of its signal.
    Range,
    /// Lets a reset move all rows.
    ResetsAll,
    /// Observes beyond its bounds.
    Bounds,
    /// Succeeds where its goal is not reached.
    Success,
    /// Measures the way to its goal backwards.
    Offset,
}

#[derive(Component, Debug, Clone, Copy, Serialize, Deserialize)]
struct Place(f32);

#[derive(Resource)]
struct Hidden(f32);

/// Walks left or right from a random place until it is two steps away.
struct Walker {
    spec: TaskSpec,
    flaw: Flaw,
}

static SHARED: AtomicU32 = AtomicU32::new(0);

fn walker(flaw: Flaw) -> Arc<dyn Task> {
    let spec = TaskSpec {
        name: "Walker",
        family: "control",
        about: "Walks.",
        docs: "Walks.",
        observation: vec![
            ObsPart::vector("place", &[-3.0], &[3.0]),
            ObsPart::vector("wanted", &[-3.0], &[3.0]),
        ],
        action: ActionSpace::discrete(&["left", "right"]),
        signals: vec![
            SignalSpec::scalar("place", "m", (-3.0, 3.0), "Where it is."),
            SignalSpec::scalar("wanted", "m", (-3.0, 3.0), "Where it should be."),
            SignalSpec::scalar("way", "m", (-3.0, 3.0), "From the one to the other."),
            SignalSpec::scalar("distance", "m", (0.0, 3.0), "Length of the way."),
        ],
        causes: &["away"],
        max_steps: 20,
        control_dt: 1.0,
        physics_dt: 1.0,
        decimation: 1,
        rewards: Vec::new(),
        scripts: vec![Script { name: "expert", about: "Stays left.", act: |_, action| action[0] = 0.0 }],
    };
    Arc::new(Walker { spec, flaw })
}

impl Task for Walker {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn goal(&self) -> Option<GoalSpec> {
        Some(GoalSpec {
            achieved: "place",
            desired: "wanted",
            tolerance: 0.5,
            goal: "wanted",
            offset: "way",
            distance: "distance",
        })
    }

    fn build(&self, app: &mut App) {
        app.insert_resource(self.flaw).insert_resource(Hidden(0.0));
        app.add_row_state(Place(0.0))
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense);
    }
}

fn restart(flaw: Res<Flaw>, rows: Res<ActiveRows>, keys: RowKeys, mut places: ColumnMut<Place>) {
    let (keys, places) = (keys.columns(), places.slice_mut());
    if *flaw == Flaw::ResetsAll {
        places.iter_mut().for_each(|place| place.0 = 0.0);
    }
    rows.each(|row| {
        places[row].0 = match *flaw {
            Flaw::SharedDraw => (SHARED.fetch_add(1, Ordering::Relaxed) % 7) as f32 * 0.1,
            _ => unit_f32(keys.key(row).words(Stream::Reset, 0)[0]),
        };
    });
}

fn simulate(
    flaw: Res<Flaw>,
    actions: Res<Actions>,
    mut hidden: ResMut<Hidden>,
    mut places: ColumnMut<Place>,
) {
    hidden.0 += 0.001;
    let drift = if *flaw == Flaw::HiddenState { hidden.0 } else { 0.0 };
    for (place, action) in places.slice_mut().iter_mut().zip(&actions.applied) {
        place.0 += (2.0 * action - 1.0) * 0.8 + drift;
    }
}

fn measure(
    flaw: Res<Flaw>,
    rows: Res<ActiveRows>,
    mut places: ColumnMut<Place>,
    mut signals: ResMut<Signals>,
) {
    let [column, wanted, way, distance] = signals.targets(SignalId(0));
    let scale = if *flaw == Flaw::Range { 9.0 } else { 1.0 };
    let sign = if *flaw == Flaw::Offset { 1.0 } else { -1.0 };
    let places = places.slice_mut();
    rows.each(|row| {
        column[row] = places[row].0 * scale;
        wanted[row] = 0.0;
        way[row] = sign * places[row].0;
        distance[row] = places[row].0.abs();
    });
}

fn judge(flaw: Res<Flaw>, signals: Res<Signals>, mut ends: ResMut<Ends>) {
    for (row, place) in signals.now().column(2).iter().enumerate() {
        let away = place.abs() > 2.0;
        ends.terminated[row] = away;
        ends.cause[row] = if away && *flaw != Flaw::NoCause { crate::CAUSE_TASK } else { crate::CAUSE_NONE };
        ends.success[row] = place.abs() <= 0.5 || *flaw == Flaw::Success;
        ends.score[row] = if *flaw == Flaw::Score { 1.5 } else { 0.5 };
    }
}

fn sense(
    flaw: Res<Flaw>,
    rows: Res<ActiveRows>,
    mut places: ColumnMut<Place>,
    mut observations: ResMut<Observations>,
) {
    let (out, scale) = (observations.f32_mut(0), if *flaw == Flaw::Bounds { 2.0 } else { 1.0 });
    let places = places.slice_mut();
    rows.each(|row| out[row] = places[row].0 * scale);
    // The goal is always 0, which is what the second part holds from the start.
}

const CONFIG: CheckConfig = CheckConfig { rows: 13, steps: 64, seed: 5 };

#[test]
fn a_sound_task_passes_at_any_size() {
    for rows in [1, 2, 13, 255] {
        let report = check_task(&walker(Flaw::None), CheckConfig { rows, ..CONFIG }).unwrap();
        assert!(report.episodes > 0);
        assert_eq!(report.causes.iter().map(|(_, n)| n).sum::<usize>(), report.episodes);
    }
}

#[test]
fn every_flaw_is_found_and_named() {
    let cases = [
        (Flaw::SharedDraw, "shards"),
        (Flaw::HiddenState, "snapshot"),
        (Flaw::NoCause, "cause"),
        (Flaw::Score, "score"),
        (Flaw::Range, "signal"),
        (Flaw::ResetsAll, "masked reset"),
        (Flaw::Bounds, "observation"),
        (Flaw::Success, "goal"),
        (Flaw::Offset, "goal"),
    ];
    for (flaw, rule) in cases {
        let findings = check_task(&walker(flaw), CONFIG).unwrap_err();
        assert!(findings.iter().any(|finding| finding.rule == rule), "{flaw:?}: {findings:?}");
    }
}

#[test]
fn a_wrong_declaration_is_found_before_anything_runs() {
    let mut spec = walker(Flaw::None).spec().clone();
    spec.signals.push(spec.signals[0].clone());
    spec.signals[0].range = (1.0, f32::NAN);
    spec.physics_dt = 0.3;
    let findings =
        check_task(&(Arc::new(Walker { spec, flaw: Flaw::None }) as Arc<dyn Task>), CONFIG).unwrap_err();
    let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["signal", "signal", "time"]);
    assert!(findings[0].to_string().starts_with("signal: `place` is there twice"));
}
