//! Tracking: a task wrapped so that its rows carry the states of reward machines.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_scene::{Diagnostics, NodeRef};
use carrot_sim::mdp::{Ending, Explorer};
use carrot_sim::{
    ActiveRows, App, BatchApp, Column, ColumnMut, GoalSpec, Mdp, MdpError, ObsPart, Observations, Observe,
    RowKey, SignalId, SignalKind, SignalSpec, SignalView, Signals, Step, StepSystems, Task, TaskSpec,
};
use serde::{Deserialize, Serialize};

use super::{Machine, MachineSpec};
use crate::kind::Scope;

/// The most machines of a run.
pub const MAX_MACHINES: usize = 8;

/// States of an exact model that are worth listing.
const MAX_MODEL_STATES: usize = 1 << 22;

/// State of each machine in a row.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct MachineStates([u8; MAX_MACHINES]);

/// The machines of a shard, with the column of each and the first part of the observation that shows one.
#[derive(Resource, Debug, Clone)]
struct Machines {
    tracked: Arc<[(SignalId, Machine)]>,
    first_part: usize,
}

/// A task whose rows carry machine states.
struct Tracked {
    inner: Arc<dyn Task>,
    spec: TaskSpec,
    machines: Machines,
}

/// The machines that rewards declare, but for those that the task tracks already.
///
/// A machine of the first reward, the trained one, is part of the observation unless it says otherwise.
pub fn declared_machines(rewards: &[NodeRef], scope: &Scope, diagnostics: &mut Diagnostics) -> Vec<Machine> {
    let mut machines: Vec<Machine> = Vec::new();
    for (index, reward) in rewards.iter().enumerate() {
        let alone = MachineSpec::arguments(reward).map(|_| vec![reward.clone()]);
        let items = alone.or_else(|| reward.items()).unwrap_or_default();
        for node in items.iter().filter_map(MachineSpec::arguments) {
            let Some(spec) = MachineSpec::read(&node, scope, diagnostics) else { continue };
            let known = scope.catalog.find(&spec.machine.name);
            if known.is_some_and(|(_, signal)| signal.description == spec.machine.description()) {
                continue;
            }
            let taken = known.is_some() || machines.iter().any(|other| other.name == spec.machine.name);
            if taken || machines.len() == MAX_MACHINES {
                let message = if taken {
                    format!("the name `{}` is taken by a signal or by another machine", spec.machine.name)
                } else {
                    format!("a run tracks at most {MAX_MACHINES} machines")
                };
                diagnostics.error(&spec.name.span, message, "", "");
                continue;
            }
            let is_observed = spec.machine.is_observed && index == 0;
            machines.push(Machine { is_observed, ..spec.machine });
        }
    }
    machines
}

/// Wraps a task so that it tracks machines, each with its state as a signal; without machines it stays as it is.
pub fn track(task: Arc<dyn Task>, machines: Vec<Machine>) -> Arc<dyn Task> {
    if machines.is_empty() { task } else { Arc::new(Tracked::new(task, machines)) }
}

impl Tracked {
    fn new(inner: Arc<dyn Task>, machines: Vec<Machine>) -> Self {
        let mut spec = inner.spec().clone();
        let first_part = spec.observation.len();
        let first_column: usize = spec.signals.iter().map(|signal| signal.kind.width()).sum();
        let mut tracked = Vec::new();
        for (column, machine) in (first_column..).zip(machines) {
            let states = machine.states.len();
            let range = (0.0, (states - 1) as f32);
            let about = machine.description();
            spec.signals.push(SignalSpec::new(&machine.name, SignalKind::Category, "", range, &about));
            if machine.is_observed {
                spec.observation.push(ObsPart::vector(&machine.name, &vec![0.0; states], &vec![1.0; states]));
            }
            tracked.push((SignalId(column), machine));
        }
        Self { inner, spec, machines: Machines { tracked: tracked.into(), first_part } }
    }
}

impl Task for Tracked {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        self.inner.build(app);
        app.insert_resource(self.machines.clone());
        app.add_row_state(MachineStates([0; MAX_MACHINES]))
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Track, advance)
            .add_systems(Observe, publish.in_set(StepSystems::Track))
            // After the task's own parts, which are written to the same resource.
            .add_systems(Step, sense.after(StepSystems::Sense))
            .add_systems(Observe, sense.after(StepSystems::Sense));
    }

    /// None: under another goal the machine would have gone another way.
    fn goal(&self) -> Option<GoalSpec> {
        None
    }

    /// The product of the task's model and the machines: a state of each.
    fn mdp(&self, layout: RowKey) -> Result<Mdp, MdpError> {
        let inner = self.inner.mdp(layout)?;
        let moves = self.moves(&inner);
        let columns = inner.signals.len() / inner.num_states();
        type State = (u32, [u8; MAX_MACHINES]);
        let explorer = Explorer::<'_, State> {
            num_actions: inner.num_actions,
            step: &|&(state, machines), action, outcomes| {
                for t in inner.outcomes(state as usize, action) {
                    let mut next = machines;
                    for (index, moves) in moves.iter().enumerate() {
                        next[index] = moves[machines[index] as usize][t];
                    }
                    outcomes.push((inner.prob[t], (inner.next[t], next)));
                }
            },
            ending: &|&(state, _)| Ending {
                cause: inner.cause[state as usize],
                success: inner.success[state as usize],
            },
            signals: &|&(state, machines)| {
                let own = (0..columns).map(|column| inner.column(column)[state as usize]);
                own.chain(machines[..moves.len()].iter().map(|&state| state.into())).collect()
            },
            clocks: inner.clocks.clone(),
            max_steps: inner.max_steps,
        };
        let start = inner.start.iter().map(|&(state, prob)| ((state, [0; MAX_MACHINES]), prob));
        explorer.explore(start, MAX_MODEL_STATES)
    }
}

impl Tracked {
    /// For each machine and each of its states the state that follows each transition, `[machines][states][T]`.
    fn moves(&self, inner: &Mdp) -> Vec<Vec<Vec<u8>>> {
        let (columns, len) = (inner.signals.len() / inner.num_states(), inner.num_transitions());
        let sources: Vec<usize> = inner.sources().map(|(state, _)| state).collect();
        let (mut before, mut now) = (Vec::with_capacity(columns * len), Vec::with_capacity(columns * len));
        for column in (0..columns).map(|column| inner.column(column)) {
            before.extend(sources.iter().map(|&state| column[state]));
            now.extend(inner.next.iter().map(|&state| column[state as usize]));
        }
        let (before, now) = (SignalView::new(&before, len), SignalView::new(&now, len));
        let of = |(_, machine): &(SignalId, Machine)| machine.moves(before, now);
        self.machines.tracked.iter().map(of).collect()
    }
}

fn restart(rows: Res<ActiveRows>, mut states: ColumnMut<MachineStates>) {
    let states = states.slice_mut();
    rows.each(|row| states[row] = MachineStates([0; MAX_MACHINES]));
}

/// Moves every machine along the edges whose conditions hold in this step.
fn advance(machines: Res<Machines>, mut signals: ResMut<Signals>, mut states: ColumnMut<MachineStates>) {
    let states = states.slice_mut();
    let mut next = vec![0; states.len()];
    for (index, (id, machine)) in machines.tracked.iter().enumerate() {
        let current: Vec<u8> = states.iter().map(|states| states.0[index]).collect();
        machine.advance(signals.before(), signals.now(), &current, &mut next);
        let column = signals.target(*id, 0);
        for ((states, column), &next) in states.iter_mut().zip(column).zip(&next) {
            states.0[index] = next;
            *column = next.into();
        }
    }
}

/// Shows the states of fresh and of restored rows as signals.
fn publish(
    machines: Res<Machines>,
    rows: Res<ActiveRows>,
    states: Column<MachineStates>,
    mut signals: ResMut<Signals>,
) {
    for (index, (id, _)) in machines.tracked.iter().enumerate() {
        rows.map(states.slice(), signals.target(*id, 0), |states| states.0[index].into());
    }
}

/// Writes the one-hot parts of the observation.
fn sense(
    machines: Res<Machines>,
    rows: Res<ActiveRows>,
    states: Column<MachineStates>,
    mut observations: ResMut<Observations>,
) {
    let states = states.slice();
    let observed = machines.tracked.iter().enumerate().filter(|(_, (_, machine))| machine.is_observed);
    for (part, (index, (_, machine))) in observed.enumerate() {
        let width = machine.states.len();
        let out = observations.f32_mut(machines.first_part + part);
        rows.each(|row| {
            let own = &mut out[row * width..(row + 1) * width];
            own.fill(0.0);
            own[usize::from(states[row].0[index])] = 1.0;
        });
    }
}
