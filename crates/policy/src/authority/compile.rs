//! A role compiled for one topology: which actions it may send.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use microcloud_core::Topology;
use thiserror::Error;

use super::{AuthorityFile, Grant, glob::matches};
use crate::nearest_name;

/// Every kind of action, as `action_meanings()` spells it before the parenthesis.
const KINDS: [&str; 17] = [
    "restart",
    "scale up",
    "scale down",
    "drain",
    "return",
    "rebalance",
    "rollback",
    "open breaker",
    "close breaker",
    "flush queue",
    "fail over",
    "rotate secret",
    "clear disk",
    "shed load",
    "disable retries",
    "enable retries",
    "page a human",
];

/// What a role may send in one topology; shared by all its environments.
#[derive(Clone, Debug, PartialEq)]
pub struct Authority {
    role: String,
    /// By action.
    permitted: Vec<bool>,
    pub(super) max_actions_per_episode: u32,
    pub(super) max_actions_per_hour: u32,
}

/// Why a role cannot be held to.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("{}: not a text file; a role is TOML in UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file is no role.
    #[error("{}: {message}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// No action is of that kind.
    #[error("role `{role}`: unknown action kind `{kind}`{nearest}; allowed: *, {}", KINDS.join(", "))]
    UnknownKind {
        /// The role.
        role: String,
        /// The kind.
        kind: String,
        /// The nearest kind as a question, or nothing.
        nearest: String,
    },
    /// Nothing in the scenario has that name.
    #[error("role `{role}`: target `{target}` is nothing in scenario `{scenario}`{nearest}; allowed: {allowed}")]
    UnknownTarget {
        /// The role.
        role: String,
        /// The target, maybe a pattern.
        target: String,
        /// The scenario.
        scenario: String,
        /// The nearest target as a question, or nothing.
        nearest: String,
        /// The scenario's targets.
        allowed: String,
    },
}

impl Authority {
    /// Compiles a role for a topology.
    ///
    /// # Errors
    /// Kinds that no action has, and targets that nothing in the scenario is called.
    pub fn new(file: &AuthorityFile, topology: &Topology) -> Result<Self, AuthorityError> {
        let targets: BTreeSet<&str> =
            topology.action_meanings().iter().filter_map(|meaning| parts(meaning).1).collect();
        for grant in &file.grants {
            check(grant, &file.role, &targets, &topology.scenario().name)?;
        }
        let allows = |meaning: &String| {
            let (kind, target) = parts(meaning);
            let of_kind = |grant: &&Grant| grant.actions.iter().any(|own| own == "*" || own == kind);
            let of_target =
                |grant: &Grant| grant.targets.iter().any(|own| target.is_none_or(|target| matches(own, target)));
            file.grants.iter().filter(of_kind).any(of_target)
        };
        let mut permitted: Vec<bool> = topology.action_meanings().iter().map(allows).collect();
        permitted[0] = true;
        Ok(Self {
            role: file.role.clone(),
            permitted,
            max_actions_per_episode: file.max_actions_per_episode.unwrap_or(u32::MAX),
            max_actions_per_hour: file.max_actions_per_hour.unwrap_or(u32::MAX),
        })
    }

    /// Reads a role file and compiles it for a topology.
    ///
    /// # Errors
    /// A file that cannot be read or is no role, and those of [`Self::new`].
    pub fn load(path: &Path, topology: &Arc<Topology>) -> Result<Self, AuthorityError> {
        Self::new(&AuthorityFile::load(path)?, topology)
    }

    /// The role's name.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Which actions the role may send, `[num_actions]`; budgets are not counted.
    pub fn permitted(&self) -> &[bool] {
        &self.permitted
    }

    /// Whether the role may send an action.
    pub fn permits(&self, action: usize) -> bool {
        self.permitted.get(action).copied().unwrap_or(false)
    }
}

impl AuthorityError {
    /// The process exit code: 3 for a file that is not text, 2 for anything else.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::NotText { .. }) { 3 } else { 2 }
    }
}

impl AuthorityFile {
    /// Reads a role file.
    ///
    /// # Errors
    /// A file that cannot be read or is no role.
    pub fn load(path: &Path) -> Result<Self, AuthorityError> {
        let bytes = std::fs::read(path).map_err(|source| AuthorityError::Read { path: path.to_owned(), source })?;
        let text = String::from_utf8(bytes).map_err(|_| AuthorityError::NotText { path: path.to_owned() })?;
        Self::from_toml(&text).map_err(|message| AuthorityError::Toml { path: path.to_owned(), message })
    }
}

/// The kind and the target of an action in words; some have no target.
fn parts(meaning: &str) -> (&str, Option<&str>) {
    match meaning.split_once('(') {
        Some((kind, target)) => (kind, Some(target.strip_suffix(')').unwrap_or(target))),
        None => (meaning, None),
    }
}

fn check(grant: &Grant, role: &str, targets: &BTreeSet<&str>, scenario: &str) -> Result<(), AuthorityError> {
    let question = |nearest: Option<&str>| nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    if let Some(kind) = grant.actions.iter().find(|kind| *kind != "*" && !KINDS.contains(&kind.as_str())) {
        let nearest = question(nearest_name(kind, KINDS));
        return Err(AuthorityError::UnknownKind { role: role.to_owned(), kind: kind.clone(), nearest });
    }
    let unknown = |pattern: &&String| !targets.iter().any(|target| matches(pattern, target));
    if let Some(target) = grant.targets.iter().find(unknown) {
        return Err(AuthorityError::UnknownTarget {
            role: role.to_owned(),
            target: target.clone(),
            scenario: scenario.to_owned(),
            nearest: question(nearest_name(target, targets.iter().copied())),
            allowed: targets.iter().copied().collect::<Vec<_>>().join(", "),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    #[test]
    fn every_action_of_every_scenario_is_of_a_kind_that_a_role_can_name() -> Result<(), Box<dyn std::error::Error>> {
        for name in Scenario::builtin_names() {
            let topology = Topology::new(Scenario::load(name)?)?;
            for meaning in &topology.action_meanings()[1..] {
                assert!(KINDS.contains(&parts(meaning).0), "{meaning}");
            }
        }
        Ok(())
    }
}
