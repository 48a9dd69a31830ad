//! What a recording says under each of its subjects: metrics, events, incidents, actions and commands.

use std::collections::BTreeMap;

use microcloud_core::{Environment, FaultReport, ServiceId, Topology};
use microcloud_policy::detector::{Detector, DetectorState, Finding, Incident};
use serde_json::{Value, json};

use super::{number, target};

/// A decision as the streams tell of it.
pub(crate) struct Told<'a> {
    /// After the decision.
    pub environment: &'a Environment,
    /// What was sent, whether it was legal then, and why the policy sent it where it says so.
    pub action: usize,
    pub legal: bool,
    pub reason: Option<String>,
    /// What telemetry shows after the decision, and what the detector makes of it.
    pub observation: &'a [f32],
    pub detector: &'a Detector,
    pub detected: &'a DetectorState,
}

/// What has to be remembered from decision to decision to tell what has changed.
#[derive(Default)]
pub(super) struct Streams {
    active: Vec<String>,
    replicas: Vec<f64>,
    /// The incident that is open on each target, by the target's kind and name.
    open: BTreeMap<(&'static str, String), Open>,
    tick: u64,
}

struct Open {
    id: String,
    severity: u8,
}

impl Streams {
    /// What there is before the first decision.
    pub fn new(environment: &Environment) -> Self {
        Self { replicas: replicas(environment), ..Self::default() }
    }

    /// The lines of a decision, in the order in which things happen: the action, events, metrics, incidents.
    pub fn lines(&mut self, told: &Told<'_>) -> Vec<Value> {
        let mut lines = self.action(told);
        self.events(told, &mut lines);
        let (tick, time) = now(told.environment);
        let values: Vec<f64> = told.observation.iter().map(|&value| short(value)).collect();
        lines.push(json!({"subject": "sim.metrics", "tick_id": tick, "time": time, "values": values}));
        let changes: Vec<Finding> = told.detector.changes(told.detected).collect();
        for finding in changes {
            lines.push(self.incident(&told.detector.describe(&finding)));
        }
        self.tick = tick;
        lines
    }

    fn action(&self, told: &Told<'_>) -> Vec<Value> {
        let topology = told.environment.topology();
        let Some(meaning) = topology.action_meanings().get(told.action).filter(|_| told.action != 0) else {
            return Vec::new();
        };
        let (kind, target) = typed(meaning);
        let (tick, scenario) = (self.tick, topology.scenario());
        let id = format!("{tick}:{kind}:{target}");
        let incident = self.open.iter().filter(|((_, name), _)| name == target);
        let incident = incident.max_by_key(|(_, open)| open.severity).map(|(_, open)| open.id.clone());
        let status = if told.legal { "executed" } else { "rejected" };
        let reason = told.reason.clone().or_else(|| (!told.legal).then(|| "it was not legal".to_owned()));
        let mut lines = vec![json!({
            "subject": "ops.actions", "id": id, "incident_id": incident, "proposed_at_tick": tick, "action_type": kind,
            "target_id": target, "status": status, "reason": reason,
        })];
        if told.legal {
            let delay = (scenario.actuation_delay_s / scenario.tick_s()).round() as u64;
            lines.push(json!({
                "subject": "ops.commands", "action_id": id, "action_type": kind, "target_id": target, "tick_id": tick,
                "applied_at_tick": tick + delay,
            }));
        }
        lines
    }

    fn events(&mut self, told: &Told<'_>, lines: &mut Vec<Value>) {
        let environment = told.environment;
        let (tick, time) = now(environment);
        let tick_s = f64::from(environment.topology().scenario().tick_s());
        let active = environment.active_faults();
        let name = |fault: &FaultReport| format!("{}@{}", fault.id, fault.onset_s);
        let event = |kind: &str, tick: u64, time: Option<f64>, target: Value, detail: Value| {
            json!({"subject": "sim.events", "tick_id": tick, "time": time, "type": kind, "target": target,
                   "detail": detail})
        };
        let names: Vec<String> = active.iter().map(name).collect();
        for fault in environment.faults() {
            let (is, was) = (names.contains(&name(&fault)), self.active.contains(&name(&fault)));
            let detail = json!({"fault": fault.id.to_string()});
            let struck = target(environment.topology(), fault.target);
            if is && !was {
                let onset = (fault.onset_s / tick_s).round() as u64;
                lines.push(event("fault_injected", onset, number(fault.onset_s), struck, detail));
            } else if was && !is {
                lines.push(event("fault_cleared", tick, time, struck, detail));
            }
        }
        self.active = names;
        let now = replicas(environment);
        for (name, (before, after)) in environment.topology().service_names().iter().zip(self.replicas.iter().zip(&now))
        {
            if (before - after).abs() > 0.5 {
                let struck = json!({"kind": "service", "name": name});
                lines.push(event("replicas_changed", tick, time, struck, json!({"from": before, "to": after})));
            }
        }
        self.replicas = now;
    }

    fn incident(&mut self, incident: &Incident) -> Value {
        let id = format!("{}:{}:{}", incident.tick_id, incident.rule_name, incident.target);
        let key = (incident.target_kind, incident.target.clone());
        let severity = u8::from(incident.severity);
        if incident.resolved {
            if self.open.get(&key).is_some_and(|open| open.id == id) {
                self.open.remove(&key);
            }
        } else if self.open.get(&key).is_none_or(|open| open.severity < severity) {
            self.open.insert(key, Open { id: id.clone(), severity });
        }
        let mut line = json!({"subject": "ops.incidents", "id": id});
        if let (Value::Object(line), Ok(Value::Object(fields))) = (&mut line, serde_json::to_value(incident)) {
            line.extend(fields);
        }
        line
    }
}

/// An action's type, as the described system spells it, and its target.
pub(super) fn typed(meaning: &str) -> (String, &str) {
    let (verb, target) = meaning.trim_end_matches(')').split_once('(').unwrap_or((meaning, ""));
    let kind = match verb {
        "restart" => "RESTART_SERVICE".to_owned(),
        "drain" => "DRAIN_NODE".to_owned(),
        "return" => "RETURN_NODE".to_owned(),
        "rebalance" => "REBALANCE_TRAFFIC".to_owned(),
        _ => verb.to_uppercase().replace(' ', "_"),
    };
    (kind, target)
}

/// The tick and the seconds since the episode's start.
fn now(environment: &Environment) -> (u64, Option<f64>) {
    let tick_s = f64::from(environment.topology().scenario().tick_s());
    ((environment.time_s() / tick_s).round() as u64, number(environment.time_s()))
}

/// Replicas that run, by service.
fn replicas(environment: &Environment) -> Vec<f64> {
    let services = 0..environment.topology().num_services() as u32;
    services.map(|id| environment.service_metrics(ServiceId(id)).ready.round()).collect()
}

/// Four decimals, which are more than telemetry's noise leaves.
fn short(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

/// What a recording's header says of its streams: the metrics' names in the order of `values`.
pub(super) fn header(topology: &Topology) -> Value {
    json!(topology.observation_names())
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn actions_have_the_described_systems_types() {
        assert_eq!(typed("restart(auth)"), ("RESTART_SERVICE".to_owned(), "auth"));
        assert_eq!(typed("scale up(auth)"), ("SCALE_UP".to_owned(), "auth"));
        assert_eq!(typed("drain(a1)"), ("DRAIN_NODE".to_owned(), "a1"));
        assert_eq!(typed("rebalance(all)"), ("REBALANCE_TRAFFIC".to_owned(), "all"));
        assert_eq!(typed("page a human"), ("PAGE_A_HUMAN".to_owned(), ""));
    }
}
