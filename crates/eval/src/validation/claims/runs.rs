//! Closed forms of the time until a run of failed probes: when is a replica taken out that fails only some of them?

/// Mean number of trials until the first run of `run` failures, each of probability `p`:
/// `(1 - p^run) / ((1 - p) p^run)`, here as the sum `p^-1 + … + p^-run`, which also holds for p = 1 (Feller, "An
/// Introduction to Probability Theory and Its Applications", volume 1, XIII.7).
pub(super) fn mean_trials(p: f64, run: usize) -> f64 {
    let (mut sum, mut term) = (0.0, 1.0);
    for _ in 0..run {
        term /= p;
        sum += term;
    }
    sum
}

/// Probabilities that the run is complete with the first, second, … trial, `number` of them.
fn completed_with(p: f64, run: usize, number: usize) -> Vec<f64> {
    // Probabilities of having 0, 1, … failures in a row.
    let mut running = vec![0.0; run];
    running[0] = 1.0;
    let step = |_| {
        let alive: f64 = running.iter().sum();
        let completed = running[run - 1] * p;
        for length in (1..run).rev() {
            running[length] = running[length - 1] * p;
        }
        running[0] = alive * (1.0 - p);
        completed
    };
    (0..number).map(step).collect()
}

/// Sequential probes at an interval, from a uniform phase on, which end at once.
pub(super) struct Instant {
    pub interval_s: f64,
    /// Probability that a probe fails.
    pub failure: f64,
    /// Failures in a row that are needed.
    pub run: usize,
}

impl Instant {
    pub fn mean_s(&self) -> f64 {
        self.interval_s * (mean_trials(self.failure, self.run) - 0.5)
    }

    /// Probability that the run is complete by `time_s`: probe n ends uniformly in the n-th interval.
    pub fn by(&self, time_s: f64) -> f64 {
        let intervals = time_s / self.interval_s;
        let completed = completed_with(self.failure, self.run, intervals.ceil() as usize);
        completed.iter().enumerate().map(|(n, p)| p * (intervals - n as f64).clamp(0.0, 1.0)).sum()
    }

    /// The time by which the run is complete with this probability, by bisection.
    pub fn quantile_s(&self, probability: f64) -> f64 {
        let mut high = self.interval_s;
        while self.by(high) < probability {
            high *= 2.0;
        }
        root(0.0, high, |time_s| self.by(time_s) - probability)
    }
}

/// Sequential probes that each outlast the interval: a good one by a uniform time, a failed one until the timeout.
pub(super) struct Hanging {
    pub interval_s: f64,
    pub timeout_s: f64,
    /// Probability that a probe times out.
    pub failure: f64,
    /// Shortest and longest time of a good one in seconds, the shortest no shorter than the interval.
    pub good_s: [f64; 2],
    /// Failures in a row that are needed.
    pub run: usize,
}

/// Seconds between two points of a distribution's table.
const STEP_S: f64 = 1e-3;

impl Hanging {
    /// Wald's identity over the trials, after a wait of half an interval for the first.
    pub fn mean_s(&self) -> f64 {
        let good_s = 0.5 * (self.good_s[0] + self.good_s[1]);
        let trial_s = self.failure * self.timeout_s + (1.0 - self.failure) * good_s;
        0.5 * self.interval_s + mean_trials(self.failure, self.run) * trial_s
    }

    /// The probabilities that the run is complete by 0, 1, 2, … ms.
    ///
    /// With G the distribution from a probe's start after a good one, `G(t) = p^k [t >= kT] + sum over j < k of
    /// p^j (1 - p) E[G(t - jT - U)]`, a renewal equation that is solved forward in time; U is a good probe's time. The
    /// phase averages G over an interval.
    fn table(&self, until_s: f64) -> Vec<f64> {
        let points = |seconds: f64| (seconds / STEP_S).round() as usize;
        let (timeout, interval) = (points(self.timeout_s), points(self.interval_s));
        let [soonest, latest] = self.good_s.map(points);
        let number = points(until_s) + 1;
        // The integral of G from 0, by the trapezoidal rule, to average G over a window.
        let (mut complete, mut integral) = (Vec::with_capacity(number), Vec::<f64>::with_capacity(number));
        let chances: Vec<f64> = (0..=self.run).map(|j| (0..j).map(|_| self.failure).product()).collect();
        for t in 0..number {
            let mut sum = if t >= self.run * timeout { chances[self.run] } else { 0.0 };
            for (j, chance) in chances.iter().take(self.run).enumerate() {
                let at = |ago: usize| t.checked_sub(j * timeout + ago).map_or(0.0, |index: usize| integral[index]);
                let mean = (at(soonest) - at(latest)) / ((latest - soonest) as f64 * STEP_S);
                sum += chance * (1.0 - self.failure) * mean;
            }
            let before = complete.last().copied().unwrap_or(0.0);
            complete.push(sum);
            integral.push(integral.last().copied().unwrap_or(0.0) + 0.5 * STEP_S * (before + sum));
        }
        let over_phase = |t: usize| {
            let from = t.checked_sub(interval).map_or(0.0, |index| integral[index]);
            (integral[t] - from) / self.interval_s
        };
        (0..number).map(over_phase).collect()
    }

    /// The times by which the run is complete with these probabilities.
    pub fn quantiles_s<const N: usize>(&self, probabilities: [f64; N]) -> [f64; N] {
        // Forty mean times: beyond them lies less than e^-30.
        let table = self.table(40.0 * self.mean_s());
        probabilities.map(|probability| {
            let above = table.partition_point(|&by| by < probability).clamp(1, table.len() - 1);
            let (low, high) = (table[above - 1], table[above]);
            STEP_S * (above as f64 - (high - probability) / (high - low))
        })
    }
}

/// Where a growing function crosses 0, by bisection.
pub(super) fn root(mut low: f64, mut high: f64, of: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if of(middle) < 0.0 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::{Hanging, Instant, completed_with, mean_trials};

    #[test]
    fn fourteen_throws_on_average_until_three_heads_in_a_row() {
        assert_eq!(mean_trials(0.5, 3), 14.0);
        assert_eq!(mean_trials(1.0, 3), 3.0);
        for (p, run) in [(0.5, 3), (0.8, 3), (0.95, 2)] {
            let completed = completed_with(p, run, 2000);
            let by_count = completed.iter().enumerate().map(|(n, q)| q * (n as f64 + 1.0));
            let power = f64::powi(p, run as i32);
            assert!((by_count.sum::<f64>() - mean_trials(p, run)).abs() < 1e-9);
            assert!((mean_trials(p, run) - (1.0 - power) / ((1.0 - p) * power)).abs() < 1e-9);
        }
    }

    #[test]
    fn the_mean_is_the_area_above_the_distribution() {
        let instant = Instant { interval_s: 0.2, failure: 0.8, run: 3 };
        let area: f64 = (0..40_000).map(|k| 1e-3 * (1.0 - instant.by(1e-3 * (k as f64 + 0.5)))).take(20_000).sum();
        assert!((area - instant.mean_s()).abs() < 1e-6, "{area}");
        let hanging = Hanging { interval_s: 0.2, timeout_s: 1.0, failure: 0.5, good_s: [0.5, 1.0], run: 3 };
        let area: f64 = hanging.table(400.0).iter().map(|by| 1e-3 * (1.0 - by)).sum();
        assert!((area - hanging.mean_s()).abs() < 2e-3, "{area}");
    }

    #[test]
    fn a_quantile_is_where_the_distribution_reaches_it() {
        let instant = Instant { interval_s: 0.2, failure: 0.5, run: 3 };
        assert!((instant.by(instant.quantile_s(0.95)) - 0.95).abs() < 1e-9);
        // Every probe fails: uniform over the third interval.
        let certain = Instant { failure: 1.0, ..instant };
        assert!((certain.quantile_s(0.25) - 0.45).abs() < 1e-9);
    }
}
