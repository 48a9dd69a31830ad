//! Distributions of the times to detect and to recover.

use super::{
    report::Distribution,
    task::{Task, Trial},
};
use crate::PolicyLevels;

/// The distributions of detection and of recovery, for each group and baseline whose levels are there.
///
/// A level counts where its fault began within the episode. A recovery that did not come before the episode's end is
/// censored there: it raises no share, so that a curve ends at the share that recovered.
pub(super) fn distributions(task: &Task) -> (Vec<Distribution>, Vec<Distribution>) {
    let mut names: Vec<&String> = Vec::new();
    for trial in task.trials.iter().chain(&task.baselines) {
        if !names.contains(&&trial.name) {
            names.push(&trial.name);
        }
    }
    let all = |time: fn(&PolicyLevels, usize) -> Option<f64>| -> Vec<Distribution> {
        names.iter().filter_map(|name| distribution(task, name, time)).collect()
    };
    let recovered =
        |levels: &PolicyLevels, level: usize| levels.ttr_s[level].filter(|_| levels.recovered[level] == Some(true));
    (all(|levels, level| levels.ttd_s[level]), all(recovered))
}

fn distribution(task: &Task, name: &str, time: fn(&PolicyLevels, usize) -> Option<f64>) -> Option<Distribution> {
    let own = |trial: &&Trial| trial.name == name;
    let runs: Vec<&PolicyLevels> = task
        .trials
        .iter()
        .chain(&task.baselines)
        .filter(own)
        .filter_map(|trial| trial.levels.as_ref().map(|(_, levels)| levels))
        .collect();
    let struck = |levels: &&PolicyLevels| -> Vec<usize> {
        (0..levels.ttr_s.len()).filter(|&level| levels.ttr_s[level].is_some()).collect()
    };
    let levels: usize = runs.iter().map(|levels| struck(levels).len()).sum();
    let times = runs.iter().flat_map(|levels| struck(levels).into_iter().filter_map(|level| time(levels, level)));
    let watched_s = runs.iter().flat_map(|levels| levels.ttr_s.iter().flatten().copied()).fold(0.0, f64::max);
    let (time_s, share) = shares(times.collect(), levels);
    (levels > 0).then(|| Distribution { policy: name.to_owned(), levels, time_s, share, watched_s })
}

/// The empirical distribution function of some times out of `all`: where it grows, and to what.
fn shares(mut times: Vec<f64>, all: usize) -> (Vec<f64>, Vec<f64>) {
    times.sort_unstable_by(f64::total_cmp);
    let (mut time_s, mut share): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for (place, time) in times.into_iter().enumerate() {
        let by_then = (place + 1) as f64 / all as f64;
        if time_s.last() == Some(&time) {
            share.pop();
        } else {
            time_s.push(time);
        }
        share.push(by_then);
    }
    (time_s, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_grows_where_times_are_and_ends_at_the_share_that_came() {
        // Five levels, of which three recovered: after 10, 10 and 40 seconds.
        assert_eq!(shares(vec![40.0, 10.0, 10.0], 5), (vec![10.0, 40.0], vec![0.4, 0.6]));
        assert_eq!(shares(Vec::new(), 5), (vec![], vec![]));
    }
}
