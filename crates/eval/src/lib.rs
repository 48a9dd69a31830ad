//! Runs policies on held-out levels and reports statistics.
//!
//! [`evaluate`] draws levels of a split, plays every policy on the same ones and returns an [`EvaluationReport`]; no-op and
//! oracle are always played, since they are the ends of the score's scale. [`play`] is what lies beneath: one policy on a
//! list of levels, one [`EpisodeOutcome`] each, in the order of the levels. An episode's outcome depends on its level and
//! its policy alone, so neither the number of threads nor the other levels can change it.

mod calibrate;
pub mod comparison;
mod contender;
mod difference;
mod episode;
mod error;
mod evaluate;
pub mod experiment;
mod faults;
mod file;
mod html;
pub mod instructions;
mod levels;
mod logging;
pub mod oats;
pub mod picture;
mod play;
mod record;
mod report;
pub mod speed;
mod statistics;
mod table;
mod throughput;
pub mod validation;

pub use calibrate::{Calibration, CalibrationConfig, calibrate};
pub use contender::{Contender, PolicyError};
pub use difference::{Difference, Estimate, UnknownRival};
pub use episode::EpisodeOutcome;
pub use error::EvaluationError;
pub use evaluate::{EvaluationConfig, evaluate};
pub use faults::{
    FAULT_LEVELS, FaultRow, FaultTableError, LEAST_SHARE, LEAST_SHIFT, PlanRow, REFERENCE, Rival, SymptomRow, WINDOW_S,
    fault_page, fault_row, fault_table, only_fault, rivals, symptoms,
};
pub use file::replace_file;
pub use levels::{ControlLevels, EvaluationLevels, PolicyLevels, ScenarioLevels};
pub use logging::{LogFormat, log_settings, start_logging};
pub use play::{Progress, mean_return, play};
pub use record::Recorder;
pub use report::{ControlStatistics, EvaluationReport, EvaluationRow, ReturnStatistics, Score};
pub use statistics::{bootstrap_ci95, cvar10, mean};
pub use throughput::{Throughput, measure_throughput};
