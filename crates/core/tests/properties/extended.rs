//! Properties of the extended actions: each helps where it should, and is masked where it makes no sense.

use std::sync::Arc;

use microcloud_core::{ActionSet, Environment, FaultTarget, Level, Scenario, Topology};

/// `spine12` with the extended actions and one fault, on every level.
fn spine12(fault: &str) -> Arc<Topology> {
    let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
    scenario.actions = ActionSet::Extended;
    let faults = &mut scenario.faults;
    (faults.control_ratio, faults.second_ratio, faults.herring_ratio) = (0.0, 0.0, 0.0);
    faults.catalogue.retain(|entry| entry.id.to_string() == fault);
    faults.catalogue.iter_mut().for_each(|entry| entry.weight = 1.0);
    Topology::new(scenario).expect("its topology")
}

fn index(topology: &Topology, meaning: &str) -> usize {
    let place = topology.action_meanings().iter().position(|known| known == meaning);
    place.unwrap_or_else(|| panic!("no action {meaning}"))
}

/// The loss of a level when these actions are sent from 20 s after the onset on, one a decision; `{}` is the target.
fn loss(topology: &Arc<Topology>, level: Level, actions: &[&str]) -> f64 {
    let mut environment = Environment::new(topology.clone());
    environment.reset(level);
    let fault = environment.faults()[0];
    let target = match fault.target {
        FaultTarget::Service(service) => topology.service_names()[service.index()].clone(),
        FaultTarget::Node(node) => topology.node_names()[node.index()].clone(),
        FaultTarget::Zone(zone) => topology.zone_names()[zone.index()].clone(),
        FaultTarget::Cluster => String::new(),
    };
    let mut pending: Vec<usize> =
        actions.iter().rev().map(|action| index(topology, &action.replace("{}", &target))).collect();
    let mut sum = 0.0;
    loop {
        let due = environment.time_s() >= fault.onset_s + 20.0;
        let action = if due { pending.pop().unwrap_or(0) } else { 0 };
        let transition = environment.step(action);
        sum -= transition.reward;
        if transition.terminated || transition.truncated {
            return sum;
        }
    }
}

#[test]
fn extended_actions_help_against_the_faults_that_they_are_meant_for() {
    let shed = ["shed load(75 %)", "", "", "", "", "", "", "", "", "", "", "", "shed load(0 %)"];
    let shed: Vec<&str> = shed.iter().map(|action| if action.is_empty() { "no-op" } else { action }).collect();

    let cases: [(&str, &[&str]); 10] = [
        ("F01", &["rollback({})", "rollback(gateway)", "rollback(auth)"]),
        ("F03", &["flush queue({})"]),
        ("F08", &["disable retries"]),
        ("F08", &shed),
        ("F12", &["rollback({})"]),
        ("F14", &["page a human"]),
        ("F15", &["clear disk({})"]),
        ("F21", &["rotate secret({})"]),
        ("F23", &["rollback({})"]),
        ("F24", &["open breaker({})"]),
    ];
    let mut failed = Vec::new();
    for (fault, actions) in cases {
        let topology = spine12(fault);
        let levels = topology.draw_levels(microcloud_core::Split::Train, 4, 6, false);
        let mean = |actions: &[&str]| {
            levels.iter().map(|&level| loss(&topology, level, actions)).sum::<f64>() / levels.len() as f64
        };
        let (idle, acted) = (mean(&[]), mean(actions));
        if acted > 0.9 * idle {
            failed.push(format!("{fault}: {actions:?} costs {acted:.2}, no action {idle:.2}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn extended_actions_are_legal_only_where_they_change_something() {
    let topology = spine12("F04");
    let mut environment = Environment::new(topology.clone());
    environment.reset(Level::new(1).expect("a level"));
    let mut mask = vec![false; topology.num_actions()];
    let mut legal = |environment: &Environment, meaning: &str| {
        environment.action_mask(&mut mask);
        mask[index(&topology, meaning)]
    };
    assert!(!legal(&environment, "shed load(0 %)") && legal(&environment, "shed load(50 %)"));
    assert!(!legal(&environment, "enable retries") && !legal(&environment, "close breaker(auth)"));
    for (first, then) in [
        ("shed load(50 %)", "shed load(0 %)"),
        ("disable retries", "enable retries"),
        ("open breaker(auth)", "close breaker(auth)"),
    ] {
        environment.step(index(&topology, first));
        assert!(!legal(&environment, first) && legal(&environment, then), "{first}");
        environment.step(index(&topology, then));
        assert!(legal(&environment, first) && !legal(&environment, then), "{then}");
    }
    environment.step(index(&topology, "page a human"));
    assert!(!legal(&environment, "page a human"), "one human at a time");
}

#[test]
fn shed_requests_are_bad_and_a_page_has_its_price() {
    let topology = spine12("F04");
    let mut environment = Environment::new(topology.clone());
    environment.reset(Level::new(1).expect("a level"));
    let price = f64::from(topology.scenario().reward.page);
    assert!(environment.step(index(&topology, "page a human")).terms.action <= -price);
    environment.step(index(&topology, "shed load(50 %)"));
    environment.step(0);
    let metrics = environment.metrics();
    assert!((metrics.bad / metrics.offered - 0.5).abs() < 0.02);
    environment.step(index(&topology, "shed load(0 %)"));
    environment.step(0);
    let metrics = environment.metrics();
    assert!(metrics.bad / metrics.offered < 0.01);
}

#[test]
fn the_core_actions_stand_where_they_stand_without_the_extended_ones() {
    let extended = spine12("F04");
    let core = Topology::new(Scenario::load("spine12").expect("a built-in scenario")).expect("its topology");
    assert_eq!(extended.action_meanings()[..core.num_actions()], core.action_meanings()[..]);
    assert!(extended.num_actions() > core.num_actions());
}
