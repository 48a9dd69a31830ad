//! The stationary M/M/c/K queue in closed form, with an approximation for other service times than exponential ones.

use super::{formulas::erlang_b, truncated::Truncated};

/// A queue in front of so many servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    /// Servers, at least one.
    pub servers: f64,
    /// Requests that it holds at most, those in service included; any positive number, whole or not.
    pub limit: f64,
    /// `(1 + cv^2) / 2` of the service times: 1 where they are exponential, a half where they are constant.
    pub variability: f64,
}

/// What a queue comes to under a steady load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stationary {
    /// Mean number of requests in the queue, those in service included.
    pub number: f64,
    /// Requests below the limit, on average.
    pub room: f64,
    /// Ratio of the servers that work, which is the throughput relative to the capacity.
    pub busy: f64,
    /// Ratio of the servers that do not.
    pub idle: f64,
    /// Ratio of the requests that find the queue full and are refused.
    pub loss: f64,
    /// `2 E[W]^2 / E[W^2]` of the wait W of those admitted, with the variance that W's tail suggests:
    /// the probability of waiting in an M/M/c queue without bound, and near 2 where everybody waits equally long.
    pub waiting: f64,
}

/// An offered load, and what the states beyond the last free server need of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Offered requests over the capacity.
    pub rho: f64,
    /// `-ln(rho)`.
    rate: f64,
    /// Moments of a fraction of a state, by which a geometric distribution differs from an exponential one.
    within: Truncated,
}

impl Load {
    pub(super) fn new(rho: f64) -> Self {
        let rate = if rho < 1.0 { -libm::log1p(rho - 1.0) } else { libm::log1p(1.0 / rho - 1.0) };
        Self::with_rate(rho, rate)
    }

    /// The load `1 - gap`, and the reciprocal one.
    pub(super) fn below_and_above(gap: f64) -> [Self; 2] {
        let rate = -libm::log1p(-gap);
        [Self::with_rate(1.0 - gap, rate), Self::with_rate(1.0 / (1.0 - gap), -rate)]
    }

    fn with_rate(rho: f64, rate: f64) -> Self {
        Self { rho, rate, within: Truncated::new(rate) }
    }
}

impl Queue {
    /// What the queue comes to at `rho` > 0, the offered requests over the capacity.
    ///
    /// M/M/c/K and, whatever the service times, M/G/c/c are exact. Without a bound the number is that of Pollaczek and
    /// Khinchine for one server (exact) and of Allen and Cunneen (1978) for several. A bounded queue whose service times
    /// are not exponential is an approximation: it loses and waits as M/M/c/K with `variability` times less room to wait.
    pub fn stationary(&self, rho: f64) -> Stationary {
        let servers = self.servers.min(self.limit);
        self.under(&Load::new(rho), erlang_b(servers, self.servers * rho))
    }

    /// The same with the blocking probability of the servers alone, as far as the limit lets them work.
    pub(super) fn under(&self, load: &Load, blocking: f64) -> Stationary {
        let Self { servers, limit, variability } = *self;
        let offered = servers * load.rho;
        let served = offered * (1.0 - blocking);
        if limit <= servers {
            let busy = served / servers;
            let (room, idle) = (limit - served, 1.0 - busy);
            return Stationary { number: served, room, busy, idle, loss: blocking, waiting: 2.0 };
        }
        // Places to wait, each of which holds `variability` requests.
        let places = (limit - servers) / variability;
        let along = Truncated::new(places * load.rate);
        // Relative to all states in which nobody waits, or to the last one of all where that is likelier.
        let (free, last) = if load.rho <= 1.0 { (1.0, along.decay * blocking) } else { (along.decay, blocking) };
        // rho + rho^2 + ... over the places, of which there may be a fraction.
        let geometric = if load.rate == 0.0 { places } else { along.fall / load.within.fall * load.rho.min(1.0) };
        let waits = blocking * geometric;
        let norm = free + waits;
        let idle = free * (1.0 - served / servers) / norm;
        let waits = waits / norm;
        // The mean place of those who wait, from the front and from the back.
        let place = 1.0 - load.within.mean + places * along.mean;
        let from_back = places * (1.0 - along.mean) - (1.0 - load.within.mean);
        let busy = if load.rho <= 1.0 { load.rho * (1.0 - last / norm) } else { 1.0 - idle };
        let variance = (places * places * along.variance - load.within.variance).max(0.0) * tail(along.mean);
        let accepted = waits / busy;
        Stationary {
            number: servers * busy + variability * waits * place,
            room: variability * (places * (free / norm) + waits * from_back) + servers * idle,
            busy,
            idle,
            loss: last / norm,
            waiting: 2.0 * accepted * place * place / (place * place + place + variance),
        }
    }
}

/// Factor by which a truncated exponential's variance seems smaller to its tail, by its mean in [0, 1]: a gamma
/// distribution with the smaller variance has the same 99th percentile as the truncated one has, which ends where it ends.
/// To the power 3/4, with which M/M/c/K's own 99th percentile is met best over all loads.
const TAIL: [f64; 11] = [1.0, 1.0, 0.949, 0.742, 0.576, 0.466, 0.387, 0.324, 0.285, 0.267, 0.277];

fn tail(mean: f64) -> f64 {
    let position = mean * (TAIL.len() - 1) as f64;
    let below = (position as usize).min(TAIL.len() - 2);
    TAIL[below] + (position - below as f64) * (TAIL[below + 1] - TAIL[below])
}
