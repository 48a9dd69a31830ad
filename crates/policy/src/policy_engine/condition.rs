//! A policy's condition: a metric of the observation, an operator and a threshold.

use std::fmt;

use microcloud_core::observation::{GLOBAL_FEATURES, NODE_FEATURES, SERVICE_FEATURES, ZONE_FEATURES, latency_feature};
use serde::{Deserialize, Serialize};

use crate::nearest_name;

/// Names of the described system for features of a service.
const ALIASES: [(&str, &str); 6] = [
    ("latency", "p99_latency"),
    ("latency_30s", "p99_latency_30s"),
    ("error_rate", "error_ratio"),
    ("error_rate_30s", "error_ratio_30s"),
    ("cpu", "utilisation"),
    ("cpu_30s", "utilisation_30s"),
];

/// The comparisons by their signs.
const OPERATORS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

/// What a metric is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A service.
    Service,
    /// A node.
    Node,
    /// A zone.
    Zone,
    /// The cluster as users see it.
    Global,
}

/// How a metric is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// `metric operator threshold`, e.g. `latency > 0.5`.
///
/// A metric is a feature of the observation: `error_ratio`, or `service.error_ratio`, of a service, `node.disk`,
/// `zone.error_ratio` or `global.load` of what their names say. `error_rate`, `cpu` and `latency` are other names of
/// `error_ratio`, `utilisation` and `p99_latency`. Latencies are in seconds, everything else as it stands in the observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    text: String,
    pub(super) kind: Kind,
    pub(super) feature: String,
    pub(super) comparison: Comparison,
    /// In the observation's scale.
    pub(super) threshold: f64,
}

impl Condition {
    /// Whether a value of the observation meets the condition.
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Above => value > self.threshold,
            Comparison::AtLeast => value >= self.threshold,
            Comparison::Below => value < self.threshold,
            Comparison::AtMost => value <= self.threshold,
            Comparison::Equal => value == self.threshold,
            Comparison::NotEqual => value != self.threshold,
        }
    }

    /// The condition as the file has it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether callers show the symptom because of what they call: errors and latency travel up, load does not.
    pub(super) fn travels_up(&self) -> bool {
        self.kind == Kind::Service && (self.feature.starts_with("error") || self.feature.starts_with("p99"))
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let form = "allowed: `metric operator threshold`, e.g. `latency > 0.5`";
        let is_sign = |letter: char| "><=!".contains(letter);
        let Some(at) = text.find(is_sign) else {
            let words: Vec<&str> = text.split_whitespace().collect();
            return Err(match words[..] {
                [_, operator, _] => format!("condition `{text}`: {}", unknown_operator(operator)),
                _ => format!("condition `{text}` has no operator; {form}"),
            });
        };
        let signs = text[at..].find(|letter| !is_sign(letter)).unwrap_or(text.len() - at);
        let (sign, metric, number) = (&text[at..at + signs], text[..at].trim(), text[at + signs..].trim());
        let comparison = OPERATORS.iter().find(|(known, _)| *known == sign).map(|(_, comparison)| *comparison);
        let comparison = comparison.ok_or_else(|| format!("condition `{text}`: {}", unknown_operator(sign)))?;
        let threshold: f64 = number
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| format!("condition `{text}`: threshold `{number}` is not a finite number; {form}"))?;
        let (kind, feature) = metric_of(metric).map_err(|error| format!("condition `{text}`: {error}"))?;
        let is_latency = matches!(feature, "p99_latency" | "p99_latency_30s");
        // A latency is scaled to [0, 1) by a function that knows no negative ones.
        let scale = |seconds: f64| f64::from(latency_feature((seconds.max(0.0) * 1000.0) as f32));
        let threshold = if is_latency { scale(threshold) } else { threshold };
        Ok(Self { kind, feature: feature.to_owned(), comparison, threshold, text })
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> String {
        condition.text
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Kind {
    /// The first part of the names of its features.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Service => "service",
            Kind::Node => "node",
            Kind::Zone => "zone",
            Kind::Global => "global",
        }
    }
}

fn unknown_operator(operator: &str) -> String {
    format!("unknown operator `{operator}`; allowed: >, >=, <, <=, ==, !=")
}

/// What a metric is about, and the feature that it stands for.
fn metric_of(metric: &str) -> Result<(Kind, &'static str), String> {
    let (kind, name) = metric.split_once('.').unwrap_or(("service", metric));
    let found = match kind {
        "service" => Some((Kind::Service, &SERVICE_FEATURES[..])),
        "node" => Some((Kind::Node, &NODE_FEATURES[..])),
        "zone" => Some((Kind::Zone, &ZONE_FEATURES[..])),
        "global" => Some((Kind::Global, &GLOBAL_FEATURES[..])),
        _ => None,
    };
    let meant = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, feature)| *feature);
    let feature = found.and_then(|(kind, features)| Some((kind, *features.iter().find(|feature| **feature == meant)?)));
    feature.ok_or_else(|| {
        let prefixed = |kind: &str, features: &[&str]| -> Vec<String> {
            features.iter().map(|feature| format!("{kind}.{feature}")).collect()
        };
        let mut allowed: Vec<String> = ALIASES.iter().map(|(alias, _)| (*alias).to_owned()).collect();
        allowed.extend(SERVICE_FEATURES.map(str::to_owned));
        allowed.extend(prefixed("node", &NODE_FEATURES));
        allowed.extend(prefixed("zone", &ZONE_FEATURES));
        allowed.extend(prefixed("global", &GLOBAL_FEATURES));
        let nearest = nearest_name(metric, allowed.iter().map(String::as_str));
        let nearest = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        format!("unknown metric `{metric}`{nearest}; allowed: {}", allowed.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Result<Condition, String> {
        Condition::try_from(text.to_owned())
    }

    #[test]
    fn metric_operator_and_threshold_are_told_apart() -> Result<(), String> {
        for (text, kind, feature, comparison) in [
            ("latency > 0.5", Kind::Service, "p99_latency", Comparison::Above),
            ("error_rate>=0.05", Kind::Service, "error_ratio", Comparison::AtLeast),
            ("service.cpu < 0.2", Kind::Service, "utilisation", Comparison::Below),
            ("node.disk <= 0.9", Kind::Node, "disk", Comparison::AtMost),
            ("zone.ready == 1", Kind::Zone, "ready", Comparison::Equal),
            ("global.load != 1e0", Kind::Global, "load", Comparison::NotEqual),
        ] {
            let read = condition(text)?;
            assert_eq!((read.kind, read.feature.as_str(), read.comparison), (kind, feature, comparison), "{text}");
        }
        Ok(())
    }

    #[test]
    fn a_latency_is_in_seconds() -> Result<(), String> {
        let half = condition("latency > 0.5")?;
        assert!(!half.holds(f64::from(latency_feature(499.0))) && half.holds(f64::from(latency_feature(501.0))));
        Ok(())
    }

    #[test]
    fn operators_differ_at_the_threshold() -> Result<(), String> {
        for (sign, expected) in [(">", false), (">=", true), ("<", false), ("<=", true), ("==", true), ("!=", false)] {
            assert_eq!(condition(&format!("memory {sign} 0.5"))?.holds(0.5), expected, "{sign}");
        }
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_allowed() {
        for (text, expected) in [
            ("latencyy > 0.5", "unknown metric `latencyy`; did you mean `latency`?"),
            ("pod.cpu > 0.5", "unknown metric `pod.cpu`"),
            ("latency >> 0.5", "unknown operator `>>`; allowed: >, >=, <, <=, ==, !="),
            ("latency = 0.5", "unknown operator `=`"),
            ("latency gt 0.5", "unknown operator `gt`"),
            ("latency > high", "threshold `high` is not a finite number"),
            ("latency > nan", "threshold `nan` is not a finite number"),
            ("latency", "has no operator"),
        ] {
            let message = condition(text).err().unwrap_or_default();
            assert!(message.contains(expected) && !message.contains('\n'), "{text}: {message}");
        }
    }
}
