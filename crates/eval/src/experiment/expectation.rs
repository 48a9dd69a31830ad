//! What a description says about a fault, what its own parameters give, and whether the measured value agrees.

use serde::{Deserialize, Serialize};

use super::{ExperimentError, StepReport};

/// A statement about one figure of one step, as an experiment file has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The step that it is about: a fault's name as the experiment has it, or `baseline`.
    pub step: String,
    /// The figure: a name of [`QUANTITIES`].
    pub quantity: String,
    /// `mean`, `min`, `p50`, `p95`, `p99`, `max`, or `range` for all of them, where the figure is a time that spreads.
    #[serde(default = "mean")]
    pub statistic: String,
    /// What the description says, in its words.
    pub claim: String,
    /// The values that the description allows.
    #[serde(default)]
    pub claimed: Option<[f64; 2]>,
    /// The values that the description's own parameters give.
    #[serde(default)]
    pub computed: Option<[f64; 2]>,
    /// How they give it.
    #[serde(default)]
    pub because: String,
}

fn mean() -> String {
    "mean".to_owned()
}

/// An expectation beside what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The step.
    pub step: String,
    /// The figure.
    pub quantity: String,
    /// The statistic.
    pub statistic: String,
    /// What the description says.
    pub claim: String,
    /// The values that it allows.
    pub claimed: Option<[f64; 2]>,
    /// What the description's own parameters give.
    pub computed: Option<[f64; 2]>,
    /// How they give it.
    pub because: String,
    /// What was measured, least and greatest where the statistic is `range`; none where it does not exist.
    pub measured: Option<[f64; 2]>,
    /// Whether it lies within what the description allows: `holds`, `contradicts`, or null without a range or a value.
    pub claim_verdict: Option<&'static str>,
    /// Whether it lies within what the parameters give.
    pub computed_verdict: Option<&'static str>,
}

/// The figures that an expectation may be about.
pub const QUANTITIES: [&str; 16] = [
    "ttd_s",
    "taken_out_s",
    "incident_s",
    "first_action_s",
    "ttr_s",
    "readmission_s",
    "availability",
    "success_ratio",
    "quorum_ratio",
    "p95_ms",
    "p99_ms",
    "detected_ratio",
    "taken_out_ratio",
    "recovered_ratio",
    "actions",
    "incidents",
];
const STATISTICS: [&str; 7] = ["mean", "min", "p50", "p95", "p99", "max", "range"];

impl Expectation {
    /// Whether it is about something that there is.
    pub(super) fn check<'a>(&self, mut steps: impl Iterator<Item = &'a str>) -> Result<(), ExperimentError> {
        let known = |key: &str, found: &str, allowed: &[&str]| {
            if allowed.contains(&found) {
                return Ok(());
            }
            Err(ExperimentError::OutOfRange {
                key: format!("expectations.{key}"),
                found: format!("\"{found}\""),
                allowed: allowed.join(", "),
            })
        };
        known("quantity", &self.quantity, &QUANTITIES)?;
        known("statistic", &self.statistic, &STATISTICS)?;
        for (key, range) in [("claimed", self.claimed), ("computed", self.computed)] {
            if let Some([low, high]) = range.filter(|[low, high]| low > high || low.is_nan() || high.is_nan()) {
                return Err(ExperimentError::OutOfRange {
                    key: format!("expectations.{key}"),
                    found: format!("[{low}, {high}]"),
                    allowed: "the least and the most".to_owned(),
                });
            }
        }
        if steps.any(|step| step == self.step) {
            return Ok(());
        }
        Err(ExperimentError::OutOfRange {
            key: "expectations.step".to_owned(),
            found: format!("\"{}\"", self.step),
            allowed: "baseline, or a fault of the experiment by the name that it has there".to_owned(),
        })
    }

    /// The expectation beside the figure of its step.
    pub(super) fn beside(&self, steps: &[StepReport]) -> Finding {
        let step = steps.iter().find(|step| step.name == self.step);
        let measured = step.and_then(|step| measured(step, &self.quantity, &self.statistic));
        let verdict = |range: Option<[f64; 2]>| {
            let ([low, high], [least, most]) = (range?, measured?);
            // A figure on the edge of a range is in it, whatever the last digit of a sum of ticks.
            let room = 1e-9 * high.abs().max(1.0);
            Some(if least >= low - room && most <= high + room { "holds" } else { "contradicts" })
        };
        Finding {
            step: self.step.clone(),
            quantity: self.quantity.clone(),
            statistic: self.statistic.clone(),
            claim: self.claim.clone(),
            claimed: self.claimed,
            computed: self.computed,
            because: self.because.clone(),
            measured,
            claim_verdict: verdict(self.claimed),
            computed_verdict: verdict(self.computed),
        }
    }
}

fn measured(step: &StepReport, quantity: &str, statistic: &str) -> Option<[f64; 2]> {
    let spread = match quantity {
        "ttd_s" => step.ttd_s,
        "taken_out_s" => step.taken_out_s,
        "incident_s" => step.incident_s,
        "first_action_s" => step.first_action_s,
        "ttr_s" => step.ttr_s,
        "readmission_s" => step.readmission_s,
        _ => None,
    };
    if let Some(spread) = spread {
        let one = || spread.statistic(statistic).map(|value| [value, value]);
        return if statistic == "range" { Some([spread.min, spread.max]) } else { one() };
    }
    let value = match quantity {
        "availability" => step.availability,
        "success_ratio" => step.success_ratio,
        "quorum_ratio" => step.quorum_ratio,
        "p95_ms" => step.p95_ms,
        "p99_ms" => step.p99_ms,
        "detected_ratio" => step.detected_ratio,
        "taken_out_ratio" => step.taken_out_ratio,
        "recovered_ratio" => step.recovered_ratio,
        "actions" => Some(step.actions),
        "incidents" => Some(step.incidents),
        _ => None,
    };
    value.map(|value| [value, value])
}
