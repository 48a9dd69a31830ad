//! V5, a look-aside cache that loses its content: what lies behind it is too slow to fill it again under the usual load.

use microcloud_core::Scenario;
use rayon::prelude::*;

use super::{
    Outages,
    scenes::{call, scenario, service},
    timeline::{Run, Timeline, both},
};
use crate::validation::{Effort, Engine, Row};

const SOURCE: &str = "Huang et al., OSDI'22, section 5.3; their repository lexiangh/Metastability, LookasideCache_Metastability: \
                      vulnerable where load (1 - hit ratio) < database capacity < load";

/// Requests per second, and the warm hit ratio: 0.99 filled in 10 s against entries that expire after 100 s.
const LOAD_PER_S: f64 = 1000.0;
const WARM: f64 = 0.9;
/// When the cache is emptied, when that is judged, when the load is cut, when it is back, and the end.
const DROP_S: f64 = 100.0;
const JUDGED_S: [f64; 2] = [180.0, 200.0];
const CUT_S: [f64; 2] = [200.0, 300.0];
const END_S: f64 = 360.0;

/// A cache before a database of this capacity, which answers within a second or in vain.
fn at(load_per_s: f64, capacity_per_s: f64) -> Scenario {
    let bound = 3.0 * capacity_per_s;
    let cache = "class = \"cache\"\ncache = { hit_ratio = 0.99, fill_s = 10, ttl_s = 100 }";
    let rest = service("cache", [1, 1000], 1.0, cache)
        + &service(
            "db",
            [1, 10],
            10_000.0 / capacity_per_s,
            &format!("class = \"database\"\nqueue_limit = {bound:?}\ndatabase = {{ write_ratio = 0 }}"),
        )
        + &call("cache", "db", "mode = \"miss\"\ntimeout_ms = 1000")
        + &format!(
            "[faults]\ncontrol_ratio = 0\n[[faults.catalogue]]\nid = \"F09\"\ntargets = [\"cache\"]\nmagnitude = [1, 1]\n\
             onset_s = [{DROP_S:?}, {DROP_S:?}]\nduration_s = [1, 1]\n"
        );
    scenario(100, &format!("entry = \"cache\"\nrate_per_s = {load_per_s:?}\ntimeout_ms = 60000"), &rest)
}

/// The database's capacity, the load that is left while it is cut, and what happens: before, after the drop, in the end.
struct Case {
    what: &'static str,
    capacity_per_s: f64,
    cut_to_per_s: f64,
    well: [bool; 3],
}

const CASES: [Case; 4] = [
    Case {
        what: "vulnerable, load cut to 0.8 of the database",
        capacity_per_s: 500.0,
        cut_to_per_s: 400.0,
        well: [true, false, true],
    },
    Case {
        what: "vulnerable, load cut to 1.2 of the database",
        capacity_per_s: 500.0,
        cut_to_per_s: 600.0,
        well: [true, false, false],
    },
    Case {
        what: "a database for the whole load",
        capacity_per_s: 1200.0,
        cut_to_per_s: 1000.0,
        well: [true, true, true],
    },
    Case {
        what: "a database for less than the misses",
        capacity_per_s: 80.0,
        cut_to_per_s: 1000.0,
        well: [false, false, false],
    },
];

pub(super) fn outage(_effort: Effort, rules_off: &[String], outages: &mut Outages) {
    let rows = |case: &Case| {
        let both = both(&timeline(case), 1, rules_off);
        both.iter().flat_map(|(engine, runs)| rows(case, *engine, &runs[0])).collect()
    };
    outages.rows.extend(CASES.par_iter().map(rows).collect::<Vec<Vec<Row>>>().into_iter().flatten());
}

fn timeline(case: &Case) -> Timeline {
    Timeline::new("cache", at(LOAD_PER_S, case.capacity_per_s))
        .dropping_cache(DROP_S)
        .then(CUT_S[0], at(case.cut_to_per_s, case.capacity_per_s))
        .then(CUT_S[1], at(LOAD_PER_S, case.capacity_per_s))
        .until(END_S)
}

fn rows(case: &Case, engine: Engine, run: &Run) -> Vec<Row> {
    let name = format!("V5 cache before a database: {}", case.what);
    let windows = [
        ("before", [DROP_S - 20.0, DROP_S]),
        ("80 to 100 s after the drop", JUDGED_S),
        ("after the cut", [END_S - 20.0, END_S]),
    ];
    let mut rows = Vec::new();
    for ((when, [from_s, to_s]), well) in windows.into_iter().zip(case.well) {
        let window = run.between(from_s, to_s);
        let figures = [well, window.is_well()].map(|yes| f64::from(u8::from(yes)));
        rows.push(Row::held(&name, engine, format!("{when}: well (1) or not (0)"), figures, 0.0, SOURCE));
        if well {
            let figures = [WARM, window.hit_ratio];
            rows.push(Row::held(&name, engine, format!("{when}: hit ratio"), figures, 0.01, SOURCE));
        } else {
            let figures = [0.0, window.hit_ratio];
            rows.push(Row::held(&name, engine, format!("{when}: hit ratio, at most 0.5"), figures, 0.5, SOURCE));
        }
    }
    rows
}
