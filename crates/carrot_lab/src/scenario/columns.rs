//! What expectations read: the signals of every step, what each reward paid, and the truth, as columns of one scope.

use carrot_reward::{Graph, GraphRevision, RewardModels, Scope, Transition, score_transitions};
use carrot_sim::{SignalCatalog, SignalKind, SignalSpec, SignalView};

use super::play::Played;
use crate::error::LabError;

/// A range that says nothing.
const ANY: (f32, f32) = (f32::MIN, f32::MAX);

/// What one reward paid in a rollout.
///
/// # Shapes
/// N transitions, K nodes.
#[derive(Debug, Clone)]
pub struct Paid {
    /// Output of every node, `[K, N]`.
    pub outputs: Vec<f32>,
    /// Reward of each step, all groups together.
    pub total: Vec<f32>,
    /// Total less the contributions in order: 0, bit for bit.
    pub unaccounted: Vec<f32>,
}

/// Pays for a rollout under a reward, `index` of its file, with the weights that the timeline changed.
///
/// # Errors
/// When the reward needs a model.
pub fn pay(graph: &Graph, index: usize, played: &Played) -> Result<Paid, LabError> {
    let (n, mut models) = (played.len(), RewardModels::new());
    let initial = GraphRevision::initial(graph);
    let mut score = |revision: &GraphRevision| {
        score_transitions(graph, revision, &mut models, &played.catalog, &played.transition())
    };
    let mut scored = score(&initial)?;
    for env in 0..played.envs() {
        let mut revision = initial.clone();
        let changes = played.weights.iter().filter(|change| change.env == env && change.reward == index);
        for change in changes {
            revision.nodes[change.node].weight = change.weight;
            let (other, rest) = (score(&revision)?, change.at..played.episode(env).end);
            for node in 0..graph.nodes.len() {
                let cells = node * n + rest.start..node * n + rest.end;
                scored.outputs[cells.clone()].copy_from_slice(&other.outputs[cells]);
            }
            for (own, other) in scored.totals.iter_mut().zip(&other.totals) {
                own[rest.clone()].copy_from_slice(&other[rest.clone()]);
            }
        }
    }
    let (mut total, mut unaccounted) = (vec![0.0_f32; n], vec![0.0_f32; n]);
    for (group, paid) in scored.totals.iter().enumerate() {
        for t in 0..n {
            let mut parts = 0.0;
            for &node in graph.top.iter().filter(|&&node| graph.nodes[node].group == group) {
                parts += scored.outputs[node * n + t];
            }
            total[t] += paid[t];
            unaccounted[t] += paid[t] - parts;
        }
    }
    Ok(Paid { outputs: scored.outputs, total, unaccounted })
}

/// The names that expectations under a reward may read, besides the task's signals.
fn extra_names(under: &Graph, rewards: &[Graph]) -> Vec<(String, SignalKind, &'static str)> {
    let scalar = |name: &str| (name.to_string(), SignalKind::Scalar, "");
    let mut names = vec![
        scalar("step"),
        ("time".to_string(), SignalKind::Scalar, "s"),
        ("success".to_string(), SignalKind::Flag, ""),
        scalar("score"),
        scalar("total"),
        scalar("so_far"),
        scalar("unaccounted"),
    ];
    names.extend(under.nodes.iter().map(|node| scalar(&format!("paid({})", node.name))));
    names.extend(rewards.iter().map(|graph| scalar(&format!("total({})", graph.name))));
    names
}

/// The scope of expectations under a reward.
pub(crate) fn step_scope(task: &Scope, under: &Graph, rewards: &[Graph]) -> Scope {
    let mut catalog = task.catalog.clone();
    for (name, kind, unit) in extra_names(under, rewards) {
        catalog.push(SignalSpec::new(&name, kind, unit, ANY, ""));
    }
    task.with_catalog(catalog)
}

/// A rollout under one reward, as columns that expectations read.
#[derive(Debug, Clone)]
pub struct Columns {
    rows: usize,
    before: Vec<f32>,
    now: Vec<f32>,
}

impl Columns {
    /// Joins signals, truth and what was paid; `totals` are those of all rewards of the file, in order.
    pub(crate) fn new(
        played: &Played,
        under: &Graph,
        paid: &Paid,
        totals: &[&[f32]],
        control_dt: f32,
    ) -> Self {
        let n = played.len();
        let steps: Vec<f32> =
            (0..played.envs()).flat_map(|env| (1..=played.episode(env).len()).map(|t| t as f32)).collect();
        let flags = |flags: &[bool]| flags.iter().map(|&flag| f32::from(u8::from(flag))).collect::<Vec<_>>();
        let mut so_far = Vec::with_capacity(n);
        for env in 0..played.envs() {
            let mut sum = 0.0_f64;
            so_far.extend(played.episode(env).map(|t| {
                sum += f64::from(paid.total[t]);
                sum as f32
            }));
        }
        let times = steps.iter().map(|step| step * control_dt).collect();
        let mut extra = vec![
            steps,
            times,
            flags(&played.success),
            played.score.clone(),
            paid.total.clone(),
            so_far,
            paid.unaccounted.clone(),
        ];
        extra.extend(paid.outputs.chunks_exact(n.max(1)).take(under.nodes.len()).map(<[f32]>::to_vec));
        extra.extend(totals.iter().map(|total| total.to_vec()));
        let (mut before, mut now) = (played.before.clone(), played.now.clone());
        for column in &extra {
            now.extend(column);
            for env in 0..played.envs() {
                let own = &column[played.episode(env)];
                // Nothing was paid before the first step.
                before.extend(std::iter::once(&0.0).chain(own).take(own.len()));
            }
        }
        Self { rows: n, before, now }
    }

    /// The steps, as a text of the expression language reads them.
    pub(crate) fn transition<'a>(&'a self, played: &'a Played) -> Transition<'a> {
        Transition {
            before: SignalView::new(&self.before, self.rows),
            now: SignalView::new(&self.now, self.rows),
            ..played.transition()
        }
    }

    /// A column after each step.
    pub fn column(&self, column: usize) -> &[f32] {
        &self.now[column * self.rows..][..self.rows]
    }
}

/// What comparisons between rollouts read: one number for each rollout and reward or term.
pub(crate) fn measures(
    rollouts: &[String],
    under: &Graph,
    rewards: &[Graph],
) -> (SignalCatalog, Vec<(usize, Measure)>) {
    let (mut catalog, mut order) = (SignalCatalog::new(Vec::new()), Vec::new());
    let mut add = |name: String, rollout: usize, measure: Measure| {
        catalog.push(SignalSpec::new(&name, SignalKind::Scalar, "", ANY, ""));
        order.push((rollout, measure));
    };
    for (index, rollout) in rollouts.iter().enumerate() {
        add(format!("return({rollout})"), index, Measure::Return(None));
        add(format!("discounted({rollout})"), index, Measure::Discounted(None));
        add(format!("score({rollout})"), index, Measure::Score);
        add(format!("success({rollout})"), index, Measure::Success);
        add(format!("length({rollout})"), index, Measure::Length);
        for (node, term) in under.nodes.iter().enumerate() {
            add(format!("paid({rollout}, {})", term.name), index, Measure::Paid(node));
        }
        for (reward, graph) in rewards.iter().enumerate() {
            add(format!("return({rollout}, {})", graph.name), index, Measure::Return(Some(reward)));
            add(format!("discounted({rollout}, {})", graph.name), index, Measure::Discounted(Some(reward)));
        }
    }
    (catalog, order)
}

/// A mean over the episodes of a rollout; of the reward that the expectation is under, or of another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Measure {
    Return(Option<usize>),
    Discounted(Option<usize>),
    Score,
    Success,
    Length,
    Paid(usize),
}

impl Measure {
    /// Its value; `total` is that of the reward it is about.
    pub(crate) fn of(self, played: &Played, paid: &Paid, total: &[f32], gamma: f64) -> f32 {
        let episodes = (0..played.envs()).map(|env| played.episode(env));
        let value = |steps: std::ops::Range<usize>| -> f64 {
            let last = steps.end - 1;
            match self {
                Self::Return(_) => total[steps].iter().map(|&x| f64::from(x)).sum(),
                Self::Discounted(_) => {
                    total[steps].iter().rev().fold(0.0, |later, &x| f64::from(x) + gamma * later)
                }
                Self::Score => f64::from(played.score[last]),
                Self::Success => f64::from(u8::from(played.success[last])),
                Self::Length => steps.len() as f64,
                Self::Paid(node) => {
                    paid.outputs[node * played.len()..][steps].iter().map(|&x| f64::from(x)).sum()
                }
            }
        };
        (episodes.map(value).sum::<f64>() / played.envs() as f64) as f32
    }
}
