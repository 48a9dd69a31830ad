//! Scores over scenarios: interquartile means and the probability of improvement, with stratified bootstraps.
//!
//! All of it follows Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (2021): scenarios
//! are the strata, and runs are resampled within each.

use super::{
    interquartile::interquartile_mean,
    report::{GroupScore, Improvement},
    resampling::interval,
    task::Task,
};
use crate::{Estimate, mean};

/// A group's scores over scenarios; none where it has none.
pub(super) fn group_score(tasks: &[&Task], group: &str, seed: u64) -> Option<GroupScore> {
    let mut scenarios = Vec::new();
    let mut strata = Vec::new();
    for task in tasks {
        let scores: Vec<f64> = task.group(group).iter().filter_map(|trial| trial.score()).collect();
        if !scores.is_empty() {
            scenarios.push(task.scenario.clone());
            strata.push(scores);
        }
    }
    if strata.is_empty() {
        return None;
    }
    Some(GroupScore {
        group: group.to_owned(),
        scenarios,
        runs: strata.iter().map(Vec::len).sum(),
        iqm: over_runs(&strata, interquartile_mean, seed),
        mean: over_runs(&strata, |values| mean(values), seed),
        level_iqm: over_levels(tasks, group, seed),
    })
}

/// A statistic of all strata's values, its interval by resampling within each; no interval where each has but one.
fn over_runs(strata: &[Vec<f64>], statistic: impl Fn(&mut [f64]) -> Option<f64>, seed: u64) -> Estimate {
    let value = statistic(&mut strata.concat());
    let ci95 = strata.iter().any(|stratum| stratum.len() > 1).then(|| {
        interval(seed, |resampling| {
            let drawn = strata.iter().flat_map(|stratum| {
                resampling.stratum(stratum.len()).into_iter().map(|member| stratum[member]).collect::<Vec<f64>>()
            });
            statistic(&mut drawn.collect::<Vec<f64>>())
        })
    });
    Estimate { value, ci95: ci95.flatten() }
}

/// A group's runs of a scenario whose levels are there: how many levels each list has, and each run's list and scores.
pub(super) struct LevelStratum {
    pub sets: Vec<usize>,
    pub runs: Vec<(usize, Vec<f64>)>,
}

/// The scenarios in which a group's runs have scores level by level.
pub(super) fn level_strata(tasks: &[&Task], group: &str) -> Vec<LevelStratum> {
    let strata = tasks.iter().map(|task| LevelStratum {
        sets: task.sets.iter().map(|set| set.levels.len()).collect(),
        runs: task.group(group).into_iter().filter_map(|trial| task.level_scores(trial)).collect(),
    });
    strata.filter(|stratum| !stratum.runs.is_empty()).collect()
}

/// The interquartile mean over runs and levels; runs on the same list of levels see the same ones of a resample.
fn over_levels(tasks: &[&Task], group: &str, seed: u64) -> Estimate {
    let strata = level_strata(tasks, group);
    let mut all: Vec<f64> =
        strata.iter().flat_map(|stratum| stratum.runs.iter().flat_map(|(_, scores)| scores.iter().copied())).collect();
    let mut drawn = Vec::with_capacity(all.len());
    let ci95 = interval(seed, |resampling| {
        drawn.clear();
        for stratum in &strata {
            let levels: Vec<Vec<usize>> = stratum.sets.iter().map(|&levels| resampling.stratum(levels)).collect();
            for run in resampling.stratum(stratum.runs.len()) {
                let (set, scores) = &stratum.runs[run];
                drawn.extend(levels[*set].iter().map(|&level| scores[level]));
            }
        }
        interquartile_mean(&mut drawn)
    });
    Estimate { value: interquartile_mean(&mut all), ci95 }
}

/// The probability that a run of a group beats one of another, averaged over the scenarios that both have runs of; none
/// where there is no such scenario. Runs are told apart by their scores, and by returns where there are none.
pub(super) fn improvement(tasks: &[&Task], group: &str, over: &str, seed: u64) -> Option<Improvement> {
    let mut scenarios = Vec::new();
    let mut strata = Vec::new();
    for task in tasks {
        let (ours, theirs) = (task.group(group), task.group(over));
        let scored = ours.iter().chain(&theirs).all(|trial| trial.score().is_some());
        let figures = |trials: &[&super::task::Trial]| -> Vec<f64> {
            trials.iter().filter_map(|trial| if scored { trial.score() } else { trial.row.returns.mean }).collect()
        };
        let (ours, theirs) = (figures(&ours), figures(&theirs));
        if !ours.is_empty() && !theirs.is_empty() {
            scenarios.push(task.scenario.clone());
            strata.push((ours, theirs));
        }
    }
    let averaged = |wins: Vec<f64>| mean(&wins);
    let value = averaged(strata.iter().map(|(ours, theirs)| wins(ours, theirs)).collect())?;
    let ci95 = strata.iter().any(|(ours, theirs)| ours.len() > 1 || theirs.len() > 1).then(|| {
        interval(seed, |resampling| {
            let mut drawn = |values: &[f64]| -> Vec<f64> {
                resampling.stratum(values.len()).into_iter().map(|member| values[member]).collect()
            };
            averaged(strata.iter().map(|(ours, theirs)| wins(&drawn(ours), &drawn(theirs))).collect())
        })
    });
    let probability = Estimate { value: Some(value), ci95: ci95.flatten() };
    Some(Improvement { group: group.to_owned(), over: over.to_owned(), scenarios, probability })
}

/// The share of pairs that the first wins, ties by half: Mann and Whitney's U over the number of pairs.
fn wins(ours: &[f64], theirs: &[f64]) -> f64 {
    let won = |own: f64| -> f64 {
        let against = |other: &f64| if own > *other { 1.0 } else { f64::from(u8::from(own == *other)) / 2.0 };
        theirs.iter().map(against).sum()
    };
    ours.iter().map(|&own| won(own)).sum::<f64>() / (ours.len() * theirs.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_groups_win_half_and_a_group_that_is_better_throughout_wins_all() {
        let group = [0.1, 0.5, 0.9];
        assert_eq!(wins(&group, &group), 0.5);
        assert_eq!(wins(&[2.0, 3.0], &[1.0, 1.5, 0.0]), 1.0);
        // By hand: 3 beats 1 and 2, 2 beats 1 and ties with 2: 3.5 of 4 pairs. U is symmetric.
        assert_eq!(wins(&[3.0, 2.0], &[1.0, 2.0]), 3.5 / 4.0);
        assert_eq!(wins(&[1.0, 2.0], &[3.0, 2.0]), 0.5 / 4.0);
    }

    #[test]
    fn mann_whitneys_u_is_that_of_scipys_manual() {
        // scipy.stats.mannwhitneyu([19, 22, 16, 29, 24], [20, 11, 17, 12]) has U = 17 of 20 pairs, as its manual says.
        assert_eq!(wins(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0]), 17.0 / 20.0);
    }

    #[test]
    fn strata_are_kept() {
        // Two scenarios whose runs agree within and differ between: no resample can tell it from the whole.
        let strata = [vec![0.2; 4], vec![0.8; 4]];
        let estimate = over_runs(&strata, interquartile_mean, 0);
        assert_eq!(estimate.value, Some(0.5));
        assert_eq!(estimate.ci95, Some([0.5, 0.5]));
        assert_eq!(over_runs(&[vec![0.2], vec![0.8]], interquartile_mean, 0).ci95, None);
    }
}
