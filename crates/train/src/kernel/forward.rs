//! The forward pass over a block of normalised observations.

use microcloud_policy::network::{Activation, Graph, Node, NodeId, Operation, sigmoid, tanh};

use super::matrix::product_transposed;
use super::vectorized::vectorized;
use super::{Layout, Tape};

impl Layout {
    /// Computes the nodes in `needed` for normalised observations `[rows, observation_size]` and what was remembered,
    /// `[rows, memory]`.
    pub fn forward(&self, parameters: &[f32], needed: &[NodeId], observations: &[f32], state: &[f32], tape: &mut Tape) {
        let graph = self.graph();
        tape.prepare(graph, observations.len() / self.spec().observation_size);
        for &id in needed {
            let (before, rest) = tape.values.split_at_mut(id);
            let out = rest[0].as_mut_slice();
            let node = &graph.nodes[id];
            match &node.operation {
                Operation::Observation => out.copy_from_slice(observations),
                Operation::State => out.copy_from_slice(state),
                Operation::Dense { input, layer, activation } => {
                    let shape = &graph.layers[*layer];
                    let (weight, bias) = (&parameters[self.weight(*layer)], &parameters[self.bias(*layer)]);
                    product_transposed(&before[*input], weight, out, shape.inputs, shape.outputs);
                    activate(out, bias, *activation);
                }
                operation => elementwise(graph, operation, node, before, out, tape.rows),
            }
        }
    }
}

/// Adds the bias to every row and applies the activation.
fn activate(out: &mut [f32], bias: &[f32], activation: Activation) {
    // The closure is compiled for the processor's widest vectors; its bits are the same for all.
    vectorized(
        #[inline(always)]
        || {
            for row in out.chunks_exact_mut(bias.len()) {
                match activation {
                    Activation::None => row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias),
                    Activation::Relu => {
                        row.iter_mut().zip(bias).for_each(|(x, bias)| *x = Activation::Relu.apply(*x + bias));
                    }
                    Activation::Tanh => row.iter_mut().zip(bias).for_each(|(x, bias)| *x = tanh(*x + bias)),
                }
            }
        },
    );
}

fn elementwise(graph: &Graph, operation: &Operation, node: &Node, before: &[Vec<f32>], out: &mut [f32], rows: usize) {
    let size = node.width * node.groups;
    let row_of = |id: NodeId, row: usize| &before[id][row * graph.row(id)..(row + 1) * graph.row(id)];
    let rows_out = (0..rows).zip(out.chunks_exact_mut(size));
    match operation {
        Operation::Columns { input, start } => {
            rows_out.for_each(|(row, out)| out.copy_from_slice(&row_of(*input, row)[*start..*start + size]));
        }
        Operation::Join(inputs) => {
            for (row, out) in rows_out {
                for (group, out) in out.chunks_exact_mut(node.width).enumerate() {
                    let mut start = 0;
                    for &id in inputs {
                        let Node { width, groups, .. } = graph.nodes[id];
                        let from = if groups == 1 { 0 } else { group * width };
                        out[start..start + width].copy_from_slice(&row_of(id, row)[from..from + width]);
                        start += width;
                    }
                }
            }
        }
        Operation::Mean(input) => {
            let groups = graph.nodes[*input].groups as f32;
            for (row, out) in rows_out {
                out.fill(0.0);
                for chunk in row_of(*input, row).chunks_exact(size) {
                    out.iter_mut().zip(chunk).for_each(|(out, value)| *out += value);
                }
                out.iter_mut().for_each(|out| *out /= groups);
            }
        }
        Operation::Max(input) => {
            for (row, out) in rows_out {
                out.fill(f32::NEG_INFINITY);
                for chunk in row_of(*input, row).chunks_exact(size) {
                    out.iter_mut().zip(chunk).for_each(|(out, value)| *out = out.max(*value));
                }
            }
        }
        Operation::Scatter(parts) => {
            for (row, out) in rows_out {
                for (id, columns) in parts {
                    for (value, column) in row_of(*id, row).iter().zip(columns) {
                        if let Some(column) = column {
                            out[*column as usize] = *value;
                        }
                    }
                }
            }
        }
        Operation::Dueling { value, advantages } => {
            for (row, out) in rows_out {
                let advantages = row_of(*advantages, row);
                let level = row_of(*value, row)[0] - advantages.iter().sum::<f32>() / size as f32;
                out.iter_mut().zip(advantages).for_each(|(out, advantage)| *out = level + advantage);
            }
        }
        Operation::Gru { input_gates, state_gates, state } => {
            for (row, out) in rows_out {
                let (a, b, state) = (row_of(*input_gates, row), row_of(*state_gates, row), row_of(*state, row));
                for (unit, out) in out.iter_mut().enumerate() {
                    let gates = Gates::new(a, b, unit, size);
                    *out = (1.0 - gates.keep) * gates.new + gates.keep * state[unit];
                }
            }
        }
        Operation::Observation | Operation::State | Operation::Dense { .. } => {}
    }
}

/// The gates of one unit of a gated recurrent layer.
pub(super) struct Gates {
    pub reset: f32,
    pub keep: f32,
    pub new: f32,
    /// What the memory gives to `new` before it is reset.
    pub remembered: f32,
}

impl Gates {
    #[inline(always)]
    pub fn new(a: &[f32], b: &[f32], unit: usize, units: usize) -> Self {
        let remembered = b[2 * units + unit];
        let reset = sigmoid(a[unit] + b[unit]);
        let keep = sigmoid(a[units + unit] + b[units + unit]);
        Self { reset, keep, new: tanh(a[2 * units + unit] + reset * remembered), remembered }
    }
}
