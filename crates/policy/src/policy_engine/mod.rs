//! The baseline policy-engine: a YAML file of policies, evaluated every 30 s.
//!
//! An evaluation is a chain of six steps: **fetch** the metrics from the observation, **match** them with the conditions,
//! drop what is on **cooldown**, **execute**, **record** and **set** the cooldown. The environment takes one action a
//! decision, so what an evaluation finds is sent one by one until the next evaluation finds anew.

mod action;
mod condition;
mod engine;
mod file;

use thiserror::Error;

pub use action::EngineAction;
pub use condition::{Comparison, Condition, Kind};
pub use engine::{EngineState, Execution, PolicyEngine};
pub use file::{PolicyFileError, PolicyRule, PolicySet};

/// Why a policy engine could not be made.
#[derive(Debug, Error)]
pub enum PolicyEngineError {
    /// A value that is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// The program's own file.
    #[error(transparent)]
    File(#[from] PolicyFileError),
    /// A policy is about a service that the topology does not have.
    #[error("policy `{policy}`: unknown service `{service}`{nearest}; allowed: *, {allowed}")]
    UnknownService {
        /// The policy.
        policy: String,
        /// The service that it names.
        service: String,
        /// The nearest service as a question, or nothing.
        nearest: String,
        /// The services.
        allowed: String,
    },
}

#[cfg(test)]
mod tests;
