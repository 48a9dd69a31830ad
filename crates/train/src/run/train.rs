//! A whole training run as one call: folder, learning, checkpoints, final evaluation.

use std::sync::atomic::AtomicBool;

use microcloud_core::Scenario;

use super::execute::{Outcome, RunSetup, execute};
use super::final_evaluation::final_evaluation;
use super::folder::{Placement, RunFolder};
use super::listener::RunListener;
use super::prepare::PreparedRun;
use crate::config::TrainConfig;
use crate::error::TrainError;

/// A run that is asked for.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The whole configuration, as [`crate::ConfigSources`] resolves it.
    pub config: TrainConfig,
    /// Where it begins or goes on, as [`super::place`] decides.
    pub placement: Placement,
    /// The scenario, where it is not the one that `config.scenario` names; a resumed run has its own, which
    /// this must equal.
    pub scenario: Option<Scenario>,
    /// What `manifest.json` says the run was started by.
    pub command_line: Vec<String>,
}

/// A run that has ended without an error.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedRun {
    /// Its folder.
    pub folder: RunFolder,
    /// How it ended.
    pub outcome: Outcome,
}

/// Trains to the end, or until `stop` becomes true, and evaluates the best checkpoint on test levels; nothing is printed but
/// what `listener` prints.
///
/// # Errors
/// See [`TrainError`]; nothing is created where the scenario or its levels are wrong, and `exit.json` says how a run ended that
/// had begun.
pub fn train(request: RunRequest, listener: &mut dyn RunListener, stop: &AtomicBool) -> Result<EndedRun, TrainError> {
    let run = PreparedRun::new(&request)?;
    let (topology, config) = (run.topology, request.config.clone());
    let outcome = execute(RunSetup {
        config: request.config,
        folder: run.folder.clone(),
        resumed: run.resumed,
        learner: run.learner,
        evaluation_task: Box::new(run.evaluation_task),
        labels: run.labels,
        listener,
        stop,
        final_evaluation: &|folder| final_evaluation(&topology, &config, folder, stop),
    })?;
    Ok(EndedRun { folder: run.folder, outcome })
}
