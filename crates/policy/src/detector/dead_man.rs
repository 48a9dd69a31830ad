//! The dead-man alert: telemetry has not been heard of for too long, or the service that detects is down.

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};

use super::{
    Check, DetectorError, IncidentTarget, ObservationDetector, Severity, Verdict,
    error::check_range,
    metric::{Metric, decision_s},
};

/// Seconds of staleness at which the observation's feature is one half.
const STALE_HALF_S: f64 = 30.0;

/// Settings of the dead-man alert, an external monitor: it goes on while the detecting service is down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadManConfig {
    /// Seconds without a scrape of enough services after which the telemetry counts as dead.
    pub bound_seconds: f64,
    /// The share of services that are this stale; 1 means all.
    pub share: f64,
    /// How grave it is to see nothing.
    pub severity: Severity,
}

impl Default for DeadManConfig {
    fn default() -> Self {
        Self { bound_seconds: 30.0, share: 1.0, severity: Severity::Critical }
    }
}

/// The dead-man alert compiled for one topology; it remembers nothing.
///
/// Checks: `dead_man` on the cluster, and `detection_down` on the service that the set runs on, where it runs on one.
pub struct DeadMan {
    config: DeadManConfig,
    checks: Vec<Check>,
    staleness: Vec<usize>,
    running: Option<usize>,
    decision_s: f64,
}

impl DeadMan {
    /// Compiles the settings for a topology; `host` is the service that detection runs on.
    ///
    /// # Errors
    /// Settings out of range, a service that the topology does not have.
    pub fn new(config: &DeadManConfig, host: Option<&str>, topology: &Topology) -> Result<Self, DetectorError> {
        check_range("dead_man", "bound_seconds", config.bound_seconds, (0.001, 86_400.0))?;
        check_range("dead_man", "share", config.share, (0.001, 1.0))?;
        let mut checks = vec![Check {
            rule_name: "dead_man".to_owned(),
            metric_name: "service.staleness".to_owned(),
            severity: config.severity,
            target: IncidentTarget::Global,
        }];
        let mut running = None;
        if let Some(name) = host {
            let (target, column) = host_column(name, topology)?;
            running = Some(column);
            checks.push(Check {
                rule_name: "detection_down".to_owned(),
                metric_name: "service.running".to_owned(),
                severity: config.severity,
                target,
            });
        }
        let staleness = Metric::new("dead_man", "service.staleness", topology)?;
        Ok(Self {
            config: config.clone(),
            checks,
            staleness: staleness.columns.into_iter().map(|(_, column)| column).collect(),
            running,
            decision_s: decision_s(topology),
        })
    }

    /// The age that is reached or passed by the wanted share of services, in seconds; an age that the feature cannot tell,
    /// 1 before the first scrape, is the time since the episode's start.
    fn age_s(&self, observation: &[f32], now_s: f64) -> f64 {
        let seconds = |&column: &usize| {
            let feature = f64::from(observation[column]);
            if feature < 1.0 { (STALE_HALF_S * feature / (1.0 - feature)).min(now_s) } else { now_s }
        };
        let mut ages: Vec<f64> = self.staleness.iter().map(seconds).collect();
        ages.sort_by(|a, b| b.total_cmp(a));
        let wanted = (self.config.share * ages.len() as f64).ceil().max(1.0) as usize;
        ages.get(wanted - 1).copied().unwrap_or(0.0)
    }
}

/// Where the observation tells how much of a service runs.
pub(super) fn host_column(name: &str, topology: &Topology) -> Result<(IncidentTarget, usize), DetectorError> {
    let metric = Metric::new("runs_on", "service.running", topology)?;
    let found = metric.columns.into_iter().find(|(target, _)| target.name(topology) == name);
    found.ok_or_else(|| DetectorError::unknown_target("runs_on", name, topology.service_names()))
}

impl ObservationDetector for DeadMan {
    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn start(&self) -> Vec<f64> {
        Vec::new()
    }

    fn look(&self, look: u64, observation: &[f32], _: &mut [f64], verdicts: &mut [Verdict]) {
        let expected = self.config.bound_seconds;
        let age_s = self.age_s(observation, look as f64 * self.decision_s);
        let mut verdicts = verdicts.iter_mut();
        if let Some(verdict) = verdicts.next() {
            *verdict = Verdict { holds: age_s > expected, value: age_s, expected, score: age_s / expected };
        }
        if let (Some(verdict), Some(column)) = (verdicts.next(), self.running) {
            let value = f64::from(observation[column]);
            *verdict = Verdict { holds: value <= 0.0, value, expected: 0.0, score: 1.0 - value };
        }
    }

    fn describe(&self, check: usize, verdict: &Verdict) -> String {
        if check == 0 {
            format!("telemetry is {:.0} s old (more than {} s)", verdict.value, self.config.bound_seconds)
        } else {
            "no replica of the service that detects anomalies runs: nothing else is detected".to_owned()
        }
    }

    fn is_external(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// Whether telemetry of these ages in seconds counts as dead at a look (5 s).
    fn dead(config: &DeadManConfig, look: u64, ages_s: &[f32]) -> Result<bool, Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let detector = DeadMan::new(config, None, &topology)?;
        let mut observation = vec![0.0; topology.observation_size()];
        for (&column, age_s) in detector.staleness.iter().zip(ages_s.iter().cycle()) {
            observation[column] = age_s / (age_s + 30.0);
        }
        let mut verdicts = [Verdict::default()];
        detector.look(look, &observation, &mut [], &mut verdicts);
        Ok(verdicts[0].holds)
    }

    #[test]
    fn it_fires_when_every_service_has_been_silent_for_longer_than_the_bound() -> Outcome {
        let config = DeadManConfig::default();
        assert!(!dead(&config, 100, &[29.0])? && dead(&config, 100, &[31.0])?);
        assert!(!dead(&config, 100, &[300.0, 300.0, 5.0])?);
        let half = DeadManConfig { share: 0.5, ..config };
        assert!(dead(&half, 100, &[300.0, 300.0, 5.0])? && !dead(&half, 100, &[300.0, 5.0, 5.0])?);
        Ok(())
    }

    #[test]
    fn before_the_first_scrape_it_waits_for_the_bound() -> Outcome {
        let never = [1e12];
        let config = DeadManConfig::default();
        assert!(!dead(&config, 0, &never)? && !dead(&config, 6, &never)? && dead(&config, 7, &never)?);
        Ok(())
    }
}
