//! The exact engine: a discrete-event simulation of the same scenarios with one object per request, to judge the fluid
//! engine by.
//!
//! It reads rates, times, bounds, retries and replicas from the scenario and shares no queueing code with the fluid engine.
//! A service's healthy and its impaired replicas in a zone are a station each: one queue, first come first served, before
//! `replicas * concurrency` servers. A request works for a random time, then makes its calls one after the other, holding
//! a place in the pool but no server, and is answered. Whoever calls waits until an answer or the timeout; what is given up
//! is worked on all the same.
//!
//! Alone, the engine plays a cluster to which nothing happens: every replica runs, users come at the mean rate as a Poisson
//! stream, quotas and the load's cycle are left out. What faults and controllers do to replicas, links and users is told
//! to it tick by tick ([`Surroundings`]). Quantities that the scenario gives as laws (hit ratios, sessions, what garbage
//! collection leaves of speed) follow the same laws here. Connections of requests that wait for calls outlive their replica.
//!
//! Every request is an object of some hundred bytes and a few events: three to four million requests a second and core, and
//! as much memory as requests are under way. A scenario of ten million requests a second is not for this engine.

mod agenda;
mod calling;
mod guards;
mod job;
mod laws;
mod measure;
mod messages;
mod patrons;
mod plan;
mod quantiles;
mod random;
mod serving;
mod station;
mod surroundings;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use measure::{EdgeWindow, ServiceWindow};
pub use surroundings::Surroundings;

use self::{
    agenda::{Agenda, Event},
    calling::{CallNow, Deadlines, Next},
    guards::Guard,
    job::Jobs,
    measure::{EdgeMeter, ServiceMeter},
    messages::Message,
    patrons::Patrons,
    plan::{CallPlan, Plan, ZONES},
    random::Random,
    station::{POPULATIONS, Station, station},
};
use crate::{ids::ServiceId, scenario::Scenario};

/// A cluster simulated request by request.
#[derive(Clone, Debug)]
pub struct ExactSimulation {
    engine: Engine,
}

/// The changing part of a service beyond its stations.
#[derive(Clone, Debug, Default)]
struct ServiceNow {
    meter: ServiceMeter,
    sessions: f64,
    hit_ratio: f64,
    hit_limit: f64,
    /// Answers since slow quantities last moved, and those of them without a failure.
    answered: u32,
    answered_well: u32,
    messages: VecDeque<Message>,
    paused_until: f64,
    blocked: f64,
    /// Ratios of requests that fail, that fail because they write, and that are answered wrongly.
    error: [f64; ZONES],
    write_error: [f64; ZONES],
    wrong: f64,
}

/// Everything that changes, and the plan.
#[derive(Clone, Debug)]
struct Engine {
    plan: Plan,
    now: f64,
    random: Random,
    agenda: Agenda,
    jobs: Jobs,
    patrons: Patrons,
    stations: Vec<Station>,
    services: Vec<ServiceNow>,
    calls: Vec<CallNow>,
    deadlines: Vec<Deadlines>,
    /// Brokers from which each service consumes.
    consumed_by: Vec<Vec<usize>>,
    next: Vec<Next>,
    edge: EdgeMeter,
    /// Zones cut off from the others.
    cut: [bool; ZONES],
    /// Whether any request may fail however often it is tried.
    lasting: bool,
    /// Whether slow quantities move.
    slow_moves: bool,
    /// Which of the streams of users drawn so far counts, and whether they come as told from outside instead.
    user_turn: u32,
    guests: bool,
    /// What the surroundings were when last told.
    before: Option<Surroundings>,
}

impl ExactSimulation {
    /// An empty cluster at time 0; equal seeds give equal runs.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let plan = Plan::new(scenario);
        let mut stations = vec![Station::default(); plan.services.len() * ZONES * POPULATIONS];
        let mut consumed_by = vec![Vec::new(); plan.services.len()];
        let mut services = Vec::with_capacity(plan.services.len());
        for (service, own) in plan.services.iter().enumerate() {
            for zone in 0..ZONES {
                for population in 0..POPULATIONS {
                    let station = &mut stations[station(service, zone, population)];
                    (station.speed, station.pool_factor) = (1.0, 1.0);
                    if population == 0 {
                        (station.ready, station.in_rotation) = (own.replicas[zone], own.replicas[zone]);
                    }
                }
            }
            for call in &plan.calls[own.calls.clone()] {
                if call.mode == crate::scenario::CallMode::Consume {
                    consumed_by[call.to].push(service);
                }
            }
            let hit_ratio = own.hit_ratio;
            services.push(ServiceNow { sessions: 1.0, hit_ratio, hit_limit: hit_ratio, ..ServiceNow::default() });
        }
        let mut engine = Engine {
            now: 0.0,
            random: Random::new(seed),
            agenda: Agenda::default(),
            jobs: Jobs::default(),
            patrons: Patrons::default(),
            stations,
            services,
            calls: Vec::new(),
            deadlines: Vec::new(),
            consumed_by,
            next: Vec::new(),
            edge: EdgeMeter::default(),
            cut: [false; ZONES],
            lasting: false,
            slow_moves: false,
            user_turn: 0,
            guests: false,
            before: None,
            plan,
        };
        engine.calls = (0..engine.plan.calls.len())
            .map(|call| {
                let plan = &engine.plan.calls[call];
                engine.deadlines.push(Deadlines::lasting(plan.timeout_s));
                CallNow::new(plan, call as u32)
            })
            .collect();
        for service in 0..engine.plan.services.len() {
            engine.size(service);
            engine.pace(service);
        }
        for entry in 0..engine.plan.arrivals_per_s.len() {
            engine.next_user(entry);
        }
        engine.arm_slow(engine.has_slow());
        Self { engine }
    }

    /// Seconds since the start.
    pub fn time_s(&self) -> f64 {
        self.engine.now
    }

    /// Simulates until this time, in seconds since the start.
    pub fn run_until(&mut self, time_s: f64) {
        self.engine.run_until(time_s);
    }

    /// Goes on with other rates, times, bounds and retries: what is worked on goes on at the new speed, and deadlines that
    /// are set stay. The scenario has the same services, zones, replicas and calls.
    pub fn reconfigure(&mut self, scenario: &Scenario) {
        self.engine.reconfigure(Plan::new(scenario));
    }

    /// Empties a cache: its hit ratio falls by this ratio of what it is.
    pub fn drop_cache(&mut self, service: ServiceId, ratio: f64) {
        self.engine.services[service.index()].hit_ratio *= 1.0 - ratio;
    }

    /// What users met since the last call of this function, which begins a new window.
    pub fn take_edge(&mut self) -> EdgeWindow {
        self.engine.edge.take(self.engine.now)
    }

    /// What a service did since the last call of this function for it, which begins a new window.
    pub fn take_service(&mut self, service: ServiceId) -> ServiceWindow {
        let now = &mut self.engine.services[service.index()];
        now.meter.take(self.engine.now, now.hit_ratio, now.messages.len() as f64)
    }

    /// Users, requests and messages under way.
    pub fn jobs(&self) -> usize {
        self.engine.jobs.len()
    }
}

impl Engine {
    fn run_until(&mut self, end: f64) {
        while let Some((at, event)) = self.agenda.next(end) {
            self.now = at;
            match event {
                Event::User { entry, turn } => {
                    if self.user_turn == turn && !self.guests {
                        let entry = entry as usize;
                        self.next_user(entry);
                        let zone = self.user_zone(entry);
                        self.user_arrives(entry, zone);
                    }
                }
                Event::Guest { entry, zone } => self.user_arrives(entry as usize, usize::from(zone)),
                Event::Finished { job, turn } => self.finished(job, turn),
                Event::Deadline { list } => self.deadline(list),
                Event::Retry { ticket } => {
                    if self.jobs.waits_for(ticket) {
                        self.attempt(ticket.job);
                        self.settle_all();
                    }
                }
                Event::Answer { ticket, failed, wrong } => {
                    self.answered(ticket, failed, wrong);
                    self.settle_all();
                }
                Event::Slow => {
                    self.slow();
                    self.agenda.add(at + laws::SLOW_S, Event::Slow);
                }
            }
        }
        self.now = self.now.max(end);
    }

    fn next_user(&mut self, entry: usize) {
        let rate = self.plan.arrivals_per_s[entry];
        if rate > 0.0 {
            let gap = self.random.exponential() / rate;
            self.agenda.add(self.now + gap, Event::User { entry: entry as u32, turn: self.user_turn });
        }
    }

    fn reconfigure(&mut self, plan: Plan) {
        self.plan = plan;
        // A Poisson stream has no memory: the next user may as well be drawn anew, at the new rate.
        self.user_turn = self.user_turn.wrapping_add(1);
        for entry in 0..self.plan.arrivals_per_s.len() {
            self.next_user(entry);
        }
        for call in 0..self.calls.len() {
            let own = &self.plan.calls[call];
            let now = &mut self.calls[call];
            (now.retries, now.guard.guarded, now.guard.budgeted) = (own.retries, own.breaker, own.budget.is_some());
            if self.deadlines[now.deadlines as usize].seconds != own.timeout_s {
                // Those who wait already have as long as they were given.
                let known = self.deadlines.iter().position(|list| list.seconds == own.timeout_s);
                now.deadlines = known.unwrap_or(self.deadlines.len()) as u32;
                if known.is_none() {
                    self.deadlines.push(Deadlines::lasting(own.timeout_s));
                }
            }
        }
        for service in 0..self.plan.services.len() {
            self.services[service].hit_limit = self.plan.services[service].hit_ratio;
            self.size(service);
            self.pace(service);
            for index in station(service, 0, 0)..station(service + 1, 0, 0) {
                self.start(index);
            }
        }
        self.arm_slow(self.has_slow());
        self.settle_all();
    }

    /// Begins to move slow quantities, where there are any and they do not move yet.
    fn arm_slow(&mut self, wanted: bool) {
        if wanted && !self.slow_moves {
            self.slow_moves = true;
            self.agenda.add(self.now + laws::SLOW_S, Event::Slow);
        }
    }
}

impl Deadlines {
    fn lasting(seconds: f64) -> Self {
        Self { seconds, list: VecDeque::new(), armed: false }
    }
}

impl CallNow {
    fn new(plan: &CallPlan, deadlines: u32) -> Self {
        Self {
            deadlines,
            guard: Guard::new(plan),
            retries: plan.retries,
            loss: [0.0; ZONES],
            delay_s: [0.0; ZONES],
            stale_secret: 0.0,
            trickles: false,
            ended: 0,
            ended_well: 0,
        }
    }
}
