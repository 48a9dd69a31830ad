//! Health checks by run length: replicas that fail several in a row leave rotation, and come back when they pass.

use crate::{
    lanes::{exp, f32x4, ratio},
    simulation::requests::exceeds,
    state::{CHECK_RUNS, ClusterState, IMPAIRED, Population, ServiceState},
    topology::{OutlierTable, ServiceTable, Topology},
};

pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    let tick_us = u64::from(topology.scenario().tick_ms) * 1000;
    let end_us = (state.tick + 1) * tick_us;
    for (service, table) in topology.services.iter().enumerate() {
        if let Some(outlier) = &table.outlier {
            eject_outliers(topology, outlier, table.error_ratio, &mut state.services[service], state.tick);
        }
        // Checks that fall into this tick, in whole microseconds so that no rounding accumulates.
        let next = &mut state.next_check_us[service];
        let mut checks = 0;
        while *next <= end_us {
            *next += table.check_us;
            checks += 1;
        }
        if checks == 0 {
            continue;
        }
        let own = &mut state.services[service];
        let kinds = if own.has_impaired { 2 } else { 1 };
        for kind in 0..kinds {
            let by_fault = if kind == IMPAIRED { own.impairment.check_failure } else { 0.0 };
            let by_fault = by_fault.max(own.condition.check_failure);
            let population = &mut own.populations[kind];
            let late = exceeds(table.check_timeout_s, population.own_mean_s, population.own_sd_s);
            let failure = f32x4::ONE - (f32x4::ONE - late) * f32x4::splat(1.0 - by_fault);
            for _ in 0..checks {
                check(table, population, failure);
            }
        }
    }
}

/// Envoy's outlier detection: at each sweep callers eject the replicas that gave enough errors in a row, for longer each
/// time, as far as the limit allows; ejected ones come back by themselves.
///
/// A replica that fails with probability p begins a run of n failures with every n-th-last answer: runs end at the rate
/// `answers p^n`, and the share without one over a sweep falls exponentially.
fn eject_outliers(topology: &Topology, table: &OutlierTable, error_ratio: f32, own: &mut ServiceState, tick: u64) {
    let kinds = if own.has_impaired { 2 } else { 1 };
    let replicas = own.placement.running();
    let sweep = tick.is_multiple_of(table.sweep_ticks);
    if !sweep && own.populations[..kinds].iter().all(|population| !population.outlier.simd_gt(f32x4::ZERO).any()) {
        return;
    }
    let out: f32 =
        own.populations[..kinds].iter().map(|population| (population.ready * population.outlier).reduce_add()).sum();
    let mut room = (table.max_ratio * replicas).max(1.0) - out;
    let trouble = own.impairment;
    let service_error = own.condition.error;
    // The worst go first.
    for kind in (0..kinds).rev() {
        let population = &mut own.populations[kind];
        let ejected_for_s = f32x4::splat(table.base_s) * population.ejections.fast_max(f32x4::ONE);
        let back =
            population.outlier * (f32x4::splat(topology.tick_s) / (ejected_for_s + f32x4::splat(topology.tick_s)));
        population.outlier -= back;
        if !sweep || room <= 0.0 {
            continue;
        }
        let own_error = if kind == IMPAIRED {
            1.0 - (1.0 - trouble.error.max(trouble.unseen_error)) * (1.0 - trouble.refuse)
        } else {
            0.0
        };
        let error = f32x4::ONE - (f32x4::ONE - service_error) * f32x4::splat((1.0 - own_error) * (1.0 - error_ratio));
        let mut run = error;
        for _ in 1..table.consecutive_errors {
            run *= error;
        }
        let answers = ratio(population.served_per_s, population.ready).fast_max(f32x4::splat(own_error));
        let sweep_s = table.sweep_ticks as f32 * topology.tick_s;
        let struck = f32x4::ONE - exp(f32x4::ZERO - answers * run * f32x4::splat(sweep_s));
        let wanted = (f32x4::ONE - population.outlier) * struck;
        let count = (wanted * population.ready).reduce_add();
        if count > 1e-3 {
            let allowed = f32x4::splat((room / count).min(1.0));
            population.outlier += wanted * allowed;
            population.ejections += wanted * allowed;
            room -= count.min(room);
        }
    }
}

/// One check of every replica: the distribution over run lengths moves on.
fn check(table: &ServiceTable, population: &mut Population, failure: f32x4) {
    let success = f32x4::ONE - failure;
    let mut readmitted = success;
    for _ in 1..table.check_successes {
        readmitted *= success;
    }
    let back = population.ejected * readmitted;
    // Not summed over the runs: rounding would add up over the checks of an episode.
    let in_rotation = f32x4::ONE - population.ejected;
    let mut carried = in_rotation * success + back;
    for run in 0..table.check_failures.min(CHECK_RUNS) {
        let failed = population.check_runs[run] * failure;
        population.check_runs[run] = carried;
        carried = failed;
    }
    // Whoever is not in a run is out: added up over an episode's checks, rounding would make replicas appear.
    let in_runs = population.check_runs.iter().fold(f32x4::ZERO, |sum, &share| sum + share);
    population.ejected = (f32x4::ONE - in_runs).fast_max(f32x4::ZERO).fast_min(f32x4::ONE);
}
