//! Signals: named, unit-carrying columns that rewards, plots, captions and expectations all speak in.
//!
//! A task measures them from its state. They are double-buffered: a reward may read `before` (s) and
//! `now` (s′), and nothing else, which is what makes recorded episodes re-scorable.
//! Between steps `before` holds the current state; [`Signals::advance`] turns s′ into the next s, and the
//! Reset schedule then measures s₀ of fresh rows into the same buffer.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

/// What a signal's numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignalKind {
    /// One number.
    Scalar,
    /// Two numbers.
    Vec2,
    /// Three numbers.
    Vec3,
    /// A unit quaternion, x y z w.
    Quat,
    /// 0 or 1.
    Flag,
    /// A whole number from 0.
    Category,
}

impl SignalKind {
    /// Columns per signal.
    pub fn width(self) -> usize {
        match self {
            Self::Scalar | Self::Flag | Self::Category => 1,
            Self::Vec2 => 2,
            Self::Vec3 => 3,
            Self::Quat => 4,
        }
    }
}

/// One signal's documentation; all of it is shown to users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalSpec {
    /// Name in snake case.
    pub name: String,
    /// Kind, which sets the number of columns.
    pub kind: SignalKind,
    /// SI unit, empty when it has none.
    pub unit: String,
    /// Lowest and highest value that can occur in an episode.
    pub range: (f32, f32),
    /// What it measures.
    pub description: String,
}

impl SignalSpec {
    /// A signal of any kind.
    pub fn new(name: &str, kind: SignalKind, unit: &str, range: (f32, f32), description: &str) -> Self {
        Self { name: name.into(), kind, unit: unit.into(), range, description: description.into() }
    }

    /// A scalar signal.
    pub fn scalar(name: &str, unit: &str, range: (f32, f32), description: &str) -> Self {
        Self::new(name, SignalKind::Scalar, unit, range, description)
    }

    /// A signal that is 0 or 1.
    pub fn flag(name: &str, description: &str) -> Self {
        Self::new(name, SignalKind::Flag, "", (0.0, 1.0), description)
    }
}

/// First column of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SignalId(pub usize);

/// The signals of a task, in column order; names are resolved here once, at build time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalCatalog {
    specs: Vec<SignalSpec>,
    first: Vec<usize>,
    width: usize,
}

impl SignalCatalog {
    /// A catalog of these signals.
    pub fn new(specs: Vec<SignalSpec>) -> Self {
        let mut catalog = Self::default();
        for spec in specs {
            catalog.push(spec);
        }
        catalog
    }

    /// Adds a signal and gives its first column.
    pub fn push(&mut self, spec: SignalSpec) -> SignalId {
        let id = SignalId(self.width);
        self.first.push(self.width);
        self.width += spec.kind.width();
        self.specs.push(spec);
        id
    }

    /// Columns of all signals together.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All signals with their first columns.
    pub fn iter(&self) -> impl Iterator<Item = (SignalId, &SignalSpec)> {
        self.first.iter().map(|&c| SignalId(c)).zip(&self.specs)
    }

    /// A signal by name.
    pub fn find(&self, name: &str) -> Option<(SignalId, &SignalSpec)> {
        self.iter().find(|(_, spec)| spec.name == name)
    }

    /// All names, for suggestions.
    pub fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|s| s.name.as_str()).collect()
    }

    /// One name per column: `name` for one column, `name.x` and so on for more.
    pub fn column_names(&self) -> Vec<String> {
        let axes = ["x", "y", "z", "w"];
        let expand = |s: &SignalSpec| match s.kind.width() {
            1 => vec![s.name.clone()],
            n => axes[..n].iter().map(|a| format!("{}.{a}", s.name)).collect(),
        };
        self.specs.iter().flat_map(expand).collect()
    }
}

/// Read access to one buffer of signals: `S` columns of `n` rows each.
#[derive(Debug, Clone, Copy)]
pub struct SignalView<'a> {
    data: &'a [f32],
    rows: usize,
}

impl<'a> SignalView<'a> {
    /// A view on column-major data `[S, rows]`.
    pub fn new(data: &'a [f32], rows: usize) -> Self {
        Self { data, rows }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column by number.
    #[inline]
    pub fn column(&self, column: usize) -> &'a [f32] {
        &self.data[column * self.rows..][..self.rows]
    }

    /// Component `axis` of a signal.
    #[inline]
    pub fn get(&self, id: SignalId, axis: usize) -> &'a [f32] {
        self.column(id.0 + axis)
    }
}

/// The two buffers of a shard, column-major `[S, rows]`.
#[derive(Resource, Debug, Clone)]
pub struct Signals {
    rows: usize,
    before: Vec<f32>,
    now: Vec<f32>,
    measuring_now: bool,
}

impl Signals {
    /// Zeroed buffers.
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { rows, before: vec![0.0; columns * rows], now: vec![0.0; columns * rows], measuring_now: true }
    }

    /// Signals of s.
    pub fn before(&self) -> SignalView<'_> {
        SignalView::new(&self.before, self.rows)
    }

    /// Signals of s′.
    pub fn now(&self) -> SignalView<'_> {
        SignalView::new(&self.now, self.rows)
    }

    /// The column that is being measured: of `now` inside Step, of `before` inside Reset.
    #[inline]
    pub fn target(&mut self, id: SignalId, axis: usize) -> &mut [f32] {
        let range = (id.0 + axis) * self.rows..(id.0 + axis + 1) * self.rows;
        if self.measuring_now { &mut self.now[range] } else { &mut self.before[range] }
    }

    /// `C` columns from `first` on, as [`Self::target`] gives one.
    ///
    /// # Panics
    /// When there are fewer columns: a bug of the task.
    #[inline]
    pub fn targets<const C: usize>(&mut self, first: SignalId) -> [&mut [f32]; C] {
        let data = if self.measuring_now { &mut self.now } else { &mut self.before };
        let mut columns = data[first.0 * self.rows..(first.0 + C) * self.rows].chunks_exact_mut(self.rows);
        std::array::from_fn(|_| columns.next().unwrap_or_default())
    }

    /// The buffer that is being measured, to read.
    pub fn measured(&self) -> SignalView<'_> {
        if self.measuring_now { self.now() } else { self.before() }
    }

    /// Points measurement at `now` or at `before`.
    pub(crate) fn measure_into_now(&mut self, now: bool) {
        self.measuring_now = now;
    }

    /// s′ becomes the next s.
    pub(crate) fn advance(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
    }

    /// One row of the buffer that is being measured, in column order.
    pub(crate) fn row_measured(&self, row: usize) -> Vec<f32> {
        let view = self.measured();
        (0..self.columns()).map(|c| view.column(c)[row]).collect()
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.now.len() / self.rows.max(1)
    }

    /// One row of `before`, in column order.
    pub(crate) fn row_before(&self, row: usize) -> Vec<f32> {
        self.before.iter().skip(row).step_by(self.rows).copied().collect()
    }

    /// Overwrites one row of `before`.
    pub(crate) fn set_row_before(&mut self, row: usize, values: &[f32]) {
        for (slot, &value) in self.before.iter_mut().skip(row).step_by(self.rows).zip(values) {
            *slot = value;
        }
    }
}
