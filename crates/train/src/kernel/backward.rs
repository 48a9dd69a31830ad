//! The backward pass: from the gradients at a graph's outputs to those of its parameters.

use microcloud_policy::network::{Activation, Graph, Node, NodeId, Operation};

use super::forward::Gates;
use super::matrix::{add_product, add_transposed_product};
use super::vectorized::vectorized;
use super::{Layout, Tape};

impl Layout {
    /// Adds to `gradients`, which is laid out as the parameters are, what the gradients at the outputs make of them.
    ///
    /// `needed` are the nodes that the forward pass computed. Gradients with respect to the memory are left in the tape.
    pub fn backward(&self, parameters: &[f32], needed: &[NodeId], tape: &mut Tape, gradients: &mut [f32]) {
        let graph = self.graph();
        for &id in needed.iter().rev() {
            let (before, rest) = tape.gradients.split_at_mut(id);
            let (gradient, node) = (rest[0].as_mut_slice(), &graph.nodes[id]);
            match &node.operation {
                Operation::Observation | Operation::State => {}
                Operation::Dense { input, layer, activation } => {
                    deactivate(gradient, &tape.values[id], *activation);
                    let shape = &graph.layers[*layer];
                    let (inputs, outputs) = (shape.inputs, shape.outputs);
                    let weight = &mut gradients[self.weight(*layer)];
                    add_transposed_product(gradient, &tape.values[*input], weight, outputs, inputs);
                    add_rows(gradient, &mut gradients[self.bias(*layer)]);
                    if *input != 0 {
                        let weight = &parameters[self.weight(*layer)];
                        add_product(gradient, weight, &mut before[*input], outputs, inputs);
                    }
                }
                operation => elementwise(graph, operation, node, &tape.values, before, gradient),
            }
        }
    }
}

/// From gradients with respect to a layer's values to those with respect to what its activation was applied to.
fn deactivate(gradient: &mut [f32], values: &[f32], activation: Activation) {
    vectorized(
        #[inline(always)]
        || match activation {
            Activation::None => {}
            Activation::Relu => {
                gradient.iter_mut().zip(values).for_each(|(g, y)| *g *= Activation::Relu.slope(*y));
            }
            Activation::Tanh => {
                gradient.iter_mut().zip(values).for_each(|(g, y)| *g *= Activation::Tanh.slope(*y));
            }
        },
    );
}

fn add_rows(rows: &[f32], sums: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        },
    );
}

fn elementwise(
    graph: &Graph,
    operation: &Operation,
    node: &Node,
    values: &[Vec<f32>],
    before: &mut [Vec<f32>],
    gradient: &[f32],
) {
    let size = node.width * node.groups;
    let place = |id: NodeId, row: usize| row * graph.row(id)..(row + 1) * graph.row(id);
    let rows = gradient.chunks_exact(size).enumerate();
    match operation {
        // What is cut out of the observation alone needs no gradient.
        Operation::Columns { input: 0, .. } => {}
        Operation::Columns { input, start } => {
            for (row, gradient) in rows {
                add(&mut before[*input][place(*input, row)][*start..*start + size], gradient, 1.0);
            }
        }
        Operation::Join(inputs) => {
            for (row, gradient) in rows {
                for (group, gradient) in gradient.chunks_exact(node.width).enumerate() {
                    let mut start = 0;
                    for &id in inputs {
                        let Node { width, groups, .. } = graph.nodes[id];
                        let from = if groups == 1 { 0 } else { group * width };
                        add(&mut before[id][place(id, row)][from..from + width], &gradient[start..start + width], 1.0);
                        start += width;
                    }
                }
            }
        }
        Operation::Mean(input) => {
            let share = 1.0 / graph.nodes[*input].groups as f32;
            for (row, gradient) in rows {
                let out = &mut before[*input][place(*input, row)];
                out.chunks_exact_mut(size).for_each(|out| add(out, gradient, share));
            }
        }
        Operation::Max(input) => {
            for (row, gradient) in rows {
                let from = &values[*input][place(*input, row)];
                let out = &mut before[*input][place(*input, row)];
                for (column, gradient) in gradient.iter().enumerate() {
                    // The first of equal ones.
                    let largest = (column..from.len())
                        .step_by(size)
                        .fold(column, |largest, other| if from[other] > from[largest] { other } else { largest });
                    out[largest] += gradient;
                }
            }
        }
        Operation::Scatter(parts) => {
            for (row, gradient) in rows {
                for (id, columns) in parts {
                    for (out, column) in before[*id][place(*id, row)].iter_mut().zip(columns) {
                        *out += column.map_or(0.0, |column| gradient[column as usize]);
                    }
                }
            }
        }
        Operation::Dueling { value, advantages } => {
            for (row, gradient) in rows {
                let sum: f32 = gradient.iter().sum();
                before[*value][row] += sum;
                let mean = sum / size as f32;
                let out = &mut before[*advantages][place(*advantages, row)];
                out.iter_mut().zip(gradient).for_each(|(out, gradient)| *out += gradient - mean);
            }
        }
        Operation::Gru { input_gates, state_gates, state } => {
            for (row, gradient) in rows {
                let (a, b) =
                    (&values[*input_gates][place(*input_gates, row)], &values[*state_gates][place(*state_gates, row)]);
                for (unit, &gradient) in gradient.iter().enumerate() {
                    let gates = Gates::new(a, b, unit, size);
                    let previous = values[*state][row * size + unit];
                    before[*state][row * size + unit] += gradient * gates.keep;
                    let of_keep = gradient * (previous - gates.new) * gates.keep * (1.0 - gates.keep);
                    let of_new = gradient * (1.0 - gates.keep) * (1.0 - gates.new * gates.new);
                    let of_reset = of_new * gates.remembered * gates.reset * (1.0 - gates.reset);
                    let from_input = [of_reset, of_keep, of_new];
                    let from_state = [of_reset, of_keep, of_new * gates.reset];
                    for (gate, (from_input, from_state)) in from_input.into_iter().zip(from_state).enumerate() {
                        before[*input_gates][row * 3 * size + gate * size + unit] += from_input;
                        before[*state_gates][row * 3 * size + gate * size + unit] += from_state;
                    }
                }
            }
        }
        Operation::Observation | Operation::State | Operation::Dense { .. } => {}
    }
}

fn add(out: &mut [f32], values: &[f32], factor: f32) {
    out.iter_mut().zip(values).for_each(|(out, value)| *out += factor * value);
}
