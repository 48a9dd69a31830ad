//! Rules over sliding windows of the observation, and the incidents they open.
//!
//! A [`Rule`] compares the mean of one metric over a window with a threshold, for every service, node or zone that has the
//! metric. [`Detector`] holds the rules compiled for one topology; [`DetectorState`] holds one environment's windows and
//! open incidents, and is cheap to clone. Only observations enter, never the truth.

mod engine;
mod incident;
mod rule;

pub use engine::{Alarm, Detector, DetectorState, Finding};
pub use incident::{Incident, IncidentTarget};
pub use rule::{Operator, Rule, RuleError, Severity};
