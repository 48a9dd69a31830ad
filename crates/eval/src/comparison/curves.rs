//! Learning curves over the runs of a group.

use super::{
    interquartile::interquartile_mean,
    report::{Curve, CurveSet},
    resampling::band,
    run::Run,
    scalars::SCALARS,
};

/// Points that a curve has at most; longer ones are averaged over equal stretches of steps.
const POINTS: usize = 100;

/// The curves of a scenario's runs, a set for each scalar that one of them has.
pub(super) fn curve_sets(runs: &[(&Run, &String)], seed: u64) -> Vec<CurveSet> {
    let mut names: Vec<&String> = Vec::new();
    for (_, group) in runs {
        if !names.contains(group) {
            names.push(group);
        }
    }
    let sets = SCALARS.iter().enumerate().map(|(scalar, name)| {
        let groups = names.iter().filter_map(|group| {
            let own = runs.iter().filter(|(_, name)| name == group);
            let points = own.map(|(run, _)| run.scalars.points[scalar].as_slice()).collect::<Vec<_>>();
            curve(group, &points, seed)
        });
        CurveSet { scalar: (*name).to_owned(), groups: groups.collect() }
    });
    sets.filter(|set| !set.groups.is_empty()).collect()
}

/// The interquartile mean over runs at every step that a run has got to, with its band by resampling runs; none where no
/// run has a point.
fn curve(group: &str, runs: &[&[(f64, f64)]], seed: u64) -> Option<Curve> {
    let runs: Vec<&[(f64, f64)]> = runs.iter().copied().filter(|points| !points.is_empty()).collect();
    let steps = grid(&runs)?;
    let values: Vec<Vec<Option<f64>>> = runs.iter().map(|points| onto(&steps, points)).collect();
    let at = |drawn: &[usize], place: usize| {
        interquartile_mean(&mut drawn.iter().filter_map(|&run| values[run][place]).collect::<Vec<f64>>())
    };
    let all: Vec<usize> = (0..runs.len()).collect();
    let counts: Vec<usize> =
        (0..steps.len()).map(|place| values.iter().filter(|run| run[place].is_some()).count()).collect();
    let mut ci95 = band(seed, steps.len(), |resampling| {
        let drawn = resampling.stratum(runs.len());
        (0..steps.len()).map(|place| at(&drawn, place)).collect()
    });
    for (ci95, runs) in ci95.iter_mut().zip(&counts) {
        *ci95 = ci95.filter(|_| *runs > 1);
    }
    let iqm = (0..steps.len()).map(|place| at(&all, place));
    let kept: Vec<(usize, f64)> = iqm.enumerate().filter_map(|(place, iqm)| Some((place, iqm?))).collect();
    Some(Curve {
        group: group.to_owned(),
        steps: kept.iter().map(|&(place, _)| steps[place]).collect(),
        iqm: kept.iter().map(|&(_, iqm)| iqm).collect(),
        ci95: kept.iter().map(|&(place, _)| ci95[place]).collect(),
        runs: kept.iter().map(|&(place, _)| counts[place]).collect(),
    })
}

/// Steps at which runs are compared: those of the runs where they are few and the same for all, else the ends of equal
/// stretches up to the last.
fn grid(runs: &[&[(f64, f64)]]) -> Option<Vec<f64>> {
    let first = runs.first()?;
    let longest = runs.iter().max_by_key(|points| points.len())?;
    // A run that has not got as far as the others has the beginning of their steps.
    let alike = runs.iter().all(|points| points.iter().zip(longest.iter()).all(|(own, other)| own.0 == other.0));
    if alike && longest.len() <= POINTS {
        return Some(longest.iter().map(|point| point.0).collect());
    }
    let last = runs.iter().flat_map(|points| points.iter()).map(|point| point.0).fold(first[0].0, f64::max);
    Some((1..=POINTS).map(|place| last * place as f64 / POINTS as f64).collect())
}

/// A run's value at each step of a grid: the mean of its points in the stretch that ends there; where a stretch has none,
/// between its neighbours; none before its first and after its last.
fn onto(grid: &[f64], points: &[(f64, f64)]) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0.0); grid.len()];
    for &(step, value) in points {
        let place = grid.partition_point(|&end| end < step).min(grid.len() - 1);
        sums[place].0 += value;
        sums[place].1 += 1.0;
    }
    let mut values: Vec<Option<f64>> = sums.iter().map(|&(sum, count)| (count > 0.0).then(|| sum / count)).collect();
    let known: Vec<usize> = (0..grid.len()).filter(|&place| values[place].is_some()).collect();
    for pair in known.windows(2) {
        let (Some(from), Some(to)) = (values[pair[0]], values[pair[1]]) else { continue };
        for place in pair[0] + 1..pair[1] {
            let share = (grid[place] - grid[pair[0]]) / (grid[pair[1]] - grid[pair[0]]);
            values[place] = Some(from + share * (to - from));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_equal_steps_are_kept_and_a_shorter_run_counts_as_far_as_it_got() {
        let (one, two) = ([(10.0, 1.0), (20.0, 2.0)], [(10.0, 3.0)]);
        let curve = curve("ppo", &[&one, &two], 0).unwrap();
        assert_eq!((curve.steps, curve.iqm, curve.runs), (vec![10.0, 20.0], vec![2.0, 2.0], vec![2, 1]));
        assert_eq!(curve.ci95, [Some([1.0, 3.0]), None]);
    }

    #[test]
    fn long_curves_are_averaged_over_stretches() {
        let points: Vec<(f64, f64)> = (1..=1000).map(|step| (f64::from(step), f64::from(step))).collect();
        let curve = curve("ppo", &[&points], 0).unwrap();
        assert_eq!((curve.steps.len(), curve.steps[99], curve.iqm[0]), (100, 1000.0, 5.5));
    }

    #[test]
    fn runs_with_different_steps_are_brought_onto_one_grid() {
        // Both runs have the value of their step, so that the curve has, too, to within a stretch.
        let one: Vec<(f64, f64)> = (1..=30).map(|place| (30.0 * f64::from(place), 30.0 * f64::from(place))).collect();
        let two: Vec<(f64, f64)> = (1..=20).map(|place| (45.0 * f64::from(place), 45.0 * f64::from(place))).collect();
        let curve = curve("ppo", &[&one, &two], 0).unwrap();
        assert!(curve.steps.iter().zip(&curve.iqm).all(|(step, value)| (step - value).abs() <= 9.0), "{curve:?}");
    }

    #[test]
    fn a_run_without_points_is_left_out() {
        assert_eq!(curve("ppo", &[&[]], 0), None);
        assert_eq!(curve("ppo", &[&[], &[(5.0, 1.0)]], 0).unwrap().runs, [1]);
    }
}
