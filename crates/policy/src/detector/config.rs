//! What a set of detectors consists of, as a file holds it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    BurnRateConfig, DeadManConfig, HealthCheckConfig, OutlierConfig, Rule, TextFileError, VoterMismatchConfig,
    ZScoreConfig, read_text_file,
};
use crate::ThresholdRulesConfig;

/// The detectors of a set: threshold rules, and whichever of the others have a table.
///
/// A table that is absent switches its detector off; an empty one, `[zscore]`, switches it on with its defaults. The default
/// is an empty set.
///
/// ```toml
/// runs_on = "anomaly"          # the service that detects; while it is down, only the dead-man alert goes on
///
/// [[rules]]                    # as many as wanted, with S1's fields
/// name = "cpu_high"
/// metric_name = "service.utilisation"
/// operator = "gt"
/// threshold = 0.85
/// window_seconds = 30
/// severity = 3
///
/// [zscore]                     # S3
/// window = 20
/// sensitivity = 2.5
///
/// [health_check]               # S4's monitor
/// failures = 3
/// recoveries = 5
///
/// [dead_man]
/// bound_seconds = 30.0
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorConfig {
    /// The service that detection runs on: while none of its replicas runs, incidents neither open nor resolve, except
    /// those of external detectors. Detection that always runs where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_on: Option<String>,
    /// Threshold rules.
    pub rules: Vec<Rule>,
    /// S3's z-score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zscore: Option<ZScoreConfig>,
    /// Run-length health checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheckConfig>,
    /// The voter's mismatch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voter_mismatch: Option<VoterMismatchConfig>,
    /// S4's literal outlier rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier: Option<OutlierConfig>,
    /// Burn-rate alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burn_rate: Option<BurnRateConfig>,
    /// The dead-man alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_man: Option<DeadManConfig>,
}

impl DetectorConfig {
    /// Every detector with its defaults, and the rules of the baseline threshold-rules.
    pub fn all() -> Self {
        Self {
            runs_on: None,
            rules: ThresholdRulesConfig::default().rules,
            zscore: Some(ZScoreConfig::default()),
            health_check: Some(HealthCheckConfig::default()),
            voter_mismatch: Some(VoterMismatchConfig::default()),
            outlier: Some(OutlierConfig::default()),
            burn_rate: Some(BurnRateConfig::default()),
            dead_man: Some(DeadManConfig::default()),
        }
    }

    /// The configuration in a TOML, JSON or YAML file.
    ///
    /// # Errors
    /// A file that cannot be read or holds something else; one line with file and line number.
    pub fn read(path: &Path) -> Result<Self, TextFileError> {
        read_text_file(path)
    }
}
