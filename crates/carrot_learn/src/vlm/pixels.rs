//! From pictures of any size to what a tower sees, as `preprocessor_config.json` says.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::{Family, VlmError};
use crate::views::View;

/// How pictures are prepared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Preparation {
    /// Side in pixels.
    side: usize,
    /// Keep the proportions, and cut what stands over.
    crop: bool,
    mean: [f32; 3],
    std: [f32; 3],
}

#[derive(Deserialize)]
struct File {
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
    do_center_crop: Option<bool>,
}

impl Preparation {
    /// What a family's models are published with.
    pub(super) fn of(family: Family, side: usize) -> Self {
        let (mean, std) = match family {
            Family::Clip => {
                ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1])
            }
            Family::Siglip | Family::Carrot => ([0.5; 3], [0.5; 3]),
        };
        Self { side, crop: family == Family::Clip, mean, std }
    }

    /// Reads `preprocessor_config.json`.
    pub(super) fn parse(self, path: &Path, text: &str) -> Result<Self, VlmError> {
        let file: File =
            serde_json::from_str(text).map_err(|error| VlmError::file(path, error.to_string()))?;
        let found = Self {
            crop: file.do_center_crop.unwrap_or(self.crop),
            mean: file.image_mean.unwrap_or(self.mean),
            std: file.image_std.unwrap_or(self.std),
            ..self
        };
        if !found.mean.iter().all(|x| x.is_finite()) || !found.std.iter().all(|x| x.is_finite() && *x > 0.0) {
            return Err(VlmError::file(path, "`image_mean` and `image_std` are no mean and deviation"));
        }
        Ok(found)
    }

    /// The `preprocessor_config.json` that says this.
    pub(super) fn text(&self) -> String {
        let all = json!({
            "do_center_crop": self.crop,
            "image_mean": self.mean,
            "image_std": self.std,
            "resample": 3,
            "size": {"height": self.side, "width": self.side},
        });
        format!("{all:#}\n")
    }

    /// Pictures `[B, H, W, 3]` to `[B, 3, S, S]`. They are scaled by bicubic filtering with antialiasing and rounded
    /// to bytes, as Pillow does it.
    pub(super) fn apply(
        &self,
        bytes: &[u8],
        [pictures, height, width]: [usize; 3],
        device: Device,
    ) -> Result<Tensor, VlmError> {
        if bytes.len() != pictures * height * width * 3 || bytes.is_empty() {
            return Err(VlmError::Pictures { given: bytes.len(), pictures, height, width });
        }
        let shape = [pictures, height, width, 3].map(|n| n as i64);
        let mut x =
            View::u8(bytes, &shape)?.copied(device)?.f_permute([0, 3, 1, 2])?.f_to_kind(Kind::Float)?;
        let side = self.side as i64;
        let (tall, wide) = self.scaled(height, width);
        if (tall, wide) != (height as i64, width as i64) {
            let scaled =
                x.f_contiguous()?.f_internal_upsample_bicubic2d_aa([tall, wide], false, None, None)?;
            x = scaled.f_round()?.f_clamp(0.0, 255.0)?;
        }
        let x = x.f_narrow(2, (tall - side) / 2, side)?.f_narrow(3, (wide - side) / 2, side)?;
        let three = |values: [f32; 3]| View::f32(&values, &[1, 3, 1, 1])?.copied(device);
        let (mean, std) = (three(self.mean)?, three(self.std)?);
        Ok(x.f_mul_scalar(1.0 / 255.0)?.f_sub(&mean)?.f_div(&std)?.f_contiguous()?)
    }

    /// Height and width before the cut.
    fn scaled(&self, height: usize, width: usize) -> (i64, i64) {
        let (side, short) = (self.side, height.min(width).max(1));
        let along = |length: usize| if self.crop { (length * side / short) as i64 } else { side as i64 };
        (along(height), along(width))
    }
}
