//! What can go wrong in an evaluation.

use std::{io, path::PathBuf};

use microcloud_core::Split;
use thiserror::Error;

use crate::PolicyError;

/// Why an evaluation gave no report.
#[derive(Debug, Error)]
pub enum EvaluationError {
    /// A number that must be positive is not.
    #[error("{key} = 0; allowed: 1 or more")]
    Zero {
        /// The setting.
        key: &'static str,
    },
    /// A search's budget does not reach for its first candidates.
    #[error("total_timesteps = {asked}; allowed: {least} or more for these levels")]
    Budget {
        /// Steps asked for.
        asked: u64,
        /// Steps that the first candidates and the last comparison take.
        least: u64,
    },
    /// The scenario has not that many levels of the kind asked for.
    #[error("{scenario}: the split {split} gave {found} of {asked} levels {kind}; allowed: a scenario that has them")]
    TooFewLevels {
        /// The scenario.
        scenario: String,
        /// The split.
        split: Split,
        /// `with a fault` or `without a fault`.
        kind: &'static str,
        /// Levels asked for.
        asked: usize,
        /// Levels found.
        found: usize,
    },
    /// A policy could not be made for a scenario.
    #[error("policy `{policy}` on {scenario}: {source}")]
    Policy {
        /// The policy.
        policy: String,
        /// The scenario.
        scenario: String,
        /// What its maker said.
        source: PolicyError,
    },
    /// An episode's record could not be written.
    #[error("{}: cannot write: {source}", file.display())]
    Record {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {problem}")]
    Threads {
        /// How many.
        threads: usize,
        /// What the system said.
        problem: String,
    },
    /// Environments could not be stepped together.
    #[error("num_envs = {num_envs}, threads = {threads}: {problem}")]
    Environments {
        /// Environments asked for.
        num_envs: usize,
        /// Threads asked for.
        threads: usize,
        /// What the simulator said.
        problem: String,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}
