//! The trainable tensors of actor and critic on burn, and their way to and from the network that plays.

use burn::tensor::{Device, Tensor, TensorData};
use microcloud_policy::network::{ActorCritic, Layer, Normalizer};
use ndarray::{Array1, Array2};

use crate::initialization::orthogonal;
use crate::random::{Purpose, RandomStream};

/// One affine layer on burn.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[in, out]`.
    pub weight: Tensor<2>,
    /// `[1, out]`.
    pub bias: Tensor<2>,
}

/// All trainable tensors; actor and critic share nothing.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// From observation to logits.
    pub actor: Vec<Linear>,
    /// From observation to value.
    pub critic: Vec<Linear>,
}

impl Parameters {
    /// Orthogonal weights with gain sqrt 2 in hidden layers, 0.01 at the logits and 1 at the value; biases are zero.
    ///
    /// Where `no_op_prior` is positive, action 0 begins with about that probability among all actions.
    pub fn new(observation_size: usize, hidden: &[usize], num_actions: usize, no_op_prior: f64, seed: u64) -> Self {
        let mut random = RandomStream::new(seed, Purpose::Weights, 0);
        let mut perceptron = |outputs: usize, last_gain: f64| {
            let mut inputs = observation_size;
            let mut layers = Vec::new();
            for (index, &size) in hidden.iter().chain([&outputs]).enumerate() {
                let gain = if index == hidden.len() { last_gain } else { std::f64::consts::SQRT_2 };
                layers.push(Linear {
                    weight: tensor(orthogonal(inputs, size, gain, &mut random), inputs, size),
                    bias: tensor(vec![0.0; size], 1, size),
                });
                inputs = size;
            }
            layers
        };
        let (mut actor, critic) = (perceptron(num_actions, 0.01), perceptron(1, 1.0));
        if no_op_prior > 0.0
            && let Some(last) = actor.last_mut()
        {
            let mut bias = vec![0.0; num_actions];
            bias[0] = (no_op_prior / (1.0 - no_op_prior) * (num_actions as f64 - 1.0).max(1.0)).ln() as f32;
            last.bias = tensor(bias, 1, num_actions);
        }
        Self { actor, critic }
    }

    /// The parameters of a network that was saved.
    pub fn from_network(network: &ActorCritic) -> Self {
        let convert = |layers: &[Layer]| {
            let linear = |layer: &Layer| {
                let (outputs, inputs) = layer.weight.dim();
                Linear {
                    weight: tensor(layer.weight.t().iter().copied().collect(), inputs, outputs),
                    bias: tensor(layer.bias.to_vec(), 1, outputs),
                }
            };
            layers.iter().map(linear).collect()
        };
        Self { actor: convert(network.actor()), critic: convert(network.critic()) }
    }

    /// The network that plays, or what does not fit.
    pub fn to_network(&self, normalizer: Normalizer) -> Result<ActorCritic, String> {
        let convert = |layers: &[Linear]| {
            layers
                .iter()
                .map(|linear| {
                    let [inputs, outputs] = linear.weight.dims();
                    let weight = Array2::from_shape_vec((inputs, outputs), values(&linear.weight))
                        .map_err(|error| error.to_string())?;
                    let weight = weight.t().as_standard_layout().into_owned();
                    Ok(Layer { weight, bias: Array1::from_vec(values(&linear.bias)) })
                })
                .collect::<Result<Vec<_>, String>>()
        };
        ActorCritic::new(convert(&self.actor)?, convert(&self.critic)?, normalizer)
    }

    /// Logits `[rows, num_actions]` of normalised observations `[rows, observation_size]`.
    pub fn logits(&self, observations: Tensor<2>) -> Tensor<2> {
        forward(&self.actor, observations)
    }

    /// Values `[rows, 1]` of normalised observations `[rows, observation_size]`.
    pub fn values(&self, observations: Tensor<2>) -> Tensor<2> {
        forward(&self.critic, observations)
    }

    /// Copies that record a graph of their own, so that threads do not share one.
    pub fn leaves(&self) -> Self {
        self.clone().map(|tensor| tensor.autodiff().require_grad())
    }

    /// All tensors in a fixed order: actor then critic, from input to output, weight before bias.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor<2>> {
        self.actor.iter().chain(&self.critic).flat_map(|linear| [&linear.weight, &linear.bias])
    }

    /// Names of [`Self::tensors`], as `policy.safetensors` has them.
    pub fn names(&self) -> Vec<String> {
        let layers = |part: &'static str, count: usize| {
            (0..count).flat_map(move |index| ["weight", "bias"].map(|kind| format!("{part}.{index}.{kind}")))
        };
        layers("actor", self.actor.len()).chain(layers("critic", self.critic.len())).collect()
    }

    /// Replaces every tensor in the order of [`Self::tensors`].
    pub fn map(self, mut change: impl FnMut(Tensor<2>) -> Tensor<2>) -> Self {
        let mut layers = |linears: Vec<Linear>| {
            let linears = linears.into_iter();
            linears.map(|l| Linear { weight: change(l.weight), bias: change(l.bias) }).collect::<Vec<_>>()
        };
        let actor = layers(self.actor);
        Self { actor, critic: layers(self.critic) }
    }
}

/// A tensor `[rows, columns]` of row-major values.
pub fn tensor(values: Vec<f32>, rows: usize, columns: usize) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex())
}

/// A tensor's values, row-major.
pub fn values(tensor: &Tensor<2>) -> Vec<f32> {
    let data = tensor.clone().into_data();
    data.try_into_vec().expect("every tensor of the learner holds f32")
}

fn forward(layers: &[Linear], input: Tensor<2>) -> Tensor<2> {
    let mut hidden = input;
    for (index, layer) in layers.iter().enumerate() {
        let output = hidden.matmul(layer.weight.clone()) + layer.bias.clone();
        hidden = if index + 1 == layers.len() { output } else { burn::tensor::activation::relu(output) };
    }
    hidden
}
