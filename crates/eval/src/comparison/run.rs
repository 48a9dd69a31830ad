//! What is compared: run folders of `train`, and evaluations without one.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{ComparisonError, evaluation::Evaluation, scalars::Scalars};

/// A run folder, read.
pub(super) struct Run {
    /// The folder as it was given.
    pub path: PathBuf,
    pub scenario: String,
    /// Hash of the scenario's text, where the manifest has it.
    pub scenario_sha256: Option<String>,
    pub algo: String,
    pub seed: u64,
    pub total_timesteps: Option<u64>,
    /// Every key of config.toml with its value as TOML, `ppo.learning_rate` for a key of a table.
    pub config: BTreeMap<String, String>,
    pub scalars: Scalars,
    /// How the run ended, as exit.json says.
    pub ended: Option<String>,
}

/// Everything that was given.
#[derive(Default)]
pub(super) struct Inputs {
    pub runs: Vec<Run>,
    /// Evaluations, each with its run's place in `runs` where it stood in a run folder.
    pub evaluations: Vec<(Evaluation, Option<usize>)>,
}

impl Inputs {
    /// Reads what is given, in this order.
    ///
    /// # Errors
    /// Something that is no run and no evaluation, a corrupt file, the same thing given twice.
    pub fn read(paths: &[PathBuf]) -> Result<Self, ComparisonError> {
        let mut inputs = Self::default();
        let mut seen: Vec<PathBuf> = Vec::new();
        for path in paths {
            let none = |problem: &str| ComparisonError::NoRun { path: path.clone(), problem: problem.to_owned() };
            let entry = fs::metadata(path).map_err(|error| match error.kind() {
                ErrorKind::NotFound => none("there is nothing of that name"),
                _ => ComparisonError::Unreadable { file: path.clone(), source: error },
            })?;
            let file = path.join("evaluation.json");
            if entry.is_dir() && !path.join("config.toml").exists() && !file.exists() {
                return Err(none("neither a config.toml nor an evaluation.json is in this folder"));
            }
            let identity = identity(path);
            if seen.contains(&identity) {
                return Err(ComparisonError::Twice { path: path.clone() });
            }
            seen.push(identity);
            if entry.is_dir() && path.join("config.toml").exists() {
                inputs.runs.push(Run::read(path)?);
                if file.exists() {
                    inputs.evaluations.push((Evaluation::read(&file)?, Some(inputs.runs.len() - 1)));
                }
            } else {
                let file = if entry.is_dir() { &file } else { path };
                inputs.evaluations.push((Evaluation::read(file)?, None));
            }
        }
        Ok(inputs)
    }
}

/// A path by which two ways of writing one are told to be the same.
pub(super) fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.components().collect())
}

impl Run {
    fn read(path: &Path) -> Result<Self, ComparisonError> {
        let file = path.join("config.toml");
        let corrupt = |problem: String| ComparisonError::Corrupt { file: file.clone(), problem };
        let table: toml::Table =
            text(&file)?.parse().map_err(|error: toml::de::Error| corrupt(error.message().into()))?;
        let word = |key: &str| {
            let value = table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            value.ok_or_else(|| corrupt(format!("it has no text `{key}`")))
        };
        let number = |key: &str| {
            let value = table.get(key).and_then(toml::Value::as_integer).and_then(|value| u64::try_from(value).ok());
            value.ok_or_else(|| corrupt(format!("it has no number `{key}`")))
        };
        // A configuration may name a scenario by its file; the manifest has its name.
        let manifest = json(&path.join("manifest.json"))?;
        let told = |key: &str| manifest.as_ref().and_then(|manifest| manifest[key].as_str()).map(str::to_owned);
        let mut config = BTreeMap::new();
        flatten("", &table, &mut config);
        let exit = json(&path.join("exit.json"))?;
        let status = exit.as_ref().and_then(|exit| exit["status"].as_str());
        Ok(Self {
            path: path.to_owned(),
            scenario: told("scenario").map_or_else(|| word("scenario"), Ok)?,
            scenario_sha256: told("scenario_sha256"),
            algo: word("algo")?,
            seed: number("seed")?,
            total_timesteps: number("total_timesteps").ok(),
            config,
            scalars: Scalars::read(&path.join("metrics.jsonl"))?,
            ended: status.map(str::to_owned),
        })
    }

    /// The folder as text.
    pub fn label(&self) -> String {
        self.path.display().to_string()
    }
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => flatten(&format!("{prefix}{key}."), inner, into),
            toml::Value::String(text) => drop(into.insert(format!("{prefix}{key}"), text.clone())),
            value => drop(into.insert(format!("{prefix}{key}"), value.to_string())),
        }
    }
}

/// A file's text.
pub(super) fn text(file: &Path) -> Result<String, ComparisonError> {
    fs::read_to_string(file).map_err(|source| match source.kind() {
        ErrorKind::InvalidData => {
            ComparisonError::Corrupt { file: file.to_owned(), problem: "it is not text".to_owned() }
        }
        _ => ComparisonError::Unreadable { file: file.to_owned(), source },
    })
}

/// A JSON file that need not be there.
fn json(file: &Path) -> Result<Option<Value>, ComparisonError> {
    if !file.exists() {
        return Ok(None);
    }
    let corrupt =
        |error: serde_json::Error| ComparisonError::Corrupt { file: file.to_owned(), problem: error.to_string() };
    serde_json::from_str(&text(file)?).map(Some).map_err(corrupt)
}
