//! Where results go: standard output, which may be closed, or a file, which is written whole or not at all.

use std::{
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use microcloud_eval::replace_file;

use crate::Failure;

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output, written `-`.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl From<&str> for Destination {
    fn from(text: &str) -> Self {
        if text == "-" { Self::Stdout } else { Self::File(PathBuf::from(text)) }
    }
}

impl Destination {
    /// Finds out whether a file can be written there, before hours are spent on what goes into it.
    ///
    /// # Errors
    /// A folder in the file's place, or a folder that does not exist or cannot be written.
    pub fn check(&self) -> Result<(), Failure> {
        let Self::File(path) = self else { return Ok(()) };
        if path.metadata().is_ok_and(|entry| !entry.is_file() && !entry.is_dir()) {
            return Ok(());
        }
        if path.as_os_str().is_empty() {
            return Err(Failure::usage("--json \"\"; allowed: a file's path, or - for standard output".to_owned()));
        }
        let name = path.file_name().filter(|_| !path.is_dir());
        let Some(name) = name else {
            return Err(Failure::disk(format!(
                "{}: cannot write: it is a folder; allowed: a file's path",
                path.display()
            )));
        };
        let probe = path.with_file_name(format!(".{}.{}.probe", name.to_string_lossy(), std::process::id()));
        std::fs::File::create(&probe)
            .and_then(|_| std::fs::remove_file(&probe))
            .map_err(|error| Failure::disk(format!("{}: cannot write: {error}", path.display())))
    }

    /// The place of a file that goes with this one; none beside standard output or a device.
    pub fn beside(&self, name: impl Fn(&Path) -> Option<PathBuf>) -> Option<Self> {
        let Self::File(path) = self else { return None };
        let is_device = path.metadata().is_ok_and(|entry| !entry.is_file() && !entry.is_dir());
        name(path).filter(|_| !is_device).map(Self::File)
    }

    /// Writes the text.
    ///
    /// # Errors
    /// A file that cannot be written; a closed standard output is no error.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Stdout => print(text),
            Self::File(path) => replace_file(path, text.as_bytes())
                .map_err(|error| Failure::disk(format!("{}: cannot write: {error}", path.display()))),
        }
    }
}

/// Writes to standard output; a reader that has gone away, as `head` does, is no error.
///
/// # Errors
/// Anything else that the system answers, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::disk(format!("standard output: cannot write: {error}")))
        }
        _ => Ok(()),
    }
}
