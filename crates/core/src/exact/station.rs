//! Stations: the servers of a service's healthy or impaired replicas in a zone, and the one queue before them.

use std::collections::VecDeque;

use super::{Engine, agenda::Event, job::Phase, plan::ZONES};

/// Healthy and impaired replicas.
pub(super) const POPULATIONS: usize = 2;

/// Slowest speed at which anybody works, so that every job ends.
const LEAST_RATE: f64 = 1e-9;

/// One queue and its servers.
#[derive(Clone, Debug, Default)]
pub(super) struct Station {
    /// Replicas that run, and those that get traffic.
    pub ready: f64,
    pub in_rotation: f64,
    /// Requests worked on at once, held at most, and open at most, those that wait for calls included.
    pub servers: usize,
    pub places: usize,
    pub pool: usize,
    /// Requests of mean work per second and server.
    pub rate: f64,
    /// Factor on speed from outside, and share of memory lost from outside.
    pub speed: f64,
    pub leaked: f64,
    /// What is wrong with these replicas: see the fluid engine's impairments.
    pub refuse: f64,
    pub error: f64,
    pub wrong: f64,
    pub delay_s: f64,
    pub delay_sd_s: f64,
    pub pool_factor: f64,
    pub queue: VecDeque<u32>,
    pub working: Vec<u32>,
    pub open: usize,
}

impl Station {
    pub fn in_system(&self) -> usize {
        self.queue.len() + self.working.len()
    }
}

/// Where a station stands among all.
pub(super) fn station(service: usize, zone: usize, population: usize) -> usize {
    (service * ZONES + zone) * POPULATIONS + population
}

impl Engine {
    /// What follows from the number of replicas.
    pub fn size(&mut self, service: usize) {
        let plan = &self.plan.services[service];
        let all = station(service, 0, 0)..station(service + 1, 0, 0);
        for station in &mut self.stations[all] {
            let count = |per_replica: f64| (station.ready * per_replica).round().max(0.0) as usize;
            (station.servers, station.places) = (count(plan.servers_per_replica), count(plan.queue_limit));
            station.pool = count(plan.pool * station.pool_factor);
            // A fraction of a replica is still somebody.
            if station.ready > 0.0 {
                station.servers = station.servers.max(1);
                station.places = station.places.max(1);
                station.pool = station.pool.max(1);
            }
        }
    }

    /// Sets how fast a service's replicas work; whatever they work on goes on at the new speed.
    pub fn pace(&mut self, service: usize) {
        let plan = &self.plan.services[service];
        let all = station(service, 0, 0)..station(service + 1, 0, 0);
        let replicas: f64 = self.stations[all.clone()].iter().map(|station| station.ready).sum();
        let more = (replicas - 1.0).max(0.0);
        let scaling = 1.0 / (1.0 + plan.contention * more + plan.coherency * more * (more + 1.0));
        for index in all {
            let station = &mut self.stations[index];
            let collection = super::laws::collection(plan, station);
            let rate = (station.speed * scaling * collection / plan.service_s).max(LEAST_RATE);
            let before = station.rate;
            if rate == before {
                continue;
            }
            station.rate = rate;
            for &job in &station.working {
                let own = self.jobs.get_mut(job);
                own.due = self.now + (own.due - self.now) * before / rate;
                own.turn = own.turn.wrapping_add(1);
                self.agenda.add(own.due, Event::Finished { job, turn: own.turn });
            }
        }
    }

    /// Lets servers that are free take the next requests.
    pub fn start(&mut self, index: usize) {
        let station = &mut self.stations[index];
        while station.working.len() < station.servers && station.open < station.pool {
            let Some(job) = station.queue.pop_front() else { return };
            let own = self.jobs.get_mut(job);
            let service = own.service as usize;
            let plan = &self.plan.services[service];
            let mut work = self.random.work(plan.cv2);
            if let Some(sessions) = &plan.sessions
                && self.random.chance(1.0 - self.services[service].sessions)
            {
                work *= 1.0 + f64::from(sessions.issue_work);
            }
            let mut seconds = work / station.rate;
            if station.delay_s > 0.0 {
                seconds += (station.delay_s + station.delay_sd_s * self.random.normal()).max(0.0);
            }
            own.phase = Phase::Working;
            own.started = self.now;
            own.due = self.now + seconds;
            own.turn = own.turn.wrapping_add(1);
            own.place = station.working.len() as u32;
            station.working.push(job);
            station.open += 1;
            self.agenda.add(own.due, Event::Finished { job, turn: own.turn });
            self.services[service].meter.starts(self.now, self.now - own.arrived);
        }
    }

    /// Takes a job off its server.
    pub fn leave_server(&mut self, job: u32) {
        let own = self.jobs.get(job);
        let index = station(own.service as usize, usize::from(own.zone), usize::from(own.population));
        let place = own.place as usize;
        let working = &mut self.stations[index].working;
        working.swap_remove(place);
        if let Some(&moved) = working.get(place) {
            self.jobs.get_mut(moved).place = place as u32;
        }
    }

    /// Ends a share of what a station holds: its replicas are gone, and callers see their connections fail.
    pub fn kill(&mut self, index: usize, share: f64) {
        let queue = std::mem::take(&mut self.stations[index].queue);
        let mut ended = Vec::new();
        for job in queue {
            if self.random.chance(share) {
                ended.push(job);
            } else {
                self.stations[index].queue.push_back(job);
            }
        }
        let working = self.stations[index].working.clone();
        ended.extend(working.into_iter().filter(|_| self.random.chance(share)));
        for job in ended {
            let own = self.jobs.get_mut(job);
            let (service, was) = (own.service as usize, own.phase);
            own.failed = true;
            own.turn = own.turn.wrapping_add(1);
            self.services[service].meter.leaves(self.now, was == Phase::Waiting);
            if was == Phase::Working {
                self.leave_server(job);
            } else {
                // Whoever answers gives back a place in the pool.
                self.stations[index].open += 1;
            }
            self.answer(job);
        }
    }

    /// Moves a share of what waits at one station to another of the same service and zone: its replicas changed sides.
    pub fn move_queue(&mut self, from: usize, to: usize, share: f64) {
        let queue = std::mem::take(&mut self.stations[from].queue);
        for job in queue {
            let there = if self.random.chance(share) { to } else { from };
            self.jobs.get_mut(job).population = (there % POPULATIONS) as u8;
            self.stations[there].queue.push_back(job);
        }
    }
}
