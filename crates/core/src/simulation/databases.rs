//! Databases: who the primary is, what writes do without one, and what members that were apart disagree on.

use crate::{
    lanes::{exp_scalar, f32x4, lane, one_hot},
    state::{ClusterState, DatabaseState, ServiceState},
    topology::{DatabaseTable, Topology},
};

/// Utilisation up to which followers keep pace.
const LAG_LIMIT: f32 = 0.95;

pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    let dt = topology.tick_s;
    let cut = state.condition.cut_off;
    for (table, database) in topology.databases.iter().zip(&mut state.databases) {
        let own = &mut state.services[table.service];
        let members = own.answering();
        lag(table, database, own, dt);
        restore(table, database, own, members, dt);
        let apart = cut.simd_gt(f32x4::ZERO).any();
        if apart && (table.multi_master || !table.fencing) {
            diverge(table, database, members, cut, dt);
        } else {
            database.diverged -= database.diverged * table.reconcile_step;
        }
        if database.diverged < 1e-6 {
            database.diverged = 0.0;
        }
        own.write_error = if database.down || database.restore_left_s > 0.0 {
            // Until the backup is restored there is nothing to read either.
            f32x4::ONE
        } else if table.multi_master {
            f32x4::ZERO
        } else {
            elect(table, database, members, cut, dt)
        };
        let unwritable = own.write_error.simd_gt(f32x4::ZERO).any();
        state.condition.lasting |= unwritable;
        if database.diverged > 0.0 {
            own.condition.wrong = own.condition.wrong.max(database.diverged);
            state.condition.wrong = true;
        }
        // Both may outlast the fault that brought them: conditions have to be cleared until they are gone.
        state.disturbed |= unwritable || database.diverged > 0.0;
    }
}

/// Followers lag as a queue at the members' utilisation would.
fn lag(table: &DatabaseTable, database: &mut DatabaseState, own: &ServiceState, dt: f32) {
    let capacity: f32 = own.populations.iter().map(|population| population.capacity_per_s.reduce_add()).sum();
    let served: f32 = own.populations.iter().map(|population| population.served_per_s.reduce_add()).sum();
    let load = (served / capacity.max(1e-6)).min(LAG_LIMIT);
    database.lag_s = table.lag_s / (1.0 - load);
    if !database.down {
        database.backup_age_s = if database.backup_age_s >= table.backup_s { dt } else { database.backup_age_s + dt };
    }
}

/// A database whose every member crashed comes back from its last backup: later, and without what was written since.
fn restore(table: &DatabaseTable, database: &mut DatabaseState, own: &ServiceState, members: f32x4, dt: f32) {
    let any = members.reduce_add() > 0.0;
    // Members that were stopped in order come back with what they held.
    let crashed = own.has_impaired && !own.impaired_answer() || own.placement.crashed.iter().any(|&count| count > 0.0);
    if !any && crashed && !database.down {
        database.lost_writes_s += database.backup_age_s;
        database.restore_left_s = table.restore_s;
        database.down = true;
    } else if any {
        // Somebody has to be there to restore it to.
        database.restore_left_s = (database.restore_left_s - dt).max(0.0);
        database.down = false;
    }
}

/// Both sides take writes: of what is written, what the smaller side holds will conflict.
fn diverge(table: &DatabaseTable, database: &mut DatabaseState, members: f32x4, cut: f32x4, dt: f32) {
    if !table.conflicts {
        return;
    }
    let total = members.reduce_add().max(1e-6);
    let minority = (members * cut).reduce_add().min((members * (f32x4::ONE - cut)).reduce_add()) / total;
    // Exact for any tick: what is not yet written twice decays exponentially.
    let written = 1.0 - exp_scalar(-table.write_ratio * (dt / DIVERGENCE_S));
    database.diverged += (minority - database.diverged).max(0.0) * written;
}

/// Seconds in which every row is written once, at a write ratio of one.
const DIVERGENCE_S: f32 = 60.0;

/// Members by which two sides may differ and still be equal: replicas move in fractions.
const TIE: f32 = 1e-3;

/// Elects a primary where there is none, and returns the ratio of requests that find none to write to, by zone.
fn elect(table: &DatabaseTable, database: &mut DatabaseState, members: f32x4, cut: f32x4, dt: f32) -> f32x4 {
    let all = f32x4::splat(table.write_ratio);
    let mut primary = database.primary as usize;
    let side = |zone: usize| if lane(cut, zone) > 0.0 { cut } else { f32x4::ONE - cut };
    let votes = |zone: usize| (members * side(zone)).reduce_add();
    // Of two equal halves the one that is cut off yields: the witness stands on the other side.
    let has_majority = |zone: usize| {
        let votes = 2.0 * votes(zone) - members.reduce_add();
        votes > TIE || votes >= -TIE && lane(cut, zone) <= 0.0
    };
    let lost = lane(members, primary) <= 0.0 || (table.fencing && !has_majority(primary) && cut.reduce_add() > 0.0);
    if lost && database.failover_left_s <= 0.0 {
        let candidate = best(members, &has_majority);
        if let Some(zone) = candidate {
            database.failover_left_s = table.failover_s;
            database.primary = zone as u32;
            database.term += 1;
            database.lost_writes_s += database.lag_s;
            primary = zone;
        } else {
            return all;
        }
    }
    if database.failover_left_s > 0.0 {
        database.failover_left_s -= dt;
        return all;
    }
    // Without fencing the old primary's side goes on writing to it; with it, only the primary's side can write.
    if cut.reduce_add() > 0.0 && table.fencing { all * (f32x4::ONE - side(primary)) } else { f32x4::ZERO }
}

/// The zone with the most members among those that a majority can see.
fn best(members: f32x4, has_majority: &dyn Fn(usize) -> bool) -> Option<usize> {
    let counts = members.to_array();
    let eligible = (0..counts.len()).filter(|&zone| counts[zone] > 0.0 && has_majority(zone));
    eligible.max_by(|&a, &b| counts[a].total_cmp(&counts[b]).then(b.cmp(&a)))
}

/// Makes another zone's member the primary, as an operator would: writes pause all the same.
pub(crate) fn fail_over(topology: &Topology, state: &mut ClusterState, service: usize) {
    for (table, database) in topology.databases.iter().zip(&mut state.databases) {
        if table.service == service && !table.multi_master {
            let members = state.services[service].answering();
            let others = members * (f32x4::ONE - one_hot(database.primary as usize));
            if let Some(zone) = best(others, &|_| true) {
                database.primary = zone as u32;
            }
            database.term += 1;
            // One that is under way is not shortened.
            database.failover_left_s = database.failover_left_s.max(table.failover_s);
        }
    }
}

/// The primary is lost, and another zone's member takes over after so many seconds.
pub(crate) fn lose_primary(topology: &Topology, state: &mut ClusterState, service: usize, seconds: f32) {
    fail_over(topology, state, service);
    for (table, database) in topology.databases.iter().zip(&mut state.databases) {
        if table.service == service && !table.multi_master {
            database.failover_left_s = seconds;
            database.lost_writes_s += database.lag_s;
        }
    }
}

/// The primary stops with its replicas: a restart of the service costs a fail-over.
pub(crate) fn interrupt(topology: &Topology, state: &mut ClusterState, service: usize, seconds: f32) {
    for (table, database) in topology.databases.iter().zip(&mut state.databases) {
        if table.service == service && !table.multi_master {
            database.failover_left_s = database.failover_left_s.max(seconds.min(table.failover_s));
            database.term += 1;
        }
    }
}
