//! Carries plans out for one environment, at most one action a decision.

use std::sync::Arc;

use microcloud_core::Topology;
use serde::Serialize;

use super::{DispatchState, Plan, PlanError, PlanLimits, PlanState, PlanValidator, StepState, dispatch::Sight};

/// Takes a plan, and says at every decision which action it asks for.
///
/// One call of [`PlanDispatcher::act`] is one decision. Cloning copies the memory and shares the validator.
#[derive(Clone)]
pub struct PlanDispatcher {
    validator: Arc<PlanValidator>,
    state: DispatchState,
}

/// How far the plan is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanStatus {
    /// Seconds from the episode's start to the next decision.
    pub time_s: f64,
    /// Actions sent in the episode.
    pub actions_sent: usize,
    /// The plan's state; none where no plan was submitted.
    pub state: Option<PlanState>,
    /// What the plan answers.
    pub incident: String,
    /// Why the plan ended early; empty where it did not.
    pub why: String,
    /// Its steps, in its order.
    pub steps: Vec<StepStatus>,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepStatus {
    /// Its id.
    pub id: String,
    /// Its action, in words.
    pub action: String,
    /// Its state.
    pub state: StepState,
    /// Seconds from the episode's start at which it entered the state.
    pub since_s: f64,
    /// Why the planner wants it.
    pub reason: String,
}

impl PlanDispatcher {
    /// A dispatcher at an episode's start.
    pub fn new(topology: &Arc<Topology>, limits: PlanLimits) -> Self {
        Self::with_validator(Arc::new(PlanValidator::new(topology, limits)))
    }

    /// A dispatcher at an episode's start, whose plans a validator that others use as well checks.
    pub fn with_validator(validator: Arc<PlanValidator>) -> Self {
        let state = DispatchState::start(validator.topology().num_actions());
        Self { validator, state }
    }

    /// Forgets everything: an episode begins.
    pub fn reset(&mut self) {
        self.state = DispatchState::start(self.validator.topology().num_actions());
    }

    /// Takes a plan in JSON, which the next decision begins to carry out.
    ///
    /// # Errors
    /// What is wrong with it; nothing changes then. One plan at a time: while one runs, no other is taken.
    pub fn submit(&mut self, json: &str) -> Result<(), PlanError> {
        let most = self.validator.limits().max_bytes;
        if json.len() > most {
            return Err(PlanError::TooLong { bytes: json.len(), most });
        }
        self.submit_plan(&Plan::from_json(json)?)
    }

    /// Takes a plan, as [`Self::submit`] does.
    ///
    /// # Errors
    /// Those of [`Self::submit`].
    pub fn submit_plan(&mut self, plan: &Plan) -> Result<(), PlanError> {
        if let Some(running) = self.state.plan.as_ref().filter(|_| self.state.is_running()) {
            return Err(PlanError::Busy(running.incident.clone()));
        }
        let steps = self.validator.compile(plan, &self.state)?;
        let now_s = self.time_s();
        self.state.begin(plan.incident.clone(), steps, now_s);
        Ok(())
    }

    /// Ends the plan under way: what was not sent never is.
    pub fn cancel(&mut self, why: &str) {
        let now_s = self.time_s();
        self.state.cancel(why, now_s);
    }

    /// The action for this decision, 0 (no-op) where no step is ready, and the next decision begins.
    ///
    /// `observation` is `[observation_size]`, `mask` is `[num_actions]` with true where an action is legal.
    ///
    /// # Errors
    /// Another length than the scenario's; the decision is not counted then.
    pub fn act(&mut self, observation: &[f32], mask: &[bool]) -> Result<usize, PlanError> {
        let topology = self.validator.topology();
        let lengths = [
            ("observation", observation.len(), topology.observation_size()),
            ("mask", mask.len(), topology.num_actions()),
        ];
        for (what, given, expected) in lengths {
            if given != expected {
                return Err(PlanError::Shape { what, given, expected });
            }
        }
        let sight = Sight { observation, mask, now_s: self.time_s(), cooldown_s: self.validator.limits().cooldown_s };
        Ok(self.state.advance(&sight))
    }

    /// How far the plan is.
    pub fn status(&self) -> PlanStatus {
        let meanings = self.validator.topology().action_meanings();
        let mut status = PlanStatus {
            time_s: self.time_s(),
            actions_sent: self.state.actions,
            state: None,
            incident: String::new(),
            why: String::new(),
            steps: Vec::new(),
        };
        if let Some(plan) = &self.state.plan {
            status.state = Some(plan.state);
            (status.incident, status.why) = (plan.incident.clone(), plan.why.clone());
            let steps = plan.steps.iter().zip(&plan.progress).map(|(step, progress)| StepStatus {
                id: step.id.clone(),
                action: meanings.get(step.action).cloned().unwrap_or_default(),
                state: progress.state,
                since_s: progress.since_s,
                reason: step.reason.clone(),
            });
            status.steps = steps.collect();
        }
        status
    }

    /// Whether a plan is being carried out.
    pub fn is_running(&self) -> bool {
        self.state.is_running()
    }

    /// Seconds from the episode's start to the next decision.
    pub fn time_s(&self) -> f64 {
        self.state.decisions as f64 * self.validator.decision_s()
    }

    /// Seconds since each action that was sent was last sent, by action.
    pub fn sent(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let since = |action| self.state.since_sent_s(action, self.validator.decision_s()).map(|since| (action, since));
        (0..self.state.sent_s.len()).filter_map(since)
    }

    /// What the dispatcher remembers, to be kept and given back.
    pub fn state(&self) -> &DispatchState {
        &self.state
    }

    /// Takes up a memory that [`Self::state`] gave.
    ///
    /// # Errors
    /// One of another scenario.
    pub fn restore(&mut self, state: DispatchState) -> Result<(), PlanError> {
        let topology = self.validator.topology();
        let (given, expected) = (state.sent_s.len(), topology.num_actions());
        if given != expected {
            return Err(PlanError::Shape { what: "state", given, expected });
        }
        if let Some(plan) = &state.plan {
            let (given, expected) = (plan.progress.len(), plan.steps.len());
            if given != expected {
                return Err(PlanError::Shape { what: "state", given, expected });
            }
            let foreign = |step: &super::dispatch::CompiledStep| {
                step.action >= topology.num_actions() || step.after.iter().any(|&before| before >= plan.steps.len())
            };
            if let Some(step) = plan.steps.iter().find(|step| foreign(step)) {
                return Err(PlanError::Shape { what: "state", given: step.action, expected: topology.num_actions() });
            }
        }
        self.state = state;
        Ok(())
    }
}
