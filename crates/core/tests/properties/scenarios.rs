//! Scenario files: round trips and refusals.

use microcloud_core::{Environment, Scenario, Split, Topology};

use crate::play::{scenario, scenario_names, topology};

#[test]
fn a_written_scenario_reads_back_equal() {
    for name in scenario_names() {
        let scenario = scenario(name);
        assert_eq!(scenario.name, name);
        let text = scenario.to_toml();
        assert_eq!(Scenario::from_toml(&text, "written").expect("it reads"), scenario);
    }
}

/// `spine12` with one replacement, and the words that the refusal must contain.
fn refusal(from: &str, to: &str) -> String {
    let text = Scenario::load("spine12").expect("a built-in scenario").to_toml();
    assert!(text.contains(from), "{from}");
    let error = Scenario::from_toml(&text.replacen(from, to, 1), "mine.toml").and_then(Topology::new);
    error.expect_err("a refusal").to_string()
}

#[test]
fn every_mistake_names_the_file_the_key_and_what_is_allowed() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("replicas = 8", "replicaz = 8", &["mine.toml", "replicaz", "did you mean `replicas`"]),
        ("to = \"auth\"", "to = \"atuh\"", &["mine.toml", "calls.gateway->atuh.to", "did you mean `auth`", "database"]),
        ("to = \"auth\"", "to = \"gateway\"", &["workload.entry", "no other calls"]),
        ("rate_per_s = 400.0", "rate_per_s = -1.0", &["workload.rate_per_s", "-1", "or 0"]),
        ("rate_per_s = 400.0", "rate_per_s = nan", &["workload.rate_per_s", "NaN"]),
        ("replicas = 8", "replicas = 1000000000", &["services.gateway.replicas", "1000000000", "10000"]),
        ("replicas = 8", "replicas = -1", &["mine.toml", "replicas = -1", "whole number"]),
        ("replicas = 8", "replicas = 500", &["cores", "allowed: at least"]),
        ("tick_ms = 1000", "tick_ms = 0", &["tick_ms", "1 to"]),
        ("tick_ms = 1000", "tick_ms = \"fast\"", &["mine.toml", "line"]),
        ("id = \"F04\"", "id = \"F99\"", &["F99", "F04"]),
        ("class = \"broker\"", "class = \"brokr\"", &["brokr", "did you mean `broker`"]),
        ("entry = \"gateway\"", "entry = \"getaway\"", &["workload.entry", "did you mean `gateway`"]),
    ];
    for (from, to, words) in cases {
        let message = refusal(from, to);
        assert!(!message.contains('\n'), "{message}");
        for word in *words {
            assert!(message.contains(word), "`{word}` is missing in: {message}");
        }
    }
}

#[test]
fn a_cycle_is_named() {
    let text = Scenario::load("spine12").expect("a built-in scenario").to_toml();
    let looped = format!("{text}\n[[calls]]\nfrom = \"database\"\nto = \"auth\"\n");
    // `faults` ends the file: a call after it belongs to the top level all the same.
    let error = Scenario::from_toml(&looped, "mine.toml").expect_err("a refusal").to_string();
    assert!(error.contains("cycle") && error.contains("auth -> "), "{error}");
}

#[test]
fn unknown_names_directories_and_rubbish_are_refused() {
    let unknown = Scenario::load("spine21").expect_err("a refusal");
    assert!(unknown.to_string().contains("did you mean `spine12`"));
    assert_eq!(unknown.exit_code(), 2);
    let folder = std::env::temp_dir();
    let directory = Scenario::load(&folder.to_string_lossy()).expect_err("a refusal");
    assert!(directory.to_string().contains("cannot read"));
    assert!(Scenario::from_toml("", "empty.toml").expect_err("a refusal").to_string().contains("missing field"));
}

#[test]
fn every_built_in_name_loads_under_its_own_name_and_every_alias_under_that_of_what_it_stands_for() {
    for name in Scenario::builtin_names().iter().chain(Scenario::preset_names()) {
        assert_eq!(scenario(name).name, *name);
        assert_eq!(Scenario::resolve_alias(name), *name, "an alias hides it");
    }
    for (alias, name) in Scenario::aliases() {
        assert_eq!(scenario(alias), scenario(name), "{alias}");
        assert_eq!(Scenario::resolve_alias(alias), *name);
        assert!(!Scenario::builtin_names().contains(alias) && !Scenario::preset_names().contains(alias), "{alias}");
    }
}

#[test]
fn an_overlay_merges_tables_and_replaces_arrays() {
    let base = scenario("spine12");
    let overlay = "name = \"busy\"\n[workload]\nrate_per_s = 500\nlevel_range = [1, 2]\n\
                   [[faults.catalogue]]\nid = \"F13\"\nmagnitude = [2, 3]\nduration_s = [60, 90]\n";
    let laid = base.overlaid(overlay, "busy.toml").expect("a variant");
    assert_eq!((laid.name.as_str(), laid.workload.rate_per_s), ("busy", 500.0));
    assert_eq!(laid.workload.level_range, [1.0, 2.0]);
    assert_eq!(laid.faults.catalogue.len(), 1);
    assert_eq!((&laid.services, &laid.calls), (&base.services, &base.calls));
    assert_eq!((&laid.workload.entry, laid.faults.second_ratio), (&base.workload.entry, base.faults.second_ratio));
    assert_eq!(base.overlaid("", "nothing.toml").expect("itself"), base);
}

#[test]
fn a_mistake_in_an_overlay_is_named_as_one_in_a_scenario_is() {
    let cases: &[(&str, &[&str])] = &[
        ("[workload]\nrate_pr_s = 5", &["mine.toml", "rate_pr_s", "did you mean `rate_per_s`"]),
        ("[workload]\nrate_per_s = -1", &["mine.toml", "workload.rate_per_s", "-1"]),
        ("tick_ms = \"fast\"", &["mine.toml", "tick_ms"]),
        ("workload = 3", &["mine.toml", "workload"]),
        ("name = \"x\"\nname =", &["mine.toml", "line 2"]),
    ];
    for (overlay, words) in cases {
        let error = scenario("spine12").overlaid(overlay, "mine.toml").expect_err("a refusal");
        let message = error.to_string();
        assert!(!message.contains('\n') && error.exit_code() == 2, "{message}");
        for word in *words {
            assert!(message.contains(word), "`{word}` is missing in: {message}");
        }
    }
}

#[test]
fn every_scenario_is_healthy_where_nothing_goes_wrong() {
    for name in scenario_names() {
        let topology = topology(name);
        let mut environment = Environment::new(topology.clone());
        for level in topology.draw_levels(Split::Train, 31, 3, true) {
            environment.reset(level);
            let (mut offered, mut bad) = (0.0, 0.0);
            for _ in 0..topology.scenario().episode_decisions {
                environment.step(0);
                offered += environment.metrics().offered;
                bad += environment.metrics().bad;
            }
            assert!(bad < 0.01 * offered, "{name}, {level:?}: {bad} of {offered} requests are bad");
        }
    }
}

#[test]
fn the_scenario_that_has_everything_lacks_no_fault() {
    let scenario = scenario("everything");
    let lacks = |id: &microcloud_core::FaultId| scenario.faults.catalogue.iter().all(|entry| entry.id != *id);
    let missing: Vec<_> = microcloud_core::FaultId::all().filter(lacks).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
