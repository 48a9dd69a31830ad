//! Health checks of one replica, probe by probe: when does a run of failures, or of successes, turn it around?

use microcloud_core::CounterRng;
use rand::RngExt;

/// How a replica is probed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Probing {
    /// Seconds from one probe's start to the next one's, where the first has ended by then.
    pub interval_s: f64,
    /// Seconds after which a probe has failed.
    pub timeout_s: f64,
    /// Consecutive failures that take the replica out.
    pub failures: u32,
    /// Consecutive successes that bring it back.
    pub successes: u32,
}

/// What a probe meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Replica {
    /// It answers well at once.
    Sound,
    /// It refuses connections: probes fail at once.
    Refusing,
    /// It never answers.
    Silent,
    /// It answers well, but after a uniform time between these seconds.
    Slow(f64, f64),
    /// It answers at once, with this probability by an error.
    Erring(f64),
}

/// One probe under way or over.
#[derive(Clone, Copy, Debug)]
struct Probe {
    sent_s: f64,
    ended_s: f64,
    passed: bool,
}

impl Probe {
    fn send(sent_s: f64, replica: Replica, timeout_s: f64, rng: &mut CounterRng) -> Self {
        let (after_s, well) = match replica {
            Replica::Sound => (0.0, true),
            Replica::Refusing => (0.0, false),
            Replica::Silent => (f64::INFINITY, true),
            Replica::Slow(low, high) => (low + (high - low) * rng.random::<f64>(), true),
            Replica::Erring(ratio) => (0.0, rng.random::<f64>() >= ratio),
        };
        Self { sent_s, ended_s: sent_s + after_s.min(timeout_s), passed: well && after_s <= timeout_s }
    }
}

impl Probing {
    /// The described quorum system's: every 200 ms, three failures, five recoveries.
    pub fn described(timeout_s: f64) -> Self {
        Self { interval_s: 0.2, timeout_s, failures: 3, successes: 5 }
    }

    /// Seconds from a fault, which falls anywhere between two probes, until the replica is taken out.
    pub fn time_to_detect(&self, replica: Replica, rng: &mut CounterRng) -> f64 {
        self.run(false, self.failures, replica, rng)[1]
    }

    /// Seconds from a restart until the first good probe, and until the replica is back.
    pub fn time_to_readmit(&self, replica: Replica, rng: &mut CounterRng) -> [f64; 2] {
        self.run(true, self.successes, replica, rng)
    }

    /// Seconds until the end of the first probe of the first run of `needed` equal outcomes, and of the last one.
    ///
    /// Probes are sequential: one that hangs delays the next until it ends.
    fn run(&self, passed: bool, needed: u32, replica: Replica, rng: &mut CounterRng) -> [f64; 2] {
        let mut next_s = self.interval_s * rng.random::<f64>();
        let (mut run, mut first_s) = (0, 0.0);
        loop {
            let probe = Probe::send(next_s, replica, self.timeout_s, rng);
            if probe.passed == passed {
                if run == 0 {
                    first_s = probe.ended_s;
                }
                run += 1;
                if run >= needed {
                    return [first_s, probe.ended_s];
                }
            } else {
                run = 0;
            }
            next_s = (probe.sent_s + self.interval_s).max(probe.ended_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::{CounterRng, Stream};

    use super::{Probing, Replica};

    /// The extremes of a thousand times to detect.
    fn range(probing: &Probing, replica: Replica) -> [f64; 2] {
        let mut rng = CounterRng::new(5, Stream::Phases, 0);
        let times: Vec<f64> = (0..1000).map(|_| probing.time_to_detect(replica, &mut rng)).collect();
        [times.iter().copied().fold(f64::MAX, f64::min), times.iter().copied().fold(0.0, f64::max)]
    }

    fn is_close([low, high]: [f64; 2], expected: [f64; 2]) -> bool {
        (0.0..0.005).contains(&(low - expected[0])) && (0.0..0.005).contains(&(expected[1] - high))
    }

    #[test]
    fn interval_and_run_length_set_the_time_to_detect() {
        let described = Probing::described(1.0);
        let of = |probing| range(&probing, Replica::Refusing);
        assert!(is_close(of(described), [0.4, 0.6]));
        assert!(is_close(of(Probing { failures: 2, ..described }), [0.2, 0.4]));
        assert!(is_close(of(Probing { interval_s: 0.1, ..described }), [0.2, 0.3]));
    }

    #[test]
    fn a_probe_that_hangs_delays_the_next() {
        assert!(is_close(range(&Probing::described(1.0), Replica::Silent), [3.0, 3.2]));
        assert!(is_close(range(&Probing::described(0.2), Replica::Silent), [0.6, 0.8]));
        // One that ends within the interval does not.
        assert!(is_close(range(&Probing::described(0.1), Replica::Silent), [0.5, 0.7]));
    }

    #[test]
    fn an_answer_within_the_timeout_passes() {
        let probing = Probing::described(1.3);
        let mut rng = CounterRng::new(5, Stream::Phases, 0);
        let [first_s, back_s] = probing.time_to_readmit(Replica::Slow(1.2, 1.2), &mut rng);
        assert!((back_s - first_s - 4.0 * 1.2).abs() < 1e-9);
    }
}
