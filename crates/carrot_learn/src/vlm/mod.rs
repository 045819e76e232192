//! Image-text models: how well a picture and a sentence fit.
//!
//! A [`Vlm`] is opened from a folder as models are published on hubs: `config.json`, `model.safetensors`,
//! `tokenizer.json` and, where there is one, `preprocessor_config.json`. Nothing is downloaded.

mod config;
mod error;
mod pixels;
mod towers;
mod train;
mod transformer;
mod weights;
mod words;

use std::path::Path;

use tch::Tensor;

use crate::params::Params;
use crate::views::{View, read_f32};
use crate::{Device, LearnError};
pub use config::{Family, Gelu, Stack, TowersConfig};
pub use error::VlmError;
use pixels::Preparation;
use towers::Towers;
pub use train::{SmallVlm, VlmTrainer};
use words::Words;

/// Pictures and texts that go through a tower at a time.
const BLOCK: usize = 64;

/// A model that places pictures and sentences in one space.
#[derive(Debug)]
pub struct Vlm {
    config: TowersConfig,
    towers: Towers,
    params: Params,
    preparation: Preparation,
    words: Words,
    device: tch::Device,
    /// Scale and bias of similarities.
    logit: [f32; 2],
}

impl Vlm {
    /// Opens a model folder.
    ///
    /// # Errors
    /// When a file is missing, broken, or fits no other; the message names it.
    pub fn open(folder: &Path, device: Device) -> Result<Self, VlmError> {
        let device = device.open()?;
        let path = folder.join("config.json");
        let config = TowersConfig::parse(&path, &read_text(&path)?)?;
        let (towers, specs) = Towers::new(config);
        let words = Words::open(&folder.join("tokenizer.json"), config)?;
        let mut preparation = Preparation::of(config.family, config.image);
        let path = folder.join("preprocessor_config.json");
        if path.exists() {
            preparation = preparation.parse(&path, &read_text(&path)?)?;
        }
        let path = folder.join("model.safetensors");
        if !path.exists() {
            let message = "is missing; models published as `pytorch_model.bin` are not read, convert them";
            return Err(VlmError::file(&path, message));
        }
        let values = weights::read(&path, &specs)?;
        let params = Params::with_values(specs, &values, device)?;
        let mut opened = Self { config, towers, params, preparation, words, device, logit: [1.0, 0.0] };
        opened.logit = opened.read_logit()?;
        Ok(opened)
    }

    /// Scale and bias of similarities.
    fn read_logit(&self) -> Result<[f32; 2], LearnError> {
        let (scale, bias) = self.towers.logit_factors(&self.params)?;
        let number = |x: &Tensor| {
            let mut value = [0.0];
            read_f32(x, &mut value).map(|()| value[0])
        };
        Ok([number(&scale)?, bias.as_ref().map_or(Ok(0.0), number)?])
    }

    /// How its towers are built.
    pub fn config(&self) -> &TowersConfig {
        &self.config
    }

    /// Embeddings of length 1 of pictures, `[B, H, W, 3]` bytes, as `[B, E]`.
    ///
    /// # Errors
    /// When the buffer does not fit, or libtorch refuses.
    pub fn see(&self, bytes: &[u8], [height, width]: [usize; 2]) -> Result<Vec<f32>, VlmError> {
        let size = (height * width * 3).max(1);
        let mut found = Vec::with_capacity(bytes.len() / size * self.config.embedding);
        for block in bytes.chunks(size * BLOCK) {
            let pictures = block.len() / size;
            let pixels = self.preparation.apply(block, [pictures, height, width], self.device)?;
            self.push(tch::no_grad(|| self.towers.see(&self.params, &pixels))?, pictures, &mut found)?;
        }
        Ok(found)
    }

    /// Embeddings of length 1 of texts, as `[B, E]`.
    ///
    /// # Errors
    /// When a text is too long, or libtorch refuses.
    pub fn read(&self, texts: &[&str]) -> Result<Vec<f32>, VlmError> {
        let mut found = Vec::with_capacity(texts.len() * self.config.embedding);
        for block in texts.chunks(BLOCK) {
            let (tokens, width) = self.words.read(block)?;
            let tokens = View::i64(&tokens, &[block.len() as i64, width as i64])?.copied(self.device)?;
            self.push(tch::no_grad(|| self.towers.read(&self.params, &tokens))?, block.len(), &mut found)?;
        }
        Ok(found)
    }

    /// What the model was taught to say of a similarity: the logit of a pair's fitting.
    pub fn logit(&self, similarity: f32) -> f32 {
        self.logit[0] * similarity + self.logit[1]
    }

    fn push(&self, rows: Tensor, count: usize, found: &mut Vec<f32>) -> Result<(), LearnError> {
        let start = found.len();
        found.resize(start + count * self.config.embedding, 0.0);
        read_f32(&rows, &mut found[start..])
    }
}

fn read_text(path: &Path) -> Result<String, VlmError> {
    std::fs::read_to_string(path).map_err(|error| VlmError::file(path, error.to_string()))
}
