//! What the exact engine counts and times within a window.

use super::quantiles::Quantiles;

/// What users met in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EdgeWindow {
    /// Seconds that the window lasted.
    pub seconds: f64,
    /// Requests that users began.
    pub offered: u64,
    /// Attempts that they made for them, the first ones included.
    pub attempts: u64,
    /// Requests that ended well in the window, whenever they began; below zero where more of those that seemed to end
    /// well before it turned out badly, because their message came too late.
    pub good: i64,
    /// Requests that ended badly.
    pub bad: i64,
    /// Mean seconds from a request's first attempt to its end, over those that ended.
    pub mean_s: f64,
    /// 99th percentile of an attempt's response time in seconds, over those answered well or given up at the user's
    /// timeout.
    pub p99_s: f64,
}

/// What one service did in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServiceWindow {
    /// Seconds that the window lasted.
    pub seconds: f64,
    /// Requests that callers sent.
    pub offered: u64,
    /// Those refused because the queue was full, or nobody was there.
    pub refused: u64,
    /// Requests whose own work was finished.
    pub served: u64,
    /// Mean over time of the requests that wait for a server or are worked on.
    pub in_system: f64,
    /// Mean over time of those of them that wait.
    pub waiting: f64,
    /// Mean seconds of waiting and working, over the served, calls not counted.
    pub own_mean_s: f64,
    /// Mean seconds of waiting, over those that began to be worked on.
    pub wait_mean_s: f64,
    /// Ratio of those that waited.
    pub waited_ratio: f64,
    /// 99th percentile of the seconds of waiting and working.
    pub own_p99_s: f64,
    /// 99th percentile of the seconds of waiting.
    pub wait_p99_s: f64,
    /// Hit ratio at the window's end, where it is a cache.
    pub hit_ratio: f64,
    /// Messages at the window's end, where it is a broker.
    pub depth: f64,
}

/// Counts users.
#[derive(Clone, Debug, Default)]
pub(super) struct EdgeMeter {
    pub since: f64,
    pub offered: u64,
    pub attempts: u64,
    pub good: i64,
    pub bad: i64,
    pub waited_s: f64,
    pub attempt_s: Quantiles,
}

impl EdgeMeter {
    pub fn take(&mut self, now: f64) -> EdgeWindow {
        let ended = (self.good + self.bad).max(1) as f64;
        let window = EdgeWindow {
            seconds: now - self.since,
            offered: self.offered,
            attempts: self.attempts,
            good: self.good,
            bad: self.bad,
            mean_s: self.waited_s / ended,
            p99_s: self.attempt_s.quantile(0.99),
        };
        self.attempt_s.clear();
        let attempt_s = std::mem::take(&mut self.attempt_s);
        *self = Self { since: now, attempt_s, ..Self::default() };
        window
    }
}

/// Counts a service's requests.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceMeter {
    since: f64,
    /// Requests in the replicas, those that wait, and the time up to which their integrals run.
    in_system: u64,
    waiting: u64,
    at: f64,
    in_system_s: f64,
    waiting_s: f64,
    offered: u64,
    refused: u64,
    started: u64,
    waited: u64,
    wait_s: f64,
    served: u64,
    own_s: f64,
    waits: Quantiles,
    owns: Quantiles,
}

impl ServiceMeter {
    fn advance(&mut self, now: f64) {
        let seconds = now - self.at;
        self.in_system_s += self.in_system as f64 * seconds;
        self.waiting_s += self.waiting as f64 * seconds;
        self.at = now;
    }

    pub fn offered(&mut self, refused: bool) {
        self.offered += 1;
        self.refused += u64::from(refused);
    }

    pub fn arrives(&mut self, now: f64) {
        self.advance(now);
        self.in_system += 1;
        self.waiting += 1;
    }

    pub fn starts(&mut self, now: f64, wait_s: f64) {
        self.advance(now);
        self.waiting -= 1;
        self.started += 1;
        self.waited += u64::from(wait_s > 0.0);
        self.wait_s += wait_s;
        self.waits.add(wait_s);
    }

    /// A request leaves the replicas, from a server or from the queue.
    pub fn leaves(&mut self, now: f64, was_waiting: bool) {
        self.advance(now);
        self.in_system -= 1;
        self.waiting -= u64::from(was_waiting);
    }

    pub fn served(&mut self, own_s: f64) {
        self.served += 1;
        self.own_s += own_s;
        self.owns.add(own_s);
    }

    pub fn take(&mut self, now: f64, hit_ratio: f64, depth: f64) -> ServiceWindow {
        self.advance(now);
        let seconds = now - self.since;
        let over = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
        let window = ServiceWindow {
            seconds,
            offered: self.offered,
            refused: self.refused,
            served: self.served,
            in_system: over(self.in_system_s, seconds),
            waiting: over(self.waiting_s, seconds),
            own_mean_s: over(self.own_s, self.served as f64),
            wait_mean_s: over(self.wait_s, self.started as f64),
            waited_ratio: over(self.waited as f64, self.started as f64),
            own_p99_s: self.owns.quantile(0.99),
            wait_p99_s: self.waits.quantile(0.99),
            hit_ratio,
            depth,
        };
        let (mut waits, mut owns) = (std::mem::take(&mut self.waits), std::mem::take(&mut self.owns));
        waits.clear();
        owns.clear();
        *self = Self {
            since: now,
            at: now,
            in_system: self.in_system,
            waiting: self.waiting,
            waits,
            owns,
            ..Self::default()
        };
        window
    }
}
