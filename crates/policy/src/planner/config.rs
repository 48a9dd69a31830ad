//! What can be set in the planner: what its agents look for, its templates, and how a plan is put together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    detector::Rule,
    plan::PlanLimits,
    threshold_rules::{HostRank, Quiet, Remedy},
};

/// The file that the default is read from.
const DEFAULT: &str = include_str!("planner.toml");

/// Rules of the agents, templates and choices of the planner; `planner.toml` holds the default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannerConfig {
    /// How a plan is put together.
    pub choice: PlannerChoice,
    /// What is undone when all is calm.
    pub quiet: Quiet,
    /// What a plan may be at most.
    pub limits: PlanLimits,
    /// What the logs agent looks for: errors and answers that disagree.
    pub logs: Vec<Rule>,
    /// What the metrics agent looks for: saturation, latency, memory, disks, notices.
    pub metrics: Vec<Rule>,
    /// What an incident is answered with, by the rule's name, or by `<rule>:<class of error>`, which comes first.
    pub templates: BTreeMap<String, Template>,
}

/// How a plan is put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannerChoice {
    /// Seconds that an incident stays open before it is planned for.
    pub patience_s: f64,
    /// Seconds after an action on a target before the next plan acts on it.
    pub settle_s: f64,
    /// Where nodes and zones stand among services.
    pub hosts: HostRank,
    /// Metrics, the first explaining the others: a target's steps come in this order of its incidents.
    pub symptoms: Vec<String>,
    /// Whether a service's steps come after those of the services it calls.
    pub callers_wait: bool,
    /// Whether a plan gives way to a new one when another incident is to be planned for.
    pub replan: bool,
    /// Most actions of a plan.
    pub max_actions: usize,
}

/// What an incident is answered with: steps one after another, each while the incident's metric is still beyond its
/// threshold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The steps' actions, aimed by the incident's target.
    pub steps: Vec<Remedy>,
    /// Seconds between two steps.
    pub wait_s: f64,
    /// Seconds in which a step may become ready.
    pub timeout_s: f64,
    /// Seconds before the same action is planned again.
    pub cooldown_s: f64,
}

impl PlannerConfig {
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

impl Default for PlannerConfig {
    fn default() -> Self {
        let empty = Self {
            choice: PlannerChoice {
                patience_s: 0.0,
                settle_s: 30.0,
                hosts: HostRank::First,
                symptoms: Vec::new(),
                callers_wait: false,
                replan: true,
                max_actions: 8,
            },
            quiet: Quiet { scale_down_below: 0.5, ..Quiet::default() },
            limits: PlanLimits::default(),
            logs: Vec::new(),
            metrics: Vec::new(),
            templates: BTreeMap::new(),
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
        let shipped = PlannerConfig::from_toml(DEFAULT);
        assert!(shipped.is_ok(), "{shipped:?}");
        assert_eq!(PlannerConfig::from_toml(&PlannerConfig::default().to_toml()), shipped);
    }
}
