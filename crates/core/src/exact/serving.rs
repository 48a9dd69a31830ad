//! Requests at their service: where they go, whether they get in, what they end in.

use super::{
    Engine,
    agenda::Event,
    calling::Next,
    job::{Kind, Phase, Ticket},
    patrons::Patron,
    plan::ZONES,
    station::{POPULATIONS, station},
};
use crate::scenario::ServiceClass;

/// Replicas in rotation, as a multiple of the zone's share at the start, below which calls spill into other zones.
const OVERPROVISIONING: f64 = 1.4;
/// Below this share of the replicas in rotation, traffic goes to all.
const PANIC_RATIO: f64 = 0.5;

impl Engine {
    /// A user comes to an entry service.
    pub fn user_arrives(&mut self, entry: usize, zone: usize) {
        let job = self.jobs.add(Kind::User);
        let own = self.jobs.get_mut(job);
        own.zone = zone as u8;
        own.call = (self.plan.entries + entry) as u32;
        own.since = self.now;
        own.patron = Some(self.patrons.add());
        self.edge.offered += 1;
        self.begin_call(job);
        self.settle_all();
    }

    /// A user has been served, or has given up.
    pub fn user_ends(&mut self, job: u32) {
        let own = self.jobs.get(job);
        let good = !(own.failed || own.wrong);
        if own.patron.map_or(good, |patron| self.patrons.ends(patron, good)) {
            self.edge.good += 1;
        } else {
            self.edge.bad += 1;
        }
        self.edge.waited_s += self.now - own.since;
        self.jobs.remove(job);
    }

    /// Where a user of an entry service comes to: zones in proportion to their weight, evenly here.
    pub fn user_zone(&mut self, entry: usize) -> usize {
        let service = self.plan.calls[self.plan.entries + entry].to;
        let plan = &self.plan.services[service];
        let present = plan.replicas.iter().filter(|&&replicas| replicas > 0.0).count();
        let mut left = (self.random.uniform() * present as f64) as usize;
        for zone in 0..ZONES {
            if plan.replicas[zone] > 0.0 {
                if left == 0 {
                    return zone;
                }
                left -= 1;
            }
        }
        0
    }

    /// The zone that answers a call from this one: its own as far as its replicas reach, any in proportion otherwise.
    pub fn target_zone(&mut self, service: usize, zone: usize) -> usize {
        let usual = self.plan.services[service].replicas[zone];
        let here = self.rotation(service, zone);
        let local = if usual > 0.0 { (here / usual * OVERPROVISIONING).min(1.0) } else { 0.0 };
        if local >= 1.0 || self.random.chance(local) {
            return zone;
        }
        let all: f64 = (0..ZONES).map(|zone| self.rotation(service, zone)).sum();
        let mut left = self.random.uniform() * all;
        for target in 0..ZONES {
            left -= self.rotation(service, target);
            if left < 0.0 {
                return target;
            }
        }
        zone
    }

    fn rotation(&self, service: usize, zone: usize) -> f64 {
        (0..POPULATIONS).map(|population| self.stations[station(service, zone, population)].in_rotation).sum()
    }

    /// Healthy or impaired replicas: in proportion to those in rotation, or to all where too few are.
    pub fn target_population(&mut self, service: usize, zone: usize) -> usize {
        let [healthy, impaired] = [0, 1].map(|population| &self.stations[station(service, zone, population)]);
        if impaired.ready <= 0.0 {
            return 0;
        }
        let (all, calm) = (healthy.ready + impaired.ready, healthy.in_rotation + impaired.in_rotation);
        let share = if calm >= PANIC_RATIO * all { impaired.in_rotation / calm } else { impaired.ready / all };
        usize::from(self.random.chance(share))
    }

    /// A request reaches a station, and is taken in or refused.
    #[expect(clippy::too_many_arguments, reason = "what an attempt carries")]
    pub fn submit(
        &mut self,
        service: usize,
        zone: usize,
        population: usize,
        ticket: Ticket,
        way_s: f64,
        writes: f64,
        patron: Option<Patron>,
    ) {
        let index = station(service, zone, population);
        let place = &self.stations[index];
        let refused = place.ready <= 0.0 || place.in_system() >= place.places || self.random.chance(place.refuse);
        self.services[service].meter.offered(refused);
        if refused {
            self.reply(ticket, way_s, true, false);
            return;
        }
        let job = self.jobs.add(Kind::Request);
        let own = self.jobs.get_mut(job);
        own.phase = Phase::Waiting;
        (own.service, own.zone, own.population) = (service as u32, zone as u8, population as u8);
        (own.caller, own.way_s, own.fate, own.patron) = (Some(ticket), way_s, writes, patron);
        own.arrived = self.now;
        self.services[service].meter.arrives(self.now);
        self.stations[index].queue.push_back(job);
        self.start(index);
    }

    /// A request's own work is finished: it fails by itself or not, and then makes its calls.
    pub fn finished(&mut self, job: u32, turn: u32) {
        let own = self.jobs.get(job);
        if own.turn != turn || own.phase != Phase::Working || own.kind != Kind::Request {
            return;
        }
        let (service, zone, population) = (own.service as usize, usize::from(own.zone), usize::from(own.population));
        let (arrived, writes, patron) = (own.arrived, own.fate, own.patron);
        self.leave_server(job);
        let index = station(service, zone, population);
        let now = &mut self.services[service];
        now.meter.leaves(self.now, false);
        now.meter.served(self.now - arrived);
        let (error, wrong) = (self.stations[index].error, self.stations[index].wrong);
        let random = &mut self.random;
        let plan = &self.plan.services[service];
        let failed = random.chance(plan.error_ratio) | random.chance(error) | random.chance(now.error[zone]);
        let failed = failed || writes < now.write_error[zone];
        let wrong = random.chance(wrong) | random.chance(now.wrong);
        let missed = plan.class == ServiceClass::Cache && !random.chance(now.hit_ratio);
        let first = plan.calls.start;
        let refused = plan.class == ServiceClass::Broker && !failed && !self.publish(service, patron);
        let own = self.jobs.get_mut(job);
        own.failed |= failed || refused;
        own.wrong |= wrong;
        own.missed = missed;
        self.call_next(job, first);
        self.start(index);
        self.pull_for(service);
        self.settle_all();
    }

    /// Answers a request's caller, and gives its place in the pool to the next.
    pub fn answer(&mut self, job: u32) {
        let own = self.jobs.get(job);
        let index = station(own.service as usize, usize::from(own.zone), usize::from(own.population));
        let (caller, way_s, failed, wrong) = (own.caller, own.way_s, own.failed, own.wrong);
        let now = &mut self.services[own.service as usize];
        now.answered += 1;
        now.answered_well += u32::from(!failed);
        self.jobs.remove(job);
        self.stations[index].open -= 1;
        if let Some(ticket) = caller {
            self.reply(ticket, way_s, failed, wrong);
        }
        self.start(index);
    }

    fn reply(&mut self, ticket: Ticket, way_s: f64, failed: bool, wrong: bool) {
        if way_s > 0.0 {
            self.agenda.add(self.now + way_s, Event::Answer { ticket, failed, wrong });
        } else {
            self.next.push(Next::Answer { ticket, failed, wrong });
        }
    }

    /// Does what follows at once, until nothing does.
    pub fn settle_all(&mut self) {
        while let Some(next) = self.next.pop() {
            match next {
                Next::Answer { ticket, failed, wrong } => self.answered(ticket, failed, wrong),
                Next::Blocked { ticket } => self.blocked(ticket),
            }
        }
    }
}
