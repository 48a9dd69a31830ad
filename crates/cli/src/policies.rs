//! The policies that a user names: a baseline, a YAML file, a folder under `policies/`, a checkpoint folder or a run folder.

use std::path::{Path, PathBuf};

use microcloud_eval::Contender;
use microcloud_policy::{BASELINE_NAMES, nearest_name};

use crate::Failure;

/// What a POLICY argument means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedPolicy {
    /// A baseline's name.
    Baseline(&'static str),
    /// The folder of a checkpoint, a run or a released policy, or a YAML file of policies.
    Folder(PathBuf),
}

/// The policy that a user names: a baseline, a path, or a folder or file under `policies/`, the first of them that there is.
///
/// # Errors
/// A name that means nothing; the message lists those that do, and the nearest.
pub fn find_policy(policy: &str) -> Result<NamedPolicy, Failure> {
    if let Some(name) = BASELINE_NAMES.into_iter().find(|name| *name == policy) {
        return Ok(NamedPolicy::Baseline(name));
    }
    let released = Path::new("policies").join(policy);
    let folder = [PathBuf::from(policy), released].into_iter().find(|path| path.exists());
    folder.map(NamedPolicy::Folder).ok_or_else(|| unknown(policy))
}

/// The contender that a POLICY argument means.
///
/// # Errors
/// A name that means nothing, a folder without a policy, or a corrupt one.
pub fn contender(policy: &str) -> Result<Contender, Failure> {
    Ok(match find_policy(policy)? {
        NamedPolicy::Baseline(name) => Contender::baseline(name)?,
        NamedPolicy::Folder(file) if is_policy_file(&file) => Contender::policy_file(&file).map_err(Failure::usage)?,
        NamedPolicy::Folder(folder) => Contender::checkpoint(&folder)?,
    })
}

/// Whether a path is a YAML file, which the policy engine plays.
fn is_policy_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    path.is_file() && matches!(ending, Some("yaml" | "yml"))
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
        "unknown policy `{policy}`{hint}; allowed: {}, a YAML file of policies, a checkpoint folder or a run folder",
        allowed.join(", ")
    ))
}
