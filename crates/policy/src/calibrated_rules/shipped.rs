//! The configurations that come with the crate, one a built-in scenario.

use super::CalibratedConfig;
use crate::ThresholdRulesConfig;

/// Scenarios and what a search found for them; the first row serves every other scenario.
const FILES: [(&str, &str); 11] = [
    ("random", include_str!("../../calibrated/random.toml")),
    ("spine12", include_str!("../../calibrated/spine12.toml")),
    ("microcloud-normal", include_str!("../../calibrated/microcloud-normal.toml")),
    ("microcloud-high-load", include_str!("../../calibrated/microcloud-high-load.toml")),
    ("microcloud-cascade", include_str!("../../calibrated/microcloud-cascade.toml")),
    ("multicloud", include_str!("../../calibrated/multicloud.toml")),
    ("autoscale", include_str!("../../calibrated/autoscale.toml")),
    ("reliability", include_str!("../../calibrated/reliability.toml")),
    ("quorum", include_str!("../../calibrated/quorum.toml")),
    ("quorum-literal", include_str!("../../calibrated/quorum-literal.toml")),
    ("online-boutique", include_str!("../../calibrated/online-boutique.toml")),
];

/// The calibrated rules of a scenario, by its name; those of generated clusters where it has none of its own.
pub fn calibrated_for(scenario: &str) -> CalibratedConfig {
    let text = FILES.iter().find(|(name, _)| *name == scenario).map_or(FILES[0].1, |(_, text)| text);
    // The files are part of the program, and a test reads them: the default rules are unreachable.
    CalibratedConfig::from_toml(text).unwrap_or_else(|_| ThresholdRulesConfig::default().into())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use microcloud_core::{Scenario, Topology};

    use super::*;
    use crate::calibrated_rules::CalibratedAgent;

    #[test]
    fn every_shipped_file_reads_fits_its_scenario_and_survives_a_round_trip() -> Result<(), Box<dyn Error>> {
        for (name, text) in FILES {
            let shipped = CalibratedConfig::from_toml(text).map_err(|error| format!("{name}: {error}"))?;
            assert_eq!(CalibratedConfig::from_toml(&shipped.to_toml())?, shipped);
            CalibratedAgent::new(shipped, &Topology::new(Scenario::load(name)?)?)?;
        }
        Ok(())
    }

    #[test]
    fn every_built_in_scenario_has_rules_of_its_own() {
        for name in Scenario::builtin_names() {
            assert!(FILES.iter().any(|(known, _)| known == name), "{name}");
        }
    }
}
