//! A change of load, and the curves that theory and both engines draw of it.

use microcloud_core::{Environment, Scenario, Topology, exact::ExactSimulation};
use rayon::prelude::*;

use super::{
    birth_death::{BirthDeath, mean_number},
    play::{ids, mean_and_error},
    system::{UNBOUNDED, scenario, service, settling_s},
};
use crate::validation::{Engine, ValidationError};

/// Ticks of the fluid engine, and of the integrated equations' samples, in a second, which is a mean service.
const TICKS: u32 = 10;
/// Seeds of replications begin here, beyond those of stationary systems.
const FIRST_SEED: u64 = 1 << 32;
/// Requests that the exact engine serves for a change, over all replications.
const REQUESTS: f64 = 6e6;

/// Simulations in steady state that copies are taken from, to be put through a change; standard errors are over them.
const CHAINS: u64 = 20;
/// A change of load: utilisations, each from a time on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub servers: u32,
    pub name: &'static str,
    before: f64,
    /// From second 0 on, and from a later one on.
    first: f64,
    pub then: Option<(usize, f64)>,
    pub end_s: usize,
    pub quick: bool,
}

const fn change(servers: u32, name: &'static str, [before, first]: [f64; 2], end_s: usize, quick: bool) -> Change {
    Change { servers, name, before, first, then: None, end_s, quick }
}

const fn spike(servers: u32, quick: bool) -> Change {
    let name = "spike 0.6 -> 1.5 for 30 s";
    Change { servers, name, before: 0.6, first: 1.5, then: Some((30, 0.6)), end_s: 150, quick }
}

pub(super) const CHANGES: [Change; 7] = [
    change(1, "step 0.5 -> 0.9", [0.5, 0.9], 200, false),
    change(1, "drain 0.9 -> 0.5", [0.9, 0.5], 60, false),
    spike(1, false),
    change(4, "step 0.5 -> 0.9", [0.5, 0.9], 200, false),
    spike(4, true),
    change(16, "step 0.5 -> 0.9", [0.5, 0.9], 200, false),
    spike(16, false),
];

/// The mean number in the system in each second, one curve an engine.
pub(super) struct Curves {
    pub theory: Vec<f64>,
    fluid: Vec<f64>,
    /// Means over replications with their standard errors.
    exact: Vec<(f64, f64)>,
    pub replications: u64,
}

impl Change {
    pub fn name(&self) -> String {
        format!("M/M/{}, {}", self.servers, self.name)
    }

    fn arrivals(&self, rho: f64) -> f64 {
        f64::from(self.servers) * rho
    }

    fn scenario(&self, rho: f64, rules_off: &[String]) -> Result<Scenario, ValidationError> {
        let own = service("a", [self.servers, 1], 1000.0, UNBOUNDED, "");
        let mut scenario =
            Scenario::from_toml(&scenario(1000 / TICKS, self.arrivals(rho), "", &own), "a change of load")?;
        scenario.rules_off.extend_from_slice(rules_off);
        Ok(scenario)
    }

    /// Seconds after which a simulation is in steady state, from empty.
    fn settling_s(&self) -> f64 {
        settling_s(self.servers, self.before)
    }

    /// Seconds from one copy to the next: two relaxation times, and the time that the last one takes.
    fn apart_s(&self) -> f64 {
        (0.2 * self.settling_s()).max(self.end_s as f64)
    }

    /// Copies of each simulation.
    fn copies(&self) -> u32 {
        let played = self.utilisations().sum::<f64>() + self.before * self.apart_s();
        (REQUESTS / (CHAINS as f64 * f64::from(self.servers) * played)) as u32
    }

    /// The utilisation in each second.
    fn utilisations(&self) -> impl Iterator<Item = f64> {
        let (first, then) = (self.first, self.then);
        (0..self.end_s).map(move |second| match then {
            Some((from, rho)) if second >= from => rho,
            _ => first,
        })
    }

    /// More places than the queue ever fills.
    fn room(&self) -> usize {
        let most = if self.first > 1.0 { 30.0 * (self.first - 1.0) * f64::from(self.servers) } else { 0.0 };
        250 + 2 * self.servers as usize + 2 * most as usize
    }
}

pub(super) fn curves(change: &Change, number: usize, rules_off: &[String]) -> Result<Curves, ValidationError> {
    // A rule that is switched off changes the fluid engine alone.
    let chains = if rules_off.is_empty() { CHAINS } else { 0 };
    let seeds: Vec<u64> = (0..chains).map(|chain| FIRST_SEED + ((number as u64) << 8) + chain).collect();
    let runs: Vec<Vec<f64>> = seeds.into_par_iter().map(|seed| exact(change, seed)).collect::<Result<_, _>>()?;
    let exact = (0..change.end_s)
        .filter(|_| chains > 0)
        .map(|second| mean_and_error(&runs.iter().map(|run| run[second]).collect::<Vec<f64>>()));
    let replications = u64::from(change.copies()) * chains;
    Ok(Curves { theory: theory(change), fluid: fluid(change, rules_off)?, exact: exact.collect(), replications })
}

/// Means of the curve's ends and middles in each second.
fn by_second(points: &[f64]) -> Vec<f64> {
    let mean = |piece: &[f64]| {
        let ends = 0.5 * (piece[0] + piece[piece.len() - 1]);
        (ends + piece[1..piece.len() - 1].iter().sum::<f64>()) / (piece.len() - 1) as f64
    };
    (0..(points.len() - 1) / TICKS as usize)
        .map(|second| mean(&points[second * TICKS as usize..=(second + 1) * TICKS as usize]))
        .collect()
}

/// The mean number at every tick, under Kolmogorov's equations, from what is stationary before the change.
fn expected(change: &Change) -> Vec<f64> {
    let queue = |rho: f64| BirthDeath::queue(change.servers, change.arrivals(rho), change.room());
    let mut distribution = queue(change.before).stationary();
    let mut points = vec![mean_number(&distribution)];
    for rho in change.utilisations() {
        let queue = queue(rho);
        for _ in 0..TICKS {
            queue.advance(&mut distribution, 1.0 / f64::from(TICKS));
            points.push(mean_number(&distribution));
        }
    }
    points
}

fn theory(change: &Change) -> Vec<f64> {
    by_second(&expected(change))
}

fn fluid(change: &Change, rules_off: &[String]) -> Result<Vec<f64>, ValidationError> {
    let topology = |rho: f64| -> Result<_, ValidationError> {
        let mut scenario = change.scenario(rho, rules_off)?;
        scenario.decision_ticks = 1;
        Ok(Topology::new(scenario)?)
    };
    let before = topology(change.before)?;
    let Some(&service) = ids(&before, &["a"]).first() else { return Ok(Vec::new()) };
    let mut environment = Environment::new(before);
    for _ in 0..1000 * TICKS {
        environment.step(0);
    }
    let mut now = change.before;
    let mut points = vec![environment.service_metrics(service).in_system];
    for rho in change.utilisations() {
        if rho != now {
            environment.reconfigure(topology(rho)?)?;
            now = rho;
        }
        for _ in 0..TICKS {
            environment.step(0);
            points.push(environment.service_metrics(service).in_system);
        }
    }
    Ok(by_second(&points))
}

/// The mean number in each second after a change, over copies of one simulation in steady state.
fn exact(change: &Change, seed: u64) -> Result<Vec<f64>, ValidationError> {
    let before = change.scenario(change.before, &[])?;
    let services = ids(&*Topology::new(before.clone())?, &["a"]);
    let mut steady = ExactSimulation::new(&before, seed);
    let mut sums = vec![0.0; change.end_s];
    let copies = change.copies();
    for copy in 0..copies {
        let begin_s = change.settling_s() + f64::from(copy) * change.apart_s();
        steady.run_until(begin_s);
        let mut simulation = steady.clone();
        for &service in &services {
            simulation.take_service(service);
            let mut now = change.before;
            for (second, rho) in change.utilisations().enumerate() {
                if rho != now {
                    simulation.reconfigure(&change.scenario(rho, &[])?);
                    now = rho;
                }
                simulation.run_until(begin_s + (second + 1) as f64);
                sums[second] += simulation.take_service(service).in_system;
            }
        }
    }
    Ok(sums.into_iter().map(|sum| sum / f64::from(copies)).collect())
}

impl Curves {
    /// Each engine's curve that was measured, with its standard errors.
    pub fn measured(&self) -> Vec<(Engine, Vec<f64>, Vec<f64>)> {
        let mut all = vec![(Engine::Fluid, self.fluid.clone(), Vec::new())];
        if !self.exact.is_empty() {
            let (means, errors) = self.exact.iter().copied().unzip();
            all.push((Engine::Exact, means, errors));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integrated_equations_give_the_published_transients() {
        // Published figures: the number at 10 s, 30 s, 60 s and at the end.
        let published = [
            [2.81, 4.33, 5.55, 7.67],
            [6.02, 3.05, 1.54, 1.54],
            [7.52, 17.78, 8.02, 1.62],
            [6.43, 8.48, 9.61, 10.60],
            [24.41, 64.44, 19.91, 2.83],
            [17.85, 19.36, 19.67, 19.72],
            [92.48, 252.48, 63.24, 9.66],
        ];
        for (change, numbers) in CHANGES.iter().zip(published) {
            let points = expected(change);
            for (time, number) in [10, 30, 60, change.end_s].into_iter().zip(numbers) {
                let found = points[time * TICKS as usize];
                assert!((found - number).abs() < 0.0051, "{} at {time} s: {found}, published {number}", change.name());
            }
        }
    }
}
