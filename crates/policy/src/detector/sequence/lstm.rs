//! A small LSTM that predicts the next values of a few series, its forward step, and its gradient through time.

/// A long short-term memory cell with a linear head: from the values at one step to a prediction of those at the next.
///
/// With `σ` the logistic function and `[x; h]` the inputs above the last hidden values (Hochreiter and Schmidhuber, "Long
/// short-term memory", Neural Computation 9, 1997, with the forget gate of Gers, Schmidhuber and Cummins, 2000):
/// `i, f, o = σ(W [x; h] + b)`, `g = tanh(W [x; h] + b)`, `c' = f c + i g`, `h' = o tanh(c')`, and the prediction is
/// `V h' + S x + d`; `S` lets a prediction be "as now" without the cell.
///
/// Arithmetic is in f64 with `libm`'s exponentials, which are the same on every machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Lstm {
    inputs: usize,
    hidden: usize,
    /// `W [4 hidden, inputs + hidden]` by rows in the order i, f, g, o; then `b [4 hidden]`, `V [inputs, hidden]`,
    /// `S [inputs, inputs]`, `d [inputs]`.
    parameters: Vec<f64>,
}

/// Names and shapes of the parts of [`Lstm::parameters`], in order.
pub const PARTS: [&str; 5] = ["lstm.weight", "lstm.bias", "output.weight", "skip.weight", "output.bias"];

/// What the cell carries from one step to the next: hidden values and cell values, `[hidden]` each.
#[derive(Clone, Debug, PartialEq)]
pub struct CellState {
    /// Hidden values.
    pub hidden: Vec<f64>,
    /// Cell values.
    pub cell: Vec<f64>,
}

/// One step as the gradient needs it again.
#[derive(Clone, Debug)]
pub struct Trace {
    /// `[x; h]` before the step.
    joined: Vec<f64>,
    cell_before: Vec<f64>,
    /// i, f, g, o after their functions.
    gates: Vec<f64>,
    cell_tanh: Vec<f64>,
    hidden: Vec<f64>,
}

impl Lstm {
    /// A network with the parameters of the order above.
    ///
    /// # Errors
    /// No input, no hidden value, another number of parameters than these sizes need.
    pub fn new(inputs: usize, hidden: usize, parameters: Vec<f64>) -> Result<Self, String> {
        let network = Self { inputs, hidden, parameters };
        let needed: usize = network.shapes().iter().map(|(rows, columns)| rows * columns).sum();
        if inputs == 0 || hidden == 0 || network.parameters.len() != needed {
            let count = network.parameters.len();
            return Err(format!("{count} parameters for {inputs} inputs and {hidden} hidden values; needed: {needed}"));
        }
        Ok(network)
    }

    /// Number of series.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of hidden values.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// All parameters in one row.
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// All parameters in one row, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f64] {
        &mut self.parameters
    }

    /// Rows and columns of each of [`PARTS`]; vectors have one column.
    pub fn shapes(&self) -> [(usize, usize); 5] {
        let (n, h) = (self.inputs, self.hidden);
        [(4 * h, n + h), (4 * h, 1), (n, h), (n, n), (n, 1)]
    }

    /// The state before the first step.
    pub fn start(&self) -> CellState {
        CellState { hidden: vec![0.0; self.hidden], cell: vec![0.0; self.hidden] }
    }

    /// Takes `[inputs]` values in and writes the prediction of the next ones; what comes back is for [`Lstm::backward`].
    pub fn step(&self, values: &[f64], state: &mut CellState, prediction: &mut [f64]) -> Trace {
        let (n, h) = (self.inputs, self.hidden);
        let joined: Vec<f64> = values.iter().chain(&state.hidden).copied().collect();
        let [weight, bias, output, skip, offset] = self.parts();
        let mut gates: Vec<f64> =
            weight.chunks_exact(n + h).zip(bias).map(|(row, bias)| bias + dot(row, &joined)).collect();
        for (index, gate) in gates.iter_mut().enumerate() {
            *gate = if index / h == 2 { libm::tanh(*gate) } else { 1.0 / (1.0 + libm::exp(-*gate)) };
        }
        let cell_before = state.cell.clone();
        let mut cell_tanh = vec![0.0; h];
        for unit in 0..h {
            let (i, f, g, o) = (gates[unit], gates[h + unit], gates[2 * h + unit], gates[3 * h + unit]);
            state.cell[unit] = f * cell_before[unit] + i * g;
            cell_tanh[unit] = libm::tanh(state.cell[unit]);
            state.hidden[unit] = o * cell_tanh[unit];
        }
        for (index, predicted) in prediction.iter_mut().enumerate() {
            let (output, skip) = (&output[index * h..][..h], &skip[index * n..][..n]);
            *predicted = offset[index] + dot(output, &state.hidden) + dot(skip, values);
        }
        Trace { joined, cell_before, gates, cell_tanh, hidden: state.hidden.clone() }
    }

    /// Adds the gradient of a loss over consecutive steps to `gradient`, which is laid out as the parameters are.
    ///
    /// `errors` holds the loss's derivative by each step's prediction. What came before the first of the steps is taken as
    /// given: that is what truncates propagation through time.
    pub fn backward(&self, traces: &[Trace], errors: &[Vec<f64>], gradient: &mut [f64]) {
        let (n, h) = (self.inputs, self.hidden);
        let [weight, _, output, ..] = self.parts();
        let (d_weight, rest) = gradient.split_at_mut(4 * h * (n + h));
        let (d_bias, rest) = rest.split_at_mut(4 * h);
        let (d_output, rest) = rest.split_at_mut(n * h);
        let (d_skip, d_offset) = rest.split_at_mut(n * n);
        let (mut d_hidden, mut d_cell) = (vec![0.0; h], vec![0.0; h]);
        let mut d_gates = vec![0.0; 4 * h];
        for (trace, error) in traces.iter().zip(errors).rev() {
            for (index, &error) in error.iter().enumerate() {
                add(&mut d_output[index * h..][..h], error, &trace.hidden);
                add(&mut d_skip[index * n..][..n], error, &trace.joined[..n]);
                d_offset[index] += error;
                add(&mut d_hidden, error, &output[index * h..][..h]);
            }
            for unit in 0..h {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| trace.gates[gate * h + unit]);
                let tanh = trace.cell_tanh[unit];
                let cell = d_cell[unit] + d_hidden[unit] * o * (1.0 - tanh * tanh);
                d_gates[unit] = cell * g * i * (1.0 - i);
                d_gates[h + unit] = cell * trace.cell_before[unit] * f * (1.0 - f);
                d_gates[2 * h + unit] = cell * i * (1.0 - g * g);
                d_gates[3 * h + unit] = d_hidden[unit] * tanh * o * (1.0 - o);
                d_cell[unit] = cell * f;
            }
            d_hidden.fill(0.0);
            for (row, &d_gate) in d_gates.iter().enumerate() {
                add(&mut d_weight[row * (n + h)..][..n + h], d_gate, &trace.joined);
                d_bias[row] += d_gate;
                add(&mut d_hidden, d_gate, &weight[row * (n + h) + n..][..h]);
            }
        }
    }

    fn parts(&self) -> [&[f64]; 5] {
        let mut rest = self.parameters.as_slice();
        self.shapes().map(|(rows, columns)| {
            let (part, after) = rest.split_at(rows * columns);
            rest = after;
            part
        })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f64], factor: f64, values: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::{CounterRng, Stream};

    use super::*;

    fn small(seed: u64) -> Result<(Lstm, Vec<Vec<f64>>), String> {
        let mut rng = CounterRng::new(seed, Stream::Exact, 0);
        let mut draw = |count: usize| (0..count).map(|_| f64::from(rng.between(-0.7, 0.7))).collect::<Vec<f64>>();
        let network = Lstm::new(2, 3, draw(4 * 3 * 5 + 4 * 3 + 2 * 3 + 2 * 2 + 2))?;
        let values = (0..7).map(|_| draw(2)).collect();
        Ok((network, values))
    }

    /// Half the squared error of predicting each value from those before it.
    fn loss(network: &Lstm, values: &[Vec<f64>]) -> f64 {
        let (mut state, mut prediction, mut loss) = (network.start(), vec![0.0; 2], 0.0);
        for pair in values.windows(2) {
            network.step(&pair[0], &mut state, &mut prediction);
            loss += prediction.iter().zip(&pair[1]).map(|(a, b)| 0.5 * (a - b) * (a - b)).sum::<f64>();
        }
        loss
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences_for_every_parameter() -> Result<(), String> {
        let (mut network, values) = small(1)?;
        let (mut state, mut prediction) = (network.start(), vec![0.0; 2]);
        let (mut traces, mut errors) = (Vec::new(), Vec::new());
        for pair in values.windows(2) {
            traces.push(network.step(&pair[0], &mut state, &mut prediction));
            errors.push(prediction.iter().zip(&pair[1]).map(|(a, b)| a - b).collect());
        }
        let mut gradient = vec![0.0; network.parameters().len()];
        network.backward(&traces, &errors, &mut gradient);
        let step = 1e-5;
        for index in 0..gradient.len() {
            let mut at = |shift: f64| {
                network.parameters_mut()[index] += shift;
                let loss = loss(&network, &values);
                network.parameters_mut()[index] -= shift;
                loss
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            // The central difference errs by the third derivative times step², and by rounding over step.
            assert!((difference - gradient[index]).abs() < 1e-8, "{index}: {difference} against {}", gradient[index]);
        }
        assert!(gradient.iter().all(|derivative| derivative.abs() > 1e-9));
        Ok(())
    }

    #[test]
    fn a_step_is_the_published_equations() -> Result<(), String> {
        // One input and one hidden value: W rows (x, h) for i, f, g, o; b; V; S; d.
        let parameters = vec![0.5, 0.1, -0.3, 0.2, 0.8, -0.1, 0.4, 0.3, 0.1, 0.2, 0.0, -0.1, 1.5, 0.25, 0.05];
        let network = Lstm::new(1, 1, parameters)?;
        let mut state = CellState { hidden: vec![0.2], cell: vec![-0.4] };
        let mut prediction = [0.0];
        network.step(&[0.6], &mut state, &mut prediction);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (i, f) = (sigmoid(0.3 + 0.02 + 0.1), sigmoid(-0.18 + 0.04 + 0.2));
        let (g, o) = ((0.48_f64 - 0.02).tanh(), sigmoid(0.24 + 0.06 - 0.1));
        let cell = f * -0.4 + i * g;
        let hidden = o * cell.tanh();
        assert!((state.cell[0] - cell).abs() < 1e-12 && (state.hidden[0] - hidden).abs() < 1e-12);
        assert!((prediction[0] - (1.5 * hidden + 0.25 * 0.6 + 0.05)).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn parameters_of_another_number_are_refused() {
        assert!(Lstm::new(1, 1, vec![0.0; 14]).is_err() && Lstm::new(0, 1, vec![]).is_err());
    }
}
