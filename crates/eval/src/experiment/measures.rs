//! What an episode's ticks say: availability, quorum, time to detect, time to recover.

use super::{
    latency::LatencyHistogram,
    spread::Sample,
    watch::{Tick, Trace},
};
use crate::{episode::BAD_RATIO, mean};

/// Share of a replica that is too small to count.
const SPECK: f64 = 1e-3;

/// An episode's figures; times are in seconds from the injection.
#[derive(Clone, Debug)]
pub(super) struct Measures {
    /// Offered and bad requests, asked and achieved quorums: of the episode, and while the fault lasts.
    pub whole: Sums,
    pub during: Sums,
    /// Ratio of the episode's ticks that were played: what total loss of service leaves unplayed counts as bad.
    pub played_ratio: f64,
    /// Ratio of ticks outside the objectives.
    pub outside_ratio: f64,
    pub latency: LatencyHistogram,
    pub found: Option<Times>,
    pub actions: usize,
    pub incidents: usize,
    pub aborted: bool,
    /// Sums of each decision.
    pub curve: Vec<Sums>,
}

/// Requests and quorum calls over some ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub offered: f64,
    pub bad: f64,
    pub asked: f64,
    pub achieved: f64,
}

/// What became of a fault; samples are weighted by the share of struck replicas, the rest never came to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Times {
    /// Seconds from the episode's start to the injection, and the fault's length.
    pub onset_s: f64,
    pub length_s: f64,
    /// Until health checks, or callers, took a struck replica out of rotation.
    pub taken_out: Vec<Sample>,
    /// Until the detector's first incident.
    pub incident_s: Option<f64>,
    /// The earlier of the two.
    pub detected: Vec<Sample>,
    /// Until the policy's first action.
    pub action_s: Option<f64>,
    /// Until the cluster was back within its objectives for good, censored at the episode's end; 0 where it never left.
    pub recovered_s: f64,
    pub recovered: bool,
    /// From the fault's end until replicas were back in rotation.
    pub readmitted: Vec<Sample>,
}

impl Sums {
    fn of(ticks: &[Tick]) -> Self {
        ticks.iter().fold(Self::default(), |sum, tick| {
            sum.plus(&Self { offered: tick.offered, bad: tick.bad, asked: tick.asked, achieved: tick.achieved })
        })
    }

    pub fn plus(&self, other: &Self) -> Self {
        Self {
            offered: self.offered + other.offered,
            bad: self.bad + other.bad,
            asked: self.asked + other.asked,
            achieved: self.achieved + other.achieved,
        }
    }

    /// Good requests over offered ones.
    pub fn availability(&self) -> Option<f64> {
        (self.offered > 0.0).then(|| 1.0 - self.bad / self.offered)
    }

    /// Quorums achieved over those asked for.
    pub fn quorum(&self) -> Option<f64> {
        (self.asked > 0.0).then(|| self.achieved / self.asked)
    }
}

/// The figures of a trace. The cluster counts as recovered when it is within its objectives for `calm_s` from then on.
///
/// Objectives are judged over the last decision's length, at every tick: as an evaluation judges them at a decision's end.
pub(super) fn measure(trace: &Trace, slo_p99_ms: f64, calm_s: f64, decision_ticks: usize) -> Measures {
    let ticks = &trace.ticks;
    let window = decision_ticks.max(1);
    let within: Vec<bool> = (0..ticks.len())
        .map(|last| within_objectives(&ticks[(last + 1).saturating_sub(window)..=last], slo_p99_ms))
        .collect();
    let lasts = |tick: &&Tick| {
        let half_s = 0.5 * trace.tick_s;
        trace.fault_s.is_some_and(|(onset_s, end_s)| (onset_s..end_s).contains(&(tick.end_s - half_s)))
    };
    let during: Vec<Tick> = ticks.iter().filter(lasts).copied().collect();
    Measures {
        whole: Sums::of(ticks),
        during: Sums::of(&during),
        played_ratio: ticks.len() as f64 / trace.planned_ticks.max(ticks.len()).max(1) as f64,
        outside_ratio: within.iter().filter(|within| !**within).count() as f64 / ticks.len().max(1) as f64,
        latency: trace.latency.clone(),
        found: trace.fault_s.map(|fault_s| times(trace, fault_s, &within, window, calm_s)),
        actions: trace.actions_s.len(),
        incidents: ticks.iter().filter(|tick| tick.opened_incident).count(),
        aborted: trace.aborted,
        curve: ticks.chunks(decision_ticks.max(1)).map(Sums::of).collect(),
    }
}

fn within_objectives(ticks: &[Tick], slo_p99_ms: f64) -> bool {
    let sums = Sums::of(ticks);
    // Ticks without answers have no latency to be beyond the objective.
    let answered: Vec<f64> = ticks.iter().map(|tick| tick.p99_ms).filter(|p99_ms| p99_ms.is_finite()).collect();
    let p99_ms = mean(&answered).unwrap_or(0.0);
    sums.availability().is_none_or(|availability| 1.0 - availability < BAD_RATIO) && p99_ms <= slo_p99_ms
}

fn times(trace: &Trace, (onset_s, end_s): (f64, f64), within: &[bool], window: usize, calm_s: f64) -> Times {
    let after: Vec<Tick> = trace.ticks.iter().filter(|tick| tick.end_s > onset_s + 1e-9).copied().collect();
    let before = trace.ticks.iter().rev().find(|tick| tick.end_s <= onset_s + 1e-9).copied().unwrap_or_default();
    let incident_s = after.iter().find(|tick| tick.opened_incident).map(|tick| tick.end_s - onset_s);
    let taken_out = trace.struck.map_or_else(Vec::new, |struck| first_passages(&after, &before, struck, onset_s));
    let (recovered_s, recovered) = recovery(trace, within, window, onset_s, calm_s);
    Times {
        onset_s,
        length_s: end_s - onset_s,
        detected: earlier(&taken_out, incident_s),
        taken_out,
        incident_s,
        action_s: trace.actions_s.iter().find(|&&time_s| time_s > onset_s - 1e-9).map(|time_s| time_s - onset_s),
        recovered_s,
        recovered,
        readmitted: readmissions(&after, &before, end_s),
    }
}

/// When struck replicas left rotation for the first time: what the share of those out grows by in a tick, is the
/// probability that one leaves then.
fn first_passages(after: &[Tick], before: &Tick, struck: f64, onset_s: f64) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut reached = 0.0;
    for tick in after {
        let share = ((tick.taken_out - before.taken_out) / struck.max(SPECK)).min(1.0);
        // Rounding aside, the last speck belongs to the tick in which the rest left.
        let share = if share > 1.0 - SPECK { 1.0 } else { share };
        if share > reached + SPECK * SPECK {
            samples.push((tick.end_s - onset_s, share - reached));
            reached = share;
        }
    }
    // What is left of a tail is no detection.
    if reached < SPECK { Vec::new() } else { samples }
}

/// The earlier of leaving rotation and the first incident, where either came about.
fn earlier(taken_out: &[Sample], incident_s: Option<f64>) -> Vec<Sample> {
    let Some(incident_s) = incident_s else { return taken_out.to_vec() };
    let missed = 1.0 - taken_out.iter().map(|&(_, weight)| weight).sum::<f64>();
    let first = taken_out.iter().map(|&(time_s, weight)| (time_s.min(incident_s), weight));
    first.chain((missed > SPECK * SPECK).then_some((incident_s, missed))).collect()
}

/// When those out of rotation at the fault's end were back: what the share of those still out falls by in a tick.
fn readmissions(after: &[Tick], before: &Tick, end_s: f64) -> Vec<Sample> {
    let out = |tick: &Tick| (before.in_rotation - tick.in_rotation).max(0.0);
    let Some(at_end) = after.iter().rev().find(|tick| tick.end_s <= end_s + 1e-9).map(out) else { return Vec::new() };
    if at_end < SPECK {
        return Vec::new();
    }
    let mut samples = Vec::new();
    let mut left = 1.0;
    for tick in after.iter().filter(|tick| tick.end_s > end_s + 1e-9) {
        let share = out(tick) / at_end;
        let share = if share < SPECK { 0.0 } else { share };
        if share < left {
            samples.push((tick.end_s - end_s, left - share));
            left = share;
        }
    }
    samples
}

/// Seconds from the injection to the start of the first calm stretch after it has caused trouble, and whether there is one.
fn recovery(trace: &Trace, within: &[bool], window: usize, onset_s: f64, calm_s: f64) -> (f64, bool) {
    let end_s = trace.planned_ticks as f64 * trace.tick_s;
    let after = trace.ticks.iter().zip(within).skip_while(|(tick, _)| tick.end_s <= onset_s + 1e-9);
    let mut trouble = after.clone().skip_while(|(_, within)| **within).peekable();
    if trouble.peek().is_none() {
        // Total loss before the onset leaves nothing that could have come back.
        let ended_early = trace.ticks.len() < trace.planned_ticks && after.clone().next().is_none();
        return if ended_early { (end_s - onset_s, false) } else { (0.0, true) };
    }
    let mut calm_from = None;
    for (tick, within) in trouble {
        if !within {
            calm_from = None;
            continue;
        }
        // The whole window is calm, not its last tick alone.
        let from = *calm_from.get_or_insert(tick.end_s - window as f64 * trace.tick_s);
        if tick.end_s - from >= calm_s - 1e-6 {
            return ((from - onset_s).max(0.0), true);
        }
    }
    (end_s - onset_s, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks of a tenth of a second over ten seconds, with a fault from second 2 to second 5.
    fn trace(change: impl Fn(f64, &mut Tick)) -> Trace {
        let ticks = (1..=100).map(|index| {
            let mut tick = Tick {
                end_s: f64::from(index) / 10.0,
                offered: 10.0,
                p99_ms: 100.0,
                in_rotation: 3.0,
                ..Tick::default()
            };
            change(tick.end_s, &mut tick);
            tick
        });
        Trace {
            ticks: ticks.collect(),
            tick_s: 0.1,
            planned_ticks: 100,
            fault_s: Some((2.0, 5.0)),
            aborted: false,
            struck: Some(1.0),
            actions_s: vec![1.0, 3.5],
            latency: LatencyHistogram::default(),
        }
    }

    fn found(trace: &Trace) -> Times {
        measure(trace, 500.0, 1.0, 5).found.expect("a fault")
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn detection_is_the_earlier_of_leaving_rotation_and_the_first_incident() {
        let seen = |incident_at: f64, share: f64| {
            found(&trace(|end_s, tick| {
                tick.taken_out = if end_s > 2.55 { share } else { 0.0 };
                tick.opened_incident = near(end_s, incident_at) || near(end_s, 1.0);
            }))
        };
        let [(time_s, weight)] = seen(4.0, 1.0).detected[..] else { panic!("one time") };
        assert!(near(time_s, 0.6) && near(weight, 1.0), "{time_s} {weight}");
        assert!(near(seen(2.3, 1.0).detected[0].0, 0.3));
        let half = seen(4.0, 0.5).detected;
        assert!(half.len() == 2 && near(half[0].0, 0.6) && near(half[1].0, 2.0) && near(half[1].1, 0.5), "{half:?}");
        assert!(seen(99.0, 0.0).detected.is_empty(), "an incident before the fault is none of it");
    }

    #[test]
    fn a_growing_share_is_the_distribution_of_the_time_to_leave() {
        let times = found(&trace(|end_s, tick| tick.taken_out = (0.5 * (end_s - 2.0)).clamp(0.0, 1.0)));
        let mean: f64 = times.taken_out.iter().map(|(time_s, weight)| time_s * weight).sum();
        assert!((mean - 1.05).abs() < 0.01, "{mean}");
    }

    #[test]
    fn recovery_counts_to_the_last_trouble_before_a_calm_stretch() {
        let trouble = |from: f64, to: f64| move |end_s: f64| (from..to).contains(&(end_s - 0.05));
        let (first, second) = (trouble(2.0, 3.0), trouble(3.5, 4.0));
        let times = found(&trace(|end_s, tick| {
            tick.bad = if first(end_s) { 5.0 } else { 0.0 };
            tick.p99_ms = if second(end_s) { 3000.0 } else { 100.0 };
        }));
        assert!(near(times.recovered_s, 2.0) && times.recovered, "{times:?}");
        let times = found(&trace(|end_s, tick| tick.bad = if end_s > 2.05 { 1.0 } else { 0.0 }));
        assert!(near(times.recovered_s, 8.0) && !times.recovered, "{times:?}");
        let times = found(&trace(|_, _| {}));
        assert_eq!((times.recovered_s, times.recovered), (0.0, true));
    }

    #[test]
    fn readmission_counts_from_the_end_of_the_fault() {
        let times =
            found(&trace(|end_s, tick| tick.in_rotation = if (2.5..5.95).contains(&end_s) { 2.0 } else { 3.0 }));
        let [(time_s, weight)] = times.readmitted[..] else { panic!("one time") };
        assert!(near(time_s, 1.0) && near(weight, 1.0), "{time_s} {weight}");
    }

    #[test]
    fn success_while_the_fault_lasts_is_told_from_that_of_the_episode() {
        let measures = measure(
            &trace(|end_s, tick| tick.bad = if (2.05..5.05).contains(&end_s) { 2.0 } else { 0.0 }),
            500.0,
            1.0,
            5,
        );
        assert!(measures.during.availability().is_some_and(|ratio| near(ratio, 0.8)));
        assert!(measures.whole.availability().is_some_and(|ratio| near(ratio, 0.94)));
        assert_eq!((measures.curve.len(), measures.during.quorum()), (20, None));
        let action_s = measures.found.and_then(|found| found.action_s);
        assert!(action_s.is_some_and(|action_s| near(action_s, 1.5)), "an action before the fault is none of it");
    }
}
