//! Resamples of a stratified bootstrap, and the intervals of what was seen in them.

use crate::statistics::{RESAMPLES, quantile, splitmix};

/// Draws indices with replacement; the same seed draws the same ones.
pub(super) struct Resampling {
    state: u64,
}

impl Resampling {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Replaces every index by one below `of`.
    pub fn fill(&mut self, indices: &mut [usize], of: usize) {
        for index in indices {
            *index = ((u128::from(splitmix(&mut self.state)) * of as u128) >> 64) as usize;
        }
    }

    /// As many indices of a stratum as it has members.
    pub fn stratum(&mut self, members: usize) -> Vec<usize> {
        let mut indices = vec![0; members];
        self.fill(&mut indices, members);
        indices
    }
}

/// The middle 95 % of a statistic over resamples; those in which it does not exist are left out.
pub(super) fn interval(seed: u64, mut statistic: impl FnMut(&mut Resampling) -> Option<f64>) -> Option<[f64; 2]> {
    let mut resampling = Resampling::new(seed);
    middle((0..RESAMPLES).filter_map(|_| statistic(&mut resampling)).collect())
}

/// The middle 95 % of each of several statistics, of which one resample gives all.
pub(super) fn band(
    seed: u64,
    points: usize,
    mut statistics: impl FnMut(&mut Resampling) -> Vec<Option<f64>>,
) -> Vec<Option<[f64; 2]>> {
    let mut resampling = Resampling::new(seed);
    let mut seen = vec![Vec::with_capacity(RESAMPLES); points];
    for _ in 0..RESAMPLES {
        for (seen, value) in seen.iter_mut().zip(statistics(&mut resampling)) {
            seen.extend(value);
        }
    }
    seen.into_iter().map(middle).collect()
}

/// The middle 95 % of some values.
pub(super) fn middle(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    Some([quantile(&values, 0.025)?, quantile(&values, 0.975)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mean;

    #[test]
    fn resamples_stay_within_their_stratum_and_keep_its_size() {
        // Strata that lie far apart: whatever is drawn, each gives its own members, as many as it has.
        let strata = [vec![1.0, 2.0, 3.0], vec![100.0; 5]];
        let mut resampling = Resampling::new(7);
        for _ in 0..200 {
            let drawn: Vec<Vec<f64>> = strata
                .iter()
                .map(|stratum| resampling.stratum(stratum.len()).iter().map(|&member| stratum[member]).collect())
                .collect();
            assert!(drawn[0].len() == 3 && drawn[0].iter().all(|value| (1.0..=3.0).contains(value)));
            assert_eq!(drawn[1], strata[1]);
        }
    }

    #[test]
    fn every_member_is_drawn_equally_often() {
        let mut resampling = Resampling::new(1);
        let mut counts = [0_u32; 5];
        for _ in 0..20_000 {
            resampling.stratum(5).iter().for_each(|&member| counts[member] += 1);
        }
        // A count of 100,000 draws at 1/5 has a standard deviation of 126.
        assert!(counts.iter().all(|count| count.abs_diff(20_000) < 5 * 126), "{counts:?}");
    }

    #[test]
    fn the_interval_of_two_values_spans_both() {
        // Of two members a resample has both equal to one of them in a quarter of the draws each.
        let values = [0.0, 1.0];
        let ci = interval(0, |resampling| {
            mean(&resampling.stratum(2).iter().map(|&member| values[member]).collect::<Vec<_>>())
        });
        assert_eq!(ci, Some([0.0, 1.0]));
        assert_eq!(interval(0, |_| None), None);
    }

    #[test]
    fn equal_seeds_give_equal_bands() {
        let draw = |seed| {
            band(seed, 2, |resampling| {
                // Square roots, so that hardly two resamples are equal.
                let drawn = resampling.stratum(9);
                vec![Some(drawn[0] as f64), Some(drawn.iter().map(|&member| (member as f64).sqrt()).sum())]
            })
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
