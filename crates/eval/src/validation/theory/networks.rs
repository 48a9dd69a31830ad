//! Services that call each other: queues in tandem, with feedback, and fanned out; and replicas that contend.

use super::{
    birth_death::BirthDeath,
    closed_forms::{Scalability, any_beyond, feedback_rate, single_server_number, tandem_response},
    mmc::STEADY,
    system::{
        Exact, PATIENCE_MS, Quantity, Reading, System, UNBOUNDED, counts, scenario, service, settling_s, watched_s,
    },
};

/// Largest standard error of an exact figure, relative to the value.
const LARGEST_ERROR: f64 = 0.01;
/// Largest relative distance of the fluid engine's response time through a tandem.
const TANDEM: f64 = 0.02;
/// The law whose figures are known.
pub(super) const LAW: Scalability = Scalability { contention: 0.05, coherency: 0.001 };
/// Replicas at which throughput is measured.
pub(super) const REPLICAS: [u32; 4] = [8, 16, 32, 64];

pub(super) fn systems() -> Vec<System> {
    let fan_outs = [10, 100].map(fan_out);
    let scales = REPLICAS.map(scale);
    [tandem(), feedback(), pooled()].into_iter().chain(scales).chain(fan_outs).collect()
}

fn call(from: &str, to: &str, more: &str) -> String {
    format!("[[calls]]\nfrom = \"{from}\"\nto = \"{to}\"\n{more}\n")
}

fn patient() -> String {
    format!("timeout_ms = {PATIENCE_MS}")
}

/// Three queues M/M/1 in tandem: a calls b, and b calls c.
fn tandem() -> System {
    const RATES: [f64; 3] = [1.0, 0.8, 1.2];
    let arrivals = 0.6;
    let mut text = String::new();
    for (name, rate) in ["a", "b", "c"].iter().zip(RATES) {
        text += &service(name, [1, 1], 1000.0 / rate, UNBOUNDED, "");
    }
    text += &call("a", "b", &patient());
    text += &call("b", "c", &patient());
    let expected = tandem_response(arrivals, &RATES);
    System {
        number: 0,
        name: "tandem of M/M/1, lambda = 0.6, mu = 1, 0.8, 1.2".to_owned(),
        source: "Burke 1956",
        scenario: scenario(1000, arrivals, "", &text),
        services: &["a", "b", "c"],
        quantities: vec![
            Quantity {
                name: "W",
                expected,
                of: Box::new(|reading: &Reading| reading.response_mean_s),
                fluid: Some(TANDEM * expected),
                exact: Exact::Statistical,
            },
            Quantity::little(0),
            Quantity::little(1),
            Quantity::little(2),
        ],
        watched_s: single_watched_s(0.75) / 0.8,
        settling_s: 2.0 * settling_s(1, 0.75),
        largest_error: LARGEST_ERROR,
        quick: true,
    }
}

/// Two stations with feedback: of those that leave b, whom a calls, three in ten have failed and begin again at a.
fn feedback() -> System {
    let again = 0.3;
    let arrivals = 1.0;
    let visited = feedback_rate(arrivals, again);
    let mut text = service("a", [1, 1], 1000.0 / 2.0, UNBOUNDED, "");
    text += &service("b", [1, 1], 1000.0 / 1.8, UNBOUNDED, &format!("error_ratio = {again}"));
    text += &call("a", "b", &patient());
    let number = |name: &'static str, station: usize, service_rate: f64| {
        let expected = single_server_number(visited, service_rate);
        Quantity {
            name,
            expected,
            of: Box::new(move |reading: &Reading| reading.services[station].in_system),
            fluid: Some(STEADY * expected),
            exact: Exact::Statistical,
        }
    };
    System {
        number: 0,
        name: "Jackson network, gamma = 1, mu = 2, 1.8, feedback 0.3".to_owned(),
        source: "Jackson 1957",
        // Eight retries stand for any number: 0.3^9 of the requests, 2 in 100,000, would go on.
        scenario: scenario(1000, arrivals, "retries = 8\nbackoff_ms = 0", &text),
        services: &["a", "b"],
        quantities: vec![
            Quantity {
                name: "lambda",
                expected: visited,
                of: Box::new(|reading: &Reading| reading.services[1].served_per_s),
                fluid: Some(STEADY * visited),
                exact: Exact::Statistical,
            },
            number("L of the first", 0, 2.0),
            number("L of the second", 1, 1.8),
            Quantity::little(0),
            Quantity::little(1),
        ],
        // Those who come back remind a station of what it was: twice the variance.
        watched_s: 2.0 * single_watched_s(visited / 1.8) / 1.8,
        settling_s: 4.0 * settling_s(1, visited / 1.8),
        largest_error: LARGEST_ERROR,
        quick: true,
    }
}

/// A service whose pool is full of requests that wait for a slow callee: every place is always taken, so that by Little's law
/// what it finishes is its places over how long each is held. Its own servers could do four times as much.
fn pooled() -> System {
    /// Places in the pool, seconds of own work and of the callee's.
    const PLACES: u32 = 10;
    const WORK_S: f64 = 0.1;
    const SLOW_S: f64 = 0.9;
    let expected = f64::from(PLACES) / (WORK_S + SLOW_S);
    let caller = service("a", [1, 4], 1000.0 * WORK_S, 200, "").replace("pool = 1000000", &format!("pool = {PLACES}"));
    let text = caller + &service("b", [1, 400], 1000.0 * SLOW_S, UNBOUNDED, "") + &call("a", "b", &patient());
    System {
        number: 0,
        name: format!("pool of {PLACES}, own work {WORK_S} s, callee {SLOW_S} s"),
        source: "Little 1961",
        scenario: scenario(1000, 1.5 * expected, "", &text),
        services: &["a", "b"],
        quantities: vec![Quantity::of_first("throughput", expected, STEADY, |own| own.served_per_s)],
        // The longer the holding times vary, the more the count does: as for a Poisson stream, at most.
        watched_s: 20_000.0 / expected,
        settling_s: 200.0,
        largest_error: LARGEST_ERROR,
        quick: true,
    }
}

/// What rows of so many replicas are called.
pub(super) fn scale_name(replicas: u32) -> String {
    format!("USL, s = {}, k = {}, N = {replicas}", LAW.contention, LAW.coherency)
}

/// Replicas that contend and keep each other coherent, offered more than they can do.
fn scale(replicas: u32) -> System {
    /// Places of a replica: a queue that is never empty under such a load.
    const ROOM: u32 = 50;
    /// Completed requests of a replication: their number's relative standard error is one in its root.
    const COMPLETED: f64 = 20_000.0;
    let expected = LAW.throughput(f64::from(replicas));
    let Scalability { contention, coherency } = LAW;
    let more = format!("contention = {contention}\ncoherency = {coherency}");
    System {
        number: 0,
        name: scale_name(replicas),
        source: "Gunther 2007, chapter 4",
        scenario: scenario(1000, 1.5 * expected, "", &service("a", [replicas, 1], 1000.0, ROOM, &more)),
        services: &["a"],
        quantities: vec![Quantity::of_first("throughput", expected, STEADY, |own| own.served_per_s)],
        watched_s: COMPLETED / expected,
        settling_s: 4.0 * f64::from(replicas * ROOM) / expected,
        largest_error: LARGEST_ERROR,
        quick: true,
    }
}

/// A service that calls a leaf so many times for each request and gives up on each at the leaf's 99th percentile.
fn fan_out(calls: u32) -> System {
    /// Servers of either, and arrivals at the leaf per service time: nobody waits.
    const SERVERS: u32 = 400;
    const LEAF_LOAD: f64 = 20.0;
    let expected = any_beyond(calls, 0.01);
    let arrivals = LEAF_LOAD / f64::from(calls);
    // Exponential work is longer than ln 100 times its mean once in a hundred.
    let limit_ms = 1000.0 * libm::log(100.0);
    let mut text = service("a", [1, SERVERS], 1000.0, UNBOUNDED, "");
    text += &service("b", [1, SERVERS], 1000.0, UNBOUNDED, "");
    text += &call("a", "b", &format!("calls = {calls}\ntimeout_ms = {limit_ms:?}"));
    // A ratio of independent outcomes.
    let spread = expected * (1.0 - expected) / arrivals;
    System {
        number: 0,
        name: format!("fan-out, n = {calls}, timeout at the 99th percentile"),
        source: "Dean, Barroso 2013",
        scenario: scenario(1000, arrivals, "", &text),
        services: &["a", "b"],
        quantities: vec![Quantity {
            name: "P(a late answer)",
            expected,
            of: Box::new(|reading: &Reading| reading.bad_ratio),
            fluid: Some(STEADY * expected),
            exact: Exact::Statistical,
        }],
        watched_s: watched_s(&[[expected, spread]], LARGEST_ERROR),
        settling_s: 200.0,
        largest_error: LARGEST_ERROR,
        quick: true,
    }
}

/// Seconds to watch a replication of M/M/1 with a service rate of 1.
fn single_watched_s(rho: f64) -> f64 {
    let room = (40.0 / (1.0 - rho)) as usize;
    let [number, ..] = counts(&BirthDeath::queue(1, rho, room), 1);
    watched_s(&[number], LARGEST_ERROR)
}
