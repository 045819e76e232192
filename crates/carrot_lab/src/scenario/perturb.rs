//! Perturbations inside of a shard: the part of a timeline that changes rows, as a plugin of the batch.

use bevy_ecs::prelude::*;
use carrot_sim::{
    ActiveRows, App, BatchApp, Column, ColumnMut, Intervention, PendingEdits, Plugin, Prepare, RowKeys,
    Signals, StepCount, row_state,
};
use serde::{Deserialize, Serialize};

use super::timeline::{Act, Entry, Slot, Timeline, WAITING, draw};

/// Adds a timeline to every row; each episode goes through it anew.
pub(crate) struct Perturbations(pub(crate) Timeline);

/// The step at which each entry came to pass in the running episode.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fired(Vec<u32>);

#[derive(Resource)]
struct Entries(Timeline);

impl Plugin for Perturbations {
    fn build(&self, app: &mut App) {
        if self.0.iter().all(|entry| matches!(entry.act, Act::Drive(_))) {
            return;
        }
        app.insert_resource(Entries(self.0.clone()))
            .add_row_state(Fired(vec![WAITING; self.0.len()]))
            .add_restart_systems(forget)
            .add_systems(Prepare, perturb);
    }
}

fn forget(rows: Res<ActiveRows>, mut fired: ColumnMut<Fired>) {
    let fired = fired.slice_mut();
    rows.each(|row| fired[row].0.fill(WAITING));
}

/// Lines of the timeline that edited a row right before the step that begins now.
pub(crate) fn edits_at<'a>(
    world: &'a World,
    row: usize,
    step: u32,
    timeline: &'a [Entry],
) -> impl Iterator<Item = usize> + 'a {
    let fired = row_state::<Fired>(world, row).map_or(&[][..], |fired| &fired.0);
    let edits = fired.iter().zip(timeline).enumerate();
    edits
        .filter(move |(_, (since, entry))| **since == step && !matches!(entry.act, Act::Drive(_)))
        .map(|(line, _)| line)
}

/// Queues the edits of every row whose time has come.
fn perturb(
    entries: Res<Entries>,
    signals: Res<Signals>,
    keys: RowKeys,
    steps: Column<StepCount>,
    mut fired: ColumnMut<Fired>,
    mut edits: ResMut<PendingEdits>,
) {
    let (keys, steps, fired) = (keys.columns(), steps.slice(), fired.slice_mut());
    for (index, Entry { trigger, act, .. }) in entries.0.iter().enumerate() {
        let holds = trigger.holds(signals.before());
        for (row, fired) in fired.iter_mut().enumerate() {
            let (now, since) = (steps[row].0, &mut fired.0[index]);
            if *since == WAITING && trigger.fires(&holds, row, now) {
                *since = now;
            }
            if *since == WAITING {
                continue;
            }
            let (handle, values) = match act {
                Act::Set { handle, values } | Act::Hold { handle, values, .. } if *since == now => {
                    (handle, values.clone())
                }
                Act::Hold { handle, values, steps } if *since + steps == now => {
                    (handle, vec![0.0; values.len()])
                }
                Act::Jitter { handle, column, spread } if *since == now => {
                    let moved = |(axis, spread): (usize, &f32)| {
                        let by = spread * draw(keys.key(row), now, Slot::Jitter { entry: index, axis });
                        signals.before().column(column + axis)[row] + by
                    };
                    (handle, spread.iter().enumerate().map(moved).collect())
                }
                _ => continue,
            };
            edits.push(Intervention { row, handle: handle.clone(), values });
        }
    }
}
