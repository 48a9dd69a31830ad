//! Brokers: messages wait in a log until a consumer with a free server takes them.

use super::{
    Engine,
    job::Kind,
    patrons::Patron,
    plan::ZONES,
    station::{POPULATIONS, station},
};
use crate::scenario::CallMode;

/// A message in a broker's log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub published: f64,
    /// The user whom it turns bad where it comes too late.
    pub patron: Option<Patron>,
}

impl Engine {
    /// Appends a message, where there is room.
    pub fn publish(&mut self, broker: usize, patron: Option<Patron>) -> bool {
        let Some(settings) = &self.plan.services[broker].broker else { return true };
        let replicas: f64 =
            self.stations[station(broker, 0, 0)..station(broker + 1, 0, 0)].iter().map(|station| station.ready).sum();
        let messages = &mut self.services[broker].messages;
        if messages.len() as f64 >= replicas * f64::from(settings.depth) {
            return false;
        }
        let patron = patron.and_then(|patron| self.patrons.publishes(patron));
        messages.push_back(Message { published: self.now, patron });
        self.pull(broker);
        true
    }

    /// A service that may be a consumer has a server free.
    pub fn pull_for(&mut self, consumer: usize) {
        for place in 0..self.consumed_by[consumer].len() {
            let broker = self.consumed_by[consumer][place];
            self.pull(broker);
        }
    }

    /// Hands messages to consumers as long as one has a server free.
    pub fn pull(&mut self, broker: usize) {
        let Some(settings) = &self.plan.services[broker].broker else { return };
        let deadline_s = f64::from(settings.deadline_s);
        let partitions = settings.partitions;
        if self.now < self.services[broker].paused_until {
            return;
        }
        for call in self.plan.services[broker].calls.clone() {
            let (mode, to, times) = {
                let plan = &self.plan.calls[call];
                (plan.mode, plan.to, plan.calls)
            };
            if mode != CallMode::Consume {
                continue;
            }
            // What comes back at once must not be taken again at once, for ever.
            for _ in 0..self.services[broker].messages.len() {
                let Some(zone) = self.free_consumer(broker, to, partitions) else { break };
                let Some(message) = self.services[broker].messages.pop_front() else { break };
                let late = self.now - message.published > deadline_s;
                let copies = self.random.round(times);
                let mut patron = message.patron;
                if late || copies == 0 {
                    self.consumed(patron.take(), !late);
                }
                for _ in 0..copies {
                    // The first copy stands for all of them.
                    let (broker, published, patron) = (broker as u32, message.published, patron.take());
                    let job = self.jobs.add(Kind::Delivery { broker, published, patron });
                    let own = self.jobs.get_mut(job);
                    (own.zone, own.call) = (zone as u8, call as u32);
                    self.begin_call(job);
                }
            }
        }
    }

    /// A zone in which a consumer of the broker has a server free and may take a message.
    fn free_consumer(&self, broker: usize, consumer: usize, partitions: Option<u32>) -> Option<usize> {
        let stations = |zone: usize| {
            (0..POPULATIONS).map(move |population| station(consumer, zone, population)).map(|index| {
                let station = &self.stations[index];
                (station, if station.in_rotation > 0.0 && station.refuse < 1.0 { station.servers } else { 0 })
            })
        };
        let (mut busy, mut servers, mut freest) = (0, 0, None);
        let mut most_free = 0;
        for zone in 0..ZONES {
            let mut free = 0;
            for (station, usable) in stations(zone) {
                busy += station.in_system();
                servers += usable;
                free += usable.saturating_sub(station.in_system());
            }
            if free > most_free && self.cut[zone] == self.cut[0] {
                (most_free, freest) = (free, Some(zone));
            }
        }
        let per_replica = self.plan.services[consumer].servers_per_replica;
        let by_partitions = partitions.map_or(servers as f64, |partitions| f64::from(partitions) * per_replica);
        let allowed = by_partitions.min(servers as f64) * (1.0 - self.services[broker].blocked);
        freest.filter(|_| (busy as f64) < allowed)
    }

    /// A message could not be consumed: it comes back, or is lost.
    pub fn not_consumed(&mut self, broker: usize, published: f64, patron: Option<Patron>) {
        let again = self.plan.services[broker].broker.as_ref().map_or(0.0, |settings| f64::from(settings.redelivery));
        if self.random.chance(again) {
            self.services[broker].messages.push_front(Message { published, patron });
        } else {
            self.consumed(patron, false);
        }
    }

    /// A message has been consumed in time, or not: then a user who was told that all is well learns that it is not.
    pub fn consumed(&mut self, patron: Option<Patron>, in_time: bool) {
        if patron.is_some_and(|patron| self.patrons.consumed(patron, in_time)) {
            self.edge.bad += 1;
            self.edge.good -= 1;
        }
    }
}
