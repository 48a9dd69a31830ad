//! Overlays: what of a scenario is different, written as a TOML file of just that.

use super::{Scenario, ScenarioError};

impl Scenario {
    /// This scenario with an overlay laid over it: tables merge key by key, and arrays are replaced whole.
    ///
    /// An overlay is the text of a TOML file with some of a scenario's keys, its `name` among them where the result is
    /// to be reported under a name of its own; `origin` names it in errors. It can change a key, not take one away.
    ///
    /// # Errors
    /// Syntax, unknown keys, and values that make no cluster: each names the key and what is allowed.
    pub fn overlaid(&self, overlay: &str, origin: &str) -> Result<Self, ScenarioError> {
        let invalid = |error: &toml::de::Error| ScenarioError::from_overlay(error, origin);
        let overlay: toml::Table =
            toml::from_str(overlay).map_err(|error| ScenarioError::from_toml(&error, overlay, origin))?;
        let mut merged: toml::Table = toml::from_str(&self.to_toml()).map_err(|error| invalid(&error))?;
        merge(&mut merged, overlay);
        let scenario: Scenario = merged.try_into().map_err(|error| invalid(&error))?;
        scenario.checked(origin)
    }
}

fn merge(base: &mut toml::Table, overlay: toml::Table) {
    for (key, value) in overlay {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
