//! The policies that a user names: a baseline, a folder under `policies/`, a checkpoint folder or a run folder.

use std::path::{Path, PathBuf};

use microcloud_eval::Contender;
use microcloud_policy::{BASELINE_NAMES, nearest_name};

use crate::Failure;

/// The contender that a POLICY argument means.
///
/// # Errors
/// A name that means nothing, a folder without a policy, or a corrupt one.
pub fn contender(policy: &str) -> Result<Contender, Failure> {
    if BASELINE_NAMES.contains(&policy) {
        return Ok(Contender::baseline(policy)?);
    }
    let released = Path::new("policies").join(policy);
    let folder = [PathBuf::from(policy), released].into_iter().find(|path| path.exists());
    let Some(folder) = folder else { return Err(unknown(policy)) };
    Ok(Contender::checkpoint(&folder)?)
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
