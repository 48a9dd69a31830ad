//! What a comparison found, as its JSON file has it.

use serde::Serialize;

use crate::{Difference, Estimate};

/// Runs compared: every number that the pages show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of this layout.
    pub schema: u32,
    /// What draws the resamples.
    pub seed: u64,
    /// Resamples of every interval.
    pub resamples: usize,
    /// The policy that differences are to.
    pub reference: String,
    /// Runs in the order given.
    pub runs: Vec<RunRow>,
    /// Scores over scenarios, for each split that trained policies were evaluated on.
    pub splits: Vec<SplitScores>,
    /// Scenarios in the order in which they were met.
    pub scenarios: Vec<ScenarioSection>,
    /// What the reader has to know about the numbers.
    pub notes: Vec<String>,
}

/// A run, or a trained policy of an evaluation that stands alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunRow {
    /// Its folder as it was given.
    pub run: String,
    /// The scenario trained on.
    pub scenario: String,
    /// The group whose seed it is.
    pub group: String,
    /// Its seed, where its configuration is there.
    pub seed: Option<u64>,
    /// Environment steps of its last line of metrics.
    pub steps: Option<u64>,
    /// Environment steps asked for.
    pub total_timesteps: Option<u64>,
    /// `evaluated`, or `unfinished` and how it ended.
    pub state: String,
    /// The score on the test split.
    pub score: Option<f64>,
}

/// Scores over the scenarios of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitScores {
    /// The split.
    pub split: String,
    /// A row for each group.
    pub scores: Vec<GroupScore>,
    /// A row for every two groups.
    pub improvements: Vec<Improvement>,
    /// Share of runs above a score.
    pub run_profiles: Vec<Profile>,
    /// Share of runs and levels above a score.
    pub level_profiles: Vec<Profile>,
}

/// A group's scores over scenarios.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupScore {
    /// The group.
    pub group: String,
    /// Scenarios with a score.
    pub scenarios: Vec<String>,
    /// Runs over these scenarios.
    pub runs: usize,
    /// Interquartile mean over the runs of all scenarios; the interval resamples runs within each scenario.
    pub iqm: Estimate,
    /// The mean, likewise.
    pub mean: Estimate,
    /// Interquartile mean over runs and levels; the interval resamples both within each scenario.
    pub level_iqm: Estimate,
}

/// How probable it is that a run of one group beats a run of another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Improvement {
    /// The group.
    pub group: String,
    /// The other one.
    pub over: String,
    /// Scenarios that both have runs of.
    pub scenarios: Vec<String>,
    /// Mean over scenarios of the share of pairs of runs that the group wins, ties by half.
    pub probability: Estimate,
}

/// A performance profile: the share of runs whose score is above tau, averaged over scenarios.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The group.
    pub group: String,
    /// Scores.
    pub tau: Vec<f64>,
    /// Share above each.
    pub share: Vec<f64>,
    /// Its interval at each; null where there is one run a scenario.
    pub ci95: Vec<Option<[f64; 2]>>,
}

/// A scenario: how it was learned and how it was played.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioSection {
    /// The scenario.
    pub scenario: String,
    /// A set of curves for each scalar that runs have.
    pub curves: Vec<CurveSet>,
    /// A table for each split.
    pub evaluations: Vec<Standings>,
}

/// A scalar's curves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurveSet {
    /// The scalar's name in metrics.jsonl.
    pub scalar: String,
    /// A curve for each group.
    pub groups: Vec<Curve>,
}

/// A group's learning curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The group.
    pub group: String,
    /// Environment steps.
    pub steps: Vec<f64>,
    /// Interquartile mean over runs at each.
    pub iqm: Vec<f64>,
    /// Its interval; null where one run has got that far.
    pub ci95: Vec<Option<[f64; 2]>>,
    /// Runs that have got that far.
    pub runs: Vec<usize>,
}

/// Policies on the levels of a split of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standings {
    /// The split.
    pub split: String,
    /// Groups of trained policies, then baselines.
    pub rows: Vec<Standing>,
    /// Time from onset to detection, for each row whose levels are there.
    pub detection: Vec<Distribution>,
    /// Time from onset to recovery, likewise.
    pub recovery: Vec<Distribution>,
}

/// A policy's figures; those of several runs are interquartile means over runs of means over levels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// The group, or the baseline.
    pub policy: String,
    /// Runs of the group; 0 for a baseline.
    pub runs: usize,
    /// Levels with a fault.
    pub episodes: usize,
    /// The place between no-op and oracle.
    pub score: Estimate,
    /// The sum of rewards.
    #[serde(rename = "return")]
    pub returns: Estimate,
    /// Good requests over offered ones.
    pub availability: Option<f64>,
    /// 99th percentile of response time in milliseconds.
    pub p99_ms: Option<f64>,
    /// Mean seconds to detection, over levels where a fault was detected.
    pub ttd_s: Option<f64>,
    /// Mean seconds to recovery, censored at the episode's end.
    pub ttr_s: Option<f64>,
    /// Levels that recovered, over all.
    pub recovered_ratio: Option<f64>,
    /// Actions per episode with a fault.
    pub actions: Option<f64>,
    /// Actions per episode without.
    pub control_actions: Option<f64>,
    /// Levels without a fault.
    pub control_episodes: usize,
    /// To the reference, on the same levels; null where its levels are not there.
    pub difference: Option<Difference>,
}

/// The empirical distribution of a time over levels, and runs of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// The group, or the baseline.
    pub policy: String,
    /// Levels with an onset, times runs.
    pub levels: usize,
    /// Times at which the share grows, ascending.
    pub time_s: Vec<f64>,
    /// Share of levels by then; what never happens is in no share.
    pub share: Vec<f64>,
    /// Until when levels were watched at most.
    pub watched_s: f64,
}

impl Comparison {
    /// The comparison as indented JSON, ending in a line break.
    pub fn to_json(&self) -> String {
        // Plain structures of strings and numbers always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
