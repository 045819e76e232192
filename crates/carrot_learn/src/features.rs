//! From observation parts to what a network reads: one vector, and images.

use carrot_sim::{Element, ObsPart, PartSlice};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::LearnError;
use crate::obs_norm::{ObsNorm, Scale};
use crate::views::View;

/// More one-hot inputs than this from one part is a picture, not a category.
const MOST_CATEGORIES: usize = 4_096;

/// How a part reaches the network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// Floats, normalised.
    Floats,
    /// Bytes of rank 0 or 1, one-hot: choices of each element.
    Categories(Vec<usize>),
    /// Bytes `[H, W, C]` for a convolutional encoder, scaled to 0 to 1.
    Image(ImageShape),
    /// The same without an encoder, by its highest value.
    Flat(f32),
}

/// How images reach the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Images {
    /// Through convolutions.
    #[default]
    Convolved,
    /// As they are, element by element beside the other inputs: cheaper for small grids.
    Flat,
}

/// Shape and range of an image part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ImageShape {
    pub(crate) height: i64,
    pub(crate) width: i64,
    pub(crate) channels: i64,
    /// Highest value of an element.
    pub(crate) high: f64,
}

/// A part and how it is read.
#[derive(Debug, Clone)]
pub(crate) struct PartReading {
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) reading: Reading,
}

/// How a whole observation is read.
#[derive(Debug, Clone)]
pub(crate) struct FeatureLayout {
    parts: Vec<PartReading>,
    /// Width of the vector.
    pub(crate) vector: usize,
    /// Float elements, which normalisation counts.
    pub(crate) floats: usize,
}

/// What a network reads, for a batch of rows.
pub(crate) struct Features {
    /// `[B, vector]`, when there is one.
    pub(crate) vector: Option<Tensor>,
    /// `[B, H, W, C]` bytes each.
    pub(crate) images: Vec<Tensor>,
}

impl Features {
    /// The same, for another network.
    pub(crate) fn copied(&self) -> Self {
        let images = self.images.iter().map(Tensor::shallow_clone).collect();
        Self { vector: self.vector.as_ref().map(Tensor::shallow_clone), images }
    }
}

/// A rollout's observations, to gather mini-batches from.
pub(crate) struct FeatureTable<'a> {
    vector: Option<View<'a>>,
    images: Vec<View<'a>>,
}

impl FeatureLayout {
    /// # Errors
    /// When a part has a shape that no network reads, or there is no part.
    pub(crate) fn new(parts: &[ObsPart], images: Images) -> Result<Self, LearnError> {
        let read = |part: &ObsPart| PartReading::new(part, images);
        let parts = parts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let (mut vector, mut floats, mut images) = (0, 0, 0);
        for part in &parts {
            match &part.reading {
                Reading::Floats => (vector, floats) = (vector + part.size, floats + part.size),
                Reading::Categories(choices) => vector += choices.iter().sum::<usize>(),
                Reading::Image(_) => images += 1,
                Reading::Flat(_) => vector += part.size,
            }
        }
        if vector + images == 0 {
            return Err(LearnError::Space("an observation without elements cannot be learned from".into()));
        }
        Ok(Self { parts, vector, floats })
    }

    /// The image parts, with their names.
    pub(crate) fn images(&self) -> impl Iterator<Item = (&str, ImageShape)> {
        self.parts.iter().filter_map(|part| match part.reading {
            Reading::Image(shape) => Some((part.name.as_str(), shape)),
            _ => None,
        })
    }

    /// Elements per row of each part.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|part| part.size)
    }

    /// Refuses buffers that do not hold `rows` rows of these parts.
    pub(crate) fn check(&self, obs: &[PartSlice<'_>], rows: usize) -> Result<(), LearnError> {
        LearnError::expect_len("the observation's list of parts", obs.len(), self.parts.len())?;
        for (part, slice) in self.parts.iter().zip(obs) {
            let given = match (&part.reading, slice) {
                (Reading::Floats, PartSlice::F32(data)) => data.len(),
                (Reading::Categories(_) | Reading::Image(_) | Reading::Flat(_), PartSlice::U8(data)) => {
                    data.len()
                }
                _ => return Err(LearnError::Space(format!("part `{}` has another element type", part.name))),
            };
            LearnError::expect_len("an observation part", given, rows * part.size)?;
        }
        Ok(())
    }

    /// Writes the vector of each row to `out`, `[rows, vector]`.
    pub(crate) fn fill_vectors(
        &self,
        obs: &[PartSlice<'_>],
        rows: usize,
        norm: &ObsNorm,
        out: &mut Vec<f32>,
    ) {
        let scales = norm.scales();
        out.clear();
        out.resize(rows * self.vector, 0.0);
        let (mut column, mut element) = (0, 0);
        for (part, slice) in self.parts.iter().zip(obs) {
            let targets = out.chunks_exact_mut(self.vector.max(1));
            match (&part.reading, slice) {
                (Reading::Floats, PartSlice::F32(data)) => {
                    let own = scales.as_ref().map(|scales| &scales[element..element + part.size]);
                    for (target, row) in targets.zip(data.chunks_exact(part.size)) {
                        write_floats(&mut target[column..column + part.size], row, own);
                    }
                    (column, element) = (column + part.size, element + part.size);
                }
                (Reading::Categories(choices), PartSlice::U8(data)) => {
                    for (target, row) in targets.zip(data.chunks_exact(part.size)) {
                        let mut first = column;
                        for (&choices, &value) in choices.iter().zip(row) {
                            // A value out of range is no category: all zeroes.
                            if usize::from(value) < choices {
                                target[first + usize::from(value)] = 1.0;
                            }
                            first += choices;
                        }
                    }
                    column += choices.iter().sum::<usize>();
                }
                (Reading::Flat(high), PartSlice::U8(data)) => {
                    let scale = 1.0 / high;
                    for (target, row) in targets.zip(data.chunks_exact(part.size)) {
                        let own = target[column..column + part.size].iter_mut();
                        own.zip(row).for_each(|(slot, &x)| *slot = f32::from(x) * scale);
                    }
                    column += part.size;
                }
                _ => {}
            }
        }
    }

    /// A table over a rollout's rows; `vectors` is what [`Self::fill_vectors`] wrote for them.
    pub(crate) fn table<'a>(
        &self,
        obs: &[PartSlice<'a>],
        vectors: &'a [f32],
        rows: usize,
        device: Device,
    ) -> Result<FeatureTable<'a>, LearnError> {
        let rows = rows as i64;
        let vector = match self.vector {
            0 => None,
            width => Some(View::f32(vectors, &[rows, width as i64])?.on(device)?),
        };
        let mut images = Vec::new();
        for (part, slice) in self.parts.iter().zip(obs) {
            if let (Reading::Image(ImageShape { height, width, channels, .. }), PartSlice::U8(data)) =
                (&part.reading, slice)
            {
                images.push(View::u8(data, &[rows, *height, *width, *channels])?.on(device)?);
            }
        }
        Ok(FeatureTable { vector, images })
    }
}

impl FeatureTable<'_> {
    /// The rows that an index names.
    pub(crate) fn gather(&self, rows: &Tensor) -> Result<Features, LearnError> {
        self.each(|view| view.gather(rows))
    }

    /// All rows.
    pub(crate) fn copied(&self, device: Device) -> Result<Features, LearnError> {
        self.each(|view| view.copied(device))
    }

    fn each(&self, take: impl Fn(&View<'_>) -> Result<Tensor, LearnError>) -> Result<Features, LearnError> {
        let vector = self.vector.as_ref().map(&take).transpose()?;
        Ok(Features { vector, images: self.images.iter().map(take).collect::<Result<_, _>>()? })
    }
}

impl PartReading {
    fn new(part: &ObsPart, images: Images) -> Result<Self, LearnError> {
        let reading = match (part.element, part.shape.as_slice()) {
            (Element::F32, _) => Reading::Floats,
            (Element::U8, [] | [_]) => {
                let high = |i: usize| part.high.get(i).or(part.high.first()).copied().unwrap_or(255.0);
                Reading::Categories(
                    (0..part.size()).map(|i| high(i).clamp(0.0, 255.0) as usize + 1).collect(),
                )
            }
            (Element::U8, [_, _] | [_, _, _]) if images == Images::Flat => {
                Reading::Flat(part.high.iter().copied().fold(1.0_f32, f32::max))
            }
            (Element::U8, [height, width]) => Reading::Image(ImageShape::new(part, *height, *width, 1)),
            (Element::U8, [height, width, channels]) => {
                Reading::Image(ImageShape::new(part, *height, *width, *channels))
            }
            (Element::U8, shape) => {
                let message = format!("part `{}`: no network reads bytes of shape {shape:?}", part.name);
                return Err(LearnError::Space(message));
            }
        };
        if part.size() == 0 {
            return Err(LearnError::Space(format!("part `{}` has no elements", part.name)));
        }
        if let Reading::Categories(choices) = &reading
            && choices.iter().sum::<usize>() > MOST_CATEGORIES
        {
            let message =
                format!("part `{}` has too many categories; give its bytes the shape [H, W, C]", part.name);
            return Err(LearnError::Space(message));
        }
        Ok(Self { name: part.name.clone(), size: part.size(), reading })
    }
}

impl ImageShape {
    fn new(part: &ObsPart, height: usize, width: usize, channels: usize) -> Self {
        let high = part.high.iter().copied().fold(1.0_f32, f32::max);
        Self { height: height as i64, width: width as i64, channels: channels as i64, high: f64::from(high) }
    }
}

fn write_floats(target: &mut [f32], row: &[f32], scales: Option<&[Scale]>) {
    match scales {
        None => target.copy_from_slice(row),
        Some(scales) => {
            for ((target, x), scale) in target.iter_mut().zip(row).zip(scales) {
                *target = scale.apply(*x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_join_in_order_with_categories_one_hot() {
        let parts = [
            ObsPart::vector("a", &[-1.0, -1.0], &[1.0, 1.0]),
            ObsPart { high: vec![2.0, 1.0], ..ObsPart::bytes("b", &[2], 0) },
            ObsPart::bytes("picture", &[4, 5, 3], 10),
            ObsPart::vector("c", &[0.0], &[1.0]),
        ];
        let layout = FeatureLayout::new(&parts, Images::Convolved).unwrap();
        assert_eq!((layout.vector, layout.floats), (8, 3));
        let picture = [7_u8; 2 * 60];
        let obs = [
            PartSlice::F32(&[0.1, 0.2, 0.3, 0.4]),
            PartSlice::U8(&[2, 0, 9, 1]),
            PartSlice::U8(&picture),
            PartSlice::F32(&[0.5, 0.6]),
        ];
        layout.check(&obs, 2).unwrap();
        let mut vectors = Vec::new();
        layout.fill_vectors(&obs, 2, &ObsNorm::identity(3), &mut vectors);
        assert_eq!(vectors[..8], [0.1, 0.2, 0.0, 0.0, 1.0, 1.0, 0.0, 0.5]);
        assert_eq!(vectors[8..], [0.3, 0.4, 0.0, 0.0, 0.0, 0.0, 1.0, 0.6]);
        let features = layout.table(&obs, &vectors, 2, Device::Cpu).unwrap().copied(Device::Cpu).unwrap();
        assert_eq!(features.vector.unwrap().size(), [2, 8]);
        assert_eq!(features.images[0].size(), [2, 4, 5, 3]);
        assert!(layout.check(&obs, 3).is_err() && layout.check(&obs[..2], 2).is_err());
        let layout = FeatureLayout::new(&parts, Images::Flat).unwrap();
        assert_eq!((layout.vector, layout.images().count()), (68, 0));
        layout.fill_vectors(&obs, 2, &ObsNorm::identity(3), &mut vectors);
        assert_eq!(vectors[7..67], [0.7; 60]);
    }

    #[test]
    fn a_flattened_image_is_part_of_the_vector() {
        let parts = [ObsPart::bytes("picture", &[1, 2, 1], 10), ObsPart::vector("c", &[0.0], &[1.0])];
        let layout = FeatureLayout::new(&parts, Images::Flat).unwrap();
        assert_eq!((layout.vector, layout.floats, layout.images().count()), (3, 1, 0));
        let obs = [PartSlice::U8(&[10, 0, 5, 1]), PartSlice::F32(&[0.5, 0.6])];
        layout.check(&obs, 2).unwrap();
        let mut vectors = Vec::new();
        layout.fill_vectors(&obs, 2, &ObsNorm::identity(1), &mut vectors);
        assert_eq!(vectors, [1.0, 0.0, 0.5, 0.5, 0.1, 0.6]);
        let features = layout.table(&obs, &vectors, 2, Device::Cpu).unwrap().copied(Device::Cpu).unwrap();
        assert!(features.images.is_empty());
    }

    #[test]
    fn shapes_that_no_network_reads_are_refused() {
        for part in [
            ObsPart::bytes("x", &[2, 2, 2, 2], 1),
            ObsPart::bytes("x", &[40], 255),
            ObsPart::vector("x", &[], &[]),
        ] {
            assert!(matches!(FeatureLayout::new(&[part], Images::Convolved), Err(LearnError::Space(_))));
        }
        assert!(FeatureLayout::new(&[], Images::Convolved).is_err());
    }
}
