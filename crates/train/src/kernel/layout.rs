//! Where the weights of a graph's layers stand in one flat vector.

use std::ops::Range;

use microcloud_policy::network::{
    Graph, Layer, LayerShape, Network, NetworkSpec, NodeId, Normalizer, Operation, graph,
};
use ndarray::{Array1, Array2};

use crate::initialization::orthogonal;
use crate::random::{Purpose, RandomStream};

/// A network's graph, and each layer's place among the parameters: weight `[out, in]`, then bias `[out]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    spec: NetworkSpec,
    graph: Graph,
    starts: Vec<usize>,
}

impl Layout {
    /// The layout of a specification's graph.
    ///
    /// # Errors
    /// What the specification cannot have, in words.
    pub fn new(spec: NetworkSpec) -> Result<Self, String> {
        spec.validate()?;
        let graph = graph(&spec);
        let mut start = 0;
        let starts = graph.layers.iter().map(|layer| {
            let first = start;
            start += layer.outputs * (layer.inputs + 1);
            first
        });
        let starts = starts.collect();
        Ok(Self { spec, graph, starts })
    }

    /// What the network is made of.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// What it computes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The node that holds what was remembered, where there is memory.
    pub fn state(&self) -> Option<NodeId> {
        self.graph.nodes.iter().position(|node| node.operation == Operation::State)
    }

    /// Nodes that all outputs need.
    pub fn needed(&self) -> Vec<NodeId> {
        let Graph { actions, value, next_state, .. } = self.graph;
        self.graph.needed(&[Some(actions), value, next_state].into_iter().flatten().collect::<Vec<_>>())
    }

    /// Where a layer's weight stands.
    pub fn weight(&self, layer: usize) -> Range<usize> {
        let LayerShape { inputs, outputs, .. } = self.graph.layers[layer];
        self.starts[layer]..self.starts[layer] + inputs * outputs
    }

    /// Where a layer's bias stands.
    pub fn bias(&self, layer: usize) -> Range<usize> {
        let start = self.weight(layer).end;
        start..start + self.graph.layers[layer].outputs
    }

    /// Where every tensor stands, in the order of [`Graph::tensor_names`].
    pub fn tensors(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        (0..self.starts.len()).flat_map(|layer| [self.weight(layer), self.bias(layer)])
    }

    /// Orthogonal weights with each layer's gain; biases are zero.
    ///
    /// Where `no_op_prior` is positive, the no-op begins with about that probability among all actions.
    pub fn initialize(&self, no_op_prior: f64, seed: u64) -> Vec<f32> {
        let mut parameters = vec![0.0; self.graph.num_parameters()];
        let mut random = RandomStream::new(seed, Purpose::Weights, 0);
        for (layer, shape) in self.graph.layers.iter().enumerate() {
            let weight = orthogonal(shape.outputs, shape.inputs, shape.gain, &mut random);
            parameters[self.weight(layer)].copy_from_slice(&weight);
        }
        if no_op_prior > 0.0 {
            let (layer, output) = self.graph.no_op;
            let others = (self.spec.num_actions as f64 - 1.0).max(1.0);
            parameters[self.bias(layer)][output] = (no_op_prior / (1.0 - no_op_prior) * others).ln() as f32;
        }
        parameters
    }

    /// The network that plays with these parameters.
    ///
    /// # Errors
    /// A normaliser of another size.
    pub fn network(&self, parameters: &[f32], normalizer: Normalizer) -> Result<Network, String> {
        let layers = self.graph.layers.iter().enumerate().map(|(layer, shape)| {
            let weight = parameters[self.weight(layer)].to_vec();
            let weight = Array2::from_shape_vec((shape.outputs, shape.inputs), weight);
            let bias = Array1::from_vec(parameters[self.bias(layer)].to_vec());
            weight.map(|weight| Layer { weight, bias }).map_err(|error| error.to_string())
        });
        Network::new(self.spec.clone(), layers.collect::<Result<_, _>>()?, normalizer)
    }

    /// The parameters of a network of this specification; none where it is of another.
    pub fn parameters(&self, network: &Network) -> Option<Vec<f32>> {
        let flat = |layer: &Layer| layer.weight.iter().chain(&layer.bias).copied().collect::<Vec<f32>>();
        (network.spec() == &self.spec).then(|| network.layers().iter().flat_map(flat).collect())
    }

    /// The first tensor with a value that is not finite.
    pub fn not_finite(&self, parameters: &[f32]) -> Option<String> {
        let broken = self.tensors().position(|place| parameters[place].iter().any(|value| !value.is_finite()));
        broken.and_then(|tensor| self.graph.tensor_names().into_iter().nth(tensor))
    }
}
