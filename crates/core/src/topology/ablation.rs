//! Switches rules of the physics off by changing the tables that they live in, so that a tick never asks.

use super::{AutoscalerTable, CallTable, DatabaseTable, NodeTable, ServiceTable, TenantTable, tables::retry_stages};
use crate::{
    lanes::NODE_LANES,
    rules::{Rule, RulesOff},
};

/// No bound that a simulated cluster could meet.
const UNBOUNDED: f32 = 1e9;

/// Everything that rules live in.
pub(super) struct Tables<'a> {
    pub services: &'a mut [ServiceTable],
    pub calls: &'a mut [CallTable],
    pub entries: &'a mut [CallTable],
    pub tenants: &'a mut [TenantTable],
    pub databases: &'a mut [DatabaseTable],
    pub autoscalers: &'a mut Vec<AutoscalerTable>,
    pub nodes: &'a mut [NodeTable],
}

pub(super) fn switch_off(rules: &RulesOff, tick_s: f32, tables: Tables<'_>) {
    let Tables { services, calls, entries, tenants, databases, autoscalers, nodes } = tables;
    let off = |rule: Rule| rules.rule(rule);
    if off(Rule::TimeoutWaste) {
        // Nobody works on dead requests where the queue is too short for any to die in it.
        for call in calls.iter().chain(entries.iter()) {
            let callee = &mut services[call.to];
            let alive = 0.5 * call.timeout_s * callee.concurrency / callee.service_s;
            callee.queue_limit = callee.queue_limit.min(alive);
        }
    }
    for service in services.iter_mut() {
        of_service(&off, service);
    }
    for call in calls.iter_mut().chain(entries.iter_mut()) {
        of_call(&off, tick_s, call);
    }
    for tenant in tenants.iter_mut().filter(|_| off(Rule::Quota)) {
        tenant.quota_per_s = f32::MAX;
    }
    for database in databases.iter_mut() {
        if off(Rule::FailOver) {
            database.failover_s = 0.0;
        }
        if off(Rule::Conflicts) {
            database.conflicts = false;
        }
        if off(Rule::Restore) {
            database.restore_s = 0.0;
        }
    }
    if off(Rule::Autoscaler) {
        autoscalers.clear();
    }
    for node in nodes.iter_mut().filter(|_| off(Rule::Price)) {
        node.price = 1.0;
    }
}

fn of_service(off: &dyn Fn(Rule) -> bool, service: &mut ServiceTable) {
    let set = |rule: Rule, value: &mut f32, without: f32| {
        if off(rule) {
            *value = without;
        }
    };
    set(Rule::Admission, &mut service.queue_limit, UNBOUNDED);
    set(Rule::Pool, &mut service.pool, UNBOUNDED);
    set(Rule::Scaling, &mut service.contention, 0.0);
    set(Rule::Scaling, &mut service.coherency, 0.0);
    set(Rule::CacheFill, &mut service.fill_step, 0.0);
    for step in &mut service.evict_steps {
        set(Rule::CacheExpiry, step, 0.0);
    }
    set(Rule::CacheSize, &mut service.cache_size, 1.0);
    set(Rule::Collection, &mut service.collection_loss, 0.0);
    set(Rule::WarmUp, &mut service.cold_loss, 0.0);
    set(Rule::Grace, &mut service.grace_s, 0.0);
    set(Rule::Sessions, &mut service.issue_work, 0.0);
    set(Rule::BrokerDepth, &mut service.broker_depth, UNBOUNDED);
    set(Rule::Deadline, &mut service.broker_deadline_s, UNBOUNDED);
    set(Rule::Redelivery, &mut service.redelivery, 0.0);
    set(Rule::ConsumerRebalance, &mut service.rebalance_s, 0.0);
    set(Rule::Partitions, &mut service.partitions, f32::MAX);
    if off(Rule::OutOfMemory) {
        service.runs_out_of_memory = false;
    }
    if off(Rule::StartUp) {
        service.startup_leave = [1.0; NODE_LANES];
        service.startup_pass = [1.0; NODE_LANES];
    }
    if off(Rule::HealthChecks) {
        service.check_us = u64::MAX / 4;
        service.admits_by_checks = false;
    }
    if off(Rule::OutlierEjection) {
        service.outlier = None;
    }
}

fn of_call(off: &dyn Fn(Rule) -> bool, tick_s: f32, call: &mut CallTable) {
    if off(Rule::Timeout) {
        call.timeout_s = UNBOUNDED;
    }
    if off(Rule::Retries) {
        call.retries = 0;
    }
    if off(Rule::RetryBudget) {
        call.budget = None;
    }
    if off(Rule::RetryDelay) {
        (call.delay_stay, call.delay_pass) = (0.0, 1.0);
        (call.backoff_stay, call.backoff_pass) = (0.0, 1.0);
    }
    if off(Rule::ExactStages) {
        // Euler's explicit step, which holds back for a tick what stays in a stage for less than that.
        let (stage_s, soon_s) = retry_stages(call.timeout_s, call.backoff_s, tick_s);
        let stay = |stage_s: f32| (1.0 - tick_s / stage_s).max(0.0);
        (call.delay_stay, call.delay_pass) = (stay(stage_s), 0.0);
        (call.backoff_stay, call.backoff_pass) = (stay(soon_s), 0.0);
    }
    if off(Rule::Breaker) {
        call.breaker = false;
    }
    if off(Rule::Throttling) {
        call.throttle = false;
    }
    if off(Rule::Quorum) {
        call.quorum = None;
    }
    if off(Rule::Fallback) {
        call.fallback = 0.0;
    }
    if off(Rule::ErrorPropagation) {
        call.fallback = 1.0;
    }
    if off(Rule::LatencyPropagation) {
        call.waits = 0.0;
    }
}
