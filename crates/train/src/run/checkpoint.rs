//! Checkpoint folders: writing them whole, and reading the latest one back to go on from it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use microcloud_policy::network::{CheckpointError, MANIFEST_FILE, POLICY_FILE, PolicyFile, resolve, verified_file};
use safetensors::SafeTensorError;

use super::files::{disk, json, write_folder, write_whole};
use super::folder::RunFolder;
use super::manifest;
use super::state::RunState;
use super::trainer_file;
use crate::error::TrainError;
use crate::saved_learner::SavedLearner;

const TRAINER_FILE: &str = "trainer.safetensors";
const STATE_FILE: &str = "state.json";
/// Written before the first checkpoint, and renamed to `latest` after it: where it is found without `latest`, a run was killed
/// between the two, and nothing is lost.
const FIRST_LATEST: &str = "latest.tmp";

/// What a policy file says about where its policy belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLabels {
    /// The algorithm's name.
    pub algo: String,
    /// The scenario's name.
    pub scenario: String,
    /// Hash of the observation names.
    pub observation_schema: String,
    /// Hash of the action meanings.
    pub action_schema: String,
}

/// Name of the checkpoint of a step, nine digits or more.
pub fn checkpoint_name(step: u64) -> String {
    format!("{step:09}")
}

/// The folder of the checkpoint of a step.
pub fn checkpoint_path(folder: &RunFolder, step: u64) -> PathBuf {
    folder.join("checkpoints").join(checkpoint_name(step))
}

/// Writes the checkpoint of `state.step` and points `latest` at it. Equal runs write equal bytes.
pub fn write(
    folder: &RunFolder,
    labels: &PolicyLabels,
    mut saved: SavedLearner,
    state: &RunState,
) -> Result<PathBuf, TrainError> {
    let path = checkpoint_path(folder, state.step);
    let refused = |error: SafeTensorError| TrainError::Disk {
        path: path.clone(),
        source: std::io::Error::other(error.to_string()),
    };
    let state_file = state.to_file(&mut saved);
    let policy = PolicyFile {
        network: saved.network,
        algo: labels.algo.clone(),
        scenario: labels.scenario.clone(),
        observation_schema: labels.observation_schema.clone(),
        action_schema: labels.action_schema.clone(),
    };
    let mut files = vec![
        (POLICY_FILE, policy.to_bytes().map_err(refused)?),
        (TRAINER_FILE, trainer_file::to_bytes(&saved.tensors).map_err(refused)?),
        (STATE_FILE, json(&state_file)),
    ];
    let provenance = BTreeMap::from([
        ("version".to_owned(), env!("CARGO_PKG_VERSION").into()),
        ("algo".to_owned(), labels.algo.clone().into()),
        ("scenario".to_owned(), labels.scenario.clone().into()),
        ("step".to_owned(), state.step.into()),
    ]);
    files.push((MANIFEST_FILE, manifest::sealed(&files, provenance)));
    let first = folder.join("checkpoints").join(FIRST_LATEST);
    let announced = folder.join("checkpoints").join("latest").symlink_metadata().is_err();
    if announced {
        std::fs::write(&first, b"").map_err(disk(&first))?;
    }
    let written = write_folder(&path, &files).and_then(|()| point(folder, "latest", state.step));
    if written.is_err() && announced {
        let _ = std::fs::remove_file(&first);
    }
    written.map(|()| path)
}

/// Points `latest` or `best` at the checkpoint of a step.
pub fn point(folder: &RunFolder, pointer: &str, step: u64) -> Result<(), TrainError> {
    write_whole(&folder.join("checkpoints").join(pointer), format!("{}\n", checkpoint_name(step)).as_bytes())
}

/// Reads the checkpoint that `latest` names, after all its checksums were found right.
///
/// # Errors
/// [`TrainError::Checkpoint`] with exit code 3 for anything that is not what a run has written.
pub fn read_latest(folder: &RunFolder, labels: &PolicyLabels) -> Result<(SavedLearner, RunState), TrainError> {
    let latest = folder.join("checkpoints").join("latest");
    let path = resolve(&latest).map_err(|error| match error {
        CheckpointError::NotFound { path, .. } => {
            TrainError::corrupt(&path, "it is missing, and there are checkpoints")
        }
        error => error.into(),
    })?;
    // A run that has not been evaluated yet has no best checkpoint.
    if let Err(error @ CheckpointError::Corrupt { .. }) = resolve(&folder.join("checkpoints").join("best")) {
        return Err(error.into());
    }
    let (saved, state) = read(&path, labels)?;
    if let Some(best) = state.best.map(|best| checkpoint_path(folder, best.step))
        && !best.join(POLICY_FILE).is_file()
    {
        return Err(TrainError::corrupt(&best, "it is missing, and the latest checkpoint calls it the best"));
    }
    Ok((saved, state))
}

/// Reads a checkpoint's folder.
fn read(path: &Path, labels: &PolicyLabels) -> Result<(SavedLearner, RunState), TrainError> {
    let file = path.join(POLICY_FILE);
    manifest::check(path)?;
    let policy = PolicyFile::from_bytes(&verified_file(path, POLICY_FILE)?, &file)?;
    let found = PolicyLabels {
        algo: policy.algo,
        scenario: policy.scenario,
        observation_schema: policy.observation_schema,
        action_schema: policy.action_schema,
    };
    if found != *labels {
        return Err(TrainError::corrupt(&file, "its algorithm, scenario or schemas are not those of the run"));
    }
    let corrupt = |name: &str, reason: String| TrainError::corrupt(&path.join(name), reason);
    let trainer = verified_file(path, TRAINER_FILE)?;
    let tensors = trainer_file::from_bytes(&trainer).map_err(|reason| corrupt(TRAINER_FILE, reason))?;
    let mut saved = SavedLearner { network: policy.network, tensors, counters: BTreeMap::new() };
    let state = verified_file(path, STATE_FILE)?;
    let state = RunState::from_file(&state, &mut saved).map_err(|reason| corrupt(STATE_FILE, reason))?;
    if path.file_name().is_none_or(|name| name != checkpoint_name(state.step).as_str()) {
        return Err(corrupt(STATE_FILE, format!("its step is {}, and its folder has another name", state.step)));
    }
    Ok((saved, state))
}

/// Removes a `best` that names a checkpoint after `step`: a run that goes on from there will write that one anew.
pub fn forget_later_best(folder: &RunFolder, step: u64) -> Result<(), TrainError> {
    let path = folder.join("checkpoints").join("best");
    let named = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    if named.is_some_and(|named| named > step) {
        std::fs::remove_file(&path).map_err(disk(&path))?;
    }
    Ok(())
}

/// Removes what a run was writing as it was killed.
pub fn remove_unfinished(folder: &RunFolder) -> Result<(), TrainError> {
    let checkpoints = folder.join("checkpoints");
    let entries = std::fs::read_dir(&checkpoints).map_err(disk(&checkpoints))?;
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_unfinished(path)) {
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(disk(&path))?;
    }
    Ok(())
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tmp")
}

/// Whether a run's folder has checkpoints to go on from. What is no checkpoint yet, because the run was killed before `latest`
/// named its first, is none.
pub fn has_any(folder: &RunFolder) -> Result<bool, TrainError> {
    let checkpoints = folder.join("checkpoints");
    let is_there = |name: &str| checkpoints.join(name).symlink_metadata().is_ok();
    if is_there("latest") || is_there(FIRST_LATEST) {
        return Ok(is_there("latest"));
    }
    let entries = match std::fs::read_dir(&checkpoints) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(TrainError::corrupt(&checkpoints, error)),
    };
    Ok(entries.flatten().any(|entry| !is_unfinished(&entry.path())))
}
