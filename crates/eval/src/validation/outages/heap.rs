//! V7, a heap that what queues fills: collection takes the time in which the queue would be worked off.

use microcloud_core::Scenario;

use super::{
    Outages,
    scenes::{scenario, service},
    timeline::{Timeline, both},
};
use crate::validation::{Effort, Row};

const SOURCE: &str = "Huang et al., OSDI'22, section 5.1; their repository lexiangh/Metastability, GC_Metastability: 220 rps, \
                      one step of 40 up, three down, 240 s each, 256 MB. Assumed: 25 tasks of 0.1 s at once, half of the heap in \
                      use, a queue of 2000 that fills another third, users who wait for 2 s";

/// Seconds at each load.
const HELD_S: f64 = 240.0;

/// Loads in turn, and whether users are served at the end of each.
const STAGES: [(f64, bool); 5] = [(220.0, true), (260.0, false), (220.0, false), (180.0, false), (140.0, true)];

fn at(rate_per_s: f64) -> Scenario {
    let keys = "memory = 0.5\nqueue_memory = 0.34\nqueue_limit = 2000";
    let workload = format!("entry = \"server\"\nrate_per_s = {rate_per_s:?}\ntimeout_ms = 2000");
    scenario(100, &workload, &service("server", [1, 25], 100.0, keys))
}

pub(super) fn outage(_effort: Effort, rules_off: &[String], outages: &mut Outages) {
    let begin = Timeline::new("server", at(STAGES[0].0));
    let stages = STAGES.iter().enumerate().skip(1);
    let timeline = stages.fold(begin, |timeline, (stage, &(rate, _))| timeline.then(stage as f64 * HELD_S, at(rate)));
    let timeline = timeline.until(STAGES.len() as f64 * HELD_S);
    for (engine, runs) in both(&timeline, 1, rules_off) {
        for (stage, &(rate, well)) in STAGES.iter().enumerate() {
            let end_s = (stage + 1) as f64 * HELD_S;
            let figures = [well, runs[0].between(end_s - 40.0, end_s).is_well()].map(|yes| f64::from(u8::from(yes)));
            let name = format!("V7 heap of 256 MB, stage {} at {rate} rps", stage + 1);
            outages.rows.push(Row::held(name, engine, "well (1) or not (0)", figures, 0.0, SOURCE));
        }
    }
}
