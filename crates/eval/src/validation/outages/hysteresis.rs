//! V2, hysteresis: how far the load must fall before a service whose callers retry recovers.

use microcloud_core::Scenario;
use rayon::prelude::*;

use super::{
    Curve, Outages,
    scenes::{call, caller, scenario, service},
    timeline::{Player, Timeline},
};
use crate::validation::{Effort, Engine, Row};

const SOURCE: &str = "a failed system's attempts, load (1 + R) or load (1 + budget), must fall below its capacity; none fails \
                      where a full queue is worked off within the timeout";

/// Requests per second: so many that the ten retries a second that every budget allows are a four-hundredth.
const CAPACITY_PER_S: f64 = 4000.0;
const TIMEOUT_S: f64 = 0.25;
/// Twice the capacity for this long, from this time on, then as long as it takes, and when it is judged.
const TRIGGER_S: f64 = 5.0;
const TRIGGER_ENDS_S: f64 = 10.0;
const JUDGED_S: f64 = 60.0;
const END_S: f64 = 70.0;
/// Loads per capacity: the grid's steps.
const STEPS: u32 = 20;

/// One system: its callers' retries and budget, and its queue's bound in timeouts of work.
#[derive(Clone, Copy)]
struct System {
    retries: u32,
    budget: Option<f64>,
    queue: f64,
}

const SYSTEMS: [(System, f64); 6] = [
    (System { retries: 1, budget: None, queue: 1.5 }, 1.0 / 2.0),
    (System { retries: 2, budget: None, queue: 1.5 }, 1.0 / 3.0),
    (System { retries: 3, budget: None, queue: 1.5 }, 1.0 / 4.0),
    (System { retries: 3, budget: Some(0.1), queue: 1.5 }, 1.0 / 1.1),
    (System { retries: 3, budget: Some(0.2), queue: 1.5 }, 1.0 / 1.2),
    // No load up to capacity keeps it down.
    (System { retries: 3, budget: None, queue: 0.5 }, 1.0),
];

impl System {
    fn name(&self) -> String {
        let budget = self.budget.map_or(String::new(), |budget| format!(" within a budget of {budget}"));
        format!(
            "V2 hysteresis, {} retries{budget}, queue of {} timeouts: M/M/1 of 4000/s, T = 0.25 s",
            self.retries, self.queue
        )
    }

    fn at(&self, load: f64) -> Scenario {
        let bound = (self.queue * TIMEOUT_S * CAPACITY_PER_S) as u32;
        let budget = self.budget.map_or(String::new(), |budget| format!("retry_budget = {budget:?}\n"));
        let keys =
            format!("timeout_ms = {:?}\nretries = {}\nbackoff_ms = 10\n{budget}", TIMEOUT_S * 1000.0, self.retries);
        let rest = caller("clients")
            + &service("server", [1, 1], 1000.0 / CAPACITY_PER_S, &format!("queue_limit = {bound}"))
            + &call("clients", "server", &keys);
        let rate = load * CAPACITY_PER_S;
        scenario(50, &format!("entry = \"clients\"\nrate_per_s = {rate:?}\ntimeout_ms = 100000"), &rest)
    }

    fn recovers(&self, step: u32, player: Player, rules_off: &[String]) -> bool {
        let calm = self.at(f64::from(step) / f64::from(STEPS));
        let timeline =
            Timeline::new("server", calm.clone()).then(TRIGGER_S, self.at(2.0)).then(TRIGGER_ENDS_S, calm).until(END_S);
        timeline.play(player, rules_off).between(JUDGED_S, END_S).is_well()
    }

    /// The highest load of the grid, up to capacity, at which it recovers, by bisection, or 0.
    fn recovery_load(&self, player: Player, rules_off: &[String]) -> f64 {
        let (mut low, mut high) = (0, STEPS + 1);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.recovers(middle, player, rules_off) { low = middle } else { high = middle }
        }
        f64::from(low) / f64::from(STEPS)
    }
}

pub(super) fn outage(effort: Effort, rules_off: &[String], outages: &mut Outages) {
    let systems = if effort == Effort::Full { &SYSTEMS[..] } else { &SYSTEMS[1..4] };
    let engines = [(Engine::Fluid, Player::Fluid), (Engine::Exact, Player::Exact { seed: 1 })];
    let engines = if rules_off.is_empty() { &engines[..] } else { &engines[..1] };
    for &(engine, player) in engines {
        let row = |(system, expected): &(System, f64)| {
            let load = system.recovery_load(player, rules_off);
            let quantity = "highest load at which it recovers, over capacity, on a grid of 0.05";
            Row::held(system.name(), engine, quantity, [*expected, load], 1.0 / f64::from(STEPS), SOURCE)
        };
        outages.rows.extend(systems.par_iter().map(row).collect::<Vec<Row>>());
    }
    let ways: Vec<[Curve; 2]> =
        engines.par_iter().map(|&(engine, player)| way_up_and_down(engine, player, rules_off)).collect();
    outages.hysteresis.extend(ways.into_iter().flatten());
}

/// Seconds at each load of the way up and down, and the highest one, in steps.
const HELD_S: f64 = 6.0;
const HIGHEST: u32 = 24;

/// Goodput over capacity against load over capacity, going up and coming down, with two retries.
fn way_up_and_down(engine: Engine, player: Player, rules_off: &[String]) -> [Curve; 2] {
    let system = SYSTEMS[1].0;
    let steps: Vec<u32> = (1..=HIGHEST).chain((1..HIGHEST).rev()).collect();
    let load = |step: u32| f64::from(step) / f64::from(STEPS);
    let mut timeline = Timeline::new("server", system.at(load(1)));
    for (place, &step) in steps.iter().enumerate().skip(1) {
        timeline = timeline.then(place as f64 * HELD_S, system.at(load(step)));
    }
    let run = timeline.until(steps.len() as f64 * HELD_S).play(player, rules_off);
    let points = steps.iter().enumerate().map(|(place, &step)| {
        // The second half of the time at a load.
        let (from_s, to_s) = ((place as f64 + 0.5) * HELD_S, (place as f64 + 1.0) * HELD_S);
        (load(step), run.between(from_s, to_s).good / (0.5 * HELD_S * CAPACITY_PER_S))
    });
    let points: Vec<(f64, f64)> = points.collect();
    let (up, down) = points.split_at(HIGHEST as usize);
    [("going up", up), ("coming down", down)].map(|(name, points)| Curve {
        name: name.to_owned(),
        engine,
        points: points.to_vec(),
    })
}
