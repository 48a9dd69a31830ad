//! An evaluation.json with the levels beside it.

use std::path::{Path, PathBuf};

use super::{ComparisonError, run::text};
use crate::{EvaluationLevels, EvaluationReport, PolicyLevels, ScenarioLevels, mean};

/// Ratio by which a mean of a row and the mean of its levels may differ: what writing numbers as text costs.
const TOLERANCE: f64 = 1e-9;
/// Algorithms by which the names of trained policies begin.
const ALGORITHMS: [&str; 2] = ["ppo", "dqn"];

/// An evaluation, read.
pub(super) struct Evaluation {
    pub file: PathBuf,
    pub report: EvaluationReport,
    /// Level by level, where the file beside it is there.
    pub levels: Option<EvaluationLevels>,
}

impl Evaluation {
    /// Reads `evaluation.json`, and `evaluation_levels.json` where it is there.
    ///
    /// # Errors
    /// A file of another layout; levels that are not those of the report.
    pub fn read(file: &Path) -> Result<Self, ComparisonError> {
        let corrupt = |file: &Path, problem| ComparisonError::Corrupt { file: file.to_owned(), problem };
        let report: EvaluationReport =
            serde_json::from_str(&text(file)?).map_err(|error| corrupt(file, error.to_string()))?;
        if report.schema != 1 {
            return Err(corrupt(file, format!("schema {}; allowed: 1", report.schema)));
        }
        let beside = EvaluationLevels::beside(file).filter(|beside| beside.exists());
        let levels = match &beside {
            None => None,
            Some(beside) => {
                let levels = EvaluationLevels::from_json(&text(beside)?).map_err(|problem| corrupt(beside, problem))?;
                if !belongs(&levels, &report) {
                    let problem = format!("its levels are not those of {}", file.display());
                    return Err(corrupt(beside, problem));
                }
                Some(levels)
            }
        };
        Ok(Self { file: file.to_owned(), report, levels })
    }

    /// The levels of a scenario.
    pub fn scenario(&self, name: &str) -> Option<&ScenarioLevels> {
        self.levels.as_ref()?.scenarios.iter().find(|scenario| scenario.scenario == name)
    }
}

/// Whether every row is the mean of its levels: an older file may have stayed beside a newer one.
fn belongs(levels: &EvaluationLevels, report: &EvaluationReport) -> bool {
    let found = |row: &crate::EvaluationRow| -> Option<PolicyLevels> {
        let scenario = levels.scenarios.iter().find(|scenario| scenario.scenario == row.scenario)?;
        scenario.policy(&row.policy).filter(|policy| policy.returns.len() == row.episodes).cloned()
    };
    levels.split == report.split
        && report.rows.iter().all(|row| {
            let mean_of_levels = found(row).and_then(|policy| mean(&policy.returns));
            match (mean_of_levels, row.returns.mean) {
                (Some(own), Some(said)) => (own - said).abs() <= TOLERANCE * said.abs().max(1.0),
                _ => false,
            }
        })
}

/// The algorithm of a trained policy's name, `ppo` of `ppo:runs/a`, and its folder; none of a baseline's name.
pub(super) fn trained(policy: &str) -> Option<(&str, &Path)> {
    let (algo, folder) = policy.split_once(':')?;
    ALGORITHMS.contains(&algo).then(|| (algo, Path::new(folder)))
}
