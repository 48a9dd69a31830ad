//! What can stop a training run.

use std::path::{Path, PathBuf};

use microcloud_core::ScenarioError;
use microcloud_policy::network::CheckpointError;
use thiserror::Error;

/// Why training did not start or did not go on.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A flag or a configuration value is wrong.
    #[error("{0}")]
    Usage(String),
    /// The scenario cannot be used.
    #[error(transparent)]
    Scenario(ScenarioError),
    /// A saved file cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A number stopped being finite; the last checkpoint is sound.
    #[error(
        "training diverged in the update after step {step}: not finite: {what}; the last checkpoint is sound; a lower \
         learning_rate helps where the rewards are"
    )]
    Diverged {
        /// Environment steps taken so far.
        step: u64,
        /// What was found.
        what: String,
    },
    /// A file or folder could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The threads of the trainer could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The system's reason.
        reason: String,
    },
}

impl TrainError {
    /// A file whose content is not what was written; a reason that begins with the file's name loses it.
    pub(crate) fn corrupt(path: &Path, reason: impl ToString) -> Self {
        let reason = reason.to_string();
        let named = format!("{}: ", path.display());
        let reason = reason.strip_prefix(&named).unwrap_or(&reason).to_owned();
        Self::Checkpoint(CheckpointError::Corrupt { path: path.to_owned(), reason })
    }

    /// The exit code of a command that fails with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Threads { .. } => 2,
            Self::Scenario(error) => error.exit_code(),
            Self::Checkpoint(error) => error.exit_code(),
            Self::Diverged { .. } => 4,
            Self::Disk { .. } => 5,
        }
    }
}
