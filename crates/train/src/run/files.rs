//! Files that are either wholly there or not there: written beside, synced, then renamed.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::error::TrainError;

/// Wraps a system error with the path it happened at.
pub fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> TrainError + '_ {
    move |source| TrainError::Disk { path: path.to_owned(), source }
}

/// A value as JSON to read by eye, with a line break at its end; equal values make equal bytes.
pub fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Writes a file and syncs it; an existing one is replaced in one step.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let beside = path.with_file_name(name);
    let written = write_synced(&beside, bytes).map_err(disk(&beside));
    let written = written.and_then(|()| fs::rename(&beside, path).map_err(disk(path)));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.and_then(|()| sync_parent(path))
}

/// Writes a folder of files and syncs it; the folder appears under its name with all of them or not at all.
pub fn write_folder(path: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), TrainError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let beside = path.with_file_name(name);
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(disk(&beside))?;
    }
    let written = fill_and_rename(&beside, path, files);
    if written.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    written.and_then(|()| sync_parent(path))
}

fn fill_and_rename(beside: &Path, path: &Path, files: &[(&str, Vec<u8>)]) -> Result<(), TrainError> {
    fs::create_dir_all(beside).map_err(disk(beside))?;
    for (name, bytes) in files {
        let file = beside.join(name);
        write_synced(&file, bytes).map_err(disk(&file))?;
    }
    sync(beside)?;
    if path.exists() {
        fs::remove_dir_all(path).map_err(disk(path))?;
    }
    fs::rename(beside, path).map_err(disk(path))
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Syncs the folder that a file was put into.
pub fn sync_parent(path: &Path) -> Result<(), TrainError> {
    path.parent().map_or(Ok(()), sync)
}

/// Folders can be synced on Unix; elsewhere renaming is what there is.
fn sync(folder: &Path) -> Result<(), TrainError> {
    if cfg!(unix) { File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk(folder)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("below")).unwrap();
        assert!(write_whole(&taken, b"x").is_err());
        assert!(write_folder(&folder.path().join("new"), &[("no/such", vec![1])]).is_err());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["taken"]);
    }
}
