//! Holds one service's steady state to queueing theory.

use crate::{
    lanes::lane,
    queueing::{erlang_c, number_in_system},
    scenario::Scenario,
    simulation::{Simulation, responses::quantile},
    topology::Topology,
};

/// One service of `servers` single-server replicas, each with a mean work of 100 ms, at utilisation `rho`.
fn one_service(servers: u16, rho: f64) -> Scenario {
    let rate = f64::from(servers) * rho * 10.0;
    let text = format!(
        "name = \"one\"\ntick_ms = 1000\ndecision_ticks = 5\nepisode_decisions = 10\n\
         [workload]\nentry = \"s\"\nrate_per_s = {rate:?}\ntimeout_ms = 1000000\n\
         [[zones]]\nname = \"z\"\n[[nodes]]\nname = \"n\"\nzone = \"z\"\ncores = 1000\n\
         [[services]]\nname = \"s\"\nreplicas = {servers}\nconcurrency = 1\nservice_time_ms = 100\n\
         pool = 1000000\nqueue_limit = 1000000\nqueue_memory = 0\nhealth = {{ timeout_ms = 1000000 }}\n"
    );
    Scenario::from_toml(&text, "one").expect("a sound scenario")
}

/// The 99th percentile of M/M/c's response time with unit service rate, by bisection of its tail:
/// `P(T > t) = e^-t + C (e^-t - e^-((c - a) t)) / (c - a - 1)`, and `e^-((1 - rho) t)` for one server.
fn p99(servers: u16, rho: f64) -> f64 {
    let (c, a, waits) = (f64::from(servers), f64::from(servers) * rho, erlang_c(servers, rho));
    let tail = |t: f64| {
        if servers == 1 {
            (-(1.0 - rho) * t).exp()
        } else if (c - a - 1.0).abs() < 1e-9 {
            // The limit in which the wait is as long as the service on average.
            (-t).exp() * (1.0 + waits * t)
        } else {
            (-t).exp() + waits * ((-t).exp() - (-(c - a) * t).exp()) / (c - a - 1.0)
        }
    };
    let (mut low, mut high) = (0.0, 200.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if tail(middle) > 0.01 { low = middle } else { high = middle }
    }
    low
}

#[test]
fn the_closed_form_p99_is_the_published_one() {
    for (servers, rho, published) in [(1, 0.8, 23.0259), (4, 0.8, 6.8932), (10, 0.9, 6.2499), (100, 0.95, 4.7244)] {
        assert!((p99(servers, rho) - published).abs() < 1e-3);
    }
}

#[test]
fn a_service_in_steady_state_is_an_m_m_c_queue() {
    let rows = [(1, 0.5), (1, 0.8), (1, 0.9), (2, 0.5), (2, 0.8), (2, 0.9), (3, 0.7), (4, 0.8), (4, 0.9), (5, 0.9)];
    let more = [(8, 0.8), (8, 0.95), (10, 0.8), (10, 0.9), (16, 0.9), (20, 0.9), (32, 0.95), (50, 0.95), (100, 0.95)];
    for (servers, rho) in rows.into_iter().chain(more) {
        let topology = Topology::new(one_service(servers, rho)).expect("a topology");
        let state = Simulation::settled(topology);
        let own = &state.services[0];
        let population = &own.populations[0];
        let close = |quantity: &str, measured: f64, expected: f64, tolerance: f64| {
            let error = (measured / expected - 1.0).abs();
            assert!(error < tolerance, "c = {servers}, rho = {rho}: {quantity} is {measured}, theory says {expected}");
        };
        let number = number_in_system(servers, rho);
        close("L", f64::from(lane(population.in_system, 0)), number, 0.01);
        close("W", f64::from(lane(population.mean_s, 0)) * 10.0, number / (f64::from(servers) * rho), 0.01);
        close("p99", f64::from(quantile(own)) * 10.0, p99(servers, rho), 0.05);
    }
}
