//! The three agents: logs, metrics and actions, each with its own part of what is known.

use std::sync::Arc;

use microcloud_core::{Topology, observation::latency_feature};

use super::{ErrorClass, Situation, situation::value};
use crate::detector::{Detector, DetectorState, Rule, RuleError};

/// Finds errors, their class, and answers that disagree.
#[derive(Clone)]
pub struct LogsAgent {
    detector: Detector,
    topology: Arc<Topology>,
}

/// Finds saturation, latency, memory, disks and notices.
#[derive(Clone)]
pub struct MetricsAgent {
    detector: Detector,
    topology: Arc<Topology>,
}

/// Says what was sent and what is not legal.
#[derive(Clone)]
pub struct ActionsAgent {
    topology: Arc<Topology>,
}

impl LogsAgent {
    /// An agent that looks for these.
    ///
    /// # Errors
    /// Rules that the observation has no metric for.
    pub fn new(rules: Vec<Rule>, topology: &Arc<Topology>) -> Result<Self, RuleError> {
        Ok(Self { detector: Detector::new(rules, topology)?, topology: Arc::clone(topology) })
    }

    /// Adds its incidents, each service's with the class of its errors.
    pub fn report(&self, state: &DetectorState, observation: &[f32], situation: &mut Situation) {
        situation.add_incidents(&self.topology, &self.detector, state, observation);
        classify(situation, &self.topology, observation);
    }

    /// The rules, compiled.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }
}

impl MetricsAgent {
    /// An agent that looks for these.
    ///
    /// # Errors
    /// Rules that the observation has no metric for.
    pub fn new(rules: Vec<Rule>, topology: &Arc<Topology>) -> Result<Self, RuleError> {
        Ok(Self { detector: Detector::new(rules, topology)?, topology: Arc::clone(topology) })
    }

    /// Adds its incidents, and the figures of nodes, zones and services that have grown; `alarmed_s` says when each service
    /// last had an open incident.
    pub fn report(&self, state: &DetectorState, observation: &[f32], alarmed_s: &[f64], situation: &mut Situation) {
        situation.add_incidents(&self.topology, &self.detector, state, observation);
        situation.add_figures(&self.topology, observation, alarmed_s);
    }

    /// The rules, compiled.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }
}

impl ActionsAgent {
    /// The agent of a topology.
    pub fn new(topology: &Arc<Topology>) -> Self {
        Self { topology: Arc::clone(topology) }
    }

    /// Adds which actions are not legal, and which were sent how many seconds ago.
    pub fn report(&self, mask: &[bool], sent: impl IntoIterator<Item = (usize, f64)>, situation: &mut Situation) {
        situation.add_actions(&self.topology, mask, sent);
    }
}

/// Says of every service's error ratio what kind of errors they are.
pub(super) fn classify(situation: &mut Situation, topology: &Topology, observation: &[f32]) {
    let slow = f64::from(latency_feature(topology.scenario().slo.p99_ms));
    for incident in &mut situation.incidents {
        if incident.target_kind != "service" || !incident.metric.ends_with(".error_ratio") {
            continue;
        }
        let figure = |feature| value(topology, observation, &format!("service.{}.{feature}", incident.target));
        incident.class = Some(if figure("ready") < 0.5 {
            ErrorClass::Outage
        } else if figure("utilisation") >= 0.9 {
            ErrorClass::Overload
        } else if figure("p99_latency") >= slow {
            ErrorClass::Timeouts
        } else {
            ErrorClass::Failures
        });
    }
}
