//! The forward pass of an actor and a critic, two separate relu perceptrons over the same normalised observation.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice, linalg::general_mat_mul};

use super::Normalizer;

/// One affine layer: `y = weight · x + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// `[out, in]`.
    pub weight: Array2<f32>,
    /// `[out]`.
    pub bias: Array1<f32>,
}

/// An actor that gives logits, a critic that gives a value, and the normaliser of what both see.
#[derive(Debug, Clone, PartialEq)]
pub struct ActorCritic {
    actor: Vec<Layer>,
    critic: Vec<Layer>,
    normalizer: Normalizer,
}

/// The buffers of a forward pass; they grow to the largest batch seen and are reused from then on.
#[derive(Debug, Default)]
pub struct Workspace {
    normalized: Array2<f32>,
    actor: Vec<Array2<f32>>,
    critic: Vec<Array2<f32>>,
}

impl ActorCritic {
    /// Joins the parts, or says what does not fit: each layer must take what the one before it gives, the first takes
    /// the normaliser's features, and the critic gives one value.
    pub fn new(actor: Vec<Layer>, critic: Vec<Layer>, normalizer: Normalizer) -> Result<Self, String> {
        let size = normalizer.mean().len();
        if size == 0 || normalizer.var().len() != size {
            return Err(format!("normalizer.mean has {size} features and normalizer.var {}", normalizer.var().len()));
        }
        check_chain("actor", &actor, size)?;
        check_chain("critic", &critic, size)?;
        let values = outputs(&critic);
        if values != 1 {
            return Err(format!("the critic gives {values} values instead of 1"));
        }
        Ok(Self { actor, critic, normalizer })
    }

    /// Number of observation features.
    pub fn observation_size(&self) -> usize {
        self.normalizer.mean().len()
    }

    /// Number of actions.
    pub fn num_actions(&self) -> usize {
        outputs(&self.actor)
    }

    /// The actor's layers from input to logits.
    pub fn actor(&self) -> &[Layer] {
        &self.actor
    }

    /// The critic's layers from input to value.
    pub fn critic(&self) -> &[Layer] {
        &self.critic
    }

    /// The frozen normaliser.
    pub fn normalizer(&self) -> &Normalizer {
        &self.normalizer
    }

    /// Logits `[rows, num_actions]` of raw observations `[rows, observation_size]`.
    pub fn logits<'w>(&self, observations: ArrayView2<'_, f32>, workspace: &'w mut Workspace) -> ArrayView2<'w, f32> {
        let rows = workspace.normalize(&self.normalizer, observations);
        forward(&self.actor, &workspace.normalized, &mut workspace.actor, rows)
    }

    /// Values `[rows, 1]` of raw observations `[rows, observation_size]`.
    pub fn values<'w>(&self, observations: ArrayView2<'_, f32>, workspace: &'w mut Workspace) -> ArrayView2<'w, f32> {
        let rows = workspace.normalize(&self.normalizer, observations);
        forward(&self.critic, &workspace.normalized, &mut workspace.critic, rows)
    }

    /// Logits `[rows, num_actions]`, values `[rows, 1]` and the normalised observations they were computed from.
    pub fn evaluate<'w>(
        &self,
        observations: ArrayView2<'_, f32>,
        workspace: &'w mut Workspace,
    ) -> (ArrayView2<'w, f32>, ArrayView2<'w, f32>, ArrayView2<'w, f32>) {
        let rows = workspace.normalize(&self.normalizer, observations);
        let logits = forward(&self.actor, &workspace.normalized, &mut workspace.actor, rows);
        let values = forward(&self.critic, &workspace.normalized, &mut workspace.critic, rows);
        (logits, values, top(&workspace.normalized, rows))
    }
}

impl Workspace {
    fn normalize(&mut self, normalizer: &Normalizer, observations: ArrayView2<'_, f32>) -> usize {
        let rows = observations.nrows();
        grow(&mut self.normalized, rows, observations.ncols());
        normalizer.normalize(observations, top_mut(&mut self.normalized, rows));
        rows
    }
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

fn forward<'w>(
    layers: &[Layer],
    input: &Array2<f32>,
    buffers: &'w mut Vec<Array2<f32>>,
    rows: usize,
) -> ArrayView2<'w, f32> {
    buffers.resize_with(layers.len(), || Array2::zeros((0, 0)));
    let last = layers.len().saturating_sub(1);
    for (index, layer) in layers.iter().enumerate() {
        let (before, rest) = buffers.split_at_mut(index);
        let input = top(before.last().unwrap_or(input), rows);
        grow(&mut rest[0], rows, layer.bias.len());
        let mut output = top_mut(&mut rest[0], rows);
        output.assign(&layer.bias);
        general_mat_mul(1.0, &input, &layer.weight.t(), 1.0, &mut output);
        if index != last {
            output.mapv_inplace(|x| x.max(0.0));
        }
    }
    top(&buffers[last], rows)
}

fn outputs(layers: &[Layer]) -> usize {
    layers.last().map_or(0, |layer| layer.bias.len())
}

fn check_chain(name: &str, layers: &[Layer], inputs: usize) -> Result<(), String> {
    if layers.is_empty() {
        return Err(format!("there is no tensor {name}.0.weight"));
    }
    let mut inputs = inputs;
    for (index, Layer { weight, bias }) in layers.iter().enumerate() {
        if weight.ncols() != inputs || weight.nrows() != bias.len() || bias.is_empty() {
            return Err(format!(
                "{name}.{index}.weight is [{}, {}] with a bias of {}, where [{}, {inputs}] was due",
                weight.nrows(),
                weight.ncols(),
                bias.len(),
                bias.len().max(1)
            ));
        }
        inputs = bias.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::{arr1, arr2};

    use super::*;

    fn tiny() -> ActorCritic {
        let actor = vec![
            Layer { weight: arr2(&[[1.0, -1.0], [0.5, 0.5]]), bias: arr1(&[0.0, -1.0]) },
            Layer { weight: arr2(&[[2.0, 1.0]]), bias: arr1(&[0.25]) },
        ];
        let critic = vec![Layer { weight: arr2(&[[1.0, 1.0]]), bias: arr1(&[-3.0]) }];
        let normalizer = Normalizer::new(arr1(&[1.0, 0.0]), arr1(&[1.0, 4.0]));
        ActorCritic::new(actor, critic, normalizer).unwrap()
    }

    #[test]
    fn the_forward_pass_is_affine_relu_affine_on_normalised_observations() {
        let network = tiny();
        let mut workspace = Workspace::default();
        let observations = arr2(&[[4.0, 4.0], [-100.0, 0.0]]);
        let (logits, values, normalized) = network.evaluate(observations.view(), &mut workspace);
        assert!((normalized[[0, 0]] - 3.0).abs() < 1e-6 && (normalized[[0, 1]] - 2.0).abs() < 1e-6);
        assert_eq!(normalized[[1, 0]], -10.0);
        assert!((logits[[0, 0]] - (2.0 * 1.0 + 1.5 + 0.25)).abs() < 1e-5);
        assert!((logits[[1, 0]] - 0.25).abs() < 1e-5);
        assert!((values[[0, 0]] - 2.0).abs() < 1e-5);
    }

    #[test]
    fn a_row_does_not_depend_on_the_batch_it_is_in() {
        let network = tiny();
        let mut workspace = Workspace::default();
        let observations = Array2::from_shape_fn((33, 2), |(row, column)| (row * 2 + column) as f32 * 0.1);
        let together = network.logits(observations.view(), &mut workspace).to_owned();
        for row in 0..33 {
            let alone = network.logits(observations.slice_axis(Axis(0), Slice::from(row..=row)), &mut workspace);
            assert_eq!(alone.row(0), together.row(row));
        }
    }

    #[test]
    fn layers_that_do_not_fit_are_refused() {
        let layer = |out, inputs| Layer { weight: Array2::zeros((out, inputs)), bias: Array1::zeros(out) };
        let build = |actor, critic| ActorCritic::new(actor, critic, Normalizer::identity(3));
        assert!(build(vec![layer(4, 3), layer(2, 5)], vec![layer(1, 3)]).unwrap_err().contains("actor.1"));
        assert!(build(vec![layer(2, 3)], vec![layer(2, 3)]).unwrap_err().contains("2 values"));
        assert!(build(vec![], vec![layer(1, 3)]).unwrap_err().contains("actor.0"));
    }
}
