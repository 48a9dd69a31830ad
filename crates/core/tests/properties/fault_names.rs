//! A catalogue's entry may name its fault instead of giving the id, and then leave its parameters out.

use microcloud_core::{FaultId, FaultName, Scenario};

/// spine12 with one entry in its catalogue.
fn with(entry: &str) -> Result<Scenario, String> {
    let text = Scenario::load("spine12").expect("a built-in scenario").to_toml();
    let (rest, _) = text.split_once("[[faults.catalogue]]").expect("its catalogue");
    Scenario::from_toml(&format!("{rest}\n[[faults.catalogue]]\n{entry}\n"), "file").map_err(|error| error.to_string())
}

#[test]
fn every_name_stands_for_a_fault_and_its_parameters_and_loads_again_from_what_is_written() {
    for known in FaultName::all() {
        let targets = if known.names_its_target.is_some() { "targets = [\"auth\"]" } else { "" };
        let scenario = with(&format!("id = {:?}\n{targets}", known.name)).expect(known.name);
        let fault = &scenario.faults.catalogue[0];
        assert_eq!((fault.id, fault.magnitude, fault.spread), (known.id, known.magnitude, known.spread));
        assert_eq!(
            (fault.blast_radius, fault.ramp_s, fault.duration_s),
            (known.blast_radius, known.ramp_s, known.duration_s)
        );
        let again = Scenario::from_toml(&scenario.to_toml(), "written").expect("what was written");
        assert!(again == scenario, "{}", known.name);
    }
}

#[test]
fn what_an_entry_says_goes_before_its_name_s_parameters() {
    let scenario = with("id = \"uniform_latency\"\nmagnitude = [300, 400]\nduration_s = [1, 2]").expect("an entry");
    let fault = &scenario.faults.catalogue[0];
    assert_eq!((fault.id, fault.magnitude, fault.duration_s), (FaultId::F05, [300.0, 400.0], [1.0, 2.0]));
    assert_eq!(fault.spread, None, "another magnitude is another delay");
    assert_eq!(fault.blast_radius, [0.3, 0.3]);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_and_its_line() {
    let error = with("id = \"control_plane_dwn\"").expect_err("no such fault");
    assert!(error.contains("unknown variant `control_plane_dwn`"), "{error}");
    assert!(error.contains("did you mean `control_plane_down`?") && error.contains("`F31`"), "{error}");
    let text = "name = \"x\"\n\n[[faults.catalogue]]\nid = \"stuck\"\n";
    let error = Scenario::from_toml(text, "file").expect_err("no such fault").to_string();
    assert!(error.starts_with("file: line 4: unknown variant `stuck`"), "{error}");
    assert!(error.contains("in `id = \"stuck\"`") && error.contains("`stuck_starting`?"), "{error}");
}

#[test]
fn an_id_needs_its_magnitude_and_only_latency_has_a_spread() {
    for (entry, expected) in [
        ("id = \"F05\"\nduration_s = [1, 2]", "missing field `magnitude`"),
        ("id = \"F05\"\nmagnitude = [1, 2]", "missing field `duration_s`"),
        ("id = \"crash\"\nspread = 0.5", "spread = 0.5; allowed: only with id = \"F05\""),
        ("id = \"latency\"\nspread = 1.5", "spread = 1.5; allowed: 0 to 1"),
        ("id = \"latency\"\nmagnitude = [1, 2, 3]", "invalid length 3"),
        ("id = \"latency\"\nmagnitud = [1, 2]", "unknown field `magnitud`"),
    ] {
        let error = with(entry).expect_err(entry);
        assert!(error.contains(expected), "{entry}: {error}");
    }
}

#[test]
fn the_detector_s_outage_needs_the_service_that_detection_runs_on() {
    let error = with("id = \"detector_down\"").expect_err("no service named");
    assert!(error.contains("missing field `targets`: `detector_down` strikes the service that detection"), "{error}");
    let scenario = with("id = \"detector_down\"\ntargets = [\"metrics\"]").expect("an entry");
    let fault = &scenario.faults.catalogue[0];
    assert_eq!((fault.id, fault.blast_radius), (FaultId::F04, [1.0, 1.0]));
}
