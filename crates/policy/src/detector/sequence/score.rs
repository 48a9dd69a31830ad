//! How far a service's values are from what was predicted of them, and which errors are too large to be normal.

use super::{
    lstm::{CellState, Lstm},
    model::FEATURES,
};

/// Normalised values beyond this are taken as this, so that a fault cannot drive the network where it never was.
const MOST: f64 = 6.0;
/// Weight of the present error in a service's own mean error.
const ADAPTION: f64 = 0.05;
/// The share of the typical error that a service's own mean error is not taken below.
const FLOOR: f64 = 0.3;

/// Numbers per service: hidden values, cell values, the prediction, the service's own mean errors.
pub(super) fn memory_size(hidden: usize) -> usize {
    2 * hidden + 2 * FEATURES.len()
}

/// A network and how its prediction errors are measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorer {
    /// The network over normalised values.
    pub network: Lstm,
    /// The mean of each feature over normal data.
    pub mean: [f64; FEATURES.len()],
    /// Its standard deviation.
    pub deviation: [f64; FEATURES.len()],
    /// The mean absolute prediction error over normal data, of normalised values.
    pub typical_error: [f64; FEATURES.len()],
}

impl Scorer {
    /// Joins the parts.
    ///
    /// # Errors
    /// A network of another number of inputs, deviations or errors that are not positive.
    pub fn new(
        network: Lstm,
        mean: [f64; FEATURES.len()],
        deviation: [f64; FEATURES.len()],
        typical_error: [f64; FEATURES.len()],
    ) -> Result<Self, String> {
        if network.inputs() != FEATURES.len() {
            return Err(format!("the network has {} inputs instead of {}", network.inputs(), FEATURES.len()));
        }
        if !deviation.iter().chain(&typical_error).all(|&value| value > 0.0) {
            return Err("a deviation or an error is not positive".to_owned());
        }
        Ok(Self { network, mean, deviation, typical_error })
    }

    /// A service's values as the network sees them.
    pub fn normalize(&self, values: [f64; FEATURES.len()]) -> Vec<f64> {
        let scaled = values.iter().zip(self.mean).zip(self.deviation);
        scaled.map(|((value, mean), deviation)| ((value - mean) / deviation).clamp(-MOST, MOST)).collect()
    }

    /// The mean absolute prediction error of each feature over series of normal data, of normalised values.
    pub fn errors(&self, series: &[Vec<[f64; FEATURES.len()]>]) -> [f64; FEATURES.len()] {
        let (mut sums, mut counted) = ([0.0; FEATURES.len()], 0.0);
        for series in series {
            let (mut state, mut prediction) = (self.network.start(), vec![0.0; FEATURES.len()]);
            for pair in series.windows(2) {
                self.network.step(&self.normalize(pair[0]), &mut state, &mut prediction);
                for ((sum, next), predicted) in sums.iter_mut().zip(self.normalize(pair[1])).zip(&prediction) {
                    *sum += (next - predicted).abs();
                }
                counted += 1.0;
            }
        }
        sums.map(|sum| sum / f64::max(counted, 1.0))
    }

    /// The scores of every value of series of normal data, without the first `warm_up` of each.
    pub fn scores(&self, series: &[Vec<[f64; FEATURES.len()]>], warm_up: usize) -> Vec<[f64; FEATURES.len()]> {
        let mut all = Vec::new();
        for series in series {
            let mut memory = self.start();
            for (step, &values) in series.iter().enumerate() {
                let (scores, _) = self.step(step == 0, values, &mut memory);
                if step >= warm_up {
                    all.push(scores);
                }
            }
        }
        all
    }

    /// A service's memory at an episode's start.
    pub(super) fn start(&self) -> Vec<f64> {
        let mut memory = vec![0.0; memory_size(self.network.hidden())];
        let errors = memory.len() - FEATURES.len();
        memory[errors..].copy_from_slice(&self.typical_error);
        memory
    }

    /// Takes in a service's next values: how far each is from its prediction, in multiples of the service's usual error, and
    /// the prediction in the observation's scale. The first values of an episode are compared with nothing.
    pub(super) fn step(
        &self,
        first: bool,
        values: [f64; FEATURES.len()],
        memory: &mut [f64],
    ) -> ([f64; FEATURES.len()], [f64; FEATURES.len()]) {
        let hidden = self.network.hidden();
        let (cells, rest) = memory.split_at_mut(2 * hidden);
        let (prediction, errors) = rest.split_at_mut(FEATURES.len());
        let normalized = self.normalize(values);
        let (mut scores, mut predicted) = ([0.0; FEATURES.len()], values);
        if !first {
            for feature in 0..FEATURES.len() {
                let error = (normalized[feature] - prediction[feature]).abs();
                let usual = errors[feature].max(FLOOR * self.typical_error[feature]);
                scores[feature] = error / usual;
                predicted[feature] = self.mean[feature] + self.deviation[feature] * prediction[feature];
                // An anomaly is not what is usual from now on.
                errors[feature] += ADAPTION * (error.min(4.0 * usual) - errors[feature]);
            }
        }
        let mut state = CellState { hidden: cells[..hidden].to_vec(), cell: cells[hidden..].to_vec() };
        self.network.step(&normalized, &mut state, prediction);
        cells[..hidden].copy_from_slice(&state.hidden);
        cells[hidden..].copy_from_slice(&state.cell);
        (scores, predicted)
    }
}

/// The scores that normal data exceeds at some false-alarm rates.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    rates: Vec<f64>,
    /// `[rates, features]`
    scores: Vec<f64>,
}

impl Thresholds {
    /// Joins rates per service and step with `[rates, features]` scores.
    ///
    /// # Errors
    /// Sizes that do not fit, rates or scores that are not positive.
    pub fn new(rates: Vec<f64>, scores: Vec<f64>) -> Result<Self, String> {
        if rates.is_empty() || scores.len() != rates.len() * FEATURES.len() {
            return Err(format!("{} thresholds for {} rates", scores.len(), rates.len()));
        }
        if !rates.iter().chain(&scores).all(|&value| value > 0.0) {
            return Err("a rate or a threshold is not positive".to_owned());
        }
        Ok(Self { rates, scores })
    }

    /// Learns them from the scores of held-out normal data: each feature may exceed its own at a fourth of the rate.
    ///
    /// # Errors
    /// Fewer scores than the smallest rate needs to be exceeded ten times over.
    pub fn learn(rates: &[f64], scores: &[[f64; FEATURES.len()]]) -> Result<Self, String> {
        let mut thresholds = Vec::new();
        let sorted: Vec<Vec<f64>> = (0..FEATURES.len())
            .map(|feature| {
                let mut column: Vec<f64> = scores.iter().map(|scores| scores[feature]).collect();
                column.sort_by(|a, b| b.total_cmp(a));
                column
            })
            .collect();
        for rate in rates {
            let exceeded = (rate / FEATURES.len() as f64 * scores.len() as f64) as usize;
            if exceeded < 10 {
                return Err(format!("{} scores are too few for a rate of {rate}", scores.len()));
            }
            thresholds.extend(sorted.iter().map(|column| column[exceeded]));
        }
        Self::new(rates.to_vec(), thresholds)
    }

    /// The rates, per service and step.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// `[rates, features]` scores.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The scores of a rate, which is matched to one part in a thousand.
    pub fn of_rate(&self, rate: f64) -> Option<[f64; FEATURES.len()]> {
        let place = self.rates.iter().position(|known| (known / rate - 1.0).abs() < 1e-3)?;
        self.scores.get(place * FEATURES.len()..)?.first_chunk().copied()
    }
}
