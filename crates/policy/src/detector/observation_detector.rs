//! The trait of detectors in a set: what they check, what they remember, and what they say at each look.

use serde::{Deserialize, Serialize};

use super::{IncidentTarget, Severity};

/// One thing that a detector watches on one target; each opens incidents of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The name that incidents carry; with the target unique in a set.
    pub rule_name: String,
    /// The metric that is watched, `<kind>.<feature>` of the observation.
    pub metric_name: String,
    /// How grave an incident of this check is.
    pub severity: Severity,
    /// What an incident of this check is about.
    pub target: IncidentTarget,
}

/// What a detector said of a check when it last judged it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether something is wrong.
    pub holds: bool,
    /// The value that was judged, in the observation's scale.
    pub value: f64,
    /// What the value was expected to be, or was compared with, in the same scale.
    pub expected: f64,
    /// How far off it was, in the detector's own measure: standard deviations, a share of the bound, a run's length.
    pub score: f64,
}

/// A detector compiled for one topology and shared by all its environments; [`DetectorSet`](super::DetectorSet) runs it.
///
/// A detector sees the observation and nothing else. All it remembers of an environment is a row of finite numbers, so that
/// any detector can be cloned, saved and restored with its environment.
pub trait ObservationDetector: Send + Sync {
    /// What is checked, always the same and in the same order.
    fn checks(&self) -> &[Check];

    /// The memory at an episode's start; its length is the same ever after.
    fn start(&self) -> Vec<f64>;

    /// Takes in the observation of look `look`, counted from 0 at the episode's start, and rewrites the verdicts of the
    /// checks that it judges at this look; there is one place per check, and those not judged stay as they are.
    fn look(&self, look: u64, observation: &[f32], memory: &mut [f64], verdicts: &mut [Verdict]);

    /// A verdict on a check in words, without the check's name and target.
    fn describe(&self, check: usize, verdict: &Verdict) -> String;

    /// Whether it watches from outside, and goes on while the service that the set runs on is down.
    fn is_external(&self) -> bool {
        false
    }
}
