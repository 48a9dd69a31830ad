//! The queue tables of a topology's services, shared between those whose queues are alike.

use std::{collections::BTreeMap, sync::Arc};

use super::ServiceTable;
use crate::queueing::QueueTable;

/// A table for each service, by its limit per server and the variability of its work; without chance where queues are off.
pub(super) fn tables(services: &[ServiceTable], is_random: bool) -> Vec<Arc<QueueTable>> {
    // Positive numbers order as their bits do.
    let kind = |service: &ServiceTable| {
        let ratio = service.queue_limit / service.concurrency;
        (ratio.to_bits(), service.service_cv2.to_bits())
    };
    let mut servers: BTreeMap<(u32, u32), f32> = BTreeMap::new();
    for service in services {
        let most = servers.entry(kind(service)).or_default();
        *most = most.max(service.max_replicas * service.concurrency);
    }
    let built: BTreeMap<(u32, u32), Arc<QueueTable>> = servers
        .into_iter()
        .map(|((ratio, cv2), most)| {
            let (bound, variability) = (f32::from_bits(ratio), 0.5 * (1.0 + f32::from_bits(cv2)));
            let table = if is_random {
                QueueTable::new(bound, variability, most)
            } else {
                QueueTable::without_waiting(bound, most)
            };
            ((ratio, cv2), Arc::new(table))
        })
        .collect();
    services.iter().map(|service| built[&kind(service)].clone()).collect()
}
