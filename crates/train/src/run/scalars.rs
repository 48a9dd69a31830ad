//! Where scalars go: the trait, and `metrics.jsonl`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::files::{disk, write_whole};
use crate::error::TrainError;

/// Takes named numbers of a step.
pub trait ScalarWriter: Send {
    /// Writes one step's scalars; numbers that are not finite are left out.
    ///
    /// # Errors
    /// [`TrainError::Disk`] where the run cannot go on without this writer.
    fn write(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), TrainError>;
}

/// `metrics.jsonl`: one object per step with `step` and every scalar by name.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: BufWriter<File>,
}

impl JsonLines {
    /// Opens the file for appending; lines of steps after `last_step`, from a run that went on without a checkpoint,
    /// are removed first, as is a line that was not written to its end.
    ///
    /// # Errors
    /// [`TrainError::Disk`] as the system says.
    pub fn open(path: &Path, last_step: u64) -> Result<Self, TrainError> {
        if path.exists() {
            let text = fs::read(path).map_err(disk(path))?;
            let text = String::from_utf8_lossy(&text);
            let kept: String = text.split_inclusive('\n').filter(|line| is_until(line, last_step)).collect();
            if kept.len() != text.len() {
                write_whole(path, kept.as_bytes())?;
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(disk(path))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
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
        let written = writeln!(self.file, "{}", Value::Object(object)).and_then(|()| self.file.flush());
        written.map_err(disk(&self.path))
    }
}

fn is_until(line: &str, last_step: u64) -> bool {
    let step = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("step")?.as_u64();
    line.ends_with('\n') && step(line).is_some_and(|step| step <= last_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_the_checkpoint_and_half_lines_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st").unwrap();
        let mut lines = JsonLines::open(&path, 2).unwrap();
        lines.write(3, &[("losses/entropy", 0.5), ("x", f64::NAN)]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"step\":1}\n{\"step\":2}\n{\"losses/entropy\":0.5,\"step\":3}\n");
    }
}
