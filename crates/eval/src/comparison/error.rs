//! What can go wrong in a comparison.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why runs were not compared.
#[derive(Debug, Error)]
pub enum ComparisonError {
    /// Nothing to compare.
    #[error("{}: {problem}; allowed: run folders of `train`, folders with an evaluation.json, evaluation.json files", path.display())]
    NoRun {
        /// What was given.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The same run given twice, which would count it twice.
    #[error("{}: it is given twice; allowed: every run once", path.display())]
    Twice {
        /// What was given.
        path: PathBuf,
    },
    /// A file that the system does not give.
    #[error("{}: cannot read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is not what its name says.
    #[error("{}: it is corrupt: {problem}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A key to group by that no run's configuration has.
    #[error("no run's config.toml has the key `{key}`{}; allowed: {allowed}", .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownKey {
        /// What was asked for.
        key: String,
        /// The key that is nearest to it.
        nearest: Option<String>,
        /// The keys there are.
        allowed: String,
    },
    /// A picture that cannot be drawn.
    #[error("picture of {what}: {problem}")]
    Picture {
        /// What it shows.
        what: String,
        /// What the library said.
        problem: String,
    },
}

impl ComparisonError {
    /// The exit code: 3 for a corrupt file, 2 for anything else.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Corrupt { .. }) { 3 } else { 2 }
    }
}
