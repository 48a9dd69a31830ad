//! Users by tenant: what each asks for, what the edge turns away, and who bears the failures of a full entry.

use crate::{
    lanes::f32x4,
    simulation::arrivals::spread,
    state::{ClusterState, Shed},
    topology::{TenantTable, Topology},
};

/// Splits the users' requests over tenants and entry services; what exceeds a quota or is shed never gets in.
///
/// Load is shed from the tenants of the lowest priority first.
pub(super) fn split(topology: &Topology, state: &mut ClusterState, weight: f32x4, per_s: f32) {
    let dt = f64::from(topology.tick_s);
    let mut to_shed = per_s * state.remedies.shed;
    state.arrivals_per_s = f32x4::ZERO;
    state.turned_away_per_s = f32x4::ZERO;
    for entry in &mut state.entries {
        entry.first_per_s = f32x4::ZERO;
    }
    let track = state.tenants.len() > 1;
    for step in 0..=LEAST_PRIORITY {
        let priority = if topology.conserves_priority { LEAST_PRIORITY - step } else { 0 };
        let of_class = |other: u8| !topology.conserves_priority || other == priority;
        if !topology.conserves_priority && step > 0 {
            break;
        }
        let class: f32 = topology.tenants.iter().filter(|t| of_class(t.priority)).map(|t| t.share * per_s).sum();
        if class <= 0.0 {
            continue;
        }
        let shed = (to_shed / class).min(1.0);
        to_shed = (to_shed - shed * class).max(0.0);
        for (index, tenant) in topology.tenants.iter().enumerate().filter(|(_, t)| of_class(t.priority)) {
            let offered = tenant.share * per_s;
            let let_in = (offered * (1.0 - shed)).min(tenant.quota_per_s);
            let zones = spread(weight, topology.services[topology.entries[tenant.entry].to].present);
            state.arrivals_per_s += zones * f32x4::splat(offered);
            state.turned_away_per_s += zones * f32x4::splat(offered - let_in);
            state.entries[tenant.entry].first_per_s += zones * f32x4::splat(let_in);
            if track {
                let sums = &mut state.tenants[index];
                sums.offered += f64::from(offered) * dt;
                sums.bad += f64::from(offered - let_in) * dt;
                sums.inside_per_s = let_in;
            }
        }
    }
}

/// Charges an entry's users who never got there to its tenants, all alike.
#[cold]
pub(super) fn mislead(topology: &Topology, state: &mut ClusterState, entry: usize, share: f32) {
    for (_, sums) in topology.tenants.iter().zip(&mut state.tenants).filter(|(table, _)| table.entry == entry) {
        let gone = sums.inside_per_s * share;
        sums.inside_per_s -= gone;
        sums.bad += f64::from(gone * topology.tick_s);
    }
}

/// Charges what failed at each entry to its tenants: what was refused for lack of room to those of the lowest priority
/// first, everything else to all alike.
pub(super) fn charge(topology: &Topology, state: &mut ClusterState) {
    if state.tenants.len() < 2 {
        return;
    }
    let dt = f64::from(topology.tick_s);
    for (index, (table, entry)) in topology.entries.iter().zip(&state.entries).enumerate() {
        let own = &state.services[table.to];
        let first = entry.first_per_s.reduce_add();
        if first <= 0.0 {
            continue;
        }
        let failed = (entry.first_per_s * bad_share(entry)).reduce_add();
        let refused = (entry.first_per_s * (f32x4::ONE - own.taken)).reduce_add().min(failed).max(0.0);
        let others = ((failed - refused) / (first - refused).max(1e-6)).clamp(0.0, 1.0);
        let mut left = refused;
        for step in 0..=LEAST_PRIORITY {
            let priority = LEAST_PRIORITY - step;
            let of_class =
                |t: &TenantTable| t.entry == index && (!topology.conserves_priority || t.priority == priority);
            let tenants = topology.tenants.iter().zip(&state.tenants).filter(|(table, _)| of_class(table));
            let class: f32 = tenants.map(|(_, sums)| sums.inside_per_s).sum();
            if class <= 0.0 {
                continue;
            }
            let refused = (left / class).min(1.0);
            left = (left - refused * class).max(0.0);
            let bad = refused + (1.0 - refused) * others;
            for (tenant, sums) in topology.tenants.iter().zip(&mut state.tenants) {
                if of_class(tenant) {
                    sums.bad += f64::from(sums.inside_per_s * bad) * dt;
                }
            }
            if !topology.conserves_priority {
                break;
            }
        }
    }
}

/// Ratio of an entry's requests that end badly: failed, or answered wrongly.
pub(super) fn bad_share(entry: &crate::state::CallState) -> f32x4 {
    entry.failure + (f32x4::ONE - entry.failure) * entry.wrong
}

/// Forgets the decision before.
pub(crate) fn begin_decision(state: &mut ClusterState) {
    state.tenants.fill(Shed::default());
}

/// The lowest priority that a scenario may give.
const LEAST_PRIORITY: u8 = 9;
