//! Serving: what a service's replicas do with the requests that they are offered in a tick.

use crate::{
    lanes::{f32x4, ratio, unit},
    queueing::{Flow, QueueTable, Step, step},
    simulation::{replicas, requests::localise},
    state::{HEALTHY, IMPAIRED, Impairment, Population, ServiceState},
    topology::{COLLECTION_BEGINS, ServiceTable, Topology},
};

/// Squared coefficient of variation of the wait in a queue that only grows or empties.
const OVERLOAD_VARIANCE: f32 = 0.05;

/// Admits, queues and serves a service's requests; returns what it serves per second.
pub(super) fn serve(topology: &Topology, service: usize, own: &mut ServiceState, dt: f32x4) -> f32x4 {
    let (table, queue) = (&topology.services[service], &*topology.queues[service]);
    let offered = own.inflow;
    own.inflow = f32x4::ZERO;
    own.offered_per_s = offered;
    let writable = (f32x4::ONE - own.write_error) * (f32x4::ONE - own.condition.error);
    if !own.has_impaired {
        // Everything goes to the healthy, where there are any; the impaired population's memory is not touched.
        let healthy = &own.populations[HEALTHY];
        let in_rotation = healthy.in_rotation();
        let any = healthy.ready.simd_gt(f32x4::ZERO).bitselect(f32x4::ONE, f32x4::ZERO);
        localise(table, own, in_rotation);
        let load = Load::new::<HEALTHY>(table, own, offered * any);
        let answer = work(topology, table, queue, &load, table.zone_bits, dt);
        let healthy = &mut own.populations[HEALTHY];
        answer.note(healthy);
        healthy.answered = any * answer.success * writable;
        healthy.share = f32x4::ONE;
        own.taken = any * answer.taken;
        own.own_success = any * answer.success * writable * charge_lost(own, offered * dt);
        own.unseen = f32x4::ZERO;
        own.admitted_per_s = answer.admitted;
        return answer.served;
    }
    let [healthy, impaired] = &own.populations;
    let in_rotation = [healthy.in_rotation(), impaired.in_rotation()];
    let all = healthy.ready + impaired.ready;
    // Just enough is enough, whatever the last bits say.
    let enough = all * f32x4::splat(topology.panic_ratio) - f32x4::splat(replicas::SPECK);
    let calm = (in_rotation[0] + in_rotation[1]).simd_ge(enough);
    let weights = [calm.bitselect(in_rotation[0], healthy.ready), calm.bitselect(in_rotation[1], impaired.ready)];
    let weight = weights[0] + weights[1];
    localise(table, own, in_rotation[0] + in_rotation[1]);
    let routed = weights.map(|weight_of| ratio(weight_of, weight));
    let healthy = Load::new::<HEALTHY>(table, own, offered * routed[HEALTHY]);
    let impaired = Load::new::<IMPAIRED>(table, own, offered * routed[IMPAIRED]);
    let answers = if topology.num_zones() <= 2 {
        // Two zones leave half of the lanes to the other population.
        let both = healthy.beside(&impaired);
        work(topology, table, queue, &both, table.zone_bits * 0b101, dt).apart()
    } else {
        [healthy, impaired].map(|load| work(topology, table, queue, &load, table.zone_bits, dt))
    };
    let zero = f32x4::ZERO;
    let (mut served, mut success, mut taken, mut admitted) = (zero, zero, zero, zero);
    for (kind, answer) in answers.iter().enumerate() {
        answer.note(&mut own.populations[kind]);
        own.populations[kind].answered = answer.success * writable;
        served += answer.served;
        success += routed[kind] * answer.success;
        taken += routed[kind] * answer.taken;
        admitted += answer.admitted;
    }
    own.taken = taken;
    own.admitted_per_s = admitted;
    own.unseen = routed[IMPAIRED] * answers[IMPAIRED].taken * f32x4::splat(own.impairment.unseen_error);
    own.own_success = success * writable * charge_lost(own, offered * dt);
    let total = served.simd_gt(f32x4::ZERO);
    for (kind, lone) in [(HEALTHY, f32x4::ONE), (IMPAIRED, f32x4::ZERO)] {
        let share = ratio(answers[kind].served, served);
        own.populations[kind].share = total.bitselect(share, lone);
    }
    served
}

/// Charges requests lost with stopped replicas against those offered, as far as there are any; returns the rest's ratio.
fn charge_lost(own: &mut ServiceState, offered: f32x4) -> f32x4 {
    if !own.lost.simd_gt(f32x4::ZERO).any() {
        return f32x4::ONE;
    }
    let charged = own.lost.fast_min(offered);
    own.lost -= charged;
    own.charged += f64::from(charged.reduce_add());
    f32x4::ONE - ratio(charged, offered)
}

/// What a population has before it, a lane each zone.
#[derive(Clone, Copy)]
struct Load {
    in_system: f32x4,
    ready: f32x4,
    /// Memory lost.
    leaked: f32x4,
    calls_mean_s: f32x4,
    offered: f32x4,
    /// Seconds of work on a request, before collection, and those that something adds; their variance.
    work_s: f32x4,
    delay_s: f32x4,
    delay_variance: f32x4,
    /// Requests that a replica may have open.
    pool: f32x4,
    /// Ratio of requests that are not refused at once, and of those served that are answered without error.
    let_in: f32x4,
    right: f32x4,
}

impl Load {
    #[inline(always)]
    fn new<const KIND: usize>(table: &ServiceTable, own: &ServiceState, offered: f32x4) -> Self {
        let splat = f32x4::splat;
        let trouble = if KIND == IMPAIRED { own.impairment } else { Impairment::NONE };
        let warm = if KIND == HEALTHY && own.moving {
            f32x4::ONE - replicas::cold_ratio(own) * splat(table.cold_loss)
        } else {
            f32x4::ONE
        };
        let mut speed = own.condition.speed * trouble.speed * own.scaling;
        if table.has_sessions {
            speed /= 1.0 + table.issue_work * (1.0 - own.sessions);
        }
        let population = &own.populations[KIND];
        Self {
            in_system: population.in_system,
            ready: population.ready,
            leaked: population.leaked + splat(own.held()),
            calls_mean_s: own.calls_mean_s,
            offered,
            work_s: splat(table.service_s / speed) / warm,
            delay_s: splat(trouble.delay_s),
            delay_variance: splat(trouble.delay_sd_s * trouble.delay_sd_s),
            pool: splat(table.pool * trouble.pool),
            let_in: splat(1.0 - trouble.refuse),
            right: splat((1.0 - table.error_ratio) * (1.0 - trouble.error) * (1.0 - trouble.unseen_error)),
        }
    }

    /// Both populations of a service of at most two zones: the other's lanes follow the own.
    #[inline(always)]
    fn beside(&self, other: &Self) -> Self {
        Self {
            in_system: beside(self.in_system, other.in_system),
            ready: beside(self.ready, other.ready),
            leaked: beside(self.leaked, other.leaked),
            calls_mean_s: beside(self.calls_mean_s, other.calls_mean_s),
            offered: beside(self.offered, other.offered),
            work_s: beside(self.work_s, other.work_s),
            delay_s: beside(self.delay_s, other.delay_s),
            delay_variance: beside(self.delay_variance, other.delay_variance),
            pool: beside(self.pool, other.pool),
            let_in: beside(self.let_in, other.let_in),
            right: beside(self.right, other.right),
        }
    }
}

/// The first two lanes of each.
#[inline(always)]
fn beside(first: f32x4, second: f32x4) -> f32x4 {
    let ([a, b, ..], [c, d, ..]) = (first.to_array(), second.to_array());
    f32x4::from([a, b, c, d])
}

/// The first two lanes, and the other two.
#[inline(always)]
fn apart(both: f32x4) -> [f32x4; 2] {
    let [a, b, c, d] = both.to_array();
    [f32x4::from([a, b, 0.0, 0.0]), f32x4::from([c, d, 0.0, 0.0])]
}

/// What a population does with what it is offered, a lane each zone.
struct Answer {
    in_system: f32x4,
    /// Requests per second taken in, finished, and that could be finished.
    admitted: f32x4,
    served: f32x4,
    capacity: f32x4,
    /// A replica's response time in seconds, calls not counted.
    mean_s: f32x4,
    sd_s: f32x4,
    /// Ratio that it takes, and that it takes and answers without error.
    taken: f32x4,
    success: f32x4,
}

impl Answer {
    #[inline(always)]
    fn note(&self, population: &mut Population) {
        population.in_system = self.in_system;
        population.served_per_s = self.served;
        population.capacity_per_s = self.capacity;
        population.own_mean_s = self.mean_s;
        population.own_sd_s = self.sd_s;
    }

    /// The answers of both populations out of one.
    #[inline(always)]
    fn apart(&self) -> [Self; 2] {
        let in_system = apart(self.in_system);
        let (admitted, served, capacity) = (apart(self.admitted), apart(self.served), apart(self.capacity));
        let (mean_s, sd_s) = (apart(self.mean_s), apart(self.sd_s));
        let (taken, success) = (apart(self.taken), apart(self.success));
        [HEALTHY, IMPAIRED].map(|kind| Self {
            in_system: in_system[kind],
            admitted: admitted[kind],
            served: served[kind],
            capacity: capacity[kind],
            mean_s: mean_s[kind],
            sd_s: sd_s[kind],
            taken: taken[kind],
            success: success[kind],
        })
    }
}

/// One tick of the queues in the lanes whose bits are set.
#[inline(always)]
fn work(topology: &Topology, table: &ServiceTable, queue: &QueueTable, load: &Load, lanes: u32, dt: f32x4) -> Answer {
    let splat = f32x4::splat;
    let mut work_s = load.work_s;
    if table.collects || load.leaked.simd_gt(f32x4::ZERO).any() {
        work_s /= collection(table, load);
    }
    let service_s = work_s + load.delay_s;
    let servers = load.ready * splat(table.concurrency);
    // A replica works on `concurrency` requests, and has at most `pool` open, those that wait for calls included.
    let pooled = load.ready * load.pool / (service_s + load.calls_mean_s);
    let capacity = (servers / service_s).fast_min(pooled);
    let flow = Flow {
        before: load.in_system,
        servers,
        limit: load.ready * splat(table.queue_limit),
        capacity,
        offered: load.offered * load.let_in,
        dt,
        per_dt: f32x4::ONE / dt,
    };
    let Step { after, admitted, served, waiting } = step(queue, &flow, lanes);

    // Little's law for the time in system; what exceeds the (pool-limited) service is the wait.
    let tiny = splat(1e-9);
    let in_system_s = after / served.fast_max(tiny);
    let per_capacity = f32x4::ONE / capacity.fast_max(tiny);
    let busy = served.simd_gt(splat(1e-6));
    let wait = busy.bitselect((in_system_s - servers * per_capacity).fast_max(f32x4::ZERO), f32x4::ZERO);
    // Var(wait) = wait^2 (2 / C - 1) for M/M/c with waiting probability C. A queue that only grows or empties delays
    // everybody alike: what decides is how fast it moves against how fast chance spreads so many requests out, which is
    // a diffusion at about twice the capacity.
    let drift = splat(0.5) * (admitted - served).abs() * per_capacity * served * wait;
    let spread = (splat(2.0) - waiting + splat(OVERLOAD_VARIANCE) * drift * waiting) / (waiting * (f32x4::ONE + drift));
    let variance = splat(table.service_cv2) * work_s * work_s + load.delay_variance + wait * wait * spread;
    let variance = variance * splat(topology.spread_factor);
    let taken = load.offered.simd_gt(f32x4::ZERO).bitselect(admitted / load.offered.fast_max(tiny), f32x4::ONE);
    Answer {
        in_system: after,
        admitted,
        served,
        capacity,
        mean_s: service_s + wait,
        sd_s: variance.sqrt(),
        taken,
        success: taken * load.right,
    }
}

/// Factor on speed that garbage collection leaves: 1 up to 70 % of memory in use, then falling smoothly to 0.2.
fn collection(table: &ServiceTable, load: &Load) -> f32x4 {
    let used = memory(table, load.leaked, load.in_system, load.ready);
    let pressure = unit((used - f32x4::splat(COLLECTION_BEGINS)) * f32x4::splat(1.0 / (1.0 - COLLECTION_BEGINS)));
    f32x4::ONE
        - f32x4::splat(table.collection_loss) * pressure * pressure * (f32x4::splat(3.0) - f32x4::splat(2.0) * pressure)
}

/// Share of a replica's memory in use: idle, leaked, and what its queue holds.
pub(super) fn memory(table: &ServiceTable, leaked: f32x4, in_system: f32x4, ready: f32x4) -> f32x4 {
    let queued = ratio(in_system, ready * f32x4::splat(table.queue_limit));
    f32x4::splat(table.memory) + leaked + f32x4::splat(table.queue_memory) * queued.fast_min(f32x4::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        rng::{CounterRng, Stream},
        scenario::Scenario,
    };

    #[test]
    fn two_populations_in_one_vector_are_served_as_each_is_alone() {
        let topology = Topology::new(Scenario::load("spine12").expect("a scenario")).expect("its topology");
        let mut rng = CounterRng::new(3, Stream::Faults, 0);
        for draw in 0..4000 {
            let service = draw % topology.num_services();
            let (table, queue) = (&topology.services[service], &*topology.queues[service]);
            let mut lanes = |most: f32| f32x4::from([rng.uniform() * most, rng.uniform() * most, 0.0, 0.0]);
            let mut load = || {
                let ready = lanes(6.0);
                Load {
                    in_system: ready * f32x4::splat(table.queue_limit) * lanes(1.0) * lanes(1.0),
                    ready,
                    leaked: lanes(0.4),
                    calls_mean_s: lanes(0.5),
                    offered: lanes(2.0) * f32x4::splat(topology.nominal_per_s[service]),
                    work_s: f32x4::splat(table.service_s) + lanes(0.1),
                    delay_s: lanes(0.2),
                    delay_variance: lanes(0.1),
                    pool: f32x4::splat(table.pool),
                    let_in: f32x4::ONE - lanes(0.5),
                    right: f32x4::ONE - lanes(0.5),
                }
            };
            let (one, other) = (load(), load());
            let dt = f32x4::ONE;
            let both = work(&topology, table, queue, &one.beside(&other), 0b1111, dt).apart();
            for (load, found) in [one, other].iter().zip(&both) {
                let alone = work(&topology, table, queue, load, 0b0011, dt);
                let shown = |answer: &Answer| {
                    [answer.in_system, answer.admitted, answer.served, answer.mean_s, answer.sd_s, answer.success]
                        .map(|lanes| [lanes.to_array()[0].to_bits(), lanes.to_array()[1].to_bits()])
                };
                assert_eq!(shown(found), shown(&alone), "{draw}");
            }
        }
    }
}
