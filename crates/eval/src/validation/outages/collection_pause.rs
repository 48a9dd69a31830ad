//! V4, a pause for garbage collection that is longer than the clients' timeout: a second of it is never recovered from.

use microcloud_core::Scenario;

use super::{
    Outages,
    scenes::{scenario, service},
    timeline::{Player, Run, Timeline, both, play_all, seeds},
};
use crate::validation::{Effort, Engine, Row};

const SOURCE: &str = "adamfilli/happy-simulator, examples/gc_caused_collapse.py: 7 rps, constant work of 0.1 s, timeout 0.5 s, \
                      3 retries after 0.05 s, one pause of 1.0 s. Its arrivals are constant too: here a hundred such servers \
                      with one queue and Poisson arrivals, in which chance evens out";
const CHANCE: &str = "one server with exponential work and Poisson arrivals: P(T > 0.5 s) = e^-1.5 at 70 %, and what retries add \
                      tips it over without any pause";

/// When the pause begins, when it is judged whether all is well again, and the end.
const PAUSE_S: f64 = 30.0;
const JUDGED_S: f64 = 80.0;
const END_S: f64 = 100.0;
/// Milliseconds of work while nothing is done.
const STANDSTILL_MS: f64 = 1e6;

fn at(servers: u32, cv2: f64, retries: u32, work_ms: f64) -> Scenario {
    let rate = 7.0 * f64::from(servers);
    let workload =
        format!("entry = \"server\"\nrate_per_s = {rate:?}\ntimeout_ms = 500\nretries = {retries}\nbackoff_ms = 50");
    scenario(50, &workload, &service("server", [servers, 1], work_ms, &format!("service_cv2 = {cv2:?}")))
}

fn timeline(servers: u32, cv2: f64, retries: u32, pause_s: f64) -> Timeline {
    let calm = at(servers, cv2, retries, 100.0);
    let timeline = Timeline::new("server", calm.clone());
    let timeline = if pause_s > 0.0 {
        timeline.then(PAUSE_S, at(servers, cv2, retries, STANDSTILL_MS)).then(PAUSE_S + pause_s, calm)
    } else {
        timeline
    };
    timeline.until(END_S)
}

/// Pause in seconds, retries, whether all is well in the end, and attempts per request then.
const CASES: [(f64, u32, bool, f64); 4] =
    [(0.0, 3, true, 1.0), (1.0, 3, false, 4.0), (0.4, 3, true, 1.0), (1.0, 0, true, 1.0)];

pub(super) fn outage(effort: Effort, rules_off: &[String], outages: &mut Outages) {
    for &(pause_s, retries, well, attempts) in &CASES {
        let name = format!("V4 pause of {pause_s} s, {retries} retries, 100 servers at 70 %");
        for (engine, runs) in both(&timeline(100, 0.0, retries, pause_s), SEEDS, rules_off) {
            let figures = [f64::from(u8::from(well)), share_well(&runs)];
            outages.rows.push(Row::held(&name, engine, share_words(engine, runs.len()), figures, 0.0, SOURCE));
            let sum: f64 = runs.iter().map(|run| run.between(JUDGED_S, END_S).amplification()).sum();
            let figures = [attempts, sum / runs.len() as f64];
            let quantity = "attempts per request in the end";
            outages.rows.push(Row::held(&name, engine, quantity, figures, 0.02 * attempts, SOURCE));
        }
    }
    // What chance does to a single server: with exponential work it needs no pause.
    for (engine, runs) in both(&timeline(1, 1.0, 3, 0.0), SEEDS, rules_off) {
        let name = "V4 no pause, 3 retries, one server at 70 % with exponential work";
        let figures = [0.0, share_well(&runs)];
        outages.rows.push(Row::held(name, engine, share_words(engine, runs.len()), figures, 0.0, CHANCE));
    }
    if effort == Effort::Full {
        one_server(rules_off, outages);
    }
}

const ALONE: &str = "adamfilli/happy-simulator, examples/gc_caused_collapse.py, but for Poisson arrivals: its own are constant, \
                     which the engine does not play; by chance one server at 70 % tips over without any pause";

/// With constant work and Poisson arrivals it rarely needs one either: told, not held.
fn one_server(rules_off: &[String], outages: &mut Outages) {
    for (pause_s, expected) in [(0.0, 1.0), (0.4, 1.0), (1.0, 0.0)] {
        let timeline = timeline(1, 0.0, 3, pause_s);
        let trials: Vec<(Timeline, Player)> =
            seeds(20, rules_off).into_iter().map(|player| (timeline.clone(), player)).collect();
        let runs = play_all(&trials, rules_off);
        if runs.is_empty() {
            return;
        }
        let name =
            format!("V4 pause of {pause_s} s, 3 retries, one server at 70 % with constant work and Poisson arrivals");
        let (quantity, figures) = (share_words(Engine::Exact, runs.len()), [expected, share_well(&runs)]);
        outages.rows.push(Row::informing(name, Engine::Exact, quantity, figures, ALONE));
    }
}

const SEEDS: u64 = 8;

fn share_words(engine: Engine, count: usize) -> String {
    if engine == Engine::Fluid {
        "well in the end (1) or not (0)".to_owned()
    } else {
        format!("share of {count} seeds that are well in the end")
    }
}

fn share_well(runs: &[Run]) -> f64 {
    runs.iter().filter(|run| run.between(JUDGED_S, END_S).is_well()).count() as f64 / runs.len() as f64
}
