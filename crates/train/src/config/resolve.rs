//! Merging the sources of a configuration, and errors that name source, key and the nearest known key.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::{TrainConfig, ranges};
use crate::error::TrainError;

/// Keys that may be set and have no value by default.
const OPTIONAL_KEYS: [&str; 1] = ["ppo.target_kl"];
/// Keys that may differ between a run and its resumption, because training does not depend on them.
const FREE_KEYS: [&str; 3] = ["threads", "final_episodes", "final_control_episodes"];
/// Stands for the `num_envs` of the algorithm that the sources choose.
const NUM_ENVS: &str = "num_envs";

/// What the names of variables that set a value begin with.
const VARIABLES: &str = "MICROCLOUD_TRAIN_";

/// Values from a file and from the command line, each with the words by which an error names its source.
#[derive(Debug, Clone, Default)]
pub struct ConfigSources {
    entries: Vec<(String, String, Value)>,
}

impl ConfigSources {
    /// Adds every value of a TOML file.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where the file cannot be read, is no TOML or has an unknown key, and
    /// [`TrainError::Checkpoint`] where it is not text.
    pub fn add_file(&mut self, path: &Path) -> Result<(), TrainError> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => TrainError::corrupt(path, "it is not text; a configuration is TOML in UTF-8"),
            _ => TrainError::Usage(format!("{origin}: cannot be read: {error}")),
        })?;
        self.add_toml(&text, &origin)
    }

    /// Adds every value of a TOML text; errors call it `origin`.
    ///
    /// # Errors
    /// As [`Self::add_file`].
    pub fn add_toml(&mut self, text: &str, origin: &str) -> Result<(), TrainError> {
        let table: Table =
            text.parse().map_err(|error| TrainError::Usage(format!("{origin}: {}", first_line(&error))))?;
        let mut found = Vec::new();
        flatten("", table, &mut found);
        found.into_iter().try_for_each(|(key, value)| self.add(&key, value, origin.to_owned()))
    }

    /// Adds a flag's value.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where the key is unknown.
    pub fn add_flag(&mut self, flag: &str, key: &str, value: impl Into<Value>) -> Result<(), TrainError> {
        let value = value.into();
        let origin = format!("{flag} {}", value.to_string().trim_matches('"'));
        self.add(key, value, origin)
    }

    /// Adds a `KEY=VALUE` as `--set` takes it; a value that is no TOML is a string.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where there is no `=`, a line break, or the key is unknown.
    pub fn add_assignment(&mut self, assignment: &str) -> Result<(), TrainError> {
        if assignment.contains(['\n', '\r']) {
            return Err(TrainError::Usage(format!("--set {assignment:?}: it has a line break; allowed: KEY=VALUE")));
        }
        let origin = format!("--set {assignment}");
        let Some((key, text)) = assignment.split_once('=') else {
            return Err(TrainError::Usage(format!("{origin}: it has no '='; allowed: KEY=VALUE")));
        };
        self.add(key.trim(), value(text), origin)
    }

    /// Adds the variables of an environment that begin with `MICROCLOUD_TRAIN_`: `MICROCLOUD_TRAIN_PPO__LEARNING_RATE` is
    /// `ppo.learning_rate`. Empty ones count as not set.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where a key is unknown.
    pub fn add_environment(&mut self, variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), TrainError> {
        let mut found: Vec<(String, String)> = variables
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .filter(|(name, _)| name.starts_with(VARIABLES))
            .collect();
        found.sort();
        found.into_iter().try_for_each(|(name, text)| {
            let key = name[VARIABLES.len()..].to_lowercase().replace("__", ".");
            self.add(&key, value(&text), format!("{name}={text}"))
        })
    }

    fn add(&mut self, key: &str, value: Value, origin: String) -> Result<(), TrainError> {
        let known = known_keys();
        if key != NUM_ENVS && !known.iter().any(|known| known == key) {
            let mut message = format!("{origin}: there is no key {key:?}");
            match nearest(key, &known) {
                Some(nearest) => message.push_str(&format!("; the nearest is {nearest:?}")),
                None => message.push_str(&format!("; allowed: {}", known.join(", "))),
            }
            return Err(TrainError::Usage(message));
        }
        self.entries.push((origin, key.to_owned(), value));
        Ok(())
    }

    /// The configuration that built-in values and these sources make, later ones first; `num_envs` is that of the algorithm.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where a value has the wrong type or is out of range.
    pub fn resolve(&self) -> Result<TrainConfig, TrainError> {
        let algo = self.entries.iter().rfind(|(_, key, _)| key == "algo").and_then(|(_, _, value)| value.as_str());
        self.with_num_envs_of(algo.unwrap_or(&TrainConfig::default().algo)).resolve_keys()
    }

    /// The same with `num_envs` under the name that it has for an algorithm.
    fn with_num_envs_of(&self, algo: &str) -> Self {
        let table = if algo == "dqn" { "dqn" } else { "ppo" };
        let mut named = self.clone();
        for (_, key, _) in named.entries.iter_mut().filter(|(_, key, _)| key == NUM_ENVS) {
            *key = format!("{table}.{NUM_ENVS}");
        }
        named
    }

    fn resolve_keys(&self) -> Result<TrainConfig, TrainError> {
        let mut table = default_table();
        for (origin, key, value) in &self.entries {
            set(&mut table, key, value.clone());
            TrainConfig::deserialize(Value::Table(table.clone())).map_err(|error| {
                let allowed = ranges::allowed(key).map(|allowed| format!("; allowed: {allowed}"));
                let (error, allowed) = (first_line(&error), allowed.unwrap_or_default());
                TrainError::Usage(format!("{origin}: {key}: {error}{allowed}"))
            })?;
        }
        let config =
            TrainConfig::deserialize(Value::Table(table)).map_err(|error| TrainError::Usage(first_line(&error)))?;
        config.validate().map_err(|error| self.located(error))?;
        Ok(config)
    }

    /// The error of a value, with the source that it came from.
    fn located(&self, error: TrainError) -> TrainError {
        let message = error.to_string();
        let key = message.split([' ', ':']).next().unwrap_or_default();
        match self.entries.iter().rfind(|(_, entry, _)| entry == key) {
            Some((origin, ..)) => TrainError::Usage(format!("{origin}: {message}")),
            None => error,
        }
    }

    /// The first key with a value by default that no source gives.
    pub fn missing_key(&self) -> Option<String> {
        let mut keys = known_keys().into_iter().filter(|key| !OPTIONAL_KEYS.contains(&key.as_str()));
        keys.find(|key| !self.entries.iter().any(|(_, entry, _)| entry == key))
    }

    /// The configuration of a run that is resumed: `saved`, with what training does not depend on from these sources.
    ///
    /// # Errors
    /// [`TrainError::Usage`] where a source contradicts `saved`, or as [`Self::resolve`].
    pub fn resume(&self, saved: &TrainConfig, run: &Path) -> Result<TrainConfig, TrainError> {
        let mut resumed = Self::default();
        resumed.add_toml(&saved.to_toml(), &run.join("config.toml").display().to_string())?;
        let before = resumed.entries.clone();
        for (origin, key, value) in &self.with_num_envs_of(&saved.algo).entries {
            let saved = before.iter().find(|(_, known, _)| known == key).map(|(_, _, value)| value);
            if FREE_KEYS.contains(&key.as_str()) {
                resumed.entries.push((origin.clone(), key.clone(), value.clone()));
            } else if saved.is_none_or(|saved| !same(saved, value)) {
                let saved = saved.map_or("nothing".to_owned(), Value::to_string);
                return Err(TrainError::Usage(format!(
                    "{origin}: contradicts {}, which was started with {key} = {saved}; leave it out to resume",
                    run.display()
                )));
            }
        }
        resumed.resolve()
    }
}

/// A value of TOML, or else a string.
fn value(text: &str) -> Value {
    let text = text.trim();
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.into()))
}

fn same(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|integer| integer as f64));
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn default_table() -> Table {
    Table::try_from(TrainConfig::default()).expect("a configuration is a table")
}

fn known_keys() -> Vec<String> {
    let mut entries = Vec::new();
    flatten("", default_table(), &mut entries);
    entries.into_iter().map(|(key, _)| key).chain(OPTIONAL_KEYS.map(str::to_owned)).collect()
}

fn flatten(prefix: &str, table: Table, out: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(table) => flatten(&path, table, out),
            value => out.push((path, value)),
        }
    }
}

fn set(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(head) {
                set(inner, rest, value);
            }
        }
    }
}

fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let closeness = |candidate: &String| {
        strsim::jaro_winkler(key, candidate).max(strsim::jaro_winkler(&last(key), &last(candidate)))
    };
    let scored = known.iter().map(|candidate| (closeness(candidate), candidate));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(closeness, _)| *closeness > 0.8).map(|(_, candidate)| candidate)
}

fn first_line(error: &impl ToString) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // toml prints "TOML parse error at line 1, column 3", an excerpt, and the reason last.
    match lines.as_slice() {
        [only] => (*only).to_owned(),
        [first, .., last] => format!("{first}: {last}"),
        [] => "it cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(file: &str, assignments: &[&str]) -> Result<TrainConfig, TrainError> {
        let mut sources = ConfigSources::default();
        sources.add_toml(file, "x.toml")?;
        assignments.iter().try_for_each(|assignment| sources.add_assignment(assignment))?;
        sources.resolve()
    }

    #[test]
    fn later_sources_win_and_the_whole_reads_back_equal() {
        let config =
            resolved("seed = 7\n[ppo]\ngamma = 0.9", &["ppo.gamma=1", "ppo.target_kl=0.02", "total_timesteps=2_000"]);
        let config = config.unwrap();
        assert_eq!((config.seed, config.ppo.gamma, config.ppo.target_kl), (7, 1.0, Some(0.02)));
        assert_eq!(config.total_timesteps, 2000);
        assert_eq!(resolved(&config.to_toml(), &[]).unwrap(), config);
    }

    #[test]
    fn variables_of_the_environment_set_values_between_file_and_flags() {
        let from = |name: &str, text: &str| {
            let mut sources = ConfigSources::default();
            sources.add_toml("seed = 7", "x.toml")?;
            sources.add_environment([(name.into(), text.into())].into_iter())?;
            sources.resolve()
        };
        assert_eq!(from("MICROCLOUD_TRAIN_PPO__GAMMA", "0.5").unwrap().ppo.gamma, 0.5);
        assert_eq!(from("MICROCLOUD_TRAIN_SEED", "9").unwrap().seed, 9);
        assert_eq!(from("MICROCLOUD_TRAIN_SEED", "").unwrap().seed, 7);
        assert_eq!(from("MICROCLOUD_EVALUATE_SEED", "9").unwrap().seed, 7);
        let message = from("MICROCLOUD_TRAIN_PPO__GAMA", "0.5").unwrap_err().to_string();
        assert!(message.starts_with("MICROCLOUD_TRAIN_PPO__GAMA=0.5: ") && message.contains("ppo.gamma"), "{message}");
    }

    #[test]
    fn errors_name_source_key_and_the_nearest_key() {
        let message = |file: &str, assignments: &[&str]| resolved(file, assignments).unwrap_err().to_string();
        assert!(message("", &["ppo.learning_rat=1"]).contains("\"ppo.learning_rate\""));
        assert!(message("", &["lerning_rate=1"]).contains("\"ppo.learning_rate\""));
        assert!(message("[ppo]\ngama = 1.0", &[]).starts_with("x.toml: there is no key \"ppo.gama\""));
        assert!(message("", &["zzzz=1"]).contains("allowed: "));
        assert!(message("", &["ppo.gamma=high"]).contains("--set ppo.gamma=high"));
        assert_eq!(message("", &["ppo.gamma=2"]), "--set ppo.gamma=2: ppo.gamma = 2; allowed: 0.0 to 1.0");
        let not_a_number = message("[ppo]\nlearning_rate = nan", &[]);
        assert!(not_a_number.starts_with("x.toml: ppo.learning_rate = NaN; allowed: 1e-12 to "), "{not_a_number}");
        assert!(message("", &["ppo.gamma=0.9\nseed = 2"]).contains("line break"));
        assert!(message("", &["algo=dnq"]).contains("unknown; allowed: dqn, ppo"));
        assert!(message("", &["seed=-1"]).contains("allowed: 0 to 4294967295"));
        assert!(message("seed = ", &[]).contains("line 1"));
    }

    #[test]
    fn num_envs_is_that_of_the_chosen_algorithm_whatever_the_order() {
        let num_envs = |file: &str, assignments: &[&str]| {
            let mut sources = ConfigSources::default();
            sources.add_toml(file, "x.toml").unwrap();
            assignments.iter().for_each(|assignment| sources.add_assignment(assignment).unwrap());
            sources.resolve().map(|config| (config.ppo.num_envs, config.dqn.num_envs))
        };
        let (ppo, dqn) = (TrainConfig::default().ppo.num_envs, TrainConfig::default().dqn.num_envs);
        assert_eq!(num_envs("", &["num_envs=3"]).unwrap(), (3, dqn));
        assert_eq!(num_envs("", &["num_envs=3", "ppo.num_envs=5"]).unwrap(), (5, dqn));
        assert_eq!(num_envs("", &["num_envs=3", "algo=dqn"]).unwrap(), (ppo, 3));
        let message = resolved("", &["num_envs=0"]).unwrap_err().to_string();
        assert_eq!(message, "--set num_envs=0: ppo.num_envs = 0; allowed: 1 to 65536");
        let message = resolved("", &["num_envs=many"]).unwrap_err().to_string();
        assert!(message.starts_with("--set num_envs=many: ppo.num_envs: "), "{message}");
        let mut sources = ConfigSources::default();
        sources.add_assignment("num_envs=3").unwrap();
        let saved = resolved("", &["num_envs=3"]).unwrap();
        assert_eq!(sources.resume(&saved, Path::new("r")).unwrap(), saved);
        assert!(sources.resume(&TrainConfig::default(), Path::new("r")).is_err());
    }

    #[test]
    fn a_replay_that_cannot_hold_one_complete_transition_is_refused() {
        let message = resolved("", &["dqn.num_envs=10", "dqn.n_step=4", "dqn.buffer_size=49"]).unwrap_err().to_string();
        assert!(message.starts_with("--set dqn.buffer_size=49: dqn.buffer_size = 49; allowed: 50 to "), "{message}");
        resolved("", &["dqn.num_envs=10", "dqn.n_step=4", "dqn.buffer_size=50"]).unwrap();
        let message = resolved("", &["dqn.gradient_step=4"]).unwrap_err().to_string();
        assert!(message.contains("\"dqn.gradient_steps\""), "{message}");
        let message = resolved("", &["dqn.hidden=[]"]).unwrap_err().to_string();
        assert!(message.starts_with("--set dqn.hidden=[]: dqn.hidden = []; allowed: 1 to 8 sizes"), "{message}");
    }

    #[test]
    fn a_resumed_run_keeps_its_values_and_refuses_others() {
        let saved = resolved("seed = 3", &[]).unwrap();
        let resume = |flag: &str, key: &str, value: i64| {
            let mut sources = ConfigSources::default();
            sources.add_flag(flag, key, value).unwrap();
            sources.resume(&saved, Path::new("runs/x"))
        };
        assert_eq!(resume("--seed", "seed", 3).unwrap(), saved);
        assert_eq!(resume("--threads", "threads", 2).unwrap().threads, 2);
        assert_eq!(resume("--set", "final_episodes", 7).unwrap().final_episodes, 7);
        assert!(resume("--seed", "seed", 4).unwrap_err().to_string().contains("--seed 4: contradicts runs/x"));
    }
}
