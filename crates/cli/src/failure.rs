//! A command's failure: one line for people, one exit code for scripts.

use std::{
    error::Error,
    fmt::{self, Display, Formatter},
    io::{self, Write},
};

use microcloud_core::ScenarioError;
use microcloud_eval::{
    EvaluationError, LogFormat, comparison::ComparisonError, experiment::ExperimentError,
    instructions::InstructionError, oats::OatsError, start_logging,
};
use microcloud_policy::{
    RegistryError, authority::AuthorityError, network::CheckpointError, policy_engine::PolicyFileError,
};

/// Why a command ends without having done what was asked.
#[derive(Debug)]
pub struct Failure {
    exit_code: u8,
    message: String,
}

impl Failure {
    /// Wrong usage or configuration: exit code 2.
    pub fn usage(message: impl Display) -> Self {
        Self { exit_code: 2, message: message.to_string() }
    }

    /// A check that fails, such as rows of a validation: exit code 1.
    pub fn not_held(message: impl Display) -> Self {
        Self { exit_code: 1, message: message.to_string() }
    }

    /// A file that cannot be written: exit code 5.
    pub fn disk(message: impl Display) -> Self {
        Self { exit_code: 5, message: message.to_string() }
    }

    /// A program that ended with a failure of its own.
    pub fn with_code(exit_code: i32, message: impl Display) -> Self {
        Self { exit_code: u8::try_from(exit_code).unwrap_or(1), message: message.to_string() }
    }

    /// Stopped by the user: exit code 130.
    pub fn interrupted() -> Self {
        Self { exit_code: 130, message: "interrupted before the report was complete".to_owned() }
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self { exit_code: error.exit_code(), message: error.to_string() }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::usage(error)
    }
}

impl From<PolicyFileError> for Failure {
    fn from(error: PolicyFileError) -> Self {
        Self { exit_code: error.exit_code(), message: error.to_string() }
    }
}

impl From<AuthorityError> for Failure {
    fn from(error: AuthorityError) -> Self {
        Self { exit_code: error.exit_code(), message: error.to_string() }
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        Self { exit_code: error.exit_code(), message: error.to_string() }
    }
}

impl From<EvaluationError> for Failure {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::Interrupted => Self::interrupted(),
            EvaluationError::Record { .. } => Self::disk(error),
            _ => Self::usage(error),
        }
    }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Evaluation(error) => error.into(),
            _ => Self { exit_code: error.exit_code(), message: error.to_string() },
        }
    }
}

impl From<ComparisonError> for Failure {
    fn from(error: ComparisonError) -> Self {
        Self { exit_code: error.exit_code(), message: error.to_string() }
    }
}

impl From<OatsError> for Failure {
    fn from(error: OatsError) -> Self {
        match error {
            OatsError::Evaluation(error) => error.into(),
            _ => Self { exit_code: error.exit_code(), message: error.to_string() },
        }
    }
}

impl From<InstructionError> for Failure {
    fn from(error: InstructionError) -> Self {
        match error {
            InstructionError::Interrupted => Self::interrupted(),
            _ => Self { exit_code: error.exit_code(), message: error.to_string() },
        }
    }
}

/// Prints a failure on one line to standard error and gives the exit code, 0 where there is none.
pub fn finish(result: Result<(), Failure>) -> u8 {
    let Err(failure) = result else { return 0 };
    let line = failure.message.split_whitespace().collect::<Vec<_>>().join(" ");
    if matches!(start_logging(), Ok(LogFormat::Json)) {
        tracing::error!(exit_code = failure.exit_code, "{line}");
    } else {
        // Where standard error is closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "error: {line}");
    }
    failure.exit_code
}
