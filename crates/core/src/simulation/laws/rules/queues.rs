//! Rules of admission, capacity and queues.

use super::{
    super::lab::{Lab, cluster},
    Check,
};
use crate::rules::Rule;

pub(super) const CHECKS: &[(Rule, Check)] = &[
    (Rule::Admission, |off| {
        // Twice the load that it carries: half of it is served, and what waits stays within the bound.
        let mut lab = Lab::new(&one(200.0, "queue_limit = 50", ""), off);
        lab.run(60);
        lab.bad() < 0.6 && lab.in_system("a") < 51.0
    }),
    (Rule::Priority, |off| {
        let tenants = "[[tenants]]\nname = \"high\"\n[[tenants]]\nname = \"low\"\npriority = 5\n";
        let mut lab = Lab::new(&one(200.0, "queue_limit = 50", tenants), off);
        lab.run(60);
        lab.tenant_bad(0) < 0.05 && lab.tenant_bad(1) > 0.9
    }),
    (Rule::Quota, |off| {
        let tenants = "[[tenants]]\nname = \"held\"\nquota_per_s = 10\n[[tenants]]\nname = \"free\"\n";
        let mut lab = Lab::new(&one(60.0, "", tenants), off);
        lab.run(60);
        (lab.tenant_bad(0) - 2.0 / 3.0).abs() < 0.01 && lab.tenant_bad(1) < 0.01 && lab.offered("a") < 41.0
    }),
    (Rule::Quota, |off| {
        let tenant = "[[tenants]]\nname = \"alone\"\nquota_per_s = 10\n";
        Lab::new(&one(40.0, "", tenant), off).run(60).bad() > 0.7
    }),
    (Rule::Pool, |off| {
        // Ten open requests of a second each: ten a second, whatever the caller could do by itself.
        let services = "[[services]]\nname = \"a\"\nreplicas = 1\nservice_time_ms = 10\nconcurrency = 10\npool = 10\n\
                        [[services]]\nname = \"b\"\nreplicas = 1\nservice_time_ms = 1000\nconcurrency = 500\npool = 500\n\
                        [[calls]]\nfrom = \"a\"\nto = \"b\"\ntimeout_ms = 10000\n";
        let mut lab = Lab::new(&cluster("", "rate_per_s = 50\ntimeout_ms = 60000", 1, services), off);
        lab.run(60);
        lab.capacity("a") < 11.0 && lab.bad() > 0.5
    }),
    (Rule::Scaling, |off| {
        let lab = Lab::new(&one(10.0, "replicas = 8\ncontention = 0.1\ncoherency = 0.01", ""), off);
        // 8 / (1 + 0.1 * 7 + 0.01 * 7 * 8) of a hundred a second each.
        (lab.capacity("a") / 354.0 - 1.0).abs() < 0.01
    }),
    (Rule::Queue, |off| {
        let lab = Lab::new(&one(80.0, "", ""), off);
        // M/M/1 at 80 %: five service times.
        (lab.mean_s("a") / 0.05 - 1.0).abs() < 0.05
    }),
    (Rule::Spread, |off| {
        let lab = Lab::new(&one(80.0, "", ""), off);
        lab.p99_s("a") > 3.0 * lab.mean_s("a")
    }),
    (Rule::TimeoutWaste, |off| {
        // At 70 % of capacity, ten seconds of slowness tip it over, and it works for nobody from then on.
        let workload = "rate_per_s = 70\ntimeout_ms = 1000\nretries = 3";
        let service = "[[services]]\nname = \"a\"\nreplicas = 1\nservice_time_ms = 10\nconcurrency = 1\n\
                       queue_limit = 1000\nqueue_memory = 0\n";
        let mut lab = Lab::new(&cluster("", workload, 1, service), off);
        lab.own_mut("a").condition.speed = 0.1;
        lab.run(10);
        lab.own_mut("a").condition.speed = 1.0;
        lab.run(300).run(60).bad() > 0.9
    }),
    (Rule::Sessions, |off| {
        let mut lab = Lab::new(&one(10.0, "sessions = { issue_work = 9, renew_s = 100 }", ""), off);
        let before = lab.capacity("a");
        lab.own_mut("a").sessions = 0.0;
        lab.run(1);
        let without = lab.capacity("a");
        lab.run(600);
        without < 0.2 * before && lab.capacity("a") > 0.9 * before
    }),
    (Rule::Collection, |off| {
        let mut lab = Lab::new(&one(10.0, "memory = 0.5\nqueue_memory = 0", ""), off);
        let before = lab.capacity("a");
        lab.own_mut("a").populations[0].leaked = crate::lanes::f32x4::splat(0.45);
        lab.run(1);
        lab.capacity("a") < 0.5 * before
    }),
];

/// One service of a replica that does a hundred requests a second one by one, unless the keys say otherwise.
fn one(rate: f32, keys: &str, rest: &str) -> String {
    let replicas = if keys.contains("replicas") { "" } else { "replicas = 1\n" };
    let service =
        format!("[[services]]\nname = \"a\"\n{replicas}service_time_ms = 10\nconcurrency = 1\n{keys}\n{rest}");
    cluster("", &format!("rate_per_s = {rate:?}\ntimeout_ms = 10000"), 1, &service)
}
