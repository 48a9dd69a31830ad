//! The evaluation on test levels that ends a run: the best checkpoint beside the baselines.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use microcloud_core::{Split, Topology};
use microcloud_eval::{Contender, EvaluationConfig, EvaluationError, EvaluationLevels, Progress, evaluate};

use super::files::write_whole;
use crate::config::TrainConfig;
use crate::error::TrainError;

/// The baselines that every run is compared with.
const BASELINES: [&str; 5] = ["no-op", "random", "threshold-rules", "calibrated-rules", "oracle"];

/// The baseline to win against: every row has its difference to it.
const RIVAL: &str = "calibrated-rules";

struct StopFlag<'a>(&'a AtomicBool);

impl Progress for StopFlag<'_> {
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Plays a run's best checkpoint and the baselines on test levels and writes what each level came to into the run's folder
/// (`evaluation_levels.json`); gives the content of `evaluation.json` and a table, or nothing where `stop` became true.
///
/// # Errors
/// A checkpoint that cannot be used, levels that do not exist, threads that the system does not give, a full disk.
pub fn final_evaluation(
    topology: &Arc<Topology>,
    config: &TrainConfig,
    run: &Path,
    stop: &AtomicBool,
) -> Result<Option<(String, String)>, TrainError> {
    let mut contenders = Vec::new();
    for name in BASELINES {
        contenders.push(Contender::baseline(name).map_err(|error| TrainError::Usage(error.to_string()))?);
    }
    contenders.push(Contender::checkpoint(run)?);
    let settings = EvaluationConfig {
        split: Split::Test,
        episodes: config.final_episodes,
        control_episodes: config.final_control_episodes,
        seed: 0,
        threads: config.threads,
    };
    match evaluate(&settings, std::slice::from_ref(topology), &contenders, None, &StopFlag(stop)) {
        Ok(mut report) => {
            report.compare_with(RIVAL).map_err(|error| TrainError::Usage(error.to_string()))?;
            if let Some(levels) = EvaluationLevels::beside(&run.join("evaluation.json")) {
                write_whole(&levels, report.levels.to_json().as_bytes())?;
            }
            Ok(Some((report.to_json(), report.to_string())))
        }
        Err(EvaluationError::Interrupted) => Ok(None),
        Err(error) => Err(TrainError::Usage(error.to_string())),
    }
}
