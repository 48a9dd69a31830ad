//! The engine's YAML files: policies with the fields of the described system, and what can be wrong with them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use thiserror::Error;

use super::{Condition, EngineAction};

/// The file of the baseline, part of the program so that it needs no working directory.
const DEFAULT: &str = include_str!("../../../../policies/reliability.yaml");
/// The name of that file in messages.
const DEFAULT_NAME: &str = "policies/reliability.yaml";
/// Larger files are no sets of policies.
const LARGEST_BYTES: u64 = 1 << 20;

/// One policy: what to do about a service when a condition holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// The policy's name, unique in its file.
    pub name: String,
    /// `metric operator threshold`, e.g. `latency > 0.5`.
    pub condition: Condition,
    /// What is done.
    pub action: EngineAction,
    /// The service it is about: `*`, or nothing, is every service, and what a condition on nodes, zones or the cluster has.
    #[serde(default = "every")]
    pub service: String,
    /// Seconds after which it may act on the same target again.
    #[serde(default = "default_cooldown_s")]
    pub cooldown: f64,
    /// Whether it is in force.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

/// A file of policies, the first counting where several meet on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySet {
    /// Seconds between two evaluations.
    #[serde(default = "default_interval_s")]
    pub interval: f64,
    /// The policies.
    pub policies: Vec<PolicyRule>,
}

/// The same with the line of each policy, for messages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default = "default_interval_s")]
    interval: f64,
    policies: Vec<Spanned<PolicyRule>>,
}

/// What is wrong with a file of policies.
#[derive(Debug, Error)]
pub enum PolicyFileError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The path is a folder's.
    #[error("{}: it is a folder; allowed: a YAML file of policies", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is not text.
    #[error("{}: not a text file; policies are YAML in UTF-8", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file is too large to be one.
    #[error("{}: {bytes} bytes; allowed: at most {LARGEST_BYTES}", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Malformed YAML, or a value that is not allowed; on one line.
    #[error("{file}{}: {message}", line_text(.line))]
    Invalid {
        /// The file.
        file: String,
        /// The line, from 1, where it is known.
        line: Option<u64>,
        /// What is wrong, what is allowed, and the nearest name.
        message: String,
    },
}

impl PolicyFileError {
    /// The process exit code: 3 for a file that is not text, 2 for anything else.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::NotText { .. }) { 3 } else { 2 }
    }
}

impl PolicySet {
    /// The policies of the baseline `policy-engine`, in `policies/reliability.yaml`.
    ///
    /// # Errors
    /// None but by a mistake in the program's own file, which a test reads.
    pub fn shipped() -> Result<Self, PolicyFileError> {
        Self::from_yaml(DEFAULT, DEFAULT_NAME)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read or is too large, and whatever [`Self::from_yaml`] finds.
    pub fn read(path: &Path) -> Result<Self, PolicyFileError> {
        let unreadable = |source| PolicyFileError::Unreadable { path: path.to_owned(), source };
        let about = fs::metadata(path).map_err(unreadable)?;
        if about.is_dir() {
            return Err(PolicyFileError::Folder { path: path.to_owned() });
        }
        let bytes = about.len();
        if bytes > LARGEST_BYTES {
            return Err(PolicyFileError::TooLarge { path: path.to_owned(), bytes });
        }
        let text = String::from_utf8(fs::read(path).map_err(unreadable)?)
            .map_err(|_| PolicyFileError::NotText { path: path.to_owned() })?;
        Self::from_yaml(&text, &path.display().to_string())
    }

    /// The policies in a YAML text; `file` names it in messages.
    ///
    /// # Errors
    /// Malformed YAML, an unknown key, metric, operator or action, a negative cooldown, an interval that is not above 0, a
    /// name that stands there twice, an action that does not fit its condition; each on one line with the line's number.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, PolicyFileError> {
        let invalid = |line: Option<u64>, message: String| PolicyFileError::Invalid {
            file: file.to_owned(),
            line: line.filter(|&line| line > 0),
            message: message.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let document: Document = serde_saphyr::from_str(text).map_err(|error: serde_saphyr::Error| {
            let message = error.without_snippet().to_string();
            let Some(place) = error.location() else { return invalid(None, message) };
            let place_again = format!(" at line {}, column {}", place.line(), place.column());
            invalid(Some(place.line()), message.replace(&place_again, ""))
        })?;
        let mut lines: BTreeMap<&str, u64> = BTreeMap::new();
        for policy in &document.policies {
            let line = policy.referenced.line();
            if let Some(first) = lines.insert(&policy.value.name, line) {
                let name = &policy.value.name;
                return Err(invalid(
                    Some(line),
                    format!("policy `{name}` stands in line {first} already; allowed: once"),
                ));
            }
            policy.value.check().map_err(|message| invalid(Some(line), message))?;
        }
        let set = Self {
            interval: document.interval,
            policies: document.policies.into_iter().map(|policy| policy.value).collect(),
        };
        set.check().map_err(|message| invalid(None, message))?;
        Ok(set)
    }

    /// Whether every value is allowed and every name is there once.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.interval.is_finite() && self.interval > 0.0) {
            return Err(format!("interval = {}; allowed: above 0", self.interval));
        }
        if self.policies.is_empty() {
            return Err("policies is empty; allowed: at least one".to_owned());
        }
        let mut names = std::collections::BTreeSet::new();
        for policy in &self.policies {
            policy.check()?;
            if !names.insert(policy.name.as_str()) {
                return Err(format!("policy `{}` stands there twice; allowed: once", policy.name));
            }
        }
        Ok(())
    }
}

impl PolicyRule {
    fn check(&self) -> Result<(), String> {
        let Self { name, condition, action, cooldown, .. } = self;
        if !(cooldown.is_finite() && *cooldown >= 0.0) {
            return Err(format!("policy `{name}`: cooldown = {cooldown}; allowed: 0 or more seconds"));
        }
        let kind = condition.kind;
        if !action.fits(kind) {
            return Err(format!(
                "policy `{name}`: action `{}` does not fit a condition on a {}; allowed: {}",
                action.name(),
                if kind == super::Kind::Global { "cluster" } else { kind.name() },
                EngineAction::fitting(kind),
            ));
        }
        if kind != super::Kind::Service && !self.is_for_all() {
            return Err(format!(
                "policy `{name}`: service `{}` with condition `{condition}`, which is about no service; allowed: `*`",
                self.service
            ));
        }
        Ok(())
    }

    /// Whether it is about everything of its condition's kind.
    pub(super) fn is_for_all(&self) -> bool {
        self.service == "*"
    }
}

fn line_text(line: &Option<u64>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

fn every() -> String {
    "*".to_owned()
}

fn default_cooldown_s() -> f64 {
    300.0
}

fn default_interval_s() -> f64 {
    30.0
}

fn enabled() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "policies:\n  - name: slow\n    condition: latency > 0.5\n    action: restart_container\n    service: auth\n";

    #[test]
    fn the_shipped_file_reads() {
        let shipped = PolicySet::shipped();
        assert!(shipped.as_ref().is_ok_and(|set| set.policies.len() > 5), "{shipped:?}");
    }

    #[test]
    fn what_a_policy_leaves_out_has_the_described_defaults() -> Result<(), PolicyFileError> {
        let set = PolicySet::from_yaml(&ONE.replace("    service: auth\n", ""), "x.yaml")?;
        let policy = &set.policies[0];
        assert_eq!((set.interval, policy.cooldown, policy.enabled, policy.service.as_str()), (30.0, 300.0, true, "*"));
        Ok(())
    }

    #[test]
    fn every_mistake_is_one_line_with_its_place() {
        let twice = format!("{ONE}{}", &ONE["policies:\n".len()..]);
        for (text, expected) in [
            ("policies:\n  - name: [slow\n".to_owned(), vec!["x.yaml, line "]),
            (ONE.replace("latency >", "latencyy >"), vec!["x.yaml, line 3", "unknown metric `latencyy`", "`latency`?"]),
            (ONE.replace(">", "=>"), vec!["x.yaml, line 3", "unknown operator `=>`"]),
            (
                ONE.replace("restart_container", "restart"),
                vec!["x.yaml, line 4", "unknown action `restart`", "`restart_container`?"],
            ),
            (ONE.replace("service: auth", "cooldown: -1"), vec!["x.yaml, line 2", "policy `slow`: cooldown = -1"]),
            (ONE.replace("service: auth", "cooldwon: 1"), vec!["x.yaml, line 5", "cooldwon"]),
            (twice, vec!["x.yaml, line 6", "policy `slow` stands in line 2 already"]),
            (format!("interval: 0\n{ONE}"), vec!["x.yaml", "interval = 0; allowed: above 0"]),
            (
                ONE.replace("latency > 0.5", "node.disk > 0.9"),
                vec!["action `restart_container` does not fit", "clear_disk"],
            ),
            (
                ONE.replace("latency > 0.5", "zone.ready < 0.9").replace("restart_container", "alert"),
                vec!["service `auth`", "is about no service"],
            ),
            (String::new(), vec!["x.yaml"]),
            ("policies: []\n".to_owned(), vec!["x.yaml: policies is empty; allowed: at least one"]),
        ] {
            let message =
                PolicySet::from_yaml(&text, "x.yaml").err().map(|error| error.to_string()).unwrap_or_default();
            let said = expected.iter().all(|part| message.contains(part));
            assert!(said && !message.contains('\n'), "{text}: {message}");
        }
    }
}
