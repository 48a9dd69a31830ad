//! Calls: attempts, answers, deadlines, retries under their budget, and what a caller makes of a failure.

use super::{
    Engine,
    agenda::Event,
    guards::Guard,
    job::{Kind, Phase, Ticket},
    plan::ZONES,
    station::{POPULATIONS, station},
};

/// The deadlines of the attempts that have as long as each other, earliest first.
#[derive(Clone, Debug)]
pub(super) struct Deadlines {
    pub seconds: f64,
    pub list: std::collections::VecDeque<(f64, Ticket)>,
    /// Whether an event is going to look at the first of them.
    pub armed: bool,
}

/// The changing part of a call.
#[derive(Clone, Debug)]
pub(super) struct CallNow {
    /// Where its attempts' deadlines are.
    pub deadlines: u32,
    pub guard: Guard,
    pub retries: u8,
    /// Ratio of attempts that get lost, and seconds that they take longer, by the caller's zone.
    pub loss: [f64; ZONES],
    pub delay_s: [f64; ZONES],
    /// Share of the callers that show a stale secret.
    pub stale_secret: f64,
    /// Whether answers trickle in, so that nobody falls back.
    pub trickles: bool,
    /// Calls that ended, and those of them that ended well, since slow quantities last moved.
    pub ended: u32,
    pub ended_well: u32,
}

/// What follows at once, and is done before time goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// An attempt is answered.
    Answer { ticket: Ticket, failed: bool, wrong: bool },
    /// A call is not made at all.
    Blocked { ticket: Ticket },
}

impl Engine {
    /// Begins the call that a job is at.
    pub fn begin_call(&mut self, job: u32) {
        let call = self.jobs.get(job).call as usize;
        let draw = |engine: &mut Self| if engine.lasting { engine.random.uniform() } else { 1.0 };
        let fate = [draw(self), draw(self)];
        let own = self.jobs.get_mut(job);
        (own.tries, own.call_fate) = (0, fate);
        let zone = usize::from(own.zone);
        let (plan, now) = (&self.plan.calls[call], &mut self.calls[call]);
        now.guard.first_attempt(plan, zone, self.now);
        if now.guard.passes(plan, self.now, &mut self.random) {
            self.attempt(job);
        } else {
            let ticket = self.jobs.ticket(job);
            self.next.push(Next::Blocked { ticket });
        }
    }

    /// Makes an attempt at a job's call.
    pub fn attempt(&mut self, job: u32) {
        let own = self.jobs.get_mut(job);
        own.attempt = own.attempt.wrapping_add(1);
        own.attempted = self.now;
        own.awaited = 1;
        (own.right_answers, own.wrong_answers) = (0, 0);
        let (call, zone, patron) = (own.call as usize, usize::from(own.zone), own.patron);
        let [writes, secret] = own.call_fate;
        if own.kind == Kind::User {
            self.edge.attempts += 1;
        }
        let ticket = self.jobs.ticket(job);
        self.set_deadline(call, ticket);
        let edge = &self.calls[call];
        if self.random.chance(edge.loss[zone]) {
            return;
        }
        if secret < edge.stale_secret {
            self.next.push(Next::Answer { ticket, failed: true, wrong: false });
            return;
        }
        let delay_s = edge.delay_s[zone];
        let service = self.plan.calls[call].to;
        if self.plan.calls[call].quorum.is_some() {
            self.ask_all(service, zone, ticket, delay_s, writes);
            return;
        }
        // Users come to the zone that their name server gives them, whoever is there.
        let is_user = call >= self.plan.entries;
        let target = if is_user { zone } else { self.target_zone(service, zone) };
        if self.cut[zone] != self.cut[target] {
            return;
        }
        let population = self.target_population(service, target);
        let way_s = delay_s + self.plan.way_s[target][zone];
        self.submit(service, target, population, ticket, way_s, writes, patron);
    }

    /// Sends a copy to every replica in rotation on this side of a cut.
    fn ask_all(&mut self, service: usize, zone: usize, ticket: Ticket, delay_s: f64, writes: f64) {
        let cut = self.cut;
        let reached = (0..ZONES).filter(move |&target| cut[target] == cut[zone]);
        let places = reached.flat_map(|target| (0..POPULATIONS).map(move |population| (target, population)));
        let copies = |engine: &Self, target: usize, population: usize| {
            engine.stations[station(service, target, population)].in_rotation.round() as u16
        };
        let all: u16 = places.clone().map(|(target, population)| copies(self, target, population)).sum();
        // Where there is nobody to ask, one answer says so.
        self.jobs.get_mut(ticket.job).awaited = all.max(1);
        if all == 0 {
            self.next.push(Next::Answer { ticket, failed: true, wrong: false });
            return;
        }
        for (target, population) in places {
            let way_s = delay_s + self.plan.way_s[target][zone];
            for _ in 0..copies(self, target, population) {
                self.submit(service, target, population, ticket, way_s, writes, None);
            }
        }
    }

    fn set_deadline(&mut self, call: usize, ticket: Ticket) {
        let index = self.calls[call].deadlines;
        let deadlines = &mut self.deadlines[index as usize];
        // Whoever has been answered no longer needs to be told.
        while deadlines.list.front().is_some_and(|&(_, first)| !self.jobs.waits_for(first)) {
            deadlines.list.pop_front();
        }
        let at = self.now + deadlines.seconds;
        deadlines.list.push_back((at, ticket));
        if !deadlines.armed {
            deadlines.armed = true;
            self.agenda.add(at, Event::Deadline { list: index });
        }
    }

    /// Gives up whoever has waited until now, and looks at the list again when the next one has.
    pub fn deadline(&mut self, index: u32) {
        loop {
            let deadlines = &mut self.deadlines[index as usize];
            let Some(&(at, ticket)) = deadlines.list.front() else {
                deadlines.armed = false;
                return;
            };
            if self.jobs.waits_for(ticket) && at > self.now {
                self.agenda.add(at, Event::Deadline { list: index });
                return;
            }
            deadlines.list.pop_front();
            if self.jobs.waits_for(ticket) {
                if self.jobs.get(ticket.job).kind == Kind::User {
                    let waited = self.now - self.jobs.get(ticket.job).attempted;
                    self.edge.attempt_s.add(waited);
                }
                self.resolve(ticket.job, true, false);
                self.settle_all();
            }
        }
    }

    /// An attempt is answered; nobody may be waiting for it any more.
    pub fn answered(&mut self, ticket: Ticket, failed: bool, wrong: bool) {
        if !self.jobs.waits_for(ticket) {
            return;
        }
        let own = self.jobs.get_mut(ticket.job);
        let plan = &self.plan.calls[own.call as usize];
        if let Some(needed) = plan.quorum {
            own.awaited -= 1;
            if !failed {
                let answers = if wrong { &mut own.wrong_answers } else { &mut own.right_answers };
                *answers += 1;
            }
            let (right, wrong) = (own.right_answers, own.wrong_answers);
            if right >= needed || wrong >= needed {
                self.resolve(ticket.job, false, right < needed);
            } else if own.awaited == 0 {
                self.resolve(ticket.job, true, false);
            }
            return;
        }
        if own.kind == Kind::User && !failed {
            let waited = self.now - own.attempted;
            self.edge.attempt_s.add(waited);
        }
        self.resolve(ticket.job, failed, wrong);
    }

    /// An attempt has ended, one way or the other: the call succeeds, is tried again or fails for good.
    fn resolve(&mut self, job: u32, failed: bool, wrong: bool) {
        let own = self.jobs.get_mut(job);
        // Answers that still come are of no use.
        own.attempt = own.attempt.wrapping_add(1);
        let (call, zone, tries) = (own.call as usize, usize::from(own.zone), own.tries);
        let (plan, edge) = (&self.plan.calls[call], &mut self.calls[call]);
        edge.guard.attempt_ended(plan, failed, self.now);
        if failed && tries < edge.retries && edge.guard.grants_retry(plan, zone, self.now) {
            let own = self.jobs.get_mut(job);
            own.tries += 1;
            let ticket = self.jobs.ticket(job);
            // Half to one and a half times the mean: jittered, as clients do it.
            let wait_s = if plan.backoff_s > 0.0 { plan.backoff_s * (0.5 + self.random.uniform()) } else { 0.0 };
            self.agenda.add(self.now + wait_s, Event::Retry { ticket });
            return;
        }
        self.end_call(job, failed, wrong);
    }

    /// A call that a breaker or throttling stopped.
    pub fn blocked(&mut self, ticket: Ticket) {
        if self.jobs.waits_for(ticket) {
            self.end_call(ticket.job, true, false);
        }
    }

    /// A call has ended for good.
    fn end_call(&mut self, job: u32, failed: bool, wrong: bool) {
        let call = self.jobs.get(job).call as usize;
        let edge = &mut self.calls[call];
        edge.ended += 1;
        edge.ended_well += u32::from(!failed);
        let hidden = failed && !edge.trickles && self.random.chance(self.plan.calls[call].fallback);
        let own = self.jobs.get_mut(job);
        own.failed |= failed && !hidden;
        own.wrong |= wrong && !failed;
        match own.kind {
            Kind::User => self.user_ends(job),
            Kind::Detached => self.jobs.remove(job),
            Kind::Delivery { broker, published, patron } => {
                self.jobs.remove(job);
                if failed {
                    self.not_consumed(broker as usize, published, patron);
                } else {
                    self.consumed(patron, true);
                }
            }
            Kind::Request | Kind::Free => {
                own.calls_left -= 1;
                if own.calls_left > 0 {
                    self.begin_call(job);
                } else {
                    self.call_next(job, call + 1);
                }
            }
        }
    }

    /// Makes a request's calls from this one on; when all are made, it is answered.
    pub fn call_next(&mut self, job: u32, from: usize) {
        use crate::scenario::CallMode;
        let own = self.jobs.get_mut(job);
        own.phase = Phase::Calling;
        let end = self.plan.services[own.service as usize].calls.end;
        let missed = own.missed;
        for call in from..end {
            let plan = &self.plan.calls[call];
            match plan.mode {
                CallMode::Consume => {}
                CallMode::Async => {
                    for _ in 0..self.random.round(plan.calls) {
                        let zone = self.jobs.get(job).zone;
                        let detached = self.jobs.add(Kind::Detached);
                        let own = self.jobs.get_mut(detached);
                        (own.zone, own.call) = (zone, call as u32);
                        self.begin_call(detached);
                    }
                }
                CallMode::Miss if !missed => {}
                CallMode::Sync | CallMode::Miss => {
                    let times = self.random.round(plan.calls);
                    if times > 0 {
                        let own = self.jobs.get_mut(job);
                        (own.call, own.calls_left) = (call as u32, times);
                        self.begin_call(job);
                        return;
                    }
                }
            }
        }
        self.answer(job);
    }
}
