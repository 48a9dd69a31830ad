//! Surroundings: what faults and controllers make of replicas, links and users in a tick, as the fluid engine has it.

use super::{
    Engine, ExactSimulation,
    agenda::Event,
    plan::ZONES,
    station::{POPULATIONS, station},
};
use crate::{
    environment::Environment,
    lanes::f32x4,
    simulation::replicas::cold_ratio,
    state::{CallState, HEALTHY, IMPAIRED, Impairment, ServiceState},
    topology::COLD_LOSS,
};

/// What faults, health checks, supervisors and autoscalers make of a cluster in one tick, and who comes: what moves
/// replicas and breaks things. Of requests it says which share of those held by stopped replicas was lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Surroundings {
    services: Vec<AroundService>,
    calls: Vec<AroundCall>,
    /// Users per second let in at each entry service, by zone, and those turned away.
    users_per_s: Vec<[f32; ZONES]>,
    turned_away_per_s: f32,
    cut: [bool; ZONES],
}

#[derive(Clone, Debug, PartialEq)]
struct AroundService {
    ready: [[f32; ZONES]; POPULATIONS],
    in_rotation: [[f32; ZONES]; POPULATIONS],
    /// Factors on speed, and memory lost, as ratios of a replica's.
    speed: [[f32; ZONES]; POPULATIONS],
    leaked: [[f32; ZONES]; POPULATIONS],
    impairment: Impairment,
    error: [f32; ZONES],
    write_error: [f32; ZONES],
    wrong: f32,
    blocked: f32,
    pause_s: f32,
    hit_ratio: f32,
    hit_limit: f32,
    sessions: f32,
    sessions_left: f32,
    /// Requests that left their replicas unserved since the episode's start, and those of them that were finished all the
    /// same.
    left: f64,
    finished: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct AroundCall {
    loss: [f32; ZONES],
    delay_s: [f32; ZONES],
    stale_secret: f32,
    retries: u8,
    guarded: bool,
    budgeted: bool,
    trickles: bool,
    held_open: bool,
}

/// A fall of a ratio within a tick beyond which a fault has done it.
const DROP: f32 = 0.03;

impl Environment {
    /// What the last tick's faults and controllers made of the cluster, and who came in it.
    pub fn surroundings(&self) -> Surroundings {
        let state = self.state();
        let mut cut = [false; ZONES];
        if let Some(lanes) = state.condition.cut() {
            cut = lanes.to_array().map(|zone| zone > 0.5);
        }
        Surroundings {
            services: state.services.iter().map(around_service).collect(),
            calls: state.calls.iter().map(around_call).collect(),
            users_per_s: state.entries.iter().map(|entry| entry.first_per_s.to_array()).collect(),
            turned_away_per_s: state.turned_away_per_s.reduce_add(),
            cut,
        }
    }
}

fn around_service(own: &ServiceState) -> AroundService {
    let of = |lanes: &dyn Fn(usize) -> f32x4| [HEALTHY, IMPAIRED].map(|kind| lanes(kind).to_array());
    let warm = f32x4::ONE - cold_ratio(own) * f32x4::splat(COLD_LOSS);
    let speed = f32x4::splat(own.condition.speed);
    AroundService {
        ready: of(&|kind| own.populations[kind].ready),
        in_rotation: of(&|kind| own.populations[kind].in_rotation()),
        speed: [(speed * warm).to_array(), (speed * f32x4::splat(own.impairment.speed)).to_array()],
        leaked: of(&|kind| own.populations[kind].leaked + f32x4::splat(own.condition.heap)),
        impairment: own.impairment,
        error: own.condition.error.to_array(),
        write_error: own.write_error.to_array(),
        wrong: own.condition.wrong,
        blocked: own.condition.blocked,
        pause_s: own.pause_s,
        hit_ratio: own.hit_ratio,
        hit_limit: own.hit_limit,
        sessions: own.sessions,
        sessions_left: own.condition.sessions_left,
        left: own.left,
        finished: own.finished,
    }
}

fn around_call(call: &CallState) -> AroundCall {
    AroundCall {
        loss: call.loss.to_array(),
        delay_s: call.delay_s.to_array(),
        stale_secret: call.stale_secret,
        retries: call.retries,
        guarded: call.guarded,
        budgeted: call.budgeted,
        trickles: call.trickles,
        held_open: call.held_open,
    }
}

impl ExactSimulation {
    /// Takes on the surroundings of the tick that begins now, and lets its users come at random moments of it.
    pub fn surround(&mut self, surroundings: &Surroundings) {
        let engine = &mut self.engine;
        engine.arm_slow(true);
        engine.guests = true;
        engine.cut = surroundings.cut;
        engine.around_calls(&surroundings.calls);
        let before = engine.before.take();
        for (service, around) in surroundings.services.iter().enumerate() {
            engine.around_service(service, around, before.as_ref().map(|before| &before.services[service]));
        }
        engine.before = Some(surroundings.clone());
        engine.settle_all();
        engine.invite(surroundings);
    }
}

impl Engine {
    fn around_calls(&mut self, calls: &[AroundCall]) {
        self.lasting = false;
        for (now, around) in self.calls.iter_mut().zip(calls) {
            now.loss = around.loss.map(f64::from);
            now.delay_s = around.delay_s.map(f64::from);
            now.stale_secret = f64::from(around.stale_secret);
            now.retries = around.retries;
            now.trickles = around.trickles && !around.held_open;
            (now.guard.guarded, now.guard.budgeted, now.guard.held_open) =
                (around.guarded, around.budgeted, around.held_open);
            self.lasting |= around.stale_secret > 0.0;
        }
    }

    fn around_service(&mut self, service: usize, around: &AroundService, before: Option<&AroundService>) {
        let trouble = &around.impairment;
        for zone in 0..ZONES {
            for kind in [HEALTHY, IMPAIRED] {
                let station = &mut self.stations[station(service, zone, kind)];
                station.ready = f64::from(around.ready[kind][zone]);
                station.in_rotation = f64::from(around.in_rotation[kind][zone]);
                station.speed = f64::from(around.speed[kind][zone]);
                station.leaked = f64::from(around.leaked[kind][zone]);
            }
            let impaired = &mut self.stations[station(service, zone, IMPAIRED)];
            impaired.refuse = f64::from(trouble.refuse);
            impaired.error = 1.0 - (1.0 - f64::from(trouble.error)) * (1.0 - f64::from(trouble.unseen_error));
            impaired.wrong = f64::from(trouble.wrong);
            (impaired.delay_s, impaired.delay_sd_s) = (f64::from(trouble.delay_s), f64::from(trouble.delay_sd_s));
            impaired.pool_factor = f64::from(trouble.pool);
        }
        let now = &mut self.services[service];
        now.error = around.error.map(f64::from);
        now.write_error = around.write_error.map(f64::from);
        now.wrong = f64::from(around.wrong);
        now.blocked = f64::from(around.blocked);
        now.paused_until = self.now + f64::from(around.pause_s);
        now.hit_limit = f64::from(around.hit_limit);
        now.sessions *= f64::from(around.sessions_left);
        self.lasting |= around.write_error.iter().any(|&ratio| ratio > 0.0);
        if let Some(before) = before {
            // Ratios that a fault cut are cut here in the same proportion; what becomes of them is the engine's own.
            for (ratio, then, after) in [
                (&mut now.hit_ratio, before.hit_ratio, around.hit_ratio),
                (&mut now.sessions, before.sessions, around.sessions),
            ] {
                if then - after > DROP {
                    *ratio *= f64::from(after / then);
                }
            }
        }
        self.size(service);
        if let Some(before) = before
            && before.ready != around.ready
        {
            self.replicas_went(service, around, before);
        }
        self.pace(service);
        for index in station(service, 0, 0)..station(service + 1, 0, 0) {
            self.start(index);
        }
    }

    /// Replicas that changed sides take along what waits; those that are gone leave it to the others, or lose it.
    fn replicas_went(&mut self, service: usize, around: &AroundService, before: &AroundService) {
        let (left, finished) = (around.left - before.left, around.finished - before.finished);
        let lost = if left > 1e-6 { (1.0 - finished / left).clamp(0.0, 1.0) } else { 0.0 };
        for zone in 0..ZONES {
            let change = [HEALTHY, IMPAIRED].map(|kind| around.ready[kind][zone] - before.ready[kind][zone]);
            for (from, to) in [(HEALTHY, IMPAIRED), (IMPAIRED, HEALTHY)] {
                if change[from] >= 0.0 {
                    continue;
                }
                let gone = f64::from(-change[from] / before.ready[from][zone]);
                let moved = f64::from(change[to].max(0.0) / -change[from]).min(1.0);
                let (here, there) = (station(service, zone, from), station(service, zone, to));
                self.kill(here, gone * (1.0 - moved) * lost);
                self.move_queue(here, there, gone * moved);
            }
        }
    }

    /// Users of the coming tick.
    fn invite(&mut self, surroundings: &Surroundings) {
        let tick_s = self.plan.tick_s;
        for (entry, zones) in surroundings.users_per_s.iter().enumerate() {
            for (zone, &per_s) in zones.iter().enumerate() {
                for _ in 0..self.random.round(f64::from(per_s) * tick_s) {
                    let at = self.now + self.random.uniform() * tick_s;
                    self.agenda.add(at, Event::Guest { entry: entry as u32, zone: zone as u8 });
                }
            }
        }
        let turned_away = self.random.round(f64::from(surroundings.turned_away_per_s) * tick_s);
        self.edge.offered += u64::from(turned_away);
        self.edge.bad += i64::from(turned_away);
    }
}
