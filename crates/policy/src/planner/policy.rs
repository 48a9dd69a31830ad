//! The planner as a policy: agents, script, validator and dispatcher over batches of environments.

use std::sync::Arc;

use microcloud_core::Topology;
use ndarray::ArrayView2;
use thiserror::Error;

use super::{ActionsAgent, LogsAgent, MetricsAgent, PlannerConfig, ScriptedPlanner, Situation, situation::GROWN};
use crate::{
    Agent, Policy,
    detector::{Alarm, DetectorState, IncidentTarget, RuleError},
    nearest_name,
    per_environment::act_by_row,
    plan::{PlanDispatcher, PlanError, PlanValidator},
};

/// Agents, script and validator compiled for one topology; shared by all its environments.
pub struct PlannerAgent {
    logs: LogsAgent,
    metrics: MetricsAgent,
    actions: ActionsAgent,
    script: ScriptedPlanner,
    validator: Arc<PlanValidator>,
    /// Whether a rule has a template, of any class of errors: those of the logs agent, then those of the metrics agent.
    planned: [Vec<bool>; 2],
    /// Columns of the services' replicas.
    running: Vec<Option<usize>>,
}

/// One environment's memory of its episode.
#[derive(Clone)]
pub struct PlannerState {
    logs: DetectorState,
    metrics: DetectorState,
    dispatcher: PlanDispatcher,
    /// When each service last had an open incident.
    alarmed_s: Vec<f64>,
    /// When anything last had.
    any_alarmed_s: f64,
    /// What the plan under way was made for: the agent, the rule and the target.
    basis: Vec<(usize, usize, IncidentTarget)>,
    /// Why the validator refused the last plan; the script is made so that it does not.
    refused: Option<PlanError>,
}

/// Why the planner could not be made.
#[derive(Debug, Error)]
pub enum PlannerError {
    /// A rule does not fit the observation.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A template is for a rule that neither agent has.
    #[error("templates.{name}: no such rule{nearest}; allowed: {allowed}")]
    UnknownRule {
        /// The name that the template is under.
        name: String,
        /// The nearest rule as a question, or nothing.
        nearest: String,
        /// The rules.
        allowed: String,
    },
    /// A time that means nothing.
    #[error("templates.{name}: {key} = {value}; allowed: 0 to {most}")]
    Time {
        /// The name that the template is under.
        name: String,
        /// The time's key.
        key: &'static str,
        /// The time.
        value: f64,
        /// The greatest one.
        most: f64,
    },
}

impl PlannerAgent {
    /// Compiles a configuration for a topology.
    ///
    /// # Errors
    /// Rules that the observation has no metric for, templates for rules that do not exist, times below 0.
    pub fn new(config: PlannerConfig, topology: &Arc<Topology>) -> Result<Self, PlannerError> {
        check(&config)?;
        let planned = [&config.logs, &config.metrics].map(|rules| {
            let has_template = |name: &str| {
                let named = |key: &String| key == name || key.split_once(':').is_some_and(|(rule, _)| rule == name);
                config.templates.iter().any(|(key, template)| named(key) && !template.steps.is_empty())
            };
            rules.iter().map(|rule| has_template(&rule.name)).collect()
        });
        let running = topology.service_names().iter();
        Ok(Self {
            logs: LogsAgent::new(config.logs.clone(), topology)?,
            metrics: MetricsAgent::new(config.metrics.clone(), topology)?,
            actions: ActionsAgent::new(topology),
            validator: Arc::new(PlanValidator::new(topology, config.limits.clone())),
            planned,
            running: running.map(|name| topology.observation_index(&format!("service.{name}.running"))).collect(),
            script: ScriptedPlanner::new(config, topology),
        })
    }

    /// The memory at an episode's start.
    pub fn start(&self) -> PlannerState {
        PlannerState {
            logs: self.logs.detector().start(),
            metrics: self.metrics.detector().start(),
            dispatcher: PlanDispatcher::with_validator(Arc::clone(&self.validator)),
            alarmed_s: vec![0.0; self.running.len()],
            any_alarmed_s: 0.0,
            basis: Vec::new(),
            refused: None,
        }
    }

    /// Takes in an observation, plans where there is something to plan for, and gives the plan's next action.
    pub fn decide(&self, state: &mut PlannerState, observation: &[f32], mask: &[bool]) -> usize {
        self.observe(state, observation);
        let due = self.due(state);
        if state.dispatcher.is_running()
            && self.script.config.choice.replan
            && due.iter().any(|incident| !state.basis.contains(incident))
        {
            state.dispatcher.cancel("another incident is to be planned for");
        }
        if !state.dispatcher.is_running() && (!due.is_empty() || self.is_untidy(state, observation, mask)) {
            let text = self.describe(state, observation, mask);
            state.refused = None;
            if let Some(plan) = self.script.plan(&text) {
                state.refused = state.dispatcher.submit(&plan).err();
            }
            state.basis = due;
        }
        // The lengths are those of the topology that the caller's environment has.
        state.dispatcher.act(observation, mask).unwrap_or(0)
    }

    /// The incident text of the last observation.
    pub fn describe(&self, state: &PlannerState, observation: &[f32], mask: &[bool]) -> String {
        let now_s = state.dispatcher.time_s();
        let calm_s = now_s - state.any_alarmed_s;
        let mut situation = Situation { time_s: now_s, calm_s, ..Situation::default() };
        self.logs.report(&state.logs, observation, &mut situation);
        self.metrics.report(&state.metrics, observation, &state.alarmed_s, &mut situation);
        self.actions.report(mask, state.dispatcher.sent(), &mut situation);
        situation.to_text()
    }

    /// The script, which writes plans from texts.
    pub fn script(&self) -> &ScriptedPlanner {
        &self.script
    }

    pub(super) fn observe(&self, state: &mut PlannerState, observation: &[f32]) {
        self.logs.detector().observe(&mut state.logs, observation);
        self.metrics.detector().observe(&mut state.metrics, observation);
        let now_s = state.dispatcher.time_s();
        for alarm in self.logs.detector().alarms(&state.logs).chain(self.metrics.detector().alarms(&state.metrics)) {
            state.any_alarmed_s = now_s;
            if let IncidentTarget::Service(service) = alarm.target {
                state.alarmed_s[service.index()] = now_s;
            }
        }
    }

    /// Open incidents that have lasted and that a template answers.
    fn due(&self, state: &PlannerState) -> Vec<(usize, usize, IncidentTarget)> {
        let now_s = state.dispatcher.time_s();
        let lasts = |alarm: &Alarm| now_s - alarm.since_s >= self.script.config.choice.patience_s;
        let logs = self.logs.detector().alarms(&state.logs).map(|alarm| (0, alarm));
        let metrics = self.metrics.detector().alarms(&state.metrics).map(|alarm| (1, alarm));
        let both = logs.chain(metrics).filter(|(agent, alarm)| lasts(alarm) && self.planned[*agent][alarm.rule]);
        both.map(|(agent, alarm)| (agent, alarm.rule, alarm.target)).collect()
    }

    /// Whether there may be something to undo.
    fn is_untidy(&self, state: &PlannerState, observation: &[f32], mask: &[bool]) -> bool {
        let quiet = &self.script.config.quiet;
        let above = |column: &Option<usize>| {
            column.and_then(|column| observation.get(column)).is_some_and(|&running| running >= GROWN)
        };
        let topology = self.validator.topology();
        let nodes = || (0..topology.num_nodes() as u32).map(microcloud_core::NodeId);
        let returnable = |node| {
            let index = topology.action_index(microcloud_core::Action::Return(node));
            index.and_then(|index| mask.get(index)).copied().unwrap_or(false)
        };
        quiet.scale_down_after_s.is_some() && self.running.iter().any(above)
            || quiet.rebalance_after_s.is_some() && state.dispatcher.state().actions_sent() > 0
            || quiet.return_after_s.is_some() && nodes().any(returnable)
    }
}

impl PlannerState {
    /// The plan under way.
    pub fn dispatcher(&self) -> &PlanDispatcher {
        &self.dispatcher
    }

    /// Why the validator refused the last plan that the script wrote.
    pub fn refused(&self) -> Option<&PlanError> {
        self.refused.as_ref()
    }
}

/// The policy planner: one [`PlannerAgent`], one [`PlannerState`] per environment.
#[derive(Clone)]
pub struct Planner {
    agent: Arc<PlannerAgent>,
    states: Vec<PlannerState>,
}

impl Planner {
    /// Compiles a configuration for a topology.
    ///
    /// # Errors
    /// Those of [`PlannerAgent::new`].
    pub fn new(config: PlannerConfig, topology: &Arc<Topology>) -> Result<Self, PlannerError> {
        Ok(Self { agent: Arc::new(PlannerAgent::new(config, topology)?), states: Vec::new() })
    }

    /// An environment's memory, by its place in the batch.
    pub fn state(&self, row: usize) -> Option<&PlannerState> {
        self.states.get(row)
    }
}

impl Agent for PlannerAgent {
    type State = PlannerState;

    fn start(&self) -> PlannerState {
        self.start()
    }

    fn decide(&self, state: &mut PlannerState, observation: &[f32], mask: &[bool]) -> usize {
        self.decide(state, observation, mask)
    }
}

impl Policy for Planner {
    fn name(&self) -> &str {
        "planner"
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        act_by_row(&*self.agent, &mut self.states, observations, action_masks, episode_starts, actions);
    }

    fn reason(&self, row: usize) -> Option<String> {
        self.states.get(row)?.dispatcher.state().last_reason().map(str::to_owned)
    }
}

fn check(config: &PlannerConfig) -> Result<(), PlannerError> {
    let names: Vec<&str> = config.logs.iter().chain(&config.metrics).map(|rule| rule.name.as_str()).collect();
    for (name, template) in &config.templates {
        let rule = name.split_once(':').map_or(name.as_str(), |(rule, _)| rule);
        if !names.contains(&rule) {
            return Err(PlannerError::UnknownRule {
                name: name.clone(),
                nearest: nearest_name(rule, names.iter().copied())
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default(),
                allowed: names.join(", "),
            });
        }
        let most = config.limits.max_time_s;
        let times =
            [("wait_s", template.wait_s), ("timeout_s", template.timeout_s), ("cooldown_s", template.cooldown_s)];
        if let Some((key, value)) = times.into_iter().find(|(_, value)| !(0.0..=most).contains(value)) {
            return Err(PlannerError::Time { name: name.clone(), key, value, most });
        }
    }
    Ok(())
}
