//! What must follow from all the rules together: the laws that people who run such systems know.

use super::lab::{Lab, cluster};
use crate::{action::Action, ids::NodeId, lanes::one_hot};

/// A service of so many replicas that do a hundred requests a second each, one by one.
fn one(rate: f32, replicas: u32, workload: &str, keys: &str) -> Lab {
    let service = format!(
        "[[services]]\nname = \"a\"\nreplicas = {replicas}\nservice_time_ms = 10\nconcurrency = 1\nqueue_memory = 0\n{keys}\n"
    );
    Lab::new(&cluster("", &format!("rate_per_s = {rate:?}\n{workload}"), 1, &service), &[])
}

#[test]
fn the_response_time_is_a_hockey_stick() {
    let at = |percent: u16| one(f32::from(percent), 1, "timeout_ms = 1e6", "queue_limit = 1e6").run(600).mean_s("a");
    let curve: Vec<f32> = (10..=95).step_by(5).map(at).collect();
    for three in curve.windows(3) {
        assert!(three[1] > three[0] && three[2] - three[1] > three[1] - three[0], "{curve:?}");
    }
    let ratio = at(95) / at(50);
    assert!((ratio - 10.0).abs() < 0.3, "{ratio}");
}

#[test]
fn one_more_replica_never_raises_the_stationary_response_time() {
    let at = |replicas: u32| one(90.0, replicas, "", "").run(300).mean_s("a");
    for replicas in 1..16 {
        let (fewer, more) = (at(replicas), at(replicas + 1));
        assert!(more < fewer * 1.0001, "{replicas}: {fewer}, one more: {more}");
    }
}

#[test]
fn one_more_replica_raises_the_response_time_beyond_the_peak_of_the_scalability_law() {
    // The peak is at sqrt((1 - 0.05) / 0.05) = 4.4 replicas.
    let at = |replicas: u32| {
        let mut lab = one(90.0, replicas, "timeout_ms = 1e6", "contention = 0.05\ncoherency = 0.05");
        lab.run(600);
        lab
    };
    let capacities: Vec<f32> = (1..12).map(|replicas| at(replicas).capacity("a")).collect();
    let peak = (0..capacities.len()).max_by(|&a, &b| capacities[a].total_cmp(&capacities[b])).expect("a peak") + 1;
    assert_eq!(peak, 4, "{capacities:?}");
    assert!(at(10).mean_s("a") > 1.2 * at(4).mean_s("a"));
}

#[test]
fn retries_never_raise_goodput_in_overload() {
    // Exactly at its capacity, a queue of a hundred stands empty one time in 101, which retries do fill.
    for percent in [110.0, 120.0, 200.0, 400.0] {
        let with = |retries: u32| {
            let workload = format!("timeout_ms = 2000\nretries = {retries}");
            one(percent, 1, &workload, "queue_limit = 100").run(300).run(300).goodput()
        };
        let goodput: Vec<f64> = (0..4).map(with).collect();
        assert!(goodput.windows(2).all(|pair| pair[1] <= pair[0] * 1.001), "{percent} %: {goodput:?}");
    }
}

#[test]
fn while_failures_have_only_begun_nearly_all_attempts_that_fail_are_followed_by_another() {
    // Retries wait for a hundred seconds; two such delays after everything began to fail.
    let services = "[[services]]\nname = \"a\"\nreplicas = 4\nservice_time_ms = 1\npool = 100000\n\
                    [[services]]\nname = \"b\"\nreplicas = 4\nservice_time_ms = 1\n\
                    [[calls]]\nfrom = \"a\"\nto = \"b\"\nretries = 4\ntimeout_ms = 1000\nbackoff_ms = 100000\n";
    let mut lab = Lab::new(&cluster("", "rate_per_s = 100\ntimeout_ms = 1e6", 1, services), &[]);
    lab.fail("b", 1.0).run(200);
    // A k-th retry is due after k exponential delays: P(Poisson(2) >= k).
    let due = [1.0, 0.864_7, 0.594_0, 0.323_3, 0.142_9];
    let attempts = f64::from(lab.offered("b"));
    assert!((attempts / (100.0 * due.iter().sum::<f64>()) - 1.0).abs() < 0.02, "{attempts}");
    // A call is given up after its fifth attempt all the same.
    lab.run(6000);
    assert!((lab.offered("b") - 500.0).abs() < 1.0, "{}", lab.offered("b"));
}

#[test]
fn a_bounded_queue_raises_goodput_in_overload() {
    let with = |limit: &str| one(200.0, 1, "timeout_ms = 1000", limit).run(300).run(60).goodput();
    let (bounded, unbounded) = (with("queue_limit = 30"), with("queue_limit = 1e6"));
    assert!(bounded > 80.0 && unbounded < 1.0, "{bounded}, {unbounded}");
}

#[test]
fn restarting_a_service_lowers_its_capacity_for_at_least_its_start_up_time() {
    let mut lab = one(100.0, 4, "", "startup_s = 45");
    let before = lab.capacity("a");
    let restart = Action::Restart(lab.id("a"));
    lab.act(restart).run(3);
    let (mut seconds, mut least) = (0, before);
    while lab.run(1).capacity("a") < 0.99 * before {
        seconds += 1;
        least = least.min(lab.capacity("a"));
        assert!(seconds < 3000, "it never comes back");
    }
    assert!(seconds > 45 && least < 0.8 * before, "{seconds} s, {least} of {before}");
}

#[test]
fn draining_loses_no_request_where_the_grace_period_is_long_enough() {
    let lost = |grace_s: u32| {
        let service = format!(
            "[[services]]\nname = \"a\"\nreplicas = 4\nservice_time_ms = 5000\nconcurrency = 100\npool = 200\n\
             grace_s = {grace_s}\n[[nodes]]\nname = \"more\"\nzone = \"z0\"\ncores = 100\n"
        );
        let mut lab = Lab::new(&cluster("", "rate_per_s = 20\ntimeout_ms = 1e6", 1, &service), &[]);
        lab.act(Action::Drain(NodeId(0))).run(300);
        assert!(lab.running("a") > 3.9 && lab.own("a").placement.on_node(0) == 0.0);
        lab.state.accounts.bad
    };
    let (long, short) = (lost(10), lost(1));
    assert!(long < 1e-3 && short > 10.0, "{long}, {short}");
}

/// Two services over two zones, of which one is lost and its users sent to the other.
fn lose_a_zone(rate: f32) -> (f64, f64) {
    let services = "[[services]]\nname = \"a\"\nreplicas = 8\nservice_time_ms = 1\npool = 100000\n\
                    [[services]]\nname = \"b\"\nreplicas = 8\nservice_time_ms = 10\nconcurrency = 1\n\
                    queue_limit = 1000\nqueue_memory = 0\n\
                    [[calls]]\nfrom = \"a\"\nto = \"b\"\ntimeout_ms = 1000\nretries = 3\n";
    let mut lab = Lab::new(&cluster("", &format!("rate_per_s = {rate:?}\ntimeout_ms = 10000"), 2, services), &[]);
    lab.run(60);
    lab.impair_node(0, super::lab::DOWN);
    lab.state.zone_target = one_hot(1);
    lab.run(300).run(60);
    (lab.bad(), lab.goodput())
}

#[test]
fn losing_a_zone_is_survived_where_one_is_to_spare_and_cascades_where_none_is() {
    let (bad, _) = lose_a_zone(300.0);
    assert!(bad < 0.01, "{bad}");
    // Half of 800 is left, and retries leave nothing of it.
    let (bad, goodput) = lose_a_zone(600.0);
    assert!(bad > 0.9 && goodput < 40.0, "{bad}, {goodput}");
}

/// A caller with at most twenty open calls a replica, and a database that does a hundred a second.
fn database_bound(keys: &str) -> Lab {
    let services = format!(
        "[[services]]\nname = \"a\"\nreplicas = 2\nmax_replicas = 100\nservice_time_ms = 1\npool = 20\nstartup_s = 1\n\
         queue_limit = 50\n[[services]]\nname = \"b\"\nclass = \"database\"\nreplicas = 1\nservice_time_ms = 10\n\
         concurrency = 1\nqueue_limit = 1000\nqueue_memory = 0\n\
         [[calls]]\nfrom = \"a\"\nto = \"b\"\ntimeout_ms = 1000\n{keys}\n"
    );
    Lab::new(&cluster("", "rate_per_s = 200\ntimeout_ms = 5000", 1, &services), &[])
}

#[test]
fn more_callers_make_a_database_that_is_the_bottleneck_worse() {
    let mut few = database_bound("");
    few.run(300).run(60);
    let mut many = database_bound("");
    many.scale("a", 10.0).run(300).run(60);
    assert!(many.in_system("b") > 2.0 * few.in_system("b"), "{} {}", few.in_system("b"), many.in_system("b"));
    assert!(many.goodput() < 0.5 * few.goodput(), "{} {}", few.goodput(), many.goodput());
}

#[test]
fn a_breaker_leaves_the_callee_its_probes() {
    let services = "[[services]]\nname = \"a\"\nreplicas = 4\nservice_time_ms = 1\n\
                    [[services]]\nname = \"b\"\nreplicas = 4\nservice_time_ms = 1\n\
                    [[calls]]\nfrom = \"a\"\nto = \"b\"\nbreaker = true\n";
    let mut lab = Lab::new(&cluster("", "rate_per_s = 100", 1, services), &[]);
    lab.fail("b", 1.0).run(60);
    let mut calls = 0.0;
    lab.run_with(600, |state| calls += state.services[1].offered_per_s.reduce_add());
    // A tenth of the calls, for one of six seconds.
    assert!((calls / 600.0 / 100.0 - 0.1 / 6.0).abs() < 0.002, "{}", calls / 600.0);
    // It closes again once they succeed.
    lab.fail("b", 0.0).run(10);
    assert!(lab.offered("b") > 99.0 && lab.run(10).bad() < 0.01);
}
