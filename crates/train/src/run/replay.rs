//! A learner's replay beside its checkpoints: `replay/<step>.safetensors`, of which only the latest checkpoint has one.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::checkpoint::checkpoint_name;
use super::files::{disk, sync_parent};
use super::folder::RunFolder;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::saved_learner::SavedLearner;

/// The SHA-256 of the replay's file, among the checkpoint's arrays.
const CHECKSUM: &str = "run.replay_sha256";

/// Passes bytes on, and digests them.
struct Digesting<T> {
    inner: T,
    digest: Sha256,
}

impl<T: Write> Write for Digesting<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Digesting<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.digest.update(&bytes[..read]);
        Ok(read)
    }
}

fn file_of(folder: &RunFolder, step: u64) -> PathBuf {
    folder.join("replay").join(format!("{}.safetensors", checkpoint_name(step)))
}

/// Writes the replay that belongs to the checkpoint of a step, where the learner has one, before that checkpoint is written;
/// its checksum goes into `saved`. The replays of earlier checkpoints stay until [`keep_only`].
///
/// # Errors
/// [`TrainError::Disk`] as the system says; nothing is left behind.
pub fn write(folder: &RunFolder, step: u64, learner: &dyn Learner, saved: &mut SavedLearner) -> Result<(), TrainError> {
    if !learner.has_replay() {
        return Ok(());
    }
    let path = file_of(folder, step);
    let beside = path.with_extension("tmp");
    let parent = folder.join("replay");
    fs::create_dir_all(&parent).map_err(disk(&parent))?;
    let written = write_synced(&beside, learner).map_err(disk(&beside)).and_then(|digest| {
        fs::rename(&beside, &path).map_err(disk(&path))?;
        sync_parent(&path)?;
        Ok(digest)
    });
    match written {
        Ok(digest) => {
            saved.put(CHECKSUM, digest);
            Ok(())
        }
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

fn write_synced(path: &Path, learner: &dyn Learner) -> io::Result<Vec<u8>> {
    let out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut out = Digesting { inner: out, digest: Sha256::new() };
    learner.write_replay(&mut out)?;
    out.flush()?;
    out.inner.get_ref().sync_all()?;
    Ok(out.digest.finalize().to_vec())
}

/// Removes the replays of all checkpoints but that of a step, which `latest` names by now.
pub fn keep_only(folder: &RunFolder, step: u64) {
    let kept = file_of(folder, step);
    let Ok(entries) = fs::read_dir(folder.join("replay")) else { return };
    // What cannot be removed costs space, and is tried again after the next checkpoint.
    entries.flatten().filter(|entry| entry.path() != kept).for_each(|entry| drop(fs::remove_file(entry.path())));
}

/// The checksum that a checkpoint has of its replay's file, taken out of `saved`; none where there is no such file.
///
/// # Errors
/// A checksum that is none.
pub fn take_checksum(saved: &mut SavedLearner) -> Result<Option<Vec<u8>>, String> {
    saved.has(CHECKSUM).then(|| saved.take_bytes(CHECKSUM)).transpose()
}

/// Reads the replay of a step's checkpoint, whose file must have the checksum that the checkpoint has of it, into a learner that
/// was restored.
///
/// # Errors
/// [`TrainError::Checkpoint`] with exit code 3 for anything that is not what a run has written.
pub fn read(
    folder: &RunFolder,
    step: u64,
    learner: &mut dyn Learner,
    checksum: Option<Vec<u8>>,
) -> Result<(), TrainError> {
    let path = file_of(folder, step);
    let checksum = match (learner.has_replay(), checksum) {
        (false, None) => return Ok(()),
        (true, Some(checksum)) => checksum,
        (needed, _) => {
            let reason = if needed { "has no checksum of it" } else { "has a checksum of what nothing needs" };
            return Err(TrainError::corrupt(&path, format!("the checkpoint of step {step} {reason}")));
        }
    };
    let file = File::open(&path).map_err(|error| TrainError::corrupt(&path, error))?;
    let mut input = Digesting { inner: BufReader::with_capacity(1 << 20, file), digest: Sha256::new() };
    let read = learner.read_replay(&mut input);
    if read.is_ok() && *input.digest.finalize() != *checksum {
        return Err(TrainError::corrupt(&path, "its SHA-256 is not the one that the checkpoint has of it"));
    }
    read.map_err(|reason| TrainError::corrupt(&path, reason))
}
