//! S4's monitor: a target is off after so many bad looks in a row, and on again after so many good ones.

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};

use super::{
    Check, DetectorError, ObservationDetector, Severity, Verdict,
    error::check_range,
    metric::{Metric, looks_in},
};

/// Settings of the run-length health checks; failures and recoveries are S4's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheckConfig {
    /// The metric that is looked at; more is better.
    ///
    /// `service.running` is the share of the initial replicas that answer, seen at once; `service.ready` the share that
    /// the platform's own probes keep in rotation, as the last scrape saw it.
    pub metric_name: String,
    /// The look is bad where the metric is below this.
    pub healthy_from: f64,
    /// Bad looks in a row after which the target is off.
    pub failures: u32,
    /// Good looks in a row after which it is on again.
    pub recoveries: u32,
    /// Seconds between two looks; less than a decision means every decision.
    ///
    /// S4 looks every 0.2 s, inside a decision: those checks are the simulator's own and move `service.ready`.
    pub every_seconds: f64,
    /// How grave it is to be off.
    pub severity: Severity,
}

impl Default for HealthCheckConfig {
    fn default() -> Self {
        Self {
            metric_name: "service.running".to_owned(),
            healthy_from: 0.99,
            failures: 3,
            recoveries: 5,
            every_seconds: 0.2,
            severity: Severity::High,
        }
    }
}

/// The health checks compiled for one topology.
///
/// Memory, per target: bad looks in a row, good looks in a row.
pub struct HealthCheck {
    config: HealthCheckConfig,
    checks: Vec<Check>,
    columns: Vec<usize>,
    every_looks: u64,
}

impl HealthCheck {
    /// Compiles the settings for a topology.
    ///
    /// # Errors
    /// A metric that the observation does not have, runs without a look.
    pub fn new(config: &HealthCheckConfig, topology: &Topology) -> Result<Self, DetectorError> {
        check_range("health_check", "failures", f64::from(config.failures), (1.0, 1e6))?;
        check_range("health_check", "recoveries", f64::from(config.recoveries), (1.0, 1e6))?;
        check_range("health_check", "healthy_from", config.healthy_from, (-4.0, 4.0))?;
        check_range("health_check", "every_seconds", config.every_seconds, (0.001, 86_400.0))?;
        let metric = Metric::new("health_check", &config.metric_name, topology)?;
        let check = |target| Check {
            rule_name: "health_check".to_owned(),
            metric_name: config.metric_name.clone(),
            severity: config.severity,
            target,
        };
        Ok(Self {
            checks: metric.columns.iter().map(|&(target, _)| check(target)).collect(),
            columns: metric.columns.iter().map(|&(_, column)| column).collect(),
            every_looks: looks_in(config.every_seconds, topology),
            config: config.clone(),
        })
    }
}

impl ObservationDetector for HealthCheck {
    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn start(&self) -> Vec<f64> {
        vec![0.0; 2 * self.checks.len()]
    }

    fn look(&self, look: u64, observation: &[f32], memory: &mut [f64], verdicts: &mut [Verdict]) {
        if !look.is_multiple_of(self.every_looks) {
            return;
        }
        for ((runs, &column), verdict) in memory.chunks_exact_mut(2).zip(&self.columns).zip(verdicts) {
            let value = f64::from(observation[column]);
            let bad = value < self.config.healthy_from;
            runs[usize::from(bad)] = 0.0;
            runs[usize::from(!bad)] += 1.0;
            let (bad_run, good_run) = (runs[0], runs[1]);
            let holds = if verdict.holds {
                good_run < f64::from(self.config.recoveries)
            } else {
                bad_run >= f64::from(self.config.failures)
            };
            *verdict = Verdict { holds, value, expected: self.config.healthy_from, score: bad_run };
        }
    }

    fn describe(&self, check: usize, verdict: &Verdict) -> String {
        format!(
            "{} is {:.3}, below {}; off after {} bad looks in a row, on after {} good ones",
            self.checks[check].metric_name,
            verdict.value,
            self.config.healthy_from,
            self.config.failures,
            self.config.recoveries
        )
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    /// The looks at which the first service is off, for shares of its replicas look by look.
    fn off(config: &HealthCheckConfig, shares: &[f32]) -> Result<Vec<usize>, Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let detector = HealthCheck::new(config, &topology)?;
        let (mut memory, mut verdicts) = (detector.start(), vec![Verdict::default(); detector.checks().len()]);
        let mut off = Vec::new();
        for (look, &share) in shares.iter().enumerate() {
            let mut observation = vec![1.0; topology.observation_size()];
            observation[detector.columns[0]] = share;
            detector.look(look as u64, &observation, &mut memory, &mut verdicts);
            assert!(verdicts[1..].iter().all(|verdict| !verdict.holds));
            if verdicts[0].holds {
                off.push(look);
            }
        }
        Ok(off)
    }

    #[test]
    fn three_bad_looks_in_a_row_turn_it_off_and_five_good_ones_on_again() -> Result<(), Box<dyn std::error::Error>> {
        let shares = [1.0, 0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(off(&HealthCheckConfig::default(), &shares)?, (6..=16).collect::<Vec<_>>());
        let hasty = HealthCheckConfig { failures: 1, recoveries: 1, ..HealthCheckConfig::default() };
        assert_eq!(off(&hasty, &shares)?, [1, 2, 4, 5, 6, 7, 12]);
        Ok(())
    }

    #[test]
    fn a_run_of_no_looks_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let config = HealthCheckConfig { failures: 0, ..HealthCheckConfig::default() };
        let refused = HealthCheck::new(&config, &topology).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(refused, Err("health_check.failures = 0; allowed: 1 to 1000000".to_owned()));
        Ok(())
    }
}
