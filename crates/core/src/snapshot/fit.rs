//! Whether a restored state is one that a topology's cluster can be in, so that no later tick fails on it.

use super::SnapshotError;
use crate::{
    action::{Action, SHED_PERCENT},
    fault::{FaultEvent, FaultTarget, MAX_FAULTS},
    level::Level,
    state::{ClusterState, SIZE_DOUBLINGS, ServiceState, TTL_DOUBLINGS},
    topology::{ServiceTable, Topology},
};

/// Decisions that an environment may have played: a thousand of the longest episodes that a scenario may have. Times in
/// ticks and microseconds cannot overflow up to there.
const MOST_DECISIONS: u32 = 1_000_000_000;
/// Microseconds by which a timeout in seconds may be rounded: they are single-precision sums up to a thousand seconds.
const CLOCK_ROUNDING_US: u64 = 1000;
/// Room for rounding around a range's ends, as a ratio of its length.
const ROUNDING: f32 = 1e-3;

/// Checks every length, index and count of a state that the simulation relies on.
///
/// A vector that is added to the state is added here, with the length that the topology gives it.
pub(super) fn fits(topology: &Topology, state: &ClusterState) -> Result<(), SnapshotError> {
    let services = topology.services.len();
    length("services", state.services.len(), services)?;
    length("calls", state.calls.len(), topology.calls.len())?;
    length("nodes", state.nodes.len(), topology.nodes.len())?;
    length("entries", state.entries.len(), topology.entries.len())?;
    length("databases", state.databases.len(), topology.databases.len())?;
    length("autoscalers", state.autoscalers.len(), topology.autoscalers.len())?;
    length("tenants", state.tenants.len(), topology.tenants.len())?;
    for (place, (database, table)) in state.databases.iter().zip(&topology.databases).enumerate() {
        let present = topology.services[table.service].zones.contains(&(database.primary as usize));
        check(present, &format!("databases[{place}].primary"), database.primary, "a zone that the database runs in")?;
    }
    length("scrape_phase", state.scrape_phase.len(), services)?;
    length("next_check_us", state.next_check_us.len(), services)?;
    length("pass_runs", state.pass_runs.len(), topology.num_pass_runs)?;
    times(topology, state)?;
    for (slot, event) in state.faults.iter().enumerate() {
        fault(topology, slot, event)?;
    }
    for (place, &(_, action)) in state.pending.iter().enumerate() {
        let key = format!("pending[{place}]");
        match action {
            Action::NoOp | Action::RebalanceAll => {}
            #[cfg(test)]
            Action::Nudge(service) => index(&key, "service", service.index(), services)?,
            Action::DisableRetries | Action::EnableRetries | Action::PageHuman => {}
            Action::Shed(percent) => {
                let allowed = SHED_PERCENT.contains(&percent);
                check(allowed, &format!("percentage in {key}"), percent, format!("one of {SHED_PERCENT:?}"))?;
            }
            Action::Restart(service)
            | Action::ScaleUp(service)
            | Action::ScaleDown(service)
            | Action::Rollback(service)
            | Action::OpenBreaker(service)
            | Action::CloseBreaker(service)
            | Action::FlushQueue(service)
            | Action::FailOver(service)
            | Action::LengthenTtl(service)
            | Action::EnlargeCache(service)
            | Action::RotateSecret(service) => {
                index(&key, "service", service.index(), services)?;
            }
            Action::Drain(node) | Action::Return(node) | Action::ClearDisk(node) => {
                index(&key, "node", node.index(), topology.nodes.len())?;
            }
            Action::Rebalance(zone) => index(&key, "zone", zone.index(), topology.num_zones())?,
        }
    }
    let mut each = state.services.iter().zip(&topology.services).enumerate();
    each.try_for_each(|(service, (own, table))| counts(service, own, table))
}

/// A snapshot is taken between decisions, and no health check is under way for longer than its timeout then.
fn times(topology: &Topology, state: &ClusterState) -> Result<(), SnapshotError> {
    let level = state.level.number();
    check(Level::new(level).is_some(), "level", level, "a number below 2^33")?;
    check(state.decision <= MOST_DECISIONS, "decision", state.decision, format!("0 to {MOST_DECISIONS}"))?;
    let tick = u64::from(state.decision) * u64::from(topology.scenario().decision_ticks);
    check(state.tick == tick, "tick", state.tick, format!("{tick}, at which decision {} ends", state.decision))?;
    let lost = state.accounts.lost_decisions;
    check(lost <= state.decision, "accounts.lost_decisions", lost, format!("0 to {}", state.decision))?;
    let now_us = tick * u64::from(topology.scenario().tick_ms) * 1000;
    for (service, (starts, table)) in state.next_check_us.iter().zip(&topology.services).enumerate() {
        let earliest = now_us.saturating_sub((f64::from(table.check_timeout_s) * 1e6) as u64 + CLOCK_ROUNDING_US);
        let least = starts[0].min(starts[1]);
        let allowed = format!("at least {earliest}, a timeout before the present");
        check(least >= earliest, &format!("next_check_us[{service}]"), least, allowed)?;
    }
    Ok(())
}

fn fault(topology: &Topology, slot: usize, event: &FaultEvent) -> Result<(), SnapshotError> {
    let key = format!("faults[{slot}]");
    check(usize::from(event.slot) < MAX_FAULTS, &format!("{key}.slot"), event.slot, format!("less than {MAX_FAULTS}"))?;
    let ramp = event.ramp_ticks;
    check(ramp < u64::MAX, &format!("{key}.ramp_ticks"), ramp, format!("less than {}", u64::MAX))?;
    match event.target {
        FaultTarget::Cluster => Ok(()),
        FaultTarget::Service(service) => index(&key, "service", service.index(), topology.services.len()),
        FaultTarget::Node(node) => index(&key, "node", node.index(), topology.nodes.len()),
        FaultTarget::Zone(zone) => index(&key, "zone", zone.index(), topology.num_zones()),
    }
}

/// Numbers that bound a loop: replicas are placed and stopped one by one, calls beyond the first are made one by one.
fn counts(service: usize, own: &ServiceState, table: &ServiceTable) -> Result<(), SnapshotError> {
    let placement = &own.placement;
    let most = table.max_replicas.max(table.replicas);
    let all = placement.running.iter().chain(&placement.starting).chain([&placement.crashed]).flatten();
    if let Some(count) = all.chain([&placement.unplaced, &own.wanted]).find(|count| !within(**count, most)) {
        let key = format!("replicas of services[{service}]");
        return check(false, &key, count, format!("0 to {most}"));
    }
    let knobs = own.cache_knobs;
    let turned = [
        ("ttl_doublings", knobs.ttl_doublings, TTL_DOUBLINGS),
        ("size_doublings", knobs.size_doublings, SIZE_DOUBLINGS),
    ];
    for (key, found, most) in turned {
        check(found <= most, &format!("{key} of services[{service}]"), found, format!("0 to {most}"))?;
    }
    // The hit ratio moves towards the one that its replicas' size allows.
    for (key, ratio) in [("hit_ratio", own.hit_ratio), ("hit_limit", own.hit_limit)] {
        check(within(ratio, 1.0), &format!("services[{service}].{key}"), ratio, "0 to 1")?;
    }
    Ok(())
}

/// Whether a value lies between 0 and `most`; NaN does not.
fn within(value: f32, most: f32) -> bool {
    let room = ROUNDING * most.max(1.0);
    (-room..=most + room).contains(&value)
}

fn length(key: &str, found: usize, allowed: usize) -> Result<(), SnapshotError> {
    check(found == allowed, &format!("length of {key}"), found, allowed)
}

fn index(key: &str, kind: &str, found: usize, count: usize) -> Result<(), SnapshotError> {
    check(found < count, &format!("{kind} in {key}"), found, format!("less than {count}"))
}

fn check(holds: bool, key: &str, found: impl ToString, allowed: impl ToString) -> Result<(), SnapshotError> {
    if holds {
        return Ok(());
    }
    let (found, allowed) = (found.to_string(), allowed.to_string());
    Err(SnapshotError::Unfit { key: key.to_owned(), found, allowed })
}
