//! What the agents know of one environment at one decision: open incidents, figures, what was sent.

use std::sync::Arc;

use microcloud_core::{NodeId, Topology};

use crate::detector::{Detector, DetectorState, IncidentTarget, Operator, Severity};

/// What the three agents say; [`Situation::to_text`] says it in words, [`Situation::from_text`] reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Situation {
    /// Seconds from the episode's start.
    pub time_s: f64,
    /// Seconds since an incident was last open; 0 while one is.
    pub calm_s: f64,
    /// The open incidents.
    pub incidents: Vec<OpenIncident>,
    /// Actions sent in the episode, and how many seconds ago each was last sent.
    pub sent: Vec<(String, f64)>,
    /// Actions that are not legal now.
    pub not_legal: Vec<String>,
    /// The nodes.
    pub nodes: Vec<NodeFigure>,
    /// The zones.
    pub zones: Vec<ZoneFigure>,
    /// Services that run more replicas than at first.
    pub grown: Vec<Grown>,
}

/// An open incident in the words of its rule.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIncident {
    /// The rule that found it.
    pub rule: String,
    /// `service`, `node`, `zone` or `global`.
    pub target_kind: String,
    /// The name of the service, node or zone; empty for `global`.
    pub target: String,
    /// How grave it is.
    pub severity: Severity,
    /// Seconds since the rule first held.
    pub open_s: f64,
    /// The feature of the observation, `p99_latency_ms` standing for a latency in milliseconds.
    pub metric: String,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with.
    pub threshold: f64,
    /// What it is now.
    pub value: f64,
    /// What kind of errors a service makes; none where it makes none.
    pub class: Option<ErrorClass>,
}

/// What kind of errors a service makes, as far as its observation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Fewer than half of its replicas are ready.
    Outage,
    /// Its replicas are busy.
    Overload,
    /// It answers later than the objective.
    Timeouts,
    /// It answers in time, with errors.
    Failures,
}

/// A node's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFigure {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// Its CPU pressure.
    pub pressure: f64,
}

/// A zone's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneFigure {
    /// Its name.
    pub name: String,
    /// The share of its requests that fail.
    pub errors: f64,
    /// Its traffic weight.
    pub weight: f64,
}

/// A service that runs more replicas than at first.
#[derive(Clone, Debug, PartialEq)]
pub struct Grown {
    /// Its name.
    pub service: String,
    /// Its replicas over those at first.
    pub times: f64,
    /// Its utilisation over 30 s.
    pub busy: f64,
    /// Seconds since it last had an open incident.
    pub calm_s: f64,
}

/// A service counts as grown from this ratio on; noise in the observation stays below it.
pub(super) const GROWN: f32 = 1.05;

impl ErrorClass {
    /// All of them.
    pub const ALL: [ErrorClass; 4] =
        [ErrorClass::Outage, ErrorClass::Overload, ErrorClass::Timeouts, ErrorClass::Failures];

    /// The class in a word.
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::Outage => "outage",
            ErrorClass::Overload => "overload",
            ErrorClass::Timeouts => "timeouts",
            ErrorClass::Failures => "failures",
        }
    }
}

impl Situation {
    /// Adds the open incidents of a detector, in its order.
    pub(super) fn add_incidents(
        &mut self,
        topology: &Topology,
        detector: &Detector,
        state: &DetectorState,
        observation: &[f32],
    ) {
        for alarm in detector.alarms(state) {
            let rule = &detector.rules()[alarm.rule];
            let feature = rule.metric_name.split_once('.').map_or("", |(_, feature)| feature);
            let name = alarm.target.name(topology);
            let of = |feature: &str| match alarm.target {
                IncidentTarget::Global => format!("global.{feature}"),
                target => format!("{}.{name}.{feature}", target.kind()),
            };
            let in_ms = feature == "p99_latency_ms";
            let value = value(topology, observation, &of(if in_ms { "p99_latency" } else { feature }));
            // The inverse of the feature's scale, see `latency_feature`.
            let value = if in_ms { 500.0 * value / (1.0 - value).max(1e-3) } else { value };
            self.incidents.push(OpenIncident {
                rule: rule.name.clone(),
                target_kind: alarm.target.kind().to_owned(),
                target: name.to_owned(),
                severity: rule.severity,
                open_s: self.time_s - alarm.since_s,
                metric: of(feature),
                operator: rule.operator,
                threshold: rule.threshold,
                value,
                class: None,
            });
        }
    }

    /// Adds what nodes and zones show, and services that have grown, each calm since `alarmed_s`.
    pub(super) fn add_figures(&mut self, topology: &Topology, observation: &[f32], alarmed_s: &[f64]) {
        let figure =
            |kind: &str, name: &str, feature: &str| value(topology, observation, &format!("{kind}.{name}.{feature}"));
        self.nodes = topology
            .node_names()
            .iter()
            .enumerate()
            .map(|(node, name)| NodeFigure {
                name: name.clone(),
                zone: topology.zone_names()[topology.node_zone(NodeId(node as u32)).index()].clone(),
                pressure: figure("node", name, "cpu_pressure"),
            })
            .collect();
        let zone = |name: &String| ZoneFigure {
            name: name.clone(),
            errors: figure("zone", name, "error_ratio"),
            weight: figure("zone", name, "weight"),
        };
        self.zones = topology.zone_names().iter().map(zone).collect();
        for (service, name) in topology.service_names().iter().enumerate() {
            let times = figure("service", name, "running");
            if times >= f64::from(GROWN) {
                let busy = figure("service", name, "utilisation_30s");
                let since_s = alarmed_s.get(service).copied().unwrap_or(0.0).max(0.0);
                self.grown.push(Grown { service: name.clone(), times, busy, calm_s: self.time_s - since_s });
            }
        }
    }

    /// Adds which actions are not legal, and which were sent how many seconds ago.
    pub(super) fn add_actions(
        &mut self,
        topology: &Topology,
        mask: &[bool],
        sent: impl IntoIterator<Item = (usize, f64)>,
    ) {
        let meanings = topology.action_meanings();
        let not_legal = meanings
            .iter()
            .enumerate()
            .filter(|&(action, _)| topology.action(action).is_some() && !mask.get(action).copied().unwrap_or(false));
        self.not_legal = not_legal.map(|(_, meaning)| meaning.clone()).collect();
        let sent = sent.into_iter().filter_map(|(action, ago_s)| Some((meanings.get(action)?.clone(), ago_s)));
        self.sent = sent.collect();
    }
}

/// The open incidents of a detector in words, for a planner outside.
///
/// `observation` is `[observation_size]`, `mask` is `[num_actions]`, `sent` has the actions sent in the episode and how many
/// seconds ago each was last sent. Nothing but the observation enters.
pub fn incident_text(
    topology: &Arc<Topology>,
    detector: &Detector,
    state: &DetectorState,
    observation: &[f32],
    mask: &[bool],
    sent: &[(usize, f64)],
) -> String {
    let mut situation = Situation { time_s: detector.time_s(state), ..Situation::default() };
    situation.add_incidents(topology, detector, state, observation);
    super::agents::classify(&mut situation, topology, observation);
    let mut alarmed_s = vec![0.0; topology.num_services()];
    for alarm in detector.alarms(state) {
        if let IncidentTarget::Service(service) = alarm.target {
            alarmed_s[service.index()] = situation.time_s;
        }
    }
    situation.add_figures(topology, observation, &alarmed_s);
    situation.add_actions(topology, mask, sent.iter().copied());
    situation.to_text()
}

/// A feature's value; 0 where there is none.
pub(super) fn value(topology: &Topology, observation: &[f32], name: &str) -> f64 {
    let column = topology.observation_index(name);
    column.and_then(|column| observation.get(column)).map_or(0.0, |&value| f64::from(value))
}
