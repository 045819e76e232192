//! Values of all tiles as one byte string in a snapshot.

use bytemuck::Pod;
use serde::de::Visitor;
use serde::{Deserializer, Serializer};

pub(super) fn serialize<T: Pod, S: Serializer, const W: usize, const H: usize>(
    tiles: &[[T; H]; W],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytemuck::cast_slice(tiles.as_flattened()))
}

pub(super) fn deserialize<'de, T: Pod, D: Deserializer<'de>, const W: usize, const H: usize>(
    deserializer: D,
) -> Result<[[T; H]; W], D::Error> {
    struct Tiles<T, const W: usize, const H: usize>(std::marker::PhantomData<T>);
    impl<T: Pod, const W: usize, const H: usize> Visitor<'_> for Tiles<T, W, H> {
        type Value = [[T; H]; W];

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{} bytes of tiles", size_of::<Self::Value>())
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            let mut tiles = [[T::zeroed(); H]; W];
            if bytes.len() != size_of::<Self::Value>() {
                return Err(E::invalid_length(bytes.len(), &self));
            }
            bytemuck::cast_slice_mut(tiles.as_flattened_mut()).copy_from_slice(bytes);
            Ok(tiles)
        }
    }
    deserializer.deserialize_bytes(Tiles(std::marker::PhantomData))
}
