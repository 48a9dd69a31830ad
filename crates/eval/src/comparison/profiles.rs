//! Performance profiles: the share of runs, or of runs and levels, with a score above tau, averaged over scenarios.

use super::{report::Profile, resampling::band, scores::level_strata, task::Task};
use crate::statistics::quantile;

/// Scores at which a profile is taken.
const POINTS: usize = 101;
/// Share of the scores at each end that a profile need not reach: single levels can lie far below no-op.
const ENDS: f64 = 0.01;
/// Below no-op, so that a run that equals it shows where it falls.
const LEAST: f64 = -0.1;

/// Shares of runs for each group.
pub(super) fn run_profiles(tasks: &[&Task], groups: &[String], seed: u64) -> Vec<Profile> {
    let strata = |group: &String| -> Vec<Vec<f64>> {
        let scores = tasks.iter().map(|task| task.group(group).iter().filter_map(|trial| trial.score()).collect());
        scores.filter(|scores: &Vec<f64>| !scores.is_empty()).collect()
    };
    let all: Vec<(&String, Vec<Vec<f64>>)> = groups.iter().map(|group| (group, strata(group))).collect();
    let tau = taus(all.iter().flat_map(|(_, strata)| strata.iter().flatten().copied()).collect());
    let profile = |(group, strata): (&String, Vec<Vec<f64>>)| {
        let places: Vec<Vec<usize>> = strata.iter().map(|scores| places(scores, &tau)).collect();
        let share = averaged(places.iter().map(|stratum| above(stratum.iter().copied(), tau.len())));
        let ci95 = if places.iter().any(|stratum| stratum.len() > 1) {
            band(seed, tau.len(), |resampling| {
                let drawn = places.iter().map(|stratum| {
                    above(resampling.stratum(stratum.len()).into_iter().map(|run| stratum[run]), tau.len())
                });
                averaged(drawn).into_iter().map(Some).collect()
            })
        } else {
            vec![None; tau.len()]
        };
        Profile { group: group.clone(), tau: tau.clone(), share, ci95 }
    };
    all.into_iter().filter(|(_, strata)| !strata.is_empty()).map(profile).collect()
}

/// Shares of runs and levels for each group; the band resamples both.
pub(super) fn level_profiles(tasks: &[&Task], groups: &[String], seed: u64) -> Vec<Profile> {
    let all: Vec<_> = groups.iter().map(|group| (group, level_strata(tasks, group))).collect();
    let scores = all.iter().flat_map(|(_, strata)| strata.iter().flat_map(|stratum| &stratum.runs));
    let tau = taus(scores.flat_map(|(_, scores)| scores.iter().copied()).collect());
    let mut profiles = Vec::new();
    for (group, strata) in all {
        if strata.is_empty() {
            continue;
        }
        let places: Vec<Vec<(usize, Vec<usize>)>> = strata
            .iter()
            .map(|stratum| stratum.runs.iter().map(|(set, scores)| (*set, places(scores, &tau))).collect())
            .collect();
        let whole = |runs: &Vec<(usize, Vec<usize>)>| {
            above(runs.iter().flat_map(|(_, places)| places.iter().copied()), tau.len())
        };
        let share = averaged(places.iter().map(whole));
        let ci95 = band(seed, tau.len(), |resampling| {
            let drawn = strata.iter().zip(&places).map(|(stratum, places)| {
                let levels: Vec<Vec<usize>> = stratum.sets.iter().map(|&levels| resampling.stratum(levels)).collect();
                let runs = resampling.stratum(places.len());
                let scores = runs.into_iter().flat_map(|run| {
                    let (set, places) = &places[run];
                    levels[*set].iter().map(|&level| places[level])
                });
                above(scores, tau.len())
            });
            averaged(drawn).into_iter().map(Some).collect()
        });
        profiles.push(Profile { group: group.clone(), tau: tau.clone(), share, ci95 });
    }
    profiles
}

/// Equally spaced scores that reach over 0, 1 and all but the outermost of the values.
fn taus(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let low = quantile(&values, ENDS).unwrap_or(0.0).min(LEAST);
    let high = quantile(&values, 1.0 - ENDS).unwrap_or(1.0).max(1.0);
    (0..POINTS).map(|place| low + (high - low) * place as f64 / (POINTS - 1) as f64).collect()
}

/// How many of the taus each score is above.
fn places(scores: &[f64], tau: &[f64]) -> Vec<usize> {
    scores.iter().map(|score| tau.partition_point(|tau| tau < score)).collect()
}

/// The share of scores above each tau, from how many each is above.
fn above(places: impl Iterator<Item = usize>, taus: usize) -> Vec<f64> {
    let mut counts = vec![0_u32; taus + 1];
    let mut all = 0.0;
    for place in places {
        counts[place] += 1;
        all += 1.0;
    }
    let mut beyond = 0.0;
    let mut shares: Vec<f64> = counts[1..]
        .iter()
        .rev()
        .map(|&count| {
            beyond += f64::from(count);
            beyond / all
        })
        .collect();
    shares.reverse();
    shares
}

/// The mean of several scenarios' shares at each tau.
fn averaged(strata: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut sums = Vec::new();
    let mut count = 0.0;
    for shares in strata {
        sums.resize(shares.len(), 0.0);
        sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
        count += 1.0;
    }
    sums.into_iter().map(|sum| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_the_share_above_and_never_grows() {
        let tau = [0.0, 0.25, 0.5, 0.75, 1.0];
        let shares = above(places(&[0.3, 0.5, 0.9, -1.0], &tau).into_iter(), tau.len());
        // By hand: 0.3, 0.5 and 0.9 are above 0 and 0.25; a score is not above itself.
        assert_eq!(shares, [0.75, 0.75, 0.25, 0.25, 0.0]);
        assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn scenarios_count_alike_however_many_runs_they_have() {
        let tau = [0.5];
        let strata = [vec![1.0], vec![0.0, 0.0, 0.0]];
        let shares = averaged(strata.iter().map(|scores| above(places(scores, &tau).into_iter(), 1)));
        assert_eq!(shares, [0.5]);
    }

    #[test]
    fn taus_reach_over_no_op_oracle_and_the_scores() {
        let tau = taus(vec![-2.0, 0.5, 3.0]);
        assert!(tau[0] < 0.0 && tau[100] > 1.0 && tau.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((taus(vec![0.5])[0], taus(vec![0.5])[100]), (LEAST, 1.0));
    }
}
