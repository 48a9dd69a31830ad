//! Turning a cache's settings up: entries that live longer, and room for more of them, spare what lies behind it.

use super::lab::{Lab, cluster};
use crate::action::Action;

/// A cache of four replicas that hits half the time at best, before a database.
fn cache(keys: &str) -> Lab {
    let services = format!(
        "[[services]]\nname = \"a\"\nclass = \"cache\"\nreplicas = 4\nservice_time_ms = 1\nstartup_s = 0\n\
         cache = {{ hit_ratio = 0.5, fill_s = 10, {keys} }}\n\
         [[services]]\nname = \"b\"\nclass = \"database\"\nreplicas = 4\nservice_time_ms = 1\n\
         [[calls]]\nfrom = \"a\"\nto = \"b\"\nmode = \"miss\"\n"
    );
    let mut lab = Lab::new(&cluster("actions = \"extended\"", "rate_per_s = 100", 1, &services), &[]);
    lab.run(120);
    lab
}

/// Hit ratio, requests per second of the database, and the share of memory that the cache shows.
fn figures(lab: &mut Lab) -> [f32; 3] {
    lab.run(200);
    [lab.own("a").hit_ratio, lab.offered("b"), lab.own("a").telemetry.memory]
}

/// How often an action is legal, when it is sent as often as that.
fn times(lab: &mut Lab, action: Action) -> usize {
    (0..10)
        .take_while(|_| {
            let legal = crate::simulation::is_legal(&lab.topology, &lab.state, action);
            if legal {
                lab.act(action).run(30);
            }
            legal
        })
        .count()
}

#[test]
fn entries_that_live_longer_are_hit_more_often() {
    let mut lab = cache("ttl_s = 20");
    let [mut hit, mut asked, memory] = figures(&mut lab);
    for _ in 0..3 {
        let action = Action::LengthenTtl(lab.id("a"));
        lab.act(action);
        let [longer_hit, longer_asked, same] = figures(&mut lab);
        assert!(longer_hit > 1.04 * hit && longer_asked < 0.98 * asked, "{hit} {longer_hit}");
        assert!((longer_asked - 100.0 * (1.0 - longer_hit)).abs() < 1.0);
        assert!((same - memory).abs() < 0.01);
        (hit, asked) = (longer_hit, longer_asked);
    }
    // Of the gap to the limit ttl / (ttl + fill) is closed where a share 1 / fill of it fills and 1 / ttl expires.
    assert!((hit - 0.5 * 160.0 / 170.0).abs() < 0.01, "{hit}");
}

#[test]
fn room_for_more_entries_is_paid_for_in_memory() {
    let mut lab = cache("size = 0.05");
    let [hit, asked, memory] = figures(&mut lab);
    let action = Action::EnlargeCache(lab.id("a"));
    lab.act(action);
    let [larger_hit, larger_asked, larger] = figures(&mut lab);
    // Twice the entries under Zipf's law with exponent 3/4.
    assert!((larger_hit / hit - 1.189).abs() < 0.01, "{hit} {larger_hit}");
    assert!(larger_asked < 0.95 * asked, "{asked} {larger_asked}");
    assert!((larger - memory - 0.12).abs() < 0.01, "{memory} {larger}");
}

#[test]
fn a_cache_s_settings_can_be_turned_only_so_far_and_only_where_it_is_of_use() {
    for (keys, lengthened, enlarged) in [("ttl_s = 20, size = 0.05", 3, 2), ("size = 0.05", 0, 2), ("ttl_s = 20", 3, 0)]
    {
        let mut lab = cache(keys);
        let id = lab.id("a");
        let found = (times(&mut lab, Action::LengthenTtl(id)), times(&mut lab, Action::EnlargeCache(id)));
        assert_eq!(found, (lengthened, enlarged), "{keys}");
    }
}
