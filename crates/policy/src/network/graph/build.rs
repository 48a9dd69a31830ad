//! From a network's specification to its graph.

use super::{Graph, LayerShape, Node, NodeId, Operation};
use crate::network::{Activation, BlockLayout, Body, Head, NetworkSpec};

/// Gain of layers that an activation follows.
const HIDDEN_GAIN: f64 = std::f64::consts::SQRT_2;
/// Gain of logits: the first policy is nearly uniform (Andrychowicz et al., 2021).
const LOGITS_GAIN: f64 = 0.01;

/// The graph of a specification that was validated.
pub fn graph(spec: &NetworkSpec) -> Graph {
    let mut builder = Builder { nodes: Vec::new(), layers: Vec::new(), activation: spec.activation };
    let observation = builder.add(Operation::Observation, spec.observation_size, 1);
    match &spec.body {
        Body::Services(layout) => builder.services(spec, layout, observation),
        Body::Separate | Body::Shared => builder.perceptrons(spec, observation),
    }
}

struct Builder {
    nodes: Vec<Node>,
    layers: Vec<LayerShape>,
    activation: Activation,
}

impl Builder {
    fn add(&mut self, operation: Operation, width: usize, groups: usize) -> NodeId {
        self.nodes.push(Node { operation, width, groups });
        self.nodes.len() - 1
    }

    fn layer(&mut self, name: String, input: NodeId, outputs: usize, gain: f64, activation: Activation) -> NodeId {
        let Node { width, groups, .. } = self.nodes[input];
        self.layers.push(LayerShape { name, inputs: width, outputs, gain });
        let layer = self.layers.len() - 1;
        self.add(Operation::Dense { input, layer, activation }, outputs, groups)
    }

    fn hidden(&mut self, name: String, input: NodeId, outputs: usize) -> NodeId {
        self.layer(name, input, outputs, HIDDEN_GAIN, self.activation)
    }

    /// Hidden layers of these sizes, then an affine one.
    fn perceptron(&mut self, name: &str, input: NodeId, hidden: &[usize], outputs: usize, gain: f64) -> NodeId {
        let last = self.stack(name, input, hidden, 0);
        self.layer(format!("{name}.{}", hidden.len()), last, outputs, gain, Activation::None)
    }

    fn stack(&mut self, name: &str, input: NodeId, hidden: &[usize], first: usize) -> NodeId {
        let sizes = hidden.iter().enumerate();
        sizes.fold(input, |last, (index, &size)| self.hidden(format!("{name}.{}", first + index), last, size))
    }

    /// Remembers through a gated recurrent unit; gives its output, which is what it remembers.
    fn remember(&mut self, input: NodeId, memory: usize) -> NodeId {
        let state = self.add(Operation::State, memory, 1);
        let input_gates = self.layer("memory.input".into(), input, 3 * memory, 1.0, Activation::None);
        let state_gates = self.layer("memory.state".into(), state, 3 * memory, 1.0, Activation::None);
        self.add(Operation::Gru { input_gates, state_gates, state }, memory, 1)
    }

    fn perceptrons(mut self, spec: &NetworkSpec, observation: NodeId) -> Graph {
        let (mut input, mut hidden, mut next_state) = (observation, spec.hidden.as_slice(), None);
        if spec.memory > 0 {
            input = self.stack("encoder", input, &hidden[..1], 0);
            input = self.remember(input, spec.memory);
            (hidden, next_state) = (&hidden[1..], Some(input));
        }
        if spec.body == Body::Shared {
            input = self.stack("torso", input, hidden, 0);
            hidden = &[];
        }
        let actions = spec.num_actions;
        match spec.head {
            Head::ActorCritic => {
                let logits = self.perceptron("actor", input, hidden, actions, LOGITS_GAIN);
                let no_op = (self.layers.len() - 1, 0);
                let value = self.perceptron("critic", input, hidden, 1, 1.0);
                self.finish(logits, Some(value), next_state, no_op)
            }
            Head::ActionValues { dueling } => {
                let advantages = self.perceptron("actions", input, hidden, actions, LOGITS_GAIN);
                let no_op = (self.layers.len() - 1, 0);
                let out = self.duel(advantages, dueling, |builder| builder.perceptron("value", input, hidden, 1, 1.0));
                self.finish(out, None, next_state, no_op)
            }
        }
    }

    fn duel(&mut self, advantages: NodeId, dueling: bool, value: impl FnOnce(&mut Self) -> NodeId) -> NodeId {
        if !dueling {
            return advantages;
        }
        let (value, width) = (value(self), self.nodes[advantages].width);
        self.add(Operation::Dueling { value, advantages }, width, 1)
    }

    /// One encoder for all services and one for all nodes, a context of their means and largest values with what belongs to
    /// the whole, and heads that see a block beside the context. Nothing depends on the number of services.
    fn services(mut self, spec: &NetworkSpec, layout: &BlockLayout, observation: NodeId) -> Graph {
        let hidden = spec.hidden.as_slice();
        let (services, nodes) = (layout.services, layout.nodes);
        let service_columns = services * layout.service_features;
        let node_columns = nodes * layout.node_features;
        let others = spec.observation_size - service_columns - node_columns;
        let whole = Operation::Columns { input: observation, start: service_columns + node_columns };
        let whole = self.add(whole, others, 1);
        let block = Operation::Columns { input: observation, start: 0 };
        let block = self.add(block, layout.service_features, services);
        let block = self.add(Operation::Join(vec![block, whole]), layout.service_features + others, services);
        let of_services = self.stack("service", block, hidden, 0);
        let last = self.nodes[of_services].width;
        let mut parts = vec![whole];
        for pool in [Operation::Mean(of_services), Operation::Max(of_services)] {
            parts.push(self.add(pool, last, 1));
        }
        let of_nodes = (nodes > 0).then(|| {
            let block = Operation::Columns { input: observation, start: service_columns };
            let block = self.add(block, layout.node_features, nodes);
            let encoded = self.stack("node", block, &hidden[..1], 0);
            let width = self.nodes[encoded].width;
            for pool in [Operation::Mean(encoded), Operation::Max(encoded)] {
                parts.push(self.add(pool, width, 1));
            }
            encoded
        });
        let width = parts.iter().map(|&part| self.nodes[part].width).sum();
        let joined = self.add(Operation::Join(parts), width, 1);
        let mut context = self.hidden("context.0".into(), joined, last);
        let mut next_state = None;
        if spec.memory > 0 {
            context = self.remember(context, spec.memory);
            next_state = Some(context);
        }
        let mut scattered = Vec::new();
        let kinds =
            [("of_service", Some(of_services), &layout.service_actions), ("of_node", of_nodes, &layout.node_actions)];
        for (name, encoded, kinds) in kinds {
            let Some(encoded) = encoded.filter(|_| !kinds.is_empty()) else { continue };
            let Node { width, groups, .. } = self.nodes[encoded];
            let joined = Operation::Join(vec![encoded, context]);
            let joined = self.add(joined, width + self.nodes[context].width, groups);
            let out = self.perceptron(name, joined, &[last], kinds.len(), LOGITS_GAIN);
            let columns = (0..groups).flat_map(|group| kinds.iter().map(move |kind| kind[group])).collect();
            scattered.push((out, columns));
        }
        let whole = self.perceptron("of_all", context, &[last], layout.other_actions.len(), LOGITS_GAIN);
        let no_op = (self.layers.len() - 1, 0);
        scattered.push((whole, layout.other_actions.iter().map(|&action| Some(action)).collect()));
        let actions = self.add(Operation::Scatter(scattered), spec.num_actions, 1);
        match spec.head {
            Head::ActorCritic => {
                let value = self.perceptron("critic", context, &[last], 1, 1.0);
                self.finish(actions, Some(value), next_state, no_op)
            }
            Head::ActionValues { dueling } => {
                let out = self.duel(actions, dueling, |builder| builder.perceptron("value", context, &[last], 1, 1.0));
                self.finish(out, None, next_state, no_op)
            }
        }
    }

    fn finish(
        self,
        actions: NodeId,
        value: Option<NodeId>,
        next_state: Option<NodeId>,
        no_op: (usize, usize),
    ) -> Graph {
        Graph { nodes: self.nodes, layers: self.layers, actions, value, next_state, no_op }
    }
}
