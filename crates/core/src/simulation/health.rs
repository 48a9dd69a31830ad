//! Health checks by run length: replicas that fail several in a row leave rotation, and come back when they pass.

use crate::{
    lanes::f32x4,
    simulation::requests::exceeds,
    state::{CHECK_RUNS, ClusterState, IMPAIRED, Population},
    topology::{ServiceTable, Topology},
};

pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    let tick_us = u64::from(topology.scenario().tick_ms) * 1000;
    let end_us = (state.tick + 1) * tick_us;
    for (service, table) in topology.services.iter().enumerate() {
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
            let population = &mut own.populations[kind];
            let late = exceeds(table.check_timeout_s, population.own_mean_s, population.own_sd_s);
            let failure = f32x4::ONE - (f32x4::ONE - late) * f32x4::splat(1.0 - by_fault);
            for _ in 0..checks {
                check(table, population, failure);
            }
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
    let in_rotation = population.check_runs.iter().fold(f32x4::ZERO, |sum, &share| sum + share);
    let mut carried = in_rotation * success + back;
    for run in 0..table.check_failures.min(CHECK_RUNS) {
        let failed = population.check_runs[run] * failure;
        population.check_runs[run] = carried;
        carried = failed;
    }
    population.ejected = (population.ejected - back + carried).fast_max(f32x4::ZERO).fast_min(f32x4::ONE);
}
