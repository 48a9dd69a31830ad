//! What can go wrong in an experiment.

use microcloud_core::{FaultPlanError, ScenarioError};
use microcloud_policy::detector::DetectorError;
use thiserror::Error;

use crate::{EvaluationError, validation::ValidationError};

/// Why an experiment gave no report.
#[derive(Debug, Error)]
pub enum ExperimentError {
    /// A scenario that describes no cluster.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A policy that does not fit, threads that do not start, a caller that asks to stop.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A fault that does not fit.
    #[error(transparent)]
    Fault(#[from] FaultPlanError),
    /// Detectors that do not fit the scenario.
    #[error("detectors: {0}")]
    Detector(#[from] DetectorError),
    /// A fault that nobody knows.
    #[error("unknown fault `{name}`{}; allowed: {allowed}", did_you_mean(.nearest))]
    UnknownFault {
        /// What was asked for.
        name: String,
        /// The name that is nearest to it.
        nearest: Option<String>,
        /// The names and ids.
        allowed: String,
    },
    /// A fault that strikes nothing that the scenario has.
    #[error("fault `{name}` strikes {strikes}, and {scenario} has nothing of the kind; allowed: {allowed}")]
    NoTarget {
        /// The fault.
        name: String,
        /// What it strikes.
        strikes: String,
        /// The scenario.
        scenario: String,
        /// The faults that it can have.
        allowed: String,
    },
    /// A fault without a magnitude, of which the scenario has none by its own.
    #[error("fault `{name}` has no magnitude; allowed: {name}:NUMBER, {unit}")]
    NoMagnitude {
        /// The fault.
        name: String,
        /// What the number is.
        unit: &'static str,
    },
    /// A fault or a command in words that are none.
    #[error("`{text}`: {problem}")]
    Words {
        /// What was written.
        text: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// A number outside its range.
    #[error("{key} = {found}; allowed: {allowed}")]
    OutOfRange {
        /// The setting.
        key: String,
        /// Its value.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// A file that is not an experiment.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A file that is not text.
    #[error("{file}: not a text file; an experiment is TOML in UTF-8")]
    NotText {
        /// The file.
        file: String,
    },
    /// A picture that could not be drawn.
    #[error(transparent)]
    Picture(#[from] ValidationError),
}

impl ExperimentError {
    /// The process exit code: 3 for a corrupt file, 130 for an interruption, 2 for anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotText { .. } => 3,
            Self::Scenario(error) => error.exit_code(),
            Self::Evaluation(EvaluationError::Interrupted) => 130,
            _ => 2,
        }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
