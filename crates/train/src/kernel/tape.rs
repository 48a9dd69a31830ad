//! What a forward pass leaves for the backward one: every node's values, and the gradients with respect to them.

use microcloud_policy::network::{Graph, NodeId};

/// Values and gradients of a block of rows, by node; buffers are reused from block to block.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    /// Rows of the block at hand.
    pub(super) rows: usize,
    pub(super) values: Vec<Vec<f32>>,
    pub(super) gradients: Vec<Vec<f32>>,
}

impl Tape {
    /// Makes room for a block.
    pub(super) fn prepare(&mut self, graph: &Graph, rows: usize) {
        self.rows = rows;
        self.values.resize_with(graph.nodes.len(), Vec::new);
        self.gradients.resize_with(graph.nodes.len(), Vec::new);
        for (node, values) in self.values.iter_mut().enumerate() {
            values.resize(rows * graph.row(node), 0.0);
        }
    }

    /// Sets all gradients to zero, which those of the outputs are then added to.
    pub fn clear_gradients(&mut self, graph: &Graph) {
        for (node, gradients) in self.gradients.iter_mut().enumerate() {
            gradients.clear();
            gradients.resize(self.rows * graph.row(node), 0.0);
        }
    }

    /// A node's values, `[rows, groups, width]`.
    pub fn values(&self, node: NodeId) -> &[f32] {
        &self.values[node]
    }

    /// The loss's gradient with respect to a node's values.
    pub fn gradient(&self, node: NodeId) -> &[f32] {
        &self.gradients[node]
    }

    /// A node's values, and the gradients with respect to them, to be written before the backward pass.
    pub fn output(&mut self, node: NodeId) -> (&[f32], &mut [f32]) {
        (&self.values[node], &mut self.gradients[node])
    }

    /// The loss's gradient with respect to a node's values, to be written before the backward pass.
    pub fn gradient_mut(&mut self, node: NodeId) -> &mut [f32] {
        &mut self.gradients[node]
    }
}
