//! Which runs are seeds of the same thing: those of one algorithm whose configurations agree.

use std::collections::{BTreeMap, BTreeSet};

use microcloud_policy::nearest_name;

use super::{ComparisonError, run::Run};

/// Keys that may differ between seeds of a group: what they say changes how a run is watched, not what is learned, or is
/// the seed or the scenario, over which a group reaches.
const OWN: [&str; 8] = [
    "seed",
    "scenario",
    "threads",
    "checkpoint_every",
    "eval_every",
    "eval_episodes",
    "final_episodes",
    "final_control_episodes",
];

/// The name of each run's group: its algorithm, then the keys asked for with the run's values. Where none is asked for,
/// they are those in which runs of the same algorithm and scenario differ.
///
/// # Errors
/// A key that no configuration has.
pub(super) fn groups(runs: &[Run], keys: &[String]) -> Result<Vec<String>, ComparisonError> {
    let known: BTreeSet<&String> = runs.iter().flat_map(|run| run.config.keys()).collect();
    if let Some(key) = keys.iter().find(|key| !known.contains(key)) {
        return Err(ComparisonError::UnknownKey {
            key: key.clone(),
            nearest: nearest_name(key, known.iter().map(|key| key.as_str())).map(str::to_owned),
            allowed: known.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", "),
        });
    }
    let differing = |run: &Run| -> Vec<&String> {
        let is_apart = |key: &&String| {
            let mut values: BTreeMap<&str, Option<&String>> = BTreeMap::new();
            let alike = runs.iter().filter(|other| other.algo == run.algo);
            alike.into_iter().any(|other| {
                let value = other.config.get(*key);
                *values.entry(&other.scenario).or_insert(value) != value
            })
        };
        known.iter().copied().filter(|key| !OWN.contains(&key.as_str())).filter(is_apart).collect()
    };
    let name = |run: &Run| {
        let keys = if keys.is_empty() { differing(run) } else { keys.iter().collect() };
        let own = format!("{}.", run.algo);
        let settings = keys.into_iter().filter(|key| *key != "algo").filter_map(|key| {
            run.config.get(key).map(|value| format!("{}={value}", key.strip_prefix(&own).unwrap_or(key)))
        });
        let settings: Vec<String> = settings.collect();
        if settings.is_empty() { run.algo.clone() } else { format!("{} ({})", run.algo, settings.join(", ")) }
    };
    Ok(runs.iter().map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(scenario: &str, algo: &str, config: &[(&str, &str)]) -> Run {
        Run {
            path: "run".into(),
            scenario: scenario.into(),
            scenario_sha256: None,
            algo: algo.into(),
            seed: 1,
            total_timesteps: None,
            config: config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            scalars: Default::default(),
            ended: None,
        }
    }

    #[test]
    fn seeds_are_one_group_and_settings_that_differ_are_several() {
        let runs = [
            run("a", "ppo", &[("seed", "1"), ("ppo.gamma", "0.9"), ("total_timesteps", "1")]),
            run("a", "ppo", &[("seed", "2"), ("ppo.gamma", "0.9"), ("total_timesteps", "1")]),
            // Another scenario has another budget: that alone makes no group.
            run("b", "ppo", &[("seed", "1"), ("ppo.gamma", "0.9"), ("total_timesteps", "9")]),
            run("a", "dqn", &[("seed", "1")]),
        ];
        assert_eq!(groups(&runs, &[]).unwrap(), ["ppo", "ppo", "ppo", "dqn"]);
        let runs = [
            run("a", "ppo", &[("ppo.gamma", "0.9")]),
            run("a", "ppo", &[("ppo.gamma", "0.99")]),
            run("b", "ppo", &[("ppo.gamma", "0.9")]),
        ];
        assert_eq!(groups(&runs, &[]).unwrap(), ["ppo (gamma=0.9)", "ppo (gamma=0.99)", "ppo (gamma=0.9)"]);
        assert_eq!(groups(&runs, &["ppo.gamma".into()]).unwrap(), groups(&runs, &[]).unwrap());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let runs = [run("a", "ppo", &[("ppo.gamma", "0.9")])];
        let error = groups(&runs, &["ppo.gama".into()]).unwrap_err();
        assert!(error.to_string().contains("did you mean `ppo.gamma`"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
