//! V6, retries of retries: every layer that tries three times multiplies what reaches the last by three.

use super::{
    Outages,
    scenes::{call, caller, scenario, service},
    timeline::{Timeline, both},
};
use crate::validation::{Effort, Row};

const SOURCE: &str = "(1 + R)^d; Beyer et al., Site Reliability Engineering, 2016, chapter 22";

/// Layers of calls, and retries of each.
const LAYERS: u32 = 5;
const RETRIES: u32 = 2;

pub(super) fn outage(_effort: Effort, rules_off: &[String], outages: &mut Outages) {
    let names = ["edge", "second", "third", "fourth", "fifth"];
    let callees = names.iter().skip(1).copied().chain(["leaf"]);
    let keys = format!("retries = {RETRIES}\ntimeout_ms = 1000\nbackoff_ms = 1");
    let calls: String = names.iter().zip(callees).map(|(from, to)| call(from, to, &keys)).collect();
    let rest = names.map(caller).concat() + &service("leaf", [1, 10_000], 0.001, "error_ratio = 1") + &calls;
    let scenario = scenario(100, "entry = \"edge\"\nrate_per_s = 10\ntimeout_ms = 60000", &rest);
    let timeline = Timeline::new("leaf", scenario).until(100.0);
    for (engine, runs) in both(&timeline, 1, rules_off) {
        let expected = f64::from((1 + RETRIES).pow(LAYERS));
        let figures = [expected, runs[0].between(0.0, 100.0).amplification()];
        let name = "V6 three tries in each of five layers, everything fails at the leaf";
        let quantity = "attempts at the leaf per request";
        outages.rows.push(Row::held(name, engine, quantity, figures, 0.01 * expected, SOURCE));
    }
}
