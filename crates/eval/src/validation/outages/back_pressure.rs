//! Back-pressure: a slow leaf fills its caller's pool, and requests that do not need the leaf find it full.

use super::{
    Outages,
    scenes::{call, scenario, service},
    timeline::{Timeline, both},
};
use crate::validation::{Effort, Row};

const SOURCE: &str = "Little's law: a pool of open requests bounds the caller's rate by pool / hold, \
                      where hold is its own time and that of the calls it waits for";

/// Open requests of the caller, its work, the leaf's, and the share of requests that need the leaf.
const POOL: f64 = 50.0;
const OWN_S: f64 = 0.001;
const LEAF_S: f64 = 1.0;
const NEED_LEAF: f64 = 0.5;

pub(super) fn outage(_effort: Effort, rules_off: &[String], outages: &mut Outages) {
    let keys = format!("pool = {POOL:?}\nqueue_limit = 200");
    let rest = service("front", [1, 50], OWN_S * 1000.0, &keys)
        + &service("leaf", [1, 1000], LEAF_S * 1000.0, "")
        + &call("front", "leaf", &format!("calls = {NEED_LEAF:?}\ntimeout_ms = 60000"));
    let scenario = scenario(100, "entry = \"front\"\nrate_per_s = 200\ntimeout_ms = 60000", &rest);
    let timeline = Timeline::new("front", scenario).until(END_S);
    let expected = POOL / (OWN_S + NEED_LEAF * LEAF_S);
    for (engine, runs) in both(&timeline, SEEDS, rules_off) {
        let good: f64 = runs.iter().map(|run| run.between(BEGIN_S, END_S).good / (END_S - BEGIN_S)).sum();
        let figures = [expected, good / runs.len() as f64];
        let name = "Back-pressure: a pool of 50, and half of 200 requests a second need a leaf of 1 s";
        outages.rows.push(Row::held(name, engine, "good requests per second", figures, 0.02 * expected, SOURCE));
    }
}

/// Seconds over which it is measured, and seeds: a standard error of half a per cent.
const BEGIN_S: f64 = 40.0;
const END_S: f64 = 200.0;
const SEEDS: u64 = 8;
