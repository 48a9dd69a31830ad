//! V3, SREGym's search and rate services: a burst of ten seconds leaves behind a queue of dead calls that retries keep full.

use microcloud_core::Scenario;

use super::{
    Outages,
    scenes::{call, caller, scenario, service},
    timeline::{Run, Timeline, both},
};
use crate::validation::{Effort, Engine, Row};

const SOURCE: &str = "SREGym/SREGym, sregym/conductor/problems/search_rate_retry_collapse.py: 8 rps, 40 rps for 10 s, backend \
                      of 20 qps with a queue of 256, 750 ms, 3 attempts, back-off 50 ms; mitigated with 50 qps, 1 s, \
                      2 attempts. The backend's work is constant, as a rate limiter's";

/// The burst, the two windows after it, the mitigation, and the window after that.
const BURST_S: [f64; 2] = [40.0, 50.0];
const FIRST_S: [f64; 2] = [50.0, 70.0];
const SECOND_S: [f64; 2] = [70.0, 95.0];
const MITIGATED_S: [f64; 2] = [115.0, 135.0];

fn at(rate: f64, qps: f64, timeout_ms: u32, attempts: u32) -> Scenario {
    let keys = format!("timeout_ms = {timeout_ms}\nretries = {}\nbackoff_ms = 50", attempts - 1);
    let rest = caller("search")
        + &service("rate", [1, 1], 1000.0 / qps, "queue_limit = 256\nservice_cv2 = 0")
        + &call("search", "rate", &keys);
    scenario(50, &format!("entry = \"search\"\nrate_per_s = {rate:?}\ntimeout_ms = 60000"), &rest)
}

fn timeline() -> Timeline {
    let calm = at(8.0, 20.0, 750, 3);
    Timeline::new("rate", calm.clone())
        .then(BURST_S[0], at(40.0, 20.0, 750, 3))
        .then(BURST_S[1], calm)
        .then(SECOND_S[1], at(8.0, 50.0, 1000, 2))
        .until(MITIGATED_S[1])
}

pub(super) fn outage(_effort: Effort, rules_off: &[String], outages: &mut Outages) {
    for (engine, runs) in both(&timeline(), SEEDS, rules_off) {
        outages.rows.extend(rows(engine, &runs));
    }
}

/// Ratio of good requests that counts as all: a window's ends cut requests in two.
const ALL: f64 = 0.999;

/// At eight requests a second a window's ends are worth some per cent: so many seeds are pooled.
const SEEDS: u64 = 400;

fn rows(engine: Engine, runs: &[Run]) -> Vec<Row> {
    let name = "V3 SREGym search and rate, 8 rps after a burst of 40 rps";
    let pooled = |seconds: [f64; 2], of: &dyn Fn(&super::timeline::Window) -> f64| -> f64 {
        runs.iter().map(|run| of(&run.between(seconds[0], seconds[1]))).sum()
    };
    let good = |seconds| pooled(seconds, &|window| window.good) / pooled(seconds, &|window| window.offered);
    let attempts = |seconds| pooled(seconds, &|window| window.asked) / pooled(seconds, &|window| window.offered);
    let row = |quantity: &str, figures, tolerance| Row::held(name, engine, quantity, figures, tolerance, SOURCE);
    vec![
        row("ratio of good requests before the burst, at least 0.9", [1.0, good([20.0, 40.0])], 0.1),
        row("attempts per request before the burst, at most 1.2", [1.0, attempts([20.0, 40.0])], 0.2),
        row("ratio of good requests, first window (20 s)", [0.0, good(FIRST_S)], 0.0),
        row("attempts per request, first window", [3.0, attempts(FIRST_S)], 0.06),
        row("ratio of good requests, second window (25 s)", [0.0, good(SECOND_S)], 0.0),
        row("attempts per request, second window", [3.0, attempts(SECOND_S)], 0.06),
        row("all good (1) or not (0), mitigated", [1.0, f64::from(u8::from(good(MITIGATED_S) > ALL))], 0.0),
    ]
}
