//! How a queue M/M/c moves when its load changes: both engines against Kolmogorov's equations, integrated.

use microcloud_core::{Environment, Scenario, Topology, exact::ExactSimulation};
use rayon::prelude::*;

use super::{
    birth_death::{BirthDeath, mean_number},
    play::{ids, mean_and_error},
    system::{UNBOUNDED, scenario, service},
};
use crate::validation::{Effort, Engine, Plot, Row, Section, Series, ValidationError};

/// Ticks of the fluid engine, and of the integrated equations' samples, in a second, which is a mean service.
const TICKS: u32 = 10;
/// Seeds of replications begin here, beyond those of stationary systems.
const FIRST_SEED: u64 = 1 << 32;
/// Seconds that a replication runs before the load changes, from empty.
const SETTLING_S: f64 = 80.0;
/// Times at which rows compare, with the last one of each change.
const TIMES_S: [usize; 3] = [10, 30, 60];
/// Requests, over all replications, that the exact engine serves for a change at full effort.
const REQUESTS: f64 = 12e6;
const SOURCE: &str = "Kolmogorov's forward equations, integrated";

/// A change of load: utilisations, each from a time on.
#[derive(Clone, Copy, Debug)]
struct Change {
    servers: u32,
    name: &'static str,
    before: f64,
    /// From second 0 on, and from a later one on.
    first: f64,
    then: Option<(usize, f64)>,
    end_s: usize,
    quick: bool,
}

const fn change(servers: u32, name: &'static str, [before, first]: [f64; 2], end_s: usize, quick: bool) -> Change {
    Change { servers, name, before, first, then: None, end_s, quick }
}

const fn spike(servers: u32, quick: bool) -> Change {
    let name = "spike 0.6 -> 1.5 for 30 s";
    Change { servers, name, before: 0.6, first: 1.5, then: Some((30, 0.6)), end_s: 150, quick }
}

const CHANGES: [Change; 7] = [
    change(1, "step 0.5 -> 0.9", [0.5, 0.9], 200, false),
    change(1, "drain 0.9 -> 0.5", [0.9, 0.5], 60, false),
    spike(1, false),
    change(4, "step 0.5 -> 0.9", [0.5, 0.9], 200, false),
    spike(4, true),
    change(16, "step 0.5 -> 0.9", [0.5, 0.9], 200, false),
    spike(16, false),
];

/// The mean number in the system in each second, one curve an engine.
struct Curves {
    theory: Vec<f64>,
    fluid: Vec<f64>,
    /// Means over replications with their standard errors.
    exact: Vec<(f64, f64)>,
    replications: u32,
}

/// The section on changes of load.
pub(in crate::validation) fn transients(effort: Effort, rules_off: &[String]) -> Result<Section, ValidationError> {
    let mut section = Section::new("Changes of load");
    "How the mean number of requests in a queue moves when the load steps up, falls, or spikes, with mu = 1: what an engineer \
     watches in the minutes after an incident. The truth is the mean over all runs that chance allows, from Kolmogorov's \
     equations. The fluid engine has one equation for that mean, which is exact only once nothing moves any more; it fills \
     too fast by some percent and drains too fast by more, most of all with a single server. These rows inform and cannot \
     fail: nothing is claimed about the tail of a drain."
        .clone_into(&mut section.meaning);
    for (number, change) in CHANGES.iter().enumerate().filter(|(_, change)| effort == Effort::Full || change.quick) {
        let curves = curves(change, number, rules_off)?;
        section.rows.extend(rows(change, &curves));
        section.plots.push(plot(change, number, &curves));
    }
    Ok(section)
}

impl Change {
    fn name(&self) -> String {
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

fn curves(change: &Change, number: usize, rules_off: &[String]) -> Result<Curves, ValidationError> {
    let served = change.utilisations().map(|rho| change.arrivals(rho)).sum::<f64>() + SETTLING_S;
    // A rule that is switched off changes the fluid engine alone.
    let replications = if rules_off.is_empty() { ((REQUESTS / served) as u32).min(10_000) } else { 0 };
    let seeds = (0..u64::from(replications)).map(|run| FIRST_SEED + ((number as u64) << 20) + run);
    let runs: Vec<Vec<f64>> =
        seeds.collect::<Vec<_>>().into_par_iter().map(|seed| exact(change, seed)).collect::<Result<_, _>>()?;
    let exact = (0..change.end_s)
        .filter(|_| replications > 0)
        .map(|second| mean_and_error(&runs.iter().map(|run| run[second]).collect::<Vec<f64>>()));
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

fn exact(change: &Change, seed: u64) -> Result<Vec<f64>, ValidationError> {
    let before = change.scenario(change.before, &[])?;
    let services = ids(&*Topology::new(before.clone())?, &["a"]);
    let mut simulation = ExactSimulation::new(&before, seed);
    simulation.run_until(SETTLING_S);
    let mut now = change.before;
    let mut points = Vec::with_capacity(change.end_s);
    for &service in &services {
        simulation.take_service(service);
        for (second, rho) in change.utilisations().enumerate() {
            if rho != now {
                simulation.reconfigure(&change.scenario(rho, &[])?);
                now = rho;
            }
            simulation.run_until(SETTLING_S + (second + 1) as f64);
            points.push(simulation.take_service(service).in_system);
        }
    }
    Ok(points)
}

fn rows(change: &Change, curves: &Curves) -> Vec<Row> {
    let name = change.name();
    let mut times: Vec<usize> = TIMES_S.into_iter().filter(|&time| time < change.end_s).collect();
    times.push(change.end_s);
    let mut rows = Vec::new();
    for (engine, curve, errors) in curves.measured() {
        let source = match engine {
            Engine::Exact => format!("{SOURCE}; {} runs", curves.replications),
            _ => SOURCE.to_owned(),
        };
        let row = |quantity: String, figures| Row::informing(&name, engine, quantity, figures, &source);
        for &time in &times {
            // The mean over the second that ends then.
            let second = time - 1;
            let mut row = row(format!("L at {time} s"), [curves.theory[second], curve[second]]);
            row.standard_error = errors.get(second).copied();
            rows.push(row);
        }
        let off = curve.iter().zip(&curves.theory).map(|(measured, expected)| (measured / expected - 1.0).abs());
        rows.push(row("largest relative error of L".to_owned(), [0.0, off.fold(0.0, f64::max)]));
        if change.then.is_some() {
            rows.push(row("peak of L".to_owned(), [peak(&curves.theory).1, peak(&curve).1]));
            rows.push(row("half-time of the drain, s".to_owned(), [half_time(&curves.theory), half_time(&curve)]));
        }
    }
    rows
}

impl Curves {
    /// Each engine's curve that was measured, with its standard errors.
    fn measured(&self) -> Vec<(Engine, Vec<f64>, Vec<f64>)> {
        let mut all = vec![(Engine::Fluid, self.fluid.clone(), Vec::new())];
        if !self.exact.is_empty() {
            let (means, errors) = self.exact.iter().copied().unzip();
            all.push((Engine::Exact, means, errors));
        }
        all
    }
}

/// The second with the largest number, and that number.
fn peak(curve: &[f64]) -> (usize, f64) {
    let numbers = curve.iter().copied().enumerate();
    numbers.fold((0, 0.0), |most, (second, number)| if number > most.1 { (second, number) } else { most })
}

/// Seconds from the peak until the number has fallen half of the way to where it ends.
fn half_time(curve: &[f64]) -> f64 {
    let (top, highest) = peak(curve);
    let half = 0.5 * (highest + curve[curve.len() - 1]);
    let Some(after) = (top + 1..curve.len()).find(|&second| curve[second] <= half) else { return f64::NAN };
    let (above, below) = (curve[after - 1], curve[after]);
    (after - 1 - top) as f64 + (above - half) / (above - below)
}

fn plot(change: &Change, number: usize, curves: &Curves) -> Plot {
    // A curve's second is drawn at its middle.
    let points = |curve: &[f64]| curve.iter().enumerate().map(|(second, &l)| (second as f64 + 0.5, l)).collect();
    let mut series = vec![Series::line("Kolmogorov", points(&curves.theory), 0)];
    for (engine, curve, _) in curves.measured() {
        series.push(match engine {
            Engine::Fluid => Series::line("fluid", points(&curve), 1),
            _ => Series::dashed("exact", points(&curve), 2),
        });
    }
    Plot {
        series,
        shaded: change.then.map(|(from, _)| (0.0, from as f64)).into_iter().collect(),
        ..Plot::new(&format!("transient-{}", number + 1), &change.name(), ["seconds", "mean number in the system, L"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integrated_equations_give_the_published_transients() {
        // MODEL.md, section 3.1: the number at 10 s, 30 s, 60 s and at the end.
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
            for (time, number) in TIMES_S.into_iter().chain([change.end_s]).zip(numbers) {
                let found = points[time * TICKS as usize];
                assert!((found - number).abs() < 0.0051, "{} at {time} s: {found}, published {number}", change.name());
            }
        }
    }

    #[test]
    fn a_half_time_is_that_of_an_exponential() {
        let curve: Vec<f64> = (0..200).map(|second| 1.0 + 8.0 * libm::exp(-f64::from(second) / 10.0)).collect();
        assert!((half_time(&curve) - 10.0 * std::f64::consts::LN_2).abs() < 0.02);
    }
}
