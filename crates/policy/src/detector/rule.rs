//! A detection rule, with the fields that S1 gives it.

use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

/// The longest window: a day.
pub const LONGEST_WINDOW_S: u32 = 86_400;

/// Compares the mean of a metric over a window with a threshold.
///
/// In files the fields may also have S1's spelling: `Name`, `MetricName`, `Operator`, `Threshold`, `WindowSeconds`,
/// `Severity`. A threshold that is left out is S1's 50, a window that is left out S1's 30 seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The rule's name, unique in its set.
    #[serde(alias = "Name")]
    pub name: String,
    /// `<kind>.<feature>` of the observation, kind being `service`, `node`, `zone` or `global`, e.g. `service.error_ratio`;
    /// `p99_latency_ms` stands for the feature `p99_latency` with a threshold in milliseconds.
    #[serde(alias = "MetricName")]
    pub metric_name: String,
    /// How the metric is compared with the threshold.
    #[serde(alias = "Operator")]
    pub operator: Operator,
    /// What the metric is compared with, in the metric's unit.
    #[serde(alias = "Threshold", default = "default_threshold")]
    pub threshold: f64,
    /// Length of the window in seconds, from 1 to 86 400; at least one observation.
    #[serde(alias = "WindowSeconds", default = "default_window_seconds", deserialize_with = "window_seconds")]
    pub window_seconds: u32,
    /// How grave an incident of this rule is.
    #[serde(alias = "Severity")]
    pub severity: Severity,
}

fn default_threshold() -> f64 {
    50.0
}

fn default_window_seconds() -> u32 {
    30
}

/// A window from a file, where a negative number deserves the same answer as zero.
fn window_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if seconds.fract() == 0.0 && (1.0..=f64::from(LONGEST_WINDOW_S)).contains(&seconds) {
        Ok(seconds as u32)
    } else {
        Err(de::Error::custom(format!(
            "window_seconds = {seconds}; allowed: whole seconds from 1 to {LONGEST_WINDOW_S}"
        )))
    }
}

/// A comparison of a metric with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// Greater than the threshold.
    Gt,
    /// Greater than or equal to the threshold.
    Gte,
    /// Less than the threshold.
    Lt,
    /// Less than or equal to the threshold.
    Lte,
    /// Equal to the threshold.
    Eq,
}

impl Operator {
    /// Whether `value` compares so with `threshold`.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Operator::Gt => value > threshold,
            Operator::Gte => value >= threshold,
            Operator::Lt => value < threshold,
            Operator::Lte => value <= threshold,
            Operator::Eq => value == threshold,
        }
    }

    /// The comparison's sign in texts.
    pub fn sign(self) -> &'static str {
        match self {
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::Eq => "=",
        }
    }
}

/// How grave an incident is, 1 to 4 in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u8")]
pub enum Severity {
    /// 1
    Low = 1,
    /// 2
    Medium = 2,
    /// 3
    High = 3,
    /// 4
    Critical = 4,
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> u8 {
        severity as u8
    }
}

impl TryFrom<u8> for Severity {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Self::try_from(i64::from(number))
    }
}

impl TryFrom<i64> for Severity {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            1 => Ok(Severity::Low),
            2 => Ok(Severity::Medium),
            3 => Ok(Severity::High),
            4 => Ok(Severity::Critical),
            _ => Err(format!("severity = {number}; allowed: 1 (low), 2 (medium), 3 (high), 4 (critical)")),
        }
    }
}

/// Why a set of rules does not fit.
#[derive(Debug, Error)]
pub enum RuleError {
    /// Two rules share a name.
    #[error("rule `{0}` stands there twice; allowed: once")]
    Duplicate(String),
    /// The threshold compares with nothing.
    #[error("rule `{rule}`: threshold = {threshold}; allowed: a finite number")]
    Threshold {
        /// The rule.
        rule: String,
        /// Its threshold.
        threshold: f64,
    },
    /// The window is empty or longer than a day.
    #[error("rule `{rule}`: window_seconds = {window_seconds}; allowed: whole seconds from 1 to {LONGEST_WINDOW_S}")]
    Window {
        /// The rule.
        rule: String,
        /// Its window.
        window_seconds: u32,
    },
    /// No value of the metric compares so with the threshold.
    #[error(
        "rule `{rule}`: `{metric_name} {sign} {threshold}` can never hold, since features lie in [-{bound}, {bound}] \
         (ratios are shares, 0.85 and not 85)",
        bound = microcloud_core::observation::BOUND
    )]
    NeverHolds {
        /// The rule.
        rule: String,
        /// The metric that it names.
        metric_name: String,
        /// The comparison's sign.
        sign: &'static str,
        /// Its threshold.
        threshold: f64,
    },
    /// The observation has no such metric.
    #[error("rule `{rule}`: unknown metric_name `{metric_name}`{nearest}; allowed: {allowed}")]
    UnknownMetric {
        /// The rule.
        rule: String,
        /// The metric that it names.
        metric_name: String,
        /// The nearest metric as a question, or nothing.
        nearest: String,
        /// The metrics of the observation.
        allowed: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_with_the_fields_of_its_file_and_no_others() {
        let text = "name = \"cpu_high\"\nmetric_name = \"service.utilisation\"\noperator = \"gte\"\nthreshold = 0.85\n\
                    window_seconds = 30\nseverity = 3\n";
        let rule: Result<Rule, _> = toml::from_str(text);
        assert!(rule.is_ok_and(|rule| rule.operator == Operator::Gte && rule.severity == Severity::High));
        assert!(toml::from_str::<Rule>(&format!("{text}color = 1\n")).is_err());
        assert!(toml::from_str::<Rule>(&text.replace("severity = 3", "severity = 5")).is_err());
    }

    #[test]
    fn operators_differ_at_the_threshold() {
        use Operator::{Eq, Gt, Gte, Lt, Lte};
        let at_threshold = [(Gt, false), (Gte, true), (Lt, false), (Lte, true), (Eq, true)];
        for (operator, expected) in at_threshold {
            assert_eq!(operator.holds(5.0, 5.0), expected, "{operator:?}");
        }
    }
}
