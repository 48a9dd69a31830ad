//! What a recording says under each of its subjects: metrics, events, incidents, actions and commands.

use std::collections::{BTreeMap, VecDeque};

use microcloud_core::{Environment, FaultReport, ServiceId, Topology};
use microcloud_policy::{
    action_id, action_type,
    approval::{ActionRecord, ActionStatus},
    detector::{Detector, DetectorState, Finding, Incident},
};
use serde::Serialize;
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
    /// What was proposed in the episode so far, where the policy's actions go through a workflow.
    pub history: Option<&'a [ActionRecord]>,
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
    /// How far each row of the workflow's history was when it was last told of.
    told: Vec<ActionStatus>,
    /// Actions that the environment has taken and whose time has not come.
    sent: VecDeque<Sent>,
    tick: u64,
}

/// An action that waits for its effect: its row, and the tick at which it was sent.
struct Sent {
    row: ActionRow,
    tick: u64,
    delay: u64,
}

/// A row of the actions table, as it is written.
#[derive(Clone, Serialize)]
struct ActionRow {
    id: String,
    incident_id: Option<String>,
    proposed_at_tick: u64,
    action_type: String,
    target_id: String,
    status: &'static str,
    reason: Option<String>,
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
        let mut lines = self.actions(told);
        self.events(told, &mut lines);
        let (tick, time) = now(told.environment);
        let values: Vec<f64> = told.observation.iter().map(|&value| short(value)).collect();
        lines.push(json!({"subject": "sim.metrics", "tick_id": tick, "time": time, "values": values}));
        lines.extend(self.incidents(told.detector, told.detected));
        self.tick = tick;
        lines
    }

    /// The incidents that the last observation opened or resolved.
    pub fn incidents(&mut self, detector: &Detector, detected: &DetectorState) -> Vec<Value> {
        let changes: Vec<Finding> = detector.changes(detected).collect();
        changes.iter().map(|finding| self.incident(&detector.describe(finding))).collect()
    }

    /// Rows of actions: what a workflow has changed, what was not legal, and what has had its effect or lost it.
    fn actions(&mut self, told: &Told<'_>) -> Vec<Value> {
        let mut lines = Vec::new();
        match told.history {
            Some(history) => self.proposals(told, history, &mut lines),
            None => self.action(told, &mut lines),
        }
        for carried_out in told.environment.carried_out() {
            if let Some(sent) = self.sent.pop_front() {
                sent.lines(carried_out, &mut lines);
            }
        }
        lines
    }

    /// What a policy sends by itself.
    fn action(&mut self, told: &Told<'_>, lines: &mut Vec<Value>) {
        let meanings = told.environment.topology().action_meanings();
        let Some(meaning) = meanings.get(told.action).filter(|_| told.action != 0) else { return };
        let (kind, target) = action_type(meaning);
        let incident = self.open.iter().filter(|((_, name), _)| name == target);
        let incident = incident.max_by_key(|(_, open)| open.severity).map(|(_, open)| open.id.clone());
        let row = ActionRow {
            id: action_id(self.tick, &kind, target),
            incident_id: incident,
            proposed_at_tick: self.tick,
            target_id: target.to_owned(),
            action_type: kind,
            status: ActionStatus::Executed.name(),
            reason: told.reason.clone(),
        };
        if told.legal {
            self.send(told, row);
        } else {
            lines.push(row.rejected("it was not legal").line());
        }
    }

    /// What a workflow has taken in or decided on since the last decision.
    fn proposals(&mut self, told: &Told<'_>, history: &[ActionRecord], lines: &mut Vec<Value>) {
        for (place, record) in history.iter().enumerate() {
            match self.told.get_mut(place) {
                Some(status) if *status == record.status => continue,
                Some(status) => *status = record.status,
                None => self.told.push(record.status),
            }
            let row = ActionRow {
                id: record.id.clone(),
                incident_id: record.incident_id.clone(),
                proposed_at_tick: record.proposed_at_tick,
                action_type: record.action_type.clone(),
                target_id: record.target_id.clone(),
                status: record.status.name(),
                reason: Some(record.reason.clone()),
            };
            if record.status == ActionStatus::Executed { self.send(told, row) } else { lines.push(row.line()) }
        }
    }

    fn send(&mut self, told: &Told<'_>, row: ActionRow) {
        let scenario = told.environment.topology().scenario();
        let delay = (scenario.actuation_delay_s / scenario.tick_s()).round() as u64;
        self.sent.push_back(Sent { row, tick: self.tick, delay });
    }

    /// Rows of what was sent and has not had its effect by the episode's end.
    pub fn end(&mut self) -> Vec<Value> {
        let left = self.sent.drain(..);
        left.map(|sent| ActionRow { status: ActionStatus::Approved.name(), ..sent.row }.line()).collect()
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
        let id = incident.id();
        let key = (incident.target_kind, incident.target.clone());
        let severity = u8::from(incident.severity);
        if incident.resolved {
            if self.open.get(&key).is_some_and(|open| open.id == id) {
                self.open.remove(&key);
            }
        } else if self.open.get(&key).is_none_or(|open| open.severity < severity) {
            self.open.insert(key, Open { id: id.clone(), severity });
        }
        let mut line = with_subject("ops.incidents", incident);
        line["id"] = json!(id);
        line
    }
}

impl Sent {
    fn lines(self, carried_out: bool, lines: &mut Vec<Value>) {
        if !carried_out {
            return lines.push(self.row.rejected("no control plane was there to carry it out").line());
        }
        let command = json!({
            "subject": "ops.commands", "action_id": self.row.id, "action_type": self.row.action_type,
            "target_id": self.row.target_id, "tick_id": self.tick, "applied_at_tick": self.tick + self.delay,
        });
        lines.extend([self.row.line(), command]);
    }
}

impl ActionRow {
    /// The same, rejected; why comes after why it was proposed.
    fn rejected(self, why: &str) -> Self {
        let reason = self.reason.map_or_else(|| why.to_owned(), |reason| format!("{reason}; {why}"));
        Self { status: ActionStatus::Rejected.name(), reason: Some(reason), ..self }
    }

    fn line(&self) -> Value {
        with_subject("ops.actions", self)
    }
}

/// A line of a subject with the fields of a row.
fn with_subject(subject: &str, row: &impl Serialize) -> Value {
    let mut line = json!({"subject": subject});
    if let (Value::Object(line), Ok(Value::Object(fields))) = (&mut line, serde_json::to_value(row)) {
        line.extend(fields);
    }
    line
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
