//! What the outages' scenarios have in common: one zone, one machine, and services written in few words.

use microcloud_core::Scenario;

/// A scenario with decisions of one tick, from the keys of its workload and the rest of its text.
pub(super) fn scenario(tick_ms: u32, workload: &str, rest: &str) -> Scenario {
    let text = format!(
        "name = \"outage\"\ntick_ms = {tick_ms}\ndecision_ticks = 1\nepisode_decisions = 1000000\n\
         [telemetry]\nscrape_s = 10\n[workload]\n{workload}\n\
         [[zones]]\nname = \"z\"\n[[nodes]]\nname = \"n\"\nzone = \"z\"\ncores = 10000\n{rest}"
    );
    Scenario::from_toml(&text, "outage").unwrap_or_else(|error| panic!("{error}"))
}

/// A service of so many replicas and servers each, with mean work in milliseconds. Bounds are out of reach and health checks
/// never fail, unless the other keys say so.
pub(super) fn service(name: &str, [replicas, concurrency]: [u32; 2], service_time_ms: f64, keys: &str) -> String {
    let or = |key: &str, usual: &str| if keys.contains(key) { String::new() } else { format!("{key} = {usual}\n") };
    let usual =
        [("pool", "1000000"), ("queue_limit", "10000000"), ("queue_memory", "0")].map(|(key, usual)| or(key, usual));
    format!(
        "[[services]]\nname = \"{name}\"\nreplicas = {replicas}\nconcurrency = {concurrency}\n\
         service_time_ms = {service_time_ms:?}\nhealth = {{ timeout_ms = 1000000 }}\n{}{keys}\n",
        usual.concat()
    )
}

/// A service that does nothing but call: it takes no time and is never full.
pub(super) fn caller(name: &str) -> String {
    service(name, [1, 10_000], 0.001, "")
}

/// A call with its keys.
pub(super) fn call(from: &str, to: &str, keys: &str) -> String {
    format!("[[calls]]\nfrom = \"{from}\"\nto = \"{to}\"\n{keys}\n")
}
