//! Detection rules from a file of the user's: TOML, JSON or YAML, with S1's fields.

use std::{fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use super::{Rule, TextFileError, read_text_file};

/// The rules of a file: a list of them, or a table whose only key is `rules`.
///
/// Each rule has the fields of [`Rule`]; nothing else needs to change for a rule to be watched:
///
/// ```yaml
/// rules:
///   - name: queue_long
///     metric_name: service.queue
///     operator: gte
///     threshold: 0.5
///     window_seconds: 30
///     severity: 2
/// ```
///
/// # Errors
/// A file that cannot be read or does not hold rules. Whether metrics exist depends on the topology:
/// [`Detector::new`](super::Detector::new) says so.
pub fn read_rules(path: &Path) -> Result<Vec<Rule>, TextFileError> {
    read_text_file::<RuleList>(path).map(|RuleList(rules)| rules)
}

/// Rules with or without the key `rules` around them.
struct RuleList(Vec<Rule>);

impl<'de> Deserialize<'de> for RuleList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RuleListVisitor).map(Self)
    }
}

struct RuleListVisitor;

impl<'de> Visitor<'de> for RuleListVisitor {
    type Value = Vec<Rule>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of rules, or a table with the key `rules`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
        let mut rules = None;
        while let Some(key) = table.next_key::<String>()? {
            match key.as_str() {
                "rules" | "Rules" if rules.is_none() => rules = Some(table.next_value()?),
                "rules" | "Rules" => return Err(de::Error::duplicate_field("rules")),
                _ => return Err(de::Error::unknown_field(&key, &["rules"])),
            }
        }
        rules.ok_or_else(|| de::Error::missing_field("rules"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use microcloud_core::{Scenario, Topology};

    use crate::detector::{Detector, Operator, Severity};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const TOML: &str = "[[rules]]\nname = \"queue_long\"\nmetric_name = \"service.queue\"\noperator = \"gte\"\n\
                        threshold = 0.5\nwindow_seconds = 5\nseverity = 2\n";
    const JSON: &str = r#"[{"Name": "queue_long", "MetricName": "service.queue", "Operator": "gte", "Threshold": 0.5,
                           "WindowSeconds": 5, "Severity": 2}]"#;
    const YAML: &str = "rules:\n  - Name: queue_long\n    MetricName: service.queue\n    Operator: gte\n    \
                        Threshold: 0.5\n    WindowSeconds: 5\n    Severity: 2\n";

    fn read(ending: &str, text: &str) -> Result<Vec<Rule>, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(format!("rules.{ending}"));
        std::fs::write(&path, text)?;
        Ok(read_rules(&path)?)
    }

    fn refusal(ending: &str, text: &str) -> String {
        read(ending, text).map_or_else(|error| error.to_string(), |rules| format!("accepted {rules:?}"))
    }

    #[test]
    fn a_rule_added_in_a_file_of_any_notation_opens_incidents_that_name_it() -> Outcome {
        let topology: Arc<Topology> = Topology::new(Scenario::load("spine12")?)?;
        let column = topology.observation_index("service.auth.queue").ok_or("no such feature")?;
        let mut observation = vec![0.0; topology.observation_size()];
        observation[column] = 0.6;
        for (ending, text) in [("toml", TOML), ("json", JSON), ("yaml", YAML), ("yml", YAML)] {
            let rules = read(ending, text)?;
            let rule = rules.first().ok_or("no rule")?;
            assert_eq!((rule.operator, rule.severity, rule.window_seconds), (Operator::Gte, Severity::Medium, 5));
            let detector = Detector::new(rules, &topology)?;
            let mut state = detector.start();
            detector.observe(&mut state, &observation);
            let incidents = detector.incidents(&state);
            assert_eq!(incidents.len(), 1);
            assert_eq!((incidents[0].rule_name.as_str(), incidents[0].target.as_str()), ("queue_long", "auth"));
        }
        Ok(())
    }

    #[test]
    fn what_is_left_out_is_as_in_the_described_system() -> Outcome {
        let rules =
            read("yaml", "- name: slow\n  metric_name: service.p99_latency_ms\n  operator: gt\n  severity: 1\n")?;
        assert_eq!((rules[0].threshold, rules[0].window_seconds), (50.0, 30));
        Ok(())
    }

    #[test]
    fn a_malformed_file_is_answered_on_one_line_with_the_line_at_fault() {
        let cases = [
            ("toml", TOML.replace("severity = 2", "severity = 5"), ":7: severity = 5; allowed: 1 (low)"),
            (
                "toml",
                TOML.replace("window_seconds = 5", "window_seconds = -5"),
                ":6: window_seconds = -5; allowed: whole",
            ),
            ("toml", TOML.replace("operator = \"gte\"", "operator = "), ":4: "),
            (
                "json",
                JSON.replace("\"WindowSeconds\": 5", "\"WindowSeconds\": 0"),
                ":2: window_seconds = 0; allowed: whole",
            ),
            ("json", JSON.replace("}]", ""), ":2: "),
            ("yaml", YAML.replace("Severity: 2", "Severity: -1"), ":7: "),
            ("yaml", YAML.replace("Operator: gte", "Operator: ge"), ":4: "),
            ("yaml", YAML.replace("Operator: gte", "Operator: [gte"), ":"),
            ("yaml", YAML.replace("Threshold", "Treshold"), ":5: "),
            ("yaml", "colour: 1\n".to_owned(), ":1: "),
            ("ini", TOML.to_owned(), "rules.ini: unknown ending; allowed: .toml"),
        ];
        for (ending, text, expected) in cases {
            let message = refusal(ending, &text);
            assert!(message.contains(expected) && !message.contains('\n'), "{ending}: {message}");
        }
        let missing = read_rules(Path::new("no/such.yaml")).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(missing.starts_with("no/such.yaml: cannot be read"), "{missing}");
    }
}
