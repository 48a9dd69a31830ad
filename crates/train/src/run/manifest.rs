//! The manifest of a checkpoint: the checksum of each file, and one of its own, so that no altered byte goes unnoticed.

use std::collections::BTreeMap;
use std::path::Path;

use microcloud_policy::network::{MANIFEST_FILE, Manifest, sha256_hex};
use serde_json::Value;

use super::files::json;
use crate::error::TrainError;

/// The key of the manifest's own checksum, which is that of the manifest without this key.
const SEAL: &str = "manifest_sha256";

/// The bytes of the manifest of `files`.
pub fn sealed(files: &[(&str, Vec<u8>)], provenance: BTreeMap<String, Value>) -> Vec<u8> {
    let sha256 = files.iter().map(|(name, bytes)| ((*name).to_owned(), sha256_hex(bytes))).collect();
    let mut manifest = Manifest { sha256, provenance };
    let seal = sha256_hex(&json(&manifest));
    manifest.provenance.insert(SEAL.to_owned(), seal.into());
    json(&manifest)
}

/// Whether the manifest of a checkpoint's folder is what [`sealed`] gave.
///
/// # Errors
/// [`TrainError::Checkpoint`] with exit code 3 where it is not.
pub fn check(folder: &Path) -> Result<(), TrainError> {
    let path = folder.join(MANIFEST_FILE);
    let corrupt = |reason: &dyn ToString| TrainError::corrupt(&path, reason.to_string());
    let bytes = std::fs::read(&path).map_err(|error| corrupt(&error))?;
    let mut manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| corrupt(&error))?;
    if json(&manifest) != bytes {
        return Err(corrupt(&"it is not written as a run writes it"));
    }
    let seal = manifest.provenance.remove(SEAL);
    if seal != Some(sha256_hex(&json(&manifest)).into()) {
        return Err(corrupt(&format!("its {SEAL} is not that of its content")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_altered_bit_of_a_manifest_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(MANIFEST_FILE);
        let provenance = BTreeMap::from([("version".to_owned(), "0.1.0".into()), ("step".to_owned(), 128.into())]);
        let bytes = sealed(&[("a", vec![1, 2]), ("b", vec![])], provenance);
        std::fs::write(&path, &bytes).unwrap();
        check(folder.path()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &altered).unwrap();
            let error = check(folder.path()).unwrap_err();
            assert_eq!(error.exit_code(), 3, "bit {bit}: {error}");
        }
    }
}
