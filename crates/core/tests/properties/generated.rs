//! Generated scenarios: equal seeds, published proportions, clusters that carry their load, and room for padding.

use std::collections::BTreeMap;

use microcloud_core::{CallMode, Environment, Scenario, Split, Topology};

fn topologies() -> impl Iterator<Item = Scenario> {
    (0..Scenario::RANDOM_TEST_TOPOLOGIES.end).map(|seed| Scenario::random(seed).expect("a topology"))
}

#[test]
fn equal_seeds_give_equal_scenarios_and_different_ones_differ() {
    let generate = |seed, services| Scenario::generate(seed, services).expect("a scenario");
    for services in [3, 4, 5, 7, 24, 200] {
        assert_eq!(generate(5, services), generate(5, services));
        let (one, other) = (generate(5, services), generate(6, services));
        assert_eq!(one.services.len(), services as usize);
        assert_ne!(one.services, other.services);
    }
    assert_ne!(generate(5, 24).calls, generate(6, 24).calls);
    for refused in [0, 2, 1001, u32::MAX] {
        let error = Scenario::generate(1, refused).expect_err("a refusal");
        assert!(error.to_string().contains(&format!("services = {refused}; allowed: 3 to 1000")), "{error}");
    }
}

#[test]
fn a_generated_scenario_reads_back_equal() {
    for scenario in topologies().chain([3, 50, 1000].map(|n| Scenario::generate(9, n).expect("a scenario"))) {
        assert_eq!(Scenario::from_toml(&scenario.to_toml(), "written").expect("it reads"), scenario);
    }
}

#[test]
fn names_of_topologies_load_and_others_are_refused() {
    assert_eq!(Scenario::load("random").expect("a topology"), Scenario::random(0).expect("a topology"));
    let named = Scenario::load("random-17").expect("a topology");
    assert_eq!((named.name.as_str(), &named), ("random-17", &Scenario::random(17).expect("a topology")));
    for unknown in ["random-", "random-x", "random-+1", "random-99999999999999999999", "random:1", "rndom"] {
        let error = Scenario::load(unknown).expect_err("a refusal").to_string();
        assert!(error.contains("random, random-N") && error.contains("did you mean `random`"), "{error}");
    }
}

#[test]
fn entries_middles_and_leaves_have_the_published_proportions() {
    let (mut services, mut calls, mut single, mut deep) = (0, 0, 0, 0);
    let (mut entries, mut leaves) = (0, 0);
    for scenario in topologies() {
        let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
        let mut callers: BTreeMap<&str, usize> = BTreeMap::new();
        for call in &scenario.calls {
            *callers.entry(&call.to).or_default() += 1;
        }
        // Services stand in an order in which callers come first.
        for service in &scenario.services {
            let own = depths.get(service.name.as_str()).copied().unwrap_or(0);
            for call in scenario.calls.iter().filter(|call| call.from == service.name) {
                let depth = depths.entry(&call.to).or_default();
                *depth = (*depth).max(own + 1);
            }
        }
        let calls_others = |name: &str| scenario.calls.iter().any(|call| call.from == name);
        services += scenario.services.len();
        calls += scenario.calls.len();
        entries += scenario.services.iter().filter(|service| !callers.contains_key(service.name.as_str())).count();
        leaves += scenario.services.iter().filter(|service| !calls_others(&service.name)).count();
        single += callers.values().filter(|&&count| count == 1).count();
        let deepest = depths.values().copied().max().unwrap_or(0);
        assert!(deepest <= 6, "{}: {deepest}", scenario.name);
        deep += usize::from((2..=5).contains(&deepest));
        let used: Vec<_> = scenario.tenants.iter().filter_map(|tenant| tenant.entry.as_deref()).collect();
        assert!(used.iter().all(|entry| !callers.contains_key(entry)) && used[0] == scenario.workload.entry);
        assert_eq!(used.len(), scenario.services.len() - callers.len());
    }
    let ratio = |part: usize| part as f64 / services as f64;
    let found = (ratio(entries), 1.0 - ratio(entries) - ratio(leaves), ratio(leaves));
    assert!(
        (found.0 - 0.13).abs() < 0.03 && (found.1 - 0.48).abs() < 0.03 && (found.2 - 0.39).abs() < 0.03,
        "{found:?}"
    );
    assert!((ratio(calls) - 2.0).abs() < 0.1, "{} calls per service", ratio(calls));
    assert!(2 * single > services - entries, "{single} of {} have one caller", services - entries);
    assert!(deep >= 72, "{deep} of 80 are 2 to 5 calls deep");
}

#[test]
fn a_call_waits_longer_than_what_it_calls() {
    for scenario in topologies() {
        let waits = |mode| matches!(mode, CallMode::Sync | CallMode::Miss);
        for outer in scenario.calls.iter().filter(|call| waits(call.mode)) {
            for inner in scenario.calls.iter().filter(|call| call.from == outer.to && waits(call.mode)) {
                assert!(outer.timeout_ms > inner.timeout_ms, "{}: {} -> {}", scenario.name, outer.to, inner.to);
            }
        }
        assert!(scenario.calls.iter().all(|call| (0.05..=2.0).contains(&call.calls)));
    }
}

#[test]
fn every_service_is_sized_for_its_tenants() {
    for scenario in topologies().chain([3, 150, 1000].map(|n| Scenario::generate(2, n).expect("a scenario"))) {
        let index: BTreeMap<&str, usize> =
            scenario.services.iter().enumerate().map(|(index, service)| (service.name.as_str(), index)).collect();
        let mut calls: Vec<_> = scenario.calls.iter().collect();
        calls.sort_by_key(|call| index[call.from.as_str()]);
        let mut rates = vec![0.0; scenario.services.len()];
        let shares: f32 = scenario.tenants.iter().map(|tenant| tenant.share).sum();
        for tenant in &scenario.tenants {
            let entry = tenant.entry.as_deref().expect("an entry");
            rates[index[entry]] = scenario.workload.rate_per_s * tenant.share / shares;
        }
        for call in calls {
            let from = index[call.from.as_str()];
            let hit_ratio = scenario.services[from].cache.as_ref().map_or(0.0, |cache| cache.hit_ratio);
            let missed = if call.mode == CallMode::Miss { 1.0 - hit_ratio } else { 1.0 };
            rates[index[call.to.as_str()]] += rates[from] * call.calls * missed;
        }
        for (service, rate) in scenario.services.iter().zip(rates) {
            let workers = service.replicas as f32 * service.concurrency;
            let utilisation = rate * service.service_time_ms / 1000.0 / workers;
            assert!((0.29..0.45).contains(&utilisation), "{}: {}: {utilisation}", scenario.name, service.name);
            assert!((2..=24).contains(&service.replicas));
        }
    }
}

#[test]
fn a_cluster_carries_its_nominal_load_and_no_op_without_a_fault_is_nearly_free() {
    for mut scenario in topologies() {
        let varied = Topology::new(scenario.clone()).expect("its tables");
        let level = varied.draw_levels(Split::Train, 1, 1, true)[0];
        let mut environment = Environment::new(varied);
        environment.reset(level);
        let mut sum = 0.0;
        while environment.decision() < scenario.episode_decisions {
            sum += environment.step(0).reward;
        }
        assert!(sum > -1.0, "{}: no-op costs {sum}", scenario.name);

        scenario.workload.level_range = [1.0, 1.0];
        (scenario.workload.cycle_amplitude, scenario.workload.noise_cv) = (0.0, 0.0);
        (scenario.telemetry.noise, scenario.telemetry.loss) = (0.0, 0.0);
        let steady = Topology::new(scenario).expect("its tables");
        let mut environment = Environment::new(steady.clone());
        environment.reset(level);
        let mut observation = vec![0.0; steady.observation_size()];
        for _ in 0..24 {
            environment.step(0);
            environment.observe(&mut observation);
            let metrics = environment.metrics();
            assert!(metrics.bad < 0.01 * metrics.offered, "{}: {metrics:?}", steady.scenario().name);
        }
        for (name, value) in steady.observation_names().iter().zip(&observation) {
            let busy = name.ends_with(".utilisation_30s") && *value >= 0.7;
            assert!(!busy, "{}: {name} is {value}", steady.scenario().name);
        }
    }
}

#[test]
fn all_topologies_have_equally_many_features_and_actions() {
    let shape = |scenario| {
        let topology = Topology::new(scenario).expect("its tables");
        (topology.observation_size(), topology.num_actions())
    };
    let first = shape(Scenario::random(0).expect("a topology"));
    assert!(topologies().all(|scenario| shape(scenario) == first));
    assert_eq!(first, (24 * 16 + 4 * 6 + 2 * 3 + 6, 1 + 3 * 24 + 4 + 4 + 3));
}

#[test]
fn padding_is_zero_and_never_legal_and_costs_what_an_action_costs() {
    // One with a service of somebody else's, which has places among padded ones.
    let scenario = topologies().find(|scenario| scenario.to_toml().contains("\"external\"")).expect("one of 80");
    let topology = Topology::new(scenario.clone()).expect("its tables");
    let mut environment = Environment::new(topology.clone());
    let mut mask = vec![true; topology.num_actions()];
    let mut observation = vec![f32::NAN; topology.observation_size()];
    let empty = |name: &str| name.contains("padding-") || name.contains("external-");
    let places: Vec<usize> = (0..mask.len()).filter(|&index| empty(&topology.action_meanings()[index])).collect();
    assert!(places.len() > 3 * (24 - scenario.services.len()));
    for _ in 0..3 {
        environment.observe(&mut observation);
        environment.action_mask(&mut mask);
        for (name, &value) in topology.observation_names().iter().zip(&observation) {
            assert!(value.is_finite() && (value == 0.0 || !name.contains("padding-")), "{name}: {value}");
        }
        for &place in &places {
            assert!(!mask[place] && topology.action(place).is_none(), "{}", topology.action_meanings()[place]);
            let (mut sent, mut idle) = (environment.clone(), environment.clone());
            let difference = idle.step(0).reward - sent.step(place).reward;
            assert!((difference - f64::from(scenario.reward.action)).abs() < 1e-9 && sent == idle);
        }
        environment.step(0);
    }
}

#[test]
fn padding_leaves_the_cluster_as_it_is() {
    let plain = Scenario::load("spine12").expect("a built-in scenario");
    let padded = Scenario { padded_services: Some(15), ..plain.clone() };
    let level = microcloud_core::Level::new(3).expect("a level");
    let play = |scenario: Scenario, action: &str| {
        let topology = Topology::new(scenario).expect("its tables");
        let mut environment = Environment::new(topology.clone());
        environment.reset(level);
        let action = topology.action_meanings().iter().position(|meaning| meaning == action).expect("an action");
        let rewards: Vec<f64> = (0..100).map(|k| environment.step(if k == 40 { action } else { 0 }).reward).collect();
        let mut observation = vec![0.0; topology.observation_size()];
        environment.observe(&mut observation);
        let features = topology.observation_names().iter().cloned().zip(observation);
        (rewards, features.filter(|(name, _)| !name.contains("padding-")).collect::<Vec<_>>())
    };
    assert_eq!(play(plain.clone(), "restart(worker)"), play(padded.clone(), "restart(worker)"));
    let few = Scenario { padded_services: Some(3), ..plain.clone() };
    let error = Scenario::from_toml(&few.to_toml(), "few.toml").expect_err("a refusal").to_string();
    assert!(error.contains("padded_services = 3; allowed: services = 12"), "{error}");
    let text = padded.to_toml().replace("\"config\"", "\"padding-1\"");
    let error = Scenario::from_toml(&text, "taken.toml").expect_err("a refusal").to_string();
    assert!(error.contains("padding-1") && error.contains("allowed"), "{error}");
}

#[test]
fn a_thousand_services_load_and_ten_thousand_are_refused() {
    let text = Scenario::generate(1, 1000).expect("a scenario").to_toml();
    let topology = Topology::new(Scenario::from_toml(&text, "big.toml").expect("it reads")).expect("its tables");
    let mut environment = Environment::new(topology.clone());
    environment.step(0);
    assert!(environment.metrics().offered > 0.0);
    let services: String = (0..10_000)
        .map(|number| format!("[[services]]\nname = \"s{number}\"\nreplicas = 2\nservice_time_ms = 5\n"))
        .collect();
    let calls: String = (0..20_000)
        .map(|number| format!("[[calls]]\nfrom = \"s{}\"\nto = \"s{}\"\n", number / 2, number / 2 + 1 + number % 2))
        .collect();
    let small = Scenario::load("online-boutique").expect("a built-in scenario").to_toml();
    let head = small.split("[[services]]").next().expect("what stands before the services");
    let error =
        Scenario::from_toml(&format!("{head}{services}{calls}"), "huge.toml").expect_err("a refusal").to_string();
    assert!(error.contains("services: 10000 entries; allowed: 1 to 4096"), "{error}");
}
