//! Configuration files in TOML, JSON or YAML, by their ending, with errors of one line that name file and line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use thiserror::Error;

/// The largest configuration file that is read.
const LARGEST_BYTES: u64 = 1 << 20;

/// The notation of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// `.toml`
    Toml,
    /// `.json`
    Json,
    /// `.yaml` or `.yml`
    Yaml,
}

/// Why a configuration file could not be read; commands exit with 2.
#[derive(Debug, Error)]
pub enum TextFileError {
    /// The file is not there, or the system refuses it.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no configuration file by its size.
    #[error("{}: {bytes} bytes; allowed: at most {LARGEST_BYTES}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The ending names no notation.
    #[error("{}: unknown ending; allowed: .toml, .json, .yaml, .yml", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// The content is not what was due.
    #[error("{}{}: {message}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where it is known.
        line: Option<u64>,
        /// What is wrong, on one line.
        message: String,
    },
}

impl TextFormat {
    /// The notation of a file by its ending.
    ///
    /// # Errors
    /// An ending that names none.
    pub fn of_path(path: &Path) -> Result<Self, TextFileError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => Ok(Self::Toml),
            Some("json") => Ok(Self::Json),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            _ => Err(TextFileError::Ending { path: path.to_owned() }),
        }
    }

    /// A value from a text; `path` is what errors name.
    ///
    /// # Errors
    /// What serde finds wrong, on one line, with the line's number where the notation's reader knows it.
    pub fn parse<T: DeserializeOwned>(self, text: &str, path: &Path) -> Result<T, TextFileError> {
        let parsed = match self {
            Self::Toml => toml::from_str(text).map_err(|error| {
                let line = error.span().map(|span| line_of(text, span.start));
                (line, error.message().to_owned())
            }),
            Self::Json => serde_json::from_str(text).map_err(|error| (Some(error.line() as u64), error.to_string())),
            Self::Yaml => serde_saphyr::from_str(text).map_err(|error: serde_saphyr::Error| {
                let line = error.location().map(|location| location.line()).filter(|&line| line > 0);
                (line, error.without_snippet().to_string())
            }),
        };
        parsed.map_err(|(line, message)| TextFileError::Malformed {
            path: path.to_owned(),
            line,
            message: message.split_whitespace().collect::<Vec<_>>().join(" "),
        })
    }
}

/// Reads a value from a TOML, JSON or YAML file.
///
/// # Errors
/// A file that cannot be read, has an unknown ending, or does not hold such a value; each on one line.
pub fn read_text_file<T: DeserializeOwned>(path: &Path) -> Result<T, TextFileError> {
    let format = TextFormat::of_path(path)?;
    let unreadable = |source| TextFileError::Unreadable { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > LARGEST_BYTES {
        return Err(TextFileError::TooLarge { path: path.to_owned(), bytes });
    }
    format.parse(&fs::read_to_string(path).map_err(unreadable)?, path)
}

/// The line, from 1, in which a byte lies.
fn line_of(text: &str, byte: usize) -> u64 {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count() as u64
}
