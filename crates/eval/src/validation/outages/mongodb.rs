//! V1, MongoDB with clients that give up and resend: whether it outlives a loss of CPU depends on how much and how long.

use super::{
    Curve, Outages,
    scenes::{scenario, service},
    timeline::{Player, Run, Timeline, both, play_all},
};
use crate::validation::{Effort, Engine, Row};

const SOURCE: &str = "Huang et al., Metastable Failures in the Wild, OSDI'22; their repository lexiangh/Metastability, \
                      Retry_Metastability/client/experiments.sh: 75 us between requests (100 us in d), timeout 3 s, \
                      4 resends, CPU cut at 60 s. Assumed: one server of 5000 requests a second at full CPU";

/// Requests per second at two CPUs, and their utilisation in a, b and c: the one free parameter.
const CAPACITY_PER_S: f64 = 5000.0;
const UTILISATION: f64 = 0.37;
const CPUS: f64 = 2.0;
/// When the CPU is cut, when recovery is judged, and the end.
const TRIGGER_S: f64 = 60.0;
const JUDGED_S: f64 = 110.0;
const END_S: f64 = 130.0;
/// The stretch of the cut, in all runs but the shorter one.
pub(super) const CUT_S: (f64, f64) = (TRIGGER_S, TRIGGER_S + 10.0);
const SEEDS: u64 = 8;

/// One of the four experiments.
struct Case {
    name: &'static str,
    /// Its name in a picture: CPUs left, and for how long.
    label: &'static str,
    cpus: f64,
    seconds: f64,
    load: f64,
    recovers: bool,
    /// Whether the exact engine plays it when little time is given.
    is_quick: bool,
}

const CASES: [Case; 4] = [
    Case {
        name: "a: CPU 2 to 0.45 for 10 s",
        label: "a (0.45, 10 s)",
        cpus: 0.45,
        seconds: 10.0,
        load: 1.0,
        recovers: true,
        is_quick: false,
    },
    Case {
        name: "b: CPU 2 to 0.40 for 10 s",
        label: "b (0.40, 10 s)",
        cpus: 0.40,
        seconds: 10.0,
        load: 1.0,
        recovers: false,
        is_quick: true,
    },
    Case {
        name: "c: CPU 2 to 0.40 for 9 s",
        label: "c (0.40, 9 s)",
        cpus: 0.40,
        seconds: 9.0,
        load: 1.0,
        recovers: true,
        is_quick: true,
    },
    Case {
        name: "d: CPU 2 to 0.40 for 10 s at 0.75 of the load",
        label: "d (b at 0.75)",
        cpus: 0.40,
        seconds: 10.0,
        load: 0.75,
        recovers: true,
        is_quick: false,
    },
];

impl Case {
    fn timeline(&self, utilisation: f64) -> Timeline {
        let at = |cpus: f64| {
            let rate = CAPACITY_PER_S * utilisation * self.load;
            // The client resends at once.
            let workload =
                format!("entry = \"mongo\"\nrate_per_s = {rate:?}\ntimeout_ms = 3000\nretries = 4\nbackoff_ms = 0");
            let work_ms = 1000.0 / CAPACITY_PER_S * CPUS / cpus;
            scenario(50, &workload, &service("mongo", [1, 1], work_ms, ""))
        };
        Timeline::new("mongo", at(CPUS))
            .then(TRIGGER_S, at(self.cpus))
            .then(TRIGGER_S + self.seconds, at(CPUS))
            .until(END_S)
    }
}

fn recovers(run: &Run) -> bool {
    run.between(JUDGED_S, END_S).is_well()
}

pub(super) fn outage(effort: Effort, rules_off: &[String], outages: &mut Outages) {
    for case in &CASES {
        let seeds = if effort == Effort::Full || case.is_quick { SEEDS } else { 0 };
        for (engine, runs) in both(&case.timeline(UTILISATION), seeds, rules_off) {
            let share = runs.iter().filter(|run| recovers(run)).count() as f64 / runs.len() as f64;
            let expected = f64::from(u8::from(case.recovers));
            // Where all fail, one of eight may recover.
            let tolerance = if engine == Engine::Exact && !case.recovers { 1.0 / 8.0 } else { 0.0 };
            let quantity = match engine {
                Engine::Fluid => "recovers (1) or stays failed (0)".to_owned(),
                _ => format!("share of {SEEDS} seeds that recover"),
            };
            let name = format!("V1 MongoDB, {}", case.name);
            outages.rows.push(Row::held(name, engine, quantity, [expected, share], tolerance, SOURCE));
            let points = runs[0].0.iter().map(|window| (window.end_s, window.good)).collect();
            outages.mongodb.push(Curve { name: case.label.to_owned(), engine, points });
        }
    }
    outages.rows.extend(interval(rules_off));
}

/// Steps of utilisation of the sweep, and the utilisations swept.
const STEP: f64 = 0.0025;
const SWEPT: std::ops::Range<u32> = 120..181;
/// Width that the interval with all four outcomes has at least.
const LEAST_WIDTH: f64 = 0.02;

/// The interval of utilisations around the one assumed in which all four outcomes are right.
fn interval(rules_off: &[String]) -> [Row; 3] {
    let trials: Vec<(Timeline, Player)> = SWEPT
        .flat_map(|step| CASES.iter().map(move |case| (case.timeline(f64::from(step) * STEP), Player::Fluid)))
        .collect();
    let runs = play_all(&trials, rules_off);
    let right = |runs: &[Run]| CASES.iter().zip(runs).all(|(case, run)| recovers(run) == case.recovers);
    let all: Vec<bool> = runs.chunks(CASES.len()).map(right).collect();
    let assumed = (UTILISATION / STEP).round() as usize - SWEPT.start as usize;
    let (mut low, mut high) = (assumed, assumed);
    while low > 0 && all[low - 1] {
        low -= 1;
    }
    while high + 1 < all.len() && all[high + 1] {
        high += 1;
    }
    let at = |index: usize| f64::from(SWEPT.start + index as u32) * STEP;
    let width = if all[assumed] { at(high) - at(low) } else { 0.0 };
    let name = "V1 MongoDB, utilisations with all four outcomes";
    let wide = f64::from(u8::from(width > LEAST_WIDTH - 1e-9));
    // Requests that queue first come first served and clients that resend after exactly 3 s, without chance.
    let ideal = "a queue without chance and exact delays gives 0.365 to 0.39";
    [
        Row::held(
            name,
            Engine::Fluid,
            "0.37 lies in an interval at least 0.02 wide (1) or not (0)",
            [1.0, wide],
            0.0,
            SOURCE,
        ),
        Row::informing(name, Engine::Fluid, "lowest of the interval", [0.365, at(low)], ideal),
        Row::informing(name, Engine::Fluid, "highest of the interval", [0.39, at(high)], ideal),
    ]
}
