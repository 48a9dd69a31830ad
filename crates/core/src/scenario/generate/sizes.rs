//! How big a generated cluster's services are: replicas, concurrency and service times that carry the nominal load.

use super::{
    draw::{below, heavy_tailed, rounded, up_to},
    graph::{Graph, Role},
    load::Load,
};
use crate::{
    rng::CounterRng,
    scenario::{Broker, Cache, Service, ServiceClass, defaults},
};

/// Utilisation at the nominal load.
const UTILISATION: [f32; 2] = [0.3, 0.42];
/// Fewest and most replicas: one a zone, and what still lets a service grow within a small cluster.
const REPLICAS: [f32; 2] = [2.0, 24.0];
/// Replicas of somebody else's service, which has as many workers as it takes.
const EXTERNAL_REPLICAS: f32 = 2.0;
/// Most requests that a replica of ours works on at once.
const MOST_CONCURRENCY: f32 = 32.0;

/// The services of a graph under a load, with generated names.
pub(super) fn services(graph: &Graph, load: &Load, rng: &mut CounterRng) -> Vec<Service> {
    let mut numbers = [0_usize; 8];
    let each = graph.roles.iter().enumerate().map(|(index, &role)| {
        let number = &mut numbers[role as usize];
        *number += 1;
        service(role, *number, load.per_s[index], load.hit_ratios[index], rng)
    });
    each.collect()
}

fn service(role: Role, number: usize, per_s: f32, hit_ratio: f32, rng: &mut CounterRng) -> Service {
    // Milliseconds of own work: caches are fastest, third parties slowest (design values).
    let (kind, class, work_ms) = match role {
        Role::Entry => ("gateway", ServiceClass::Stateless, [3.0, 15.0]),
        Role::Middle => ("service", ServiceClass::Stateless, [4.0, 40.0]),
        Role::Worker => ("worker", ServiceClass::Stateless, [8.0, 50.0]),
        Role::Cache => ("cache", ServiceClass::Cache, [0.5, 3.0]),
        Role::Broker => ("broker", ServiceClass::Broker, [1.0, 5.0]),
        Role::Database => ("database", ServiceClass::Database, [4.0, 25.0]),
        Role::External => ("external", ServiceClass::External, [30.0, 100.0]),
        Role::Leaf => ("leaf", ServiceClass::Stateless, [2.0, 20.0]),
    };
    let utilisation = rng.between(UTILISATION[0], UTILISATION[1]);
    let busy = per_s * heavy_tailed(rng, work_ms) / 1000.0 / utilisation;
    let (replicas, concurrency) = if role == Role::External {
        (EXTERNAL_REPLICAS, (busy / EXTERNAL_REPLICAS).round().max(1.0))
    } else {
        size(busy, [1.0, 2.0, 2.0, 4.0][below(rng, 4)])
    };
    // What the whole number of replicas rounds away, the service time makes up for.
    let service_time_ms = rounded(utilisation * concurrency * replicas / per_s * 1000.0, 100.0).max(0.01);
    let replica_per_s = concurrency / service_time_ms * 1000.0;
    let stateful = matches!(class, ServiceClass::Database | ServiceClass::Cache | ServiceClass::Broker);
    Service {
        name: format!("{kind}-{number}"),
        class,
        zones: Vec::new(),
        replicas: replicas as u32,
        min_replicas: None,
        max_replicas: None,
        cores: rounded(rng.between(0.25, 2.0), 4.0),
        concurrency,
        service_time_ms,
        service_cv2: 1.0,
        pool: defaults::pool(),
        // A full queue is worked off in 0.5 to 1.5 s.
        queue_limit: up_to(replica_per_s * rng.between(0.5, 1.5), 10.0).max(20.0),
        error_ratio: 0.0,
        memory: rounded(rng.between(0.3, 0.5), 100.0) + if stateful { 0.1 } else { 0.0 },
        queue_memory: defaults::queue_memory(),
        startup_s: up_to(rng.between(15.0, 40.0), 5.0) + if stateful { 15.0 } else { 0.0 },
        grace_s: defaults::grace_s(),
        health: crate::scenario::Health::default(),
        cache: (role == Role::Cache).then(|| Cache {
            hit_ratio,
            fill_s: up_to(rng.between(30.0, 90.0), 10.0),
            ttl_s: f32::INFINITY,
            size: 1.0,
        }),
        // Ten seconds of messages fit, and none is of use after thirty.
        broker: (role == Role::Broker).then(|| Broker {
            depth: up_to(per_s / replicas * 10.0, 100.0),
            deadline_s: 30.0,
            partitions: None,
            rebalance_s: 0.0,
            redelivery: defaults::redeliveries(),
        }),
        database: None,
        sessions: None,
        autoscaler: None,
        outlier_ejection: None,
        contention: 0.0,
        coherency: 0.0,
    }
}

/// Replicas, as many in one zone as in the other, and concurrency that together give so many workers, or nearly.
fn size(workers: f32, mut concurrency: f32) -> (f32, f32) {
    while workers / concurrency > REPLICAS[1] && concurrency < MOST_CONCURRENCY {
        concurrency *= 2.0;
    }
    while workers / concurrency < REPLICAS[0] && concurrency > 1.0 {
        concurrency /= 2.0;
    }
    let even = (workers / concurrency / 2.0).round() * 2.0;
    (even.clamp(REPLICAS[0], REPLICAS[1]), concurrency)
}

/// Cores of each of four nodes that hold the services: 1.6 times what they request, and at least what is placed there.
pub(super) fn node_cores(services: &[Service]) -> f32 {
    let own = || services.iter().filter(|service| service.class != ServiceClass::External);
    let requested: f32 = own().map(|service| service.replicas as f32 * service.cores).sum();
    // Replicas go to the first node of each zone first, so that it holds half of them, rounded up.
    let fullest: f32 = own().map(|service| service.replicas.div_ceil(4) as f32 * service.cores).sum();
    up_to((1.6 * requested / 4.0).max(1.1 * fullest), 1.0)
}
