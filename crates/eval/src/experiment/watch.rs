//! Plays an episode as any other is played, and beside it the same one tick by tick, to measure it.

use std::sync::Arc;

use microcloud_core::{Environment, FaultPlan, FaultTarget, Level, ServiceId, Topology};
use microcloud_policy::{
    Baseline,
    detector::{DetectorConfig, DetectorSet},
};
use ndarray::ArrayView2;

use super::{ExperimentError, latency::LatencyHistogram};
use crate::{Contender, EvaluationError, Progress, play::policy_error};

/// Good checks in a row after which a replica would be readmitted, where none is to be.
const NEVER_READMITTED: u8 = 100;

/// What is played: one scenario under one policy.
pub(super) struct Watch<'a> {
    contender: &'a Contender,
    topology: Arc<Topology>,
    ordinary: Environment,
    /// The same with a decision in every tick, and again without any readmission by health checks.
    fine: Environment,
    unreturned: Environment,
    detectors: DetectorSet,
}

/// What one tick came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tick {
    /// Seconds from the episode's start to the tick's end.
    pub end_s: f64,
    pub offered: f64,
    pub bad: f64,
    pub p99_ms: f64,
    /// Quorum calls, and those that achieved it.
    pub asked: f64,
    pub achieved: f64,
    /// Replicas in rotation, of the service that the fault strikes or of all.
    pub in_rotation: f64,
    /// Replicas that run but get no traffic, where none is readmitted.
    pub taken_out: f64,
    /// Whether a detector opened an incident with the tick's observation.
    pub opened_incident: bool,
}

/// An episode, tick by tick.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub ticks: Vec<Tick>,
    pub tick_s: f64,
    /// Ticks of an episode that does not end early.
    pub planned_ticks: usize,
    /// The fault's onset and end, as they came about; none without a fault.
    pub fault_s: Option<(f64, f64)>,
    /// Whether the fault was called off before its planned end.
    pub aborted: bool,
    /// Replicas that the fault strikes, where it strikes a service's replicas.
    pub struck: Option<f64>,
    /// When actions other than no-op were sent.
    pub actions_s: Vec<f64>,
    /// Response times while the fault lasts, or over the whole episode without one.
    pub latency: LatencyHistogram,
}

impl<'a> Watch<'a> {
    pub fn new(
        topology: &Arc<Topology>,
        contender: &'a Contender,
        detectors: &DetectorConfig,
    ) -> Result<Self, ExperimentError> {
        let mut scenario = topology.scenario().clone();
        scenario.episode_decisions = scenario.episode_decisions.saturating_mul(scenario.decision_ticks);
        scenario.decision_ticks = 1;
        let fine = Topology::new(scenario.clone())?;
        for service in &mut scenario.services {
            service.health.successes = NEVER_READMITTED;
        }
        let detectors = DetectorSet::new(detectors, &fine)?;
        // A policy that does not fit is found before anything is played.
        contender.make(topology).map_err(|source| policy_error(contender.name(), topology, source))?;
        Ok(Self {
            contender,
            topology: Arc::clone(topology),
            ordinary: Environment::new(Arc::clone(topology)),
            fine: Environment::new(fine),
            unreturned: Environment::new(Topology::new(scenario)?),
            detectors,
        })
    }

    /// An environment to try faults on.
    pub fn scratch(&self) -> &Environment {
        &self.ordinary
    }

    /// Plays a level with a fault, or with none.
    pub fn play(
        &self,
        level: Level,
        fault: Option<&FaultPlan>,
        progress: &dyn Progress,
    ) -> Result<Trace, ExperimentError> {
        let scenario = self.topology.scenario();
        let (mut ordinary, mut fine) = (self.ordinary.clone(), self.fine.clone());
        let mut unreturned = fault.map(|_| self.unreturned.clone());
        let plans: Vec<FaultPlan> = fault.into_iter().cloned().collect();
        for environment in [&mut ordinary, &mut fine].into_iter().chain(&mut unreturned) {
            environment.reset_with_faults(level, &plans)?;
        }
        let planned = fine.faults().first().map(|fault| (fault.onset_s, fault.end_s));
        let watched = watched(&fine);
        let mut trace = Trace {
            ticks: Vec::with_capacity(self.fine.topology().scenario().episode_decisions as usize),
            tick_s: f64::from(scenario.tick_ms) / 1000.0,
            planned_ticks: self.fine.topology().scenario().episode_decisions as usize,
            fault_s: planned,
            aborted: false,
            struck: None,
            actions_s: Vec::new(),
            latency: LatencyHistogram::default(),
        };
        let mut player = Player::new(self.contender, &self.topology)?;
        let mut incidents = self.detectors.start();
        let mut observation = vec![0.0; fine.topology().observation_size()];
        fine.observe(&mut observation);
        self.detectors.observe(&mut incidents, &observation);
        let timeout_s = f64::from(scenario.workload.timeout_ms) / 1000.0;
        loop {
            if progress.is_cancelled() {
                return Err(EvaluationError::Interrupted.into());
            }
            let action = player.choose(&ordinary);
            if action != 0 {
                trace.actions_s.push(ordinary.time_s());
            }
            let transition = ordinary.step(action);
            for tick in 0..scenario.decision_ticks {
                let sent = if tick == 0 { action } else { 0 };
                let starts_s = fine.time_s();
                if planned.is_some_and(|(onset_s, _)| starts_s <= onset_s + 1e-9) {
                    trace.struck = struck(&fine, fault, &watched);
                }
                fine.step(sent);
                fine.observe(&mut observation);
                self.detectors.observe(&mut incidents, &observation);
                let taken_out = unreturned.as_mut().map_or(0.0, |unreturned| {
                    // Nothing is measured there once the fault is over.
                    if planned.is_some_and(|(_, end_s)| starts_s < end_s) {
                        unreturned.step(sent);
                    }
                    taken_out(unreturned, &watched)
                });
                let (metrics, quorum) = (fine.metrics(), fine.quorum_metrics().unwrap_or_default());
                trace.ticks.push(Tick {
                    end_s: fine.time_s(),
                    offered: metrics.offered,
                    bad: metrics.bad,
                    p99_ms: metrics.p99_ms,
                    asked: quorum.asked_per_s * trace.tick_s,
                    achieved: quorum.achieved_per_s * trace.tick_s,
                    in_rotation: in_rotation(&fine, &watched),
                    taken_out,
                    opened_incident: incidents.opened_incident(),
                });
                let counts = match planned {
                    Some(_) => !fine.active_faults().is_empty(),
                    None => true,
                };
                if counts {
                    fine.edge_answers().for_each(|answers| trace.latency.add(&answers, timeout_s));
                }
            }
            if transition.terminated || transition.truncated {
                break;
            }
        }
        if let (Some((_, planned_end_s)), Some(report)) = (planned, fine.faults().first()) {
            trace.fault_s = Some((report.onset_s, report.end_s));
            trace.aborted = report.end_s < planned_end_s - 1e-9;
        }
        Ok(trace)
    }
}

/// The services whose replicas are counted: the one that the fault strikes, or all.
fn watched(environment: &Environment) -> Vec<ServiceId> {
    match environment.faults().first().map(|fault| fault.target) {
        Some(FaultTarget::Service(service)) => vec![service],
        _ => (0..environment.topology().num_services() as u32).map(ServiceId).collect(),
    }
}

fn in_rotation(environment: &Environment, services: &[ServiceId]) -> f64 {
    services.iter().map(|&service| environment.service_metrics(service).in_rotation).sum()
}

fn taken_out(environment: &Environment, services: &[ServiceId]) -> f64 {
    let of = |&service: &ServiceId| {
        let metrics = environment.service_metrics(service);
        metrics.ready - metrics.in_rotation
    };
    services.iter().map(of).sum()
}

/// How many replicas the fault will strike, as it rounds them itself; one of many where it strikes no single service.
fn struck(environment: &Environment, fault: Option<&FaultPlan>, services: &[ServiceId]) -> Option<f64> {
    let fault = fault?;
    let [service] = services else { return Some(1.0) };
    let ready = environment.service_metrics(*service).ready;
    Some((ready * f64::from(fault.blast_radius)).round().max(1.0).min(ready))
}

/// Who chooses the actions of one episode.
pub(super) struct Player {
    baseline: Baseline,
    observation: Vec<f32>,
    mask: Vec<bool>,
    starts: bool,
}

impl Player {
    pub fn new(contender: &Contender, topology: &Arc<Topology>) -> Result<Self, ExperimentError> {
        let baseline = contender.make(topology).map_err(|source| policy_error(contender.name(), topology, source))?;
        Ok(Self {
            baseline,
            observation: vec![0.0; topology.observation_size()],
            mask: vec![false; topology.num_actions()],
            starts: true,
        })
    }

    pub fn choose(&mut self, environment: &Environment) -> usize {
        let mut actions = [0];
        match &mut self.baseline {
            Baseline::Privileged(policy) => actions[0] = policy.act(environment),
            Baseline::Observing(policy) => {
                environment.observe(&mut self.observation);
                environment.action_mask(&mut self.mask);
                let observation = ArrayView2::from_shape((1, self.observation.len()), &self.observation);
                let mask = ArrayView2::from_shape((1, self.mask.len()), &self.mask);
                // Both buffers were made with these shapes.
                if let (Ok(observation), Ok(mask)) = (observation, mask) {
                    policy.act(observation, mask, &[self.starts], &mut actions);
                }
            }
        }
        self.starts = false;
        actions[0]
    }
}
