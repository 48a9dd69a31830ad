//! Checkpoint folders: writing them whole, and reading the latest one back to go on from it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use microcloud_policy::network::{
    CheckpointError, MANIFEST_FILE, Manifest, POLICY_FILE, PolicyFile, resolve, sha256_hex, verified_file,
};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::files::{write_folder, write_whole};
use super::folder::RunFolder;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::learner::SavedLearner;
use crate::normalization::{ReturnScaler, RunningMoments};
use crate::ppo::Moments;

const TRAINER_FILE: &str = "trainer.safetensors";
const STATE_FILE: &str = "state.json";

/// What a policy file says about where its policy belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLabels {
    /// `ppo`.
    pub algo: String,
    /// The scenario's name.
    pub scenario: String,
    /// Hash of the observation names.
    pub observation_schema: String,
    /// Hash of the action meanings.
    pub action_schema: String,
}

/// `state.json`: what a run knows beside tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    /// Environment steps taken.
    pub step: u64,
    /// Iterations completed.
    pub iteration: u64,
    /// Steps that the optimizer took.
    pub optimizer_steps: usize,
    /// Episodes that ended.
    pub episodes: u64,
    /// Best mean return on the fixed train levels so far.
    pub best_return: Option<f64>,
    /// Seconds of training so far.
    pub wall_s: f64,
}

/// Name of the checkpoint of a step, nine digits or more.
pub fn checkpoint_name(step: u64) -> String {
    format!("{step:09}")
}

/// Writes the checkpoint of `state.step` and points `latest` at it.
pub fn write(
    folder: &RunFolder,
    labels: &PolicyLabels,
    names: &[String],
    saved: &SavedLearner,
    state: &RunState,
) -> Result<PathBuf, TrainError> {
    let path = folder.join("checkpoints").join(checkpoint_name(state.step));
    let refused = |error: SafeTensorError| TrainError::Disk {
        path: path.clone(),
        source: std::io::Error::other(error.to_string()),
    };
    let policy = PolicyFile {
        network: saved.network.clone(),
        algo: labels.algo.clone(),
        scenario: labels.scenario.clone(),
        observation_schema: labels.observation_schema.clone(),
        action_schema: labels.action_schema.clone(),
    };
    let mut files = vec![
        (POLICY_FILE, policy.to_bytes().map_err(refused)?),
        (TRAINER_FILE, trainer_bytes(names, saved).map_err(refused)?),
        (STATE_FILE, json(state)),
    ];
    let manifest = Manifest {
        sha256: files.iter().map(|(name, bytes)| ((*name).to_owned(), sha256_hex(bytes))).collect(),
        provenance: BTreeMap::from([
            ("version".to_owned(), env!("CARGO_PKG_VERSION").into()),
            ("algo".to_owned(), labels.algo.clone().into()),
            ("scenario".to_owned(), labels.scenario.clone().into()),
            ("step".to_owned(), state.step.into()),
        ]),
    };
    files.push((MANIFEST_FILE, json(&manifest)));
    write_folder(&path, &files)?;
    point(folder, "latest", state.step)?;
    Ok(path)
}

/// Points `latest` or `best` at the checkpoint of a step.
pub fn point(folder: &RunFolder, pointer: &str, step: u64) -> Result<(), TrainError> {
    write_whole(&folder.join("checkpoints").join(pointer), format!("{}\n", checkpoint_name(step)).as_bytes())
}

/// Reads the checkpoint that `latest` names, after all its checksums were found right.
pub fn read_latest(
    folder: &RunFolder,
    labels: &PolicyLabels,
    names: &[String],
    config: &TrainConfig,
) -> Result<(SavedLearner, RunState), TrainError> {
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
    let file = path.join(POLICY_FILE);
    let policy = PolicyFile::from_bytes(&verified_file(&path, POLICY_FILE)?, &file)?;
    if policy.observation_schema != labels.observation_schema || policy.action_schema != labels.action_schema {
        return Err(CheckpointError::Corrupt {
            path: file,
            reason: "its schemas are not those of the run's scenario.toml".into(),
        }
        .into());
    }
    let state_bytes = verified_file(&path, STATE_FILE)?;
    let corrupt = |name: &str, reason: String| CheckpointError::Corrupt { path: path.join(name), reason };
    let state: RunState =
        serde_json::from_slice(&state_bytes).map_err(|error| corrupt(STATE_FILE, error.to_string()))?;
    let trainer = verified_file(&path, TRAINER_FILE)?;
    let mut saved = read_trainer(&trainer, names, &state, config.ppo.gamma, policy)
        .map_err(|reason| corrupt(TRAINER_FILE, reason))?;
    saved.iteration = state.iteration;
    check_state(&state, config).map_err(|reason| corrupt(STATE_FILE, reason))?;
    Ok((saved, state))
}

/// What in a state no run of this configuration can have come to.
fn check_state(state: &RunState, config: &TrainConfig) -> Result<(), String> {
    let ppo = &config.ppo;
    let rows = (ppo.num_envs * ppo.num_steps) as u64;
    let RunState { step, iteration, .. } = *state;
    if iteration.checked_mul(rows) != Some(step) {
        return Err(format!("step {step} is not iteration {iteration} times the {rows} steps of a rollout"));
    }
    if iteration > config.total_timesteps.div_ceil(rows) {
        return Err(format!("step {step} is after the run's end at {}", config.total_timesteps));
    }
    let most = iteration.saturating_mul((ppo.update_epochs as u64).saturating_mul(ppo.num_minibatches as u64));
    let steps = state.optimizer_steps as u64;
    if steps > most || steps == 0 && iteration > 0 {
        return Err(format!("optimizer_steps is {steps} after {iteration} iterations"));
    }
    if !(state.wall_s.is_finite() && state.wall_s >= 0.0) {
        return Err(format!("wall_s is {}", state.wall_s));
    }
    Ok(())
}

/// Whether a run's folder has checkpoints to go on from.
pub fn has_any(folder: &RunFolder) -> Result<bool, TrainError> {
    let checkpoints = folder.join("checkpoints");
    let entries = match std::fs::read_dir(&checkpoints) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(TrainError::corrupt(&checkpoints, error)),
    };
    // What a run was writing as it was killed is no checkpoint.
    Ok(entries.flatten().any(|entry| !entry.file_name().as_encoded_bytes().ends_with(b".tmp")))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn trainer_bytes(names: &[String], saved: &SavedLearner) -> Result<Vec<u8>, SafeTensorError> {
    let mut tensors: Vec<(String, Dtype, Vec<u8>)> = Vec::new();
    let moments = saved.optimizer.iter().flat_map(|(_, moments)| moments);
    for (name, moments) in names.iter().zip(moments) {
        for (kind, values) in [("first", &moments.first), ("second", &moments.second)] {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            tensors.push((format!("adam.{name}.{kind}"), Dtype::F32, bytes));
        }
    }
    let mut doubles = |name: &str, values: &[f64]| {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push((name.to_owned(), Dtype::F64, bytes));
    };
    doubles("normalizer.count", &[saved.moments.count]);
    doubles("normalizer.mean", &saved.moments.mean);
    doubles("normalizer.squares", &saved.moments.squares);
    if let Some(scaler) = &saved.scaler {
        doubles("return_scaler.returns", scaler.returns());
        let moments = scaler.moments();
        doubles("return_scaler.moments", &[moments.count, moments.mean[0], moments.squares[0]]);
    }
    let width = |dtype: &Dtype| if *dtype == Dtype::F64 { 8 } else { 4 };
    let views = tensors
        .iter()
        .map(|(name, dtype, bytes)| Ok((name, TensorView::new(*dtype, vec![bytes.len() / width(dtype)], bytes)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    safetensors::serialize(views, None)
}

fn read_trainer(
    bytes: &[u8],
    names: &[String],
    state: &RunState,
    gamma: f64,
    policy: PolicyFile,
) -> Result<SavedLearner, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let data = |name: &str, dtype: Dtype| {
        let tensor = tensors.tensor(name).map_err(|_| format!("there is no tensor {name}"))?;
        if tensor.dtype() == dtype { Ok(tensor.data().to_vec()) } else { Err(format!("{name} is no {dtype:?}")) }
    };
    let floats = |name: &str| -> Result<Vec<f32>, String> {
        let values: Vec<f32> =
            data(name, Dtype::F32)?.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        values.iter().all(|value| value.is_finite()).then_some(values).ok_or(format!("{name} is not finite"))
    };
    let doubles = |name: &str| -> Result<Vec<f64>, String> {
        let values: Vec<f64> =
            data(name, Dtype::F64)?.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        values.iter().all(|value| value.is_finite()).then_some(values).ok_or(format!("{name} is not finite"))
    };
    let moments = |name: &String| {
        let moments =
            Moments { first: floats(&format!("adam.{name}.first"))?, second: floats(&format!("adam.{name}.second"))? };
        let positive = moments.second.iter().all(|&square| square >= 0.0);
        positive.then_some(moments).ok_or(format!("adam.{name}.second has a negative value"))
    };
    let sound = |name: &str, moments: RunningMoments| {
        let positive = moments.count >= 0.0 && moments.squares.iter().all(|&square| square >= 0.0);
        positive.then_some(moments).ok_or(format!("{name} has a negative count or variance"))
    };
    let optimizer = match state.optimizer_steps {
        0 => None,
        steps => Some((steps, names.iter().map(moments).collect::<Result<Vec<_>, String>>()?)),
    };
    let scaler = match tensors.tensor("return_scaler.returns") {
        Err(_) => None,
        Ok(_) => {
            let &[count, mean, squares] = doubles("return_scaler.moments")?.as_slice() else {
                return Err("return_scaler.moments has not three values".into());
            };
            let moments = RunningMoments { count, mean: vec![mean], squares: vec![squares] };
            let moments = sound("return_scaler.moments", moments)?;
            Some(ReturnScaler::from_parts(doubles("return_scaler.returns")?, gamma, moments))
        }
    };
    let &[count] = doubles("normalizer.count")?.as_slice() else {
        return Err("normalizer.count has not one value".into());
    };
    let moments = RunningMoments { count, mean: doubles("normalizer.mean")?, squares: doubles("normalizer.squares")? };
    Ok(SavedLearner {
        iteration: state.iteration,
        network: policy.network,
        optimizer,
        moments: sound("normalizer", moments)?,
        scaler,
    })
}
