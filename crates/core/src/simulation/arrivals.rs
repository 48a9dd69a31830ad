//! What users ask for: a level's load, its slow cycle, noise and the faults' factor, split over zones.

use crate::{
    lanes::{exp_scalar, f32x4, ratio},
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
        *next = [1 + (f64::from(rng.uniform()) * table.check_us as f64) as u64; 2];
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
    let count = if topology.is_noisy { requests(mean, workload.noise_cv, &mut rng) } else { mean };
    split(topology, state, count / topology.tick_s);
}

/// A Poisson count whose rate itself varies by `noise_cv`: exact where few are expected, Gaussian where many are.
fn requests(mean: f32, noise_cv: f32, rng: &mut CounterRng) -> f32 {
    if mean >= FEW {
        let spread = (mean + (noise_cv * mean) * (noise_cv * mean)).sqrt();
        return (mean + spread * rng.bell()).max(0.0);
    }
    // A Gaussian below zero would have to be cut, which adds requests: count by inversion instead.
    let mean = mean * (1.0 + noise_cv * rng.bell()).max(0.0);
    let (drawn, mut below) = (rng.uniform(), exp_scalar(-mean));
    let (mut count, mut chance) = (0.0, below);
    while drawn >= below && count < MOST {
        count += 1.0;
        chance *= mean / count;
        below += chance;
    }
    count
}

/// Requests per tick below which they are counted one by one, and more than ever come then.
const FEW: f32 = 16.0;
const MOST: f32 = 200.0;

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
    fn random_arrivals_keep_their_mean_and_variance_at_any_rate() {
        for mean in [0.02_f32, 0.5, 3.0, 15.0, 17.0, 400.0] {
            let draws: Vec<f64> = (0..60_000)
                .map(|tick| {
                    let mut rng = CounterRng::new(3, Stream::Arrivals, tick);
                    f64::from(requests(mean, 0.0, &mut rng))
                })
                .collect();
            let (mean, n) = (f64::from(mean), draws.len() as f64);
            let found = draws.iter().sum::<f64>() / n;
            let variance = draws.iter().map(|count| (count - found).powi(2)).sum::<f64>() / n;
            assert!((found - mean).abs() < 5.0 * (mean / n).sqrt(), "{mean}: {found}");
            assert!((variance / mean - 1.0).abs() < 0.1, "{mean}: variance {variance}");
        }
    }

    #[test]
    fn the_wave_is_close_to_a_sine() {
        for step in 0..1000 {
            let turns = step as f32 / 1000.0;
            assert!((wave(turns) - (turns * std::f32::consts::TAU).sin()).abs() < 0.06);
        }
    }
}
