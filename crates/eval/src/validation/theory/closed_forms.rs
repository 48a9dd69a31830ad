//! Closed forms of queueing theory; the unit of time is a mean service where nothing else is said.

use libm::{exp, log, pow, sqrt};

/// The probability that an arrival is lost where `servers` servers and no queue meet `load` Erlangs (A. K. Erlang,
/// "Solution of some problems in the theory of probabilities of significance in automatic telephone exchanges", 1917),
/// by the recursion over servers.
pub(in crate::validation) fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |lost, server| load * lost / (f64::from(server) + load * lost))
}

/// The queue M/M/c with a service rate of 1.
#[derive(Clone, Copy, Debug)]
pub(in crate::validation) struct MultiServer {
    pub servers: u32,
    /// Utilisation, below 1.
    pub rho: f64,
}

impl MultiServer {
    /// Arrivals per service time.
    pub fn load(self) -> f64 {
        f64::from(self.servers) * self.rho
    }

    /// How much faster a busy system serves than requests arrive.
    fn slack(self) -> f64 {
        f64::from(self.servers) - self.load()
    }

    /// The probability that an arrival waits (Erlang C, 1917).
    pub fn waits(self) -> f64 {
        let lost = erlang_b(self.servers, self.load());
        lost / (1.0 - self.rho * (1.0 - lost))
    }

    /// Wq: the mean wait.
    pub fn wait_mean(self) -> f64 {
        self.waits() / self.slack()
    }

    /// W: the mean response time.
    pub fn response_mean(self) -> f64 {
        self.wait_mean() + 1.0
    }

    /// Lq: the mean number waiting, by Little's law.
    pub fn waiting(self) -> f64 {
        self.load() * self.wait_mean()
    }

    /// L: the mean number in the system, by Little's law.
    pub fn in_system(self) -> f64 {
        self.load() * self.response_mean()
    }

    /// The 99th percentile of the wait, which is exponential for those who wait.
    pub fn wait_p99(self) -> f64 {
        (log(self.waits() / 0.01) / self.slack()).max(0.0)
    }

    /// The 99th percentile of the response time, by bisection of [`MultiServer::response_tail`].
    pub fn response_p99(self) -> f64 {
        let (mut low, mut high) = (0.0, 10.0 + 10.0 / self.slack());
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if self.response_tail(middle) > 0.01 {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    /// `P(T > t) = e^-t + C (e^-t - e^-((c - a) t)) / (c - a - 1)` with the load a, a wait and a service in sequence.
    fn response_tail(self, t: f64) -> f64 {
        let faster = self.slack() - 1.0;
        let served = exp(-t);
        if faster.abs() < 1e-9 {
            return served * (1.0 + self.waits() * t);
        }
        served + self.waits() * (served - exp(-self.slack() * t)) / faster
    }
}

/// The queue M/M/1/K with a service rate of 1, the arrival rate `rho` and room for `room` requests, the one in service
/// included (Kleinrock, "Queueing Systems", volume 1, 1975, section 3.6).
#[derive(Clone, Copy, Debug)]
pub(in crate::validation) struct FiniteQueue {
    pub rho: f64,
    pub room: u32,
}

impl FiniteQueue {
    /// The probability that an arrival is refused.
    pub fn loss(self) -> f64 {
        if self.rho == 1.0 {
            return 1.0 / (f64::from(self.room) + 1.0);
        }
        let full = pow(self.rho, f64::from(self.room));
        (1.0 - self.rho) * full / (1.0 - full * self.rho)
    }

    /// L: the mean number in the system.
    pub fn in_system(self) -> f64 {
        if self.rho == 1.0 {
            return f64::from(self.room) / 2.0;
        }
        let places = f64::from(self.room) + 1.0;
        let beyond = pow(self.rho, places);
        self.rho / (1.0 - self.rho) - places * beyond / (1.0 - beyond)
    }

    /// W: the mean response time of those admitted, by Little's law.
    pub fn response_mean(self) -> f64 {
        self.in_system() / (self.rho * (1.0 - self.loss()))
    }
}

/// Wq of M/G/1 (Pollaczek, 1930; Khinchine, 1932): `rho (1 + cv2) / (2 (1 - rho))`, with the squared coefficient of
/// variation of the service.
pub(in crate::validation) fn single_server_wait(rho: f64, cv2: f64) -> f64 {
    rho * (1.0 + cv2) / (2.0 * (1.0 - rho))
}

/// L of M/M/1 at an arrival rate and a service rate.
pub(in crate::validation) fn single_server_number(arrivals: f64, service_rate: f64) -> f64 {
    arrivals / (service_rate - arrivals)
}

/// W of queues M/M/1 in tandem: what leaves one is a Poisson stream to the next (Burke, "The output of a queuing system",
/// 1956).
pub(in crate::validation) fn tandem_response(arrivals: f64, service_rates: &[f64]) -> f64 {
    service_rates.iter().map(|rate| 1.0 / (rate - arrivals)).sum()
}

/// The rate at which each station is visited where a share of those who leave the last one begin again (Jackson, "Networks
/// of waiting lines", 1957).
pub(in crate::validation) fn feedback_rate(arrivals: f64, again: f64) -> f64 {
    arrivals / (1.0 - again)
}

/// The universal scalability law (Gunther, "Guerrilla Capacity Planning", 2007, chapter 4).
#[derive(Clone, Copy, Debug)]
pub(in crate::validation) struct Scalability {
    pub contention: f64,
    pub coherency: f64,
}

impl Scalability {
    /// Throughput of so many replicas in units of one: `N / (1 + s (N - 1) + k N (N - 1))`.
    pub fn throughput(self, replicas: f64) -> f64 {
        replicas / (1.0 + (self.contention + self.coherency * replicas) * (replicas - 1.0))
    }

    /// The number of replicas at which it is largest: `sqrt((1 - s) / k)`.
    pub fn peak(self) -> f64 {
        sqrt((1.0 - self.contention) / self.coherency)
    }

    /// The coefficients through measured throughputs, as Gunther fits them: `N / X - 1` is linear in `N - 1` and in
    /// `N (N - 1)`; least squares.
    pub fn fitted(points: &[(f64, f64)]) -> Self {
        let (mut aa, mut ab, mut bb, mut ay, mut by) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(replicas, throughput) in points {
            let (a, b, y) = (replicas - 1.0, replicas * (replicas - 1.0), replicas / throughput - 1.0);
            aa += a * a;
            ab += a * b;
            bb += b * b;
            ay += a * y;
            by += b * y;
        }
        let determinant = aa * bb - ab * ab;
        Self { contention: (ay * bb - by * ab) / determinant, coherency: (by * aa - ay * ab) / determinant }
    }
}

/// The probability that at least one of `calls` independent answers is slower than a quantile that a ratio of `beyond`
/// exceeds (Dean and Barroso, "The tail at scale", 2013).
pub(in crate::validation) fn any_beyond(calls: u32, beyond: f64) -> f64 {
    1.0 - pow(1.0 - beyond, f64::from(calls))
}
