//! What a service's table notes of those that call it.

use super::{CallTable, ServiceTable};
use crate::scenario::CallMode;

/// Callers that wait for a service's answers from which on what they have in common is drawn up once.
const MANY: usize = 3;

/// Notes which services have many callers, and of which it matters how many replicas they have.
pub(super) fn note(services: &mut [ServiceTable], calls: &[CallTable]) {
    let mut waiting = vec![0; services.len()];
    for call in calls {
        waiting[call.to] += usize::from(call.mode != CallMode::Async);
        // A broker pauses when a consumer joins or leaves.
        services[call.to].counts_replicas |= call.mode == CallMode::Consume;
    }
    for (service, waiting) in services.iter_mut().zip(waiting) {
        service.has_many_callers = waiting >= MANY;
        service.counts_replicas |= service.contention > 0.0 || service.coherency > 0.0 || service.cache_size < 1.0;
    }
}
