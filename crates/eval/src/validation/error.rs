//! What can go wrong while engines are compared.

use microcloud_core::{ScenarioError, SnapshotError};
use thiserror::Error;

/// Why a validation gave no rows.
#[derive(Debug, Error)]
pub enum ValidationError {
    /// No rule of the physics.
    #[error("unknown rule `{name}`{}; allowed: {allowed}", nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownRule {
        /// What was asked for.
        name: String,
        /// The rule that is nearest to it.
        nearest: Option<String>,
        /// Every rule.
        allowed: String,
    },
    /// A scenario that describes no cluster.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A cluster could not go on with other constants.
    #[error("a cluster could not be reconfigured: {0}")]
    Reconfigure(#[from] SnapshotError),
    /// A fault could not be played.
    #[error(transparent)]
    Fault(#[from] crate::FaultTableError),
    /// A picture could not be drawn.
    #[error("{file}: cannot be drawn: {problem}")]
    Plot {
        /// The picture.
        file: String,
        /// What the drawing library said.
        problem: String,
    },
}
