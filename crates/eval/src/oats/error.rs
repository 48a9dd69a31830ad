//! What can go wrong with arrays, factors and campaigns.

use microcloud_core::FaultPlanError;
use thiserror::Error;

use super::Array;
use crate::EvaluationError;

/// Why there is no array, no certificate or no campaign.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OatsError {
    /// A name that no array has.
    #[error("unknown array `{name}`{}; allowed: {}", did_you_mean(.nearest), Array::NAMES.join(", "))]
    UnknownArray {
        /// What was asked for.
        name: String,
        /// The name that is nearest to it.
        nearest: Option<String>,
    },
    /// A covering array where an orthogonal one is meant.
    #[error("{name}: no orthogonal array; allowed: L9, L18, L27, L36, L81, L243")]
    NotOrthogonal {
        /// The array.
        name: &'static str,
    },
    /// An array without a column for a factor.
    #[error(
        "{array}: no column is left for `{factor}`, which has {levels} levels; allowed: {columns}, or --array pairwise"
    )]
    NoColumn {
        /// The array.
        array: &'static str,
        /// The factor.
        factor: String,
        /// How many levels it has.
        levels: usize,
        /// The array's columns by levels.
        columns: String,
    },
    /// An orthogonal array whose rows a constraint forbids.
    #[error("{array}: constraint {constraint} forbids row {row}; allowed: --array pairwise, which keeps constraints")]
    Forbidden {
        /// The array.
        array: &'static str,
        /// The constraint's number, from 1.
        constraint: usize,
        /// The row's number, from 1.
        row: usize,
    },
    /// A file of factors that does not read, or factors that make no sense.
    #[error("{origin}: {problem}")]
    Factors {
        /// The file.
        origin: String,
        /// The key, its value and what is allowed.
        problem: String,
    },
    /// A file of factors that is no text.
    #[error("{origin}: not a text file; factors are TOML in UTF-8")]
    NotText {
        /// The file.
        origin: String,
    },
    /// Factors that cannot be played on a scenario.
    #[error("{scenario}: {problem}")]
    Unplayable {
        /// The scenario.
        scenario: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// A row's faults do not fit the scenario.
    #[error("{scenario}: row {row}: {source}")]
    Faults {
        /// The scenario.
        scenario: String,
        /// The row's number, from 1.
        row: usize,
        /// What does not fit.
        source: Box<FaultPlanError>,
    },
    /// The episodes could not be played.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl OatsError {
    /// The process exit code: 3 for a corrupt file, 5 for a disk, 130 for an interruption, 2 for anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotText { .. } => 3,
            Self::Evaluation(EvaluationError::Record { .. }) => 5,
            Self::Evaluation(EvaluationError::Interrupted) => 130,
            _ => 2,
        }
    }
}

pub(super) fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
