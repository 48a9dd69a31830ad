//! `train.log`: what happened when, one line each.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::appender::Appender;
use super::folder::RunFolder;
use crate::error::TrainError;

/// Appends to `train.log`.
#[derive(Debug)]
pub struct RunLog {
    file: Appender,
}

impl RunLog {
    /// The log of a run's folder.
    pub fn new(folder: &RunFolder) -> Self {
        Self { file: Appender::new(folder.join("train.log")) }
    }

    /// Appends one line with the time.
    ///
    /// # Errors
    /// [`TrainError::Disk`] where it has to wait; no reason to stop.
    pub fn line(&mut self, text: &str) -> Result<(), TrainError> {
        let now = OffsetDateTime::now_utc().truncate_to_second().format(&Rfc3339).unwrap_or_default();
        self.file.push(format!("{now} {text}\n").as_bytes())?;
        self.file.write()
    }
}
