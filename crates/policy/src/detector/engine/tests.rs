//! Properties of the detector: windows, opening and resolving, user-written rules.

use std::sync::Arc;

use microcloud_core::{Scenario, Topology};

use super::Detector;
use crate::detector::{Incident, Operator, Rule, RuleError, Severity};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn rule(metric_name: &str, threshold: f64, window_seconds: u32) -> Rule {
    let (name, severity) = ("rule".to_owned(), Severity::High);
    Rule { name, metric_name: metric_name.to_owned(), operator: Operator::Gt, threshold, window_seconds, severity }
}

fn spine() -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

/// Feeds one service's error ratio, decision by decision, and returns the incidents after each.
fn feed(detector: &Detector, topology: &Topology, values: &[f32]) -> Option<Vec<Vec<Incident>>> {
    let service = &topology.service_names()[1];
    let column = topology.observation_index(&format!("service.{service}.error_ratio"))?;
    let mut state = detector.start();
    let mut incidents = Vec::new();
    for &value in values {
        let mut observation = vec![0.0; topology.observation_size()];
        observation[column] = value;
        detector.observe(&mut state, &observation);
        incidents.push(detector.incidents(&state));
    }
    Some(incidents)
}

#[test]
fn an_incident_opens_when_the_mean_over_the_window_passes_the_threshold_and_resolves_when_it_falls() -> Outcome {
    let topology = spine()?;
    let detector = Detector::new(vec![rule("service.error_ratio", 0.05, 15)], &topology)?;
    let values = [0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0];
    let incidents = feed(&detector, &topology, &values).ok_or("no such column")?;
    // Three observations in a window: the means are 0.033, 0.067, 0.1, 0.067, 0.033 from the fourth on.
    let open: Vec<usize> = incidents.iter().map(|all| all.iter().filter(|one| !one.resolved).count()).collect();
    assert_eq!(open, [0, 0, 0, 0, 1, 1, 1, 0, 0]);
    let first = &incidents[4][0];
    assert_eq!((first.detected_at, first.tick_id), (20.0, 20));
    assert_eq!((first.target_kind, &first.target), ("service", &topology.service_names()[1]));
    assert!(incidents[7][0].resolved && incidents[8].is_empty());
    Ok(())
}

#[test]
fn a_window_that_is_not_full_is_averaged_over_what_it_holds() -> Outcome {
    let topology = spine()?;
    let detector = Detector::new(vec![rule("service.error_ratio", 0.05, 60)], &topology)?;
    let incidents = feed(&detector, &topology, &[0.06]).ok_or("no such column")?;
    assert_eq!(incidents[0].len(), 1);
    Ok(())
}

#[test]
fn a_latency_threshold_is_in_milliseconds() -> Outcome {
    let topology = spine()?;
    let detector = Detector::new(vec![rule("service.p99_latency_ms", 500.0, 5)], &topology)?;
    let service = &topology.service_names()[0];
    let column = topology.observation_index(&format!("service.{service}.p99_latency")).ok_or("no such column")?;
    for (latency_ms, expected) in [(490.0, 0), (510.0, 1)] {
        let mut observation = vec![0.0; topology.observation_size()];
        observation[column] = microcloud_core::observation::latency_feature(latency_ms);
        let mut state = detector.start();
        detector.observe(&mut state, &observation);
        let incidents = detector.incidents(&state);
        assert_eq!(incidents.len(), expected);
        assert!(incidents.iter().all(|incident| incident.description.contains("is 510")), "{incidents:?}");
    }
    Ok(())
}

#[test]
fn any_feature_of_the_observation_can_have_a_rule() -> Outcome {
    let topology = spine()?;
    for metric in ["service.queue", "node.cpu_pressure", "zone.error_ratio", "global.error_ratio"] {
        assert!(Detector::new(vec![rule(metric, 0.5, 30)], &topology).is_ok(), "{metric}");
    }
    Ok(())
}

#[test]
fn rules_that_do_not_fit_are_refused_with_what_is_allowed() -> Outcome {
    let topology = spine()?;
    let Err(error) = Detector::new(vec![rule("service.eror_ratio", 0.5, 30)], &topology) else {
        return Err("accepted".into());
    };
    assert!(error.to_string().contains("did you mean `service.error_ratio`"), "{error}");
    let twice = vec![rule("service.queue", 0.5, 30), rule("service.queue", 0.6, 30)];
    assert!(matches!(Detector::new(twice, &topology), Err(RuleError::Duplicate(_))));
    let nowhere = vec![rule("service.queue", f64::NAN, 30)];
    assert!(matches!(Detector::new(nowhere, &topology), Err(RuleError::Threshold { .. })));
    let empty = vec![rule("service.queue", 0.5, 0)];
    assert!(matches!(Detector::new(empty, &topology), Err(RuleError::Window { .. })));
    let percent = vec![rule("service.utilisation", 85.0, 30)];
    assert!(matches!(Detector::new(percent, &topology), Err(RuleError::NeverHolds { .. })));
    Ok(())
}

#[test]
fn a_change_is_told_once_and_an_open_incident_until_it_is_resolved() -> Outcome {
    let topology = spine()?;
    let detector = Detector::new(vec![rule("service.error_ratio", 0.05, 5)], &topology)?;
    let column = topology.observation_index("service.auth.error_ratio").ok_or("no such feature")?;
    let mut state = detector.start();
    let mut told = Vec::new();
    for value in [0.0, 0.1, 0.1, 0.0, 0.0] {
        let mut observation = vec![0.0; topology.observation_size()];
        observation[column] = value;
        detector.observe(&mut state, &observation);
        told.push((detector.changes(&state).collect::<Vec<_>>(), detector.incidents(&state)));
    }
    let counts: Vec<(usize, usize)> = told.iter().map(|(changes, all)| (changes.len(), all.len())).collect();
    assert_eq!(counts, [(0, 0), (1, 1), (0, 1), (1, 1), (0, 0)]);
    assert_eq!((told[1].0[0].is_resolved(), told[3].0[0].is_resolved()), (false, true));
    Ok(())
}

#[test]
fn a_state_fits_the_detector_that_made_it_and_no_other() -> Outcome {
    let topology = spine()?;
    let detector = Detector::new(vec![rule("service.error_ratio", 0.05, 5)], &topology)?;
    let other = Detector::new(vec![rule("service.error_ratio", 0.05, 60)], &topology)?;
    let mut state = detector.start();
    detector.observe(&mut state, &vec![0.0; topology.observation_size()]);
    assert!(detector.fits(&state) && !other.fits(&state));
    let text = serde_json::to_string(&state)?;
    assert_eq!(serde_json::from_str::<super::DetectorState>(&text)?, state);
    Ok(())
}
