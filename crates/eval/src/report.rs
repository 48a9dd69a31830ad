//! The report of an evaluation, as `evaluation.json` has it.

use serde::{Deserialize, Serialize};

use crate::{
    Difference, EpisodeOutcome, EvaluationLevels,
    statistics::{Bootstrap, bootstrap_ci95, cvar10, mean},
};

/// What an evaluation found, with a row for every scenario and policy; [`std::fmt::Display`] renders it as a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// Version of this layout.
    pub schema: u32,
    /// The split that the levels are of.
    pub split: String,
    /// Scenarios in the order given, each with its policies in the order given.
    pub rows: Vec<EvaluationRow>,
    /// What the rows are means of; a file of its own ([`EvaluationLevels::beside`]), and empty in a report that was read.
    #[serde(skip)]
    pub levels: EvaluationLevels,
}

/// One policy on one scenario; all figures but `control` are over levels with faults. What does not exist is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRow {
    /// The scenario.
    pub scenario: String,
    /// The policy.
    pub policy: String,
    /// Levels with faults that were played.
    pub episodes: usize,
    /// The sum of rewards.
    #[serde(rename = "return")]
    pub returns: ReturnStatistics,
    /// The return on the scale from no-op (0) to oracle (1); null where the two cannot be told apart.
    pub score: Option<Score>,
    /// Mean over levels of good requests over offered ones.
    pub availability: Option<f64>,
    /// Mean over levels and decisions of the 99th percentile of response time in milliseconds.
    pub p99_ms: Option<f64>,
    /// Mean seconds from the first fault's onset to the first incident, over levels where one was detected.
    pub ttd_s: Option<f64>,
    /// Mean seconds from onset to recovery, censored at the episode's end.
    pub ttr_s: Option<f64>,
    /// Levels that recovered, over all.
    pub recovered_ratio: Option<f64>,
    /// Mean minutes' worth of decisions with more than 1 % of bad requests.
    pub bad_minutes: Option<f64>,
    /// Mean number of actions other than no-op.
    pub actions: Option<f64>,
    /// Mean cost relative to the initial provisioning.
    pub cost: Option<f64>,
    /// Levels without a fault.
    pub control: ControlStatistics,
    /// How far the policy is from another one, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// The return over levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReturnStatistics {
    /// The mean.
    pub mean: Option<f64>,
    /// The mean's interval, by bootstrap over levels.
    pub ci95: Option<[f64; 2]>,
    /// The mean of the worst tenth.
    pub cvar10: Option<f64>,
}

/// A place on the scale from no-op to oracle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// (mean - mean of no-op) / (mean of oracle - mean of no-op).
    pub value: f64,
    /// Its interval, by paired bootstrap over levels.
    pub ci95: [f64; 2],
}

/// Figures over levels without a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlStatistics {
    /// Levels played.
    pub episodes: usize,
    /// Mean return.
    #[serde(rename = "return")]
    pub returns: Option<f64>,
    /// Mean over levels of good requests over offered ones.
    pub availability: Option<f64>,
    /// Mean number of actions other than no-op.
    pub actions: Option<f64>,
}

impl EvaluationReport {
    /// The report as indented JSON, ending in a line break.
    pub fn to_json(&self) -> String {
        // Plain structures of strings and numbers always serialise; serde_json writes what is not finite as null.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// The two ends of the score's scale, on the levels of a scenario.
pub(crate) struct Scale {
    no_op: Vec<f64>,
    oracle: Vec<f64>,
    bootstrap: Bootstrap,
    seed: u64,
    usable: bool,
}

impl Scale {
    pub fn new(no_op: &[EpisodeOutcome], oracle: &[EpisodeOutcome], seed: u64) -> Self {
        let (no_op, oracle) = (returns(no_op), returns(oracle));
        let bootstrap = Bootstrap::new(no_op.len(), seed);
        let usable = is_usable(&no_op, &oracle, &bootstrap);
        Self { usable, no_op, oracle, bootstrap, seed }
    }

    fn score(&self, returns: &[f64]) -> Option<Score> {
        if !self.usable {
            return None;
        }
        let ratio = |value: f64, no_op: f64, oracle: f64| (value - no_op) / (oracle - no_op);
        let value = ratio(mean(returns)?, mean(&self.no_op)?, mean(&self.oracle)?);
        let ci95 = self
            .bootstrap
            .ci95(|draw| Some(ratio(draw.mean(returns)?, draw.mean(&self.no_op)?, draw.mean(&self.oracle)?)))?;
        value.is_finite().then_some(Score { value, ci95 })
    }

    /// The row of a policy from its outcomes on the scale's levels and on control levels.
    pub fn row(
        &self,
        scenario: &str,
        policy: &str,
        played: &[EpisodeOutcome],
        control: &[EpisodeOutcome],
    ) -> EvaluationRow {
        let totals = returns(played);
        EvaluationRow {
            scenario: scenario.to_owned(),
            policy: policy.to_owned(),
            episodes: played.len(),
            score: self.score(&totals),
            returns: ReturnStatistics {
                mean: mean(&totals),
                ci95: bootstrap_ci95(&totals, self.seed),
                cvar10: cvar10(&totals),
            },
            availability: mean_of(played, |outcome| outcome.availability),
            p99_ms: mean_of(played, |outcome| outcome.p99_ms),
            ttd_s: mean_of(played, |outcome| outcome.ttd_s),
            ttr_s: mean_of(played, |outcome| outcome.ttr_s),
            recovered_ratio: mean_of(played, |outcome| {
                outcome.recovered.map(|recovered| f64::from(u8::from(recovered)))
            }),
            bad_minutes: mean_of(played, |outcome| Some(outcome.bad_minutes)),
            actions: mean_of(played, |outcome| Some(outcome.actions)),
            cost: mean_of(played, |outcome| outcome.cost),
            control: ControlStatistics {
                episodes: control.len(),
                returns: mean(&returns(control)),
                availability: mean_of(control, |outcome| outcome.availability),
                actions: mean_of(control, |outcome| Some(outcome.actions)),
            },
            difference: None,
        }
    }
}

/// Whether oracle's returns lie above no-op's for certain; a scale that points downwards ranks nothing either.
pub(crate) fn is_usable(no_op: &[f64], oracle: &[f64], bootstrap: &Bootstrap) -> bool {
    let gap = bootstrap.ci95(|draw| Some(draw.mean(oracle)? - draw.mean(no_op)?));
    gap.is_some_and(|[low, _]| low > 0.0)
}

fn returns(outcomes: &[EpisodeOutcome]) -> Vec<f64> {
    outcomes.iter().map(|outcome| outcome.total_reward).collect()
}

/// The mean of a figure over the episodes that have it.
fn mean_of(outcomes: &[EpisodeOutcome], figure: impl Fn(&EpisodeOutcome) -> Option<f64>) -> Option<f64> {
    mean(&outcomes.iter().filter_map(figure).collect::<Vec<f64>>())
}
