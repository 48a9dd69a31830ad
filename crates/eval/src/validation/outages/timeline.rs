//! A scenario that is reconfigured as time goes on, played in either engine, and what its users got in each window.

use microcloud_core::{Environment, Level, Scenario, ServiceId, Split, Topology, exact::ExactSimulation};
use rayon::prelude::*;

use crate::validation::Engine;

/// What holds from a moment on.
#[derive(Clone, Debug)]
struct Phase {
    at_s: f64,
    scenario: Scenario,
}

/// A scenario and its reconfigurations: load, speed of work, timeouts, retries, bounds.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    phases: Vec<Phase>,
    /// Seconds that it lasts, and those of a window.
    end_s: f64,
    window_s: f64,
    /// The service whose requests are counted.
    watched: &'static str,
    /// When the watched service, a cache, loses all that it holds. The fluid engine has it from the scenario's F09.
    drop_s: Option<f64>,
}

/// Which engine plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Player {
    Fluid,
    Exact { seed: u64 },
}

/// What happened in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Window {
    /// Seconds from the start to the window's end.
    pub end_s: f64,
    /// Requests that users began, and those that ended well: in the fluid engine of those begun in the window, in the exact
    /// one whenever they began.
    pub offered: f64,
    pub good: f64,
    /// Requests that the watched service was sent, and those that it finished.
    pub asked: f64,
    pub served: f64,
    /// Its hit ratio at the window's end, where it is a cache.
    pub hit_ratio: f64,
}

/// All windows of a run, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run(pub Vec<Window>);

impl Timeline {
    /// A scenario to begin with; windows last a second.
    pub fn new(watched: &'static str, scenario: Scenario) -> Self {
        Self { phases: vec![Phase { at_s: 0.0, scenario }], end_s: 0.0, window_s: 1.0, watched, drop_s: None }
    }

    /// Goes on with another scenario from this time on, which is later than those before and falls between two ticks.
    pub fn then(mut self, at_s: f64, scenario: Scenario) -> Self {
        self.phases.push(Phase { at_s, scenario });
        self
    }

    /// Lets the watched cache lose its content.
    pub fn dropping_cache(mut self, at_s: f64) -> Self {
        self.drop_s = Some(at_s);
        self
    }

    /// Ends it.
    pub fn until(mut self, end_s: f64) -> Self {
        self.end_s = end_s;
        self
    }

    /// Plays it; `rules_off` are rules that only the fluid engine can do without.
    pub fn play(&self, player: Player, rules_off: &[String]) -> Run {
        match player {
            Player::Fluid => self.fluid(rules_off),
            Player::Exact { seed } => self.exact(seed),
        }
    }

    fn watched(&self) -> ServiceId {
        let services = &self.phases[0].scenario.services;
        ServiceId(services.iter().position(|service| service.name == self.watched).unwrap_or(0) as u32)
    }

    fn fluid(&self, rules_off: &[String]) -> Run {
        let topology = |phase: &Phase| {
            let mut scenario = phase.scenario.clone();
            scenario.rules_off = rules_off.iter().cloned().chain(["arrival-noise".to_owned()]).collect();
            Topology::new(scenario).expect("a scenario that was checked")
        };
        let tick_s = f64::from(self.phases[0].scenario.tick_ms) / 1000.0;
        let ticks = |seconds: f64| (seconds / tick_s).round() as u64;
        let mut environment = Environment::new(topology(&self.phases[0]));
        // F09 is one of the faults that only held-out levels have.
        environment.reset(Level::draw(Split::Heldout, 0, 0));
        let mut coming = self.phases[1..].iter().peekable();
        let (watched, per_window) = (self.watched(), ticks(self.window_s));
        let (mut windows, mut window) = (Vec::new(), Window::default());
        for tick in 0..ticks(self.end_s) {
            if let Some(phase) = coming.next_if(|phase| ticks(phase.at_s) == tick) {
                environment.reconfigure(topology(phase)).expect("the same services and replicas");
            }
            environment.step(0);
            let (users, service) = (environment.metrics(), environment.service_metrics(watched));
            window.offered += users.offered;
            window.good += users.offered - users.bad;
            window.asked += service.offered_per_s * tick_s;
            window.served += service.served_per_s * tick_s;
            if (tick + 1) % per_window == 0 {
                (window.end_s, window.hit_ratio) = ((tick + 1) as f64 * tick_s, service.hit_ratio);
                windows.push(std::mem::take(&mut window));
            }
        }
        Run(windows)
    }

    fn exact(&self, seed: u64) -> Run {
        let mut simulation = ExactSimulation::new(&self.phases[0].scenario, seed);
        let mut coming = self.phases[1..].iter().peekable();
        let (watched, mut drop_s) = (self.watched(), self.drop_s);
        let mut windows = Vec::new();
        for window in 1..=(self.end_s / self.window_s).round() as u32 {
            let end_s = f64::from(window) * self.window_s;
            while let Some(phase) = coming.next_if(|phase| phase.at_s < end_s) {
                simulation.run_until(phase.at_s);
                simulation.reconfigure(&phase.scenario);
            }
            if drop_s.is_some_and(|at_s| at_s < end_s) {
                simulation.run_until(drop_s.take().unwrap_or_default());
                simulation.drop_cache(watched, 1.0);
            }
            simulation.run_until(end_s);
            let (users, service) = (simulation.take_edge(), simulation.take_service(watched));
            windows.push(Window {
                end_s,
                offered: users.offered as f64,
                good: users.good as f64,
                asked: service.offered as f64,
                served: service.served as f64,
                hit_ratio: service.hit_ratio,
            });
        }
        Run(windows)
    }
}

impl Run {
    /// The windows that end within these seconds, as one.
    pub fn between(&self, from_s: f64, to_s: f64) -> Window {
        let inside = self.0.iter().filter(|window| window.end_s > from_s + 1e-6 && window.end_s < to_s + 1e-6);
        inside.fold(Window::default(), |sum, window| Window {
            end_s: window.end_s,
            offered: sum.offered + window.offered,
            good: sum.good + window.good,
            asked: sum.asked + window.asked,
            served: sum.served + window.served,
            hit_ratio: window.hit_ratio,
        })
    }
}

impl Window {
    /// Requests that ended well, over those begun.
    pub fn goodput(&self) -> f64 {
        self.good / self.offered
    }

    /// Requests to the watched service over the users'.
    pub fn amplification(&self) -> f64 {
        self.asked / self.offered
    }

    /// Whether hardly any user fails.
    pub fn is_well(&self) -> bool {
        self.goodput() > WELL
    }
}

/// Ratio of good requests above which a system has recovered. What has not is far below: no outage here ends in between.
const WELL: f64 = 0.9;

/// Plays many timelines over all cores; the results are in their order, whatever the number of threads.
pub(super) fn play_all(trials: &[(Timeline, Player)], rules_off: &[String]) -> Vec<Run> {
    trials.par_iter().map(|(timeline, player)| timeline.play(*player, rules_off)).collect()
}

/// So many seeds of the exact engine, or none where rules are off that it does not have.
pub(super) fn seeds(count: u64, rules_off: &[String]) -> Vec<Player> {
    let count = if rules_off.is_empty() { count } else { 0 };
    (1..=count).map(|seed| Player::Exact { seed }).collect()
}

/// The runs of one timeline in both engines, the exact one with so many seeds; engines without a run are left out.
pub(super) fn both(timeline: &Timeline, count: u64, rules_off: &[String]) -> Vec<(Engine, Vec<Run>)> {
    let players: Vec<Player> = std::iter::once(Player::Fluid).chain(seeds(count, rules_off)).collect();
    let trials: Vec<(Timeline, Player)> = players.iter().map(|&player| (timeline.clone(), player)).collect();
    let mut fluid = play_all(&trials, rules_off);
    let exact = fluid.split_off(1);
    let both = [(Engine::Fluid, fluid), (Engine::Exact, exact)];
    both.into_iter().filter(|(_, runs)| !runs.is_empty()).collect()
}
