//! Wrong answers among replicas: the voter's mismatch, and S4's literal outlier rule, which three values cannot meet.

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};

use super::{Check, DetectorError, ObservationDetector, Severity, Verdict, error::check_range, metric::Metric};

/// Settings of the voter's mismatch: a node is wrong where more than this share of its answers is in the minority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoterMismatchConfig {
    /// The metric that is looked at: the share of a target's audited answers that disagree with its peers'.
    pub metric_name: String,
    /// The share above which a target is reported.
    pub share: f64,
    /// How grave wrong answers are.
    pub severity: Severity,
}

impl Default for VoterMismatchConfig {
    fn default() -> Self {
        Self { metric_name: "node.mismatch".to_owned(), share: 0.05, severity: Severity::High }
    }
}

/// Settings of S4's literal outlier rule: a value more than so many standard deviations from the mean of all.
///
/// The value is one of those the mean is taken of. Of three values none lies further off than 1.1547 standard deviations
/// with n - 1 in the divisor, 1.4142 with n: two are out of reach, and S4's rule never fires. It stands here as the
/// baseline that it is; [`VoterMismatchConfig`] is what works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutlierConfig {
    /// The metric that is compared among targets.
    pub metric_name: String,
    /// The targets that are compared, by name; all of the metric's kind where empty.
    pub targets: Vec<String>,
    /// Standard deviations beyond which a value is an outlier.
    pub deviations: f64,
    /// How grave an outlier is.
    pub severity: Severity,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        let metric_name = "node.mismatch".to_owned();
        Self { metric_name, targets: Vec::new(), deviations: 2.0, severity: Severity::High }
    }
}

/// What the divisor of a variance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// The number of values less one.
    Sample,
    /// The number of values.
    Population,
}

/// How many standard deviations each value lies from the mean of all, without sign; 0 where all are equal.
pub fn z_scores(values: &[f64], divisor: Divisor) -> Vec<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let divisor = if divisor == Divisor::Sample { count - 1.0 } else { count };
    let deviation = (squares / divisor.max(1.0)).sqrt();
    values.iter().map(|value| if deviation > 0.0 { (value - mean).abs() / deviation } else { 0.0 }).collect()
}

/// The voter's mismatch compiled for one topology; it remembers nothing.
pub struct VoterMismatch {
    config: VoterMismatchConfig,
    checks: Vec<Check>,
    columns: Vec<usize>,
}

impl VoterMismatch {
    /// Compiles the settings for a topology.
    ///
    /// # Errors
    /// A metric that the observation does not have, a share outside [0, 1].
    pub fn new(config: &VoterMismatchConfig, topology: &Topology) -> Result<Self, DetectorError> {
        check_range("voter_mismatch", "share", config.share, (0.0, 1.0))?;
        let metric = Metric::new("voter_mismatch", &config.metric_name, topology)?;
        let checks = checks("voter_mismatch", &config.metric_name, config.severity, &metric);
        let columns = metric.columns.iter().map(|&(_, column)| column).collect();
        Ok(Self { config: config.clone(), checks, columns })
    }
}

impl ObservationDetector for VoterMismatch {
    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn start(&self) -> Vec<f64> {
        Vec::new()
    }

    fn look(&self, _: u64, observation: &[f32], _: &mut [f64], verdicts: &mut [Verdict]) {
        for (verdict, &column) in verdicts.iter_mut().zip(&self.columns) {
            let (value, expected) = (f64::from(observation[column]), self.config.share);
            *verdict = Verdict { holds: value > expected, value, expected, score: value };
        }
    }

    fn describe(&self, _: usize, verdict: &Verdict) -> String {
        format!(
            "{:.1} % of audited answers disagree with the majority's (more than {:.1} %)",
            100.0 * verdict.value,
            100.0 * self.config.share
        )
    }
}

/// S4's literal outlier rule compiled for one topology; it remembers nothing.
pub struct Outlier {
    config: OutlierConfig,
    checks: Vec<Check>,
    columns: Vec<usize>,
}

impl Outlier {
    /// Compiles the settings for a topology.
    ///
    /// # Errors
    /// A metric that the observation does not have, targets that the topology does not have.
    pub fn new(config: &OutlierConfig, topology: &Topology) -> Result<Self, DetectorError> {
        check_range("outlier", "deviations", config.deviations, (0.01, 100.0))?;
        let mut metric = Metric::new("outlier", &config.metric_name, topology)?;
        let names: Vec<String> = metric.columns.iter().map(|(target, _)| target.name(topology).to_owned()).collect();
        if let Some(unknown) = config.targets.iter().find(|name| !names.contains(name)) {
            return Err(DetectorError::unknown_target("outlier.targets", unknown, &names));
        }
        if !config.targets.is_empty() {
            metric.columns.retain(|(target, _)| config.targets.iter().any(|name| name == target.name(topology)));
        }
        let checks = checks("outlier", &config.metric_name, config.severity, &metric);
        let columns = metric.columns.iter().map(|&(_, column)| column).collect();
        Ok(Self { config: config.clone(), checks, columns })
    }
}

impl ObservationDetector for Outlier {
    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn start(&self) -> Vec<f64> {
        Vec::new()
    }

    fn look(&self, _: u64, observation: &[f32], _: &mut [f64], verdicts: &mut [Verdict]) {
        let values: Vec<f64> = self.columns.iter().map(|&column| f64::from(observation[column])).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        // Divided by n, the more generous of the two.
        let scores = z_scores(&values, Divisor::Population);
        for ((verdict, &value), score) in verdicts.iter_mut().zip(&values).zip(scores) {
            *verdict = Verdict { holds: score > self.config.deviations, value, expected: mean, score };
        }
    }

    fn describe(&self, check: usize, verdict: &Verdict) -> String {
        format!(
            "{} is {:.3} where {} targets have {:.3} on average: {:.2} standard deviations off (more than {})",
            self.checks[check].metric_name,
            verdict.value,
            self.columns.len(),
            verdict.expected,
            verdict.score,
            self.config.deviations
        )
    }
}

fn checks(rule_name: &str, metric_name: &str, severity: Severity, metric: &Metric) -> Vec<Check> {
    let check = |&(target, _): &(_, usize)| Check {
        rule_name: rule_name.to_owned(),
        metric_name: metric_name.to_owned(),
        severity,
        target,
    };
    metric.columns.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use microcloud_core::{CounterRng, Scenario, Stream};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn of_three_values_none_is_two_standard_deviations_from_their_mean() {
        let largest = |values: &[f64], divisor| z_scores(values, divisor).into_iter().fold(0.0, f64::max);
        assert!((largest(&[0.0, 0.0, 1.0], Divisor::Sample) - 1.1547).abs() < 1e-4);
        assert!((largest(&[0.0, 0.0, 1.0], Divisor::Population) - std::f64::consts::SQRT_2).abs() < 1e-9);
        let mut rng = CounterRng::new(3, Stream::Exact, 0);
        for _ in 0..20_000 {
            let values = [(); 3].map(|()| f64::from(rng.between(-1.0, 1.0)).powi(7));
            assert!(largest(&values, Divisor::Sample) < 1.154_71 && largest(&values, Divisor::Population) < 1.414_22);
        }
    }

    #[test]
    fn the_literal_outlier_rule_is_silent_on_three_nodes_where_the_mismatch_reports_the_wrong_one() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let targets: Vec<String> = topology.node_names().iter().take(3).cloned().collect();
        let outlier = Outlier::new(&OutlierConfig { targets, ..OutlierConfig::default() }, &topology)?;
        let mismatch = VoterMismatch::new(&VoterMismatchConfig::default(), &topology)?;
        assert_eq!(outlier.checks().len(), 3);
        for share in [0.1, 0.5, 1.0, 4.0] {
            let mut observation = vec![0.0; topology.observation_size()];
            observation[outlier.columns[1]] = share;
            let mut verdicts = vec![Verdict::default(); 3];
            outlier.look(0, &observation, &mut [], &mut verdicts);
            assert!(verdicts.iter().all(|verdict| !verdict.holds), "{verdicts:?}");
            let mut verdicts = vec![Verdict::default(); mismatch.checks().len()];
            mismatch.look(0, &observation, &mut [], &mut verdicts);
            let wrong: Vec<usize> = (0..verdicts.len()).filter(|&check| verdicts[check].holds).collect();
            assert_eq!(wrong, [1]);
        }
        Ok(())
    }

    #[test]
    fn targets_that_do_not_exist_are_refused_with_the_nearest() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let name = format!("{}x", topology.node_names()[0]);
        let config = OutlierConfig { targets: vec![name], ..OutlierConfig::default() };
        let Err(error) = Outlier::new(&config, &topology) else { return Err("accepted".into()) };
        assert!(error.to_string().contains("did you mean"), "{error}");
        Ok(())
    }
}
