//! Properties of a set: every detector in one stream, states, files, and a detecting service that is down.

use std::sync::Arc;

use microcloud_core::{Scenario, Topology};

use super::{DetectorSet, DetectorSetState};
use crate::detector::{DetectorConfig, HealthCheckConfig, Incident, Rule, Severity, TextFormat};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn spine() -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

/// An observation in which all replicas run and these features have these values; all others are 0.
fn observation(topology: &Topology, values: &[(&str, f32)]) -> Result<Vec<f32>, String> {
    let mut observation = vec![0.0; topology.observation_size()];
    for name in topology.observation_names().iter().filter(|name| name.ends_with(".running")) {
        observation[topology.observation_index(name).ok_or("no such feature")?] = 1.0;
    }
    for (name, value) in values {
        observation[topology.observation_index(name).ok_or_else(|| format!("no feature {name}"))?] = *value;
    }
    Ok(observation)
}

fn names(incidents: &[Incident]) -> Vec<(&str, &str, bool)> {
    incidents.iter().map(|one| (one.rule_name.as_str(), one.target.as_str(), one.resolved)).collect()
}

#[test]
fn every_detector_reports_into_one_stream_under_its_own_name() -> Outcome {
    let topology = spine()?;
    let set = DetectorSet::new(&DetectorConfig::all(), &topology)?;
    let calm = observation(&topology, &[])?;
    let node = format!("node.{}.mismatch", topology.node_names()[0]);
    let wrong = observation(
        &topology,
        &[
            ("service.auth.error_ratio", 0.5),
            ("service.auth.running", 0.5),
            ("global.error_ratio", 0.5),
            ("global.load", 1.0),
            (node.as_str(), 0.5),
        ],
    )?;
    let mut state = set.start();
    for _ in 0..120 {
        set.observe(&mut state, &calm);
    }
    let open = |state: &DetectorSetState| -> Vec<String> {
        set.open(state).map(|open| open.check.rule_name.clone()).collect()
    };
    assert!(open(&state).is_empty(), "{:?}", open(&state));
    for _ in 0..10 {
        set.observe(&mut state, &wrong);
    }
    let found = open(&state);
    for expected in [
        "error_rate_high",
        "zscore_service_error_ratio",
        "sequence",
        "health_check",
        "voter_mismatch",
        "outlier",
        "burn_rate_fast",
        "burn_rate_slow",
    ] {
        // A set of more nodes than three can have an outlier, and a window of changed values has no anomaly for long.
        let gone = ["outlier", "sequence", "zscore_service_error_ratio"].contains(&expected);
        assert!(gone || found.iter().any(|name| name == expected), "{expected} is not among {found:?}");
    }
    for _ in 0..40 {
        set.observe(&mut state, &calm);
    }
    assert!(set.incidents(&state).iter().all(|incident| incident.detected_at <= set.time_s(&state)));
    Ok(())
}

#[test]
fn incidents_of_rules_are_those_of_the_rules_alone() -> Outcome {
    let topology = spine()?;
    let config = DetectorConfig { rules: DetectorConfig::all().rules, ..DetectorConfig::default() };
    let (set, rules) = (DetectorSet::new(&config, &topology)?, super::Detector::new(config.rules.clone(), &topology)?);
    let (mut state, mut alone) = (set.start(), rules.start());
    for look in 0..200_usize {
        let errors = if look % 23 < 7 { 0.2 } else { 0.01 };
        let memory = if look % 31 < 9 { 0.95 } else { 0.3 };
        let values = [("service.auth.error_ratio", errors), ("service.cache.memory", memory)];
        let seen = observation(&topology, &values)?;
        set.observe(&mut state, &seen);
        rules.observe(&mut alone, &seen);
        assert_eq!(set.incidents(&state), rules.incidents(&alone));
        assert_eq!(state.opened_incident(), alone.opened_incident());
    }
    Ok(())
}

#[test]
fn a_change_is_told_once_and_an_open_incident_until_it_is_resolved() -> Outcome {
    let topology = spine()?;
    let health_check = HealthCheckConfig { failures: 1, recoveries: 1, ..HealthCheckConfig::default() };
    let config = DetectorConfig { health_check: Some(health_check), ..DetectorConfig::default() };
    let set = DetectorSet::new(&config, &topology)?;
    let mut state = set.start();
    let mut told = Vec::new();
    for running in [1.0, 0.0, 0.0, 1.0, 1.0] {
        set.observe(&mut state, &observation(&topology, &[("service.auth.running", running)])?);
        told.push((set.changes(&state).len(), set.incidents(&state).len(), state.opened_incident()));
    }
    assert_eq!(told, [(0, 0, false), (1, 1, true), (0, 1, false), (1, 1, false), (0, 0, false)]);
    Ok(())
}

#[test]
fn while_the_detecting_service_is_down_only_the_dead_man_reports_and_what_still_holds_is_reported_after() -> Outcome {
    let topology = spine()?;
    let config = DetectorConfig { runs_on: Some("metrics".to_owned()), ..DetectorConfig::all() };
    let config = DetectorConfig { zscore: None, burn_rate: None, ..config };
    let set = DetectorSet::new(&config, &topology)?;
    let mut state = set.start();
    let bad = ("service.auth.error_ratio", 0.5);
    let mut told = Vec::new();
    for running in [1.0, 0.0, 0.0, 0.0, 1.0] {
        let values = if told.is_empty() { vec![] } else { vec![bad, ("service.metrics.running", running)] };
        set.observe(&mut state, &observation(&topology, &values)?);
        let changes = set.changes(&state);
        told.push((
            state.is_masked(),
            names(&changes).iter().map(|name| (name.0.to_owned(), name.2)).collect::<Vec<_>>(),
        ));
    }
    let named = |name: &str, resolved| (name.to_owned(), resolved);
    assert_eq!(told[1], (true, vec![named("detection_down", false)]));
    assert_eq!((told[2].1.len(), told[3].1.len()), (0, 0));
    assert!(!told[4].0 && told[4].1.contains(&named("error_rate_critical", false)), "{told:?}");
    assert!(told[4].1.contains(&named("detection_down", true)), "{told:?}");
    let unknown = DetectorConfig { runs_on: Some("metric".to_owned()), ..DetectorConfig::default() };
    let Err(error) = DetectorSet::new(&unknown, &topology) else { return Err("accepted".into()) };
    assert!(error.to_string().starts_with("runs_on: unknown name `metric`; did you mean `metrics`?"), "{error}");
    Ok(())
}

#[test]
fn a_configuration_survives_a_round_trip_and_an_empty_table_switches_a_detector_on() -> Outcome {
    let all = DetectorConfig::all();
    let path = std::path::Path::new("detectors");
    assert_eq!(TextFormat::Toml.parse::<DetectorConfig>(&toml::to_string(&all)?, path)?, all);
    assert_eq!(TextFormat::Json.parse::<DetectorConfig>(&serde_json::to_string(&all)?, path)?, all);
    let some: DetectorConfig = TextFormat::Yaml.parse("zscore: {}\nrules: []\n", path)?;
    assert_eq!(some, DetectorConfig { zscore: all.zscore, ..DetectorConfig::default() });
    let Err(error) = TextFormat::Toml.parse::<DetectorConfig>("[zcore]\n", path) else { return Err("read".into()) };
    assert!(error.to_string().starts_with("detectors:1: unknown field `zcore`"), "{error}");
    Ok(())
}

#[test]
fn a_state_goes_on_where_it_was_saved_and_fits_no_other_set() -> Outcome {
    let topology = spine()?;
    let set = DetectorSet::new(&DetectorConfig::all(), &topology)?;
    let smaller = DetectorSet::new(&DetectorConfig { outlier: None, ..DetectorConfig::all() }, &topology)?;
    let mut state = set.start();
    let seen: Vec<Vec<f32>> = (0..80)
        .map(|look| observation(&topology, &[("service.auth.error_ratio", (look % 17) as f32 / 20.0)]))
        .collect::<Result<_, _>>()?;
    seen[..60].iter().for_each(|seen| set.observe(&mut state, seen));
    let mut restored: DetectorSetState = through_text(&state)?;
    assert!(set.fits(&restored) && !smaller.fits(&restored));
    for seen in &seen[60..] {
        set.observe(&mut state, seen);
        set.observe(&mut restored, seen);
    }
    assert_eq!(set.incidents(&restored), set.incidents(&state));
    Ok(())
}

/// The state through its serialised form.
fn through_text(state: &DetectorSetState) -> Result<DetectorSetState, serde_json::Error> {
    serde_json::from_str(&serde_json::to_string(state)?)
}

#[test]
fn a_rule_may_not_have_the_name_of_another_detector() -> Outcome {
    let topology = spine()?;
    let mut config = DetectorConfig::all();
    let rule = Rule { name: "health_check".to_owned(), severity: Severity::Low, ..config.rules[0].clone() };
    config.rules.push(rule);
    let Err(error) = DetectorSet::new(&config, &topology) else { return Err("accepted".into()) };
    assert_eq!(error.to_string(), "rule `health_check` stands there twice; allowed: once");
    Ok(())
}
