//! What a network computes: operations in order, whose inputs come before them, and the layers that they use.

mod build;

pub use build::graph;

use super::Activation;

/// An operation's place in its graph.
pub type NodeId = usize;

/// Operations on matrices with a row per observation; each gives rows of `groups` times `width` values.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The operations; inputs come before what uses them.
    pub nodes: Vec<Node>,
    /// The affine layers.
    pub layers: Vec<LayerShape>,
    /// `[rows, num_actions]`: logits, or values of the actions.
    pub actions: NodeId,
    /// `[rows, 1]`: the observation's value.
    pub value: Option<NodeId>,
    /// `[rows, memory]`: what is remembered next.
    pub next_state: Option<NodeId>,
    /// The bias of the no-op: layer and output.
    pub no_op: (usize, usize),
}

/// One operation and the shape of what it gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is computed.
    pub operation: Operation,
    /// Values per group.
    pub width: usize,
    /// Groups per row: services, nodes, or 1.
    pub groups: usize,
}

/// What a node computes of earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// The normalised observation.
    Observation,
    /// What was remembered.
    State,
    /// An affine layer on every group, and its activation.
    Dense {
        /// What it takes.
        input: NodeId,
        /// The layer.
        layer: usize,
        /// What is applied to its outputs.
        activation: Activation,
    },
    /// Columns `start` and on of a node with one group, as this node's groups.
    Columns {
        /// What it takes.
        input: NodeId,
        /// The first column.
        start: usize,
    },
    /// The inputs side by side; those with one group are repeated for every group.
    Join(Vec<NodeId>),
    /// The mean over the groups.
    Mean(NodeId),
    /// The largest value over the groups.
    Max(NodeId),
    /// Every action's value from where it stands in the inputs' rows: `[groups, width]` of a node in order.
    Scatter(Vec<(NodeId, Vec<Option<u32>>)>),
    /// The values `value + advantages - mean(advantages)`.
    Dueling {
        /// `[rows, 1]`.
        value: NodeId,
        /// `[rows, num_actions]`.
        advantages: NodeId,
    },
    /// The gated recurrent unit of Cho et al. (2014) as PyTorch has it: of gates `[r, z, n]` from input and from memory,
    /// `r = sigmoid(a_r + b_r)`, `z = sigmoid(a_z + b_z)`, `n = tanh(a_n + r b_n)`, and `(1 - z) n + z state`.
    Gru {
        /// `[rows, 3 memory]`, from the input.
        input_gates: NodeId,
        /// `[rows, 3 memory]`, from the memory.
        state_gates: NodeId,
        /// `[rows, memory]`.
        state: NodeId,
    },
}

/// The shape of an affine layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerShape {
    /// Its tensors are `<name>.weight` and `<name>.bias`.
    pub name: String,
    /// Columns of its weight.
    pub inputs: usize,
    /// Rows of its weight.
    pub outputs: usize,
    /// Gain of its initial orthogonal weight.
    pub gain: f64,
}

impl Operation {
    /// The nodes that it uses.
    pub fn inputs(&self) -> Vec<NodeId> {
        match self {
            Self::Observation | Self::State => Vec::new(),
            Self::Dense { input, .. } | Self::Columns { input, .. } | Self::Mean(input) | Self::Max(input) => {
                vec![*input]
            }
            Self::Join(inputs) => inputs.clone(),
            Self::Scatter(parts) => parts.iter().map(|(input, _)| *input).collect(),
            Self::Dueling { value, advantages } => vec![*value, *advantages],
            Self::Gru { input_gates, state_gates, state } => vec![*input_gates, *state_gates, *state],
        }
    }
}

impl Graph {
    /// Values of a row at a node.
    pub fn row(&self, node: NodeId) -> usize {
        self.nodes[node].width * self.nodes[node].groups
    }

    /// The nodes that `wanted` need, in order.
    pub fn needed(&self, wanted: &[NodeId]) -> Vec<NodeId> {
        let mut needed = vec![false; self.nodes.len()];
        for &node in wanted {
            needed[node] = true;
        }
        for node in (0..self.nodes.len()).rev() {
            if needed[node] {
                self.nodes[node].operation.inputs().into_iter().for_each(|input| needed[input] = true);
            }
        }
        (0..self.nodes.len()).filter(|&node| needed[node]).collect()
    }

    /// Number of weights and biases.
    pub fn num_parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.outputs * (layer.inputs + 1)).sum()
    }

    /// Names of all tensors: weight and bias of each layer in order.
    pub fn tensor_names(&self) -> Vec<String> {
        self.layers.iter().flat_map(|layer| ["weight", "bias"].map(|kind| format!("{}.{kind}", layer.name))).collect()
    }
}
