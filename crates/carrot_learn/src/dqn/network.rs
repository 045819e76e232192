//! The action-value network.
//!
//! | parameter | shape | where |
//! |---|---|---|
//! | `features_extractor.extractors.PART.cnn.{0,2,4}.{weight,bias}` | `[out, in, k, k]` | an image part |
//! | `q_net.{0,2,..}.{weight,bias}` | `[out, in]` | values of the actions, or their advantages |
//! | `value_net.{0,2,..}.{weight,bias}` | `[out, in]` | with `duelling`, the value of the state |
//!
//! Layers begin as PyTorch's do.

use tch::Tensor;

use crate::LearnError;
use crate::features::{FeatureLayout, Features};
use crate::layers::{Activation, Encoders, Mlp, Start};
use crate::params::{ParamSpec, Params};

#[derive(Debug)]
pub(super) struct QNetwork {
    encoders: Encoders,
    actions: Mlp,
    value: Option<Mlp>,
}

impl QNetwork {
    /// The network of so many choices, and its parameters.
    pub(super) fn new(
        layout: &FeatureLayout,
        choices: usize,
        hidden: &[usize],
        duelling: bool,
    ) -> (Self, Vec<ParamSpec>) {
        let mut specs = Vec::new();
        let encoders = Encoders::new(&mut specs, layout, Start::Even);
        let mut stream = |name: &str, outputs: usize| {
            let widths = [hidden, &[outputs]].concat();
            Mlp::new(&mut specs, name, encoders.width, &widths, Activation::Relu, Start::Even)
        };
        let actions = stream("q_net", choices);
        let value = duelling.then(|| stream("value_net", 1));
        (Self { encoders, actions, value }, specs)
    }

    /// Values of all actions, `[B, choices]`.
    pub(super) fn values(&self, params: &Params, features: Features) -> Result<Tensor, LearnError> {
        let encoded = self.encoders.forward(params, features)?;
        let own = self.actions.forward(params, &encoded)?;
        let Some(value) = &self.value else { return Ok(own) };
        let mean = own.f_mean_dim([1_i64].as_slice(), true, None)?;
        Ok(own.f_sub(&mean)?.f_add(&value.forward(params, &encoded)?)?)
    }
}
