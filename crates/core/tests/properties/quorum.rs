//! What the quorum system promises: how soon replicas are out and back, and what users see with one of three down.

use microcloud_core::{Environment, Level, Topology};

use crate::play::scenario;

/// Seconds from an episode's start to its fault.
const ONSET_S: f64 = 2.0;
/// Levels, each of which draws the checks' phase anew.
const LEVELS: u64 = 40;
/// Share of a replica that is too small to count.
const SPECK: f64 = 1e-3;

/// A scenario of the family without noise, tick by tick, with one fault of one replica of three from `ONSET_S` on.
fn struck(name: &str, id: &str, rest: &str, duration_s: u32) -> Environment {
    let overlay = format!(
        "decision_ticks = 1\nepisode_decisions = 100000\nrules_off = [\"arrival-noise\", \"telemetry-noise\"]\n\
         [faults]\ncontrol_ratio = 0\nsecond_ratio = 0\nherring_ratio = 0\n\
         [[faults.catalogue]]\nid = \"{id}\"\ntargets = [\"inventory-svc\"]\n{rest}\nblast_radius = [0.3, 0.3]\n\
         onset_s = [{ONSET_S}, {ONSET_S}]\nduration_s = [{duration_s}, {duration_s}]\n"
    );
    let scenario = scenario(name).overlaid(&overlay, "struck.toml").unwrap_or_else(|error| panic!("{error}"));
    Environment::new(Topology::new(scenario).expect("its topology"))
}

/// Replicas of the inventory that run, and those of them in rotation, at the end of each tick from the onset on.
fn replicas(environment: &mut Environment, level: u64, seconds: f64) -> Vec<[f64; 2]> {
    let service = environment.topology().service("inventory-svc").expect("a service");
    environment.reset(Level::new(level).expect("a level"));
    let mut seen = Vec::new();
    while environment.time_s() < ONSET_S + seconds - 1e-9 {
        environment.step(0);
        if environment.time_s() > ONSET_S + 1e-9 {
            let metrics = environment.service_metrics(service);
            seen.push([metrics.ready, metrics.in_rotation]);
        }
    }
    seen
}

/// Seconds from the onset until one whole replica is out of rotation, on each level.
fn detection_s(environment: &mut Environment) -> Vec<f64> {
    let tick_s = f64::from(environment.topology().scenario().tick_s());
    let until_out = |seen: &[[f64; 2]]| seen.iter().position(|&[_, rotation]| rotation < 2.0 + SPECK);
    let time_s = |level: u64, environment: &mut Environment| {
        until_out(&replicas(environment, level, 5.0)).map_or(f64::INFINITY, |tick| (tick + 1) as f64 * tick_s)
    };
    (0..LEVELS).map(|level| time_s(level, environment)).collect()
}

fn assert_within(times_s: &[f64], [low, high]: [f64; 2]) {
    assert!(times_s.iter().all(|&time_s| (low - 1e-6..=high + 1e-6).contains(&time_s)), "{times_s:?}");
}

#[test]
fn a_crashed_replica_is_out_of_rotation_within_four_to_six_tenths_of_a_second() {
    for name in ["quorum", "quorum-literal"] {
        assert_within(&detection_s(&mut struck(name, "F04", "magnitude = [1, 1]", 600)), [0.4, 0.6]);
    }
}

/// What happens between two ticks is seen at the end of one: a tick of 50 ms is added to the probes' own times.
#[test]
fn a_replica_that_hangs_is_out_in_under_a_second_repaired_and_in_three_seconds_with_the_literal_timeout() {
    let latency = "magnitude = [1200, 1200]\nspread = 0";
    assert_within(&detection_s(&mut struck("quorum", "F05", latency, 600)), [0.6, 0.85]);
    assert_within(&detection_s(&mut struck("quorum-literal", "F05", latency, 600)), [3.0, 3.25]);
}

#[test]
fn with_one_replica_down_availability_quorum_and_latency_are_within_the_objectives() {
    for (id, rest) in [
        ("F04", "magnitude = [1, 1]"),
        ("F05", "magnitude = [1200, 1200]\nspread = 0"),
        ("F06", "magnitude = [0.5, 0.5]"),
    ] {
        let mut environment = struck("quorum", id, rest, 600);
        let voter = environment.topology().service("voter-svc").expect("a service");
        environment.reset(Level::new(0).expect("a level"));
        let (mut offered, mut bad, mut asked, mut split, mut slowest_ms) = (0.0, 0.0, 0.0, 0.0, 0.0_f64);
        while environment.time_s() < 120.0 {
            environment.step(0);
            let metrics = environment.metrics();
            offered += metrics.offered;
            bad += metrics.bad;
            slowest_ms = slowest_ms.max(metrics.p99_ms);
            let votes = environment.service_metrics(voter);
            asked += votes.offered_per_s;
            split += votes.offered_per_s * votes.failure_ratio;
        }
        let (availability, quorum) = (1.0 - bad / offered, 1.0 - split / asked);
        assert!(availability > 0.99, "{id}: availability {availability}");
        assert!(quorum > 0.95, "{id}: quorum {quorum}");
        // The 95th percentile lies below the 99th.
        assert!(slowest_ms < 1000.0, "{id}: p99 {slowest_ms} ms");
    }
}

#[test]
fn with_one_replica_out_the_voter_is_as_fast_as_the_two_that_are_left() {
    let mut environment = struck("quorum", "F05", "magnitude = [1200, 1200]\nspread = 0", 600);
    let [voter, inventory] =
        ["voter-svc", "inventory-svc"].map(|name| environment.topology().service(name).expect("a service"));
    environment.reset(Level::new(0).expect("a level"));
    while environment.time_s() < 30.0 {
        environment.step(0);
    }
    assert!(environment.service_metrics(inventory).in_rotation < 2.01);
    // Its own 20 ms of work and an answer of 10 ms each, not the timeout of 300 ms.
    let p99_s = environment.service_metrics(voter).p99_s;
    assert!(p99_s < 0.2, "{p99_s}");
}

#[test]
fn a_replica_whose_errors_end_is_back_after_five_good_checks() {
    let mut environment = struck("quorum", "F06", "magnitude = [1, 1]", 10);
    let tick_s = f64::from(environment.topology().scenario().tick_s());
    let times_s: Vec<f64> = (0..LEVELS)
        .map(|level| {
            let seen = replicas(&mut environment, level, 14.0);
            let end = (10.0 / tick_s).round() as usize;
            assert!(seen[end - 1][1] < 2.0 + SPECK, "it was never out");
            let back = seen[end..].iter().position(|&[_, rotation]| rotation > 3.0 - SPECK);
            back.map_or(f64::INFINITY, |tick| (tick + 1) as f64 * tick_s)
        })
        .collect();
    assert_within(&times_s, [0.8, 1.0]);
}

#[test]
fn a_restarted_replica_is_in_rotation_five_good_checks_after_it_runs() {
    let mut environment = struck("quorum", "F04", "magnitude = [1, 1]", 10);
    let seen = replicas(&mut environment, 3, 40.0);
    let checks = |seconds: f64| (seconds / f64::from(environment.topology().scenario().tick_s())).round() as usize;
    let ended = checks(10.0);
    assert!(seen[ended + 1][0] < 2.1, "the crashed replica still runs");
    for tick in ended + checks(1.1)..seen.len() {
        let [_, rotation] = seen[tick];
        let (soonest, latest) = (seen[tick - checks(0.8)][0], seen[tick - checks(1.1)][0]);
        // Chance failures, one reply in a thousand, keep a few back a little longer.
        assert!(rotation < soonest + SPECK && rotation > latest - 0.02, "{tick}: {rotation}, {soonest}, {latest}");
    }
    assert!(seen.last().expect("ticks")[1] > 2.99);
}

#[test]
fn with_two_replicas_of_three_down_there_is_no_majority_until_they_are_restarted() {
    let overlay = "[faults]\ncontrol_ratio = 0\nsecond_ratio = 0\nherring_ratio = 0\n[[faults.catalogue]]\nid = \"F04\"\n\
                   targets = [\"inventory-svc\"]\nmagnitude = [1, 1]\nblast_radius = [0.6, 0.7]\nonset_s = [10, 10]\n\
                   duration_s = [90, 90]\n";
    let scenario = scenario("quorum").overlaid(overlay, "two.toml").expect("a variant");
    let mut environment = Environment::new(Topology::new(scenario).expect("its topology"));
    let topology = environment.topology().clone();
    let restart = topology.action_meanings().iter().position(|meaning| meaning == "restart(inventory-svc)");
    let mut late = |action: usize| {
        environment.reset(Level::new(1).expect("a level"));
        let mut failing = 0.0;
        while environment.time_s() < 60.0 {
            environment.step(if environment.decision() == 22 { action } else { 0 });
            let voter = topology.service("voter-svc").expect("a service");
            failing = environment.service_metrics(voter).failure_ratio;
        }
        failing
    };
    assert!(late(0) > 0.99);
    assert!(late(restart.expect("an action")) < 0.01);
}

#[test]
fn the_described_loads_are_fifty_queries_a_second_for_five_minutes_and_thirty_orders_for_three() {
    for (name, entry, rate_per_s, seconds) in
        [("quorum-query", "voter-svc", 50.0, 300.0), ("quorum-create", "orders-svc", 30.0, 180.0)]
    {
        let topology = Topology::new(scenario(name)).expect("its topology");
        let scenario = topology.scenario();
        let entry = topology.service(entry).expect("a service");
        assert_eq!(f64::from(topology.nominal_requests_per_s(entry)), rate_per_s, "{name}");
        let episode_s = f64::from(scenario.tick_s()) * f64::from(scenario.decision_ticks * scenario.episode_decisions);
        assert!((episode_s - seconds).abs() < 1e-3, "{name}: {episode_s} s");
        assert_eq!(scenario.tenants.len(), 1);
    }
}
