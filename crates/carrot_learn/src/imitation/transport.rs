//! A reward without a network: what it costs to move an agent's states onto those of a demonstration.
//!
//! # Source
//! Papagiannis and Li, "Imitation learning with Sinkhorn distances" (2020), and Cohen et al., "Imitation learning from
//! pixel observations" (2022): the coupling of two episodes by Sinkhorn's iteration (Cuturi, "Sinkhorn distances", 2013,
//! algorithm 1); a step pays what its row of the coupling costs. Of several demonstrations the nearest counts, which
//! the relaxed bound of Kusner et al., "From word embeddings to document distances" (2015), section 3.1, finds.
//! What differs: an episode that goes on in the next rollout is matched in pieces, each with the same steps of the
//! demonstration, because no reward waits for its end.
//!
//! # When it misleads
//! It pays for being where the expert was, in whatever order within a piece: a demonstration walked backwards costs as
//! little. Choose `inputs` that tell progress, and rollouts that hold whole episodes.

use carrot_reward::{RewardModel, StepRows};
use serde::{Deserialize, Serialize};

use crate::LearnError;
use crate::config::settings;
use crate::learner::Parts;
use crate::parts::{find, read_state, write_state};
use crate::standard::Standard;

/// Parts of a published version: its number, and with the first one the demonstrations.
const VERSION: &str = "transport.postcard";
const SHOWN: &str = "demonstrations.postcard";

settings! {
    /// How states are moved onto each other.
    TransportConfig {
        /// How much the coupling is smoothed, as a share of the mean cost.
        smoothing: f64 = 0.05, 0.005..=10.0;
        /// Iterations of Sinkhorn.
        iterations: usize = 100, 1..=10_000;
    }
}

/// The reward. A version says nothing but that a rollout began: pieces of an episode are known by it again.
///
/// # Units
/// A step pays minus the mean distance that its state is moved, in standard deviations of the demonstrated states.
#[derive(Debug, Clone)]
pub struct Transport {
    config: TransportConfig,
    inputs: Vec<String>,
    version: u32,
    shown: Shown,
    /// Steps that each row has taken in its episode.
    steps: Vec<u32>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Shown {
    standard: Standard,
    /// Standardised states of each demonstration, `[L, F]`.
    episodes: Vec<Vec<f32>>,
}

impl Transport {
    /// Onto these demonstrations.
    ///
    /// # Shapes
    /// Each is `[L, F]` with F names in `inputs`.
    ///
    /// # Errors
    /// When a setting is out of range, or there is no demonstration.
    pub fn new(
        config: TransportConfig,
        inputs: Vec<String>,
        demonstrations: &[Vec<f32>],
    ) -> Result<Self, LearnError> {
        config.check()?;
        let (all, width) = (demonstrations.concat(), inputs.len());
        let whole = width > 0 && demonstrations.iter().all(|own| !own.is_empty() && own.len() % width == 0);
        if all.is_empty() || !whole || !all.iter().all(|x| x.is_finite()) {
            let message = "there are no demonstrations, or their numbers are not finite".into();
            return Err(LearnError::Config { field: "demonstrations", message });
        }
        let standard = Standard::of(&all, width);
        let episodes = demonstrations.iter().map(|own| standard.apply(own)).collect();
        Ok(Self { config, inputs, version: 1, shown: Shown { standard, episodes }, steps: Vec::new() })
    }

    /// One of which nothing is known yet but what it reads.
    pub fn nothing(config: TransportConfig, inputs: Vec<String>) -> Self {
        Self { config, inputs, version: 0, shown: Shown::default(), steps: Vec::new() }
    }

    /// The reward in a version, at the beginning of every episode.
    #[must_use]
    pub fn at(&self, version: u32) -> Self {
        Self { version, steps: Vec::new(), ..self.clone() }
    }

    /// The version that pays in a rollout, as named parts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn published(&self, version: u32) -> Result<Parts, LearnError> {
        let mut parts = Parts::from([(VERSION.to_owned(), write_state(VERSION, &version)?)]);
        if version == 1 {
            parts.insert(SHOWN.to_owned(), write_state(SHOWN, &self.shown)?);
        }
        Ok(parts)
    }

    /// F.
    pub(super) fn width(&self) -> usize {
        self.inputs.len()
    }

    /// Standardised states of the first demonstration, `[L, F]`.
    pub(super) fn first(&self) -> &[f32] {
        self.shown.episodes.first().map_or(&[], Vec::as_slice)
    }

    /// States on the scale of the demonstrations.
    pub(super) fn standardised(&self, features: &[f32]) -> Vec<f32> {
        self.shown.standard.apply(features)
    }

    /// What each state of a piece pays, the first of them after `start` steps of its episode.
    fn pay(&self, piece: &[f32], start: usize) -> Vec<f32> {
        let width = self.inputs.len();
        let rows = piece.len() / width;
        if !piece.iter().all(|x| x.is_finite()) {
            return vec![f32::NAN; rows];
        }
        let costs = self.shown.episodes.iter().map(|episode| {
            let length = episode.len() / width;
            // A piece that begins after the demonstration's end is held against its last state.
            let first = start.min(length - 1);
            let last = (start + rows).clamp(first + 1, length);
            Costs::new(piece, &episode[first * width..last * width], width)
        });
        let nearest = costs.map(|costs| (costs.bound(), costs)).min_by(|a, b| a.0.total_cmp(&b.0));
        nearest.map_or_else(Vec::new, |(_, costs)| costs.shares(&self.config))
    }
}

/// Distances between the states of a piece and of a demonstration, `[n, m]`.
struct Costs {
    columns: usize,
    values: Vec<f64>,
}

impl Costs {
    fn new(piece: &[f32], shown: &[f32], width: usize) -> Self {
        let distance = |a: &[f32], b: &[f32]| {
            let square = |(x, y): (&f32, &f32)| f64::from(x - y) * f64::from(x - y);
            a.iter().zip(b).map(square).sum::<f64>().sqrt()
        };
        let rows = piece.chunks_exact(width);
        let values = rows.flat_map(|a| shown.chunks_exact(width).map(move |b| distance(a, b))).collect();
        Self { columns: shown.len() / width, values }
    }

    fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// What it costs at the least: every state of either side goes to the nearest of the other.
    fn bound(&self) -> f64 {
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        let by_row: f64 =
            self.values.chunks_exact(self.columns).map(|row| least(&mut row.iter().copied())).sum();
        let column = |j: usize| least(&mut self.values.iter().skip(j).step_by(self.columns).copied());
        let by_column: f64 = (0..self.columns).map(column).sum();
        (by_row / self.rows() as f64).max(by_column / self.columns as f64)
    }

    /// Minus the cost of each row of the coupling, times the rows there are.
    fn shares(&self, config: &TransportConfig) -> Vec<f32> {
        let (n, m) = (self.rows(), self.columns);
        let mean = self.values.iter().sum::<f64>() / self.values.len() as f64;
        // The least float keeps a far state in the coupling where its kernel would be nothing.
        let kernel: Vec<f64> = match config.smoothing * mean {
            width if width > 0.0 => {
                self.values.iter().map(|cost| libm::exp(-cost / width).max(1e-300)).collect()
            }
            // All states are the same.
            _ => vec![1.0; self.values.len()],
        };
        let (mut u, mut v) = (vec![1.0_f64; n], vec![1.0_f64; m]);
        for _ in 0..config.iterations {
            for (u, row) in u.iter_mut().zip(kernel.chunks_exact(m)) {
                *u = 1.0 / (n as f64 * row.iter().zip(&v).map(|(k, v)| k * v).sum::<f64>());
            }
            let mut sums = vec![0.0_f64; m];
            for (u, row) in u.iter().zip(kernel.chunks_exact(m)) {
                sums.iter_mut().zip(row).for_each(|(sum, k)| *sum += u * k);
            }
            v.iter_mut().zip(&sums).for_each(|(v, sum)| *v = 1.0 / (m as f64 * sum));
        }
        let rows = u.iter().zip(kernel.chunks_exact(m).zip(self.values.chunks_exact(m)));
        rows.map(|(u, (kernel, costs))| {
            let parts = kernel.iter().zip(&v).zip(costs).map(|((k, v), cost)| k * v * cost);
            -(n as f64 * u * parts.sum::<f64>()) as f32
        })
        .collect()
    }
}

impl RewardModel for Transport {
    fn version(&self) -> u32 {
        self.version
    }

    fn inputs(&self) -> &[String] {
        &self.inputs
    }

    fn select(&mut self, version: Option<u32>) -> Result<(), String> {
        match version {
            Some(wanted) if wanted > 0 && self.shown.episodes.is_empty() => {
                Err(format!("version {wanted} is wanted, and the demonstrations are not there"))
            }
            // All versions pay the same.
            _ => Ok(()),
        }
    }

    fn publish(&mut self, parts: &Parts, _keep: bool) -> Result<(), String> {
        let read = || -> Result<(u32, Option<Shown>), LearnError> {
            let shown = parts.get(SHOWN).map(|bytes| read_state(SHOWN, bytes)).transpose()?;
            Ok((read_state(VERSION, find(parts, VERSION)?)?, shown))
        };
        let (version, shown) = read().map_err(|error| error.to_string())?;
        self.version = version;
        self.shown = shown.unwrap_or_else(|| std::mem::take(&mut self.shown));
        Ok(())
    }

    fn needs_episode(&self) -> bool {
        true
    }

    fn score(&mut self, _features: &[f32], _out: &mut [f32]) -> Result<(), String> {
        Err("what it costs to move an episode is known from the episode only".into())
    }

    fn score_steps(&mut self, steps: &StepRows<'_>, out: &mut [f32]) -> Result<(), String> {
        let (n, width) = (steps.rows, self.inputs.len());
        if self.shown.episodes.is_empty() {
            out.fill(f32::NAN);
            return Ok(());
        }
        if steps.fresh || self.steps.len() != n {
            self.steps = vec![0; n];
        }
        let scaled = self.shown.standard.apply(steps.features);
        let mut pieces: Vec<Vec<f32>> = vec![Vec::new(); n];
        for (cell, row) in scaled.chunks_exact(width).enumerate() {
            let (t, env) = (cell / n, cell % n);
            pieces[env].extend_from_slice(row);
            if !steps.ended[cell] && t + 1 < steps.ended.len() / n {
                continue;
            }
            let piece = std::mem::take(&mut pieces[env]);
            let rows = piece.len() / width;
            let paid = self.pay(&piece, self.steps[env] as usize);
            for (i, paid) in paid.into_iter().enumerate() {
                out[(t + 1 - rows + i) * n + env] = paid;
            }
            self.steps[env] = if steps.ended[cell] { 0 } else { self.steps[env] + rows as u32 };
        }
        Ok(())
    }

    fn memory(&self) -> Result<Vec<u8>, String> {
        write_state("memory", &self.steps).map_err(|error| error.to_string())
    }

    fn restore(&mut self, memory: &[u8]) -> Result<(), String> {
        self.steps = read_state("memory", memory).map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk along a line, and another beside it.
    fn shown() -> Vec<Vec<f32>> {
        let walk = |side: f32| (0..20).flat_map(|i| [i as f32 / 10.0, side]).collect();
        vec![walk(0.0), walk(4.0)]
    }

    fn transport() -> Transport {
        Transport::new(TransportConfig::default(), vec!["x".into(), "y".into()], &shown()).unwrap()
    }

    fn paid(
        transport: &mut Transport,
        features: &[f32],
        ended: &[bool],
        rows: usize,
        fresh: bool,
    ) -> Vec<f32> {
        let mut out = vec![0.0; ended.len()];
        let steps = StepRows { before: &[], features, rows, ended, fresh };
        transport.score_steps(&steps, &mut out).unwrap();
        out
    }

    fn ended(steps: usize) -> Vec<bool> {
        (1..=steps).map(|t| t == steps).collect()
    }

    #[test]
    fn who_walks_like_the_expert_pays_least_and_the_nearest_expert_counts() {
        let mut own = transport();
        let mut mean = |episode: &[f32]| {
            let ended = ended(episode.len() / 2);
            let paid = paid(&mut own, episode, &ended, 1, true);
            assert!(paid.iter().all(|x| *x <= 0.0), "{paid:?}");
            paid.iter().sum::<f32>() / paid.len() as f32
        };
        let same = mean(&shown()[0]);
        assert!(same > -0.2, "{same}");
        assert!(mean(&shown()[1]) > -0.2);
        let beside: Vec<f32> = shown()[0].chunks(2).flat_map(|row| [row[0], row[1] + 1.0]).collect();
        let still = [1.0_f32, 0.0].repeat(20);
        assert!(
            mean(&beside) < same - 0.2 && mean(&still) < same - 0.2,
            "{} {}",
            mean(&beside),
            mean(&still)
        );
    }

    #[test]
    fn the_coupling_has_even_sides() {
        // Two states on two: the near ones belong together, although one of them is near to both.
        let costs = Costs { columns: 2, values: vec![0.0, 1.0, 0.2, 3.0] };
        let shares = costs.shares(&TransportConfig { smoothing: 0.02, iterations: 2_000 });
        // 0 to 1 and 1 to 0 cost 1.2 in all, 0 to 0 and 1 to 1 cost 3.
        assert!((shares[0] + 1.0).abs() < 1e-3 && (shares[1] + 0.2).abs() < 1e-3, "{shares:?}");
        assert!((costs.bound() - 0.5).abs() < 1e-12, "{}", costs.bound());
    }

    #[test]
    fn rows_beside_each_other_are_matched_alone_and_pieces_go_on() {
        let (a, b) = (&shown()[0], &shown()[1]);
        let mut both = transport();
        let beside: Vec<f32> = a.chunks(2).zip(b.chunks(2)).flat_map(|(a, b)| [a, b].concat()).collect();
        let flags: Vec<bool> = ended(20).iter().flat_map(|&end| [end, end]).collect();
        let together = paid(&mut both, &beside, &flags, 2, true);
        let alone = paid(&mut transport(), a, &ended(20), 1, true);
        assert_eq!(together.iter().step_by(2).copied().collect::<Vec<_>>(), alone);

        let mut first = transport();
        paid(&mut first, &a[..24], &[false; 12], 1, true);
        let memory = first.memory().unwrap();
        let mut second = transport();
        second.restore(&memory).unwrap();
        let flags = ended(8);
        let rest = paid(&mut second, &a[24..], &flags, 1, false);
        assert_eq!(rest, paid(&mut first, &a[24..], &flags, 1, false));
        assert!(rest.iter().all(|x| *x > -0.3), "the piece is held against the same steps: {rest:?}");
    }

    #[test]
    fn a_version_is_known_again_from_its_parts_and_nonsense_is_refused() {
        let own = transport();
        let mut again = Transport::nothing(TransportConfig::default(), own.inputs.clone());
        assert!(again.select(Some(1)).is_err());
        again.publish(&own.published(1).unwrap(), true).unwrap();
        again.publish(&own.published(2).unwrap(), true).unwrap();
        again.select(Some(2)).unwrap();
        let flags = ended(20);
        let alike = paid(&mut again, &shown()[1], &flags, 1, true);
        assert_eq!(alike, paid(&mut transport(), &shown()[1], &flags, 1, true));
        let broken = paid(&mut again, &[f32::NAN, 0.0], &[true], 1, true);
        assert!(broken[0].is_nan(), "not scored");
        let refused = |shown: &[Vec<f32>]| {
            Transport::new(TransportConfig::default(), vec!["x".into(), "y".into()], shown).is_err()
        };
        assert!(
            refused(&[]) && refused(&[vec![]]) && refused(&[vec![1.0]]) && refused(&[vec![f32::NAN, 0.0]])
        );
    }
}
