//! How far policies are from another one on the same levels.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{EvaluationReport, report::is_usable, statistics::Bootstrap, statistics::mean};

/// A number and its 95 % interval; null where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number.
    pub value: Option<f64>,
    /// Its interval.
    pub ci95: Option<[f64; 2]>,
}

/// The mean over levels of what a policy's return has over another's on the same level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The other policy.
    pub to: String,
    /// Of the returns.
    #[serde(rename = "return")]
    pub returns: Estimate,
    /// Of the scores: that of the returns over what oracle has over no-op; null where the scenario has no score.
    pub score: Estimate,
}

/// A policy to compare with that was not played.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no policy `{name}` was played on {scenario}; allowed: {allowed}")]
pub struct UnknownRival {
    /// What was asked for.
    pub name: String,
    /// Where it is missing.
    pub scenario: String,
    /// What was played.
    pub allowed: String,
}

impl EvaluationReport {
    /// Adds to every row its difference to the policy of that name, with the interval of a bootstrap over levels: both
    /// policies are seen on the same resampled levels, so that what makes a level hard cancels out.
    ///
    /// # Errors
    /// A policy that was not played.
    pub fn compare_with(&mut self, name: &str) -> Result<(), UnknownRival> {
        let seed = self.levels.seed;
        for row in &mut self.rows {
            let scenario = self.levels.scenarios.iter().find(|scenario| scenario.scenario == row.scenario);
            let found = |name: &str| scenario.and_then(|scenario| scenario.policy(name)).map(|policy| &policy.returns);
            let (Some(own), Some(other)) = (found(&row.policy), found(name)) else {
                let played = scenario.map(|scenario| scenario.policies.iter().map(|policy| policy.policy.as_str()));
                return Err(UnknownRival {
                    name: name.to_owned(),
                    scenario: row.scenario.clone(),
                    allowed: played.map(|names| names.collect::<Vec<_>>().join(", ")).unwrap_or_default(),
                });
            };
            let scale = found("no-op").zip(found("oracle"));
            row.difference = Some(paired(name, own, other, scale.map(|(no_op, oracle)| [no_op, oracle]), seed));
        }
        Ok(())
    }
}

/// The difference of two columns of returns over the same levels; `scale` holds no-op's and oracle's.
fn paired(to: &str, own: &[f64], other: &[f64], scale: Option<[&Vec<f64>; 2]>, seed: u64) -> Difference {
    let apart: Vec<f64> = own.iter().zip(other).map(|(own, other)| own - other).collect();
    let bootstrap = Bootstrap::new(apart.len(), seed);
    let returns = Estimate { value: mean(&apart), ci95: bootstrap.ci95(|draw| draw.mean(&apart)) };
    let score = scale.filter(|[no_op, oracle]| is_usable(no_op, oracle, &bootstrap)).map(|[no_op, oracle]| {
        let gap: Vec<f64> = oracle.iter().zip(no_op).map(|(oracle, no_op)| oracle - no_op).collect();
        let value = mean(&apart).zip(mean(&gap)).map(|(apart, gap)| apart / gap);
        Estimate { value, ci95: bootstrap.ci95(|draw| Some(draw.mean(&apart)? / draw.mean(&gap)?)) }
    });
    Difference { to: to.to_owned(), returns, score: score.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_lead_has_an_interval_of_no_width_however_much_levels_differ() {
        let other: Vec<f64> = (0..40).map(|level| -f64::from(level * level)).collect();
        let own: Vec<f64> = other.iter().map(|value| value + 2.0).collect();
        let difference = paired("other", &own, &other, None, 0);
        assert_eq!(difference.returns, Estimate { value: Some(2.0), ci95: Some([2.0, 2.0]) });
        assert_eq!(difference.score, Estimate::default());
    }

    #[test]
    fn the_score_is_the_return_in_units_of_what_oracle_gains() {
        let (no_op, oracle) = (vec![-10.0; 20], vec![-2.0; 20]);
        let difference = paired("no-op", &[-4.0; 20], &no_op, Some([&no_op, &oracle]), 0);
        assert_eq!(difference.score.value, Some(0.75));
        // Where oracle gains nothing there is no scale.
        assert_eq!(paired("no-op", &[-4.0; 20], &no_op, Some([&no_op, &no_op]), 0).score.value, None);
    }
}
