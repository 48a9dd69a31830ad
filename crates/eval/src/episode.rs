//! One episode's figures, from the samples of its decisions.

use microcloud_core::Level;

/// Bad requests over offered ones above which a decision counts as bad, and is outside the objectives.
pub(crate) const BAD_RATIO: f64 = 0.01;
/// Seconds within the objectives after which the cluster counts as recovered.
const RECOVERED_S: f64 = 60.0;

/// What an episode came to.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeOutcome {
    /// The level played.
    pub level: Level,
    /// Sum of the rewards.
    pub total_reward: f64,
    /// Good requests over offered ones; the decisions that an early end leaves unplayed count as bad throughout.
    pub availability: Option<f64>,
    /// Mean over decisions of the 99th percentile of response time, in milliseconds.
    pub p99_ms: Option<f64>,
    /// Seconds from the first fault's onset to the first incident that opens after it; none where none opens.
    pub ttd_s: Option<f64>,
    /// Seconds from the first fault's onset until the cluster is back within its objectives for a minute, counted to the
    /// start of that minute: 0 where the fault never takes it out of them, and to the episode's end where it stays out.
    pub ttr_s: Option<f64>,
    /// Whether it came back, or never left.
    pub recovered: Option<bool>,
    /// Minutes' worth of decisions with more than 1 % of bad requests; unplayed decisions count.
    pub bad_minutes: f64,
    /// Actions other than no-op.
    pub actions: f64,
    /// Mean over decisions of the cost, relative to the initial provisioning.
    pub cost: Option<f64>,
}

/// One decision's figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Seconds from the episode's start to the decision's end.
    pub end_s: f64,
    pub reward: f64,
    pub offered: f64,
    pub bad: f64,
    pub p99_ms: f64,
    pub cost_ratio: f64,
    pub acted: bool,
    /// Whether the observation at the decision's end opened an incident.
    pub opened_incident: bool,
}

/// What an episode's figures are measured against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Yardstick {
    pub level: Level,
    pub decision_s: f64,
    /// Decisions of an episode that does not end early.
    pub decisions: usize,
    pub slo_p99_ms: f64,
    /// The first fault's onset, where it lies within the episode.
    pub onset_s: Option<f64>,
}

impl Sample {
    fn bad_ratio(&self) -> f64 {
        if self.offered > 0.0 { self.bad / self.offered } else { 0.0 }
    }

    fn within_objectives(&self, slo_p99_ms: f64) -> bool {
        // A decision without answers has no latency to be beyond the objective.
        self.bad_ratio() < BAD_RATIO && (self.p99_ms.is_nan() || self.p99_ms <= slo_p99_ms)
    }
}

/// The figures of an episode from its decisions in order.
pub(crate) fn outcome(yardstick: &Yardstick, samples: &[Sample]) -> EpisodeOutcome {
    let sum = |figure: fn(&Sample) -> f64| samples.iter().map(figure).sum::<f64>();
    let mean_of = |figure: fn(&Sample) -> f64| {
        let finite = samples.iter().map(figure).filter(|value| value.is_finite());
        let (count, total) = finite.fold((0_u32, 0.0), |(count, total), value| (count + 1, total + value));
        (count > 0).then(|| total / f64::from(count))
    };
    let offered = sum(|sample| sample.offered);
    let played = samples.len() as f64 / yardstick.decisions.max(samples.len()).max(1) as f64;
    let unplayed = yardstick.decisions.saturating_sub(samples.len());
    let bad_decisions = samples.iter().filter(|sample| sample.bad_ratio() > BAD_RATIO).count() + unplayed;
    let recovery = yardstick.onset_s.map(|onset_s| recovery(yardstick, onset_s, samples));
    EpisodeOutcome {
        level: yardstick.level,
        total_reward: sum(|sample| sample.reward),
        availability: (offered > 0.0).then(|| played * (1.0 - sum(|sample| sample.bad) / offered)),
        p99_ms: mean_of(|sample| sample.p99_ms),
        ttd_s: yardstick.onset_s.and_then(|onset_s| {
            let found = samples.iter().find(|sample| sample.end_s > onset_s && sample.opened_incident);
            found.map(|sample| sample.end_s - onset_s)
        }),
        ttr_s: recovery.map(|(ttr_s, _)| ttr_s),
        recovered: recovery.map(|(_, recovered)| recovered),
        bad_minutes: bad_decisions as f64 * yardstick.decision_s / 60.0,
        actions: samples.iter().filter(|sample| sample.acted).count() as f64,
        cost: mean_of(|sample| sample.cost_ratio),
    }
}

/// Seconds to recovery, censored at the episode's end, and whether it came.
fn recovery(yardstick: &Yardstick, onset_s: f64, samples: &[Sample]) -> (f64, bool) {
    let after = samples.iter().filter(|sample| sample.end_s > onset_s);
    let mut out = after.clone().skip_while(|sample| sample.within_objectives(yardstick.slo_p99_ms)).peekable();
    if out.peek().is_none() {
        // An episode that total loss ended before the onset has nothing that could have come back.
        if samples.len() < yardstick.decisions && after.clone().next().is_none() {
            return (yardstick.decisions as f64 * yardstick.decision_s - onset_s, false);
        }
        // A fault that never takes the cluster out of its objectives leaves nothing to recover from.
        return (0.0, true);
    }
    let mut calm_from = None;
    for sample in out {
        if !sample.within_objectives(yardstick.slo_p99_ms) {
            calm_from = None;
            continue;
        }
        let from = *calm_from.get_or_insert(sample.end_s - yardstick.decision_s);
        if sample.end_s - from >= RECOVERED_S - 1e-6 {
            return ((from - onset_s).max(0.0), true);
        }
    }
    (yardstick.decisions as f64 * yardstick.decision_s - onset_s, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An episode of five-second decisions with these ratios of bad requests.
    fn samples(bad: &[f64]) -> Vec<Sample> {
        let sample = |(index, &bad): (usize, &f64)| Sample {
            end_s: 5.0 * (index + 1) as f64,
            reward: -bad,
            offered: 100.0,
            bad: 100.0 * bad,
            p99_ms: 100.0,
            cost_ratio: 1.0,
            acted: false,
            opened_incident: false,
        };
        bad.iter().enumerate().map(sample).collect()
    }

    fn yardstick(decisions: usize, onset_s: Option<f64>) -> Result<Yardstick, &'static str> {
        let level = Level::new(1).ok_or("no level")?;
        Ok(Yardstick { level, decision_s: 5.0, decisions, slo_p99_ms: 500.0, onset_s })
    }

    #[test]
    fn an_episode_that_ends_before_its_fault_has_not_recovered() {
        let yardstick = Yardstick {
            level: Level::draw(microcloud_core::Split::Train, 0, 0),
            decision_s: 5.0,
            decisions: 40,
            slo_p99_ms: 500.0,
            onset_s: Some(100.0),
        };
        let ended = outcome(&yardstick, &samples(&[0.0, 1.0, 1.0]));
        assert_eq!((ended.recovered, ended.ttr_s), (Some(false), Some(100.0)));
        let calm = outcome(&yardstick, &samples(&[0.0; 40]));
        assert_eq!((calm.recovered, calm.ttr_s), (Some(true), Some(0.0)));
    }

    #[test]
    fn time_to_recover_counts_to_the_start_of_the_first_calm_minute() -> Result<(), &'static str> {
        let mut bad = vec![0.0; 40];
        // Out from 20 s to 30 s and again from 50 s to 55 s; the minute from 30 s is broken, the one from 55 s is not.
        (bad[4], bad[5], bad[10]) = (0.2, 0.2, 0.2);
        let outcome = outcome(&yardstick(40, Some(12.0))?, &samples(&bad));
        assert_eq!((outcome.ttr_s, outcome.recovered), (Some(43.0), Some(true)));
        assert!((outcome.bad_minutes - 0.25).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn a_cluster_that_stays_out_is_censored_at_the_end() -> Result<(), &'static str> {
        let mut bad = vec![0.2; 40];
        bad[39] = 0.0;
        let outcome = outcome(&yardstick(40, Some(50.0))?, &samples(&bad));
        assert_eq!((outcome.ttr_s, outcome.recovered), (Some(150.0), Some(false)));
        Ok(())
    }

    #[test]
    fn a_fault_without_harm_is_recovered_at_once() -> Result<(), &'static str> {
        let outcome = outcome(&yardstick(40, Some(50.0))?, &samples(&[0.0; 40]));
        assert_eq!((outcome.ttr_s, outcome.recovered, outcome.ttd_s), (Some(0.0), Some(true), None));
        Ok(())
    }

    #[test]
    fn latency_beyond_the_objective_delays_recovery() -> Result<(), &'static str> {
        let mut slow = samples(&[0.0; 40]);
        for sample in &mut slow[4..8] {
            sample.p99_ms = 501.0;
        }
        let outcome = outcome(&yardstick(40, Some(20.0))?, &slow);
        assert_eq!((outcome.ttr_s, outcome.bad_minutes), (Some(20.0), 0.0));
        Ok(())
    }

    #[test]
    fn detection_counts_only_incidents_that_open_after_the_onset() -> Result<(), &'static str> {
        let mut seen = samples(&[0.0; 40]);
        for index in [1, 9] {
            seen[index].opened_incident = true;
        }
        assert_eq!(outcome(&yardstick(40, Some(20.0))?, &seen).ttd_s, Some(30.0));
        Ok(())
    }

    #[test]
    fn ending_early_counts_as_bad_to_the_end() -> Result<(), &'static str> {
        let outcome = outcome(&yardstick(40, Some(20.0))?, &samples(&[0.0; 20]));
        assert_eq!(outcome.availability, Some(0.5));
        assert!((outcome.bad_minutes - 20.0 * 5.0 / 60.0).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn without_requests_there_is_no_availability() -> Result<(), &'static str> {
        let mut idle = samples(&[0.0; 4]);
        for sample in &mut idle {
            (sample.offered, sample.p99_ms) = (0.0, f64::NAN);
        }
        let outcome = outcome(&yardstick(4, None)?, &idle);
        assert_eq!((outcome.availability, outcome.p99_ms, outcome.ttr_s), (None, None, None));
        Ok(())
    }
}
