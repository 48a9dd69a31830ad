//! Rules of caches, brokers and databases.

use super::{
    super::lab::{DOWN, Lab, cluster},
    Check,
};
use crate::{lanes::one_hot, rules::Rule, simulation::replicas, state::HEALTHY};

pub(super) const CHECKS: &[(Rule, Check)] = &[
    (Rule::CacheFill, |off| {
        let mut lab = Lab::new(&cache("fill_s = 30"), off);
        lab.own_mut("a").hit_ratio = 0.0;
        lab.run(300).own("a").hit_ratio > 0.85
    }),
    (Rule::CacheExpiry, |off| {
        // As fast as entries come they expire: half of what could be is there.
        let lab = Lab::new(&cache("fill_s = 30, ttl_s = 30"), off);
        (lab.own("a").hit_ratio - 0.45).abs() < 0.02
    }),
    (Rule::CacheSize, |off| {
        let mut lab = Lab::new(&cache("fill_s = 10, size = 0.25"), off);
        let before = lab.own("a").hit_ratio;
        lab.scale("a", -3.0).run(600);
        // A quarter of the size, to the power of a quarter.
        (lab.own("a").hit_ratio / before - 0.707).abs() < 0.01
    }),
    (Rule::BrokerDepth, |off| {
        let mut lab = Lab::new(&broker("depth = 500, deadline_s = 1e6", ""), off);
        lab.own_mut("b").condition.blocked = 1.0;
        lab.run(60);
        lab.depth("b") < 1100.0 && lab.run(10).bad() > 0.99
    }),
    (Rule::Deadline, |off| {
        let mut lab = Lab::new(&broker("depth = 1e8, deadline_s = 5", "service_time_ms = 50"), off);
        lab.own_mut("b").condition.blocked = 0.9;
        lab.run(120);
        lab.run(10).bad() > 0.9
    }),
    (Rule::Redelivery, |off| {
        let mut lab = Lab::new(&broker("depth = 1e6, deadline_s = 1e6", "error_ratio = 0.5"), off);
        lab.run(60);
        // Every message is taken twice, and none is lost.
        (lab.consumed("b") / 200.0 - 1.0).abs() < 0.05 && lab.bad() < 0.01
    }),
    (Rule::ConsumerRebalance, |off| {
        let mut lab = Lab::new(&broker("depth = 1e6, deadline_s = 1e6, rebalance_s = 20", "startup_s = 0"), off);
        let pause = lab.scale("c", 1.0).run(10).consumed("b");
        pause < 1.0 && lab.run(60).consumed("b") > 99.0
    }),
    (Rule::Partitions, |off| {
        // Eight consumers, of which two have something to do.
        let mut lab = Lab::new(&broker("depth = 1e6, deadline_s = 1e6, partitions = 2", "service_time_ms = 25"), off);
        lab.run(60);
        lab.consumed("b") < 81.0 && lab.depth("b") > 1000.0
    }),
    (Rule::FailOver, |off| {
        let mut lab = Lab::new(&database("write_ratio = 1, failover_s = 30"), off);
        lab.impair_node(0, DOWN);
        let soon = lab.run(20).bad();
        // The health checks have taken the lost member out by then, and another one is the primary.
        let late = lab.run(60).run(20).bad();
        soon > 0.99 && late < 0.35 && lab.state.databases[0].primary != 0
    }),
    (Rule::Conflicts, |off| {
        let mut lab = Lab::new(&database("write_ratio = 1, multi_master = true"), off);
        lab.run_with(60, |state| {
            state.disturbed = false;
            state.condition.cut_off = one_hot(0);
        });
        // A third of the data is written on the smaller side; in a minute 63 % of it.
        (lab.state.databases[0].diverged - 0.21).abs() < 0.02
    }),
    (Rule::Restore, |off| restored(off, "multi_master = false")),
    (Rule::Restore, |off| restored(off, "multi_master = true")),
];

/// Whether a database that lost every member has its data back only when its backup is restored.
fn restored(off: &[&str], keys: &str) -> bool {
    let mut lab = Lab::new(&database(&format!("write_ratio = 1, failover_s = 5, restore_s = 120, {keys}")), off);
    let b = lab.index("b");
    for zone in 0..3 {
        replicas::crash(&lab.topology, &mut lab.state.services[b], b, HEALTHY, zone);
    }
    // The members are back after some ten seconds, their data only later.
    lab.run(60);
    let (running, waiting) = (lab.running("b"), lab.run(30).bad());
    running > 2.9 && waiting > 0.99 && lab.run(120).run(10).bad() < 0.01
}

/// A cache of four replicas before a database.
fn cache(keys: &str) -> String {
    let services = format!(
        "[[services]]\nname = \"a\"\nclass = \"cache\"\nreplicas = 4\nservice_time_ms = 1\nstartup_s = 0\n\
         cache = {{ hit_ratio = 0.9, {keys} }}\n\
         [[services]]\nname = \"b\"\nclass = \"database\"\nreplicas = 4\nservice_time_ms = 1\n\
         [[calls]]\nfrom = \"a\"\nto = \"b\"\nmode = \"miss\"\n"
    );
    cluster("", "rate_per_s = 100", 1, &services)
}

/// A publisher, a broker of two replicas and eight consumers.
fn broker(keys: &str, consumer: &str) -> String {
    let usual = if consumer.contains("service_time_ms") { "" } else { "service_time_ms = 1\n" };
    let services = format!(
        "[[services]]\nname = \"a\"\nreplicas = 2\nservice_time_ms = 1\n\
         [[services]]\nname = \"b\"\nclass = \"broker\"\nreplicas = 2\nservice_time_ms = 1\nbroker = {{ {keys} }}\n\
         [[services]]\nname = \"c\"\nreplicas = 8\nconcurrency = 1\n{usual}{consumer}\n\
         [[calls]]\nfrom = \"a\"\nto = \"b\"\n[[calls]]\nfrom = \"b\"\nto = \"c\"\nmode = \"consume\"\n"
    );
    cluster("", "rate_per_s = 100", 1, &services)
}

/// A service in front of a database with a member in each of three zones.
fn database(keys: &str) -> String {
    let services = format!(
        "[[services]]\nname = \"a\"\nreplicas = 3\nservice_time_ms = 1\n\
         [[services]]\nname = \"b\"\nclass = \"database\"\nreplicas = 3\nservice_time_ms = 1\nstartup_s = 0\n\
         database = {{ {keys} }}\n[[calls]]\nfrom = \"a\"\nto = \"b\"\n"
    );
    cluster("", "rate_per_s = 90", 3, &services)
}
