//! The lock by which only one process at a time trains in a run's folder.

use std::fs::{File, OpenOptions, TryLockError};

use super::files::disk;
use super::folder::RunFolder;
use crate::error::TrainError;

/// Held while this value lives; the file `lock` stays.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Locks a run's folder.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where another process holds the lock, [`TrainError::Disk`] as the system says.
    pub fn take(folder: &RunFolder) -> Result<Self, TrainError> {
        let path = folder.join("lock");
        let options = OpenOptions::new().create(true).append(true).open(&path);
        let file = options.map_err(disk(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(TrainError::Usage(format!("{}: in use by another process", folder.path().display())))
            }
            // Some file systems have no locks; a run there is as good as one without this file.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                Ok(Self { _file: file })
            }
            Err(TryLockError::Error(error)) => Err(disk(&path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(folder.path()).unwrap();
        let first = RunLock::take(&folder).unwrap();
        let error = RunLock::take(&folder).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("in use by another process"), "{error}");
        drop(first);
        RunLock::take(&folder).unwrap();
    }
}
