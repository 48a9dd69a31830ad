//! Where a run's files are, and what happens where a folder of that name exists already.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use time::OffsetDateTime;

use super::files::{disk, write_whole};
use crate::config::TrainConfig;
use crate::error::TrainError;

/// What to do where the run's folder exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExists {
    /// Stop with an error.
    #[default]
    Fail,
    /// Use the name with the first free number behind it.
    New,
    /// Go on from its latest checkpoint.
    Resume,
}

impl FromStr for OnExists {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fail" => Ok(Self::Fail),
            "new" => Ok(Self::New),
            "resume" => Ok(Self::Resume),
            _ => Err(format!("{text:?} is unknown; allowed: fail, new, resume")),
        }
    }
}

/// A run's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In a folder to be created.
    Fresh(PathBuf),
    /// In a folder that holds a run.
    Resumed(PathBuf),
}

/// Decides where a run goes: `run_dir`, or `runs/<scenario>__<algo>__s<seed>__<UTC>` where none is given.
///
/// # Errors
/// [`TrainError::Usage`] where the folder exists and that is to be an error.
pub fn place(run_dir: Option<&Path>, on_exists: OnExists, config: &TrainConfig) -> Result<Placement, TrainError> {
    let Some(path) = run_dir else {
        let scenario = Path::new(&config.scenario).file_stem().and_then(|stem| stem.to_str()).unwrap_or("scenario");
        let now = OffsetDateTime::now_utc();
        let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
        let (hour, minute, second) = (now.hour(), now.minute(), now.second());
        let now = format!("{year}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z");
        let name = format!("{scenario}__{}__s{}__{now}", config.algo, config.seed);
        return Ok(Placement::Fresh(free(&Path::new("runs").join(name))));
    };
    if path.as_os_str().is_empty() {
        return Err(TrainError::Usage("--run-dir: it is empty; allowed: the path of a folder".into()));
    }
    if is_free(path) {
        return Ok(Placement::Fresh(path.to_owned()));
    }
    match on_exists {
        OnExists::New if path.file_name().is_none() => Err(TrainError::Usage(format!(
            "--run-dir {}: it has no name to put a number behind; allowed: a path that ends in a name",
            path.display()
        ))),
        OnExists::New => Ok(Placement::Fresh(free(path))),
        OnExists::Resume => Ok(Placement::Resumed(path.to_owned())),
        OnExists::Fail => Err(TrainError::Usage(format!(
            "--run-dir {}: it exists; allowed: another name, --on-exists new, --on-exists resume",
            path.display()
        ))),
    }
}

/// Nothing is there, or an empty folder.
fn is_free(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !path.exists(),
    }
}

fn free(path: &Path) -> PathBuf {
    let numbered = |number: u32| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        path.with_file_name(name)
    };
    std::iter::once(path.to_owned()).chain((2..).map(numbered)).find(|path| is_free(path)).unwrap_or_default()
}

impl RunFolder {
    /// Creates the folder and its `checkpoints` and `episodes`.
    ///
    /// # Errors
    /// [`TrainError::Disk`] as the system says.
    pub fn create(path: &Path) -> Result<Self, TrainError> {
        for part in ["checkpoints", "episodes"] {
            let folder = path.join(part);
            fs::create_dir_all(&folder).map_err(disk(&folder))?;
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Opens the folder of a run that was started before, with its configuration.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where there is no run, [`TrainError::Checkpoint`] where its configuration is not whole.
    pub fn open(path: &Path) -> Result<(Self, TrainConfig), TrainError> {
        let file = path.join("config.toml");
        let corrupt = |reason: &dyn ToString| TrainError::corrupt(&file, reason.to_string());
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => {
                TrainError::Usage(format!("{}: no run to resume here: {error}", file.display()))
            }
            ErrorKind::InvalidData => corrupt(&"it is not text"),
            _ => corrupt(&error),
        })?;
        let mut sources = crate::config::ConfigSources::default();
        sources.add_toml(&text, &file.display().to_string()).map_err(|error| corrupt(&error))?;
        // A run writes all of them, so that a file with fewer was cut.
        if let Some(key) = sources.missing_key() {
            return Err(corrupt(&format!("it has no key {key:?}")));
        }
        let config = sources.resolve().map_err(|error| corrupt(&error))?;
        Ok((Self { path: path.to_owned() }, config))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes one of its files whole.
    ///
    /// # Errors
    /// [`TrainError::Disk`] as the system says.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        write_whole(&self.join(name), bytes)
    }
}
