//! Image-text models: how well a picture and a sentence fit.
//!
//! A [`Vlm`] is opened from a folder as models are published on hubs: `config.json`, `model.safetensors`,
//! `tokenizer.json` and, where there is one, `preprocessor_config.json`. Nothing is downloaded.

mod config;
mod convolutions;
mod error;
mod pixels;
mod towers;
mod train;
mod transformer;
mod weights;
mod words;

use std::borrow::Cow;
use std::path::Path;

use tch::Tensor;

use crate::device::use_threads;
use crate::params::{ParamSpec, Params};
use crate::views::{View, read_f32};
use crate::{Device, LearnError};
pub use config::{Family, Gelu, Sight, Stack, TowersConfig};
pub use error::VlmError;
use pixels::Preparation;
use towers::Towers;
pub use train::{SmallVlm, VlmTrainer};
use words::Words;

/// Pictures that go through a tower at a time: always so many, so that a picture has the same embedding in any company.
const BLOCK: usize = 8;

const CONFIG: &str = "config.json";
const PREPARATION: &str = "preprocessor_config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";
/// The files of a model's folder; the second one may be missing.
pub const VLM_FILES: [&str; 4] = [CONFIG, PREPARATION, TOKENIZER, WEIGHTS];

/// What the files of a model's folder hold.
#[derive(Debug, Clone, Copy)]
pub struct VlmFiles<'a> {
    /// `config.json`.
    pub config: &'a [u8],
    /// `preprocessor_config.json`.
    pub preparation: Option<&'a [u8]>,
    /// `tokenizer.json`.
    pub tokenizer: &'a [u8],
    /// `model.safetensors`.
    pub weights: &'a [u8],
}

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
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| VlmError::file(&path, error.to_string()))
        };
        if !folder.join(WEIGHTS).exists() {
            let message = "is missing; models published as `pytorch_model.bin` are not read, convert them";
            return Err(VlmError::file(&folder.join(WEIGHTS), message));
        }
        let preparation = folder.join(PREPARATION).exists().then(|| read(PREPARATION)).transpose()?;
        let files = VlmFiles {
            config: &read(CONFIG)?,
            preparation: preparation.as_deref(),
            tokenizer: &read(TOKENIZER)?,
            weights: &read(WEIGHTS)?,
        };
        Self::parse(folder, &files, device)
    }

    /// Reads a model from its files' contents; errors name them as if they lay in `folder`.
    ///
    /// # Errors
    /// When a file is broken, or fits no other; the message names it.
    pub fn parse(folder: &Path, files: &VlmFiles<'_>, device: Device) -> Result<Self, VlmError> {
        let device = device.open()?;
        let path = folder.join(CONFIG);
        let config = TowersConfig::parse(&path, text(&path, files.config)?)?;
        let (towers, specs) = Towers::new(config);
        let words = Words::parse(&folder.join(TOKENIZER), files.tokenizer, config)?;
        let mut preparation = Preparation::of(config.family, config.image);
        if let Some(bytes) = files.preparation {
            let path = folder.join(PREPARATION);
            preparation = preparation.parse(&path, text(&path, bytes)?)?;
        }
        let values = weights::read(&folder.join(WEIGHTS), files.weights, &specs)?;
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

    /// Number of its weights.
    pub fn weights(&self) -> usize {
        self.params.specs().iter().map(ParamSpec::len).sum()
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
        let pictures = bytes.len() / size;
        if pictures * size != bytes.len() {
            return Err(VlmError::Pictures { given: bytes.len(), pictures, height, width });
        }
        self.fix_threads();
        let mut found = Vec::with_capacity(pictures.next_multiple_of(BLOCK) * self.config.embedding);
        for block in bytes.chunks(size * BLOCK) {
            let mut block = Cow::Borrowed(block);
            if block.len() < size * BLOCK {
                block.to_mut().resize(size * BLOCK, 0);
            }
            let pixels = self.preparation.apply(&block, [BLOCK, height, width], self.device)?;
            self.push(tch::no_grad(|| self.towers.see(&self.params, &pixels))?, BLOCK, &mut found)?;
        }
        found.truncate(pictures * self.config.embedding);
        Ok(found)
    }

    /// Embeddings of length 1 of texts, as `[B, E]`.
    ///
    /// # Errors
    /// When a text is too long, or libtorch refuses.
    pub fn read(&self, texts: &[&str]) -> Result<Vec<f32>, VlmError> {
        self.fix_threads();
        let mut found = Vec::with_capacity(texts.len() * self.config.embedding);
        for text in texts {
            let (tokens, width) = self.words.read(&[text])?;
            let tokens = View::i64(&tokens, &[1, width as i64])?.copied(self.device)?;
            self.push(tch::no_grad(|| self.towers.read(&self.params, &tokens))?, 1, &mut found)?;
        }
        Ok(found)
    }

    /// Sums of libtorch's operators may depend on the number of threads.
    fn fix_threads(&self) {
        if self.device == tch::Device::Cpu {
            use_threads(1);
        }
    }

    /// What makes a similarity the logit of a fit: scale and bias.
    pub fn factors(&self) -> [f32; 2] {
        self.logit
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

fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, VlmError> {
    std::str::from_utf8(bytes).map_err(|error| VlmError::file(path, error.to_string()))
}
