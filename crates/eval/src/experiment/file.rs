//! Experiment files: which scenario, which faults, who acts, how often, and what a description says of it.

use std::path::Path;

use microcloud_policy::detector::DetectorConfig;
use serde::Deserialize;

use super::{Expectation, ExperimentError, FaultSetting};

/// An experiment as its TOML file has it; what is left out has defaults.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentFile {
    /// A built-in scenario or a TOML file, looked for beside the experiment's own first.
    pub scenario: String,
    /// What the experiment is about.
    #[serde(default)]
    pub description: String,
    /// A baseline's name, a folder under `policies/`, a checkpoint folder or a run folder; no-op where absent.
    pub policy: Option<String>,
    /// What finds that something is wrong, beside health checks; the rules of threshold-rules where absent.
    pub detectors: Option<DetectorConfig>,
    /// Levels that every step is played on.
    pub episodes: Option<usize>,
    /// Draws the levels.
    pub seed: Option<u64>,
    /// The split that levels are drawn from.
    pub split: Option<String>,
    /// Seconds from an episode's start to a fault that does not say when.
    pub onset_s: Option<f32>,
    /// Seconds that a fault lasts that does not say how long.
    pub duration_s: Option<f32>,
    /// Seconds within the objectives after which the cluster counts as recovered.
    pub calm_s: Option<f64>,
    /// The faults, one after another; the described experiment's four where absent.
    #[serde(default)]
    pub faults: Vec<FaultSetting>,
    /// What a live run does, in order of time.
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
    /// What a description says of it.
    #[serde(default)]
    pub expectations: Vec<Expectation>,
}

/// One command of a live run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineEntry {
    /// Seconds from the episode's start.
    pub at_s: f64,
    /// The command, as it is typed: `crash @inventory`, `clear`, `status`.
    #[serde(rename = "do")]
    pub command: String,
}

/// The experiments that come with the crate, by name.
const BUILTIN: [(&str, &str); 2] = [
    ("quorum", include_str!("../../experiments/quorum.toml")),
    ("quorum-literal", include_str!("../../experiments/quorum-literal.toml")),
];

impl ExperimentFile {
    /// The experiment that a user names: one that comes with the crate, an experiment file, or a scenario's name or file,
    /// which stands for the described experiment's four faults on it.
    ///
    /// # Errors
    /// A file that cannot be read, or is no experiment.
    pub fn find(name_or_path: &str) -> Result<Self, ExperimentError> {
        if let Some((name, text)) = BUILTIN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::from_toml(text, name);
        }
        let of_scenario = || Self { scenario: name_or_path.to_owned(), ..Self::default() };
        let path = Path::new(name_or_path);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Ok(of_scenario());
        }
        let bytes = std::fs::read(path).map_err(|error| ExperimentError::File {
            file: name_or_path.to_owned(),
            problem: format!("cannot read: {error}"),
        })?;
        let text = String::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'))
            .ok_or_else(|| ExperimentError::NotText { file: name_or_path.to_owned() })?;
        // A scenario has no `scenario`, and an experiment no `workload`.
        let is_scenario = toml::from_str::<toml::Table>(&text)
            .is_ok_and(|table| table.contains_key("workload") && !table.contains_key("scenario"));
        if is_scenario {
            return Ok(of_scenario());
        }
        let mut file = Self::from_toml(&text, name_or_path)?;
        let beside = path.with_file_name(&file.scenario);
        if file.scenario.ends_with(".toml") && beside.is_file() {
            file.scenario = beside.to_string_lossy().into_owned();
        }
        Ok(file)
    }

    /// An experiment from the text of a TOML file; `origin` names it in errors.
    ///
    /// # Errors
    /// Syntax, unknown keys, values of another kind.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ExperimentError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
            let message = error.message().replace('\n', " ");
            ExperimentError::File { file: origin.to_owned(), problem: format!("line {line}: {message}") }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_experiment_that_comes_with_the_crate_reads() -> Result<(), ExperimentError> {
        for (name, _) in BUILTIN {
            let file = ExperimentFile::find(name)?;
            assert_eq!(file.scenario, name);
            assert!(!file.expectations.is_empty() && !file.faults.is_empty());
        }
        Ok(())
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named_with_its_line() {
        let said = |text: &str| ExperimentFile::from_toml(text, "mine.toml").map_err(|error| error.to_string());
        let message = said("scenario = \"spine12\"\n[[faults]]\nfualt = \"crash\"\n").expect_err("a wrong key");
        assert!(message.contains("mine.toml: line 3") && message.contains("fualt"), "{message}");
        assert!(said("episodes = 3\n").is_err_and(|message| message.contains("scenario")));
    }
}
