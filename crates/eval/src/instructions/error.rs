//! What can go wrong while instructions are counted and compared.

use std::{io, path::PathBuf};

use microcloud_core::ScenarioError;
use thiserror::Error;

/// Why there are no counts, or none to compare with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InstructionError {
    /// valgrind, of which callgrind is a part, is not installed.
    #[error(
        "valgrind is not installed, and counts instructions; `apt-get install valgrind` (Debian, Ubuntu) or `dnf install valgrind` (Fedora) installs it"
    )]
    NoValgrind,
    /// A run under callgrind did not come to its end.
    #[error("valgrind --tool=callgrind {command}: {problem}")]
    Run {
        /// What was run.
        command: String,
        /// What went wrong.
        problem: String,
    },
    /// What callgrind wrote has no count in it.
    #[error("callgrind's output: {problem}")]
    Output {
        /// What is wrong with it.
        problem: String,
    },
    /// There is no folder for callgrind's output.
    #[error("cannot make a temporary folder: {0}")]
    Folder(io::Error),
    /// The stored counts cannot be read.
    #[error("{}: cannot read: {source}; `bench --record {}` writes it", file.display(), file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold counts.
    #[error("{}: no instruction counts: {problem}; `bench --record {}` writes them", file.display(), file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The stored counts are of something else.
    #[error("{}: {problem}; `bench --record {}` replaces them", file.display(), file.display())]
    Incomparable {
        /// The file.
        file: PathBuf,
        /// What the difference is.
        problem: String,
    },
    /// A scenario could not be loaded.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl InstructionError {
    /// The exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output { .. } | Self::Malformed { .. } => 3,
            Self::Folder(_) => 5,
            Self::Interrupted => 130,
            Self::Scenario(error) => error.exit_code(),
            Self::NoValgrind | Self::Run { .. } | Self::Unreadable { .. } | Self::Incomparable { .. } => 2,
        }
    }
}
