//! Properties of the exact engine.

use super::{EdgeWindow, ExactSimulation};
use crate::{environment::Environment, ids::ServiceId, level::Level, scenario::Scenario, topology::Topology};

/// One service with a mean work of 100 ms, and what else a test wants of it and of its users.
fn one_service(replicas: u32, rate_per_s: f64, service: &str, workload: &str) -> Scenario {
    let text = format!(
        "name = \"one\"\ntick_ms = 1000\ndecision_ticks = 5\nepisode_decisions = 10\n\
         [workload]\nentry = \"s\"\nrate_per_s = {rate_per_s:?}\n{workload}\n\
         [[zones]]\nname = \"z\"\n[[nodes]]\nname = \"n\"\nzone = \"z\"\ncores = 1000\n\
         [[services]]\nname = \"s\"\nreplicas = {replicas}\nconcurrency = 1\nservice_time_ms = 100\n\
         queue_memory = 0\npool = 1000000\n{service}\n"
    );
    Scenario::from_toml(&text, "one").expect("a sound scenario")
}

fn play(scenario: &Scenario, seed: u64, seconds: f64) -> (ExactSimulation, EdgeWindow) {
    let mut simulation = ExactSimulation::new(scenario, seed);
    simulation.run_until(seconds);
    let edge = simulation.take_edge();
    (simulation, edge)
}

#[test]
fn one_service_is_an_m_m_c_queue() {
    let scenario = one_service(4, 32.0, "queue_limit = 1000000", "timeout_ms = 1000000");
    let mut simulation = ExactSimulation::new(&scenario, 1);
    simulation.run_until(100.0);
    simulation.take_service(ServiceId(0));
    simulation.run_until(40_100.0);
    let window = simulation.take_service(ServiceId(0));
    // M/M/4 at 80 %: L = 5.585730, P(wait) = 0.596432, W = 1.745541, p99 = 6.8932 services of 100 ms.
    for (measured, expected) in [
        (window.in_system, 5.585_730),
        (window.waited_ratio, 0.596_432),
        (window.own_mean_s, 0.174_554_1),
        (window.own_p99_s, 0.689_32),
        (window.waiting, 2.385_730),
    ] {
        assert!((measured / expected - 1.0).abs() < 0.02, "{measured} is not {expected}");
    }
    let little = window.served as f64 / window.seconds * window.own_mean_s;
    assert!((window.in_system / little - 1.0).abs() < 1e-3, "{} {little}", window.in_system);
}

#[test]
fn a_bounded_queue_loses_what_m_m_1_k_loses() {
    let scenario = one_service(1, 12.0, "queue_limit = 10", "timeout_ms = 1000000");
    let (mut simulation, edge) = play(&scenario, 2, 50_000.0);
    let window = simulation.take_service(ServiceId(0));
    assert!((window.refused as f64 / window.offered as f64 - 0.192_586).abs() < 0.003);
    assert_eq!(edge.bad as u64, window.refused);
}

#[test]
fn every_user_ends_once_or_is_under_way() {
    let scenario = one_service(2, 25.0, "queue_limit = 30\nerror_ratio = 0.1", "timeout_ms = 500\nretries = 3");
    let (simulation, edge) = play(&scenario, 3, 2_000.0);
    assert!(edge.bad > 0 && edge.attempts > edge.offered);
    let left = edge.offered as i64 - edge.good - edge.bad;
    assert!((0..=simulation.jobs() as i64).contains(&left), "{left} of {}", simulation.jobs());
}

#[test]
fn equal_seeds_give_equal_runs_and_others_do_not() {
    let scenario = Scenario::load("spine12").expect("a built-in scenario");
    let runs = [7, 7, 8].map(|seed| play(&scenario, seed, 20.0).1);
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[test]
fn work_under_way_goes_on_at_the_speed_of_a_new_configuration() {
    let busy = one_service(1, 9.0, "queue_limit = 1000000", "timeout_ms = 1000000");
    let fast = {
        let text = busy.to_toml().replace("service_time_ms = 100.0", "service_time_ms = 1.0");
        Scenario::from_toml(&text, "fast").expect("a sound scenario")
    };
    let (mut simulation, _) = play(&busy, 4, 1000.0);
    simulation.reconfigure(&fast);
    simulation.run_until(1001.0);
    simulation.take_service(ServiceId(0));
    simulation.run_until(1200.0);
    assert!(simulation.take_service(ServiceId(0)).in_system < 0.02);
}

#[test]
fn dead_requests_are_worked_on_and_repeated() {
    // Two servers' worth of load for ten seconds, a timeout of a second, two more attempts: the queue never drains.
    let calm = one_service(1, 6.0, "queue_limit = 1000000", "timeout_ms = 1000\nretries = 2\nbackoff_ms = 10");
    let storm =
        Scenario { workload: crate::scenario::Workload { rate_per_s: 40.0, ..calm.workload.clone() }, ..calm.clone() };
    let mut simulation = ExactSimulation::new(&calm, 5);
    simulation.run_until(60.0);
    assert!(simulation.take_edge().bad < 5);
    simulation.reconfigure(&storm);
    simulation.run_until(90.0);
    simulation.reconfigure(&calm);
    simulation.run_until(150.0);
    simulation.take_edge();
    simulation.run_until(250.0);
    let edge = simulation.take_edge();
    assert!(edge.good < edge.bad / 20, "{} good, {} bad", edge.good, edge.bad);
    assert!((edge.attempts as f64 / edge.offered as f64 - 3.0).abs() < 0.2);
}

#[test]
fn a_cluster_without_faults_serves_its_users_in_both_engines() {
    for name in ["spine12", "online-boutique", "random"] {
        let mut scenario = Scenario::load(name).expect("a built-in scenario");
        scenario.decision_ticks = 1;
        scenario.faults.control_ratio = 1.0;
        scenario.faults.herring_ratio = 0.0;
        let mut simulation = ExactSimulation::new(&scenario, 6);
        let mut environment = Environment::new(Topology::new(scenario).expect("a topology"));
        environment.reset(Level::new(5).expect("a level"));
        let (mut offered, mut bad) = (0.0, 0.0);
        for tick in 0..60 {
            environment.step(0);
            offered += environment.metrics().offered;
            bad += environment.metrics().bad;
            simulation.surround(&environment.surroundings());
            simulation.run_until(f64::from(tick + 1));
        }
        let edge = simulation.take_edge();
        let (fluid, exact) = (bad / offered, edge.bad as f64 / edge.offered as f64);
        assert!((edge.offered as f64 / offered - 1.0).abs() < 0.02, "{name}: {} {offered}", edge.offered);
        assert!((fluid - exact).abs() < 0.01, "{name}: {fluid} {exact}");
    }
}
