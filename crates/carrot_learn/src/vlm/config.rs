//! What a model folder's `config.json` says of its towers.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::VlmError;

/// Whose arrangement of layers a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Radford et al., "Learning transferable visual models from natural language supervision" (2021).
    Clip,
    /// Zhai et al., "Sigmoid loss for language image pre-training" (2023).
    Siglip,
    /// Our own: reads as SigLIP does, and sees by convolutions, which learn from fewer pictures.
    Carrot,
}

/// What stands between the two layers of a block's perceptron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gelu {
    /// `x sigmoid(1.702 x)`.
    #[serde(rename = "quick_gelu")]
    Quick,
    /// By the error function.
    #[serde(rename = "gelu")]
    Exact,
    /// By the hyperbolic tangent.
    #[serde(rename = "gelu_pytorch_tanh")]
    Tanh,
}

/// One tower's stack of blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stack {
    /// Width of what flows through it.
    pub width: usize,
    /// Width inside of a block's perceptron.
    pub inner: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Heads of attention.
    pub heads: usize,
    /// What the perceptrons apply.
    pub activation: Gelu,
    /// Keeps the normalisation of layers finite.
    pub eps: f64,
}

/// Both towers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TowersConfig {
    /// Whose arrangement.
    pub family: Family,
    /// Width of an embedding.
    pub embedding: usize,
    /// The tower that reads words.
    pub text: Stack,
    /// Words and parts of words that it knows.
    pub vocabulary: usize,
    /// Most of them in one text.
    pub context: usize,
    /// The one that ends a text, and that a text is filled up with.
    pub end: usize,
    /// The tower that sees.
    pub vision: Sight,
    /// Side of its pictures in pixels.
    pub image: usize,
}

/// How a tower sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sight {
    /// A transformer over patches.
    Patches {
        /// Its blocks.
        stack: Stack,
        /// Side of a patch in pixels.
        patch: usize,
    },
    /// Convolutions, each of which halves the side: channels that they put out.
    Convolutions([usize; CONVOLUTIONS]),
}

/// Convolutions of our own models.
pub(crate) const CONVOLUTIONS: usize = 4;

/// `config.json`, with the defaults of `CLIPConfig` and `SiglipConfig`.
#[derive(Deserialize)]
struct File {
    model_type: Family,
    projection_dim: Option<usize>,
    #[serde(default)]
    text_config: Part,
    #[serde(default)]
    vision_config: Part,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    hidden_act: Option<Gelu>,
    layer_norm_eps: Option<f64>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    eos_token_id: Option<usize>,
    projection_size: Option<usize>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
    num_channels: Option<usize>,
    vision_use_head: Option<bool>,
    channels: Option<[usize; CONVOLUTIONS]>,
}

impl TowersConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// When it is not JSON, of another family, or describes no towers.
    pub fn parse(path: &Path, text: &str) -> Result<Self, VlmError> {
        let file: File =
            serde_json::from_str(text).map_err(|error| VlmError::file(path, format!("{error}")))?;
        let (text, vision) = (&file.text_config, &file.vision_config);
        let clip = file.model_type == Family::Clip;
        let text_stack = text.stack(clip, [512, 2048, 12, 8], [768, 3072, 12, 12]);
        let vision_stack = vision.stack(clip, [768, 3072, 12, 12], [768, 3072, 12, 12]);
        let sight = match (file.model_type, vision.channels) {
            (Family::Carrot, Some(channels)) => Sight::Convolutions(channels),
            (Family::Carrot, None) => return Err(VlmError::file(path, "`vision_config` has no `channels`")),
            _ => {
                let patch = vision.patch_size.unwrap_or(if clip { 32 } else { 16 });
                Sight::Patches { stack: vision_stack, patch }
            }
        };
        let found = Self {
            family: file.model_type,
            embedding: match file.model_type {
                Family::Clip => file.projection_dim.unwrap_or(512),
                // The picture's embedding is as wide as its tower; the text's is projected to that.
                Family::Siglip => vision_stack.width,
                Family::Carrot => text_stack.width,
            },
            text: text_stack,
            vocabulary: text.vocab_size.unwrap_or(if clip { 49_408 } else { 32_000 }),
            context: text.max_position_embeddings.unwrap_or(if clip { 77 } else { 64 }),
            end: text.eos_token_id.unwrap_or(if clip { 49_407 } else { 1 }),
            vision: sight,
            image: vision.image_size.unwrap_or(224),
        };
        let channels = vision.num_channels.unwrap_or(3);
        let refuse = |message: String| Err(VlmError::file(path, message));
        if channels != 3 || vision.vision_use_head == Some(false) {
            return refuse("pictures of three channels and a tower with a head are read, no others".into());
        }
        if !clip && text.projection_size.is_some_and(|size| size != found.embedding) {
            return refuse("text and pictures have embeddings of different widths".into());
        }
        match found.fault() {
            Some(fault) => refuse(fault),
            None => Ok(found),
        }
    }

    /// The `config.json` that says this.
    pub(super) fn text(&self) -> String {
        let stack = |stack: &Stack| {
            json!({
                "hidden_size": stack.width,
                "intermediate_size": stack.inner,
                "num_hidden_layers": stack.layers,
                "num_attention_heads": stack.heads,
                "hidden_act": stack.activation,
                "layer_norm_eps": stack.eps,
            })
        };
        let mut text = stack(&self.text);
        let mut vision = match &self.vision {
            Sight::Patches { stack: own, .. } => stack(own),
            Sight::Convolutions(channels) => json!({"channels": channels}),
        };
        text["vocab_size"] = json!(self.vocabulary);
        text["max_position_embeddings"] = json!(self.context);
        text["eos_token_id"] = json!(self.end);
        vision["image_size"] = json!(self.image);
        if let Sight::Patches { patch, .. } = self.vision {
            vision["patch_size"] = json!(patch);
        }
        let all = json!({
            "model_type": self.family,
            "projection_dim": self.embedding,
            "text_config": text,
            "vision_config": vision,
        });
        format!("{all:#}\n")
    }

    /// What is wrong with it, if anything is.
    fn fault(&self) -> Option<String> {
        let whole = |what: &str, value: usize, most: usize| {
            (!(1..=most).contains(&value)).then(|| format!("`{what}` is {value}, expected 1 to {most}"))
        };
        let stack = |stack: &Stack| {
            whole("hidden_size", stack.width, 1 << 14)
                .or(whole("intermediate_size", stack.inner, 1 << 16))
                .or(whole("num_hidden_layers", stack.layers, 1 << 8))
                .or(whole("num_attention_heads", stack.heads, 1 << 8))
                .or((!stack.width.is_multiple_of(stack.heads.max(1)))
                    .then(|| "`hidden_size` is no multiple of `num_attention_heads`".into()))
                .or((!(stack.eps > 0.0 && stack.eps < 1.0))
                    .then(|| format!("`layer_norm_eps` is {}, expected a small positive number", stack.eps)))
        };
        let sight = match &self.vision {
            Sight::Patches { stack: own, patch } => {
                stack(own).or(whole("patch_size", *patch, self.image.max(1)))
            }
            Sight::Convolutions(channels) => {
                let least = 1 << CONVOLUTIONS;
                let small = (self.image < least).then(|| format!("`image_size` is less than {least}"));
                channels.iter().find_map(|&own| whole("channels", own, 1 << 12)).or(small)
            }
        };
        stack(&self.text)
            .or(sight)
            .or(whole("projection_dim", self.embedding, 1 << 14))
            .or(whole("vocab_size", self.vocabulary, 1 << 20))
            .or(whole("max_position_embeddings", self.context, 1 << 14))
            .or(whole("image_size", self.image, 1 << 12))
    }
}

impl Part {
    fn stack(&self, clip: bool, of_clip: [usize; 4], of_siglip: [usize; 4]) -> Stack {
        let [width, inner, layers, heads] = if clip { of_clip } else { of_siglip };
        Stack {
            width: self.hidden_size.unwrap_or(width),
            inner: self.intermediate_size.unwrap_or(inner),
            layers: self.num_hidden_layers.unwrap_or(layers),
            heads: self.num_attention_heads.unwrap_or(heads),
            activation: self.hidden_act.unwrap_or(if clip { Gelu::Quick } else { Gelu::Tanh }),
            eps: self.layer_norm_eps.unwrap_or(if clip { 1e-5 } else { 1e-6 }),
        }
    }
}
