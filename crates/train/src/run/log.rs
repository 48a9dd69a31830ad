//! `train.log`: what happened when, one line each.

use std::fs::{File, OpenOptions};
use std::io::Write;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::files::disk;
use super::folder::RunFolder;
use crate::error::TrainError;

/// Appends to `train.log`.
#[derive(Debug)]
pub struct RunLog {
    file: File,
}

impl RunLog {
    /// Opens the log for appending.
    pub fn open(folder: &RunFolder) -> Result<Self, TrainError> {
        let path = folder.join("train.log");
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(disk(&path))?;
        Ok(Self { file })
    }

    /// Appends one line with the time; a log that cannot be written is no reason to stop.
    pub fn line(&mut self, text: &str) {
        let now = OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).unwrap_or_default();
        let _ = writeln!(self.file, "{now} {text}");
    }
}
