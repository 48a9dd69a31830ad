//! Plays a system in either engine and makes rows of what it shows.

use microcloud_core::{
    Environment, Scenario, ServiceId, ServiceMetrics, Topology,
    exact::{ExactSimulation, ServiceWindow},
};
use rayon::prelude::*;

use super::system::{Exact, REPLICATIONS, Reading, ServiceReading, System};
use crate::validation::{Engine, Row, ValidationError};

/// Ticks of a second that the fluid engine runs until nothing moves any more; the slowest system needs a tenth of them.
const SETTLING_DECISIONS: u32 = 2_000;
/// Factor by which runs that are too short are extended, and how often at most.
const EXTENSION: f64 = 1.3;
const EXTENSIONS: u32 = 6;
/// Standard errors within which the exact engine has to be.
const ERRORS: f64 = 4.0;

/// What the fluid engine shows of a system, with rules switched off.
pub(super) fn fluid(system: &System, rules_off: &[String]) -> Result<Reading, ValidationError> {
    let mut scenario = Scenario::from_toml(&system.scenario, &system.name)?;
    scenario.rules_off.extend_from_slice(rules_off);
    let topology = Topology::new(scenario)?;
    let services: Vec<ServiceId> = ids(&topology, system.services);
    let mut environment = Environment::new(topology);
    for _ in 0..SETTLING_DECISIONS {
        environment.step(0);
    }
    let services: Vec<ServiceReading> =
        services.iter().map(|&service| fluid_service(&environment.service_metrics(service))).collect();
    let metrics = environment.metrics();
    Ok(Reading {
        // Requests pass each service once where this is read.
        response_mean_s: services.iter().map(|own| own.own_mean_s).sum(),
        bad_ratio: metrics.bad / metrics.offered,
        requests: metrics.offered,
        services,
    })
}

fn fluid_service(own: &ServiceMetrics) -> ServiceReading {
    // The work of each system here takes as long as a request stays with nobody before it.
    ServiceReading {
        admitted_per_s: own.admitted_per_s,
        refused_ratio: 1.0 - own.admitted_per_s / own.offered_per_s,
        served_per_s: own.served_per_s,
        in_system: own.in_system,
        waiting: f64::NAN,
        own_mean_s: own.own_mean_s,
        own_p99_s: own.p99_s,
        wait_mean_s: own.own_mean_s - 1.0,
        wait_p99_s: f64::NAN,
        waited_ratio: f64::NAN,
    }
}

/// One replication of the exact engine.
struct Replication {
    simulation: ExactSimulation,
    services: Vec<ServiceId>,
}

impl Replication {
    /// A system that has settled; what happened meanwhile is nobody's.
    fn settled(system: &System, seed: u64) -> Result<Self, ValidationError> {
        let scenario = Scenario::from_toml(&system.scenario, &system.name)?;
        let services = ids(&*Topology::new(scenario.clone())?, system.services);
        let mut simulation = ExactSimulation::new(&scenario, seed);
        simulation.run_until(system.settling_s);
        simulation.take_edge();
        for &service in &services {
            simulation.take_service(service);
        }
        Ok(Self { simulation, services })
    }

    /// What it has shown since it settled; it can go on.
    fn reading(&self) -> Reading {
        let mut simulation = self.simulation.clone();
        let edge = simulation.take_edge();
        let windows = self.services.iter().map(|&service| simulation.take_service(service));
        Reading {
            services: windows.map(|window| exact_service(&window)).collect(),
            response_mean_s: edge.mean_s,
            bad_ratio: edge.bad as f64 / (edge.good + edge.bad) as f64,
            requests: edge.offered as f64,
        }
    }
}

/// What the exact engine shows of a system, by replication: each goes on until the standard errors over all of them are as
/// small as they have to be. The figures depend on the seeds alone, whatever the threads do.
fn exact(system: &System) -> Result<Vec<Reading>, ValidationError> {
    let seeds: Vec<u64> = (0..REPLICATIONS).map(|run| system.seed(run)).collect();
    let settled = seeds.into_par_iter().with_max_len(1).map(|seed| Replication::settled(system, seed));
    let mut runs: Vec<Replication> = settled.collect::<Result<_, ValidationError>>()?;
    let mut watched_s = system.watched_s;
    for round in 0.. {
        runs.par_iter_mut().with_max_len(1).for_each(|run| run.simulation.run_until(system.settling_s + watched_s));
        let readings: Vec<Reading> = runs.iter().map(Replication::reading).collect();
        if round == EXTENSIONS || is_precise(system, &readings) {
            return Ok(readings);
        }
        watched_s *= EXTENSION;
    }
    Ok(Vec::new())
}

/// Whether every figure's standard error is small enough.
fn is_precise(system: &System, readings: &[Reading]) -> bool {
    let held = system.quantities.iter().filter(|quantity| matches!(quantity.exact, Exact::Statistical));
    held.into_iter().all(|quantity| {
        let values: Vec<f64> = readings.iter().map(|reading| (quantity.of)(reading)).collect();
        mean_and_error(&values).1 <= system.largest_error * quantity.expected
    })
}

fn exact_service(own: &ServiceWindow) -> ServiceReading {
    ServiceReading {
        admitted_per_s: (own.offered - own.refused) as f64 / own.seconds,
        refused_ratio: own.refused as f64 / own.offered as f64,
        served_per_s: own.served as f64 / own.seconds,
        in_system: own.in_system,
        waiting: own.waiting,
        own_mean_s: own.own_mean_s,
        own_p99_s: own.own_p99_s,
        wait_mean_s: own.wait_mean_s,
        wait_p99_s: own.wait_p99_s,
        waited_ratio: own.waited_ratio,
    }
}

pub(in crate::validation) fn ids(topology: &Topology, names: &[&str]) -> Vec<ServiceId> {
    names.iter().filter_map(|name| topology.service(name)).collect()
}

/// What both engines show of every system.
pub(super) fn play(systems: &[System], rules_off: &[String]) -> Result<Vec<Played>, ValidationError> {
    let fluids: Vec<Reading> =
        systems.par_iter().map(|system| fluid(system, rules_off)).collect::<Result<_, ValidationError>>()?;
    // A rule that is switched off changes the fluid engine alone.
    let exacts: Vec<Vec<Reading>> = if rules_off.is_empty() {
        systems.par_iter().with_max_len(1).map(exact).collect::<Result<_, ValidationError>>()?
    } else {
        vec![Vec::new(); systems.len()]
    };
    Ok(fluids.into_iter().zip(exacts).map(|(fluid, exact)| Played { fluid, exact }).collect())
}

/// What both engines show of a system.
pub(super) struct Played {
    pub fluid: Reading,
    pub exact: Vec<Reading>,
}

/// Rows of a system's quantities, the fluid engine's first.
pub(super) fn rows(system: &System, played: &Played) -> Vec<Row> {
    let fluid = system.quantities.iter().filter_map(|quantity| {
        let figures = [quantity.expected, (quantity.of)(&played.fluid)];
        Some(Row::held(&system.name, Engine::Fluid, quantity.name, figures, quantity.fluid?, system.source))
    });
    let mut rows: Vec<Row> = fluid.collect();
    let requests: f64 = played.exact.iter().map(|reading| reading.requests).sum();
    let source = format!("{}; {} runs, {} requests", system.source, played.exact.len(), round_number(requests));
    for quantity in system.quantities.iter().filter(|_| !played.exact.is_empty()) {
        let values: Vec<f64> = played.exact.iter().map(|reading| (quantity.of)(reading)).collect();
        let (mean, error) = mean_and_error(&values);
        let row = |tolerance| {
            Row::held(&system.name, Engine::Exact, quantity.name, [quantity.expected, mean], tolerance, &source)
        };
        match quantity.exact {
            Exact::Statistical => {
                rows.push(row(ERRORS * error).with_standard_error(error, system.largest_error * quantity.expected));
            }
            Exact::Within(tolerance) => rows.push(row(tolerance)),
        }
    }
    rows
}

/// The mean over replications and its standard error.
pub(in crate::validation) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, libm::sqrt(squares / (count - 1.0) / count))
}

/// A number of requests to two digits.
pub(in crate::validation) fn round_number(requests: f64) -> String {
    if requests < 1e6 { format!("{:.0} thousand", requests / 1e3) } else { format!("{:.1} million", requests / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::theory::systems;

    #[test]
    fn figures_do_not_depend_on_the_number_of_threads() -> Result<(), Box<dyn std::error::Error>> {
        let mut few: Vec<System> = systems().into_iter().step_by(9).collect();
        for system in &mut few {
            system.watched_s = system.watched_s.min(200.0);
        }
        let on = |threads: usize| -> Result<Vec<Row>, Box<dyn std::error::Error>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            let played = pool.install(|| play(&few, &[]))?;
            Ok(few.iter().zip(&played).flat_map(|(system, played)| rows(system, played)).collect())
        };
        let one = on(1)?;
        assert!(one.len() > 20);
        assert_eq!(one, on(3)?);
        Ok(())
    }

    #[test]
    fn no_two_replications_share_a_seed() {
        let mut seeds: Vec<u64> =
            systems().iter().flat_map(|system| (0..REPLICATIONS).map(|run| system.seed(run))).collect();
        let all = seeds.len();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), all);
    }
}
