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

/// What one replication of the exact engine shows of a system.
fn exact(system: &System, seed: u64) -> Result<Reading, ValidationError> {
    let scenario = Scenario::from_toml(&system.scenario, &system.name)?;
    let services = ids(&*Topology::new(scenario.clone())?, system.services);
    let mut simulation = ExactSimulation::new(&scenario, seed);
    simulation.run_until(system.settling_s);
    // What happened while it settled is nobody's.
    simulation.take_edge();
    for &service in &services {
        simulation.take_service(service);
    }
    simulation.run_until(system.settling_s + system.watched_s);
    let edge = simulation.take_edge();
    let windows = services.iter().map(|&service| simulation.take_service(service));
    Ok(Reading {
        services: windows.map(|window| exact_service(&window)).collect(),
        response_mean_s: edge.mean_s,
        bad_ratio: edge.bad as f64 / (edge.good + edge.bad) as f64,
        requests: edge.offered as f64,
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

/// What both engines show of every system: the fluid engine's reading, and the exact engine's by replication where it is
/// asked for. Each replication's figures depend on its seed alone, and come back in order, whatever the threads do.
pub(super) fn play(systems: &[System], rules_off: &[String]) -> Result<Vec<Played>, ValidationError> {
    let fluids: Vec<Reading> =
        systems.par_iter().map(|system| fluid(system, rules_off)).collect::<Result<_, ValidationError>>()?;
    // A rule that is switched off changes the fluid engine alone.
    let replications = if rules_off.is_empty() { REPLICATIONS } else { 0 };
    let jobs: Vec<(usize, u32)> =
        (0..systems.len()).flat_map(|system| (0..replications).map(move |run| (system, run))).collect();
    let mut exacts: Vec<Reading> = jobs
        .into_par_iter()
        .with_max_len(1)
        .map(|(system, run)| exact(&systems[system], systems[system].seed(run)))
        .collect::<Result<_, ValidationError>>()?;
    let mut played = Vec::new();
    for fluid in fluids {
        let rest = exacts.split_off((replications as usize).min(exacts.len()));
        played.push(Played { fluid, exact: std::mem::replace(&mut exacts, rest) });
    }
    Ok(played)
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
