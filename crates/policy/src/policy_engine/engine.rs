//! The engine compiled for one topology, and the six steps of an evaluation.

use std::{cmp::Reverse, sync::Arc};

use microcloud_core::Topology;

use super::{Kind, PolicyEngineError, PolicyRule, PolicySet};
use crate::{
    detector::IncidentTarget,
    nearest_name,
    per_environment::Agent,
    threshold_rules::targets::{Targets, value},
};

/// A set of policies compiled for one topology; shared by all its environments.
pub struct PolicyEngine {
    set: PolicySet,
    targets: Targets,
    decision_s: f64,
    checks: Vec<Check>,
}

/// One policy applied to one target.
struct Check {
    policy: usize,
    target: IncidentTarget,
    column: Option<usize>,
}

/// A policy that acted.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Seconds from the episode's start.
    pub time_s: f64,
    /// The policy's place in the file.
    pub policy: usize,
    /// What it acted on.
    pub target: IncidentTarget,
    /// The environment's action; none for an alert.
    pub action: Option<usize>,
}

/// One environment's memory of its episode.
#[derive(Clone, Debug)]
pub struct EngineState {
    observations: u64,
    next_evaluation_s: f64,
    /// Checks that wait to be executed, the next one last.
    pub(super) waiting: Vec<usize>,
    /// By check: when its policy last acted on its target.
    executed_s: Vec<f64>,
    history: Vec<Execution>,
    /// The check that the last decision executed.
    last: Option<usize>,
}

impl EngineState {
    /// What was done in the episode, in order.
    pub fn history(&self) -> &[Execution] {
        &self.history
    }
}

impl PolicyEngine {
    /// Compiles policies for a topology; those that are not enabled are left out.
    ///
    /// # Errors
    /// Values that are not allowed, services that the topology does not have.
    pub fn new(set: PolicySet, topology: &Arc<Topology>) -> Result<Self, PolicyEngineError> {
        set.check().map_err(PolicyEngineError::Invalid)?;
        let scenario = topology.scenario();
        let targets = Targets::new(topology);
        let mut checks = Vec::new();
        for (index, policy) in set.policies.iter().enumerate() {
            let found = targets_of(policy, topology)?;
            for target in found.into_iter().filter(|_| policy.enabled) {
                let column = topology.observation_index(&target.feature(topology, &policy.condition.feature));
                if column.is_some() {
                    checks.push(Check { policy: index, target, column });
                }
            }
        }
        let decision_s = f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0;
        Ok(Self { set, targets, decision_s, checks })
    }

    /// The policies, in the file's order.
    pub fn policies(&self) -> &[PolicyRule] {
        &self.set.policies
    }

    /// Fetch: the metric of every check.
    pub(super) fn fetch(&self, observation: &[f32]) -> Vec<f64> {
        self.checks.iter().map(|check| f64::from(value(check.column, observation))).collect()
    }

    /// Match: the checks whose conditions hold, in the file's order, callees before callers.
    ///
    /// Where a policy is about every service and its symptom travels up, a service is left out while one that it calls
    /// matches as well: the cause is there.
    pub(super) fn matched(&self, metrics: &[f64]) -> Vec<usize> {
        let holds = |index: usize| self.set.policies[self.checks[index].policy].condition.holds(metrics[index]);
        let mut matched: Vec<usize> = (0..self.checks.len()).filter(|&index| holds(index)).collect();
        let explained = |index: usize| {
            let (check, policy) = (&self.checks[index], &self.set.policies[self.checks[index].policy]);
            let IncidentTarget::Service(service) = check.target else { return false };
            let callees = &self.targets.callees[service.index()];
            policy.is_for_all()
                && policy.condition.travels_up()
                && matched.iter().any(|&other| {
                    let other = &self.checks[other];
                    let is_callee = |id: microcloud_core::ServiceId| callees.contains(&id.index());
                    other.policy == check.policy && matches!(other.target, IncidentTarget::Service(id) if is_callee(id))
                })
        };
        let causes: Vec<usize> = matched.iter().copied().filter(|&index| !explained(index)).collect();
        matched = causes;
        matched.sort_by_key(|&index| (self.checks[index].policy, Reverse(self.depth(index)), index));
        matched
    }

    /// Cooldown: those of them whose policy has not acted on their target for as long as its cooldown.
    pub(super) fn ready(&self, state: &EngineState, matched: &[usize], now_s: f64) -> Vec<usize> {
        let is_ready =
            |&index: &usize| now_s - state.executed_s[index] >= self.set.policies[self.checks[index].policy].cooldown;
        matched.iter().copied().filter(is_ready).collect()
    }

    /// Execute: the first that waits and whose action is legal; the others before it are dropped.
    pub(super) fn execute(
        &self,
        state: &mut EngineState,
        observation: &[f32],
        mask: &[bool],
    ) -> Option<(usize, usize)> {
        while let Some(index) = state.waiting.pop() {
            let check = &self.checks[index];
            let action = self.set.policies[check.policy].action.aim(&self.targets, check.target, observation, mask);
            if let Some(action) = action.and_then(|action| self.targets.legal(action, mask)) {
                return Some((index, action));
            }
        }
        None
    }

    /// Record: what was done, in the history.
    pub(super) fn record(&self, state: &mut EngineState, index: usize, action: Option<usize>, now_s: f64) {
        let check = &self.checks[index];
        state.history.push(Execution { time_s: now_s, policy: check.policy, target: check.target, action });
    }

    /// Set: the cooldown begins.
    pub(super) fn set_cooldown(&self, state: &mut EngineState, index: usize, now_s: f64) {
        state.executed_s[index] = now_s;
    }

    /// Fetch, match and cooldown; alerts are done at once, of the others one a target waits to be executed.
    fn evaluate(&self, state: &mut EngineState, observation: &[f32], now_s: f64) {
        let metrics = self.fetch(observation);
        let ready = self.ready(state, &self.matched(&metrics), now_s);
        let mut taken = vec![false; self.targets.len()];
        state.waiting.clear();
        for index in ready {
            let check = &self.checks[index];
            let action = self.set.policies[check.policy].action;
            if action == super::EngineAction::Alert {
                self.record(state, index, None, now_s);
                self.set_cooldown(state, index, now_s);
            } else if !std::mem::replace(&mut taken[self.targets.place(check.target)], true) {
                state.waiting.push(index);
            }
        }
        state.waiting.reverse();
    }

    fn depth(&self, index: usize) -> usize {
        match self.checks[index].target {
            IncidentTarget::Service(id) => self.targets.depths[id.index()],
            _ => 0,
        }
    }
}

impl Agent for PolicyEngine {
    type State = EngineState;

    fn start(&self) -> EngineState {
        EngineState {
            observations: 0,
            next_evaluation_s: 0.0,
            waiting: Vec::new(),
            executed_s: vec![f64::NEG_INFINITY; self.checks.len()],
            history: Vec::new(),
            last: None,
        }
    }

    fn decide(&self, state: &mut EngineState, observation: &[f32], mask: &[bool]) -> usize {
        let now_s = state.observations as f64 * self.decision_s;
        state.observations += 1;
        if now_s + 1e-9 >= state.next_evaluation_s {
            state.next_evaluation_s += self.set.interval.max(self.decision_s);
            self.evaluate(state, observation, now_s);
        }
        state.last = None;
        let Some((index, action)) = self.execute(state, observation, mask) else { return 0 };
        state.last = Some(index);
        self.record(state, index, Some(action), now_s);
        self.set_cooldown(state, index, now_s);
        action
    }

    fn reason(&self, state: &EngineState) -> Option<String> {
        let check = &self.checks[state.last?];
        let (policy, name) = (&self.set.policies[check.policy], self.targets.name(check.target));
        let on = if name.is_empty() { String::new() } else { format!(" on {name}") };
        Some(format!("{}{on}: {}", policy.name, policy.condition.text()))
    }
}

/// What a policy is about in a topology.
fn targets_of(policy: &PolicyRule, topology: &Topology) -> Result<Vec<IncidentTarget>, PolicyEngineError> {
    if policy.condition.kind == Kind::Service && !policy.is_for_all() {
        let names = topology.service_names();
        let service = topology.service(&policy.service).ok_or_else(|| PolicyEngineError::UnknownService {
            policy: policy.name.clone(),
            service: policy.service.clone(),
            nearest: nearest_name(&policy.service, names.iter().map(String::as_str))
                .map(|name| format!("; did you mean `{name}`?"))
                .unwrap_or_default(),
            allowed: names.join(", "),
        })?;
        return Ok(vec![IncidentTarget::Service(service)]);
    }
    Ok(IncidentTarget::of_kind(policy.condition.kind.name(), topology))
}
