//! What finds that something is wrong: rules over sliding windows of the observation, and detectors of other kinds.
//!
//! A [`Rule`] compares the mean of one metric over a window with a threshold, for every service, node or zone that has the
//! metric. [`Detector`] holds the rules compiled for one topology; [`DetectorState`] holds one environment's windows and
//! open incidents, and is cheap to clone. [`DetectorSet`] runs rules beside every other detector that a [`DetectorConfig`]
//! asks for, into one stream of incidents. Only observations enter, never the truth.

mod action_success;
mod burn_rate;
mod config;
mod dead_man;
mod engine;
mod error;
mod health_check;
mod incident;
mod metric;
mod observation_detector;
mod rule;
mod rule_file;
mod set;
mod text_file;
mod voter;
mod z_score;

pub use action_success::ActionSuccess;
pub use burn_rate::{BurnRate, BurnRateAlert, BurnRateConfig};
pub use config::DetectorConfig;
pub use dead_man::{DeadMan, DeadManConfig};
pub use engine::{Alarm, Detector, DetectorState, Finding};
pub use error::DetectorError;
pub use health_check::{HealthCheck, HealthCheckConfig};
pub use incident::{Incident, IncidentRow, IncidentTarget};
pub use observation_detector::{Check, ObservationDetector, Verdict};
pub use rule::{LONGEST_WINDOW_S, Operator, Rule, RuleError, Severity};
pub use rule_file::read_rules;
pub use set::{DetectorSet, DetectorSetState, OpenIncident};
pub use text_file::{TextFileError, TextFormat, read_text_file};
pub use voter::{Divisor, Outlier, OutlierConfig, VoterMismatch, VoterMismatchConfig, z_scores};
pub use z_score::{ZScore, ZScoreConfig, bounds, confidence, largest_z};
