//! The numbers of one update, under the tags that people know.

use std::collections::{BTreeMap, VecDeque};

use carrot_reward::{EpisodeSummary, Graph, Ledger};
use carrot_sim::{Rollout, TaskSpec};

/// Episodes over which means are taken, as in Stable-Baselines3.
const WINDOW: usize = 100;

/// Keeps the last episodes of the window.
pub(crate) fn remember(window: &mut VecDeque<EpisodeSummary>, episodes: &[EpisodeSummary]) {
    window.extend(episodes.iter().filter(|e| !e.is_fault()).cloned());
    let extra = window.len().saturating_sub(WINDOW);
    window.drain(..extra);
}

/// One row of metrics.
pub(crate) fn collect(
    task: &TaskSpec,
    graphs: &[Graph],
    ledger: &Ledger,
    rollout: &Rollout,
    episodes: &[EpisodeSummary],
    window: &VecDeque<EpisodeSummary>,
    scalars: &[(&'static str, f64)],
) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    let mut put = |tag: &str, value: f64| {
        values.insert(tag.to_string(), value);
    };
    put("rollout/episodes", episodes.len() as f64);
    let mean = |of: &dyn Fn(&EpisodeSummary) -> f64| window.iter().map(of).sum::<f64>() / window.len() as f64;
    if !window.is_empty() {
        put("rollout/ep_rew_mean", mean(&|e| e.returns[0]));
        put("rollout/ep_len_mean", mean(&|e| f64::from(e.length)));
        put("rollout/success_rate", mean(&|e| f64::from(u8::from(e.success))));
        put("rollout/score_mean", mean(&|e| f64::from(e.score)));
        for (i, graph) in graphs.iter().enumerate().skip(1) {
            put(&format!("shadow/{}/ep_rew_mean", graph.name), mean(&|e| e.returns[i]));
        }
    }
    for (i, (&node, name)) in graphs[0].top.iter().zip(graphs[0].term_names()).enumerate() {
        if !window.is_empty() {
            put(&format!("reward/{name}/episode"), mean(&|e| e.contributions[i]));
        }
        let (mut sum, mut nonzero) = (0.0_f64, 0_u64);
        for t in 0..rollout.filled {
            for &x in ledger.graphs[0].output(t, node) {
                sum += f64::from(x);
                nonzero += u64::from(x != 0.0);
            }
        }
        let steps = (rollout.filled * rollout.num_envs) as f64;
        put(&format!("reward/{name}/mean"), sum / steps);
        put(&format!("reward/{name}/nonzero_frac"), nonzero as f64 / steps);
    }
    let mut causes: BTreeMap<&str, u32> = BTreeMap::new();
    for episode in episodes {
        *causes.entry(task.cause_name(episode.cause)).or_default() += 1;
    }
    for (cause, count) in causes {
        put(&format!("termination/{cause}"), f64::from(count));
    }
    put("revision", f64::from(ledger.revision));
    scalars.iter().for_each(|(tag, value)| put(tag, *value));
    values
}
