//! Policies on the levels of a scenario: figures, intervals over levels and runs, and paired differences.

use super::{
    interquartile::interquartile_mean,
    report::Standing,
    resampling::{Resampling, middle},
    task::{LevelSet, Task, Trial},
};
use crate::{Difference, Estimate, EvaluationRow, statistics::RESAMPLES};

/// The four numbers that have intervals, of one run: return, score, and the differences of both to the reference.
type Figures = [Option<f64>; 4];

/// A row for each group, then for each baseline.
///
/// Runs' figures are means over levels, a group's are the interquartile means of its runs'. Intervals resample levels, the
/// same for every policy on the same list of levels, and within a group runs.
pub(super) fn standings(task: &Task, reference: &str, seed: u64) -> Vec<Standing> {
    let mut rows: Vec<(String, bool, Vec<&Trial>)> = Vec::new();
    for trial in &task.trials {
        if rows.iter().all(|(name, ..)| *name != trial.name) {
            rows.push((trial.name.clone(), true, task.group(&trial.name)));
        }
    }
    rows.extend(task.baselines.iter().map(|baseline| (baseline.name.clone(), false, vec![baseline])));
    let whole: Vec<Vec<usize>> = task.sets.iter().map(|set| (0..set.levels.len()).collect()).collect();
    let scales = |levels: &[Vec<usize>]| -> Vec<Scale> {
        task.sets.iter().zip(levels).map(|(set, levels)| Scale::new(set, levels, reference)).collect()
    };
    let own = scales(&whole);
    let values: Vec<Vec<Figures>> =
        rows.iter().map(|(.., trials)| trials.iter().map(|trial| own_figures(trial, &own, &whole)).collect()).collect();
    let mut seen = vec![[const { Vec::<f64>::new() }; 4]; rows.len()];
    let mut resampling = Resampling::new(seed);
    for _ in 0..RESAMPLES {
        let levels: Vec<Vec<usize>> = task.sets.iter().map(|set| resampling.stratum(set.levels.len())).collect();
        let scales = scales(&levels);
        for ((.., trials), seen) in rows.iter().zip(&mut seen) {
            let figures: Vec<Figures> = trials.iter().map(|trial| figures(trial, &scales, &levels)).collect();
            let drawn: Vec<Figures> = resampling.stratum(trials.len()).into_iter().map(|run| figures[run]).collect();
            for (seen, value) in seen.iter_mut().zip(summary(&drawn)) {
                seen.extend(value);
            }
        }
    }
    let standing = |(((name, is_group, trials), values), seen): ((_, &Vec<Figures>), [Vec<f64>; 4])| {
        let (name, is_group, trials): (String, bool, Vec<&Trial>) = (name, is_group, trials);
        let ci95 = seen.map(middle);
        let mut estimates = [0, 1, 2, 3].map(|place| Estimate { value: summary(values)[place], ci95: ci95[place] });
        let row = &trials[0].row;
        if trials.iter().any(|trial| trial.levels.is_none()) {
            // Without levels there are the intervals of the evaluation, which one run's are and several runs' are not.
            let told = [row.returns.ci95, row.score.as_ref().map(|score| score.ci95)];
            for (estimate, told) in estimates.iter_mut().zip(told) {
                estimate.ci95 = told.filter(|_| trials.len() == 1);
            }
            estimates[2..].fill(Estimate::default());
        }
        for estimate in &mut estimates {
            estimate.ci95 = estimate.ci95.filter(|_| estimate.value.is_some());
        }
        let [returns, score, over, score_over] = estimates;
        let of = |figure: fn(&EvaluationRow) -> Option<f64>| {
            interquartile_mean(&mut trials.iter().filter_map(|trial| figure(&trial.row)).collect::<Vec<f64>>())
        };
        Standing {
            runs: if is_group { trials.len() } else { 0 },
            episodes: row.episodes,
            score,
            returns,
            availability: of(|row| row.availability),
            p99_ms: of(|row| row.p99_ms),
            ttd_s: of(|row| row.ttd_s),
            ttr_s: of(|row| row.ttr_s),
            recovered_ratio: of(|row| row.recovered_ratio),
            actions: of(|row| row.actions),
            control_actions: of(|row| row.control.actions),
            control_episodes: row.control.episodes,
            difference: over.value.filter(|_| name != reference).map(|_| Difference {
                to: reference.to_owned(),
                returns: over,
                score: score_over,
            }),
            policy: name,
        }
    };
    rows.into_iter().zip(&values).zip(seen).map(standing).collect()
}

/// Mean returns over drawn levels of what policies are measured against.
struct Scale {
    reference: Option<f64>,
    ends: Option<(f64, f64)>,
}

impl Scale {
    fn new(set: &LevelSet, levels: &[usize], reference: &str) -> Self {
        let of = |name: &str| set.returns(name).and_then(|returns| mean_over(returns, levels));
        Self { reference: of(reference), ends: of("no-op").zip(of("oracle")) }
    }
}

fn mean_over(values: &[f64], levels: &[usize]) -> Option<f64> {
    (!levels.is_empty()).then(|| levels.iter().map(|&level| values[level]).sum::<f64>() / levels.len() as f64)
}

/// A run's figures over drawn levels; none where its levels are not there.
fn figures(trial: &Trial, scales: &[Scale], levels: &[Vec<usize>]) -> Figures {
    let Some((set, outcomes)) = &trial.levels else { return [None; 4] };
    let (scale, own) = (&scales[*set], mean_over(&outcomes.returns, &levels[*set]));
    // A score that the evaluation found no scale for has none here either.
    let ends = scale.ends.filter(|_| trial.row.score.is_some());
    let score = own.zip(ends).map(|(own, (no_op, oracle))| (own - no_op) / (oracle - no_op));
    let over = own.zip(scale.reference).map(|(own, reference)| own - reference);
    [own, score, over, over.zip(ends).map(|(over, (no_op, oracle))| over / (oracle - no_op))]
}

/// A run's figures over all its levels; those that its row has are the row's.
fn own_figures(trial: &Trial, scales: &[Scale], levels: &[Vec<usize>]) -> Figures {
    let [_, _, over, score_over] = figures(trial, scales, levels);
    [trial.row.returns.mean, trial.score(), over, score_over]
}

/// The interquartile means over runs.
fn summary(runs: &[Figures]) -> Figures {
    [0, 1, 2, 3].map(|place| interquartile_mean(&mut runs.iter().filter_map(|run| run[place]).collect::<Vec<f64>>()))
}
