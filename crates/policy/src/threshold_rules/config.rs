//! What can be set in threshold-rules: rules, responses, and how one incident is chosen among many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::detector::Rule;

/// The file that the default is read from.
const DEFAULT: &str = include_str!("../threshold_rules.toml");

/// Rules, responses and choices of threshold-rules; `threshold_rules.toml` holds the default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdRulesConfig {
    /// Which incident is answered, and when.
    pub choice: Choice,
    /// What is undone when all is calm.
    pub quiet: Quiet,
    /// The detection rules.
    pub rules: Vec<Rule>,
    /// What a rule's incident is answered with, by the rule's name; a rule without a response only reports.
    pub responses: BTreeMap<String, Response>,
}

/// Which incident is answered, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// How services that alarm at the same time are ranked.
    pub order: Order,
    /// Where nodes and zones that alarm stand among services that do.
    pub hosts: HostRank,
    /// Metric names, the first explaining the others: where a service has several incidents, the response is that of the
    /// first of these metrics; an empty list goes by severity alone.
    pub symptoms: Vec<String>,
    /// Whether the next incident is answered where the first has no action left to take.
    pub fall_through: bool,
    /// Seconds that an incident stays open before it is answered.
    pub patience_s: f64,
    /// Seconds between two actions on the same service, node or zone.
    pub settle_s: f64,
}

/// How services that alarm at the same time are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The highest severity, then the most downstream.
    Severity,
    /// The most downstream, then the highest severity.
    Downstream,
    /// From the most severe, along calls to services that alarm as well, to the last of them.
    Path,
}

/// Where nodes and zones that alarm stand among services that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostRank {
    /// Before all services.
    First,
    /// Before services of the same severity.
    BySeverity,
    /// After all services.
    Last,
}

/// What a rule's incident is answered with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Remedies in order of preference; the first that is legal and not cooling down is taken.
    pub actions: Vec<Remedy>,
    /// Seconds before the same remedy is applied to the same target again.
    pub cooldown_s: f64,
}

/// A kind of action, to be aimed by the incident's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Restart the service.
    Restart,
    /// Scale the service up.
    ScaleUp,
    /// Scale the service down.
    ScaleDown,
    /// Drain the node; for a service or zone, the node in reach with the highest CPU pressure.
    Drain,
    /// Take traffic off the zone; for a service, the zone with the highest error ratio; for a node, its zone.
    Rebalance,
    /// Spread traffic over the zones in proportion to capacity.
    RebalanceAll,
}

/// What is undone when all is calm; a key that is absent leaves things as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// Seconds without an incident after which a drained node returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_after_s: Option<f64>,
    /// Seconds without an incident after which traffic that was shifted is spread again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalance_after_s: Option<f64>,
    /// Seconds without an incident on a service after which it is scaled down towards its initial size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_after_s: Option<f64>,
    /// The utilisation over 30 s below which a service is scaled down.
    pub scale_down_below: f64,
}

impl ThresholdRulesConfig {
    /// The configuration in a TOML text.
    ///
    /// # Errors
    /// What serde finds wrong with it, on one line.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().replace('\n', " "))
    }

    /// The configuration as a TOML text that reads again to an equal one.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }
}

impl Default for ThresholdRulesConfig {
    fn default() -> Self {
        let empty = Self {
            choice: Choice {
                order: Order::Severity,
                hosts: HostRank::BySeverity,
                symptoms: Vec::new(),
                fall_through: true,
                patience_s: 0.0,
                settle_s: 30.0,
            },
            quiet: Quiet { scale_down_below: 0.5, ..Quiet::default() },
            rules: Vec::new(),
            responses: BTreeMap::new(),
        };
        // The file is part of the program, and a test reads it: the empty set is unreachable.
        Self::from_toml(DEFAULT).unwrap_or(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_reads_and_survives_a_round_trip() {
        let shipped = ThresholdRulesConfig::from_toml(DEFAULT);
        assert!(shipped.is_ok(), "{shipped:?}");
        assert_eq!(ThresholdRulesConfig::from_toml(&ThresholdRulesConfig::default().to_toml()), shipped);
    }

    #[test]
    fn the_shipped_thresholds_are_those_of_the_described_system() {
        let rules = ThresholdRulesConfig::default().rules;
        let threshold = |name: &str| rules.iter().find(|rule| rule.name == name).map(|rule| rule.threshold);
        assert_eq!(threshold("error_rate_high"), Some(0.05));
        assert_eq!(threshold("error_rate_critical"), Some(0.10));
        assert_eq!(threshold("cpu_high"), Some(0.85));
        assert_eq!(threshold("cpu_critical"), Some(0.95));
        assert_eq!(threshold("memory_high"), Some(0.90));
        assert_eq!(threshold("p99_high"), Some(500.0));
    }
}
