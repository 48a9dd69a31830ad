//! Tails of response times, state by state: what the closed forms' 99th percentiles are.

use crate::queueing::erlang_c;

/// The 99th percentile of M/M/c's response time with unit service rate, by bisection of its tail:
/// `P(T > t) = e^-t + C (e^-t - e^-((c - a) t)) / (c - a - 1)`, and `e^-((1 - rho) t)` for one server.
pub(super) fn p99_without_limit(servers: u16, rho: f64) -> f64 {
    let (c, a, waits) = (f64::from(servers), f64::from(servers) * rho, erlang_c(servers, rho));
    p99(200.0, |t| {
        if servers == 1 {
            (-(1.0 - rho) * t).exp()
        } else if (c - a - 1.0).abs() < 1e-9 {
            // The limit in which the wait is as long as the service on average.
            (-t).exp() * (1.0 + waits * t)
        } else {
            (-t).exp() + waits * ((-t).exp() - (-(c - a) * t).exp()) / (c - a - 1.0)
        }
    })
}

fn p99(most: f64, tail: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, most);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if tail(middle) > 0.01 { low = middle } else { high = middle }
    }
    low
}

/// An M/M/c/K queue with unit service rate as those whom it admits find it.
pub(super) struct Waiting {
    servers: u16,
    pub number: f64,
    pub loss: f64,
    /// Probability to find a server free, and then to wait for one, two, ... to finish.
    behind: Vec<f64>,
}

impl Waiting {
    pub(super) fn new(servers: u16, limit: u16, rho: f64) -> Self {
        let mut logs = vec![0.0_f64];
        for n in 1..=limit {
            logs.push(logs[usize::from(n) - 1] + (f64::from(servers) * rho / f64::from(n.min(servers))).ln());
        }
        let most = logs.iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let full = weights[usize::from(limit)];
        let mut behind = vec![0.0; usize::from(limit - servers) + 1];
        for (n, weight) in weights[..usize::from(limit)].iter().enumerate() {
            behind[(n + 1).saturating_sub(servers.into())] += weight / (sum - full);
        }
        let number = weights.iter().enumerate().map(|(n, weight)| n as f64 * weight).sum::<f64>() / sum;
        Self { servers, number, loss: full / sum, behind }
    }

    /// The 99th percentile of the response time: what waits for j departures, each at rate c, and is then served. The
    /// latter's tail `g_j` follows from `g_j' = c (g_(j-1) - g_j)`, integrated with small steps.
    pub(super) fn p99(&self) -> f64 {
        let c = f64::from(self.servers);
        let step = 0.02 / c;
        // Uniformisation: over a step each stage passes to the next with a fixed probability, second order in the step.
        let mut tails = vec![1.0; self.behind.len()];
        let mut t = 0.0;
        let mut before = 1.0;
        loop {
            let now: f64 = tails.iter().zip(&self.behind).map(|(tail, weight)| tail * weight).sum();
            if now <= 0.01 {
                return t - step * (0.01 - now) / (before - now);
            }
            before = now;
            // Implicit midpoint, from the first stage on.
            let first = tails[0];
            tails[0] = (-(t + step)).exp();
            let mut inflow = 0.5 * (first + tails[0]);
            for tail in &mut tails[1..] {
                let was = *tail;
                *tail = (was * (1.0 - 0.5 * c * step) + c * step * inflow) / (1.0 + 0.5 * c * step);
                inflow = 0.5 * (was + *tail);
            }
            t += step;
        }
    }
}

#[test]
fn the_closed_form_p99_is_the_published_one() {
    for (servers, rho, published) in [(1, 0.8, 23.0259), (4, 0.8, 6.8932), (10, 0.9, 6.2499), (100, 0.95, 4.7244)] {
        assert!((p99_without_limit(servers, rho) - published).abs() < 1e-3);
    }
}

#[test]
fn a_distant_limit_leaves_the_p99_as_it_is_without() {
    for (servers, limit, rho) in [(1, 400, 0.8), (4, 300, 0.8), (10, 400, 0.9)] {
        let (bounded, free) = (Waiting::new(servers, limit, rho).p99(), p99_without_limit(servers, rho));
        assert!((bounded / free - 1.0).abs() < 1e-3, "{servers} {rho}: {bounded}, {free}");
    }
}
