//! Turns rollouts into recorded episodes: T + 1 signal rows and everything that was paid.

use carrot_record::{ColumnLabel, Episode, EpisodeKey, EpisodeSchema};
use carrot_reward::{Graph, Ledger};
use carrot_sim::{Rollout, SignalCatalog, TaskSpec};
use serde::{Deserialize, Serialize};

/// Collects the episodes of the first few envs; what is under way is part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecorder {
    seed: u64,
    open: Vec<Episode>,
}

/// Names of what a recorder of these graphs writes.
pub(crate) fn schema(task: &TaskSpec, catalog: &SignalCatalog, graphs: &[Graph]) -> EpisodeSchema {
    let units = catalog.iter().flat_map(|(_, spec)| vec![spec.unit.clone(); spec.kind.width()]);
    let labels = catalog.column_names().into_iter().zip(units).map(|(name, unit)| ColumnLabel { name, unit });
    let mut raws: Vec<(usize, String)> = graphs.iter().flat_map(Graph::raw_names).collect();
    raws.sort_unstable();
    let nodes = |g: &Graph| g.nodes.iter().map(|n| format!("{}/{}", g.name, n.name)).collect::<Vec<_>>();
    let groups = |g: &Graph| g.groups.iter().map(|n| format!("{}/{n}", g.name)).collect::<Vec<_>>();
    EpisodeSchema {
        task: task.name.into(),
        signals: labels.collect(),
        actions: task
            .action
            .element_names()
            .into_iter()
            .map(|name| ColumnLabel { name, unit: String::new() })
            .collect(),
        causes: (0..=u8::MAX)
            .map(|c| task.cause_name(c).to_string())
            .take_while(|n| n != "unknown")
            .collect(),
        raws: raws.into_iter().map(|(_, name)| name).collect(),
        contributions: graphs.iter().flat_map(nodes).collect(),
        groups: graphs.iter().flat_map(groups).collect(),
    }
}

impl EpisodeRecorder {
    /// A recorder for envs 0 to `envs` of a run, which are about to begin their first episodes.
    pub fn new(seed: u64, envs: usize) -> Self {
        let open =
            |env| Episode { key: EpisodeKey { seed, env_id: env as u32, episode: 0 }, ..Episode::default() };
        Self { seed, open: (0..envs).map(open).collect() }
    }

    /// Envs that are recorded.
    pub fn envs(&self) -> usize {
        self.open.len()
    }

    /// Takes a finalised rollout in and gives the episodes that ended in it, in (step, env) order.
    pub fn record(&mut self, rollout: &Rollout, ledger: &Ledger, action_width: usize) -> Vec<Episode> {
        let (Some(log), envs) = (&rollout.signals, self.open.len()) else { return Vec::new() };
        let (n, columns) = (rollout.num_envs, rollout.signal_columns);
        let applied = columns - 2 * action_width;
        let mut closed = Vec::new();
        for (env, episode) in self.open.iter_mut().enumerate() {
            if episode.signals.is_empty() {
                episode.signals.extend((0..columns).map(|c| log.start[c * n + env]));
            }
        }
        for t in 0..rollout.filled {
            let Some(now) = rollout.signals_now(t) else { break };
            for env in 0..envs {
                let (episode, cell) = (&mut self.open[env], t * n + env);
                episode.steps += 1;
                episode.signals.extend((0..columns).map(|c| now.column(c)[env]));
                episode.actions.extend(&rollout.actions[cell * action_width..][..action_width]);
                episode.applied.extend((0..action_width).map(|i| now.column(applied + i)[env]));
                episode.terminated.push(rollout.terminated[cell].into());
                episode.truncated.push(rollout.truncated[cell].into());
                episode.success.push(rollout.success[cell].into());
                episode.cause.push(rollout.cause[cell]);
                episode.score.push(rollout.score[cell]);
                episode.revision.push(ledger.revision);
                let raw =
                    (0..rollout.raw_columns).map(|c| rollout.raw[(t * rollout.raw_columns + c) * n + env]);
                episode.raws.extend(raw);
                for own in &ledger.graphs {
                    let nodes = own.outputs.len() / own.totals[0].len();
                    episode.contributions.extend((0..nodes).map(|k| own.output(t, k)[env]));
                    episode.totals.extend((0..own.totals.len()).map(|g| own.total(t, g)[env]));
                }
                if rollout.terminated[cell] || rollout.truncated[cell] {
                    closed.push((t, self.close(env, rollout, t, log, columns)));
                }
            }
        }
        closed.sort_by_key(|(t, episode)| (*t, episode.key.env_id));
        closed.into_iter().map(|(_, episode)| episode).collect()
    }

    /// Ends the episode of an env and opens the next one with its fresh signals.
    fn close(
        &mut self,
        env: usize,
        rollout: &Rollout,
        t: usize,
        log: &carrot_sim::SignalLog,
        columns: usize,
    ) -> Episode {
        let end = rollout.end_at(t, env);
        let episode = end.map_or(0, |e| rollout.ends[e].episode);
        let key = EpisodeKey { seed: self.seed, env_id: env as u32, episode: episode.wrapping_add(1) };
        let mut fresh = Episode { key, ..Episode::default() };
        if let Some(e) = end {
            fresh.signals.extend(&log.fresh[e * columns..][..columns]);
        }
        let mut ended = std::mem::replace(&mut self.open[env], fresh);
        ended.key.episode = episode;
        ended
    }
}
