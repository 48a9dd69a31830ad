//! What can be wrong with a checkpoint that is read.

use std::path::PathBuf;

use thiserror::Error;

/// Why a checkpoint could not be used; nothing was loaded.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// There is no checkpoint at the path.
    #[error("{}: no checkpoint here: {reason}", path.display())]
    NotFound {
        /// What was asked for.
        path: PathBuf,
        /// What was looked for and is missing.
        reason: String,
    },
    /// A file exists and cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file's content is not what was written.
    #[error("{}: corrupt: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The policy is sound, and made for another environment.
    #[error("{}: made for another environment: {reason}", path.display())]
    Schema {
        /// The policy file.
        path: PathBuf,
        /// Whether observations or actions differ, and how.
        reason: String,
    },
}

impl CheckpointError {
    /// The exit code of a command that fails with this error: 3 for corrupt data, 2 for anything the user asked wrongly.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Corrupt { .. } => 3,
            Self::NotFound { .. } | Self::Unreadable { .. } | Self::Schema { .. } => 2,
        }
    }
}
