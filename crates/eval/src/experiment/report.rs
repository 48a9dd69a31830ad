//! The report of an experiment: one step without a fault and one for each fault, over the same levels.

use serde::Serialize;

use super::{
    expectation::Finding,
    fault_setting::Injection,
    latency::LatencyHistogram,
    measures::{Measures, Sums, Times},
    spread::{Sample, Spread},
};
use crate::mean;

/// What an experiment found. What does not exist is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExperimentReport {
    /// Version of this layout.
    pub schema: u32,
    /// The scenario.
    pub scenario: String,
    /// What the experiment is about, where its file says so.
    pub description: String,
    /// Who acted.
    pub policy: String,
    /// The split that levels were drawn from, and what drew them.
    pub split: String,
    /// See `split`.
    pub seed: u64,
    /// Levels that every step was played on.
    pub episodes: usize,
    /// Seconds of a tick, of a decision, and of an episode.
    pub tick_s: f64,
    /// See `tick_s`.
    pub decision_s: f64,
    /// See `tick_s`.
    pub episode_s: f64,
    /// Seconds within the objectives after which the cluster counts as recovered.
    pub calm_s: f64,
    /// The objective for the 99th percentile of response time in milliseconds.
    pub slo_p99_ms: f64,
    /// The steps, the one without a fault first.
    pub steps: Vec<StepReport>,
    /// What was not played, and why.
    pub skipped: Vec<String>,
    /// What a description says beside what was measured.
    pub findings: Vec<Finding>,
}

/// One step: the baseline, or a fault. Times are in seconds from the injection, at the resolution of a tick.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// `baseline`, or the fault's name.
    pub name: String,
    /// The fault; null in the baseline.
    pub fault: Option<InjectedFault>,
    /// Mean over levels of good requests over offered ones in the whole episode; what total loss of service leaves unplayed
    /// counts as bad.
    pub availability: Option<f64>,
    /// The same while the fault lasts, of all levels together; of the whole episode in the baseline.
    pub success_ratio: Option<f64>,
    /// Quorums achieved over those asked for, while the fault lasts; null where no call asks for one.
    pub quorum_ratio: Option<f64>,
    /// 95th and 99th percentiles of response time in milliseconds over all answers while the fault lasts, to 2 %.
    pub p95_ms: Option<f64>,
    /// See `p95_ms`.
    pub p99_ms: Option<f64>,
    /// Ratio of ticks outside the objectives, judged over the last decision's length.
    pub outside_ratio: f64,
    /// Time to detect: until a struck replica was out of rotation or the detector's first incident, the earlier; and the
    /// ratio that was detected at all.
    pub ttd_s: Option<Spread>,
    /// See `ttd_s`.
    pub detected_ratio: Option<f64>,
    /// Until health checks had taken a struck replica out of rotation, and the ratio that they took out.
    pub taken_out_s: Option<Spread>,
    /// See `taken_out_s`.
    pub taken_out_ratio: Option<f64>,
    /// Until the detector's first incident, and the ratio of levels with one.
    pub incident_s: Option<Spread>,
    /// See `incident_s`.
    pub incident_ratio: Option<f64>,
    /// Until the policy's first action, and the ratio of levels with one.
    pub first_action_s: Option<Spread>,
    /// See `first_action_s`.
    pub first_action_ratio: Option<f64>,
    /// Time to recover: until the cluster was back within its objectives for `calm_s`; 0 where it never left them, and
    /// until the episode's end where it did not come back; and the ratio of levels that recovered.
    pub ttr_s: Option<Spread>,
    /// See `ttr_s`.
    pub recovered_ratio: Option<f64>,
    /// From the fault's end until the replicas that were out of rotation were back.
    pub readmission_s: Option<Spread>,
    /// Mean actions other than no-op, and incidents opened, in an episode.
    pub actions: f64,
    /// See `actions`.
    pub incidents: f64,
    /// Ratio of levels on which the fault was called off.
    pub aborted_ratio: Option<f64>,
    /// The course of the episodes, by decision.
    pub course: Course,
    /// The distributions that spreads are taken from.
    #[serde(skip)]
    pub(super) samples: StepSamples,
}

/// A fault as it was injected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InjectedFault {
    /// Its id and its card's name.
    pub id: String,
    /// See `id`.
    pub name: String,
    /// What it struck, in turn over the levels; empty for the whole cluster.
    pub targets: Vec<String>,
    /// Severity in the fault's own unit, and what that is.
    pub magnitude: f32,
    /// See `magnitude`.
    pub unit: &'static str,
    /// Half the width of latency's delays as a ratio of their mean, where it was given.
    pub spread: Option<f32>,
    /// Ratio of the target's replicas, at least one.
    pub blast_radius: f32,
    /// Seconds from the episode's start, to full strength, and to the end.
    pub onset_s: f32,
    /// See `onset_s`.
    pub ramp_s: f32,
    /// See `onset_s`.
    pub duration_s: f32,
    /// Availability of a minute below which it is called off.
    pub abort_availability: f32,
}

/// Availability and quorum over time, all levels together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Course {
    /// Seconds from the episode's start to each decision's end.
    pub time_s: Vec<f64>,
    /// Good requests over offered ones.
    pub availability: Vec<Option<f64>>,
    /// Quorums achieved over those asked for.
    pub quorum_ratio: Vec<Option<f64>>,
}

/// Weighted times of a step, a level weighing 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StepSamples {
    pub detected: Vec<Sample>,
    pub recovered: Vec<Sample>,
    pub levels: f64,
}

impl ExperimentReport {
    /// The report as indented JSON, ending in a line break.
    pub fn to_json(&self) -> String {
        // Plain structures of strings and numbers always serialise; serde_json writes what is not finite as null.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// The report of a step from the figures of its levels.
pub(super) fn step(name: &str, injection: Option<&Injection>, played: &[Measures], decision_s: f64) -> StepReport {
    let found: Vec<&Times> = played.iter().filter_map(|measures| measures.found.as_ref()).collect();
    let levels = found.len() as f64;
    let gather = |of: fn(&Times) -> Vec<Sample>| found.iter().flat_map(|times| of(times)).collect::<Vec<Sample>>();
    let one = |time_s: Option<f64>| time_s.map(|time_s| (time_s, 1.0)).into_iter().collect::<Vec<Sample>>();
    let ratio = |samples: &[Sample]| {
        (levels > 0.0).then(|| (samples.iter().fold(0.0, |sum, &(_, weight)| sum + weight) / levels).min(1.0))
    };
    let detected = gather(|times| times.detected.clone());
    let taken_out = gather(|times| times.taken_out.clone());
    let readmitted = gather(|times| times.readmitted.clone());
    let recovered = gather(|times| vec![(times.recovered_s, 1.0)]);
    let incidents: Vec<Sample> = found.iter().flat_map(|times| one(times.incident_s)).collect();
    let actions: Vec<Sample> = found.iter().flat_map(|times| one(times.action_s)).collect();
    let total = |of: fn(&Measures) -> Sums| played.iter().fold(Sums::default(), |sum, one| sum.plus(&of(one)));
    let struck = if injection.is_some() { total(|one| one.during) } else { total(|one| one.whole) };
    let availabilities: Vec<f64> =
        played.iter().filter_map(|one| one.whole.availability().map(|ratio| one.played_ratio * ratio)).collect();
    let mut latency = LatencyHistogram::default();
    played.iter().for_each(|one| latency.merge(&one.latency));
    let mean_of = |of: &dyn Fn(&Measures) -> f64| mean(&played.iter().map(of).collect::<Vec<f64>>()).unwrap_or(0.0);
    let of_found = |of: &dyn Fn(&Times) -> bool| {
        mean(&found.iter().map(|times| f64::from(u8::from(of(times)))).collect::<Vec<f64>>())
    };
    StepReport {
        name: name.to_owned(),
        fault: injection.map(injected),
        availability: mean(&availabilities),
        success_ratio: struck.availability(),
        quorum_ratio: struck.quorum(),
        p95_ms: latency.quantile_ms(0.95),
        p99_ms: latency.quantile_ms(0.99),
        outside_ratio: mean_of(&|one| one.outside_ratio),
        ttd_s: Spread::of(&detected),
        detected_ratio: ratio(&detected),
        taken_out_s: Spread::of(&taken_out),
        taken_out_ratio: ratio(&taken_out),
        incident_s: Spread::of(&incidents),
        incident_ratio: ratio(&incidents),
        first_action_s: Spread::of(&actions),
        first_action_ratio: ratio(&actions),
        ttr_s: Spread::of(&recovered),
        recovered_ratio: of_found(&|times| times.recovered),
        readmission_s: Spread::of(&readmitted),
        actions: mean_of(&|one| one.actions as f64),
        incidents: mean_of(&|one| one.incidents as f64),
        aborted_ratio: injection.map(|_| mean_of(&|one| f64::from(u8::from(one.aborted)))),
        course: course(played, decision_s),
        samples: StepSamples { detected, recovered, levels },
    }
}

fn injected(injection: &Injection) -> InjectedFault {
    let plan = &injection.plan;
    InjectedFault {
        id: plan.id.to_string(),
        name: plan.id.name().to_owned(),
        targets: injection.targets.iter().flatten().cloned().collect(),
        magnitude: plan.magnitude,
        unit: plan.id.card().magnitude,
        spread: plan.spread,
        blast_radius: plan.blast_radius,
        onset_s: plan.onset_s,
        ramp_s: plan.ramp_s,
        duration_s: plan.duration_s,
        abort_availability: plan.abort_availability,
    }
}

fn course(played: &[Measures], decision_s: f64) -> Course {
    let longest = played.iter().map(|one| one.curve.len()).max().unwrap_or(0);
    let mut course = Course::default();
    for decision in 0..longest {
        let sums = played.iter().filter_map(|one| one.curve.get(decision));
        let sum = sums.fold(Sums::default(), |sum, more| sum.plus(more));
        course.time_s.push((decision + 1) as f64 * decision_s);
        course.availability.push(sum.availability());
        course.quorum_ratio.push(sum.quorum());
    }
    course
}
