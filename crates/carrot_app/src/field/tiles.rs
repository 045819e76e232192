//! Fields of gridworlds: the shown step played again from every tile on which the agent can stand.

use carrot_lab::LabError;
use carrot_lab::models::load_models;
use carrot_reward::Ledger;
use carrot_sim::tile::{door, object};
use carrot_sim::{Intervention, VecEnvConfig};

use super::Field;
use crate::session::{Mirror, Session};

/// The handle that puts the agent somewhere.
const HANDLE: &str = "agent_position";

/// The field of a gridworld whose agent can be put somewhere.
pub(super) fn field(session: &Session, graph: usize) -> Option<Field> {
    let has_handle = session.live().env().shards()[0].handles().iter().any(|handle| handle.name == HANDLE);
    let is_there = has_handle && session.record().is_some();
    is_there.then(|| played(session, graph).ok().flatten()).flatten()
}

fn played(session: &Session, graph: usize) -> Result<Option<Field>, LabError> {
    let (setup, env, epoch) = (session.setup(), session.env(), session.live().epoch());
    let Some(record) = session.record().filter(|_| graph < epoch.graphs.len()) else { return Ok(None) };
    let mut mirror = Mirror::new(setup)?;
    let (state, frame) = mirror.before(session.lane(), session.history(), env, session.tick())?;
    let Some(tiles) = frame.drawing.tiles else { return Ok(None) };
    let rows = tiles.cells.len();
    let config =
        VecEnvConfig { num_envs: rows, num_steps: 1, shards: 1, keep_signals: true, ..setup.batch() };
    let mut batch = setup.build(config, &epoch.revision)?;
    batch.begin_rollout();
    for row in 0..rows {
        batch.restore(row, &state)?;
        let at = [row % tiles.width, row / tiles.width].map(|tile| tile as f32);
        batch.intervene(Intervention { row, handle: HANDLE.into(), values: at.to_vec() })?;
    }
    let width = record.actions.len() / record.rows();
    let action = &record.actions[env * width..][..width];
    batch.step(&action.repeat(rows))?;
    let catalog = batch.catalog().clone();
    let (mut ledger, mut models) = (Ledger::new(&epoch.graphs, 1, rows), load_models(&setup)?);
    batch.finalise_with(|rollout| {
        ledger.finalise(&epoch.graphs, &epoch.revision, &mut models, &catalog, rollout)
    })?;
    let paid = |row: usize| match can_stand(tiles.cells[row]) {
        true => ledger.graphs[graph].totals.iter().fold(0.0_f32, |sum, group| sum + group[row]),
        false => f32::NAN,
    };
    // Tiles count from the top, y from below.
    let pay = (0..tiles.height).rev().flat_map(|y| (0..tiles.width).map(move |x| y * tiles.width + x));
    let half = [tiles.width, tiles.height].map(|tiles| 0.5 * tiles as f32);
    Ok(Some(Field {
        low: half.map(|half| -half),
        high: half,
        columns: tiles.width,
        pay: pay.map(paid).collect(),
        caption: "pay of this step and its action, had the agent begun it on that tile".into(),
    }))
}

fn can_stand([what, _, state]: [u8; 3]) -> bool {
    match what {
        object::EMPTY | object::FLOOR | object::GOAL | object::LAVA => true,
        object::DOOR => state == door::OPEN,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use carrot_lab::ModelFiles;
    use carrot_scene::Source;

    use super::*;

    #[test]
    fn where_the_agent_was_the_field_is_what_it_was_paid() {
        for (task, reward) in [("Empty-8x8", "naive"), ("DoorKey-8x8", "mixed")] {
            let text = format!(
                "(version: 1, task: \"{task}\", batch: (num_envs: 2, num_steps: 8), reward: \"{reward}\")"
            );
            let mut session = Session::open(Source::new("scene.ron", text), ModelFiles::new(), 2).unwrap();
            let mut seen = Vec::new();
            for _ in 0..4 {
                let frame = session.frames().unwrap().remove(0);
                let tiles = frame.drawing.tiles.unwrap();
                session.step().unwrap();
                let field = field(&session, 0).unwrap();
                let [x, y] = tiles.agent.map(usize::from);
                let pay = field.pay[(tiles.height - 1 - y) * tiles.width + x];
                assert_eq!(pay.to_bits(), session.account(0).paid.to_bits(), "{task}");
                assert!(field.pay[0].is_nan(), "a wall pays nothing");
                seen.extend(field.pay.into_iter().filter(|pay| pay.is_finite()).map(f32::to_bits));
            }
            seen.sort_unstable();
            seen.dedup();
            assert!(seen.len() > 4, "{task}: tiles differ");
        }
    }
}
