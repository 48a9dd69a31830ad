//! The learned sequence detector, in the slot of S2's LSTM: a service's values are not what its own past led to expect.
//!
//! One small [`lstm::Lstm`] predicts every service's next requests, error ratio, latency and utilisation from those before;
//! its weights are shared by all services, so that it works for any topology. An anomaly is a prediction error that, measured
//! in the service's own usual errors, is larger than all but a chosen share of those on held-out normal data.
//! `cargo run --example train_sequence_detector -- crates/policy/src/detector/sequence/model.safetensors` trains the model
//! on control levels of the split train and prints how often it alarms with and without faults.

pub mod lstm;
mod model;
mod score;
pub mod training;

use std::path::PathBuf;

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};

pub use model::{FEATURES, SAMPLE_S, SEQUENCE_FORMAT, SequenceModel};
pub use score::{Scorer, Thresholds};

use super::{
    Check, DetectorError, IncidentTarget, ObservationDetector, Severity, Verdict,
    error::check_range,
    metric::{Metric, looks_in},
};

/// Settings of the learned sequence detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SequenceConfig {
    /// A model's file; the shipped model where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// False alarms per service and value, one of those that the model has learned: 0.01, 0.001 or 0.0001.
    pub false_alarm_rate: f64,
    /// Seconds at an episode's start in which it only listens.
    pub warm_up_seconds: f64,
    /// Seconds for which an incident stays open after the last anomaly: a prediction soon follows what it sees.
    pub hold_seconds: f64,
    /// How grave an anomaly is.
    pub severity: Severity,
}

impl Default for SequenceConfig {
    fn default() -> Self {
        Self {
            model: None,
            false_alarm_rate: 0.0001,
            warm_up_seconds: 60.0,
            hold_seconds: 30.0,
            severity: Severity::Medium,
        }
    }
}

/// The learned sequence detector compiled for one topology.
///
/// Memory, per service: hidden values, cell values, prediction, own mean errors, values left to hold.
pub struct SequenceDetector {
    model: SequenceModel,
    thresholds: [f64; FEATURES.len()],
    checks: Vec<Check>,
    columns: Vec<[usize; FEATURES.len()]>,
    sample_looks: u64,
    warm_up: u64,
    hold: f64,
}

impl SequenceDetector {
    /// Compiles the settings for a topology.
    ///
    /// # Errors
    /// A model that cannot be read, a false-alarm rate that it has not learned, times out of range.
    pub fn new(config: &SequenceConfig, topology: &Topology) -> Result<Self, DetectorError> {
        let model = match &config.model {
            Some(path) => SequenceModel::read(path)?,
            None => SequenceModel::shipped()?,
        };
        Self::of_model(model, config, topology)
    }

    /// The same with a model at hand, whatever the settings say of a file.
    ///
    /// # Errors
    /// A false-alarm rate that the model has not learned, times out of range.
    pub fn of_model(model: SequenceModel, config: &SequenceConfig, topology: &Topology) -> Result<Self, DetectorError> {
        check_range("sequence", "warm_up_seconds", config.warm_up_seconds, (0.0, 86_400.0))?;
        check_range("sequence", "hold_seconds", config.hold_seconds, (0.0, 86_400.0))?;
        let rates: Vec<String> = model.thresholds.rates().iter().map(|&rate| (rate as f32).to_string()).collect();
        let thresholds = model.thresholds.of_rate(config.false_alarm_rate).ok_or_else(|| DetectorError::Setting {
            detector: "sequence",
            key: "false_alarm_rate",
            value: config.false_alarm_rate.to_string(),
            allowed: rates.join(", "),
        })?;
        let services = service_columns(topology)?;
        let check = |&(target, _): &(_, _)| Check {
            rule_name: "sequence".to_owned(),
            metric_name: "service.sequence".to_owned(),
            severity: config.severity,
            target,
        };
        Ok(Self {
            model,
            thresholds,
            checks: services.iter().map(check).collect(),
            columns: services.into_iter().map(|(_, columns)| columns).collect(),
            sample_looks: sample_looks(topology),
            warm_up: (config.warm_up_seconds / SAMPLE_S).ceil() as u64,
            hold: (config.hold_seconds / SAMPLE_S).ceil(),
        })
    }
}

/// Every service, and where its [`FEATURES`] lie in the observation.
///
/// # Errors
/// An observation without one of them.
pub fn service_columns(topology: &Topology) -> Result<Vec<(IncidentTarget, [usize; FEATURES.len()])>, DetectorError> {
    let mut services: Vec<(IncidentTarget, [usize; FEATURES.len()])> = Vec::new();
    for (feature, name) in FEATURES.iter().enumerate() {
        let metric = Metric::new("sequence", &format!("service.{name}"), topology)?;
        if feature == 0 {
            services = metric.columns.iter().map(|&(target, column)| (target, [column; FEATURES.len()])).collect();
        }
        for ((_, columns), (_, column)) in services.iter_mut().zip(metric.columns) {
            columns[feature] = column;
        }
    }
    Ok(services)
}

/// Observations between two values of a series.
pub fn sample_looks(topology: &Topology) -> u64 {
    looks_in(SAMPLE_S, topology)
}

impl ObservationDetector for SequenceDetector {
    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn start(&self) -> Vec<f64> {
        let mut own = self.model.scorer.start();
        own.push(0.0);
        own.repeat(self.checks.len())
    }

    fn look(&self, look: u64, observation: &[f32], memory: &mut [f64], verdicts: &mut [Verdict]) {
        if !look.is_multiple_of(self.sample_looks) || self.checks.is_empty() {
            return;
        }
        let step = look / self.sample_looks;
        let size = memory.len() / self.checks.len();
        for ((own, columns), verdict) in memory.chunks_exact_mut(size).zip(&self.columns).zip(verdicts) {
            let Some((held, own)) = own.split_last_mut() else { continue };
            let values = columns.map(|column| f64::from(observation[column]));
            let (scores, predicted) = self.model.scorer.step(step == 0, values, own);
            let mut worst = (0, 0.0);
            for feature in 0..FEATURES.len() {
                let excess = scores[feature] / self.thresholds[feature];
                if excess > worst.1 {
                    worst = (feature, excess);
                }
            }
            *held = if step >= self.warm_up && worst.1 > 1.0 { self.hold + 1.0 } else { (*held - 1.0).max(0.0) };
            let (value, expected) = (values[worst.0], predicted[worst.0]);
            *verdict = Verdict { holds: *held > 0.0, value, expected, score: worst.1 };
        }
    }

    fn describe(&self, _: usize, verdict: &Verdict) -> String {
        format!(
            "a value is {:.3} where its past led to expect {:.3}: an error {:.1} times the largest normal one",
            verdict.value, verdict.expected, verdict.score
        )
    }
}

#[cfg(test)]
mod tests;
