//! The interquartile mean.

/// The mean of the middle half: a quarter of the values, rounded down to whole ones, is left out at each end, as
/// `scipy.stats.trim_mean(values, 0.25)` does it for Agarwal et al., "Deep Reinforcement Learning at the Edge of the
/// Statistical Precipice" (2021). Of up to three values it is the mean; of none there is none. Sorts the values.
pub(super) fn interquartile_mean(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let cut = values.len() / 4;
    crate::mean(&values[cut..values.len() - cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iqm(values: &[f64]) -> Option<f64> {
        interquartile_mean(&mut values.to_vec())
    }

    #[test]
    fn a_quarter_is_left_out_at_each_end_whatever_the_order() {
        // By hand: of eight values the middle four, (2 + 3 + 5 + 6) / 4.
        assert_eq!(iqm(&[3.0, -100.0, 5.0, 2.0, 1000.0, 6.0, 1.0, 7.0]), Some(4.0));
        // scipy.stats.trim_mean([1, 2, 3, 4, 100], 0.25) is 3: one of five values is left out at each end.
        assert_eq!(iqm(&[100.0, 1.0, 2.0, 4.0, 3.0]), Some(3.0));
        // scipy.stats.trim_mean(range(10), 0.25) is 4.5: two of ten values are left out at each end.
        assert_eq!(iqm(&(0..10).map(f64::from).collect::<Vec<_>>()), Some(4.5));
        let squares: Vec<f64> = (0..10).map(|value| f64::from(value * value)).collect();
        assert_eq!(iqm(&squares), Some((4.0 + 9.0 + 16.0 + 25.0 + 36.0 + 49.0) / 6.0));
    }

    #[test]
    fn few_values_are_not_trimmed() {
        assert_eq!(iqm(&[1.0, 2.0, 9.0]), Some(4.0));
        assert_eq!(iqm(&[7.0]), Some(7.0));
        assert_eq!(iqm(&[]), None);
    }
}
