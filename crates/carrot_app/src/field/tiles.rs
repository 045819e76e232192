//! Fields of gridworlds: the shown step played again from every tile on which the agent can stand.

use std::sync::Arc;

use carrot_lab::models::load_models;
use carrot_lab::{LabError, Setup};
use carrot_reward::{Ledger, RewardError, RewardModels, project};
use carrot_sim::tile::{door, object};
use carrot_sim::{Intervention, VecEnv, VecEnvConfig};

use super::Field;
use crate::session::{Mirror, Session};

/// The handle that puts the agent somewhere.
const HANDLE: &str = "agent_position";

/// What fields of a setup are made with, kept from step to step.
pub(super) struct Board {
    setup: Arc<Setup>,
    mirror: Mirror,
    models: RewardModels,
    /// A row per tile, once it is known how many there are.
    batch: Option<VecEnv>,
}

impl Board {
    /// A board for a gridworld whose agent can be put somewhere; none for other tasks.
    pub(super) fn new(session: &Session) -> Option<Self> {
        let mut handles = session.live().env().shards()[0].handles().iter();
        handles.find(|handle| handle.name == HANDLE)?;
        let setup = session.setup().clone();
        let (mirror, models) = (Mirror::new(&setup).ok()?, load_models(&setup).ok()?);
        Some(Self { setup, mirror, models, batch: None })
    }

    /// Whether it is one for the reward as it stands in a session.
    pub(super) fn suits(&self, session: &Session) -> bool {
        Arc::ptr_eq(&self.setup, session.setup())
    }

    /// The field of the shown step; none before the first.
    pub(super) fn field(&mut self, session: &Session, graph: usize) -> Option<Field> {
        let is_there = session.record().is_some() && graph < session.live().epoch().graphs.len();
        is_there.then(|| self.play(session, graph).ok().flatten()).flatten()
    }

    fn play(&mut self, session: &Session, graph: usize) -> Result<Option<Field>, LabError> {
        let (env, epoch) = (session.env(), session.live().epoch());
        let Some(record) = session.record() else { return Ok(None) };
        // Another future may have been looked at, or this one was cut.
        self.mirror.forget();
        let (state, frame) = self.mirror.before(session.lane(), session.history(), env, session.tick())?;
        let Some(tiles) = frame.drawing.tiles else { return Ok(None) };
        let rows = tiles.cells.len();
        let mut batch = match self.batch.take().filter(|batch| batch.config().num_envs == rows) {
            Some(batch) => batch,
            None => {
                let scene = self.setup.batch();
                let config =
                    VecEnvConfig { num_envs: rows, num_steps: 1, shards: 1, keep_signals: true, ..scene };
                self.setup.build(config, &epoch.revision)?
            }
        };
        batch.shards_mut().iter_mut().for_each(|shard| project(&epoch.revision, shard));
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
        let (mut ledger, models) = (Ledger::new(&epoch.graphs, 1, rows), &mut self.models);
        for (name, model) in models.iter_mut() {
            // Every tile is stepped on once.
            model.restore(&[]).map_err(|why| RewardError::Model { name: name.clone(), why })?;
        }
        batch.finalise_with(|rollout| {
            ledger.finalise(&epoch.graphs, &epoch.revision, models, &catalog, rollout)
        })?;
        self.batch = Some(batch);
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
            let (mut seen, mut board) = (Vec::new(), Board::new(&session).unwrap());
            for _ in 0..4 {
                let frame = session.frames().unwrap().remove(0);
                let tiles = frame.drawing.tiles.unwrap();
                session.step().unwrap();
                let field = board.field(&session, 0).unwrap();
                let [x, y] = tiles.agent.map(usize::from);
                let pay = field.pay[(tiles.height - 1 - y) * tiles.width + x];
                assert_eq!(pay.to_bits(), session.account(0).paid.to_bits(), "{task}");
                assert!(field.pay[0].is_nan(), "a wall pays nothing");
                let fresh = Board::new(&session).unwrap().field(&session, 0).unwrap();
                let bits = |field: &Field| field.pay.iter().map(|pay| pay.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&field), bits(&fresh), "what is kept changes no number");
                seen.extend(field.pay.into_iter().filter(|pay| pay.is_finite()).map(f32::to_bits));
            }
            seen.sort_unstable();
            seen.dedup();
            assert!(seen.len() > 4, "{task}: tiles differ");
        }
    }
}
