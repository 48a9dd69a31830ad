//! The forward pass of a network on raw observations.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice, linalg::general_mat_mul};

use super::{
    Graph, NetworkSpec, Normalizer, Operation,
    activation::{sigmoid, tanh},
    graph::{NodeId, graph},
};

/// One affine layer: `y = weight · x + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// `[out, in]`.
    pub weight: Array2<f32>,
    /// `[out]`.
    pub bias: Array1<f32>,
}

/// A network that plays: what it computes, its layers, and the normaliser of what it sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    spec: NetworkSpec,
    graph: Graph,
    layers: Vec<Layer>,
    normalizer: Normalizer,
}

/// The buffers of a forward pass; they grow to the largest batch seen and are reused from then on.
#[derive(Debug, Default)]
pub struct Workspace {
    values: Vec<Array2<f32>>,
}

/// What a forward pass gave.
#[derive(Debug)]
pub struct Evaluation<'w> {
    /// `[rows, num_actions]`: logits, or values of the actions.
    pub actions: ArrayView2<'w, f32>,
    /// `[rows, 1]`, where the network has a critic.
    pub values: Option<ArrayView2<'w, f32>>,
    /// `[rows, memory]`: what is to be remembered; none without memory.
    pub next_state: Option<ArrayView2<'w, f32>>,
    /// `[rows, observation_size]`: the normalised observations.
    pub normalized: ArrayView2<'w, f32>,
}

impl Network {
    /// Joins the parts, or says what does not fit: the layers must be those of the specification's graph.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn new(spec: NetworkSpec, layers: Vec<Layer>, normalizer: Normalizer) -> Result<Self, String> {
        spec.validate()?;
        let size = normalizer.mean().len();
        if size != spec.observation_size || normalizer.var().len() != size {
            let (var, due) = (normalizer.var().len(), spec.observation_size);
            return Err(format!("normalizer.mean has {size} features and normalizer.var {var}, where {due} were due"));
        }
        let graph = graph(&spec);
        if layers.len() != graph.layers.len() {
            return Err(format!("it has {} layers, where {} were due", layers.len(), graph.layers.len()));
        }
        for (layer, shape) in layers.iter().zip(&graph.layers) {
            if layer.weight.dim() != (shape.outputs, shape.inputs) || layer.bias.len() != shape.outputs {
                let (rows, columns) = layer.weight.dim();
                return Err(format!(
                    "{}.weight is [{rows}, {columns}] with a bias of {}, where [{}, {}] was due",
                    shape.name,
                    layer.bias.len(),
                    shape.outputs,
                    shape.inputs
                ));
            }
        }
        Ok(Self { spec, graph, layers, normalizer })
    }

    /// What it is made of.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// What it computes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The layers, in the order of the graph's.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The frozen normaliser.
    pub fn normalizer(&self) -> &Normalizer {
        &self.normalizer
    }

    /// Number of observation features.
    pub fn observation_size(&self) -> usize {
        self.spec.observation_size
    }

    /// Number of actions.
    pub fn num_actions(&self) -> usize {
        self.spec.num_actions
    }

    /// Values that it remembers per row; they are 0 where an episode starts.
    pub fn state_size(&self) -> usize {
        self.spec.memory
    }

    /// Everything that the network gives for raw observations `[rows, observation_size]` and what was remembered,
    /// `[rows, state_size]`.
    pub fn evaluate<'w>(
        &self,
        observations: ArrayView2<'_, f32>,
        state: ArrayView2<'_, f32>,
        workspace: &'w mut Workspace,
    ) -> Evaluation<'w> {
        let wanted: Vec<NodeId> =
            [Some(self.graph.actions), self.graph.value, self.graph.next_state].into_iter().flatten().collect();
        self.forward(&wanted, observations, state, workspace)
    }

    /// As [`Self::evaluate`], without the values, for acting alone.
    pub fn act<'w>(
        &self,
        observations: ArrayView2<'_, f32>,
        state: ArrayView2<'_, f32>,
        workspace: &'w mut Workspace,
    ) -> Evaluation<'w> {
        let wanted: Vec<NodeId> = [Some(self.graph.actions), self.graph.next_state].into_iter().flatten().collect();
        self.forward(&wanted, observations, state, workspace)
    }

    fn forward<'w>(
        &self,
        wanted: &[NodeId],
        observations: ArrayView2<'_, f32>,
        state: ArrayView2<'_, f32>,
        workspace: &'w mut Workspace,
    ) -> Evaluation<'w> {
        let rows = observations.nrows();
        let graph = &self.graph;
        workspace.values.resize_with(graph.nodes.len(), || Array2::zeros((0, 0)));
        for node in graph.needed(wanted) {
            let (before, rest) = workspace.values.split_at_mut(node);
            grow(&mut rest[0], rows, graph.row(node));
            let out = top_mut(&mut rest[0], rows);
            self.compute(node, before, observations, state, out);
        }
        let view = |node: NodeId| top(&workspace.values[node], rows);
        Evaluation {
            actions: view(graph.actions),
            values: graph.value.filter(|node| wanted.contains(node)).map(view),
            next_state: graph.next_state.map(view),
            normalized: view(0),
        }
    }

    fn compute(
        &self,
        node: NodeId,
        before: &[Array2<f32>],
        observations: ArrayView2<'_, f32>,
        state: ArrayView2<'_, f32>,
        mut out: ArrayViewMut2<'_, f32>,
    ) {
        let (graph, rows) = (&self.graph, out.nrows());
        let input = |id: NodeId| top(&before[id], rows);
        let groups = graph.nodes[node].groups;
        match &graph.nodes[node].operation {
            Operation::Observation => self.normalizer.normalize(observations, out),
            Operation::State => out.assign(&state),
            Operation::Dense { input: id, layer, activation } => {
                let Layer { weight, bias } = &self.layers[*layer];
                let input = input(*id);
                for group in 0..groups {
                    let (width, inputs) = weight.dim();
                    let mut out = out.slice_axis_mut(Axis(1), Slice::from(group * width..(group + 1) * width));
                    out.assign(bias);
                    let input = columns(input, group * inputs, inputs);
                    general_mat_mul(1.0, &input, &weight.t(), 1.0, &mut out);
                    out.mapv_inplace(|x| activation.apply(x));
                }
            }
            Operation::Columns { input: id, start } => {
                let width = out.ncols();
                out.assign(&columns(input(*id), *start, width));
            }
            Operation::Join(inputs) => {
                let mut start = 0;
                for group in 0..groups {
                    for &id in inputs {
                        let width = graph.nodes[id].width;
                        let from = if graph.nodes[id].groups == 1 { 0 } else { group * width };
                        let place = Slice::from(start..start + width);
                        out.slice_axis_mut(Axis(1), place).assign(&columns(input(id), from, width));
                        start += width;
                    }
                }
            }
            Operation::Mean(id) => {
                let (width, groups) = (graph.nodes[*id].width, graph.nodes[*id].groups);
                out.fill(0.0);
                for chunk in input(*id).axis_chunks_iter(Axis(1), width) {
                    out += &chunk;
                }
                out.mapv_inplace(|sum| sum / groups as f32);
            }
            Operation::Max(id) => {
                out.fill(f32::NEG_INFINITY);
                for chunk in input(*id).axis_chunks_iter(Axis(1), graph.nodes[*id].width) {
                    out.zip_mut_with(&chunk, |most, &value| *most = most.max(value));
                }
            }
            Operation::Scatter(parts) => {
                for (id, columns) in parts {
                    let from = input(*id);
                    for (place, column) in columns.iter().enumerate() {
                        if let Some(column) = column {
                            out.column_mut(*column as usize).assign(&from.column(place));
                        }
                    }
                }
            }
            Operation::Dueling { value, advantages } => {
                for ((mut out, value), advantages) in
                    out.rows_mut().into_iter().zip(input(*value).rows()).zip(input(*advantages).rows())
                {
                    let level = value[0] - advantages.sum() / advantages.len() as f32;
                    out.zip_mut_with(&advantages, |out, &advantage| *out = level + advantage);
                }
            }
            Operation::Gru { input_gates, state_gates, state } => {
                let units = out.ncols();
                let (a, b, state) = (input(*input_gates), input(*state_gates), input(*state));
                for ((row, unit), out) in out.indexed_iter_mut() {
                    let reset = sigmoid(a[[row, unit]] + b[[row, unit]]);
                    let keep = sigmoid(a[[row, units + unit]] + b[[row, units + unit]]);
                    let new = tanh(a[[row, 2 * units + unit]] + reset * b[[row, 2 * units + unit]]);
                    *out = (1.0 - keep) * new + keep * state[[row, unit]];
                }
            }
        }
    }
}

fn columns(view: ArrayView2<'_, f32>, start: usize, width: usize) -> ArrayView2<'_, f32> {
    view.slice_axis_move(Axis(1), Slice::from(start..start + width))
}

fn top(buffer: &Array2<f32>, rows: usize) -> ArrayView2<'_, f32> {
    buffer.slice_axis(Axis(0), Slice::from(..rows))
}

fn top_mut(buffer: &mut Array2<f32>, rows: usize) -> ArrayViewMut2<'_, f32> {
    buffer.slice_axis_mut(Axis(0), Slice::from(..rows))
}

fn grow(buffer: &mut Array2<f32>, rows: usize, columns: usize) {
    if buffer.nrows() < rows || buffer.ncols() != columns {
        *buffer = Array2::zeros((rows, columns));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{arr1, arr2};

    use super::*;
    use crate::network::{Activation, BlockLayout, Body, Head};

    fn spec(body: Body, hidden: Vec<usize>, memory: usize, head: Head) -> NetworkSpec {
        NetworkSpec { observation_size: 11, num_actions: 7, body, hidden, activation: Activation::Tanh, memory, head }
    }

    fn layout() -> BlockLayout {
        BlockLayout {
            services: 3,
            service_features: 2,
            nodes: 2,
            node_features: 1,
            service_actions: vec![vec![Some(1), Some(2), Some(3)], vec![None, Some(4), None]],
            node_actions: vec![vec![Some(5), Some(6)]],
            other_actions: vec![0],
        }
    }

    /// A network of arbitrary small weights.
    fn network(spec: NetworkSpec) -> Network {
        let mut count = 0;
        let mut next = |_| {
            count += 1;
            ((count * 7919) % 101) as f32 / 101.0 - 0.5
        };
        let layers = graph(&spec).layers.into_iter().map(|shape| Layer {
            weight: Array2::from_shape_simple_fn((shape.outputs, shape.inputs), || next(())),
            bias: Array1::from_shape_simple_fn(shape.outputs, || next(())),
        });
        let layers = layers.collect();
        let size = spec.observation_size;
        Network::new(spec, layers, Normalizer::identity(size)).unwrap()
    }

    fn observations(rows: usize) -> Array2<f32> {
        Array2::from_shape_fn((rows, 11), |(row, column)| ((row * 31 + column * 17) % 23) as f32 * 0.1 - 1.0)
    }

    fn all() -> Vec<Network> {
        let critic = || Head::ActorCritic;
        let values = || Head::ActionValues { dueling: true };
        [
            spec(Body::Separate, vec![5, 4], 0, critic()),
            spec(Body::Shared, vec![5], 0, values()),
            spec(Body::Separate, vec![5, 4], 3, critic()),
            spec(Body::Services(layout()), vec![5, 4], 0, critic()),
            spec(Body::Services(layout()), vec![5], 3, values()),
        ]
        .map(network)
        .into()
    }

    #[test]
    fn a_perceptron_is_affine_relu_affine_on_normalised_observations() {
        let spec = NetworkSpec::separate(2, 1, vec![2]);
        let layer = |weight, bias| Layer { weight, bias };
        let layers = vec![
            layer(arr2(&[[1.0, -1.0], [0.5, 0.5]]), arr1(&[0.0, -1.0])),
            layer(arr2(&[[2.0, 1.0]]), arr1(&[0.25])),
            layer(arr2(&[[1.0, 0.0], [0.0, 1.0]]), arr1(&[0.0, 0.0])),
            layer(arr2(&[[1.0, 1.0]]), arr1(&[-3.0])),
        ];
        let normalizer = Normalizer::new(arr1(&[1.0, 0.0]), arr1(&[1.0, 4.0]));
        let network = Network::new(spec, layers, normalizer).unwrap();
        let mut workspace = Workspace::default();
        let observations = arr2(&[[4.0, 4.0], [-100.0, 0.0]]);
        let evaluation = network.evaluate(observations.view(), Array2::zeros((2, 0)).view(), &mut workspace);
        assert!((evaluation.normalized[[0, 0]] - 3.0).abs() < 1e-6);
        assert!((evaluation.normalized[[0, 1]] - 2.0).abs() < 1e-6);
        assert_eq!(evaluation.normalized[[1, 0]], -10.0);
        assert!((evaluation.actions[[0, 0]] - (2.0 * 1.0 + 1.5 + 0.25)).abs() < 1e-5);
        assert!((evaluation.actions[[1, 0]] - 0.25).abs() < 1e-5);
        assert!((evaluation.values.unwrap()[[0, 0]] - 2.0).abs() < 1e-5);
    }

    #[test]
    fn a_row_does_not_depend_on_the_batch_it_is_in() {
        for network in all() {
            let mut workspace = Workspace::default();
            let rows = observations(33);
            let state = Array2::from_elem((33, network.state_size()), 0.25);
            let together = network.act(rows.view(), state.view(), &mut workspace).actions.to_owned();
            for row in 0..33 {
                let one = Slice::from(row..=row);
                let (rows, state) = (rows.slice_axis(Axis(0), one), state.slice_axis(Axis(0), one));
                let alone = network.act(rows, state, &mut workspace);
                assert_eq!(alone.actions.row(0), together.row(row));
            }
        }
    }

    #[test]
    fn what_is_remembered_changes_what_is_done() {
        for network in all() {
            let mut workspace = Workspace::default();
            let rows = observations(1);
            let mut with = |state: f32| {
                let state = Array2::from_elem((1, network.state_size()), state);
                let evaluation = network.act(rows.view(), state.view(), &mut workspace);
                assert_eq!(evaluation.next_state.map_or(0, |next| next.ncols()), network.state_size());
                evaluation.actions.to_owned()
            };
            assert_eq!(with(0.0) != with(0.5), network.state_size() > 0);
        }
    }

    #[test]
    fn permuted_services_permute_their_actions() {
        let network = network(spec(Body::Services(layout()), vec![5, 4], 0, Head::ActorCritic));
        let rows = observations(1);
        let mut swapped = rows.clone();
        for feature in 0..2 {
            swapped.swap([0, feature], [0, 4 + feature]);
        }
        let mut workspace = Workspace::default();
        let none = Array2::zeros((1, 0));
        let one = network.act(rows.view(), none.view(), &mut workspace).actions.to_owned();
        let other = network.act(swapped.view(), none.view(), &mut workspace).actions.to_owned();
        let close = |a: f32, b: f32| (a - b).abs() < 1e-5;
        assert!(close(one[[0, 1]], other[[0, 3]]) && close(one[[0, 3]], other[[0, 1]]));
        assert!([0, 2, 4, 5, 6].iter().all(|&action| close(one[[0, action]], other[[0, action]])));
        assert!(!close(one[[0, 1]], one[[0, 3]]));
    }

    #[test]
    fn layers_that_do_not_fit_are_refused() {
        let layer = |out, inputs| Layer { weight: Array2::zeros((out, inputs)), bias: Array1::zeros(out) };
        let build = |layers| {
            let spec = spec(Body::Separate, vec![4], 0, Head::ActorCritic);
            Network::new(spec, layers, Normalizer::identity(11)).unwrap_err()
        };
        assert!(build(vec![layer(4, 11), layer(7, 5), layer(4, 11), layer(1, 4)]).contains("actor.1.weight is [7, 5]"));
        assert!(build(vec![layer(4, 11)]).contains("1 layers, where 4"));
        let short = spec(Body::Separate, vec![4], 0, Head::ActorCritic);
        assert!(Network::new(short, Vec::new(), Normalizer::identity(3)).unwrap_err().contains("normalizer.mean"));
    }

    #[test]
    fn a_layout_that_leaves_out_or_repeats_an_action_is_refused() {
        let refused = |change: fn(&mut BlockLayout)| {
            let mut layout = layout();
            change(&mut layout);
            spec(Body::Services(layout), vec![4], 0, Head::ActorCritic).validate().unwrap_err()
        };
        assert!(refused(|layout| layout.service_actions[1][1] = None).contains("does not name action 4"));
        assert!(refused(|layout| layout.service_actions[1][0] = Some(4)).contains("action 4 twice"));
        assert!(refused(|layout| layout.node_actions[0].truncate(1)).contains("one per node"));
        assert!(refused(|layout| layout.services = 6).contains("leave nothing"));
    }
}
