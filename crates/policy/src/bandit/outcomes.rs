//! What became of past incidents: per symptom class and kind of action, how often it was tried and how well it went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::threshold_rules::Remedy;

/// The kinds of action, waiting first.
pub const ARMS: [Option<Remedy>; 6] = [
    None,
    Some(Remedy::Restart),
    Some(Remedy::ScaleUp),
    Some(Remedy::Drain),
    Some(Remedy::Rebalance),
    Some(Remedy::RebalanceAll),
];

/// Their names in files, in the same order.
pub const ARM_NAMES: [&str; 6] = ["wait", "restart", "scale-up", "drain", "rebalance", "rebalance-all"];

/// How often an action was tried, and the sum of its outcomes, each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Number of trials.
    pub trials: f64,
    /// Sum of outcomes.
    pub successes: f64,
}

impl Tally {
    /// Adds an outcome that counts as `weight` trials.
    pub fn add(&mut self, outcome: f64, weight: f64) {
        self.trials += weight;
        self.successes += weight * outcome;
    }

    /// The mean outcome; one trial at one half is put in, so that what was never tried has one.
    pub fn mean(&self) -> f64 {
        (self.successes + 0.5) / (self.trials + 1.0)
    }

    /// The same mean over at most so many trials, so that new outcomes count.
    #[must_use]
    pub fn capped(&self, most: f64) -> Self {
        let share = if self.trials > most { most / self.trials } else { 1.0 };
        Self { trials: self.trials * share, successes: self.successes * share }
    }
}

/// The tallies of every class, by the class's name and then the action's.
pub type Outcomes = BTreeMap<String, BTreeMap<String, Tally>>;

/// The arm of UCB1: the highest `mean + exploration * sqrt(2 ln N / n)`, the first of equals; arms that may not be taken are
/// left out. None where none may be taken.
///
/// Source: P. Auer, N. Cesa-Bianchi, P. Fischer, "Finite-time Analysis of the Multiarmed Bandit Problem", Machine Learning 47
/// (2002); `exploration` is 1 there.
pub fn upper_confidence_arm(tallies: &[Tally], allowed: &[bool], exploration: f64) -> Option<usize> {
    let total: f64 = tallies.iter().map(|tally| tally.trials).sum::<f64>().max(1.0);
    let bound = |tally: &Tally| {
        let spread =
            if exploration > 0.0 { (2.0 * natural_logarithm(total) / tally.trials.max(0.1)).sqrt() } else { 0.0 };
        tally.mean() + exploration * spread
    };
    let mut best: Option<(f64, usize)> = None;
    for (arm, tally) in tallies.iter().enumerate().filter(|&(arm, _)| allowed[arm]) {
        if best.is_none_or(|(highest, _)| bound(tally) > highest) {
            best = Some((bound(tally), arm));
        }
    }
    best.map(|(_, arm)| arm)
}

/// The natural logarithm by its series, from plain arithmetic alone, so that every machine gives the same bits.
fn natural_logarithm(value: f64) -> f64 {
    let (mut mantissa, mut halvings) = (value, 0.0);
    while mantissa > 1.5 {
        (mantissa, halvings) = (mantissa * 0.5, halvings + 1.0);
    }
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut term, mut sum) = (ratio, 0.0);
    for odd in 0..20 {
        sum += term / f64::from(2 * odd + 1);
        term *= ratio * ratio;
    }
    2.0 * sum + halvings * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(trials: f64, successes: f64) -> Tally {
        Tally { trials, successes }
    }

    #[test]
    fn without_exploration_the_best_mean_wins_and_with_it_the_least_tried() {
        let tallies = [tally(1000.0, 700.0), tally(1000.0, 600.0), tally(4.0, 2.0)];
        let all = [true; 3];
        assert_eq!(upper_confidence_arm(&tallies, &all, 0.0), Some(0));
        assert_eq!(upper_confidence_arm(&tallies, &all, 1.0), Some(2));
        assert_eq!(upper_confidence_arm(&tallies, &[false, true, false], 1.0), Some(1));
        assert_eq!(upper_confidence_arm(&tallies, &[false; 3], 1.0), None);
    }

    #[test]
    fn a_failing_arm_is_left_for_the_next() {
        let mut tallies = [tally(20.0, 16.0), tally(20.0, 12.0)];
        assert_eq!(upper_confidence_arm(&tallies, &[true; 2], 0.0), Some(0));
        for _ in 0..3 {
            tallies[0].add(0.0, 3.0);
        }
        assert_eq!(upper_confidence_arm(&tallies, &[true; 2], 0.0), Some(1));
    }

    #[test]
    fn a_capped_tally_keeps_its_mean_and_forgets_its_length() {
        assert_eq!(tally(1000.0, 700.0).capped(50.0), tally(50.0, 35.0));
        assert_eq!(tally(10.0, 7.0).capped(50.0), tally(10.0, 7.0));
    }

    #[test]
    fn the_logarithm_agrees_with_the_librarys() {
        for value in [1.0, 1.5, 2.0, 10.0, 12_345.678_f64] {
            assert!((natural_logarithm(value) - value.ln()).abs() < 1e-12, "{value}");
        }
    }
}
