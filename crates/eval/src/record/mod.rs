//! Episode files: one line of JSON about the episode, then for every decision what its streams tell and a line of its own.

mod streams;

use std::{
    fs,
    path::{Path, PathBuf},
};

use microcloud_core::{Environment, FaultTarget, Topology, Transition};
use microcloud_policy::detector::{Detector, DetectorState};
use serde_json::{Value, json};

use self::streams::Streams;
pub(crate) use self::streams::Told;
use crate::{EvaluationError, replace_file};

/// Writes the episodes of an evaluation to a folder, one `.jsonl` file each.
#[derive(Clone, Debug)]
pub struct Recorder {
    folder: PathBuf,
}

impl Recorder {
    /// A recorder into a folder, which is made where it does not exist.
    ///
    /// # Errors
    /// What the system answers when the folder cannot be made.
    pub fn new(folder: &Path) -> Result<Self, EvaluationError> {
        fs::create_dir_all(folder).map_err(|source| EvaluationError::Record { file: folder.to_owned(), source })?;
        Ok(Self { folder: folder.to_owned() })
    }

    pub(crate) fn write(&self, record: EpisodeRecord) -> Result<(), EvaluationError> {
        let file = self.folder.join(record.file_name);
        replace_file(&file, record.lines.as_bytes()).map_err(|source| EvaluationError::Record { file, source })
    }
}

/// An episode's lines so far.
pub(crate) struct EpisodeRecord {
    file_name: String,
    lines: String,
    streams: Streams,
}

impl EpisodeRecord {
    /// A record that holds the header line.
    pub fn new(policy: &str, environment: &Environment) -> Self {
        let topology = environment.topology();
        let scenario = topology.scenario();
        let level = environment.level();
        let mut record = Self {
            file_name: format!("{}__{}__{}.jsonl", escaped(&scenario.name), escaped(policy), level.number()),
            lines: String::new(),
            streams: Streams::new(environment),
        };
        let faults: Vec<Value> = environment
            .faults()
            .iter()
            .map(|fault| {
                json!({
                    "id": fault.id.to_string(),
                    "onset_s": number(fault.onset_s),
                    "end_s": number(fault.end_s),
                    "target": target(topology, fault.target),
                })
            })
            .collect();
        record.push(&json!({
            "kind": "episode", "schema": 2, "scenario": scenario.name, "policy": policy, "level": level.number(),
            "split": level.split().to_string(), "tick_ms": scenario.tick_ms, "decision_ticks": scenario.decision_ticks,
            "services": topology.service_names(), "nodes": topology.node_names(), "zones": topology.zone_names(),
            "faults": faults, "metric_names": streams::header(topology),
        }));
        record
    }

    /// Appends what the first observation of the episode shows to the detector.
    pub fn begin(&mut self, detector: &Detector, detected: &DetectorState) {
        for line in self.streams.incidents(detector, detected) {
            self.push(&line);
        }
    }

    /// Appends a decision: what happened in it, by subject, then what came of it by its end.
    pub fn decision(&mut self, told: &Told<'_>, transition: &Transition) {
        for line in self.streams.lines(told) {
            self.push(&line);
        }
        let (environment, action) = (told.environment, told.action);
        let incidents = told.detector.incidents(told.detected);
        let (terms, metrics) = (&transition.terms, environment.metrics());
        self.push(&json!({
            "kind": "decision", "decision": environment.decision(), "time_s": number(environment.time_s()),
            "action": action, "action_meaning": environment.topology().action_meanings().get(action),
            "reward": number(transition.reward),
            "reward_terms": {
                "bad_requests": number(terms.bad_requests), "latency": number(terms.latency), "cost": number(terms.cost),
                "action": number(terms.action), "termination": number(terms.termination),
            },
            "metrics": {
                "offered": number(metrics.offered), "bad": number(metrics.bad), "p99_ms": number(metrics.p99_ms),
                "cost_ratio": number(metrics.cost_ratio), "replicas": number(metrics.replicas),
            },
            "incidents": incidents, "terminated": transition.terminated, "truncated": transition.truncated,
        }));
        if transition.terminated || transition.truncated {
            for line in self.streams.end() {
                self.push(&line);
            }
        }
    }

    fn push(&mut self, line: &Value) {
        self.lines.push_str(&line.to_string());
        self.lines.push('\n');
    }
}

/// A name as a part of a file's name: letters, digits, `-` and `.` stand for themselves, any other byte as `%` and two hex
/// digits, so that no two names become one.
fn escaped(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => plain.push(char::from(byte)),
            _ => plain.push_str(&format!("%{byte:02X}")),
        }
    }
    plain
}

/// A number, or null where JSON has none.
fn number(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn target(topology: &Topology, target: FaultTarget) -> Value {
    let named = |kind: &str, names: &[String], index: usize| json!({"kind": kind, "name": names.get(index)});
    match target {
        FaultTarget::Cluster => json!({"kind": "cluster", "name": null}),
        FaultTarget::Service(id) => named("service", topology.service_names(), id.index()),
        FaultTarget::Node(id) => named("node", topology.node_names(), id.index()),
        FaultTarget::Zone(id) => named("zone", topology.zone_names(), id.index()),
    }
}
