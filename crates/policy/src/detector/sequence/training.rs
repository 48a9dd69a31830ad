//! Training of the sequence detector's network: truncated back-propagation through time with Adam.

use microcloud_core::{CounterRng, Stream};

use super::lstm::{Lstm, Trace};

/// How the network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingConfig {
    /// Keys the first parameters and the order of sequences.
    pub seed: u64,
    /// Hidden values.
    pub hidden: usize,
    /// Passes over all sequences.
    pub epochs: usize,
    /// Sequences that an update is averaged over.
    pub batch: usize,
    /// Steps that the gradient goes back.
    pub truncation: usize,
    /// Adam's step size at the start; it falls linearly to a twentieth.
    pub learning_rate: f64,
    /// Errors beyond this count linearly, so that a rare jump does not rule the fit.
    pub huber: f64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self { seed: 1, hidden: 16, epochs: 8, batch: 16, truncation: 40, learning_rate: 3e-3, huber: 2.0 }
    }
}

/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015) with its published constants.
struct Adam {
    mean: Vec<f64>,
    square: Vec<f64>,
    decay: (f64, f64),
}

impl Adam {
    const BETAS: (f64, f64) = (0.9, 0.999);

    fn new(size: usize) -> Self {
        Self { mean: vec![0.0; size], square: vec![0.0; size], decay: (1.0, 1.0) }
    }

    fn update(&mut self, parameters: &mut [f64], gradient: &[f64], rate: f64) {
        let (first, second) = Self::BETAS;
        self.decay = (self.decay.0 * first, self.decay.1 * second);
        for (index, &slope) in gradient.iter().enumerate() {
            self.mean[index] += (1.0 - first) * (slope - self.mean[index]);
            self.square[index] += (1.0 - second) * (slope * slope - self.square[index]);
            let (mean, square) = (self.mean[index] / (1.0 - self.decay.0), self.square[index] / (1.0 - self.decay.1));
            parameters[index] -= rate * mean / (square.sqrt() + 1e-8);
        }
    }
}

/// A network that has learned to predict sequences of normalised values, `[steps][inputs]` each.
///
/// `progress` is told each epoch's number, from 1, and its mean loss per predicted value.
///
/// # Errors
/// No sequences, or values of different sizes.
pub fn train(
    sequences: &[Vec<Vec<f64>>],
    config: &TrainingConfig,
    mut progress: impl FnMut(usize, f64),
) -> Result<Lstm, String> {
    let inputs = sequences.first().and_then(|sequence| sequence.first()).map_or(0, Vec::len);
    if sequences.iter().flatten().any(|values| values.len() != inputs) {
        return Err("sequences have values of different sizes".to_owned());
    }
    let mut rng = CounterRng::new(config.seed, Stream::Exact, 0);
    let mut network = first(inputs, config.hidden, &mut rng)?;
    let mut adam = Adam::new(network.parameters().len());
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    for epoch in 0..config.epochs {
        for place in (1..order.len()).rev() {
            order.swap(place, (rng.uniform() * (place + 1) as f32) as usize);
        }
        let rate = config.learning_rate * (1.0 - 0.95 * epoch as f64 / config.epochs as f64);
        let (mut loss, mut counted) = (0.0, 0);
        for batch in order.chunks(config.batch.max(1)) {
            let batch: Vec<&[Vec<f64>]> = batch.iter().map(|&index| sequences[index].as_slice()).collect();
            let (sum, count) = pass(&mut network, &mut adam, &batch, config, rate);
            loss += sum;
            counted += count;
        }
        progress(epoch + 1, loss / counted.max(1) as f64);
    }
    Ok(network)
}

/// One pass over a batch, an update per truncated stretch; the summed loss and how many values were predicted.
fn pass(
    network: &mut Lstm,
    adam: &mut Adam,
    batch: &[&[Vec<f64>]],
    config: &TrainingConfig,
    rate: f64,
) -> (f64, usize) {
    let longest = batch.iter().map(|sequence| sequence.len()).max().unwrap_or(0);
    let mut states = vec![network.start(); batch.len()];
    let mut prediction = vec![0.0; network.inputs()];
    let (mut loss, mut counted, mut from) = (0.0, 0, 0);
    while from + 1 < longest {
        let to = from + config.truncation.max(1);
        let mut gradient = vec![0.0; network.parameters().len()];
        let mut here = 0;
        for (sequence, state) in batch.iter().zip(&mut states) {
            let stretch = sequence.get(from..(to + 1).min(sequence.len())).unwrap_or_default();
            let (mut traces, mut errors): (Vec<Trace>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
            for pair in stretch.windows(2) {
                traces.push(network.step(&pair[0], state, &mut prediction));
                let error = prediction.iter().zip(&pair[1]).map(|(a, b)| a - b);
                loss += error.clone().map(|error| huber(error, config.huber)).sum::<f64>();
                errors.push(error.map(|error| error.clamp(-config.huber, config.huber)).collect());
                here += network.inputs();
            }
            network.backward(&traces, &errors, &mut gradient);
        }
        gradient.iter_mut().for_each(|slope| *slope /= here.max(1) as f64);
        let length = gradient.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
        if length > 1.0 {
            gradient.iter_mut().for_each(|slope| *slope /= length);
        }
        adam.update(network.parameters_mut(), &gradient, rate);
        counted += here;
        from = to;
    }
    (loss, counted)
}

/// Half the square of a small error, linear beyond (Huber, 1964).
fn huber(error: f64, beyond: f64) -> f64 {
    let size = error.abs();
    if size <= beyond { 0.5 * size * size } else { beyond * (size - 0.5 * beyond) }
}

/// Small uniform weights, forget gates that begin open, and a prediction that begins as "half of now".
fn first(inputs: usize, hidden: usize, rng: &mut CounterRng) -> Result<Lstm, String> {
    let scale = 1.0 / (hidden.max(1) as f32).sqrt();
    let count = 4 * hidden * (inputs + hidden) + 4 * hidden + inputs * hidden + inputs * inputs + inputs;
    let mut parameters: Vec<f64> = (0..count).map(|_| f64::from(rng.between(-scale, scale))).collect();
    let bias = 4 * hidden * (inputs + hidden);
    parameters[bias..bias + 4 * hidden].fill(0.0);
    parameters[bias + hidden..bias + 2 * hidden].fill(1.0);
    let skip = bias + 4 * hidden + inputs * hidden;
    for (place, weight) in parameters[skip..].iter_mut().enumerate() {
        *weight = if place < inputs * inputs && place % (inputs + 1) == 0 { 0.5 } else { 0.0 };
    }
    Lstm::new(inputs, hidden, parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves that only a memory can predict: the same value is followed by a rise or by a fall.
    fn waves(count: usize, phase: f64) -> Vec<Vec<Vec<f64>>> {
        let wave = |index: usize| (0..80).map(|step| vec![(0.4 * step as f64 + index as f64 + phase).sin()]).collect();
        (0..count).map(wave).collect()
    }

    #[test]
    fn training_learns_what_the_present_value_alone_cannot_tell() -> Result<(), String> {
        let config =
            TrainingConfig { hidden: 8, epochs: 60, batch: 4, learning_rate: 1e-2, ..TrainingConfig::default() };
        let mut losses = Vec::new();
        let network = train(&waves(12, 0.0), &config, |_, loss| losses.push(loss))?;
        let (mut squares, mut counted) = (0.0, 0);
        for sequence in waves(5, 0.5) {
            let (mut state, mut prediction) = (network.start(), vec![0.0]);
            for (step, pair) in sequence.windows(2).enumerate() {
                network.step(&pair[0], &mut state, &mut prediction);
                if step >= 10 {
                    squares += (prediction[0] - pair[1][0]).powi(2);
                    counted += 1;
                }
            }
        }
        // The best prediction from the present value alone is cos(0.4) times it; its mean squared error is sin²(0.4) / 2.
        let memoryless = 0.5 * 0.4_f64.sin().powi(2);
        let learned = squares / f64::from(counted);
        assert!(learned < 0.1 * memoryless, "{learned} against {memoryless}; losses {losses:?}");
        Ok(())
    }

    #[test]
    fn the_same_seed_learns_the_same_network() -> Result<(), String> {
        let config = TrainingConfig { hidden: 4, epochs: 2, ..TrainingConfig::default() };
        let learn = |seed| train(&waves(6, 0.0), &TrainingConfig { seed, ..config.clone() }, |_, _| ());
        assert_eq!(learn(1)?, learn(1)?);
        assert_ne!(learn(1)?, learn(2)?);
        Ok(())
    }
}
