//! What a policy sees: the names of an observation's features, their bounds and how latencies are scaled.

/// Features of every service's block, in order.
pub const SERVICE_FEATURES: [&str; 16] = [
    "requests",
    "error_ratio",
    "p99_latency",
    "utilisation",
    "memory",
    "queue",
    "ready",
    "error_ratio_30s",
    "p99_latency_30s",
    "utilisation_30s",
    "p99_latency_slope",
    "memory_slope",
    "staleness",
    "starting",
    "running",
    "since_action",
];

/// Features of every node's block, in order.
///
/// `mismatch` is the share of audited answers of the node's replicas that disagree with their peers'; `notice` rises from
/// 0 to 1 while the provider announces that it takes the node back.
pub const NODE_FEATURES: [&str; 6] = ["cpu_pressure", "drained", "replicas", "disk", "mismatch", "notice"];

/// Features of every zone's block, in order.
pub const ZONE_FEATURES: [&str; 3] = ["weight", "error_ratio", "ready"];

/// Features of the whole cluster, in order.
pub const GLOBAL_FEATURES: [&str; 6] = ["error_ratio", "p99_latency", "load", "cost", "since_action", "starting"];

/// Every feature of an observation lies in [-`BOUND`, `BOUND`].
pub const BOUND: f32 = 4.0;

/// A latency in milliseconds as a feature in [0, 1): the default objective of 500 ms lies at one half.
pub fn latency_feature(latency_ms: f32) -> f32 {
    latency_ms / (latency_ms + 500.0)
}

pub(crate) fn names(services: &[String], nodes: &[String], zones: &[String]) -> Vec<String> {
    let block = |kind: &str, names: &[String], features: &[&str]| -> Vec<String> {
        names.iter().flat_map(|name| features.iter().map(move |feature| format!("{kind}.{name}.{feature}"))).collect()
    };
    let mut all = block("service", services, &SERVICE_FEATURES);
    all.extend(block("node", nodes, &NODE_FEATURES));
    all.extend(block("zone", zones, &ZONE_FEATURES));
    all.extend(GLOBAL_FEATURES.iter().map(|feature| format!("global.{feature}")));
    all
}
