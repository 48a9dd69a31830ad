//! Quantities that change over a run.

/// From `start` to `end` in a straight line over `duration`, and `end` from then on; `progress` counts as `duration` does.
pub fn linear(start: f64, end: f64, progress: f64, duration: f64) -> f64 {
    if progress >= duration { end } else { start + (end - start) * (progress / duration).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::linear;

    #[test]
    fn a_line_goes_from_start_to_end_and_stays_there() {
        let value = |progress| linear(1.0, 0.2, progress, 40.0);
        assert_eq!((value(-1.0), value(0.0)), (1.0, 1.0));
        assert!((value(10.0) - 0.8).abs() < 1e-12);
        assert_eq!((value(40.0), value(1e9)), (0.2, 0.2));
        assert_eq!(linear(1.0, 0.2, 0.0, 0.0), 0.2);
    }
}
