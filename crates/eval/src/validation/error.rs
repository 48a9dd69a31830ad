//! What can go wrong while engines are compared.

use microcloud_core::ScenarioError;
use thiserror::Error;

/// Why a validation gave no rows.
#[derive(Debug, Error)]
pub enum ValidationError {
    /// No rule of the physics.
    #[error("unknown rule `{}`{}; allowed: {allowed}", name.escape_debug(), nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
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
