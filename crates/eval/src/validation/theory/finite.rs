//! Queues with a bound, loss systems, and single servers whose work varies more or less than exponentially.

use super::{
    birth_death::BirthDeath,
    closed_forms::{FiniteQueue, erlang_b, single_server_wait},
    mmc::STEADY,
    system::{Quantity, System, UNBOUNDED, counts, scenario, service, settling_s, watched_s},
};

/// Largest absolute distance of the fluid engine's loss.
const LOSS: f64 = 0.005;
/// Largest standard error of an exact figure, relative to the value.
const LARGEST_ERROR: f64 = 0.01;
/// Utilisation and room of the queues M/M/1/K.
const FINITE: [(f64, u32); 6] = [(0.8, 10), (0.9, 20), (1.0, 10), (1.2, 10), (1.5, 20), (2.0, 50)];
/// Load and servers of the loss systems.
const LOST: [(f64, u32); 6] = [(2.0, 4), (8.0, 10), (10.0, 10), (20.0, 30), (50.0, 50), (90.0, 100)];
/// Utilisations and squared coefficients of variation of the single servers.
const GENERAL: [f64; 3] = [0.5, 0.8, 0.9];
const VARIATIONS: [f64; 5] = [0.0, 0.5, 1.0, 4.0, 10.0];

pub(super) fn systems() -> Vec<System> {
    let finite = FINITE.iter().map(|&(rho, room)| finite(FiniteQueue { rho, room }));
    let lost = LOST.iter().map(|&(load, servers)| lost(load, servers));
    let general = GENERAL.iter().flat_map(|&rho| VARIATIONS.map(|cv2| general(rho, cv2)));
    finite.chain(lost).chain(general).collect()
}

fn finite(queue: FiniteQueue) -> System {
    let FiniteQueue { rho, room } = queue;
    System {
        number: 0,
        name: format!("M/M/1/{room}, rho = {rho:.1}"),
        source: "Kleinrock 1975, section 3.6",
        scenario: scenario(1000, rho, "", &service("a", [1, 1], 1000.0, room, "")),
        services: &["a"],
        quantities: vec![
            loss(queue.loss()),
            Quantity::of_first("L", queue.in_system(), STEADY, |own| own.in_system),
            Quantity::of_first("W", queue.response_mean(), STEADY, |own| own.own_mean_s),
            Quantity::little(0),
        ],
        // Little's law counts those present at either end wrongly: one in so many.
        watched_s: loss_watched_s(1, rho, room).max(2000.0 * queue.response_mean()),
        settling_s: 20.0 * f64::from(room),
        largest_error: LARGEST_ERROR,
        quick: true,
    }
}

fn lost(load: f64, servers: u32) -> System {
    System {
        number: 0,
        name: format!("Erlang B, {load} Erlangs, {servers} servers"),
        source: "Erlang 1917",
        scenario: scenario(1000, load, "", &service("a", [1, servers], 1000.0, servers, "")),
        services: &["a"],
        quantities: vec![loss(erlang_b(servers, load))],
        watched_s: loss_watched_s(servers, load, servers),
        settling_s: 50.0,
        largest_error: LARGEST_ERROR,
        quick: load < 20.0 || load == 50.0,
    }
}

fn loss(expected: f64) -> Quantity {
    Quantity { fluid: Some(LOSS), ..Quantity::exact_only("loss", expected, |own| own.refused_ratio) }
}

/// Seconds to watch a replication until loss and number are known well enough.
fn loss_watched_s(servers: u32, arrivals: f64, room: u32) -> f64 {
    let chain = BirthDeath::queue(servers, arrivals, room as usize);
    let [lost, variance] = chain.mean_and_variance(|number| if number == room as usize { 1.0 } else { 0.0 });
    let [number, ..] = counts(&chain, servers);
    // Arrivals sample the state: their own chance adds to the variance of what they sample.
    watched_s(&[[lost, variance + lost / arrivals], number], LARGEST_ERROR)
}

fn general(rho: f64, cv2: f64) -> System {
    let wait = single_server_wait(rho, cv2);
    System {
        number: 0,
        name: format!("M/G/1, rho = {rho:.1}, cv2 = {cv2}"),
        source: "Pollaczek 1930, Khinchine 1932",
        scenario: scenario(1000, rho, "", &service("a", [1, 1], 1000.0, UNBOUNDED, &format!("service_cv2 = {cv2:?}"))),
        services: &["a"],
        quantities: vec![Quantity {
            fluid: Some(STEADY * wait),
            ..Quantity::exact_only("Wq", wait, |own| own.wait_mean_s)
        }],
        watched_s: general_watched_s(rho, cv2),
        settling_s: settling_s(1, rho) * (1.0 + cv2),
        largest_error: LARGEST_ERROR,
        quick: rho < 0.9 && cv2 <= 1.0,
    }
}

/// In heavy traffic a queue's asymptotic variance, relative to its mean, grows with the sum of the squared coefficients of
/// variation of arrivals and work (W. Whitt, "Planning queueing simulations", Management Science 35, 1989); how skewed the
/// work is adds to that.
fn general_watched_s(rho: f64, cv2: f64) -> f64 {
    let room = (40.0 / (1.0 - rho)) as usize;
    let [_, waiting, _] = counts(&BirthDeath::queue(1, rho, room), 1);
    let skewed = 1.0 + 0.1 * cv2;
    watched_s(&[waiting], LARGEST_ERROR) * 0.5 * (1.0 + cv2) * skewed
}
