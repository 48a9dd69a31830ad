//! A network's graph as a burn module.

use burn::module::{Module, Param};
use burn::tensor::activation::{relu, sigmoid, tanh};
use burn::tensor::{Device, Int, Tensor, TensorData};
use microcloud_policy::network::{Activation, NodeId, Operation};

use crate::kernel::Layout;

/// The weights `[out, in]` and biases `[1, out]` of a graph's layers.
#[derive(Module, Debug)]
pub struct BurnNetwork {
    weights: Vec<Param<Tensor<2>>>,
    biases: Vec<Param<Tensor<2>>>,
}

/// What a forward pass gives.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// `[rows, num_actions]`.
    pub actions: Tensor<2>,
    /// `[rows, 1]`, where there is a critic.
    pub values: Option<Tensor<2>>,
    /// `[rows, memory]`, where there is memory.
    pub next_state: Option<Tensor<2>>,
}

impl BurnNetwork {
    /// A module with these parameters on a device.
    pub fn new(layout: &Layout, parameters: &[f32], device: &Device) -> Self {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (layer, shape) in layout.graph().layers.iter().enumerate() {
            let tensor = |values: &[f32], rows: usize, columns: usize| {
                Param::from_tensor(Tensor::from_data(TensorData::new(values.to_vec(), [rows, columns]), device))
            };
            weights.push(tensor(&parameters[layout.weight(layer)], shape.outputs, shape.inputs));
            biases.push(tensor(&parameters[layout.bias(layer)], 1, shape.outputs));
        }
        Self { weights, biases }
    }

    /// All tensors, weight and bias of each layer in order.
    pub fn tensors(&self) -> Vec<Tensor<2>> {
        self.weights.iter().zip(&self.biases).flat_map(|(weight, bias)| [weight.val(), bias.val()]).collect()
    }

    /// The forward pass of normalised observations `[rows, observation_size]` and what was remembered, `[rows, memory]`.
    pub fn forward(&self, layout: &Layout, observations: Tensor<2>, state: Option<Tensor<2>>) -> Outputs {
        let graph = layout.graph();
        let [rows, _] = observations.dims();
        // Every node is [rows, groups, width].
        let mut values: Vec<Tensor<3>> = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let whole = |tensor: &Tensor<2>| tensor.clone().reshape([rows, 1, node.width]);
            let value = match (&node.operation, &state) {
                (Operation::Observation, _) => whole(&observations),
                (Operation::State, Some(state)) => whole(state),
                (Operation::State, None) => Tensor::zeros([rows, 1, node.width], &observations.device()),
                (operation, _) => self.compute(layout, operation, &values, rows),
            };
            values.push(value);
        }
        let flat = |node: NodeId| values[node].clone().reshape([rows, graph.row(node)]);
        Outputs { actions: flat(graph.actions), values: graph.value.map(flat), next_state: graph.next_state.map(flat) }
    }

    fn compute(&self, layout: &Layout, operation: &Operation, values: &[Tensor<3>], rows: usize) -> Tensor<3> {
        let get = |node: &NodeId| values[*node].clone();
        match operation {
            Operation::Dense { input, layer, activation } => {
                let [_, groups, inputs] = values[*input].dims();
                let input = get(input).reshape([rows * groups, inputs]);
                let output = input.matmul(self.weights[*layer].val().transpose()) + self.biases[*layer].val();
                let output = match activation {
                    Activation::None => output,
                    Activation::Relu => relu(output),
                    Activation::Tanh => tanh(output),
                };
                let outputs = output.dims()[1];
                output.reshape([rows, groups, outputs])
            }
            Operation::Columns { input, start } => {
                let node = layout.graph().nodes.iter().find(|node| node.operation == *operation);
                let (groups, width) = node.map_or((1, 1), |node| (node.groups, node.width));
                let [_, _, columns] = values[*input].dims();
                let row = get(input).reshape([rows, columns]);
                row.slice([0..rows, *start..*start + groups * width]).reshape([rows, groups, width])
            }
            Operation::Join(inputs) => {
                let groups = inputs.iter().map(|input| values[*input].dims()[1]).max().unwrap_or(1);
                let repeated = inputs.iter().map(|input| {
                    let [rows, own, width] = values[*input].dims();
                    if own == groups { get(input) } else { get(input).expand([rows, groups, width]) }
                });
                Tensor::cat(repeated.collect(), 2)
            }
            Operation::Mean(input) => get(input).mean_dim(1),
            Operation::Max(input) => get(input).max_dim(1),
            Operation::Scatter(parts) => {
                let width = layout.spec().num_actions;
                let mut sources = vec![0; width];
                let mut start = 0;
                let mut flat = Vec::new();
                for (input, columns) in parts {
                    for (place, column) in columns.iter().enumerate() {
                        if let Some(column) = column {
                            sources[*column as usize] = (start + place) as i64;
                        }
                    }
                    start += columns.len();
                    flat.push(get(input).reshape([rows, columns.len()]));
                }
                let all = Tensor::cat(flat, 1);
                let sources = Tensor::<1, Int>::from_data(TensorData::new(sources, [width]), &all.device());
                all.select(1, sources).reshape([rows, 1, width])
            }
            Operation::Dueling { value, advantages } => {
                let advantages = get(advantages);
                get(value) + advantages.clone() - advantages.mean_dim(2)
            }
            Operation::Gru { input_gates, state_gates, state } => {
                let units = values[*state].dims()[2];
                let part = |tensor: &Tensor<3>, gate: usize| {
                    tensor.clone().slice([0..rows, 0..1, gate * units..(gate + 1) * units])
                };
                let (a, b) = (get(input_gates), get(state_gates));
                let reset = sigmoid(part(&a, 0) + part(&b, 0));
                let keep = sigmoid(part(&a, 1) + part(&b, 1));
                let new = tanh(part(&a, 2) + reset * part(&b, 2));
                new.clone() - keep.clone() * new + keep * get(state)
            }
            Operation::Observation | Operation::State => get(&0),
        }
    }
}
