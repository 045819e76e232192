//! One episode of a rollout step by step, as a failed expectation asks for.

use serde::Serialize;

use super::check::StepRow;
use super::columns::pay;
use super::file::ScenarioFile;
use super::play::play;
use super::report::aligned;
use crate::error::LabError;

/// An episode, step by step: signals, actions, what each term paid.
#[derive(Debug, Clone, Serialize)]
pub struct Replay {
    /// The rollout.
    pub rollout: String,
    /// The env.
    pub env: usize,
    /// The reward.
    pub under: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The steps.
    pub steps: Vec<StepRow>,
    /// Why the episode ended; empty when it was left.
    pub cause: String,
}

/// Plays a rollout again and gives one of its episodes under one reward.
///
/// # Errors
/// When the rollout cannot be played, or has no such env.
pub fn replay(file: &ScenarioFile, rollout: usize, env: usize, under: usize) -> Result<Replay, LabError> {
    let (spec, graph) = (&file.rollouts[rollout], &file.rewards[under]);
    if env >= spec.envs {
        return Err(LabError::Refused(format!("the rollout {} has envs 0 to {}", spec.name, spec.envs - 1)));
    }
    let played = play(&file.task, spec, 1)?;
    let paid = pay(graph, under, &played)?;
    let (n, width) = (played.len(), played.action_width);
    let names = played.catalog.column_names();
    // What was given is shown by what was applied.
    let signals = names.len() - width;
    let mut columns = names[..signals].to_vec();
    columns.extend(graph.nodes.iter().map(|node| format!("paid({})", node.name)));
    columns.extend(["total".to_string(), "success".to_string(), "score".to_string()]);
    let episode = played.episode(env);
    let row = |t: usize| {
        let mut values: Vec<f32> = (0..signals).map(|column| played.now[column * n + t]).collect();
        values.extend((0..graph.nodes.len()).map(|node| paid.outputs[node * n + t]));
        values.extend([paid.total[t], f32::from(u8::from(played.success[t])), played.score[t]]);
        StepRow { step: t - episode.start + 1, values }
    };
    let last = episode.end - 1;
    let is_over = played.terminated[last] || played.truncated[last];
    let cause = if is_over { file.task.spec().cause_name(played.cause[last]) } else { "" };
    Ok(Replay {
        rollout: spec.name.clone(),
        env,
        under: graph.name.clone(),
        columns,
        steps: episode.clone().map(row).collect(),
        cause: cause.into(),
    })
}

impl Replay {
    /// A table for people.
    pub fn text(&self) -> String {
        let mut rows =
            vec![std::iter::once("step".to_string()).chain(self.columns.clone()).collect::<Vec<_>>()];
        rows.extend(self.steps.iter().map(|row| {
            let values = row.values.iter().map(|value| format!("{value}"));
            std::iter::once(row.step.to_string()).chain(values).collect()
        }));
        let end = match self.cause.as_str() {
            "" => "left before its end".to_string(),
            cause => format!("ended by {cause}"),
        };
        let head = format!(
            "{}, env {}, under {}: {} steps, {end}",
            self.rollout,
            self.env,
            self.under,
            self.steps.len()
        );
        std::iter::once(head).chain(aligned(&rows)).collect::<Vec<_>>().join("\n")
    }
}
