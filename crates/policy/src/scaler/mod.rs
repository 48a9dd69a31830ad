//! The scalers: Kubernetes' rule on what is measured, Little's law on what is expected, and one action a decision.
//!
//! At every look each service gets a recommended number of replicas, stabilised over two windows and limited in its growth;
//! between looks one action a decision brings the service that lacks most nearer to it, and where none lacks any, takes
//! from the one that has most too many. No service shrinks below its initial size, where nothing is gained.

mod config;
mod replicas;

use std::sync::Arc;

use microcloud_core::{Action, ServiceId, Topology};

pub use config::{Predictive, Reactive, ScalerConfig, ScalerError};
pub use replicas::{Replicas, by_littles_law, by_ratio};

use crate::{forecast::HoltWinters, per_environment::Agent, threshold_rules::targets::value};

/// Utilisation above which what is served says nothing about what one request takes: more was offered.
const SATURATED: f64 = 0.9;

/// A configuration compiled for one topology; shared by all its environments.
///
/// As a policy it decides alone ([`Self::decide`]). As a part of another one it is shown every observation
/// ([`Self::observe`]) and asked where nothing else wants to act ([`Self::choose`]).
pub struct Scaler {
    config: ScalerConfig,
    topology: Arc<Topology>,
    decision_s: f64,
    services: Vec<Scaled>,
}

/// What a scaler knows of a service.
struct Scaled {
    initial: f64,
    concurrency: f64,
    declared_time_s: f64,
    nominal_per_s: f64,
    steps_ahead: f64,
    requests: Option<usize>,
    utilisation: Option<usize>,
    running: Option<usize>,
    starting: Option<usize>,
}

/// One environment's memory of its episode.
#[derive(Clone, Debug)]
pub struct ScalerState {
    observations: u64,
    next_look_s: f64,
    services: Vec<Memory>,
    /// What the last decision did.
    why: Option<Scaling>,
}

/// A step towards a service's desired number of replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    service: usize,
    current: f64,
    desired: f64,
}

#[derive(Clone, Debug)]
struct Memory {
    forecast: Option<HoltWinters>,
    service_time_s: f64,
    /// The newest recommendation last, each with its time; none older than the longer window.
    recommended: Vec<(f64, f64)>,
    desired: f64,
}

impl Scaler {
    /// Compiles a configuration for a topology.
    ///
    /// # Errors
    /// Values out of range, or neither part set.
    pub fn new(config: ScalerConfig, topology: &Arc<Topology>) -> Result<Self, ScalerError> {
        config.check()?;
        let scenario = topology.scenario();
        let decision_s = f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0;
        let lead_s = config.predictive.as_ref().map_or(0.0, |predictive| predictive.lead_s);
        let service = |(index, name): (usize, &String)| {
            let declared = scenario.services.iter().find(|service| service.name == *name);
            let of = |get: fn(&microcloud_core::Service) -> f64| declared.map_or(1.0, get);
            let column = |feature: &str| topology.observation_index(&format!("service.{name}.{feature}"));
            let smoothed = config.reactive.as_ref().is_some_and(|reactive| reactive.smoothed);
            Scaled {
                initial: of(|service| f64::from(service.replicas)),
                concurrency: of(|service| f64::from(service.concurrency)).max(1e-6),
                declared_time_s: of(|service| f64::from(service.service_time_ms) / 1000.0),
                nominal_per_s: f64::from(topology.nominal_requests_per_s(ServiceId(index as u32))),
                steps_ahead: (of(|service| f64::from(service.startup_s)) + lead_s) / decision_s,
                requests: column("requests"),
                utilisation: column(if smoothed { "utilisation_30s" } else { "utilisation" }),
                running: column("running"),
                starting: column("starting"),
            }
        };
        let services = topology.service_names().iter().enumerate().map(service).collect();
        Ok(Self { config, topology: Arc::clone(topology), decision_s, services })
    }

    /// The memory at an episode's start.
    pub fn start(&self) -> ScalerState {
        let smoothing = self.config.predictive.as_ref().map(|predictive| &predictive.smoothing);
        let memory = |own: &Scaled| Memory {
            forecast: smoothing.and_then(|smoothing| HoltWinters::new(smoothing.clone()).ok()),
            service_time_s: own.declared_time_s,
            recommended: Vec::new(),
            desired: own.initial,
        };
        ScalerState {
            observations: 0,
            next_look_s: 0.0,
            services: self.services.iter().map(memory).collect(),
            why: None,
        }
    }

    /// Takes in an observation and answers with the action to take, if any.
    pub fn decide(&self, state: &mut ScalerState, observation: &[f32], mask: &[bool]) -> Option<usize> {
        self.observe(state, observation);
        let chosen = self.pick(state, observation, mask);
        state.why = chosen.map(|(_, scaling)| scaling);
        chosen.map(|(action, _)| action)
    }

    /// Takes in an observation, once a decision: every series goes on, and where a look is due, so do recommendations.
    pub fn observe(&self, state: &mut ScalerState, observation: &[f32]) {
        let now_s = state.observations as f64 * self.decision_s;
        state.observations += 1;
        for (own, memory) in self.services.iter().zip(&mut state.services) {
            self.follow(own, memory, observation);
        }
        if now_s + 1e-9 < state.next_look_s {
            return;
        }
        state.next_look_s += self.config.sync_s.max(self.decision_s);
        for (own, memory) in self.services.iter().zip(&mut state.services) {
            let replicas = own.replicas(observation);
            let recommended = self.recommend(own, memory, replicas, observation);
            memory.desired = self.stabilise(&mut memory.recommended, now_s, own.initial, recommended, replicas.current);
        }
    }

    /// The action that brings the service farthest from its desired size nearer to it; nothing changes.
    ///
    /// Those that lack replicas come first. A step that would go below the desired size is not taken.
    pub fn choose(&self, state: &ScalerState, observation: &[f32], mask: &[bool]) -> Option<usize> {
        self.pick(state, observation, mask).map(|(action, _)| action)
    }

    /// As [`Self::choose`], with what it is for.
    pub(crate) fn pick(&self, state: &ScalerState, observation: &[f32], mask: &[bool]) -> Option<(usize, Scaling)> {
        let legal = |action| self.topology.action_index(action).filter(|&index| mask.get(index) == Some(&true));
        let mut up: Option<(f64, usize, Scaling)> = None;
        let mut down: Option<(f64, usize, Scaling)> = None;
        for (index, (own, memory)) in self.services.iter().zip(&state.services).enumerate() {
            let service = ServiceId(index as u32);
            let current = own.replicas(observation).current;
            let step = (0.25 * current).round().max(1.0);
            let lacking = memory.desired / current.max(1.0);
            let scaling = Scaling { service: index, current, desired: memory.desired };
            if memory.desired > current + 0.5 {
                if let Some(action) = legal(Action::ScaleUp(service)).filter(|_| up.is_none_or(|best| lacking > best.0))
                {
                    up = Some((lacking, action, scaling));
                }
            } else if memory.desired < current - step + 0.5
                && let Some(action) =
                    legal(Action::ScaleDown(service)).filter(|_| down.is_none_or(|best| lacking < best.0))
            {
                down = Some((lacking, action, scaling));
            }
        }
        up.or(down).map(|(_, action, scaling)| (action, scaling))
    }

    /// Why a step was taken, in words.
    pub(crate) fn words(&self, scaling: Scaling) -> String {
        let Scaling { service, current, desired } = scaling;
        let name = self.topology.service_names().get(service).map_or("", String::as_str);
        format!("{name} has {current} replicas and is to have {desired}")
    }

    /// Each service's desired number of replicas, in the topology's order.
    pub fn desired<'a>(&self, state: &'a ScalerState) -> impl Iterator<Item = f64> + 'a {
        state.services.iter().map(|memory| memory.desired)
    }

    /// The series of a service go on by one decision.
    fn follow(&self, own: &Scaled, memory: &mut Memory, observation: &[f32]) {
        let Some(predictive) = &self.config.predictive else { return };
        let per_s = f64::from(value(own.requests, observation)) * own.nominal_per_s;
        if let Some(forecast) = &mut memory.forecast {
            forecast.observe(per_s);
        }
        let busy = f64::from(value(own.utilisation, observation));
        if per_s > 0.0 && busy < SATURATED {
            let measured_s = busy * own.replicas(observation).ready * own.concurrency / per_s;
            memory.service_time_s += predictive.service_time_weight * (measured_s - memory.service_time_s);
        }
    }

    /// The replicas that a service is to have, before stabilisation; not below its initial size.
    fn recommend(&self, own: &Scaled, memory: &Memory, replicas: Replicas, observation: &[f32]) -> f64 {
        let mut recommended = own.initial;
        if let Some(reactive) = &self.config.reactive {
            let busy = f64::from(value(own.utilisation, observation));
            recommended = recommended.max(by_ratio(replicas, busy, reactive.utilisation_target, reactive.tolerance));
        }
        if let (Some(predictive), Some(forecast)) = (&self.config.predictive, &memory.forecast) {
            let target = predictive.utilisation_target;
            let expected = forecast.forecast(own.steps_ahead);
            recommended = recommended.max(by_littles_law(expected, memory.service_time_s, own.concurrency, target));
        }
        let ratio_limit = replicas.current * (1.0 + self.config.scale_up_ratio);
        recommended.min(ratio_limit.max(replicas.current + self.config.scale_up_replicas)).max(own.initial)
    }

    /// Up to the lowest recommendation of the one window, down to the highest of the other; in between nothing changes.
    ///
    /// What there was before the episode is its initial size: a young window remembers that.
    fn stabilise(&self, window: &mut Vec<(f64, f64)>, now_s: f64, initial: f64, newest: f64, current: f64) -> f64 {
        let (up_s, down_s) = (self.config.scale_up_stabilisation_s, self.config.scale_down_stabilisation_s);
        window.retain(|(time_s, _)| now_s - time_s < up_s.max(down_s));
        let within = |span_s: f64| {
            let recent = window.iter().filter(move |(time_s, _)| now_s - time_s < span_s);
            recent.map(|(_, recommended)| *recommended).chain((now_s < span_s).then_some(initial))
        };
        let lowest = within(up_s).fold(newest, f64::min);
        let highest = within(down_s).fold(newest, f64::max);
        window.push((now_s, newest));
        current.clamp(lowest, highest.max(lowest))
    }
}

impl Scaled {
    fn replicas(&self, observation: &[f32]) -> Replicas {
        let ready = f64::from(value(self.running, observation)) * self.initial;
        let starting = f64::from(value(self.starting, observation)) * self.initial;
        Replicas { current: (ready + starting).round(), ready: ready.round() }
    }
}

impl Agent for Scaler {
    type State = ScalerState;

    fn start(&self) -> ScalerState {
        self.start()
    }

    fn decide(&self, state: &mut ScalerState, observation: &[f32], mask: &[bool]) -> usize {
        Scaler::decide(self, state, observation, mask).unwrap_or(0)
    }

    fn reason(&self, state: &ScalerState) -> Option<String> {
        state.why.map(|scaling| self.words(scaling))
    }
}

#[cfg(test)]
mod tests;
