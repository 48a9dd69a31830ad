//! Where scalars go: the trait, and `metrics.jsonl`.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::appender::Appender;
use super::files::{disk, write_whole};
use crate::error::TrainError;

/// Takes named numbers of a step. A run goes on where they cannot be written.
pub trait ScalarWriter: Send {
    /// Writes one step's scalars; numbers that are not finite are left out.
    ///
    /// # Errors
    /// [`TrainError::Disk`] where they have to wait for the next attempt.
    fn write(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), TrainError>;

    /// Puts everything written so far on the disk, as a checkpoint is to be.
    ///
    /// # Errors
    /// As [`ScalarWriter::write`].
    fn sync(&mut self) -> Result<(), TrainError>;
}

/// `metrics.jsonl`: one object per step with `step` and every scalar by name.
#[derive(Debug)]
pub struct JsonLines {
    file: Appender,
    /// The step after which lines are to be removed before anything is appended.
    last_step: Option<u64>,
}

impl JsonLines {
    /// A file to append to; lines of steps after `last_step`, from a run that went on without a checkpoint, are removed first,
    /// as is a line that was not written to its end.
    pub fn new(path: PathBuf, last_step: u64) -> Self {
        Self { file: Appender::new(path), last_step: Some(last_step) }
    }

    fn trim(&mut self) -> Result<(), TrainError> {
        if let Some(last_step) = self.last_step {
            let path = self.file.path();
            // A device has no end, and nothing to remove.
            if path.metadata().is_ok_and(|metadata| metadata.is_file()) {
                trim(path, last_step)?;
            }
            self.last_step = None;
        }
        Ok(())
    }
}

impl ScalarWriter for JsonLines {
    fn write(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), TrainError> {
        let mut object = Map::new();
        object.insert("step".into(), step.into());
        for (name, value) in scalars {
            if value.is_finite() {
                object.insert((*name).to_owned(), Value::from(*value));
            }
        }
        self.file.push(format!("{}\n", Value::Object(object)).as_bytes())?;
        self.trim()?;
        self.file.write()
    }

    fn sync(&mut self) -> Result<(), TrainError> {
        self.trim()?;
        self.file.sync()
    }
}

fn trim(path: &Path, last_step: u64) -> Result<(), TrainError> {
    let text = fs::read(path).map_err(disk(path))?;
    let lines = || text.split_inclusive(|&byte| byte == b'\n');
    let kept: Vec<u8> = lines().filter(|line| is_until(line, last_step)).flatten().copied().collect();
    if text.starts_with(&kept) {
        // As nearly always; this needs no room on the disk.
        let cut = || OpenOptions::new().write(true).open(path)?.set_len(kept.len() as u64);
        return if kept.len() == text.len() { Ok(()) } else { cut().map_err(disk(path)) };
    }
    write_whole(path, &kept)
}

fn is_until(line: &[u8], last_step: u64) -> bool {
    let step = |line: &[u8]| serde_json::from_slice::<Value>(line).ok()?.get("step")?.as_u64();
    line.ends_with(b"\n") && step(line).is_some_and(|step| step <= last_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_the_checkpoint_and_half_lines_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st").unwrap();
        let mut lines = JsonLines::new(path.clone(), 2);
        lines.write(3, &[("losses/entropy", 0.5), ("x", f64::NAN)]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"step\":1}\n{\"step\":2}\n{\"losses/entropy\":0.5,\"step\":3}\n");
    }

    #[test]
    fn a_damaged_line_in_the_middle_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, b"{\"step\":1}\n{\xff\n{\"step\":2}\n{\"step\":3}\n").unwrap();
        JsonLines::new(path.clone(), 2).sync().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n");
    }
}
