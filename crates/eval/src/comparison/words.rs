//! How a comparison's numbers were made, in the words of its pages.

use super::report::Comparison;

pub(super) const RUNS: &str =
    "A group is the runs of one algorithm whose configurations agree in all but seed and scenario.";
pub(super) const SCORES: &str = "A score is 0 for no-op and 1 for oracle on the same levels. The interquartile mean leaves \
     out a quarter of the runs of all scenarios at each end (of up to three runs it is the mean); runs are resampled within \
     each scenario. A scenario with more runs has more weight. Over levels, a run has on each level what it gained over no-op \
     there, in units of what oracle gains on average; runs and levels are both resampled. It tells how the middle half of levels went: what few levels lose or gain greatly \
     is trimmed. One run a scenario has no interval \
     over runs.";
pub(super) const IMPROVEMENT: &str = "The probability that a run of the group beats a run of the other on the same scenario, \
     ties by half (Mann and Whitney), averaged over scenarios; runs are resampled within each.";
pub(super) const PROFILES: &str = "The share of runs, and of runs and levels, with a score above tau, averaged over scenarios, \
     with pointwise 95 % bands. A curve that is higher is better.";
pub(super) const CURVES: &str = "Interquartile mean over runs by environment steps, with 95 % bands by resampling runs. \
     Episodes are of train levels, with actions sampled in charts/ and greedy on fixed levels in eval/.";
pub(super) const STANDINGS: &str = "A group's figures are interquartile means over its runs of means over levels. Intervals \
     resample levels, the same for every policy, and within a group runs. Differences are paired: both policies play the same \
     levels. Actions are those of an episode, control actions those of an episode without a fault.";
pub(super) const DETECTION: &str =
    "Share of levels with a fault on which an incident had opened so many seconds after its onset.";
pub(super) const RECOVERY: &str = "Share of levels with a fault on which the cluster was back within its objectives so many \
     seconds after the onset, or never left them. Levels are watched to the episode's end: a recovery that has not come by \
     then never counts, so that a curve ends at the share that recovered.";

impl Comparison {
    pub(super) fn summary(&self) -> String {
        let evaluated = self.runs.iter().filter(|run| run.state == "evaluated").count();
        let (runs, scenarios) = (self.runs.len(), self.scenarios.len());
        format!(
            "{}, {evaluated} of them evaluated, on {}. Intervals are 95 % percentile intervals of {} resamples, after \
             Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice (2021).",
            count(runs, "trained policy", "trained policies"),
            count(scenarios, "scenario", "scenarios"),
            self.resamples
        )
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What a scalar is, for people.
pub(super) fn scalar(name: &str) -> &'static str {
    match name {
        "eval/episodic_return" => "greedy return, fixed train levels",
        "charts/episodic_return" => "return while training",
        _ => "availability while training",
    }
}
