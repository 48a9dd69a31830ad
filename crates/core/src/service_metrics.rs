//! Ground truth about one service in one tick.

use crate::{
    environment::Environment,
    ids::ServiceId,
    simulation::responses::quantile,
    state::{HEALTHY, IMPAIRED},
};

/// Ground truth about one service in the last tick, over its zones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceMetrics {
    /// Requests per second that callers sent.
    pub offered_per_s: f64,
    /// Those of them taken in.
    pub admitted_per_s: f64,
    /// Requests per second finished.
    pub served_per_s: f64,
    /// Requests per second that the running replicas could finish.
    pub capacity_per_s: f64,
    /// Requests that wait for a server or are worked on; those that wait for calls are not among them.
    pub in_system: f64,
    /// Mean seconds of waiting and working, calls not counted.
    pub own_mean_s: f64,
    /// 99th percentile of the response time in seconds, calls included.
    pub p99_s: f64,
    /// Ratio of requests that fail, late answers not counted.
    pub failure_ratio: f64,
    /// Hit ratio, where it is a cache.
    pub hit_ratio: f64,
    /// Messages that wait, where it is a broker.
    pub depth: f64,
    /// Replicas that there should be.
    pub wanted: f64,
    /// Replicas that run.
    pub ready: f64,
    /// Replicas that run and get traffic.
    pub in_rotation: f64,
}

impl Environment {
    /// Ground truth about a service in the last tick.
    pub fn service_metrics(&self, service: ServiceId) -> ServiceMetrics {
        let own = &self.state().services[service.index()];
        let kinds = if own.has_impaired { &[HEALTHY, IMPAIRED][..] } else { &[HEALTHY][..] };
        let sum = |of: &dyn Fn(usize) -> f32| kinds.iter().map(|&kind| f64::from(of(kind))).sum::<f64>();
        let population = |kind: usize| &own.populations[kind];
        let served_per_s = sum(&|kind| population(kind).served_per_s.reduce_add());
        let answering = sum(&|kind| (population(kind).served_per_s * population(kind).own_mean_s).reduce_add());
        let offered_per_s = f64::from(own.offered_per_s.reduce_add());
        let failed = f64::from((own.offered_per_s * own.failure).reduce_add());
        ServiceMetrics {
            offered_per_s,
            admitted_per_s: f64::from(own.admitted_per_s.reduce_add()),
            served_per_s,
            capacity_per_s: sum(&|kind| population(kind).capacity_per_s.reduce_add()),
            in_system: sum(&|kind| population(kind).in_system.reduce_add()),
            own_mean_s: if served_per_s > 0.0 { answering / served_per_s } else { 0.0 },
            p99_s: f64::from(quantile(own)),
            failure_ratio: if offered_per_s > 0.0 { failed / offered_per_s } else { 0.0 },
            hit_ratio: f64::from(own.hit_ratio),
            depth: f64::from(own.depth.reduce_add()),
            wanted: f64::from(own.wanted),
            ready: sum(&|kind| population(kind).ready.reduce_add()),
            in_rotation: sum(&|kind| population(kind).in_rotation().reduce_add()),
        }
    }
}
