//! Holds a plan to a topology and to limits, and compiles it for the dispatcher.

use std::{collections::BTreeMap, sync::Arc};

use microcloud_core::{Topology, observation::latency_feature};
use serde::{Deserialize, Serialize};

use super::{
    DispatchState, PLAN_SCHEMA, Plan, PlanError, Step,
    dispatch::{CompiledStep, Condition},
    graph::{cycle, least_s},
};
use crate::nearest_name;

/// Most characters of an id.
const MAX_ID: usize = 64;

/// What a plan may be at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanLimits {
    /// Bytes of a plan's JSON text.
    pub max_bytes: usize,
    /// Steps of a plan.
    pub max_steps: usize,
    /// Actions of a plan; no-op is none.
    pub max_actions_per_plan: usize,
    /// Actions of all plans of an episode.
    pub max_actions_per_episode: usize,
    /// Seconds between two sendings of the same action.
    pub cooldown_s: f64,
    /// Seconds of a wait or a timeout.
    pub max_time_s: f64,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self {
            max_bytes: 65_536,
            max_steps: 64,
            max_actions_per_plan: 16,
            max_actions_per_episode: 120,
            cooldown_s: 30.0,
            max_time_s: 3_600.0,
        }
    }
}

/// Holds plans to one topology and its limits; shared by all its environments.
#[derive(Clone)]
pub struct PlanValidator {
    topology: Arc<Topology>,
    limits: PlanLimits,
    actions: BTreeMap<String, usize>,
    /// By action; all of them unless an authority says otherwise.
    permitted: Vec<bool>,
    decision_s: f64,
}

impl PlanValidator {
    /// A validator for a topology.
    pub fn new(topology: &Arc<Topology>, limits: PlanLimits) -> Self {
        let scenario = topology.scenario();
        let named = topology.action_meanings().iter().enumerate();
        Self {
            topology: Arc::clone(topology),
            limits,
            actions: named.map(|(index, meaning)| (meaning.clone(), index)).collect(),
            permitted: vec![true; topology.num_actions()],
            decision_s: f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0,
        }
    }

    /// The same validator for plans that may use only some actions, `permitted` having one flag per action.
    #[must_use]
    pub fn permitting(mut self, permitted: &[bool]) -> Self {
        for (own, &given) in self.permitted.iter_mut().zip(permitted) {
            *own &= given;
        }
        self
    }

    /// The limits.
    pub fn limits(&self) -> &PlanLimits {
        &self.limits
    }

    /// The topology.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Seconds of a decision.
    pub(super) fn decision_s(&self) -> f64 {
        self.decision_s
    }

    /// Reads a plan and checks it, `state` being what was sent in the episode so far.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(&self, text: &str, state: &DispatchState) -> Result<Plan, PlanError> {
        if text.len() > self.limits.max_bytes {
            return Err(PlanError::TooLong { bytes: text.len(), most: self.limits.max_bytes });
        }
        let plan = Plan::from_json(text)?;
        self.check(&plan, state)?;
        Ok(plan)
    }

    /// Checks a plan, `state` being what was sent in the episode so far.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, plan: &Plan, state: &DispatchState) -> Result<(), PlanError> {
        self.compile(plan, state).map(|_| ())
    }

    pub(super) fn compile(&self, plan: &Plan, state: &DispatchState) -> Result<Vec<CompiledStep>, PlanError> {
        if plan.schema != PLAN_SCHEMA {
            return Err(PlanError::Schema(plan.schema));
        }
        let most = self.limits.max_steps;
        if !(1..=most).contains(&plan.steps.len()) {
            return Err(PlanError::Steps { steps: plan.steps.len(), most });
        }
        let places = places(&plan.steps)?;
        let mut after = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let found = step.after.iter().map(|name| places.get(name.as_str()).copied().ok_or(name));
            let found: Result<Vec<usize>, &String> = found.collect();
            after.push(found.map_err(|name| PlanError::Dangling {
                step: step.id.clone(),
                after: clip(name),
                nearest: question(nearest_name(name, places.keys().copied())),
            })?);
        }
        if let Some(path) = cycle(&after) {
            return Err(PlanError::Cycle(path.into_iter().map(|step| plan.steps[step].id.clone()).collect()));
        }
        let mut compiled = Vec::with_capacity(plan.steps.len());
        for (step, after) in plan.steps.iter().zip(after) {
            compiled.push(self.step(step, after)?);
        }
        self.check_budget(&compiled, state)?;
        self.check_cooldowns(plan, &compiled, state)?;
        Ok(compiled)
    }

    fn step(&self, step: &Step, after: Vec<usize>) -> Result<CompiledStep, PlanError> {
        for (key, value) in [("wait_s", step.wait_s), ("timeout_s", step.timeout_s)] {
            if !(0.0..=self.limits.max_time_s).contains(&value) {
                let allowed = format!("0 to {}", self.limits.max_time_s);
                return Err(PlanError::Number { step: step.id.clone(), key, value, allowed });
            }
        }
        let action = self.action(step)?;
        let mut conditions = Vec::with_capacity(step.preconditions.len());
        for precondition in &step.preconditions {
            let value = precondition.threshold;
            if !value.is_finite() {
                let allowed = "a finite number".to_owned();
                return Err(PlanError::Number { step: step.id.clone(), key: "threshold", value, allowed });
            }
            let name = precondition.metric.as_str();
            let exact = self.topology.observation_index(name).map(|column| (column, value));
            let in_ms = || {
                let column = self.topology.observation_index(name.strip_suffix("_ms")?)?;
                name.ends_with(".p99_latency_ms").then(|| (column, f64::from(latency_feature(value.max(0.0) as f32))))
            };
            let (column, threshold) = exact.or_else(in_ms).ok_or_else(|| PlanError::UnknownMetric {
                step: step.id.clone(),
                metric: clip(name),
                nearest: question(nearest_name(name, self.topology.observation_names().iter().map(String::as_str))),
            })?;
            conditions.push(Condition { column, operator: precondition.operator, threshold });
        }
        Ok(CompiledStep {
            id: step.id.clone(),
            action,
            after,
            conditions,
            wait_s: step.wait_s,
            timeout_s: step.timeout_s,
            on_timeout: step.on_timeout,
            reason: step.reason.clone(),
        })
    }

    fn action(&self, step: &Step) -> Result<usize, PlanError> {
        let Some(&action) = self.actions.get(&step.action) else {
            return Err(PlanError::UnknownAction {
                step: step.id.clone(),
                action: clip(&step.action),
                nearest: question(nearest_name(&step.action, self.actions.keys().map(String::as_str))),
            });
        };
        let illegal = |why| {
            let others = self.actions.iter().filter(|&(_, &index)| self.is_usable(index));
            let nearest = question(nearest_name(&step.action, others.map(|(name, _)| name.as_str())));
            PlanError::IllegalAction { step: step.id.clone(), action: step.action.clone(), why, nearest }
        };
        if self.topology.action(action).is_none() {
            return Err(illegal("has nothing to act on and is never legal"));
        }
        if action != 0 && !self.permitted[action] {
            return Err(illegal("is not permitted to this planner"));
        }
        Ok(action)
    }

    fn is_usable(&self, action: usize) -> bool {
        self.topology.action(action).is_some() && (action == 0 || self.permitted[action])
    }

    fn check_budget(&self, steps: &[CompiledStep], state: &DispatchState) -> Result<(), PlanError> {
        let actions = steps.iter().filter(|step| step.action != 0).count();
        let PlanLimits { max_actions_per_plan, max_actions_per_episode, .. } = self.limits;
        if actions > max_actions_per_plan {
            return Err(PlanError::PlanBudget { actions, most: max_actions_per_plan });
        }
        let sent = state.actions_sent();
        if sent + actions > max_actions_per_episode {
            return Err(PlanError::EpisodeBudget { actions, sent, most: max_actions_per_episode });
        }
        Ok(())
    }

    /// The same action twice in less than the cooldown, whatever the preconditions turn out to be.
    fn check_cooldowns(&self, plan: &Plan, steps: &[CompiledStep], state: &DispatchState) -> Result<(), PlanError> {
        let cooldown_s = self.limits.cooldown_s;
        let after: Vec<Vec<usize>> = steps.iter().map(|step| step.after.clone()).collect();
        let wait_s: Vec<f64> = steps.iter().map(|step| step.wait_s).collect();
        let refused = |second: usize, first: String, gap_s: f64| PlanError::Cooldown {
            step: steps[second].id.clone(),
            action: plan.steps[second].action.clone(),
            first,
            gap_s,
            cooldown_s,
        };
        let earliest = least_s(&after, &wait_s, None);
        for (place, step) in steps.iter().enumerate().filter(|(_, step)| step.action != 0) {
            if let Some(since_s) = state.since_sent_s(step.action, self.decision_s) {
                let gap_s = since_s + earliest[place].unwrap_or(0.0);
                if gap_s < cooldown_s {
                    return Err(refused(place, format!("its sending {since_s} s ago"), gap_s));
                }
            }
            let twins: Vec<usize> =
                (0..steps.len()).filter(|&other| other != place && steps[other].action == step.action).collect();
            if twins.is_empty() || cooldown_s <= 0.0 {
                continue;
            }
            let from_here = least_s(&after, &wait_s, Some(place));
            for twin in twins {
                let first = format!("step `{}`", step.id);
                match from_here[twin] {
                    Some(gap_s) if gap_s < cooldown_s => return Err(refused(twin, first, gap_s)),
                    Some(_) => {}
                    // Without an order either way one can be sent at the decision after the other.
                    None if least_s(&after, &wait_s, Some(twin))[place].is_none() => {
                        return Err(refused(twin, first, self.decision_s.min(cooldown_s)));
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// Each step's place by its id.
fn places(steps: &[Step]) -> Result<BTreeMap<&str, usize>, PlanError> {
    let mut places = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        if step.id.trim().is_empty() || step.id.chars().count() > MAX_ID {
            return Err(PlanError::Id { index, id: clip(&step.id), most: MAX_ID });
        }
        if places.insert(step.id.as_str(), index).is_some() {
            return Err(PlanError::DuplicateId(step.id.clone()));
        }
    }
    Ok(places)
}

/// The beginning of what somebody wrote, for a message.
fn clip(text: &str) -> String {
    text.chars().take(MAX_ID).collect()
}

fn question(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
