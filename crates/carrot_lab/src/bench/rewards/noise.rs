//! A quarter of the answers is wrong: one network beside ensembles that pay what the most doubtful member says.
//!
//! # Source
//! Coste et al., "Reward model ensembles help mitigate overoptimization" (2024), section 5: worst-case and
//! uncertainty-weighted ensembles under 25 % label noise.

use carrot_learn::Device;
use serde::Serialize;

use super::cell;
use super::preferences::{AgentResult, PreferenceCase, judged, read, read_judge};
use crate::bench::table::Table;
use crate::error::LabError;
use crate::trainer::Trainer;

/// Share of answers that are wrong.
const MISTAKE: f32 = 0.25;
/// Updates over which curves are smoothed.
const SMOOTH: usize = 5;
/// Share of its range by which gold must fall for the two to have parted.
const FALL: f64 = 0.1;

/// Names of the rewards that are compared, and what makes them.
pub const VARIANTS: [(&str, [&str; 2]); 3] = [
    ("one network", ["preferences.combine=Mean", "preferences.network=(members: 1)"]),
    ("worst of five", ["preferences.combine=Min", "preferences.network=(members: 5)"]),
    (
        "mean less one deviation of five",
        ["preferences.combine=Cautious(1.0)", "preferences.network=(members: 5)"],
    ),
];

/// What one training came to.
#[derive(Debug, Clone, Serialize)]
pub struct NoiseResult {
    /// Which reward.
    pub variant: &'static str,
    /// The seed.
    pub seed: u64,
    /// The agent at the end.
    pub agent: AgentResult,
    /// Env steps, mean return under the learned reward (proxy) and under the true one (gold), update by update.
    pub curve: Vec<(u64, f64, f64)>,
    /// Env steps at which gold is highest, if it falls from there on while the proxy does not.
    pub parted: Option<u64>,
}

/// Trains every variant with one seed.
///
/// # Errors
/// When an override does not fit or a training fails.
pub fn measure(case: &PreferenceCase, overrides: &[String], seed: u64) -> Result<Vec<NoiseResult>, LabError> {
    let judge = read_judge(case, overrides, seed)?;
    let mut results = Vec::new();
    for (variant, own) in VARIANTS {
        let annotator =
            format!("preferences.annotator=Simulated(gold: \"gold\", faults: (mistake: {MISTAKE}))");
        let setup = read(case, overrides, seed, &[&annotator, own[0], own[1]])?;
        let mut trainer = Trainer::new(setup, Device::Cpu)?;
        let mut curve = Vec::new();
        while !trainer.is_complete() {
            let values = trainer.update()?.metrics.values;
            let tags = ["rollout/ep_rew_mean", "shadow/gold/ep_rew_mean"];
            if let [Some(&proxy), Some(&gold)] = tags.map(|tag| values.get(tag)) {
                curve.push((trainer.env_steps(), proxy, gold));
            }
        }
        let parted = parting(&curve);
        results.push(NoiseResult { variant, seed, agent: judged(&judge, &trainer, seed)?, curve, parted });
    }
    Ok(results)
}

/// Where the true return is highest, if it ends lower by a tenth of its range while the learned one ends no lower.
fn parting(curve: &[(u64, f64, f64)]) -> Option<u64> {
    let smooth = |of: fn(&(u64, f64, f64)) -> f64| -> Vec<f64> {
        curve.windows(SMOOTH).map(|window| window.iter().map(of).sum::<f64>() / SMOOTH as f64).collect()
    };
    let (proxy, gold) = (smooth(|point| point.1), smooth(|point| point.2));
    let best = (0..gold.len()).reduce(|best, i| if gold[i] > gold[best] { i } else { best })?;
    let lowest = gold.iter().copied().fold(f64::INFINITY, f64::min);
    let (last_gold, last_proxy) = (*gold.last()?, *proxy.last()?);
    let fell = gold[best] - last_gold > FALL * (gold[best] - lowest);
    (fell && last_proxy >= proxy[best]).then(|| curve[best + SMOOTH / 2].0)
}

/// The table of all trainings.
pub fn table(task: &str, found: &[Vec<NoiseResult>]) -> Table {
    let headings = [
        "task",
        "reward",
        "seeds",
        "score (truth)",
        "true return",
        "more truth than one network in",
        "parted in",
    ];
    let row = |(variant, _): &(&'static str, _)| {
        let own: Vec<&NoiseResult> =
            found.iter().flatten().filter(|result| result.variant == *variant).collect();
        let single = |seed: u64| {
            let all = found.iter().flatten();
            all.filter(|r| r.variant == VARIANTS[0].0 && r.seed == seed).map(|r| r.agent.mean_score).next()
        };
        let better =
            own.iter().filter(|r| single(r.seed).is_some_and(|one| r.agent.mean_score > one)).count();
        let parted = own.iter().filter(|r| r.parted.is_some()).count();
        vec![
            task.into(),
            (*variant).into(),
            own.len().to_string(),
            cell(own.iter().map(|r| r.agent.mean_score)),
            cell(own.iter().map(|r| r.agent.mean_return)),
            if *variant == VARIANTS[0].0 { "-".into() } else { format!("{better} of {}", own.len()) },
            format!("{parted} of {}", own.len()),
        ]
    };
    Table { headings: headings.map(String::from).into(), rows: VARIANTS.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parting_is_where_gold_turns_while_the_proxy_rises() {
        let curve = |gold: &dyn Fn(f64) -> f64| -> Vec<(u64, f64, f64)> {
            (0..60).map(|i| (1_000 * i, i as f64, gold(i as f64))).collect()
        };
        let hacked = curve(&|t| if t < 30.0 { t } else { 60.0 - t });
        let parted = parting(&hacked).unwrap();
        assert!((28_000..=32_000).contains(&parted), "{parted}");
        assert_eq!(parting(&curve(&|t| t)), None);
        assert_eq!(parting(&[]), None);
    }
}
