//! The role file.

use serde::{Deserialize, Serialize};

/// A role: what it may do, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityFile {
    /// The role's name, for messages.
    pub role: String,
    /// Most actions of an episode; no limit without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_actions_per_episode: Option<u32>,
    /// Most actions within any hour of simulated time; no limit without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_actions_per_hour: Option<u32>,
    /// What is allowed; whatever no grant allows is forbidden, except no-op.
    #[serde(default, rename = "allow")]
    pub grants: Vec<Grant>,
}

/// Kinds of actions on targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Kinds as `action_meanings()` spells them before the parenthesis, e.g. `scale up`; `*` is any.
    pub actions: Vec<String>,
    /// Names of services, nodes or zones, with `*` for any characters and `?` for one; without it any target.
    #[serde(default = "any")]
    pub targets: Vec<String>,
}

fn any() -> Vec<String> {
    vec!["*".to_owned()]
}

impl AuthorityFile {
    /// The role in a TOML text.
    ///
    /// # Errors
    /// What serde finds wrong with it, on one line; whether names exist is told when it is compiled.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().replace('\n', " "))
    }
}
