//! The baseline calibrated-rules: threshold rules and a scaler, with every setting found by a search on train levels.
//!
//! Each built-in scenario has a file of its own, which `experiment calibrate` wrote; other scenarios get the settings that
//! served generated clusters best. An incident is answered as threshold-rules answers it; where none wants an action, the
//! scaler is asked, if there is one, and then what can be undone is undone. Where the search found nothing that beat another
//! baseline on train levels, that one is played.

mod shipped;

use std::sync::Arc;

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use shipped::calibrated_for;

use crate::{
    per_environment::Agent,
    scaler::{Scaler, ScalerConfig, ScalerError, ScalerState, Scaling},
    threshold_rules::{RulesAgent, RulesState, ThresholdRulesConfig, ThresholdRulesError, Why},
};

/// What the search may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibratedConfig {
    /// The baseline that is played as it is where nothing that was found beat it on train levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Rival>,
    /// Whether the oracle, between its searches, does better with threshold-rules than with these.
    #[serde(default, skip_serializing_if = "is_not")]
    pub oracle_follows_threshold_rules: bool,
    /// Rules, responses, and how one incident is chosen.
    pub threshold_rules: ThresholdRulesConfig,
    /// What scales services where no incident wants an action; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaler: Option<ScalerConfig>,
}

/// A baseline by rules of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rival {
    /// Policies from a YAML file.
    PolicyEngine,
    /// Run lengths and restarts.
    Supervisor,
    /// Kubernetes' rule.
    Autoscaler,
    /// Forecasts and Little's law.
    PredictiveScaler,
    /// Templates of plans.
    Planner,
    /// What went best in past incidents.
    Bandit,
}

impl Rival {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::PolicyEngine, Self::Supervisor, Self::Autoscaler, Self::PredictiveScaler, Self::Planner, Self::Bandit];

    /// The baseline's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PolicyEngine => "policy-engine",
            Self::Supervisor => "supervisor",
            Self::Autoscaler => "autoscaler",
            Self::PredictiveScaler => "predictive-scaler",
            Self::Planner => "planner",
            Self::Bandit => "bandit",
        }
    }
}

/// Why calibrated rules could not be made.
#[derive(Debug, Error)]
pub enum CalibratedError {
    /// Rules that do not fit the topology.
    #[error(transparent)]
    Rules(#[from] ThresholdRulesError),
    /// A scaler's setting out of range.
    #[error("scaler.{0}")]
    Scaler(#[from] ScalerError),
}

impl CalibratedConfig {
    /// The configuration in a TOML text.
    ///
    /// # Errors
    /// What serde finds wrong with it, on one line.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().replace('\n', " "))
    }

    /// The configuration as a TOML text that reads again to an equal one.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }
}

impl From<ThresholdRulesConfig> for CalibratedConfig {
    fn from(threshold_rules: ThresholdRulesConfig) -> Self {
        Self { instead: None, oracle_follows_threshold_rules: false, threshold_rules, scaler: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_not(value: &bool) -> bool {
    !value
}

/// A configuration compiled for one topology; shared by all its environments.
pub struct CalibratedAgent {
    rules: RulesAgent,
    scaler: Option<Scaler>,
}

/// One environment's memory of its episode; cheap to clone.
#[derive(Clone, Debug)]
pub struct CalibratedState {
    rules: RulesState,
    scaler: Option<ScalerState>,
    why: Option<Chosen>,
}

/// What chose an action.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    Rules(Why),
    /// The scaler, and the service that it acted on.
    Scaler(Scaling),
}

impl CalibratedAgent {
    /// Compiles a configuration's rules and scaler for a topology; what is played instead of them is not looked at.
    ///
    /// # Errors
    /// Rules that do not fit the topology, a scaler's setting out of range.
    pub fn new(config: CalibratedConfig, topology: &Arc<Topology>) -> Result<Self, CalibratedError> {
        let scaler = config.scaler.map(|scaler| Scaler::new(scaler, topology)).transpose()?;
        Ok(Self { rules: RulesAgent::new(config.threshold_rules, topology)?, scaler })
    }

    /// Takes in an observation without acting on it.
    pub fn observe(&self, state: &mut CalibratedState, observation: &[f32]) {
        self.rules.observe(&mut state.rules, observation);
        if let (Some(scaler), Some(state)) = (&self.scaler, &mut state.scaler) {
            scaler.observe(state, observation);
        }
    }

    /// The action to take now; nothing changes.
    pub fn choose(&self, state: &CalibratedState, observation: &[f32], mask: &[bool]) -> usize {
        self.pick(state, observation, mask).map_or(0, |(action, _)| action)
    }

    /// The action to take now and why, in words; nothing changes.
    pub(crate) fn explained(
        &self,
        state: &CalibratedState,
        observation: &[f32],
        mask: &[bool],
    ) -> (usize, Option<String>) {
        let chosen = self.pick(state, observation, mask);
        (chosen.map_or(0, |(action, _)| action), chosen.and_then(|(_, why)| self.words(why)))
    }

    fn words(&self, why: Chosen) -> Option<String> {
        match why {
            Chosen::Rules(why) => Some(self.rules.words(why)),
            Chosen::Scaler(scaling) => self.scaler.as_ref().map(|scaler| scaler.words(scaling)),
        }
    }

    fn pick(&self, state: &CalibratedState, observation: &[f32], mask: &[bool]) -> Option<(usize, Chosen)> {
        let scaled = || {
            let (action, scaling) = self.scaler.as_ref()?.pick(state.scaler.as_ref()?, observation, mask)?;
            Some((action, Chosen::Scaler(scaling)))
        };
        let answer = self.rules.answer(&state.rules, observation, mask);
        answer.map(|chosen| (chosen.action, Chosen::Rules(chosen.why))).or_else(scaled).or_else(|| {
            let chosen = self.rules.tidied(&state.rules, observation, mask)?;
            Some((chosen.action, Chosen::Rules(chosen.why)))
        })
    }

    /// Notes that an action was sent after the last observation, so that cooldowns count from it.
    pub fn note(&self, state: &mut CalibratedState, action: usize) {
        self.rules.note(&mut state.rules, action);
    }
}

impl Agent for CalibratedAgent {
    type State = CalibratedState;

    fn start(&self) -> CalibratedState {
        CalibratedState { rules: self.rules.start(), scaler: self.scaler.as_ref().map(Scaler::start), why: None }
    }

    fn decide(&self, state: &mut CalibratedState, observation: &[f32], mask: &[bool]) -> usize {
        self.observe(state, observation);
        let chosen = self.pick(state, observation, mask);
        state.why = chosen.map(|(_, why)| why);
        let action = chosen.map_or(0, |(action, _)| action);
        self.note(state, action);
        action
    }

    fn reason(&self, state: &CalibratedState) -> Option<String> {
        self.words(state.why?)
    }
}
