//! Why a set of detectors could not be made.

use thiserror::Error;

use super::{RuleError, TextFileError};
use crate::nearest_name;

/// Why a set of detectors could not be made; each is one line.
#[derive(Debug, Error)]
pub enum DetectorError {
    /// A rule, or another detector's metric, does not fit the topology.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The file that describes the set cannot be read.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// A setting has a value with which the detector cannot work.
    #[error("{detector}.{key} = {value}; allowed: {allowed}")]
    Setting {
        /// The detector's key in the configuration.
        detector: &'static str,
        /// The setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed, and why.
        allowed: String,
    },
    /// A service, node or zone that the topology does not have.
    #[error("{key}: unknown name `{name}`{nearest}; allowed: {allowed}")]
    UnknownTarget {
        /// The setting that names it.
        key: &'static str,
        /// The name.
        name: String,
        /// The nearest name as a question, or nothing.
        nearest: String,
        /// The topology's names.
        allowed: String,
    },
    /// The learned detector's file does not hold one.
    #[error("{file}: corrupt: {reason}")]
    Corrupt {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl DetectorError {
    /// The exit code of a command that fails with this error: 3 for corrupt data, else 2.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Corrupt { .. }) { 3 } else { 2 }
    }

    /// A name that is not among those allowed.
    pub(super) fn unknown_target(key: &'static str, name: &str, allowed: &[String]) -> Self {
        Self::UnknownTarget {
            key,
            name: name.to_owned(),
            nearest: nearest_name(name, allowed.iter().map(String::as_str))
                .map(|nearest| format!("; did you mean `{nearest}`?"))
                .unwrap_or_default(),
            allowed: allowed.join(", "),
        }
    }
}

/// Checks that a setting lies in a range, both ends included.
pub(super) fn check_range(
    detector: &'static str,
    key: &'static str,
    value: f64,
    (low, high): (f64, f64),
) -> Result<(), DetectorError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let allowed = format!("{low} to {high}");
    Err(DetectorError::Setting { detector, key, value: value.to_string(), allowed })
}
