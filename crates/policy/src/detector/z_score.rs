//! S3's anomaly detection: a value outside mean ± sensitivity × standard deviation of the values before it.

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};

use super::{
    Check, DetectorError, ObservationDetector, RuleError, Severity, Verdict,
    error::check_range,
    metric::{Metric, looks_in},
};

/// Settings of the z-score; the defaults are S3's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZScoreConfig {
    /// Metrics that are watched, each on every target of its kind.
    pub metrics: Vec<String>,
    /// Values in the window.
    pub window: usize,
    /// Standard deviations beyond which a value is an anomaly.
    pub sensitivity: f64,
    /// Seconds between two values of the window.
    pub sample_seconds: f64,
    /// Seconds between two checks.
    pub every_seconds: f64,
    /// Whether the value that is judged is itself the last of its window.
    ///
    /// False by default: a value that is part of its own window pulls mean and deviation towards itself, so that of n
    /// values none is further than (n - 1) / √n standard deviations from their mean. At S3's sensitivity of 2.5 a window
    /// of eight values or fewer (2.475) could never alarm; such settings are refused.
    pub includes_current: bool,
    /// The least standard deviation assumed, for metrics that stand still; 0 takes the window at its word.
    pub least_deviation: f64,
    /// How grave an anomaly is.
    pub severity: Severity,
}

impl Default for ZScoreConfig {
    fn default() -> Self {
        let metrics = ["requests", "error_ratio", "p99_latency", "utilisation", "memory"];
        Self {
            metrics: metrics.map(|metric| format!("service.{metric}")).to_vec(),
            window: 20,
            sensitivity: 2.5,
            sample_seconds: 10.0,
            every_seconds: 30.0,
            includes_current: false,
            least_deviation: 0.0,
            severity: Severity::Medium,
        }
    }
}

/// S3's bounds, `(mean - sensitivity × deviation, mean + sensitivity × deviation)`; a value outside is an anomaly.
pub fn bounds(mean: f64, deviation: f64, sensitivity: f64) -> (f64, f64) {
    (mean - sensitivity * deviation, mean + sensitivity * deviation)
}

/// S3's confidence in an anomaly that lies z standard deviations off, 0.5 + z / 10, clamped to [0, 1].
pub fn confidence(z: f64) -> f64 {
    (0.5 + z / 10.0).clamp(0.0, 1.0)
}

/// The z-score compiled for one topology.
///
/// Memory: the values taken so far, then one ring of `window` values per series.
pub struct ZScore {
    config: ZScoreConfig,
    checks: Vec<Check>,
    columns: Vec<usize>,
    sample_looks: u64,
    every_looks: u64,
}

impl ZScore {
    /// Compiles the settings for a topology.
    ///
    /// # Errors
    /// Metrics that the observation does not have, and settings with which no value could ever be an anomaly.
    pub fn new(config: &ZScoreConfig, topology: &Topology) -> Result<Self, DetectorError> {
        check_range("zscore", "window", config.window as f64, (2.0, 10_000.0))?;
        check_range("zscore", "sensitivity", config.sensitivity, (0.01, 100.0))?;
        check_range("zscore", "sample_seconds", config.sample_seconds, (0.001, 86_400.0))?;
        check_range("zscore", "every_seconds", config.every_seconds, (0.001, 86_400.0))?;
        check_range("zscore", "least_deviation", config.least_deviation, (0.0, 1000.0))?;
        let most = largest_z(config.window);
        if config.includes_current && most <= config.sensitivity {
            return Err(DetectorError::Setting {
                detector: "zscore",
                key: "window",
                value: config.window.to_string(),
                allowed: format!(
                    "a longer window, a sensitivity below {most:.3}, or includes_current = false, since no value of a \
                     window of {} lies further than {most:.3} standard deviations from the window's mean and the \
                     sensitivity is {}",
                    config.window, config.sensitivity
                ),
            });
        }
        let (mut checks, mut columns) = (Vec::new(), Vec::new());
        for metric_name in &config.metrics {
            let rule_name = format!("zscore_{}", metric_name.replace('.', "_"));
            if checks.iter().any(|check: &Check| check.rule_name == rule_name) {
                return Err(RuleError::Duplicate(rule_name).into());
            }
            for (target, column) in Metric::new("zscore", metric_name, topology)?.columns {
                let (rule_name, metric_name) = (rule_name.clone(), metric_name.clone());
                checks.push(Check { rule_name, metric_name, severity: config.severity, target });
                columns.push(column);
            }
        }
        Ok(Self {
            sample_looks: looks_in(config.sample_seconds, topology),
            every_looks: looks_in(config.every_seconds, topology),
            config: config.clone(),
            checks,
            columns,
        })
    }

    /// The verdict on a value after these, oldest or newest first.
    fn judge(&self, value: f64, window: &[f64]) -> Verdict {
        let mean = window.iter().sum::<f64>() / window.len() as f64;
        let squares: f64 = window.iter().map(|other| (other - mean) * (other - mean)).sum();
        let deviation = (squares / (window.len() - 1) as f64).sqrt().max(self.config.least_deviation);
        let (low, high) = bounds(mean, deviation, self.config.sensitivity);
        let off = (value - mean).abs();
        // A window of equal values has no deviation; what differs from it is as far off as can be.
        let z = if off == 0.0 { 0.0 } else { (off / deviation).min(1e6) };
        Verdict { holds: value < low || value > high, value, expected: mean, score: z }
    }
}

impl ObservationDetector for ZScore {
    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn start(&self) -> Vec<f64> {
        vec![0.0; 1 + self.checks.len() * self.config.window]
    }

    fn look(&self, look: u64, observation: &[f32], memory: &mut [f64], verdicts: &mut [Verdict]) {
        let Some((taken, values)) = memory.split_first_mut() else { return };
        let size = self.config.window;
        let samples = look.is_multiple_of(self.sample_looks);
        let judges = look.is_multiple_of(self.every_looks);
        let mut window = vec![0.0; size];
        for ((ring, &column), verdict) in values.chunks_exact_mut(size).zip(&self.columns).zip(verdicts) {
            let value = f64::from(observation[column]);
            let place = (*taken % size as f64) as usize;
            if judges {
                window.copy_from_slice(ring);
                let mut full = *taken >= size as f64;
                if self.config.includes_current {
                    window[place] = value;
                    full = *taken + 1.0 >= size as f64;
                }
                if full {
                    *verdict = self.judge(value, &window);
                }
            }
            if samples {
                ring[place] = value;
            }
        }
        if samples {
            *taken += 1.0;
        }
    }

    fn describe(&self, check: usize, verdict: &Verdict) -> String {
        format!(
            "{} is {:.3} where {:.3} was expected: {:.1} standard deviations off (more than {}), confidence {:.2}",
            self.checks[check].metric_name,
            verdict.value,
            verdict.expected,
            verdict.score,
            self.config.sensitivity,
            confidence(verdict.score),
        )
    }
}

/// The most standard deviations, with n - 1 in their divisor, that one of n values can lie from their mean: (n - 1) / √n
/// (Shiffler, "Maximum z scores and outliers", The American Statistician 42, 1988).
pub fn largest_z(values: usize) -> f64 {
    let values = values as f64;
    (values - 1.0) / values.sqrt()
}

#[cfg(test)]
mod tests;
