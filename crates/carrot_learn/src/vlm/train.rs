//! A small image-text model of one's own, fitted to pictures and to whether sentences are true of them.
//!
//! # Source
//! Zhai et al., "Sigmoid loss for language image pre-training" (2023), equation 1. What differs: a sentence may be
//! true of many pictures of a batch, and more or less so: each pair has a degree of its own, or none where it is
//! open, and truth and falsehood weigh the same over a batch.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use tch::{Kind, Tensor};

use super::config::{Family, Gelu, Sight, Stack, TowersConfig};
use super::pixels::Preparation;
use super::towers::Towers;
use super::words::Words;
use super::{Vlm, VlmError, weights};
use crate::Device;
use crate::adam::{Adam, AdamConfig, clip_grad_norm};
use crate::device::use_threads;
use crate::params::Params;
use crate::views::View;

/// Size of a small model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SmallVlm {
    /// Side of its pictures in pixels.
    pub image: usize,
    /// Channels of its first convolution; each of the others has twice as many as the one before.
    pub channels: usize,
    /// Width of the tower that reads and of the embeddings, a multiple of 32.
    pub width: usize,
    /// Most words in a text.
    pub context: usize,
}

/// A model in training.
#[derive(Debug)]
pub struct VlmTrainer {
    vlm: Vlm,
    adam: Adam,
    tokenizer: String,
}

/// Longest gradient.
const MAX_GRAD_NORM: f64 = 1.0;
/// First scale of similarities, as a logarithm: that of a small vocabulary, not of the web.
const FIRST_SCALE: f32 = 2.3;

impl VlmTrainer {
    /// A fresh model that knows the words of `texts`.
    ///
    /// # Errors
    /// When the size is none that towers can have, or the device is not there.
    pub fn new(size: SmallVlm, texts: &[&str], seed: u64, device: Device) -> Result<Self, VlmError> {
        let vocabulary: BTreeSet<String> = texts.iter().flat_map(|text| words_of(text)).collect();
        let tokenizer = tokenizer(&vocabulary);
        let config = TowersConfig {
            family: Family::Carrot,
            embedding: size.width,
            text: Stack {
                width: size.width,
                inner: 4 * size.width,
                layers: 2,
                heads: (size.width / 32).max(1),
                activation: Gelu::Tanh,
                eps: 1e-6,
            },
            vocabulary: vocabulary.len() + SPECIAL.len(),
            context: size.context,
            end: 1,
            vision: Sight::Convolutions([1, 2, 4, 8].map(|factor| factor * size.channels)),
            image: size.image,
        };
        let (config_path, tokenizer_path) = (Path::new("config.json"), Path::new("tokenizer.json"));
        let config = TowersConfig::parse(config_path, &config.text())?;
        let (towers, specs) = Towers::new(config);
        let device = device.open()?;
        let mut params = Params::new(specs, seed, device)?;
        towers.set_logit(&mut params, FIRST_SCALE, 0.0)?;
        let adam = AdamConfig { beta2: 0.98, eps: 1e-6, weight_decay: 1e-3, ..AdamConfig::default() };
        let adam = Adam::new(adam, params.len(), device)?;
        let vlm = Vlm {
            config,
            towers,
            params,
            preparation: Preparation::of(config.family, config.image),
            words: Words::parse(tokenizer_path, tokenizer.as_bytes(), config)?,
            device,
            logit: [FIRST_SCALE.exp(), 0.0],
        };
        Ok(Self { vlm, adam, tokenizer })
    }

    /// One step on pictures `[B, H, W, 3]` and texts; `degrees`, `[B, T]`, says of each pair how true the text is of the
    /// picture, from 0 to 1, or nothing. Gives the loss.
    ///
    /// # Errors
    /// When a buffer does not fit or libtorch refuses.
    pub fn step(
        &mut self,
        (pictures, [height, width]): (&[u8], [usize; 2]),
        texts: &[&str],
        degrees: &[Option<f32>],
        learning_rate: f64,
    ) -> Result<f64, VlmError> {
        use_threads(1);
        let (vlm, count) = (&mut self.vlm, degrees.len() / texts.len().max(1));
        let pixels = vlm.preparation.apply(pictures, [count, height, width], vlm.device)?;
        let (tokens, len) = vlm.words.read(texts)?;
        let tokens = View::i64(&tokens, &[texts.len() as i64, len as i64])?.copied(vlm.device)?;
        let seen = vlm.towers.see(&vlm.params, &pixels)?;
        let read = vlm.towers.read(&vlm.params, &tokens)?;
        let (scale, bias) = vlm.towers.logit_factors(&vlm.params)?;
        let mut logits = seen.f_matmul(&read.f_transpose(0, 1)?)?.f_mul(&scale)?;
        if let Some(bias) = bias {
            logits = logits.f_add(&bias)?;
        }
        let shape = [count as i64, texts.len() as i64];
        let (yes, no) = balanced(degrees);
        let part = |weights: &[f32], logits: &Tensor| -> Result<Tensor, VlmError> {
            let weights = View::f32(weights, &shape)?.copied(vlm.device)?;
            Ok(logits.f_log_sigmoid()?.f_mul(&weights)?.f_sum(Kind::Float)?)
        };
        let loss = part(&yes, &logits)?.f_add(&part(&no, &logits.f_neg()?)?)?.f_neg()?;
        let mut gradient = vlm.params.gradient(&loss)?;
        let norm = gradient.f_norm()?.f_double_value(&[])?;
        if norm.is_finite() {
            clip_grad_norm(&mut gradient, norm, MAX_GRAD_NORM)?;
            self.adam.step(vlm.params.flat_mut(), &gradient, learning_rate)?;
        }
        Ok(loss.f_double_value(&[])?)
    }

    /// The model as it is now.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn model(&mut self) -> Result<&Vlm, VlmError> {
        self.vlm.logit = self.vlm.read_logit()?;
        Ok(&self.vlm)
    }

    /// Writes a folder that [`Vlm::open`] reads, its weights in half precision.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), VlmError> {
        std::fs::create_dir_all(folder).map_err(|error| VlmError::file(folder, error.to_string()))?;
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|error| VlmError::file(&path, error.to_string()))
        };
        write("config.json", self.vlm.config.text().as_bytes())?;
        write("tokenizer.json", self.tokenizer.as_bytes())?;
        write("preprocessor_config.json", self.vlm.preparation.text().as_bytes())?;
        let values = self.vlm.params.values()?;
        write("model.safetensors", &weights::write(self.vlm.params.specs(), &values)?)
    }
}

/// Weights of pairs as true ones and as false ones; each side weighs one half.
fn balanced(degrees: &[Option<f32>]) -> (Vec<f32>, Vec<f32>) {
    let known = || degrees.iter().flatten();
    let (yes, no): (f32, f32) = (known().sum(), known().map(|degree| 1.0 - degree).sum());
    let weigh = |degree: &Option<f32>| {
        degree.map_or((0.0, 0.0), |degree| (0.5 * degree / yes.max(1.0), 0.5 * (1.0 - degree) / no.max(1.0)))
    };
    degrees.iter().map(weigh).unzip()
}

/// Tokens that are no words.
const SPECIAL: [&str; 3] = ["<pad>", "</s>", "<unk>"];

fn words_of(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// A `tokenizer.json` of whole words.
fn tokenizer(words: &BTreeSet<String>) -> String {
    let names = SPECIAL.iter().map(|name| (*name).to_owned()).chain(words.iter().cloned());
    let vocabulary: serde_json::Map<_, _> = names.enumerate().map(|(id, word)| (word, json!(id))).collect();
    let special = |(id, name): (usize, &&str)| {
        json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let template =
        json!([{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]);
    let text = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": SPECIAL.iter().enumerate().map(special).collect::<Vec<_>>(),
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template,
            "pair": template,
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    });
    format!("{text:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::{RowKey, Stream};

    const SIDE: usize = 32;
    const TEXTS: [&str; 6] =
        ["a red square", "a green square", "a square on the left", "a square on the right", "red", "green"];

    /// A square of a colour in a place, and what is true of it.
    fn scene(rng: &mut impl FnMut() -> u32) -> (Vec<u8>, [Option<bool>; 6]) {
        let (green, right) = (rng() % 2 == 1, rng() % 2 == 1);
        let (left, top) = (rng() as usize % 7 + if right { 17 } else { 0 }, rng() as usize % 24);
        let mut picture = vec![200; SIDE * SIDE * 3];
        for y in top..top + 8 {
            for x in left..left + 8 {
                let at = (y * SIDE + x) * 3;
                picture[at..at + 3].copy_from_slice(if green { &[20, 160, 60] } else { &[180, 30, 30] });
            }
        }
        let open = if right { None } else { Some(!green) };
        (picture, [Some(!green), Some(green), Some(!right), Some(right), open, Some(green)])
    }

    #[test]
    fn it_learns_what_is_true_and_opens_again() {
        let mut draws = RowKey { seed: 2, env: 0, episode: 0 }.rng(Stream::Script);
        let mut rng = || draws.below(1 << 20);
        let size = SmallVlm { image: SIDE, channels: 8, width: 32, context: 8 };
        let mut trainer = VlmTrainer::new(size, &TEXTS, 1, Device::Cpu).unwrap();
        for _ in 0..300 {
            let (mut pictures, mut labels) = (Vec::new(), Vec::new());
            for _ in 0..32 {
                let (picture, own) = scene(&mut rng);
                pictures.extend(picture);
                labels.extend(own.map(|label| label.map(|label| f32::from(u8::from(label)))));
            }
            let loss = trainer.step((&pictures, [SIDE, SIDE]), &TEXTS, &labels, 5e-4).unwrap();
            assert!(loss.is_finite());
        }
        let folder = tempfile::tempdir().unwrap();
        trainer.save(folder.path()).unwrap();
        let opened = Vlm::open(folder.path(), Device::Cpu).unwrap();
        let (mut right, mut all) = (0, 0);
        for _ in 0..100 {
            let (picture, labels) = scene(&mut rng);
            let kept = trainer.model().unwrap();
            let (seen, live) =
                (opened.see(&picture, [SIDE, SIDE]).unwrap(), kept.see(&picture, [SIDE, SIDE]).unwrap());
            assert!(seen.iter().zip(&live).all(|(a, b)| (a - b).abs() < 0.02), "half precision is close");
            let read = opened.read(&TEXTS).unwrap();
            for (words, label) in read.chunks(32).zip(labels) {
                let Some(label) = label else { continue };
                let logit = opened.logit(words.iter().zip(&seen).map(|(a, b)| a * b).sum());
                (right, all) = (right + usize::from((logit > 0.0) == label), all + 1);
            }
        }
        assert!(right * 100 > all * 97, "{right} of {all}");
    }
}
