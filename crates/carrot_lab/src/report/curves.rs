//! A run read back as curves, and curves of several seeds as one band.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use carrot_record::{MetricsRow, RunMeta, RunPaths, read_meta, read_metrics};

use super::ReportError;

/// Points that a drawn curve has at most: more than a panel has room for.
pub(super) const MAX_POINTS: usize = 200;

/// One run folder, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunCurves {
    /// The run folder.
    pub folder: PathBuf,
    /// Its `meta.json`.
    pub meta: RunMeta,
    /// Its `config.ron`.
    pub config: String,
    /// Its `metrics.jsonl`, one row per update.
    pub rows: Vec<MetricsRow>,
}

impl RunCurves {
    /// Reads a run folder; the run may still be going on.
    ///
    /// # Errors
    /// [`ReportError::Record`], [`ReportError::Config`].
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let paths = RunPaths::new(folder);
        let meta = read_meta(&paths)?;
        let path = paths.config();
        let config =
            fs::read_to_string(&path).map_err(|source| ReportError::Config { path: path.clone(), source })?;
        let rows = read_metrics(&paths.metrics())?;
        Ok(Self { folder: folder.to_owned(), meta, config, rows })
    }

    /// The name of the trained reward.
    pub fn reward(&self) -> &str {
        self.meta.facts.get("reward").map_or("unnamed", String::as_str)
    }

    /// Whether the task itself declares that this reward can be farmed.
    pub fn is_farmable(&self) -> bool {
        self.meta.facts.get("farmable").is_some_and(|value| value == "true")
    }

    /// The top-level terms of the trained reward, in the order of the graph.
    pub fn terms(&self) -> Vec<String> {
        match self.meta.facts.get("terms") {
            Some(terms) => {
                terms.split(',').map(str::trim).filter(|term| !term.is_empty()).map(str::to_owned).collect()
            }
            None => self.names_between("reward/", "/episode"),
        }
    }

    /// The reward graphs that only watched.
    pub fn shadows(&self) -> Vec<String> {
        self.names_between("shadow/", "/ep_rew_mean")
    }

    /// Environment steps taken.
    pub fn env_steps(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.env_steps)
    }

    /// Seconds spent in updates, from each update's steps and `time/fps`; pauses do not count.
    ///
    /// # Units
    /// Seconds.
    pub fn wall_secs(&self) -> Option<f64> {
        let mut before = 0;
        let mut secs = None;
        for row in &self.rows {
            let steps = row.env_steps.saturating_sub(before) as f64;
            before = row.env_steps;
            if let Some(fps) = row.values.get("time/fps").filter(|fps| fps.is_finite() && **fps > 0.0) {
                secs = Some(secs.unwrap_or(0.0) + steps / fps);
            }
        }
        secs
    }

    /// The last finite value with this tag.
    pub(super) fn last(&self, tag: &str) -> Option<f64> {
        self.rows.iter().rev().find_map(|row| row.values.get(tag).copied().filter(|value| value.is_finite()))
    }

    /// All finite values with this tag.
    pub(super) fn curve(&self, tag: &str) -> Curve {
        let mut curve = Curve::default();
        for row in &self.rows {
            if let Some(value) = row.values.get(tag).filter(|value| value.is_finite()) {
                curve.steps.push(row.env_steps as f64);
                curve.values.push(*value);
            }
        }
        curve
    }

    fn names_between(&self, prefix: &str, suffix: &str) -> Vec<String> {
        let tags = self.rows.iter().flat_map(|row| row.values.keys());
        let names: BTreeSet<&str> =
            tags.filter_map(|tag| tag.strip_prefix(prefix)?.strip_suffix(suffix)).collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

/// One quantity of one run over environment steps; finite, steps ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Curve {
    pub(super) steps: Vec<f64>,
    pub(super) values: Vec<f64>,
}

impl Curve {
    /// The value at a step, on the straight line between its neighbours; none outside the curve.
    pub(super) fn at(&self, step: f64) -> Option<f64> {
        let right = self.steps.partition_point(|known| *known < step);
        let (x1, y1) = (*self.steps.get(right)?, self.values[right]);
        if x1 == step {
            return Some(y1);
        }
        let left = right.checked_sub(1)?;
        let (x0, y0) = (self.steps[left], self.values[left]);
        Some(y0 + (y1 - y0) * (step - x0) / (x1 - x0))
    }

    /// The curve on a grid, where it exists.
    pub(super) fn on(&self, grid: &[f64]) -> Vec<(f64, f64)> {
        grid.iter().filter_map(|step| Some((*step, self.at(*step)?))).collect()
    }
}

/// Where to draw the given curves: at every known step, or evenly if these are too many.
pub(super) fn grid<'a>(curves: impl IntoIterator<Item = &'a Curve>) -> Vec<f64> {
    let mut steps: Vec<f64> = curves.into_iter().flat_map(|curve| curve.steps.iter().copied()).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    match (steps.first(), steps.last()) {
        (Some(first), Some(last)) if steps.len() > MAX_POINTS => {
            let width = (last - first) / (MAX_POINTS - 1) as f64;
            let inner = (0..MAX_POINTS - 1).map(|index| first + width * index as f64);
            // The last step itself: a rounded one could lie behind every curve.
            inner.chain([*last]).collect()
        }
        _ => steps,
    }
}

/// Several seeds at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BandPoint {
    pub(super) step: f64,
    pub(super) low: f64,
    pub(super) mean: f64,
    pub(super) high: f64,
}

/// Least, mean and greatest value over the seeds that have one, at each step of the grid.
pub(super) fn band(curves: &[Curve], grid: &[f64]) -> Vec<BandPoint> {
    let at = |step: &f64| {
        let values: Vec<f64> = curves.iter().filter_map(|curve| curve.at(*step)).collect();
        let count = values.len() as f64;
        (!values.is_empty()).then(|| BandPoint {
            step: *step,
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            mean: values.iter().sum::<f64>() / count,
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    };
    grid.iter().filter_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve {
            steps: points.iter().map(|point| point.0).collect(),
            values: points.iter().map(|point| point.1).collect(),
        }
    }

    #[test]
    fn a_curve_is_straight_between_its_points_and_ends_with_them() {
        let curve = curve(&[(10.0, 0.0), (20.0, 1.0), (40.0, 5.0)]);
        assert_eq!(curve.at(9.0), None);
        assert_eq!(curve.at(10.0), Some(0.0));
        assert_eq!(curve.at(15.0), Some(0.5));
        assert_eq!(curve.at(30.0), Some(3.0));
        assert_eq!(curve.at(40.0), Some(5.0));
        assert_eq!(curve.at(41.0), None);
        assert_eq!(Curve::default().at(0.0), None);
    }

    #[test]
    fn few_steps_are_all_kept_and_many_are_thinned_without_losing_the_ends() {
        let short = curve(&[(1.0, 0.0), (3.0, 0.0)]);
        let other = curve(&[(2.0, 0.0), (3.0, 0.0)]);
        assert_eq!(grid([&short, &other]), [1.0, 2.0, 3.0]);

        let long = curve(&(0..1000).map(|row| (row as f64 * 0.1, 0.0)).collect::<Vec<_>>());
        let thinned = grid([&long]);
        assert_eq!(thinned.len(), MAX_POINTS);
        assert_eq!(long.on(&thinned).len(), MAX_POINTS);
        assert_eq!((thinned[0], thinned[MAX_POINTS - 1]), (0.0, long.steps[999]));
    }

    #[test]
    fn a_band_covers_the_seeds_that_exist_at_a_step() {
        let curves = [curve(&[(0.0, 1.0), (10.0, 1.0)]), curve(&[(0.0, 3.0), (5.0, 5.0)])];
        let band = band(&curves, &[0.0, 5.0, 10.0]);
        assert_eq!(band[0], BandPoint { step: 0.0, low: 1.0, mean: 2.0, high: 3.0 });
        assert_eq!(band[1], BandPoint { step: 5.0, low: 1.0, mean: 3.0, high: 5.0 });
        assert_eq!(band[2], BandPoint { step: 10.0, low: 1.0, mean: 1.0, high: 1.0 });
    }

    #[test]
    fn time_is_the_sum_over_updates_that_know_their_speed() {
        let row = |env_steps, fps: Option<f64>| MetricsRow {
            env_steps,
            values: fps.map(|fps| ("time/fps".to_owned(), fps)).into_iter().collect(),
            ..Default::default()
        };
        let mut run = RunCurves::default();
        assert_eq!(run.wall_secs(), None);
        run.rows =
            vec![row(100, Some(10.0)), row(300, Some(100.0)), row(500, None), row(600, Some(f64::NAN))];
        assert_eq!(run.wall_secs(), Some(12.0));
    }

    #[test]
    fn terms_come_from_the_facts_or_else_from_the_rows() {
        let values = [("reward/b/c/episode".to_owned(), 1.0), ("reward/a/episode".to_owned(), f64::NAN)];
        let mut run = RunCurves {
            rows: vec![MetricsRow { values: values.into(), ..Default::default() }],
            ..Default::default()
        };
        assert_eq!(run.terms(), ["a", "b/c"]);
        assert_eq!(run.curve("reward/a/episode"), Curve::default());
        run.meta.facts.insert("terms".into(), "b/c, a".into());
        assert_eq!(run.terms(), ["b/c", "a"]);
    }
}
