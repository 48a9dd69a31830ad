//! Reading a run's latest checkpoint as a resumed run does, without going on.

use std::path::Path;

use super::checkpoint::{self, PolicyLabels};
use super::execute::take_up_latest;
use super::folder::RunFolder;
use super::prepare::{labels_of, new_task, saved_topology};
use crate::algorithm;
use crate::error::TrainError;
use crate::learner::Learner;

/// Reads the latest checkpoint of one run, as often as it is asked to.
pub struct CheckpointReader {
    folder: RunFolder,
    labels: PolicyLabels,
    learner: Box<dyn Learner>,
}

impl CheckpointReader {
    /// Reads the run's configuration and scenario, and makes a learner to restore.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where there is no run, [`TrainError::Checkpoint`] where these files are not whole.
    pub fn new(run: &Path) -> Result<Self, TrainError> {
        let (folder, config) = RunFolder::open(run)?;
        let topology = saved_topology(run)?;
        let task = new_task(&topology, &config, algorithm::num_envs(&config)?, true)?;
        let learner = algorithm::new_learner(&config, Box::new(task))?;
        Ok(Self { folder, labels: labels_of(&topology, &config), learner })
    }

    /// Reads everything that going on takes, and gives the step; none where the run was stopped before its first checkpoint.
    /// Nothing in the folder is changed.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] with exit code 3 for anything that is not what a run has written.
    pub fn latest(&mut self) -> Result<Option<u64>, TrainError> {
        if !checkpoint::has_any(&self.folder)? {
            return Ok(None);
        }
        take_up_latest(&self.folder, &self.labels, self.learner.as_mut()).map(|state| Some(state.step))
    }
}
