//! The scenarios of the described systems have the parts that the descriptions name.

use std::sync::Arc;

use microcloud_core::{Environment, FaultId, FaultPlan, Level, Scenario, ServiceClass, Split, Topology};

fn load(name: &str) -> Scenario {
    Scenario::load(name).expect("a built-in scenario")
}

fn names(scenario: &Scenario) -> Vec<&str> {
    scenario.services.iter().map(|service| service.name.as_str()).collect()
}

#[test]
fn the_simulated_clouds_seven_services_are_its_monitoring_plane_and_can_fail() {
    let scenario = load("microcloud-normal");
    let names = names(&scenario);
    for part in ["sim-engine", "signal-service", "agent-service", "orchestrator", "ui", "nats", "timescaledb"] {
        assert!(names.contains(&part), "{part}: {names:?}");
    }
    assert_eq!(scenario.telemetry.collector.as_deref(), Some("signal-service"));
    assert_eq!(scenario.control_plane.as_deref(), Some("orchestrator"));
    assert_eq!((scenario.slo.p99_ms, scenario.slo.availability), (500.0, 0.999));
    let struck =
        |part: &str| scenario.faults.catalogue.iter().any(|fault| fault.targets.iter().any(|name| name == part));
    assert!(["signal-service", "orchestrator", "nats", "timescaledb"].into_iter().any(struck));
    assert_eq!(load("high_load"), load("microcloud-high-load"));
    assert_eq!(load("cascade_failure"), load("microcloud-cascade"));
}

#[test]
fn four_providers_differ_in_price_distance_start_up_and_quota_and_share_five_database_members() {
    let scenario = load("multicloud");
    assert_eq!(scenario.zones.len(), 4);
    let differ = |of: fn(&microcloud_core::Zone) -> f32| {
        let first = of(&scenario.zones[0]);
        scenario.zones.iter().any(|zone| of(zone) != first)
    };
    assert!(differ(|zone| zone.price) && differ(|zone| zone.startup_factor) && differ(|zone| zone.shift_s));
    assert!(scenario.zones.iter().any(|zone| zone.quota_cores.is_some()));
    assert_eq!(scenario.network.latency_ms.len(), 4);
    assert!(scenario.nodes.iter().any(|node| node.spot));
    let database =
        scenario.services.iter().find(|service| service.class == ServiceClass::Database).expect("a database");
    assert_eq!(database.replicas, 5);
    assert!(database.database.as_ref().is_some_and(|database| database.multi_master));
    assert!(
        scenario.services.iter().any(|service| service.broker.as_ref().is_some_and(|own| own.partitions.is_some()))
    );
    assert_ne!(load("development").services, scenario.services);
    assert_ne!(load("experimental").faults, scenario.faults);
    assert_eq!(load("production"), scenario);
}

#[test]
fn the_reliability_platform_is_scraped_every_ten_seconds_and_its_parts_are_single_instances() {
    let scenario = load("reliability");
    let names = names(&scenario);
    for part in ["dashboard", "grafana", "anomaly", "prometheus", "policy-engine", "orders", "users", "payments"] {
        assert!(names.contains(&part), "{part}: {names:?}");
    }
    assert!(names.contains(&"jaeger") && names.contains(&"loki"));
    assert_eq!((scenario.telemetry.scrape_s, scenario.telemetry.collector.as_deref()), (10.0, Some("prometheus")));
    assert_eq!(scenario.control_plane.as_deref(), Some("policy-engine"));
    assert_eq!(scenario.actuation_delay_s, 2.0);
    let platform = ["dashboard", "grafana", "anomaly", "prometheus", "policy-engine", "jaeger", "loki"];
    let platform = scenario.services.iter().filter(|service| platform.contains(&service.name.as_str()));
    assert!(platform.into_iter().all(|service| service.replicas == 1));
    assert!(scenario.nodes.iter().all(|node| (2.0..=4.0).contains(&node.cores)));
    assert!(scenario.tenants.len() > 1);
}

#[test]
fn the_scaling_task_is_about_load() {
    let scenario = load("autoscale");
    assert!(scenario.workload.cycle_amplitude > 0.0);
    let weight = |is_load: bool| -> f32 {
        let catalogue = scenario.faults.catalogue.iter();
        catalogue.filter(|fault| (fault.id.to_string() == "F13") == is_load).map(|fault| fault.weight).sum()
    };
    assert!(weight(true) > weight(false), "{} {}", weight(true), weight(false));
    assert!(
        scenario
            .services
            .iter()
            .filter(|service| service.class != ServiceClass::External)
            .all(|service| service.startup_s >= 20.0)
    );
}

#[test]
fn the_experiments_voter_needs_two_of_three_inventories_within_three_tenths_of_a_second() {
    let scenario = load("quorum");
    let names = names(&scenario);
    assert!(names.iter().any(|name| name.starts_with("orders")) && names.iter().any(|name| name.starts_with("voter")));
    let call = scenario.calls.iter().find(|call| call.quorum.is_some()).expect("a quorum call");
    assert_eq!((call.quorum, call.timeout_ms), (Some(2), 300.0));
    let inventory = scenario.services.iter().find(|service| service.name == call.to).expect("the callee");
    assert_eq!(inventory.replicas, 3);
    let health = |scenario: &Scenario| {
        let service = scenario.services.iter().find(|service| service.name == call.to).expect("the callee");
        (service.health.interval_s, service.health.timeout_ms, service.health.failures, service.health.successes)
    };
    assert_eq!(health(&scenario), (0.2, 200.0, 3, 5));
    assert_eq!(health(&load("quorum-literal")), (0.2, 1000.0, 3, 5));
    let classes: Vec<ServiceClass> = scenario.services.iter().map(|service| service.class).collect();
    assert!(classes.contains(&ServiceClass::Broker) && classes.contains(&ServiceClass::Database));
}

#[test]
fn an_inference_that_takes_longer_than_fifty_milliseconds_is_replaced_by_a_fallback() {
    let scenario = load("multicloud");
    let call = scenario.calls.iter().find(|call| call.to == "inference").expect("its caller");
    assert_eq!(call.timeout_ms, 50.0);
    assert!(call.fallback > 0.5);
}

#[test]
fn while_the_collector_is_down_nothing_is_scraped_and_what_was_seen_grows_old() {
    let topology = Topology::new(load("reliability")).expect("its topology");
    let mut environment = Environment::new(Arc::clone(&topology));
    let mut crash = FaultPlan::new(FaultId::F04, Some("prometheus"), 1.0, 300.0, 300.0);
    crash.blast_radius = 1.0;
    environment.reset_with_faults(Level::draw(Split::Train, 1, 0), &[crash]).expect("the fault");
    let column = |name: &str| topology.observation_index(name).expect(name);
    let (age, load) = (column("service.orders.staleness"), column("service.orders.requests"));
    let mut observation = vec![0.0; topology.observation_size()];
    let mut frozen = None;
    while environment.time_s() < 900.0 {
        environment.step(0);
        environment.observe(&mut observation);
        let time_s = environment.time_s();
        // Staleness is t / (t + 30 s): a half at half a minute.
        if (380.0..=600.0).contains(&time_s) {
            assert!(observation[age] > 0.6, "{} at {time_s} s", observation[age]);
            assert_eq!(*frozen.get_or_insert(observation[load]), observation[load], "at {time_s} s");
        } else if !(300.0..700.0).contains(&time_s) {
            assert!(observation[age] < 0.5, "{} at {time_s} s", observation[age]);
        }
    }
    assert_ne!(frozen, Some(observation[load]));
}
