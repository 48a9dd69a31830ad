//! Writes a file whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Writes a temporary file beside `path`, flushes it to disk and renames it, so that a reader sees the old content or the
/// new, never a part. Links are followed; devices and pipes are written to as they are.
///
/// # Errors
/// What the system answers; nothing is left behind then.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|entry| entry.is_symlink()) {
        return replace_file(&path.canonicalize()?, content);
    }
    if path.metadata().is_ok_and(|entry| !entry.is_file() && !entry.is_dir()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(content);
    }
    let name = path
        .file_name()
        .filter(|_| !path.is_dir())
        .ok_or_else(|| io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; allowed: a file's path"))?;
    let temporary = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("out.json");
        replace_file(&path, b"one")?;
        replace_file(&path, b"two")?;
        assert_eq!(fs::read(&path)?, b"two");
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_its_target_is_replaced() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (real, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        fs::write(&real, b"one")?;
        std::os::unix::fs::symlink(&real, &link)?;
        replace_file(&link, b"two")?;
        assert_eq!(fs::read(&real)?, b"two");
        assert!(link.symlink_metadata()?.is_symlink());
        Ok(())
    }

    #[test]
    fn a_folder_in_its_place_is_an_error_and_leaves_nothing() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(replace_file(folder.path(), b"one").is_err());
        assert_eq!(fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }
}
