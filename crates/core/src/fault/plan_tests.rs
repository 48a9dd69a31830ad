//! Tests of chosen faults: they strike as drawn ones do, as many as are kept apart, and nothing but what the cluster has.

use std::sync::Arc;

use super::*;
use crate::{Environment, Level, Scenario, Split, state::IMPAIRED};

fn spine12() -> Arc<Topology> {
    Topology::new(Scenario::load("spine12").expect("a built-in scenario")).expect("its topology")
}

fn crash(service: &str) -> FaultPlan {
    FaultPlan::new(FaultId::F04, Some(service), 1.0, 20.0, 100.0)
}

/// The drawn event as one would have asked for it.
fn as_plan(topology: &Topology, event: &FaultEvent) -> FaultPlan {
    let seconds = |ticks: u64| ticks as f32 * topology.tick_s;
    let target = match event.target {
        FaultTarget::Cluster => None,
        FaultTarget::Service(service) => Some(topology.service_names()[service.index()].clone()),
        FaultTarget::Node(node) => Some(topology.node_names()[node.index()].clone()),
        FaultTarget::Zone(zone) => Some(topology.zone_names()[zone.index()].clone()),
    };
    FaultPlan {
        id: event.id,
        target,
        onset_s: seconds(event.onset_tick),
        ramp_s: seconds(event.ramp_ticks),
        duration_s: seconds(event.end_tick - event.onset_tick),
        magnitude: event.magnitude,
        spread: event.spread,
        blast_radius: event.blast_radius,
        abort_availability: event.abort_availability,
    }
}

#[test]
fn the_faults_that_a_level_drew_strike_equally_when_they_are_chosen() {
    let topology = spine12();
    let (mut drawn, mut chosen) = (Environment::new(topology.clone()), Environment::new(topology.clone()));
    for k in 0..12 {
        let level = Level::draw(Split::Train, 5, k);
        drawn.reset(level);
        let plans: Vec<FaultPlan> = drawn.state().faults.iter().map(|event| as_plan(&topology, event)).collect();
        chosen.reset_with_faults(level, &plans).expect("sound faults");
        for _ in 0..40 {
            drawn.step(0);
            chosen.step(0);
        }
        assert!(drawn == chosen, "level {level:?}");
        assert!(drawn.snapshot() == chosen.snapshot());
    }
}

#[test]
fn an_empty_list_is_an_episode_without_faults() {
    let mut environment = Environment::new(spine12());
    let level = environment.topology().draw_levels(Split::Train, 1, 1, false)[0];
    environment.reset_with_faults(level, &[]).expect("no faults");
    assert!(environment.faults().is_empty() && environment.herrings().is_empty());
    let bad: f64 = (0..60)
        .map(|_| {
            environment.step(0);
            environment.metrics().bad / environment.metrics().offered
        })
        .sum();
    assert!(bad / 60.0 < 0.001, "{bad}");
}

#[test]
fn as_many_faults_as_there_are_slots_strike_and_end_apart_and_snapshots_keep_them() {
    let topology = spine12();
    let services = topology.service_names().to_vec();
    let mut plans: Vec<FaultPlan> = services.iter().map(|service| crash(service).with_blast_radius(0.5)).collect();
    let slow = services.iter().map(|service| FaultPlan::new(FaultId::F05, Some(service), 50.0, 25.0, 60.0));
    plans.extend(slow);
    let errors = services.iter().take(MAX_FAULTS - plans.len());
    plans.extend(errors.map(|service| FaultPlan::new(FaultId::F06, Some(service), 0.5, 30.0, 90.0)));
    assert_eq!(plans.len(), MAX_FAULTS);
    let mut environment = Environment::new(topology.clone());
    environment.reset_with_faults(Level::draw(Split::Train, 1, 1), &plans).expect("sound faults");
    for _ in 0..8 {
        environment.step(0);
    }
    assert_eq!(environment.active_faults().len(), MAX_FAULTS);
    let mut restored = Environment::new(topology.clone());
    restored.restore(&environment.snapshot()).expect("it reads");
    for (own, name) in environment.state().services.iter().zip(&services) {
        assert!(own.impairment.sources.count_ones() >= 2, "{name}: {:b}", own.impairment.sources);
        assert!(own.impairment.delay_s > 0.0 && own.impairment.refuse == 1.0, "{name}");
    }
    for _ in 8..40 {
        environment.step(0);
        restored.step(0);
    }
    assert!(restored == environment);
    assert!(environment.active_faults().is_empty());
    for (own, name) in environment.state().services.iter().zip(&services) {
        let left: f32 = own.placement.running[IMPAIRED].iter().sum();
        assert!(own.impairment.sources == 0 && left == 0.0, "{left} replicas of {name} stay impaired");
    }
}

#[test]
fn what_the_cluster_lacks_is_refused_in_one_line_and_the_episode_goes_on() {
    let mut environment = Environment::new(spine12());
    environment.step(0);
    let before = environment.clone();
    let wide = |blast_radius| crash("auth").with_blast_radius(blast_radius);
    let cases: Vec<(Vec<FaultPlan>, &str)> = vec![
        (
            vec![crash("auth"), crash("gatway")],
            "faults[1] (F04).target = \"gatway\": no such service; did you mean `gate",
        ),
        (
            vec![FaultPlan::new(FaultId::F09, Some("auth"), 1.0, 1.0, 1.0)],
            "no such cache; did you mean `cache`?; allowed: cache",
        ),
        (vec![FaultPlan::new(FaultId::F18, Some("c"), 1.0, 1.0, 1.0)], "no such zone"),
        (vec![FaultPlan::new(FaultId::F13, Some("auth"), 2.0, 1.0, 1.0)], "takes no target"),
        (vec![FaultPlan::new(FaultId::F04, None, 1.0, 1.0, 1.0)], "missing; allowed: one service of gateway, auth"),
        (vec![wide(1.5)], "faults[0] (F04).blast_radius = 1.5; allowed: 0 to 1"),
        (vec![wide(f32::NAN)], "blast_radius = NaN"),
        (vec![FaultPlan::new(FaultId::F04, Some("auth"), 7.0, 1.0, 1.0)], "magnitude = 7; allowed: 1 to 1"),
        (vec![FaultPlan::new(FaultId::F04, Some("auth"), 1.0, -1.0, 1.0)], "onset_s = -1; allowed: 0 to 1000000"),
        (vec![crash("auth"); MAX_FAULTS + 1], "33 faults; allowed: at most 32"),
    ];
    for (plans, words) in cases {
        let message =
            environment.reset_with_faults(Level::draw(Split::Train, 1, 1), &plans).expect_err(words).to_string();
        assert!(message.contains(words) && !message.contains('\n'), "{words}: {message}");
        assert!(environment == before, "{words}: the environment changed");
    }
}

#[test]
fn a_fault_is_found_by_its_id_or_its_name_and_the_nearest_is_offered() {
    for text in ["F04", "f04", "replica crash", "replica-crash", "Replica_Crash"] {
        assert_eq!(text.parse::<FaultId>(), Ok(FaultId::F04), "{text}");
    }
    let message = "replica-crsh".parse::<FaultId>().expect_err("no such fault").to_string();
    assert!(message.contains("did you mean `replica crash`?"), "{message}");
}
