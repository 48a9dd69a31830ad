//! What users ask for: a level's load, its slow cycle, noise and the faults' factor, split over zones.

use crate::{
    lanes::{f32x4, ratio},
    level::Level,
    rng::{CounterRng, Stream},
    simulation::tenants,
    state::ClusterState,
    topology::Topology,
};

/// Draws everything that a level fixes at its start.
pub(super) fn begin(topology: &Topology, state: &mut ClusterState, level: Level) {
    let scenario = topology.scenario();
    let mut rng = CounterRng::new(level.number(), Stream::Phases, 0);
    state.level = level;
    let factor = topology.faults.draw(level, &mut state.faults);
    let [low, high] = scenario.workload.level_range;
    let usual = rng.between(low, high);
    state.load_factor = factor.map_or(usual, |factor| factor * high);
    state.cycle_phase = rng.uniform();
    let scrape_ticks = scrape_ticks(topology);
    for phase in &mut state.scrape_phase {
        *phase = (rng.uniform() * scrape_ticks as f32) as u32;
    }
    for (next, table) in state.next_check_us.iter_mut().zip(&topology.services) {
        *next = 1 + (f64::from(rng.uniform()) * table.check_us as f64) as u64;
    }
}

/// Ticks between two scrapes of a service.
pub(super) fn scrape_ticks(topology: &Topology) -> u64 {
    ((topology.scenario().telemetry.scrape_s / topology.tick_s).round() as u64).max(1)
}

/// This tick's user requests.
pub(super) fn advance(topology: &Topology, state: &mut ClusterState) {
    let workload = &topology.scenario().workload;
    let seconds = state.tick as f32 * topology.tick_s;
    let cycle = 1.0 + workload.cycle_amplitude * wave(seconds / workload.cycle_period_s + state.cycle_phase);
    let rate = workload.rate_per_s * state.load_factor * state.condition.load * cycle;
    let mean = rate * topology.tick_s;
    let mut rng = CounterRng::new(state.level.number(), Stream::Arrivals, state.tick);
    // Gaussian approximation of a Poisson count whose rate itself varies by `noise_cv`.
    let spread = (mean + (workload.noise_cv * mean) * (workload.noise_cv * mean)).sqrt();
    let count = if topology.is_noisy { (mean + spread * rng.bell()).max(0.0) } else { mean };
    split(topology, state, count / topology.tick_s);
}

/// The mean load without any variation, while a cluster settles.
pub(super) fn steady(topology: &Topology, state: &mut ClusterState) {
    split(topology, state, topology.scenario().workload.rate_per_s);
}

fn split(topology: &Topology, state: &mut ClusterState, per_s: f32) {
    state.zone_weight += (state.zone_target - state.zone_weight) * topology.zone_shift;
    let mut weight = state.zone_weight;
    if state.condition.stale_share > 0.0 {
        let stale = f32x4::splat(state.condition.stale_share);
        weight += (state.condition.stale_weight - weight) * stale;
    }
    let present = |entry: usize| topology.services[topology.entries[entry].to].present;
    if let ([tenant], false) = (&topology.tenants[..], state.remedies.shed > 0.0)
        && tenant.quota_per_s == f32::MAX
    {
        state.turned_away_per_s = f32x4::ZERO;
        state.arrivals_per_s = spread(weight, present(0)) * f32x4::splat(per_s);
        state.entries[0].first_per_s = state.arrivals_per_s;
        state.turned_away_per_s = f32x4::ZERO;
    } else {
        tenants::split(topology, state, weight, per_s);
    }
    if state.condition.stale_share * state.condition.stale_lost > 0.0 {
        mislead(topology, state, weight);
    }
}

/// Users whom a stale record leads nowhere never get in.
#[cold]
fn mislead(topology: &Topology, state: &mut ClusterState, weight: f32x4) {
    let condition = &state.condition;
    let misled = condition.stale_weight * f32x4::splat(condition.stale_share * condition.stale_lost);
    let lost = ratio(misled, weight).fast_min(f32x4::ONE);
    for index in 0..state.entries.len() {
        let entry = &mut state.entries[index];
        let gone = entry.first_per_s * lost;
        let share = gone.reduce_add() / entry.first_per_s.reduce_add().max(1e-9);
        entry.first_per_s -= gone;
        state.turned_away_per_s += gone;
        tenants::mislead(topology, state, index, share);
    }
}

/// A zone's share of traffic that may go to any zone in `present`: by weight, or evenly where no weight is left.
pub(super) fn spread(weight: f32x4, present: f32x4) -> f32x4 {
    let own = weight * present;
    let total = own.reduce_add();
    if total > 1e-6 { own / f32x4::splat(total) } else { present / f32x4::splat(present.reduce_add()) }
}

/// A wave of period 1 between -1 and 1: two parabolas within 0.06 of a sine, with the same bits on every machine.
fn wave(turns: f32) -> f32 {
    let turns = turns - (turns as i32) as f32;
    if turns < 0.5 { 16.0 * turns * (0.5 - turns) } else { -16.0 * (turns - 0.5) * (1.0 - turns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_is_close_to_a_sine() {
        for step in 0..1000 {
            let turns = step as f32 / 1000.0;
            assert!((wave(turns) - (turns * std::f32::consts::TAU).sin()).abs() < 0.06);
        }
    }
}
