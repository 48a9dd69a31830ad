//! Properties of a set: every detector in one stream, states, files, and a detecting service that is down.

use std::sync::Arc;

use microcloud_core::{Environment, FaultId, FaultTarget, Level, Scenario, Split, Topology};

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
    let stale: Vec<String> = topology.service_names().iter().map(|name| format!("service.{name}.staleness")).collect();
    let mut values: Vec<(&str, f32)> = stale.iter().map(|name| (name.as_str(), 0.7)).collect();
    values.extend([
        ("service.auth.error_ratio", 0.5),
        ("service.auth.running", 0.5),
        ("global.error_ratio", 0.5),
        ("global.load", 1.0),
        (node.as_str(), 0.5),
    ]);
    let wrong = observation(&topology, &values)?;
    let mut state = set.start();
    for _ in 0..120 {
        set.observe(&mut state, &calm);
    }
    assert!(set.incidents(&state).is_empty(), "{:?}", names(&set.incidents(&state)));
    let mut found = Vec::new();
    for _ in 0..12 {
        set.observe(&mut state, &wrong);
        found.extend(set.changes(&state).into_iter().map(|incident| incident.rule_name));
    }
    let of_all = [
        "error_rate_high",
        "zscore_service_error_ratio",
        "sequence",
        "health_check",
        "voter_mismatch",
        "burn_rate_fast",
        "burn_rate_slow",
        "dead_man",
    ];
    for expected in of_all {
        assert!(found.iter().any(|name| name == expected), "{expected} is not among {found:?}");
    }
    let open = set.open(&state).find(|open| open.check.rule_name == "burn_rate_fast").ok_or("not open")?;
    let row = open.anomaly(&topology);
    assert_eq!((row.metric_name.as_str(), row.target.as_str(), row.confidence), ("global.error_ratio", "", 1.0));
    let mut ids: Vec<String> = set.incidents(&state).iter().map(|incident| incident.row().id).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for _ in 0..200 {
        set.observe(&mut state, &calm);
    }
    assert!(set.incidents(&state).is_empty(), "{:?}", names(&set.incidents(&state)));
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
    let config = DetectorConfig { zscore: None, sequence: None, burn_rate: None, ..config };
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
    let smaller = DetectorSet::new(&DetectorConfig { dead_man: None, ..DetectorConfig::all() }, &topology)?;
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

#[test]
fn what_does_not_fit_in_a_file_is_answered_with_the_files_name_on_one_line() -> Outcome {
    let (topology, folder) = (spine()?, tempfile::tempdir()?);
    let rule = "rules:\n  - {name: a, metric_name: service.eror_ratio, operator: gt, threshold: 0.1, severity: 1}\n";
    let cases = [
        (rule.to_owned(), "rule `a`: unknown metric_name `service.eror_ratio`; did you mean `service.error_ratio`?"),
        (rule.replace("eror", "error").replace("0.1", ".nan"), "rule `a`: threshold = NaN; allowed: a finite number"),
        ("zscore: {window: 8, includes_current: true}\n".to_owned(), "zscore.window = 8; allowed: a longer window"),
        ("health_check: {recoveries: 0}\n".to_owned(), "health_check.recoveries = 0; allowed: 1 to 1000000"),
        ("dead_man: {bound_seconds: -1}\n".to_owned(), "dead_man.bound_seconds = -1; allowed: "),
    ];
    let path = folder.path().join("detectors.yaml");
    for (text, expected) in cases {
        std::fs::write(&path, text)?;
        let Err(error) = DetectorSet::read(&path, &topology) else { return Err(expected.into()) };
        let (message, file) = (error.to_string(), format!("{}: ", path.display()));
        assert!(message.starts_with(&format!("{file}{expected}")) && !message.contains('\n'), "{message}");
        assert_eq!(error.exit_code(), 2);
    }
    Ok(())
}

/// Names and targets of what opens on a level on which nothing is done.
fn opened(set: &DetectorSet, topology: &Arc<Topology>, level: Level) -> Vec<(String, String)> {
    let mut environment = Environment::new(Arc::clone(topology));
    environment.reset(level);
    let (mut state, mut opened) = (set.start(), Vec::new());
    let mut observation = vec![0.0; topology.observation_size()];
    loop {
        environment.observe(&mut observation);
        set.observe(&mut state, &observation);
        let changes = set.changes(&state).into_iter().filter(|incident| !incident.resolved);
        opened.extend(changes.map(|incident| (incident.rule_name, incident.target)));
        let transition = environment.step(0);
        if transition.terminated || transition.truncated {
            return opened;
        }
    }
}

#[test]
fn in_every_scenario_a_normal_level_sets_off_neither_the_dead_man_nor_the_voter_nor_a_health_check() -> Outcome {
    for name in Scenario::builtin_names() {
        let topology = Topology::new(Scenario::load(name)?)?;
        let set = DetectorSet::new(&DetectorConfig::all(), &topology)?;
        for level in topology.draw_levels(Split::Train, 3, 6, true) {
            let opened = opened(&set, &topology, level);
            let quiet = ["dead_man", "voter_mismatch", "health_check"];
            let wrong: Vec<_> = opened.iter().filter(|(rule, _)| quiet.contains(&rule.as_str())).collect();
            assert!(wrong.is_empty(), "{name}, level {}: {wrong:?}", level.number());
        }
    }
    Ok(())
}

#[test]
fn a_crashed_replica_is_reported_by_the_health_check_of_its_service() -> Outcome {
    let topology = spine()?;
    let set = DetectorSet::new(&DetectorConfig::all(), &topology)?;
    let mut judged = 0;
    for level in topology.draw_levels(Split::Train, 3, 120, false) {
        let mut environment = Environment::new(Arc::clone(&topology));
        environment.reset(level);
        for fault in environment.faults().iter().filter(|fault| fault.id == FaultId::F04) {
            let FaultTarget::Service(service) = fault.target else { continue };
            // Three looks of 5 s have to be bad in a row.
            if fault.end_s - fault.onset_s < 20.0 {
                continue;
            }
            judged += 1;
            let reported = ("health_check".to_owned(), topology.service_names()[service.index()].clone());
            assert!(opened(&set, &topology, level).contains(&reported), "level {}: {fault:?}", level.number());
        }
    }
    assert!(judged >= 5, "{judged}");
    Ok(())
}
