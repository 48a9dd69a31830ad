//! Rules of calls: timeouts, retries, breakers, what travels from callees to callers.

use super::{
    super::lab::{Lab, cluster},
    Check,
};
use crate::{lanes::lane, rules::Rule, state::Impairment};

pub(super) const CHECKS: &[(Rule, Check)] = &[
    (Rule::Timeout, |off| Lab::new(&pair("timeout_ms = 100", "service_time_ms = 500"), off).run(30).bad() > 0.5),
    (Rule::Retries, |off| {
        let mut lab = Lab::new(&pair("retries = 3\nbackoff_ms = 1", "error_ratio = 0.5"), off);
        (lab.run(60).bad() - 0.0625).abs() < 0.005
    }),
    (Rule::RetryBudget, |off| {
        let mut lab = Lab::new(&pair("retries = 3\nretry_budget = 0.1\nbackoff_ms = 1", ""), off);
        lab.fail("b", 1.0).run(60);
        // One in ten, and ten a second that are always free.
        lab.offered("b") < 100.0 * 1.1 + 11.0
    }),
    (Rule::RetryDelay, |off| {
        let mut lab = Lab::new(&pair("retries = 3\nbackoff_ms = 20000", ""), off);
        let soon = lab.fail("b", 1.0).run(4).offered("b");
        let late = lab.run(300).offered("b");
        soon < 120.0 && late > 350.0
    }),
    (Rule::ExactStages, |off| {
        // What waits for some milliseconds is back in the next tick, not four ticks later.
        let mut lab = Lab::new(&pair("retries = 1\nbackoff_ms = 1\ntimeout_ms = 20", ""), off);
        lab.fail("b", 1.0).run(1);
        lab.fail("b", 0.0).run(1);
        lab.offered("b") > 140.0
    }),
    (Rule::Breaker, |off| {
        let mut lab = Lab::new(&pair("breaker = true", ""), off);
        lab.fail("b", 1.0).run(60);
        let (mut calls, index) = (0.0, lab.index("b"));
        lab.run_with(60, |state| calls += state.services[index].offered_per_s.reduce_add());
        // A tenth of the calls, for one of six seconds.
        calls / 60.0 < 3.0
    }),
    (Rule::Throttling, |off| {
        // What is accepted is a hundred a second: callers ask for twice that, not for eight times.
        let keys = "service_time_ms = 10\nconcurrency = 1\nreplicas = 1\nqueue_limit = 5";
        let mut lab = Lab::new(&two(800.0, "throttle = true", keys), off);
        lab.run(900);
        lab.offered("b") < 250.0
    }),
    (Rule::OutlierEjection, |off| {
        let ejection = "outlier_ejection = { max_ejected_ratio = 0.5, base_ejection_s = 60 }";
        let mut lab = Lab::new(&pair("", ejection), off);
        // It answers checks, and nothing else.
        lab.impair("b", 2.0, Impairment { error: 1.0, ..Impairment::NONE }).run(60);
        lab.run(60).bad() < 0.3
    }),
    (Rule::ErrorPropagation, |off| Lab::new(&pair("", "error_ratio = 0.5"), off).run(30).bad() > 0.45),
    (Rule::LatencyPropagation, |off| {
        let lab = Lab::new(&pair("timeout_ms = 5000", "service_time_ms = 200"), off);
        lab.mean_s("a") > 0.2
    }),
    (Rule::Fallback, |off| Lab::new(&pair("fallback = 0.9", "error_ratio = 0.5"), off).run(30).bad() < 0.06),
    (Rule::Quorum, |off| {
        let voters = || Lab::new(&pair("quorum = 2", "replicas = 3"), off);
        let down = Impairment { error: 1.0, ..Impairment::NONE };
        let one = voters().impair("b", 1.0, down).run(10).bad();
        let two = voters().impair("b", 2.0, down).run(10).bad();
        one < 1e-3 && two > 0.999
    }),
    (Rule::ZoneLatency, |off| {
        let services = "[network]\nlatency_ms = [[0, 100], [100, 0]]\n\
                        [[services]]\nname = \"a\"\nreplicas = 2\nservice_time_ms = 1\n\
                        [[services]]\nname = \"b\"\nreplicas = 2\nservice_time_ms = 1\nzones = [\"z1\"]\n\
                        [[calls]]\nfrom = \"a\"\nto = \"b\"\n";
        let lab = Lab::new(&cluster("", "rate_per_s = 20", 2, services), off);
        let waits = lab.own("a").calls_mean_s;
        (lane(waits, 0) - lane(waits, 1) - 0.1).abs() < 0.005
    }),
];

/// A service that calls another: 100 requests a second, far below what they could do.
fn pair(call: &str, callee: &str) -> String {
    two(100.0, call, callee)
}

fn two(rate: f32, call: &str, callee: &str) -> String {
    let key = |name: &str, usual: &str| {
        if callee.contains(name) { String::new() } else { format!("{name} = {usual}\n") }
    };
    let rest = format!(
        "[[services]]\nname = \"a\"\nreplicas = 4\nservice_time_ms = 1\npool = 100000\n\
         [[services]]\nname = \"b\"\n{}{}{}{callee}\n[[calls]]\nfrom = \"a\"\nto = \"b\"\n{call}\n",
        key("replicas", "4"),
        key("service_time_ms", "1"),
        key("concurrency", "100"),
    );
    cluster("", &format!("rate_per_s = {rate:?}\ntimeout_ms = 100000"), 1, &rest)
}
