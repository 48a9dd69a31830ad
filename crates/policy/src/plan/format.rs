//! The plan as a planner sends it, in JSON.

use serde::{Deserialize, Serialize};

use super::PlanError;
use crate::detector::Operator;

/// The only schema there is.
pub const PLAN_SCHEMA: u32 = 1;

/// A recovery plan: steps that wait for one another and for the observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: u32,
    /// What the plan answers, in words.
    #[serde(default)]
    pub incident: String,
    /// The steps; where several are ready at the same decision, the first of them is sent.
    pub steps: Vec<Step>,
}

/// One action of a plan, and when it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in its plan.
    pub id: String,
    /// An action as `action_meanings()` spells it, e.g. `restart(auth)`.
    pub action: String,
    /// Ids of the steps that have to be sent or skipped before.
    #[serde(default)]
    pub after: Vec<String>,
    /// What the observation has to show when the step is sent; all of them.
    #[serde(default)]
    pub preconditions: Vec<Precondition>,
    /// Seconds between the end of the last of `after`, or the plan's submission, and the first look at the preconditions.
    #[serde(default)]
    pub wait_s: f64,
    /// Seconds from the first look in which the step may become ready; with 0 it is looked at once.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: f64,
    /// What a step that has not become ready in time means for the others.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// Why, in words.
    #[serde(default)]
    pub reason: String,
}

/// A comparison of one feature of the observation with a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precondition {
    /// A name of `observation_names()`, e.g. `service.auth.error_ratio`; a feature `p99_latency` may be called
    /// `p99_latency_ms`, with a threshold in milliseconds.
    pub metric: String,
    /// How the metric is compared with the threshold.
    pub operator: Operator,
    /// What the metric is compared with.
    pub threshold: f64,
}

/// What a step that has not become ready in time means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnTimeout {
    /// The step is left out, and those after it go on as if it had been sent.
    #[default]
    Skip,
    /// The plan ends: no further step is sent.
    Abort,
}

fn default_timeout_s() -> f64 {
    60.0
}

impl Plan {
    /// The plan in a JSON text.
    ///
    /// # Errors
    /// What is wrong with the text, with line and column; whether the plan fits a topology is the validator's to say.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        serde_json::from_str(text).map_err(|error| PlanError::Json(error.to_string().replace('\n', " ")))
    }

    /// The plan as indented JSON, which reads again to an equal plan where its numbers are finite.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists only: there is nothing that JSON cannot say.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
