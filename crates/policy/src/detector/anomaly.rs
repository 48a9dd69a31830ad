//! An anomaly as a table stores it: what was seen, what was expected, and how sure that is.

use serde::{Deserialize, Serialize};

use super::{OpenIncident, confidence};

/// What a detector predicted and saw when it found something wrong, as S3 stores predictions and anomalies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnomalyRow {
    /// Seconds from the episode's start at which the incident opened.
    pub detected_at: f64,
    /// The rule that found it.
    pub rule_name: String,
    /// The metric, `<kind>.<feature>`.
    pub metric_name: String,
    /// The name of the service, node or zone; empty for the cluster.
    pub target: String,
    /// The value, in the observation's scale.
    pub value: f64,
    /// What it was expected to be, or was compared with.
    pub expected: f64,
    /// How far off it was, in the detector's own measure.
    pub score: f64,
    /// S3's confidence, 0.5 + score / 10 within [0, 1].
    pub confidence: f64,
}

impl OpenIncident<'_> {
    /// The incident's last verdict as a row of a table.
    pub fn anomaly(&self, topology: &microcloud_core::Topology) -> AnomalyRow {
        AnomalyRow {
            detected_at: self.since_s,
            rule_name: self.check.rule_name.clone(),
            metric_name: self.check.metric_name.clone(),
            target: self.check.target.name(topology).to_owned(),
            value: self.verdict.value,
            expected: self.verdict.expected,
            score: self.verdict.score,
            confidence: confidence(self.verdict.score),
        }
    }
}
