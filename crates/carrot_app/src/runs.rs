//! Runs on disk: found, read while they are written, and drawn together as curves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carrot_record::{MetricsRow, RunMeta, RunPaths, read_meta, read_metrics};

/// Folders below `runs` that are looked into: task, learner, run, and one for a namespace.
const DEPTH: usize = 4;
/// Runs that are listed.
const LISTED: usize = 40;

/// A run that was found.
#[derive(Debug, Clone)]
pub struct FoundRun {
    /// Its folder.
    pub path: PathBuf,
    /// What it was started with.
    pub meta: RunMeta,
    /// Its updates so far.
    pub rows: Vec<MetricsRow>,
}

impl FoundRun {
    /// Reads a run, which its owner may still be writing.
    ///
    /// # Errors
    /// A sentence that says what cannot be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        let paths = RunPaths::new(path);
        let meta = read_meta(&paths).map_err(|error| error.to_string())?;
        let rows = read_metrics(&paths.metrics()).map_err(|error| error.to_string())?;
        Ok(Self { path: path.to_path_buf(), meta, rows })
    }

    /// The reward that it trains.
    pub fn reward(&self) -> &str {
        self.meta.facts.get("reward").map_or("own", String::as_str)
    }

    /// The last value of a tag.
    pub fn last(&self, tag: &str) -> Option<f64> {
        self.rows.iter().rev().find_map(|row| row.values.get(tag).copied()).filter(|value| value.is_finite())
    }
}

/// All runs below a folder, newest first.
pub fn find_runs(runs: &Path) -> Vec<FoundRun> {
    let mut folders = Vec::new();
    collect(runs, DEPTH, &mut folders);
    let mut found: Vec<FoundRun> = folders.iter().filter_map(|folder| FoundRun::read(folder).ok()).collect();
    found.sort_by(|a, b| b.meta.started.cmp(&a.meta.started).then_with(|| a.path.cmp(&b.path)));
    found.truncate(LISTED);
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join("meta.json").is_file() {
        found.push(folder.to_path_buf());
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    if depth > 0 {
        folders.iter().for_each(|folder| collect(folder, depth - 1, found));
    }
}

/// The runs of one reward, together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// Task, reward and number of seeds.
    pub name: String,
    /// Env steps, rising.
    pub steps: Vec<f64>,
    /// Mean over seeds.
    pub mean: Vec<f64>,
    /// Lowest seed.
    pub low: Vec<f64>,
    /// Highest seed.
    pub high: Vec<f64>,
}

/// Curves of every reward: the mean over seeds, between the lowest and the highest.
pub fn curves(runs: &[FoundRun], tag: &str) -> Vec<Curve> {
    let mut groups = BTreeMap::<String, Vec<Vec<(f64, f64)>>>::new();
    for run in runs {
        let value = |row: &MetricsRow| {
            row.values.get(tag).filter(|v| v.is_finite()).map(|&v| (row.env_steps as f64, v))
        };
        let points: Vec<(f64, f64)> = run.rows.iter().filter_map(value).collect();
        if points.len() > 1 {
            groups.entry(format!("{} {}", run.meta.algo, run.reward())).or_default().push(points);
        }
    }
    groups.into_iter().flat_map(|(name, seeds)| bundle(&name, &seeds)).collect()
}

/// A curve for every number of seeds that go on: where one ends, the mean is another one's.
fn bundle(name: &str, seeds: &[Vec<(f64, f64)>]) -> Vec<Curve> {
    let mut curves = Vec::<Curve>::new();
    let longest = seeds.iter().max_by_key(|points| points.len()).map_or(&[][..], Vec::as_slice);
    let mut going = 0;
    for &(step, _) in longest {
        let values: Vec<f64> = seeds.iter().filter_map(|points| value_at(points, step)).collect();
        if values.len() != going {
            going = values.len();
            let name = match (going, seeds.len()) {
                (1, 1) => name.to_string(),
                (going, all) if going == all => format!("{name}, {all} seeds"),
                (going, all) => format!("{name}, {going} of {all} seeds"),
            };
            curves.push(Curve { name, ..Curve::default() });
        }
        let Some(curve) = curves.last_mut() else { continue };
        curve.steps.push(step);
        curve.mean.push(values.iter().sum::<f64>() / values.len() as f64);
        curve.low.push(values.iter().copied().fold(f64::INFINITY, f64::min));
        curve.high.push(values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    }
    // A single point makes no line.
    curves.retain(|curve| curve.steps.len() > 1);
    curves
}

/// A curve's value at a step, between its points; none beyond them.
fn value_at(points: &[(f64, f64)], step: f64) -> Option<f64> {
    let next = points.partition_point(|point| point.0 < step);
    let &(x1, y1) = points.get(next)?;
    if x1 == step || next == 0 {
        return (x1 == step).then_some(y1);
    }
    let (x0, y0) = points[next - 1];
    Some(y0 + (y1 - y0) * (step - x0) / (x1 - x0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(reward: &str, points: &[(u64, f64)]) -> FoundRun {
        let row = |&(env_steps, value): &(u64, f64)| MetricsRow {
            env_steps,
            update: 0,
            values: BTreeMap::from([("score".to_string(), value)]),
        };
        let facts = BTreeMap::from([("reward".to_string(), reward.to_string())]);
        let meta = RunMeta { algo: "ppo".into(), facts, ..RunMeta::default() };
        FoundRun { path: PathBuf::new(), meta, rows: points.iter().map(row).collect() }
    }

    #[test]
    fn seeds_of_a_reward_make_one_band() {
        let runs = [
            run("a", &[(0, 0.0), (10, 1.0), (20, 2.0)]),
            run("a", &[(0, 2.0), (20, 4.0)]),
            run("b", &[(0, 5.0), (5, 5.0)]),
        ];
        let curves = curves(&runs, "score");
        assert_eq!(curves.len(), 2);
        assert_eq!(curves[0].name, "ppo a, 2 seeds");
        assert_eq!(curves[0].steps, [0.0, 10.0, 20.0]);
        assert_eq!(curves[0].mean, [1.0, 2.0, 3.0]);
        assert_eq!((curves[0].low[1], curves[0].high[1]), (1.0, 3.0));
        assert_eq!(curves[1].name, "ppo b");
    }

    #[test]
    fn where_a_seed_ends_another_curve_begins() {
        let runs = [run("a", &[(0, 0.0), (10, 1.0)]), run("a", &[(0, 2.0), (10, 3.0), (20, 4.0), (30, 5.0)])];
        let curves = curves(&runs, "score");
        let names: Vec<&str> = curves.iter().map(|curve| curve.name.as_str()).collect();
        assert_eq!(names, ["ppo a, 2 seeds", "ppo a, 1 of 2 seeds"]);
        assert_eq!((&curves[0].mean[..], &curves[1].mean[..]), (&[1.0, 2.0][..], &[4.0, 5.0][..]));
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert!(find_runs(Path::new("/nonexistent")).is_empty());
        assert!(FoundRun::read(Path::new("/nonexistent")).is_err());
    }
}
