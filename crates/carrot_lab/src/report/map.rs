//! Where and when terms paid: the recorded steps of a run over two signals, early to late.
//!
//! # Source
//! Share of the intrinsic reward over states and time, as in Henaff et al., "A Study of Global and Episodic Bonuses for
//! Exploration in Contextual MDPs" (2023), figures of visits; here beside the task's own reward. A cell's share is
//! |term| / (|term| + |the rest|), of sums over its steps.

use std::path::Path;

use carrot_record::{EpisodeReader, EpisodeSchema, RunPaths, read_meta};
use carrot_scene::nearest;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::ReportError;
use crate::error::LabError;
use crate::rescore::episode_files;

/// Cells along an axis that is not made of tiles.
const CELLS: usize = 24;
/// Most tiles along an axis.
const MOST: usize = 256;

/// What is mapped.
#[derive(Debug, Clone)]
pub struct MapSpec {
    /// Signals along x and y, as columns are named: `agent_x`, `tool_position.x`.
    pub axes: [String; 2],
    /// Terms whose share is shown, taken together: `new`.
    pub terms: Vec<String>,
    /// Parts of the run, of as many steps each.
    pub slices: usize,
}

/// What was paid in a cell, and how often it was visited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cell {
    /// Steps that ended here.
    pub steps: u32,
    /// Paid by the terms.
    pub terms: f64,
    /// Paid by all others.
    pub rest: f64,
}

impl Cell {
    fn add(&mut self, terms: f64, rest: f64) {
        (self.steps, self.terms, self.rest) = (self.steps + 1, self.terms + terms, self.rest + rest);
    }

    /// The terms' part of all that was paid, 0 to 1; none where nothing was.
    pub fn share(&self) -> Option<f64> {
        let all = self.terms.abs() + self.rest.abs();
        (all > 0.0).then(|| self.terms.abs() / all)
    }

    /// The share for eyes: `84 %`.
    pub fn percent(&self) -> String {
        self.share().map_or("-".into(), |share| format!("{:.0} %", 100.0 * share))
    }
}

/// An axis and its cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// Name of the signal.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Where the first cell begins and the last one ends.
    pub range: [f32; 2],
    /// Number of cells.
    pub cells: usize,
}

impl Axis {
    fn new(name: &str, unit: &str, values: impl Iterator<Item = f32>) -> Self {
        let (low, high) = values.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let tiles = (high - low).round() as usize + 1;
        let (range, cells) = match unit == "tile" && tiles <= MOST {
            true => ([low - 0.5, high + 0.5], tiles),
            false if low < high => ([low, high], CELLS),
            false => ([low - 0.5, low + 0.5], 1),
        };
        Self { name: name.into(), unit: unit.into(), range, cells }
    }

    fn cell(&self, value: f32) -> usize {
        let [low, high] = self.range;
        let at = (value - low) / (high - low) * self.cells as f32;
        (at as usize).min(self.cells - 1)
    }
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// Episodes that ended in it.
    pub episodes: usize,
    /// All its steps together.
    pub total: Cell,
    /// One per cell, row by row.
    pub cells: Vec<Cell>,
}

/// Where and when terms paid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RewardMap {
    /// The run's task.
    pub task: String,
    /// x and y.
    pub axes: [Axis; 2],
    /// The terms.
    pub terms: Vec<String>,
    /// Early to late.
    pub slices: Vec<Slice>,
}

#[derive(Serialize)]
struct PageView<'a> {
    task: &'a str,
    axes: &'a [Axis; 2],
    terms: String,
    style: &'static str,
    slices: Vec<SliceView>,
}

#[derive(Serialize)]
struct SliceView {
    episodes: usize,
    steps: u32,
    share: String,
    terms: String,
    rest: String,
    visits: String,
    shares: String,
}

/// A step: where it ended, and what was paid.
struct Step {
    at: [f32; 2],
    terms: f64,
    rest: f64,
    ends: bool,
}

impl RewardMap {
    /// Reads the recorded episodes of a run.
    ///
    /// # Errors
    /// When there is no run, it has no recorded episodes, or no signal or term of these names; the message has the nearest.
    pub fn of_run(run: &Path, spec: &MapSpec) -> Result<Self, LabError> {
        let task = read_meta(&RunPaths::new(run))?.task;
        let mut steps = Vec::new();
        let mut schema = EpisodeSchema::default();
        for file in episode_files(run)? {
            let reader = EpisodeReader::open(&file)?;
            schema = reader.schema().clone();
            let columns = Columns::find(&schema, spec)?;
            for episode in reader.episodes() {
                columns.read(&schema, &episode?, &mut steps);
            }
        }
        if steps.is_empty() {
            let why = "has no recorded episodes: its scene says `recording: (envs: 0)`, or none has ended";
            return Err(LabError::Refused(format!("{} {why}", run.display())));
        }
        let axes = [0, 1].map(|axis| {
            let unit = schema.signals.iter().find(|label| label.name == spec.axes[axis]);
            let unit = unit.map_or("", |label| label.unit.as_str());
            Axis::new(&spec.axes[axis], unit, steps.iter().map(|step| step.at[axis]))
        });
        let length = steps.len().div_ceil(spec.slices.max(1));
        let slice = |steps: &[Step]| {
            let mut own = Slice {
                episodes: steps.iter().filter(|step| step.ends).count(),
                total: Cell::default(),
                cells: vec![Cell::default(); axes[0].cells * axes[1].cells],
            };
            for step in steps {
                let at = axes[1].cell(step.at[1]) * axes[0].cells + axes[0].cell(step.at[0]);
                own.cells[at].add(step.terms, step.rest);
                own.total.add(step.terms, step.rest);
            }
            own
        };
        let slices = steps.chunks(length).map(slice).collect();
        Ok(Self { task, axes, terms: spec.terms.clone(), slices })
    }

    /// The map as a page of its own.
    ///
    /// # Errors
    /// [`ReportError::Page`].
    pub fn page(&self) -> Result<String, ReportError> {
        let most = self.slices.iter().flat_map(|slice| &slice.cells).map(|cell| cell.steps).max();
        let slice = |slice: &Slice| {
            let Cell { steps, terms, rest } = slice.total;
            SliceView {
                episodes: slice.episodes,
                steps,
                share: slice.total.percent(),
                terms: format!("{terms:.3}"),
                rest: format!("{rest:.3}"),
                visits: self.grid(slice, |cell| visited(cell.steps, most.unwrap_or(1))),
                shares: self.grid(slice, |cell| cell.share().map(|share| (share, 1.0))),
            }
        };
        let view = PageView {
            task: &self.task,
            axes: &self.axes,
            terms: self.terms.join(" + "),
            style: include_str!("style.css"),
            slices: self.slices.iter().map(slice).collect(),
        };
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("map", include_str!("map.html"))?;
        Ok(environment.get_template("map")?.render(Serde(view))?)
    }

    /// Cells as squares: how much of the second colour, and how opaque; empty where nothing is to be said.
    fn grid(&self, slice: &Slice, look: impl Fn(&Cell) -> Option<(f64, f64)>) -> String {
        let [columns, rows] = [0, 1].map(|axis| self.axes[axis].cells);
        // Rows of tiles count downwards, all else upwards.
        let is_down = self.axes[1].unit == "tile";
        let squares = slice.cells.iter().enumerate().filter_map(|(index, cell)| {
            let (mix, opacity) = look(cell)?;
            let (x, row) = (index % columns, index / columns);
            let y = if is_down { row } else { rows - 1 - row };
            let told = format!("{} steps, terms {:.3}, rest {:.3}", cell.steps, cell.terms, cell.rest);
            Some(format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"1.02\" height=\"1.02\" style=\"fill-opacity:{opacity:.3};\
                 fill:color-mix(in oklab,var(--s4) {:.1}%,var(--s0))\"><title>{told}</title></rect>",
                100.0 * mix
            ))
        });
        let squares: String = squares.collect();
        format!(
            "<svg viewBox=\"-0.1 -0.1 {} {}\" preserveAspectRatio=\"none\" class=\"grid\">{squares}</svg>",
            columns as f64 + 0.2,
            rows as f64 + 0.2
        )
    }
}

/// Visits on a logarithmic scale, in the first colour.
fn visited(steps: u32, most: u32) -> Option<(f64, f64)> {
    let of = |steps: u32| f64::from(steps).ln_1p();
    (steps > 0).then(|| (0.0, 0.1 + 0.9 * of(steps) / of(most.max(1))))
}

/// Where to read in an episode.
struct Columns {
    axes: [usize; 2],
    terms: Vec<usize>,
    totals: Vec<usize>,
}

impl Columns {
    fn find(schema: &EpisodeSchema, spec: &MapSpec) -> Result<Self, LabError> {
        let place = |what: &str, name: &str, names: &[&str]| {
            names.iter().position(|own| *own == name).ok_or_else(|| {
                let hint = nearest(name, names.iter().copied());
                let hint = hint.map_or_else(
                    || format!("; it has {}", names.join(", ")),
                    |near| format!(", did you mean `{near}`?"),
                );
                LabError::Refused(format!("the run has no {what} `{name}`{hint}"))
            })
        };
        let signals: Vec<&str> = schema.signals.iter().map(|label| label.name.as_str()).collect();
        // The first graph is the one that was trained on.
        let graph =
            schema.contributions.first().and_then(|name| name.split_once('/')).map_or("", |(graph, _)| graph);
        let own = |name: &'_ str| {
            name.split_once('/').filter(|(of, _)| *of == graph).map(|(_, name)| name.to_owned())
        };
        let terms: Vec<String> = schema.contributions.iter().map_while(|name| own(name)).collect();
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        Ok(Self {
            axes: [place("signal", &spec.axes[0], &signals)?, place("signal", &spec.axes[1], &signals)?],
            terms: spec.terms.iter().map(|term| place("term", term, &terms)).collect::<Result<_, _>>()?,
            totals: (0..schema.groups.len()).filter(|&group| own(&schema.groups[group]).is_some()).collect(),
        })
    }

    fn read(&self, schema: &EpisodeSchema, episode: &carrot_record::Episode, steps: &mut Vec<Step>) {
        let [signals, terms, groups] =
            [schema.signals.len(), schema.contributions.len(), schema.groups.len()];
        for t in 0..episode.steps {
            let sum = |values: &[f32], columns: &[usize]| {
                columns.iter().map(|&c| f64::from(values[c])).sum::<f64>()
            };
            let paid = sum(&episode.totals[t * groups..], &self.totals);
            let own = sum(&episode.contributions[t * terms..], &self.terms);
            let now = &episode.signals[(t + 1) * signals..];
            let at = self.axes.map(|column| now[column]);
            steps.push(Step { at, terms: own, rest: paid - own, ends: t + 1 == episode.steps });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_a_cell_each_and_all_else_has_as_many_as_fit() {
        let tiles = Axis::new("x", "tile", [3.0, 1.0, 6.0].into_iter());
        assert_eq!((tiles.cells, tiles.cell(1.0), tiles.cell(3.0), tiles.cell(6.0)), (6, 0, 2, 5));
        let metres = Axis::new("x", "m", [-1.0, 1.0].into_iter());
        assert_eq!((metres.cells, metres.cell(-1.0), metres.cell(1.0)), (CELLS, 0, CELLS - 1));
        assert_eq!(Axis::new("x", "m", [2.0, 2.0].into_iter()).cells, 1);
    }

    #[test]
    fn a_share_is_of_what_was_paid_either_way() {
        let mut cell = Cell::default();
        assert_eq!(cell.share(), None);
        cell.add(1.0, -3.0);
        assert_eq!(cell.share(), Some(0.25));
    }
}
