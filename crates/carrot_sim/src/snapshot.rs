//! Snapshots: one row's whole state as bytes, to restore, branch or send elsewhere.

use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::SimError;

/// A row between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowSnapshot {
    /// One blob per registered column, in registration order.
    pub state: Vec<Vec<u8>>,
    /// Signals of s.
    pub before: Vec<f32>,
}

type Save = Box<dyn Fn(&World, Entity, &mut Vec<u8>) -> Result<(), SimError> + Send + Sync>;
type Load = Box<dyn Fn(&mut World, Entity, &[u8]) -> Result<(), SimError> + Send + Sync>;
type Spawn = Box<dyn Fn(&mut World, &[Entity]) + Send + Sync>;

/// Column codecs of a shard, in registration order.
#[derive(Resource, Default)]
pub(crate) struct RowCodecs(Vec<Codec>);

struct Codec {
    spawn: Spawn,
    save: Save,
    load: Load,
}

impl RowCodecs {
    pub(crate) fn add<T>(&mut self, initial: T)
    where
        T: Component<Mutability = Mutable> + Clone + Serialize + DeserializeOwned,
    {
        self.0.push(Codec {
            spawn: Box::new(move |world, rows| {
                for &row in rows {
                    world.entity_mut(row).insert(initial.clone());
                }
            }),
            save: Box::new(|world, row, bytes| {
                let value = world.get::<T>(row).ok_or(SimError::SnapshotColumns)?;
                *bytes = postcard::to_extend(value, std::mem::take(bytes)).map_err(SimError::Snapshot)?;
                Ok(())
            }),
            load: Box::new(|world, row, bytes| {
                let value = postcard::from_bytes(bytes).map_err(SimError::Snapshot)?;
                *world.get_mut::<T>(row).ok_or(SimError::SnapshotColumns)? = value;
                Ok(())
            }),
        });
    }

    /// Like [`RowCodecs::add`] for a component that cannot be cloned or that reads its own bytes.
    pub(crate) fn add_own<T>(
        &mut self,
        make: impl Fn() -> T + Send + Sync + 'static,
        save: fn(&T) -> Result<Vec<u8>, String>,
        load: fn(&mut T, &[u8]) -> Result<(), String>,
    ) where
        T: Component<Mutability = Mutable>,
    {
        self.0.push(Codec {
            spawn: Box::new(move |world, rows| {
                for &row in rows {
                    world.entity_mut(row).insert(make());
                }
            }),
            save: Box::new(move |world, row, bytes| {
                let value = world.get::<T>(row).ok_or(SimError::SnapshotColumns)?;
                bytes.extend(save(value).map_err(SimError::RowState)?);
                Ok(())
            }),
            load: Box::new(move |world, row, bytes| {
                let mut value = world.get_mut::<T>(row).ok_or(SimError::SnapshotColumns)?;
                load(&mut value, bytes).map_err(SimError::RowState)
            }),
        });
    }

    /// Inserts every column for all rows, one column at a time, so that table order is row order.
    pub(crate) fn spawn(&self, world: &mut World, rows: &[Entity]) {
        for codec in &self.0 {
            (codec.spawn)(world, rows);
        }
    }

    pub(crate) fn save(&self, world: &World, row: Entity) -> Result<Vec<Vec<u8>>, SimError> {
        self.0
            .iter()
            .map(|codec| {
                let mut bytes = Vec::new();
                (codec.save)(world, row, &mut bytes)?;
                Ok(bytes)
            })
            .collect()
    }

    pub(crate) fn load(&self, world: &mut World, row: Entity, state: &[Vec<u8>]) -> Result<(), SimError> {
        if state.len() != self.0.len() {
            return Err(SimError::SnapshotColumns);
        }
        self.0.iter().zip(state).try_for_each(|(codec, bytes)| (codec.load)(world, row, bytes))
    }
}
