//! Files that grow by whole records, of which a full disk can neither stop a run nor leave half of one.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::files::disk;
use crate::error::TrainError;

/// Bytes that wait in memory for the disk to have room again; what comes after them is lost.
const MOST_WAITING: usize = 16 << 20;

/// Appends records to a file; those that cannot be written wait, and are tried again with the next.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: Option<File>,
    waiting: Vec<u8>,
}

impl Appender {
    /// Nothing is opened before the first record.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, waiting: Vec::new() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a record to those that wait to be written.
    ///
    /// # Errors
    /// [`TrainError::Disk`] where too many wait already; the record is lost.
    pub fn push(&mut self, record: &[u8]) -> Result<(), TrainError> {
        if self.waiting.len() + record.len() > MOST_WAITING {
            let full = format!("{} MiB wait to be written already; later records are lost", MOST_WAITING >> 20);
            return Err(disk(&self.path)(Error::new(ErrorKind::StorageFull, full)));
        }
        self.waiting.extend_from_slice(record);
        Ok(())
    }

    /// Writes what waits, all of it or nothing.
    ///
    /// # Errors
    /// [`TrainError::Disk`] as the system says; what could not be written goes on waiting.
    pub fn write(&mut self) -> Result<(), TrainError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = self.write_waiting().map_err(disk(&self.path));
        if written.is_ok() {
            self.waiting.clear();
        }
        written
    }

    /// Writes what waits and asks the system to put it on the disk.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn sync(&mut self) -> Result<(), TrainError> {
        self.write()?;
        match &self.file {
            // Pipes and devices cannot be synced.
            Some(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => {
                file.sync_data().map_err(disk(&self.path))
            }
            _ => Ok(()),
        }
    }

    fn write_waiting(&mut self) -> Result<(), Error> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(OpenOptions::new().create(true).append(true).open(&self.path)?),
        };
        let length = file.metadata()?.len();
        let written = file.write_all(&self.waiting);
        if written.is_err() {
            // The next attempt writes it from its beginning.
            let _ = file.set_len(length);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later/log");
        let mut appender = Appender::new(path.clone());
        for line in ["a\n", "b\n"] {
            appender.push(line.as_bytes()).unwrap();
            assert_eq!(appender.write().unwrap_err().exit_code(), 5);
        }
        std::fs::create_dir(folder.path().join("later")).unwrap();
        appender.push(b"c\n").unwrap();
        appender.sync().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\nb\nc\n");
    }

    #[test]
    fn no_more_waits_than_memory_is_set_aside_for() {
        let mut appender = Appender::new("/nowhere/log".into());
        appender.push(&vec![0; MOST_WAITING]).unwrap();
        assert!(appender.push(b"x").unwrap_err().to_string().contains("16 MiB wait"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_refuses_and_nothing_panics() {
        let mut appender = Appender::new("/dev/full".into());
        appender.push(b"x").unwrap();
        assert!(appender.write().unwrap_err().to_string().contains("/dev/full: cannot be written"));
        assert!(appender.sync().is_err());
    }
}
