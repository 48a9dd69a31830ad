//! Metric names resolved to columns of the observation, and seconds to looks.

use std::collections::BTreeSet;

use microcloud_core::{Topology, observation::latency_feature};

use super::{IncidentTarget, RuleError};
use crate::nearest_name;

/// `<kind>.<feature>` of an observation, found for every target of the kind.
pub(super) struct Metric {
    /// Whether the name asks for milliseconds, where the observation holds a scaled latency.
    pub in_ms: bool,
    /// The targets that have the metric, and where each one's value lies.
    pub columns: Vec<(IncidentTarget, usize)>,
}

impl Metric {
    /// Looks a name up; `rule` is whom an error names.
    pub fn new(rule: &str, metric_name: &str, topology: &Topology) -> Result<Self, RuleError> {
        let (kind, metric) = metric_name.split_once('.').unwrap_or(("", ""));
        let in_ms = metric == "p99_latency_ms";
        let feature = if in_ms { "p99_latency" } else { metric };
        let place = |target: IncidentTarget| {
            topology.observation_index(&target.feature(topology, feature)).map(|column| (target, column))
        };
        let columns: Vec<_> = IncidentTarget::of_kind(kind, topology).into_iter().filter_map(place).collect();
        if columns.is_empty() { Err(unknown(rule, metric_name, topology)) } else { Ok(Self { in_ms, columns }) }
    }
}

/// Seconds between two observations.
pub(super) fn decision_s(topology: &Topology) -> f64 {
    let scenario = topology.scenario();
    f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0
}

/// Observations in so many seconds, to the nearest; at least one.
pub(super) fn looks_in(seconds: f64, topology: &Topology) -> u64 {
    (seconds / decision_s(topology)).round().max(1.0) as u64
}

/// The latency whose feature is `feature`, by bisection, for texts.
pub(super) fn latency_ms(feature: f64) -> f64 {
    let (mut low, mut high) = (0.0_f32, 20_000.0_f32);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if f64::from(latency_feature(middle)) < feature { low = middle } else { high = middle }
    }
    f64::from(high)
}

fn unknown(rule: &str, metric_name: &str, topology: &Topology) -> RuleError {
    let mut metrics = BTreeSet::new();
    for name in topology.observation_names() {
        let (Some((kind, _)), Some((_, feature))) = (name.split_once('.'), name.rsplit_once('.')) else { continue };
        metrics.insert(format!("{kind}.{feature}"));
        if feature == "p99_latency" {
            metrics.insert(format!("{kind}.p99_latency_ms"));
        }
    }
    let nearest = nearest_name(metric_name, metrics.iter().map(String::as_str));
    RuleError::UnknownMetric {
        rule: rule.to_owned(),
        metric_name: metric_name.to_owned(),
        nearest: nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default(),
        allowed: metrics.into_iter().collect::<Vec<_>>().join(", "),
    }
}
