//! The policies that a user names: a baseline, a folder under `policies/`, a checkpoint folder or a run folder.

use std::path::{Path, PathBuf};

use microcloud_eval::Contender;
use microcloud_policy::{BASELINE_NAMES, nearest_name};

use crate::Failure;

/// The file that makes a folder a checkpoint.
const WEIGHTS: &str = "policy.safetensors";

/// The contender that a POLICY argument means.
///
/// # Errors
/// A name that means nothing, or a folder without a policy.
pub fn contender(policy: &str) -> Result<Contender, Failure> {
    if BASELINE_NAMES.contains(&policy) {
        return Ok(Contender::baseline(policy)?);
    }
    let released = Path::new("policies").join(policy);
    let folder = [PathBuf::from(policy), released].into_iter().find(|path| path.exists());
    let Some(folder) = folder else { return Err(unknown(policy)) };
    trained(policy, &checkpoint(&folder)?)
}

/// The folder that holds the weights: the folder itself, or a run's best checkpoint.
fn checkpoint(folder: &Path) -> Result<PathBuf, Failure> {
    let best = folder.join("checkpoints").join("best");
    let found = [folder.to_owned(), best].into_iter().find(|folder| folder.join(WEIGHTS).is_file());
    found.ok_or_else(|| {
        Failure::usage(format!(
            "{}: no policy there; allowed: a folder with {WEIGHTS}, or a run folder with checkpoints/best/{WEIGHTS}",
            folder.display()
        ))
    })
}

/// The contender of a checkpoint folder.
fn trained(policy: &str, checkpoint: &Path) -> Result<Contender, Failure> {
    Err(Failure::usage(format!("policy `{policy}`: {}: networks cannot be read", checkpoint.display())))
}

fn unknown(policy: &str) -> Failure {
    let mut allowed: Vec<String> = BASELINE_NAMES.map(str::to_owned).to_vec();
    if let Ok(entries) = std::fs::read_dir("policies") {
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        allowed.extend(names);
    }
    let nearest = nearest_name(policy, allowed.iter().map(String::as_str));
    let hint = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Failure::usage(format!(
        "unknown policy `{policy}`{hint}; allowed: {}, a checkpoint folder or a run folder",
        allowed.join(", ")
    ))
}
