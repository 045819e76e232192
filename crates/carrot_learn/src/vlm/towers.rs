//! The two towers: pictures and texts to embeddings of one width.
//!
//! Parameters bear the names under which CLIP and SigLIP models are published.

use tch::{Kind, Tensor};

use super::config::{Family, Sight, Stack, TowersConfig};
use super::convolutions::ConvolutionTower;
use super::transformer::{Encoder, Norm, Perceptron, attend, linear};
use crate::LearnError;
use crate::layers::{Start, push_linear};
use crate::params::{Init, ParamSpec, Params};

/// Both towers, as places in a list of parameters.
#[derive(Debug)]
pub(crate) struct Towers {
    config: TowersConfig,
    text: TextTower,
    vision: Eye,
    scale: usize,
}

#[derive(Debug)]
struct TextTower {
    tokens: usize,
    positions: usize,
    encoder: Encoder,
    norm: Norm,
    /// Without a bias in CLIP's family.
    projection: usize,
}

#[derive(Debug)]
enum Eye {
    Patches(Box<VisionTower>),
    Convolutions(ConvolutionTower),
}

#[derive(Debug)]
struct VisionTower {
    stack: Stack,
    patch: i64,
    /// CLIP's own patch, beside those of the picture.
    class: Option<usize>,
    patches: usize,
    positions: usize,
    first_norm: Option<Norm>,
    encoder: Encoder,
    norm: Norm,
    pool: Pool,
}

/// From patches to one vector.
#[derive(Debug)]
enum Pool {
    /// The class patch, projected.
    Class { projection: usize },
    /// Attention of a learned probe.
    Probe { probe: usize, into: usize, out: usize, norm: Norm, perceptron: Perceptron },
}

fn push(specs: &mut Vec<ParamSpec>, name: &str, shape: &[usize], bound: f32) -> usize {
    let shape = shape.iter().map(|&n| n as i64).collect();
    specs.push(ParamSpec { name: name.into(), shape, init: Init::Even(bound) });
    specs.len() - 1
}

/// Embeddings begin with a deviation of `1 / sqrt(width)`.
fn embedding_bound(width: usize) -> f32 {
    (3.0 / width as f32).sqrt()
}

impl Towers {
    /// Lists the parameters.
    pub(crate) fn new(config: TowersConfig) -> (Self, Vec<ParamSpec>) {
        let specs = &mut Vec::new();
        let text = TextTower::new(specs, &config);
        let vision = match config.vision {
            Sight::Patches { stack, patch } => {
                Eye::Patches(Box::new(VisionTower::new(specs, &config, stack, patch)))
            }
            Sight::Convolutions(channels) => {
                Eye::Convolutions(ConvolutionTower::new(specs, channels, config.image, config.embedding))
            }
        };
        let scale = specs.len();
        for (name, value) in [("logit_scale", 2.659_26), ("logit_bias", -10.0)] {
            if name == "logit_scale" || config.family != Family::Clip {
                // One number, published by some as a scalar and by others as a list of one.
                specs.push(ParamSpec { name: name.into(), shape: vec![1], init: Init::Constant(value) });
            }
        }
        (Self { config, text, vision, scale }, std::mem::take(specs))
    }

    /// Pictures `[B, 3, S, S]`, normalised, to unit embeddings `[B, E]`.
    pub(crate) fn see(&self, params: &Params, pixels: &Tensor) -> Result<Tensor, LearnError> {
        unit(&match &self.vision {
            Eye::Patches(tower) => tower.forward(params, pixels)?,
            Eye::Convolutions(tower) => tower.forward(params, pixels)?,
        })
    }

    /// Texts `[B, L]` of tokens to unit embeddings `[B, E]`.
    pub(crate) fn read(&self, params: &Params, tokens: &Tensor) -> Result<Tensor, LearnError> {
        unit(&self.text.forward(params, &self.config, tokens)?)
    }

    /// What similarities are multiplied with and what is added, `(scale, bias)`.
    pub(crate) fn logit_factors(&self, params: &Params) -> Result<(Tensor, Option<Tensor>), LearnError> {
        let bias = (self.config.family != Family::Clip).then(|| params.get(self.scale + 1).shallow_clone());
        Ok((params.get(self.scale).f_exp()?, bias))
    }

    /// Sets the logarithmic scale and the bias.
    pub(crate) fn set_logit(&self, params: &mut Params, scale: f32, bias: f32) -> Result<(), LearnError> {
        let mut values = params.values()?;
        let at: usize = params.specs()[..self.scale].iter().map(ParamSpec::len).sum();
        values[at] = scale;
        if let Some(slot) = values.get_mut(at + 1) {
            *slot = bias;
        }
        params.set_values(&values)
    }
}

/// Rows of length one.
fn unit(x: &Tensor) -> Result<Tensor, LearnError> {
    let norm = x.f_square()?.f_sum_dim_intlist([-1_i64].as_slice(), true, None)?.f_sqrt()?;
    Ok(x.f_div(&norm)?)
}

impl TextTower {
    fn new(specs: &mut Vec<ParamSpec>, config: &TowersConfig) -> Self {
        let (stack, embeddings) = (&config.text, "text_model.embeddings");
        let name = |part: &str| format!("{embeddings}.{part}.weight");
        let first = embedding_bound(stack.width);
        let tokens = push(specs, &name("token_embedding"), &[config.vocabulary, stack.width], first);
        let positions = push(specs, &name("position_embedding"), &[config.context, stack.width], first);
        let encoder = Encoder::new(specs, "text_model", stack, config.family == Family::Clip);
        let norm = Norm::new(specs, "text_model.final_layer_norm", stack.width, stack.eps);
        let bound = 1.0 / (stack.width as f32).sqrt();
        let projection = match config.family {
            Family::Clip => push(specs, "text_projection.weight", &[config.embedding, stack.width], bound),
            Family::Siglip | Family::Carrot => {
                push_linear(specs, "text_model.head", stack.width, config.embedding, Start::Even)
            }
        };
        Self { tokens, positions, encoder, norm, projection }
    }

    fn forward(&self, params: &Params, config: &TowersConfig, tokens: &Tensor) -> Result<Tensor, LearnError> {
        let (rows, len) = tokens.size2()?;
        let x = Tensor::f_embedding(params.get(self.tokens), tokens, -1, false, false)?;
        let x = x.f_add(&params.get(self.positions).f_narrow(0, 0, len)?)?;
        let x = self.norm.forward(params, &self.encoder.forward(params, x)?)?;
        match config.family {
            Family::Clip => {
                let at = self.ends(config, tokens)?.f_view([rows, 1, 1])?;
                let x =
                    x.f_gather(1, &at.f_expand([rows, 1, x.size()[2]], false)?, false)?.f_squeeze_dim(1)?;
                Ok(x.f_linear(params.get(self.projection), None::<&Tensor>)?)
            }
            Family::Siglip | Family::Carrot => linear(params, self.projection, &x.f_select(1, len - 1)?),
        }
    }

    /// Where each text ends.
    fn ends(&self, config: &TowersConfig, tokens: &Tensor) -> Result<Tensor, LearnError> {
        // Models published with 2 for the end have it, in truth, as the highest token.
        if config.end == 2 {
            return Ok(tokens.f_argmax(1, false)?);
        }
        Ok(tokens.f_eq(config.end as i64)?.f_to_kind(Kind::Int64)?.f_argmax(1, false)?)
    }
}

impl VisionTower {
    fn new(specs: &mut Vec<ParamSpec>, config: &TowersConfig, stack: Stack, patch: usize) -> Self {
        let (width, clip, grid) = (stack.width, config.family == Family::Clip, config.image / patch);
        let embeddings = "vision_model.embeddings";
        let class = clip
            .then(|| push(specs, &format!("{embeddings}.class_embedding"), &[width], embedding_bound(width)));
        let fan = 1.0 / ((3 * patch * patch) as f32).sqrt();
        let patches =
            push(specs, &format!("{embeddings}.patch_embedding.weight"), &[width, 3, patch, patch], fan);
        if !clip {
            push(specs, &format!("{embeddings}.patch_embedding.bias"), &[width], fan);
        }
        let places = grid * grid + usize::from(clip);
        let positions = format!("{embeddings}.position_embedding.weight");
        let positions = push(specs, &positions, &[places, width], embedding_bound(width));
        // The name is misspelt in every model that is published.
        let first_norm = clip.then(|| Norm::new(specs, "vision_model.pre_layrnorm", width, stack.eps));
        let encoder = Encoder::new(specs, "vision_model", &stack, false);
        let norm = Norm::new(specs, "vision_model.post_layernorm", width, stack.eps);
        let bound = 1.0 / (width as f32).sqrt();
        let pool = if clip {
            Pool::Class {
                projection: push(specs, "visual_projection.weight", &[config.embedding, width], bound),
            }
        } else {
            let head = "vision_model.head";
            let probe = push(specs, &format!("{head}.probe"), &[1, 1, width], 1.0);
            let into = push(specs, &format!("{head}.attention.in_proj_weight"), &[3 * width, width], bound);
            push(specs, &format!("{head}.attention.in_proj_bias"), &[3 * width], bound);
            let out = push_linear(specs, &format!("{head}.attention.out_proj"), width, width, Start::Even);
            let norm = Norm::new(specs, &format!("{head}.layernorm"), width, stack.eps);
            let perceptron = Perceptron::new(specs, &format!("{head}.mlp"), &stack);
            Pool::Probe { probe, into, out, norm, perceptron }
        };
        Self { stack, patch: patch as i64, class, patches, positions, first_norm, encoder, norm, pool }
    }

    fn forward(&self, params: &Params, pixels: &Tensor) -> Result<Tensor, LearnError> {
        let (rows, width, patch) = (pixels.size()[0], self.stack.width as i64, self.patch);
        let bias = self.class.is_none().then(|| params.get(self.patches + 1));
        let patches = pixels.f_conv2d(params.get(self.patches), bias, [patch, patch], [0, 0], [1, 1], 1)?;
        let mut x = patches.f_flatten(2, -1)?.f_transpose(1, 2)?;
        if let Some(class) = self.class {
            let class = params.get(class).f_view([1, 1, width])?.f_expand([rows, 1, width], false)?;
            x = Tensor::f_cat(&[class, x], 1)?;
        }
        x = x.f_add(params.get(self.positions))?;
        if let Some(norm) = &self.first_norm {
            x = norm.forward(params, &x)?;
        }
        let x = self.encoder.forward(params, x)?;
        match &self.pool {
            Pool::Class { projection } => {
                let class = self.norm.forward(params, &x.f_select(1, 0)?)?;
                Ok(class.f_linear(params.get(*projection), None::<&Tensor>)?)
            }
            Pool::Probe { probe, into, out, norm, perceptron } => {
                let x = self.norm.forward(params, &x)?;
                let probe = params.get(*probe).f_expand([rows, 1, width], false)?;
                let part = |x: &Tensor, i: i64| {
                    let weight = params.get(*into).f_narrow(0, i * width, width)?;
                    x.f_linear(&weight, Some(&params.get(*into + 1).f_narrow(0, i * width, width)?))
                };
                let (q, k, v) = (part(&probe, 0)?, part(&x, 1)?, part(&x, 2)?);
                let seen = linear(params, *out, &attend(&q, &k, &v, self.stack.heads, false)?)?;
                let more = perceptron.forward(params, &norm.forward(params, &seen)?)?;
                Ok(seen.f_add(&more)?.f_select(1, 0)?)
            }
        }
    }
}
