//! A cluster into which faults are injected, and from which they are cleared, while it runs.

mod command;

use std::sync::Arc;

use microcloud_core::{Environment, FaultReport, Level, Topology, Transition};
use microcloud_policy::detector::{DetectorConfig, DetectorSet, DetectorSetState};
use serde::Serialize;

pub use command::LabCommand;

use super::{
    ExperimentError, FaultSetting, default_detectors,
    fault_setting::{aimed, resolve},
    watch::Player,
};
use crate::Contender;

/// Seconds for which a fault lasts that nobody clears.
const UNTIL_CLEARED_S: f32 = 1e7;

/// One cluster under a policy, with the faults that its user injects and no others.
///
/// Time passes by decisions: an injection strikes, and a clearance ends, with the tick that follows. Everything is
/// deterministic: the same level, policy and calls give the same history.
///
/// ```
/// use microcloud_core::{Level, Scenario, Split, Topology};
/// use microcloud_eval::{Contender, experiment::Laboratory};
///
/// let topology = Topology::new(Scenario::load("spine12")?)?;
/// let mut laboratory = Laboratory::new(&topology, &Contender::baseline("no-op")?, Level::draw(Split::Train, 0, 0))?;
/// laboratory.advance();
/// let crash = laboratory.inject(&"crash@auth".parse()?)?;
/// laboratory.advance();
/// assert_eq!(laboratory.status().failures.len(), 1);
/// assert_eq!(laboratory.clear(Some(crash)), 1);
/// laboratory.advance();
/// assert!(laboratory.status().failures.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Laboratory {
    environment: Environment,
    player: Player,
    detectors: DetectorSet,
    /// The service that those run on.
    runs_on: Option<String>,
    incidents: DetectorSetState,
    observation: Vec<f32>,
    offered: f64,
    bad: f64,
    over: bool,
    /// Greatest share of a target's replicas that an injection may strike, and the availability of a minute below which
    /// every fault is called off that names none of its own.
    most_blast_radius: f32,
    abort_availability: f32,
    faults: Vec<LabFault>,
    history: Vec<LabEvent>,
}

/// An injected fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabFault {
    /// What it is cleared by.
    pub handle: usize,
    /// As it was asked for.
    pub name: String,
    /// Its id in the catalogue.
    pub id: String,
    /// What it strikes; null for the whole cluster.
    pub target: Option<String>,
    /// Severity in the fault's own unit.
    pub magnitude: f32,
    /// Ratio of the target's replicas, at least one.
    pub blast_radius: f32,
    /// Availability of a minute below which it is called off.
    pub abort_availability: f32,
    /// Seconds from the episode's start.
    pub injected_s: f64,
    /// Seconds from the episode's start to its end; null while it lasts.
    pub ended_s: Option<f64>,
    /// `cleared`, `called off`, `over` or `mended`; null while it lasts.
    pub ended_by: Option<&'static str>,
    #[serde(skip)]
    planned_end_s: f64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabEvent {
    /// Seconds from the episode's start.
    pub time_s: f64,
    /// `injected`, `ended`, `action`, `incident` or `resolved`.
    pub kind: &'static str,
    /// What, in words.
    pub text: String,
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabStatus {
    /// Seconds from the episode's start.
    pub time_s: f64,
    /// Good requests over offered ones in the last decision, and since the start.
    pub availability: Option<f64>,
    /// See `availability`.
    pub availability_so_far: Option<f64>,
    /// 99th percentile of response time in the last decision in milliseconds.
    pub p99_ms: Option<f64>,
    /// Quorums achieved over those asked for in the last tick; null where no call asks for one.
    pub quorum_ratio: Option<f64>,
    /// Every service with its replicas.
    pub services: Vec<LabService>,
    /// The faults that are active.
    pub failures: Vec<LabFault>,
    /// Incidents that are open.
    pub incidents: Vec<String>,
}

/// A service's replicas.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabService {
    /// Its name.
    pub name: String,
    /// Replicas wanted, running, and getting traffic.
    pub wanted: f64,
    /// See `wanted`.
    pub ready: f64,
    /// See `wanted`.
    pub in_rotation: f64,
}

impl Laboratory {
    /// A cluster at the start of a level, without a fault.
    ///
    /// # Errors
    /// A policy that does not fit the scenario.
    pub fn new(topology: &Arc<Topology>, contender: &Contender, level: Level) -> Result<Self, ExperimentError> {
        let detectors = DetectorSet::new(&default_detectors(), topology)?;
        let mut environment = Environment::new(Arc::clone(topology));
        environment.reset_with_faults(level, &[])?;
        let mut laboratory = Self {
            player: Player::new(contender, topology)?,
            incidents: detectors.start(),
            detectors,
            runs_on: None,
            observation: vec![0.0; topology.observation_size()],
            environment,
            offered: 0.0,
            bad: 0.0,
            over: false,
            most_blast_radius: 1.0,
            abort_availability: 0.0,
            faults: Vec::new(),
            history: Vec::new(),
        };
        laboratory.look();
        Ok(laboratory)
    }

    /// The same with its blast radius controlled: no injection may strike more than this share of a target's replicas, and
    /// every fault that has no abort condition of its own is called off where the availability of a minute falls below
    /// this.
    #[must_use]
    pub fn limited(self, most_blast_radius: f32, abort_availability: f32) -> Self {
        Self { most_blast_radius, abort_availability, ..self }
    }

    /// The same with other detectors, which have seen nothing yet.
    ///
    /// # Errors
    /// Detectors that do not fit the scenario.
    pub fn with_detectors(mut self, detectors: &DetectorConfig) -> Result<Self, ExperimentError> {
        self.detectors = DetectorSet::new(detectors, self.environment.topology())?;
        self.runs_on.clone_from(&detectors.runs_on);
        self.incidents = self.detectors.start();
        self.look();
        Ok(self)
    }

    /// Injects a fault, which strikes with the next tick and lasts until it is cleared, unless it says how long, and
    /// returns its handle. Where the setting names no target, it is the first that an experiment would strike.
    ///
    /// # Errors
    /// A fault that does not fit the scenario, or strikes more than is allowed here.
    pub fn inject(&mut self, setting: &FaultSetting) -> Result<usize, ExperimentError> {
        let setting = FaultSetting {
            onset_s: Some(0.0),
            duration_s: setting.duration_s.or(Some(UNTIL_CLEARED_S)),
            abort_availability: setting.abort_availability.or(Some(self.abort_availability)),
            ..setting.clone()
        };
        let setting = aimed(&setting, self.runs_on.as_deref())?;
        let injection = resolve(&setting, &self.environment)?;
        let plan = injection.plan_of(0);
        if plan.blast_radius > self.most_blast_radius {
            return Err(ExperimentError::OutOfRange {
                key: format!("{}.blast_radius", injection.name),
                found: plan.blast_radius.to_string(),
                allowed: format!("at most {}, the laboratory's limit", self.most_blast_radius),
            });
        }
        let handle = self.environment.inject(&plan)?;
        let report = self.environment.fault(handle);
        let fault = LabFault {
            handle,
            name: injection.name,
            id: plan.id.to_string(),
            target: plan.target,
            magnitude: plan.magnitude,
            blast_radius: plan.blast_radius,
            abort_availability: plan.abort_availability,
            injected_s: self.environment.time_s(),
            ended_s: None,
            ended_by: None,
            planned_end_s: report.map_or(f64::INFINITY, |report| report.end_s),
        };
        self.note("injected", fault.words());
        // A handle that an injection taken back has left is given again.
        self.faults.retain(|other| other.handle != handle);
        self.faults.push(fault);
        Ok(handle)
    }

    /// Ends the fault of a handle, or all, with the next tick, and returns how many that were.
    pub fn clear(&mut self, handle: Option<usize>) -> usize {
        let mut cleared = 0;
        for place in 0..self.faults.len() {
            let fault = &self.faults[place];
            if fault.ended_s.is_none()
                && handle.is_none_or(|handle| handle == fault.handle)
                && self.environment.clear_fault(fault.handle)
            {
                self.end(place, "cleared");
                cleared += 1;
            }
        }
        cleared
    }

    /// Plays one decision, in which the policy acts, and says what came of it; nothing once the episode is over.
    pub fn advance(&mut self) -> Option<Transition> {
        if self.over {
            return None;
        }
        let action = self.player.choose(&self.environment);
        if action != 0 {
            let meaning = self.environment.topology().action_meanings().get(action).cloned();
            self.note("action", meaning.unwrap_or_default());
        }
        let transition = self.environment.step(action);
        self.offered += self.environment.metrics().offered;
        self.bad += self.environment.metrics().bad;
        self.over = transition.terminated || transition.truncated;
        for place in 0..self.faults.len() {
            if self.faults[place].ended_s.is_none()
                && let Some(how) = self.how_ended(&self.faults[place])
            {
                self.end(place, how);
            }
        }
        self.look();
        for incident in self.detectors.changes(&self.incidents) {
            self.note(if incident.resolved { "resolved" } else { "incident" }, incident.title);
        }
        Some(transition)
    }

    /// How things stand.
    pub fn status(&self) -> LabStatus {
        let metrics = self.environment.metrics();
        let topology = self.environment.topology();
        let ratio = |bad: f64, offered: f64| (offered > 0.0).then(|| 1.0 - bad / offered);
        let service = |(index, name): (u32, &String)| {
            let metrics = self.environment.service_metrics(microcloud_core::ServiceId(index));
            let (wanted, ready, in_rotation) = (metrics.wanted, metrics.ready, metrics.in_rotation);
            LabService { name: name.clone(), wanted, ready, in_rotation }
        };
        let quorum = self.environment.quorum_metrics().filter(|quorum| quorum.asked_per_s > 0.0);
        let open = self.detectors.incidents(&self.incidents).into_iter().filter(|incident| !incident.resolved);
        LabStatus {
            time_s: self.environment.time_s(),
            availability: ratio(metrics.bad, metrics.offered),
            availability_so_far: ratio(self.bad, self.offered),
            p99_ms: Some(metrics.p99_ms).filter(|p99_ms| p99_ms.is_finite()),
            quorum_ratio: quorum.map(|quorum| quorum.achieved_per_s / quorum.asked_per_s),
            services: (0..).zip(topology.service_names()).map(service).collect(),
            failures: self.failures().cloned().collect(),
            incidents: open.map(|incident| incident.title).collect(),
        }
    }

    /// The faults that are active.
    pub fn failures(&self) -> impl Iterator<Item = &LabFault> {
        self.faults.iter().filter(|fault| fault.ended_s.is_none())
    }

    /// Every fault that was injected.
    pub fn faults(&self) -> &[LabFault] {
        &self.faults
    }

    /// Everything that happened, in order.
    pub fn history(&self) -> &[LabEvent] {
        &self.history
    }

    /// The cluster.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Whether the episode is over.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn look(&mut self) {
        self.environment.observe(&mut self.observation);
        self.detectors.observe(&mut self.incidents, &self.observation);
    }

    /// How a fault ended that nobody cleared, where it did.
    fn how_ended(&self, fault: &LabFault) -> Option<&'static str> {
        let report: FaultReport = self.environment.fault(fault.handle)?;
        if report.end_s <= self.environment.time_s() {
            return Some(if report.end_s < fault.planned_end_s { "called off" } else { "over" });
        }
        (!self.environment.active_faults().contains(&report)).then_some("mended")
    }

    fn end(&mut self, place: usize, how: &'static str) {
        let time_s = self.environment.time_s();
        let fault = &mut self.faults[place];
        (fault.ended_s, fault.ended_by) = (Some(time_s), Some(how));
        let text = format!("{}: {how}", fault.words());
        self.note("ended", text);
    }

    fn note(&mut self, kind: &'static str, text: String) {
        self.history.push(LabEvent { time_s: self.environment.time_s(), kind, text });
    }
}

impl LabFault {
    fn words(&self) -> String {
        let target = self.target.as_deref().unwrap_or("the cluster");
        format!("{} {} of magnitude {} on {target}", self.handle, self.name, self.magnitude)
    }
}

#[cfg(test)]
mod tests;
