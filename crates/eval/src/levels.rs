//! Outcomes level by level, which an evaluation writes beside `evaluation.json`: what a paired comparison needs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::EpisodeOutcome;

/// What every policy came to on every level; columns, so that a few hundred levels stay within tens of kilobytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationLevels {
    /// Version of this layout.
    pub schema: u32,
    /// The split that the levels are of.
    pub split: String,
    /// What drew the levels.
    pub seed: u64,
    /// Scenarios in the order given.
    pub scenarios: Vec<ScenarioLevels>,
}

/// The levels of a scenario and what each policy came to on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioLevels {
    /// The scenario.
    pub scenario: String,
    /// Levels with faults, in the order of every column.
    pub levels: Vec<u64>,
    /// Levels without.
    pub control_levels: Vec<u64>,
    /// The policies asked for, then no-op and oracle where they were played for the scale alone.
    pub policies: Vec<PolicyLevels>,
}

/// One policy's figures, a value for each level with faults; what does not exist is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyLevels {
    /// The policy.
    pub policy: String,
    /// Sum of the rewards.
    #[serde(rename = "return")]
    pub returns: Vec<f64>,
    /// Good requests over offered ones.
    pub availability: Vec<Option<f64>>,
    /// Mean over decisions of the 99th percentile of response time, in milliseconds.
    pub p99_ms: Vec<Option<f64>>,
    /// Seconds from the first fault's onset to the first incident.
    pub ttd_s: Vec<Option<f64>>,
    /// Seconds from onset to recovery, censored at the episode's end.
    pub ttr_s: Vec<Option<f64>>,
    /// Whether it recovered.
    pub recovered: Vec<Option<bool>>,
    /// Minutes' worth of decisions with more than 1 % of bad requests.
    pub bad_minutes: Vec<f64>,
    /// Actions other than no-op.
    pub actions: Vec<f64>,
    /// Mean cost relative to the initial provisioning.
    pub cost: Vec<Option<f64>>,
    /// The same on the levels without a fault; empty where they were not played.
    pub control: ControlLevels,
}

/// One policy's figures on levels without a fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ControlLevels {
    /// Sum of the rewards.
    #[serde(rename = "return")]
    pub returns: Vec<f64>,
    /// Good requests over offered ones.
    pub availability: Vec<Option<f64>>,
    /// Actions other than no-op.
    pub actions: Vec<f64>,
}

impl EvaluationLevels {
    /// Where the levels of a report in `evaluation` stand: `out_levels.json` beside `out.json`; none where that is no
    /// JSON file's name.
    pub fn beside(evaluation: &Path) -> Option<PathBuf> {
        let stem = evaluation.file_name()?.to_str()?.strip_suffix(".json")?;
        Some(evaluation.with_file_name(format!("{stem}_levels.json")))
    }

    /// The file's text: JSON with a line for each policy.
    pub fn to_json(&self) -> String {
        // Plain structures of strings and numbers always serialise.
        serde_json::to_string(self).unwrap_or_default().replace("{\"policy\":", "\n{\"policy\":") + "\n"
    }

    /// Reads a file's text and checks that every column has a value for each level.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let levels: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if levels.schema != 1 {
            return Err(format!("schema {}; allowed: 1", levels.schema));
        }
        for scenario in &levels.scenarios {
            for policy in &scenario.policies {
                policy.check(scenario.levels.len(), scenario.control_levels.len()).map_err(|column| {
                    format!(
                        "{}, {}: the column {column} has not a value for each level",
                        scenario.scenario, policy.policy
                    )
                })?;
            }
        }
        Ok(levels)
    }
}

impl ScenarioLevels {
    /// The figures of the policy of that name.
    pub fn policy(&self, name: &str) -> Option<&PolicyLevels> {
        self.policies.iter().find(|policy| policy.policy == name)
    }
}

impl PolicyLevels {
    /// The columns of a policy's outcomes.
    pub(crate) fn new(policy: &str, played: &[EpisodeOutcome], control: &[EpisodeOutcome]) -> Self {
        fn column<T>(outcomes: &[EpisodeOutcome], figure: impl Fn(&EpisodeOutcome) -> T) -> Vec<T> {
            outcomes.iter().map(figure).collect()
        }
        Self {
            policy: policy.to_owned(),
            returns: column(played, |outcome| outcome.total_reward),
            availability: column(played, |outcome| outcome.availability),
            p99_ms: column(played, |outcome| outcome.p99_ms),
            ttd_s: column(played, |outcome| outcome.ttd_s),
            ttr_s: column(played, |outcome| outcome.ttr_s),
            recovered: column(played, |outcome| outcome.recovered),
            bad_minutes: column(played, |outcome| outcome.bad_minutes),
            actions: column(played, |outcome| outcome.actions),
            cost: column(played, |outcome| outcome.cost),
            control: ControlLevels {
                returns: column(control, |outcome| outcome.total_reward),
                availability: column(control, |outcome| outcome.availability),
                actions: column(control, |outcome| outcome.actions),
            },
        }
    }

    fn check(&self, levels: usize, control_levels: usize) -> Result<(), &'static str> {
        let columns = [
            ("return", self.returns.len()),
            ("availability", self.availability.len()),
            ("p99_ms", self.p99_ms.len()),
            ("ttd_s", self.ttd_s.len()),
            ("ttr_s", self.ttr_s.len()),
            ("recovered", self.recovered.len()),
            ("bad_minutes", self.bad_minutes.len()),
            ("actions", self.actions.len()),
            ("cost", self.cost.len()),
        ];
        if let Some((column, _)) = columns.iter().find(|(_, length)| *length != levels) {
            return Err(column);
        }
        let control = &self.control;
        let lengths = [control.returns.len(), control.availability.len(), control.actions.len()];
        if lengths == [0; 3] || lengths == [control_levels; 3] { Ok(()) } else { Err("control") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> EvaluationLevels {
        let policy = PolicyLevels {
            policy: "a \"quoted\" name".into(),
            returns: vec![-1.5, -0.1],
            availability: vec![Some(0.5), None],
            p99_ms: vec![None; 2],
            ttd_s: vec![Some(5.0), None],
            ttr_s: vec![Some(60.0), None],
            recovered: vec![Some(true), None],
            bad_minutes: vec![0.0; 2],
            actions: vec![1.0; 2],
            cost: vec![Some(1.0); 2],
            control: ControlLevels { returns: vec![0.0], availability: vec![Some(1.0)], actions: vec![0.0] },
        };
        let scenario = ScenarioLevels {
            scenario: "spine12".into(),
            levels: vec![1 << 31, 5],
            control_levels: vec![7],
            policies: vec![policy],
        };
        EvaluationLevels { schema: 1, split: "test".into(), seed: 3, scenarios: vec![scenario] }
    }

    #[test]
    fn a_file_reads_back_equal_with_a_line_for_each_policy() {
        let text = levels().to_json();
        assert_eq!(text.lines().count(), 2);
        assert_eq!(EvaluationLevels::from_json(&text), Ok(levels()));
    }

    #[test]
    fn a_column_that_is_cut_is_refused_by_name() {
        let mut cut = levels();
        cut.scenarios[0].policies[0].ttr_s.pop();
        let problem = EvaluationLevels::from_json(&cut.to_json()).unwrap_err();
        assert!(problem.contains("ttr_s") && problem.contains("spine12"), "{problem}");
        let mut newer = levels();
        newer.schema = 2;
        assert!(EvaluationLevels::from_json(&newer.to_json()).is_err());
    }

    #[test]
    fn the_file_stands_beside_the_report() {
        let beside = |path: &str| EvaluationLevels::beside(Path::new(path));
        assert_eq!(beside("runs/a/evaluation.json"), Some("runs/a/evaluation_levels.json".into()));
        assert_eq!(beside("/dev/null"), None);
    }
}
