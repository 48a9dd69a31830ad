//! The queue M/M/c: twenty pairs of servers and utilisation.

use super::{
    birth_death::BirthDeath,
    closed_forms::MultiServer,
    system::{Quantity, System, UNBOUNDED, counts, scenario, service, settling_s, watched_s},
};

/// Servers and utilisation of each row.
pub(super) const PAIRS: [(u32, f64); 20] = [
    (1, 0.50),
    (1, 0.80),
    (1, 0.90),
    (1, 0.95),
    (2, 0.50),
    (2, 0.80),
    (2, 0.90),
    (3, 0.70),
    (4, 0.80),
    (4, 0.90),
    (5, 0.90),
    (8, 0.80),
    (8, 0.95),
    (10, 0.80),
    (10, 0.90),
    (16, 0.90),
    (20, 0.90),
    (32, 0.95),
    (50, 0.95),
    (100, 0.95),
];

/// Largest relative distance of the fluid engine's stationary means, and of its 99th percentile.
pub(super) const STEADY: f64 = 0.01;
const TAIL: f64 = 0.05;
/// Utilisation up to which a pair is part of the quick validation: a run's length grows with 1 / (1 - rho)^2.
const QUICK: f64 = 0.8;

pub(super) fn systems() -> Vec<System> {
    PAIRS.iter().map(|&(servers, rho)| system(MultiServer { servers, rho })).collect()
}

/// What rows of a pair are called.
pub(super) fn name(servers: u32, rho: f64) -> String {
    format!("M/M/{servers}, rho = {rho:.2}")
}

fn system(queue: MultiServer) -> System {
    let MultiServer { servers, rho } = queue;
    let largest_error = largest_error(rho);
    System {
        number: 0,
        name: name(servers, rho),
        source: "Erlang 1917",
        scenario: scenario(1000, queue.load(), "", &service("a", [servers, 1], 1000.0, UNBOUNDED, "")),
        services: &["a"],
        quantities: vec![
            Quantity::of_first("L", queue.in_system(), STEADY, |own| own.in_system),
            Quantity::of_first("W", queue.response_mean(), STEADY, |own| own.own_mean_s),
            Quantity::of_first("p99 of the response time", queue.response_p99(), TAIL, |own| own.own_p99_s),
            Quantity::exact_only("P(wait)", queue.waits(), |own| own.waited_ratio),
            Quantity::exact_only("Wq", queue.wait_mean(), |own| own.wait_mean_s),
            Quantity::exact_only("Lq", queue.waiting(), |own| own.waiting),
            Quantity::exact_only("p99 of the wait", queue.wait_p99(), |own| own.wait_p99_s),
            Quantity::little(0),
        ],
        watched_s: watched_s(&variances(queue), largest_error),
        settling_s: settling_s(servers, rho),
        largest_error,
        quick: rho <= QUICK,
    }
}

/// Largest standard error that an exact figure may have, relative to the value.
pub(super) fn largest_error(rho: f64) -> f64 {
    if rho >= 0.95 { 0.02 } else { 0.01 }
}

/// Means and asymptotic variances of what is measured in a queue. A percentile's follow from those of the share of time in
/// which an arrival would wait longer, over the density of the wait there.
fn variances(queue: MultiServer) -> Vec<[f64; 2]> {
    let MultiServer { servers, rho } = queue;
    let room = servers as usize + (40.0 / (1.0 - rho)) as usize;
    let chain = BirthDeath::queue(servers, queue.load(), room);
    let mut all = counts(&chain, servers).to_vec();
    let (wait, rate) = (queue.wait_p99(), f64::from(servers));
    if wait > 0.0 {
        let places = servers as usize;
        let [beyond, variance] =
            chain.mean_and_variance(
                |number| {
                    if number < places { 0.0 } else { fewer_than(number - places + 1, rate * wait) }
                },
            );
        let density = beyond * (rate - queue.load());
        // Each arrival's own chance adds to the chance that the state gives it; what neighbours share is left out.
        all.push([wait, (variance + beyond / queue.load()) / (density * density)]);
    }
    all
}

/// The probability of fewer than `count` events where `mean` are expected (Poisson): that so many services take longer.
fn fewer_than(count: usize, mean: f64) -> f64 {
    let mut term = libm::exp(-mean);
    let mut sum = term;
    for events in 1..count {
        term *= mean / events as f64;
        sum += term;
    }
    sum
}
