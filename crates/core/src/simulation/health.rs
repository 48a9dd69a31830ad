//! Health checks by run length: replicas that fail several in a row leave rotation, and come back after several good ones.

use crate::{
    lanes::{exp, f32x4, ratio, unit},
    simulation::requests::exceeds,
    state::{CHECK_RUNS, ClusterState, HEALTHY, IMPAIRED, Impairment, Population, ServiceState},
    topology::{OutlierTable, ServiceTable, Topology},
};

pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    let tick_us = u64::from(topology.scenario().tick_ms) * 1000;
    let begin_us = state.tick * tick_us;
    let end_us = begin_us + tick_us;
    for (service, table) in topology.services.iter().enumerate() {
        if let Some(outlier) = &table.outlier {
            eject_outliers(topology, outlier, table.error_ratio, &mut state.services[service], state.tick);
        }
        // In whole microseconds, so that no rounding accumulates.
        let starts_us = &mut state.next_check_us[service];
        let own = &mut state.services[service];
        let kinds = if own.has_impaired { 2 } else { 1 };
        for kind in 0..kinds {
            let mut start_us = starts_us[kind];
            if start_us > end_us {
                continue;
            }
            let law = CheckLaw::new(table, own, kind);
            let population = &mut own.populations[kind];
            let passes = &mut state.pass_runs[table.pass_runs(kind)];
            loop {
                // One that was under way when the replica changed for the better ends now, not in the past.
                let result_us = (start_us + law.duration_us).max(begin_us);
                if start_us > end_us || result_us > end_us {
                    break;
                }
                check(table, population, passes, law.failure);
                start_us = (start_us + table.check_us + law.delay_us).max(result_us);
            }
            starts_us[kind] = start_us;
        }
        if kinds == 1 {
            // Whoever is struck next is checked on as the healthy are.
            starts_us[IMPAIRED] = starts_us[HEALTHY];
        }
    }
}

/// What a check of a population's replicas meets.
struct CheckLaw {
    /// Probability that it fails, by zone.
    failure: f32x4,
    /// Mean microseconds until its result is known, and by which the next one starts later than after the interval.
    duration_us: u64,
    /// See `duration_us`.
    delay_us: u64,
}

impl CheckLaw {
    /// A check whose answer is late ends at the timeout, and the next starts no sooner; one that is refused ends at once.
    ///
    /// A population has one clock, which goes by means: by Wald's identity a run of checks then takes as long on average as
    /// checks one by one do.
    fn new(table: &ServiceTable, own: &ServiceState, kind: usize) -> Self {
        let splat = f32x4::splat;
        let trouble = if kind == IMPAIRED { own.impairment } else { Impairment::NONE };
        let by_fault = trouble.check_failure.max(own.condition.check_failure);
        let population = &own.populations[kind];
        let timeout_s = splat(table.check_timeout_s);
        let (late, response_s) = if trouble.delay_spread_s > 0.0 {
            // A uniform delay on top of the rest, which is taken at its mean.
            let half = splat(trouble.delay_spread_s);
            let (low, high) = (population.own_mean_s - half, population.own_mean_s + half);
            let late = unit((high - timeout_s) / (half + half));
            (late, late * timeout_s + (f32x4::ONE - late) * splat(0.5) * (low + high.fast_min(timeout_s)))
        } else {
            // The mean of a shifted exponential that is cut off at the timeout.
            let late = exceeds(table.check_timeout_s, population.own_mean_s, population.own_sd_s);
            (late, (population.own_mean_s - population.own_sd_s * late).fast_min(timeout_s))
        };
        let response_s = response_s.fast_min(timeout_s);
        let interval_s = table.check_us as f32 * 1e-6;
        let in_time = f32x4::ONE - late;
        let late_s = late * timeout_s;
        let delay_s = late * splat((table.check_timeout_s - interval_s).max(0.0))
            + (response_s - late_s - in_time * splat(interval_s)).fast_max(f32x4::ZERO);
        let all = population.ready.reduce_add();
        let answers = 1.0 - trouble.refuse;
        let mean_us = |seconds: f32x4| {
            let sum = (population.ready * seconds).reduce_add();
            if all > 0.0 { (1e6 * answers * sum / all) as u64 } else { 0 }
        };
        Self {
            failure: f32x4::ONE - in_time * splat(1.0 - by_fault),
            duration_us: mean_us(response_s),
            delay_us: mean_us(delay_s),
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
///
/// `passes` has the shares of those out of rotation that passed 1, 2, … checks in a row.
fn check(table: &ServiceTable, population: &mut Population, passes: &mut [f32x4], failure: f32x4) {
    let success = f32x4::ONE - failure;
    let out = population.ejected;
    // From the longest run down: what passes leaves its place to the next shorter one.
    let mut none = f32x4::ONE;
    let mut back = out * success;
    if let Some((longest, shorter)) = passes.split_last_mut() {
        back = out * *longest * success;
        none -= *longest;
        let mut into = longest;
        for share in shorter.iter_mut().rev() {
            none -= *share;
            *into = *share * success;
            into = share;
        }
        *into = none.fast_max(f32x4::ZERO) * success;
    }
    // Not summed over the runs: rounding would add up over the checks of an episode.
    let in_rotation = f32x4::ONE - out;
    let mut carried = in_rotation * success + back;
    for run in 0..table.check_failures.min(CHECK_RUNS) {
        let failed = population.check_runs[run] * failure;
        population.check_runs[run] = carried;
        carried = failed;
    }
    // Whoever is not in a run is out: added up over an episode's checks, rounding would make replicas appear.
    let in_runs = population.check_runs.iter().fold(f32x4::ZERO, |sum, &share| sum + share);
    population.ejected = (f32x4::ONE - in_runs).fast_max(f32x4::ZERO).fast_min(f32x4::ONE);
    dilute(passes, out, population.ejected);
}

/// Turns shares of those who were out of rotation into shares of those who are, newcomers having passed no check.
pub(super) fn dilute(passes: &mut [f32x4], before: f32x4, after: f32x4) {
    if passes.is_empty() {
        return;
    }
    let stayed = ratio(before, after);
    for share in passes {
        *share = (*share * stayed).fast_min(f32x4::ONE);
    }
}
