//! Rows: an env is one entity, spawned once, never despawned, never changing archetype.
//!
//! Table order is row order, so a component is a column and [`Column`] hands it out as a slice.

use bevy_ecs::change_detection::ContiguousMut;
use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use serde::{Deserialize, Serialize};

use crate::seed::{LANES, RowKey, Stream, lane_words};

/// Global id of the env in this row.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvId(pub u32);

/// Episode that the row is in, from 0.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode(pub u32);

/// Steps taken in this episode; counts the running step from `Act` on.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCount(pub u32);

/// Seed of the run; together with [`EnvId`] and [`Episode`] it keys every draw of a row.
#[derive(Resource, Debug, Clone, Copy)]
pub struct RunSeed(pub u64);

/// A component column, to read.
#[derive(SystemParam)]
pub struct Column<'w, 's, T: Component> {
    query: Query<'w, 's, &'static T>,
}

impl<T: Component> Column<'_, '_, T> {
    /// One value per row, in row order.
    pub fn slice(&self) -> &[T] {
        // All rows live in one table; a shard without that component has no rows to give.
        self.query.contiguous_iter().ok().and_then(|mut tables| tables.next()).unwrap_or(&[])
    }
}

/// A component column, to write.
#[derive(SystemParam)]
pub struct ColumnMut<'w, 's, T: Component<Mutability = Mutable>> {
    query: Query<'w, 's, &'static mut T>,
}

impl<T: Component<Mutability = Mutable>> ColumnMut<'_, '_, T> {
    /// One value per row, in row order. Change ticks stay untouched: nobody reads them in a batch, and
    /// writing them would cost as much as the state.
    pub fn slice_mut(&mut self) -> &mut [T] {
        let column = self.query.contiguous_iter_mut().ok().and_then(|mut tables| tables.next());
        column.map_or(&mut [], |column| ContiguousMut::bypass_change_detection_split(column).0)
    }

    /// Calls `work` with [`Self::slice_mut`].
    pub fn with<R>(&mut self, work: impl FnOnce(&mut [T]) -> R) -> R {
        work(self.slice_mut())
    }
}

/// The entities of a shard's rows, in row order.
#[derive(Resource, Debug, Clone, Default)]
pub struct RowEntities(pub(crate) Vec<Entity>);

/// A component of one row, to read; for drawing and other rare looks.
pub fn row_state<T: Component>(world: &World, row: usize) -> Option<&T> {
    let entity = *world.get_resource::<RowEntities>()?.0.get(row)?;
    world.get(entity)
}

/// Overwrites a component of one row; false when there is no such row or column.
pub fn set_row_state<T: Component<Mutability = Mutable>>(world: &mut World, row: usize, value: T) -> bool {
    edit_row_state(world, row, |slot| *slot = value)
}

/// Changes a component of one row in place; false when there is no such row or column.
pub fn edit_row_state<T: Component<Mutability = Mutable>>(
    world: &mut World,
    row: usize,
    edit: impl FnOnce(&mut T),
) -> bool {
    let entity = world.get_resource::<RowEntities>().and_then(|rows| rows.0.get(row).copied());
    let slot = entity.and_then(|entity| world.get_mut::<T>(entity));
    slot.map(|mut slot| edit(&mut slot)).is_some()
}

/// The key columns of all rows.
#[derive(SystemParam)]
pub struct RowKeys<'w, 's> {
    seed: Res<'w, RunSeed>,
    rows: Query<'w, 's, (&'static EnvId, &'static Episode)>,
}

impl RowKeys<'_, '_> {
    /// The key columns, to look rows up in.
    pub fn columns(&self) -> KeyColumns<'_> {
        let (envs, episodes) =
            self.rows.contiguous_iter().ok().and_then(|mut t| t.next()).unwrap_or((&[], &[]));
        KeyColumns { seed: self.seed.0, envs, episodes }
    }
}

/// The key columns of all rows, as slices.
#[derive(Debug, Clone, Copy)]
pub struct KeyColumns<'a> {
    seed: u64,
    envs: &'a [EnvId],
    episodes: &'a [Episode],
}

impl KeyColumns<'_> {
    /// The key of a row.
    #[inline]
    pub fn key(&self, row: usize) -> RowKey {
        RowKey { seed: self.seed, env: self.envs[row].0, episode: self.episodes[row].0 }
    }
}

impl KeyColumns<'_> {
    /// The first four words of a stream for each active row: [`RowKey::words`], several rows at a time.
    #[inline]
    pub fn draw(&self, rows: &ActiveRows, stream: Stream, work: impl FnMut(usize, [u32; 4])) {
        self.draw_block(rows, stream, |_| 0, work);
    }

    /// Like [`Self::draw`], from a block of each row's choice, such as its step count.
    #[inline]
    pub fn draw_block(
        &self,
        rows: &ActiveRows,
        stream: Stream,
        block_of: impl Fn(usize) -> u32,
        mut work: impl FnMut(usize, [u32; 4]),
    ) {
        let (mut lanes, mut filled) = ([0_usize; LANES], 0);
        let mut flush = |lanes: &[usize]| {
            let (mut env, mut episode, mut block) = ([0; LANES], [0; LANES], [0; LANES]);
            let mut words = [[0; LANES]; 4];
            for (i, &row) in lanes.iter().enumerate() {
                (env[i], episode[i], block[i]) = (self.envs[row].0, self.episodes[row].0, block_of(row));
            }
            lane_words(self.seed, &env, &episode, stream as u32, &block, &mut words);
            lanes.iter().enumerate().for_each(|(i, &row)| work(row, words.map(|word| word[i])));
        };
        rows.each(|row| {
            lanes[filled] = row;
            filled += 1;
            if filled == LANES {
                flush(&lanes);
                filled = 0;
            }
        });
        flush(&lanes[..filled]);
    }
}

/// The rows that a schedule works on: all of them, or a list.
#[derive(Resource, Debug, Clone, Default)]
pub struct ActiveRows {
    rows: usize,
    list: Option<Vec<u32>>,
}

impl ActiveRows {
    /// All of `rows`.
    pub fn all(rows: usize) -> Self {
        Self { rows, list: None }
    }

    /// The listed rows of `rows`.
    pub fn listed(rows: usize, list: Vec<u32>) -> Self {
        Self { rows, list: Some(list) }
    }

    /// Rows in the shard.
    pub fn total(&self) -> usize {
        self.rows
    }

    /// True when the given row is worked on.
    pub fn is_all(&self) -> bool {
        self.list.is_none()
    }

    /// Calls `work` for each active row, in ascending order.
    #[inline]
    pub fn each(&self, mut work: impl FnMut(usize)) {
        match &self.list {
            None => (0..self.rows).for_each(work),
            Some(list) => list.iter().for_each(|&row| work(row as usize)),
        }
    }

    /// Copies the active rows of a column.
    #[inline]
    pub fn copy<T: Copy>(&self, from: &[T], to: &mut [T]) {
        match &self.list {
            None => to.copy_from_slice(from),
            Some(list) => list.iter().for_each(|&row| to[row as usize] = from[row as usize]),
        }
    }

    /// Writes a function of a column's values for the active rows.
    #[inline]
    pub fn map<S, T>(&self, from: &[S], to: &mut [T], value: impl Fn(&S) -> T) {
        match &self.list {
            None => to.iter_mut().zip(from).for_each(|(to, from)| *to = value(from)),
            Some(list) => list.iter().for_each(|&row| to[row as usize] = value(&from[row as usize])),
        }
    }

    /// Takes the list, so that all rows are active again.
    pub(crate) fn take_list(&mut self) -> Option<Vec<u32>> {
        self.list.take()
    }
}
