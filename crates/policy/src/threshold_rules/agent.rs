//! The compiled agent and one environment's memory: windows, cooldowns, and when it was last calm.

use std::{collections::BTreeSet, sync::Arc};

use microcloud_core::{Action, Topology};

use super::{Response, ThresholdRulesConfig, ThresholdRulesError, targets::Targets};
use crate::{
    detector::{Alarm, Detector, DetectorState, IncidentTarget},
    nearest_name,
};

/// Rules, responses and choices compiled for one topology; shared by all its environments.
pub struct RulesAgent {
    pub(super) config: ThresholdRulesConfig,
    pub(super) detector: Detector,
    pub(crate) targets: Targets,
    /// The response to each rule, by the rule's index.
    pub(super) responses: Vec<Option<Response>>,
    /// Each rule's place in the order of symptoms.
    pub(super) symptom_ranks: Vec<usize>,
}

/// One environment's memory of its episode; cheap to clone.
#[derive(Clone, Debug)]
pub struct RulesState {
    pub(super) detector: DetectorState,
    /// When each action was last sent, in seconds from the episode's start.
    pub(super) sent_s: Vec<f64>,
    /// When each target was last acted on.
    pub(super) acted_s: Vec<f64>,
    /// When each target last had an open incident.
    pub(super) alarmed_s: Vec<f64>,
    /// Whether traffic was shifted and not spread again since.
    pub(super) shifted: bool,
    /// Why the last action was chosen.
    pub(crate) why: Option<Why>,
}

/// Why the rules chose an action, without words: [`RulesAgent::words`] finds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    /// An incident that it answers: the rule's index, the target, and since when it is open.
    Incident { rule: usize, target: IncidentTarget, since_s: f64 },
    /// Nothing is wrong, and something is undone.
    Quiet,
}

/// An action that the rules choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choosing {
    pub action: usize,
    pub why: Why,
}

impl Choosing {
    pub(super) fn answering(action: usize, alarm: &Alarm) -> Self {
        let Alarm { rule, target, since_s, .. } = *alarm;
        Self { action, why: Why::Incident { rule, target, since_s } }
    }
}

impl RulesAgent {
    /// Compiles a configuration for a topology.
    ///
    /// # Errors
    /// Rules that the observation has no metric for, responses to rules that do not exist.
    pub fn new(config: ThresholdRulesConfig, topology: &Arc<Topology>) -> Result<Self, ThresholdRulesError> {
        let names: BTreeSet<&str> = config.rules.iter().map(|rule| rule.name.as_str()).collect();
        if let Some(name) = config.responses.keys().find(|name| !names.contains(name.as_str())) {
            return Err(ThresholdRulesError::UnknownRule {
                name: name.clone(),
                nearest: nearest_name(name, names.iter().copied())
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default(),
                allowed: names.into_iter().collect::<Vec<_>>().join(", "),
            });
        }
        let symptoms = &config.choice.symptoms;
        let rank = |metric: &str| symptoms.iter().position(|symptom| symptom == metric).unwrap_or(symptoms.len());
        Ok(Self {
            detector: Detector::new(config.rules.clone(), topology)?,
            targets: Targets::new(topology),
            responses: config.rules.iter().map(|rule| config.responses.get(&rule.name).cloned()).collect(),
            symptom_ranks: config.rules.iter().map(|rule| rank(&rule.metric_name)).collect(),
            config,
        })
    }

    /// The memory at an episode's start.
    pub fn start(&self) -> RulesState {
        RulesState {
            detector: self.detector.start(),
            sent_s: vec![f64::NEG_INFINITY; self.targets.num_actions()],
            acted_s: vec![f64::NEG_INFINITY; self.targets.len()],
            alarmed_s: vec![f64::NEG_INFINITY; self.targets.len()],
            shifted: false,
            why: None,
        }
    }

    /// Takes in an observation, chooses an action and notes it.
    pub fn decide(&self, state: &mut RulesState, observation: &[f32], mask: &[bool]) -> usize {
        self.observe(state, observation);
        let chosen = self.pick(state, observation, mask);
        state.why = chosen.map(|chosen| chosen.why);
        let action = chosen.map_or(0, |chosen| chosen.action);
        self.note(state, action);
        action
    }

    /// Takes in an observation without acting on it.
    pub fn observe(&self, state: &mut RulesState, observation: &[f32]) {
        self.detector.observe(&mut state.detector, observation);
        let now_s = self.detector.time_s(&state.detector);
        for alarm in self.detector.alarms(&state.detector) {
            state.alarmed_s[self.targets.place(alarm.target)] = now_s;
        }
    }

    /// The action that the rules would take now; nothing changes.
    pub fn choose(&self, state: &RulesState, observation: &[f32], mask: &[bool]) -> usize {
        self.pick(state, observation, mask).map_or(0, |chosen| chosen.action)
    }

    fn pick(&self, state: &RulesState, observation: &[f32], mask: &[bool]) -> Option<Choosing> {
        self.answer(state, observation, mask).or_else(|| self.tidied(state, observation, mask))
    }

    /// What [`Self::tidy`] would undo, and that this is why.
    pub(crate) fn tidied(&self, state: &RulesState, observation: &[f32], mask: &[bool]) -> Option<Choosing> {
        self.tidy(state, observation, mask).map(|action| Choosing { action, why: Why::Quiet })
    }

    /// Why an action was chosen, in words.
    pub(crate) fn words(&self, why: Why) -> String {
        match why {
            Why::Incident { rule, target, since_s } => {
                let (rule, name) = (&self.detector.rules()[rule], self.targets.name(target));
                let on = if name.is_empty() { String::new() } else { format!(" on {name}") };
                let (metric, sign, threshold) = (&rule.metric_name, rule.operator.sign(), rule.threshold);
                format!("{}{on}: {metric} {sign} {threshold} since {since_s} s", rule.name)
            }
            Why::Quiet => "no incident for long enough to undo what was done".to_owned(),
        }
    }

    /// Notes that an action was sent after the last observation, so that cooldowns count from it.
    pub fn note(&self, state: &mut RulesState, action: usize) {
        let Some((kind, target)) = self.targets.of_action(action) else { return };
        let now_s = self.detector.time_s(&state.detector);
        state.sent_s[action] = now_s;
        state.acted_s[self.targets.place(target)] = now_s;
        match kind {
            Action::Rebalance(_) => state.shifted = true,
            Action::RebalanceAll => state.shifted = false,
            _ => {}
        }
    }

    /// The detector, for the texts of incidents.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }
}

impl RulesState {
    /// The windows and open incidents.
    pub fn detector(&self) -> &DetectorState {
        &self.detector
    }
}
