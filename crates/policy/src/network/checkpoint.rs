//! Checkpoint folders: finding the one that a path means, and reading its files against the manifest's checksums.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::CheckpointError;

/// The network's file in a checkpoint folder.
pub const POLICY_FILE: &str = "policy.safetensors";
/// The file with the checksums in a checkpoint folder.
pub const MANIFEST_FILE: &str = "manifest.json";
const LARGEST_FILE_BYTES: u64 = 1 << 30;

/// `manifest.json` of a checkpoint: the hex SHA-256 of each of its files by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Checksums by file name.
    pub sha256: BTreeMap<String, String>,
    /// Whatever else is recorded about the checkpoint.
    #[serde(flatten)]
    pub provenance: BTreeMap<String, serde_json::Value>,
}

/// Hex SHA-256 of `bytes`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The checkpoint folder that `path` means: itself where it holds `policy.safetensors`, else, for a run's folder, the
/// one that `checkpoints/best` names.
///
/// # Errors
/// [`CheckpointError::NotFound`] where there is none, [`CheckpointError::Corrupt`] where `best` is no file or names
/// nothing usable.
pub fn resolve(path: &Path) -> Result<PathBuf, CheckpointError> {
    if path.join(POLICY_FILE).is_file() {
        return Ok(path.to_owned());
    }
    let checkpoints = path.join("checkpoints");
    if checkpoints.is_dir() {
        return named_checkpoint(&checkpoints.join("best"));
    }
    let in_checkpoints = path.parent().and_then(Path::file_name).is_some_and(|name| name == "checkpoints");
    if matches!(path.file_name().and_then(|name| name.to_str()), Some("best" | "latest"))
        && (path.is_file() || in_checkpoints && path.symlink_metadata().is_ok())
    {
        return named_checkpoint(path);
    }
    let reason = if path.exists() {
        format!("neither {POLICY_FILE} nor checkpoints/best is in it")
    } else {
        "it does not exist".to_owned()
    };
    Err(CheckpointError::NotFound { path: path.to_owned(), reason })
}

/// The bytes of the file `name` in the checkpoint `folder`, after its checksum was found to be the manifest's.
///
/// # Errors
/// [`CheckpointError::Corrupt`] where the manifest or the file is missing, or the manifest cannot be understood, does
/// not list the file, or lists another checksum; [`CheckpointError::Unreadable`] as the file system says.
pub fn verified_file(folder: &Path, name: &str) -> Result<Vec<u8>, CheckpointError> {
    let manifest_path = folder.join(MANIFEST_FILE);
    let manifest: Manifest = serde_json::from_slice(&read(&manifest_path).map_err(damaged)?)
        .map_err(|error| CheckpointError::Corrupt { path: manifest_path.clone(), reason: error.to_string() })?;
    let Some(expected) = manifest.sha256.get(name) else {
        let reason = format!("it has no checksum of {name}");
        return Err(CheckpointError::Corrupt { path: manifest_path, reason });
    };
    let path = folder.join(name);
    let bytes = read(&path).map_err(damaged)?;
    let found = sha256_hex(&bytes);
    if !found.eq_ignore_ascii_case(expected) {
        let reason = format!("its SHA-256 is {found}, and {MANIFEST_FILE} says {expected}");
        return Err(CheckpointError::Corrupt { path, reason });
    }
    Ok(bytes)
}

/// A part of a checkpoint that is missing is damage, where a checkpoint that is missing is not.
fn damaged(error: CheckpointError) -> CheckpointError {
    match error {
        CheckpointError::NotFound { path, reason } => CheckpointError::Corrupt { path, reason },
        error => error,
    }
}

/// A pointer that was never written is no damage; a folder, a link to nowhere or a loop of links is.
fn pointer_damaged(error: CheckpointError) -> CheckpointError {
    match error {
        CheckpointError::NotFound { path, reason } if path.symlink_metadata().is_ok() => {
            CheckpointError::Corrupt { path, reason }
        }
        CheckpointError::Unreadable { path, source } if source.kind() != ErrorKind::PermissionDenied => {
            CheckpointError::Corrupt { path, reason: source.to_string() }
        }
        error => error,
    }
}

fn named_checkpoint(pointer: &Path) -> Result<PathBuf, CheckpointError> {
    let corrupt = |reason: String| CheckpointError::Corrupt { path: pointer.to_owned(), reason };
    let text =
        String::from_utf8(read(pointer).map_err(pointer_damaged)?).map_err(|_| corrupt("it is not text".into()))?;
    let name = Path::new(text.trim());
    let mut components = name.components();
    if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
        return Err(corrupt("it does not name a folder beside it".into()));
    }
    let folder = pointer.parent().unwrap_or(Path::new(".")).join(name);
    if folder.join(POLICY_FILE).is_file() {
        Ok(folder)
    } else {
        Err(corrupt(format!("it names {}, where there is no {POLICY_FILE}", name.display())))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => {
            CheckpointError::NotFound { path: path.to_owned(), reason: "the file does not exist".into() }
        }
        _ => CheckpointError::Unreadable { path: path.to_owned(), source },
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        let reason = "it is not a file".to_owned();
        return Err(CheckpointError::NotFound { path: path.to_owned(), reason });
    }
    if metadata.len() > LARGEST_FILE_BYTES {
        let reason = format!("it has {} bytes, more than the {LARGEST_FILE_BYTES} allowed", metadata.len());
        return Err(CheckpointError::Corrupt { path: path.to_owned(), reason });
    }
    fs::read(path).map_err(failed)
}
