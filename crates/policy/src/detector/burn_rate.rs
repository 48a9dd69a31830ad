//! Multi-window burn-rate alerts: the error budget burns so many times too fast over a long and over a short window.

use microcloud_core::Topology;
use serde::{Deserialize, Serialize};

use super::{
    Check, DetectorError, IncidentTarget, ObservationDetector, RuleError, Severity, Verdict,
    error::check_range,
    metric::{Metric, looks_in},
};

/// Settings of the burn-rate alerts on what users see, `global.error_ratio`, weighted by `global.load`.
///
/// Burning at rate 1 spends the budget, 1 - SLO, in just its period (The Site Reliability Workbook, chapter 5, "Alerting on
/// SLOs"). An episode lasts minutes, so all windows are divided by `compression`: 36 makes an hour 100 s and stands for a
/// budget whose period is 30 days / 36 = 20 hours, of which 14.4 over the long window still spend 2 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BurnRateConfig {
    /// The objective for the ratio of good requests; the scenario's own where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<f64>,
    /// By what all windows are divided.
    pub compression: f64,
    /// The alerts.
    pub alerts: Vec<BurnRateAlert>,
}

/// One alert: fires where both windows burn faster than `burn`, resolves as soon as one does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurnRateAlert {
    /// The name that incidents carry.
    pub name: String,
    /// How many times faster than the objective allows.
    pub burn: f64,
    /// Seconds of the long window, before compression: enough errors to matter.
    pub long_seconds: f64,
    /// Seconds of the short window, before compression: still going on.
    pub short_seconds: f64,
    /// How grave it is.
    pub severity: Severity,
}

impl Default for BurnRateConfig {
    fn default() -> Self {
        let alert = |name: &str, burn, (long_seconds, short_seconds), severity| {
            let name = name.to_owned();
            BurnRateAlert { name, burn, long_seconds, short_seconds, severity }
        };
        Self {
            availability: None,
            compression: 36.0,
            alerts: vec![
                alert("burn_rate_fast", 14.4, (3600.0, 300.0), Severity::Critical),
                alert("burn_rate_slow", 6.0, (21_600.0, 1800.0), Severity::High),
            ],
        }
    }
}

/// The burn-rate alerts compiled for one topology.
///
/// Memory: bad and offered load of the last looks, a ring over the longest window.
pub struct BurnRate {
    alerts: Vec<BurnRateAlert>,
    /// Looks in the long and the short window, by alert.
    windows: Vec<(usize, usize)>,
    checks: Vec<Check>,
    budget: f64,
    errors: usize,
    load: usize,
    capacity: usize,
}

impl BurnRate {
    /// Compiles the settings for a topology.
    ///
    /// # Errors
    /// Settings out of range, a short window that is longer than its long one, names that occur twice.
    pub fn new(config: &BurnRateConfig, topology: &Topology) -> Result<Self, DetectorError> {
        let slo = f64::from(topology.scenario().slo.availability);
        let availability = config.availability.unwrap_or(slo);
        check_range("burn_rate", "availability", availability, (0.0, 0.999_999_9))?;
        check_range("burn_rate", "compression", config.compression, (1.0, 1e6))?;
        // A metric that exists has at least one column.
        let column = |feature: &str| Metric::new("burn_rate", feature, topology).map(|metric| metric.columns[0].1);
        let (mut checks, mut windows): (Vec<Check>, Vec<_>) = (Vec::new(), Vec::new());
        for alert in &config.alerts {
            check_range("burn_rate", "alerts.burn", alert.burn, (0.001, 1e9))?;
            check_range("burn_rate", "alerts.long_seconds", alert.long_seconds, (0.001, 2_592_000.0))?;
            check_range("burn_rate", "alerts.short_seconds", alert.short_seconds, (0.001, alert.long_seconds))?;
            if checks.iter().any(|check| check.rule_name == alert.name) {
                return Err(RuleError::Duplicate(alert.name.clone()).into());
            }
            let looks = |seconds: f64| looks_in(seconds / config.compression, topology) as usize;
            windows.push((looks(alert.long_seconds), looks(alert.short_seconds)));
            checks.push(Check {
                rule_name: alert.name.clone(),
                metric_name: "global.error_ratio".to_owned(),
                severity: alert.severity,
                target: IncidentTarget::Global,
            });
        }
        let capacity = windows.iter().map(|&(long, _)| long).max().unwrap_or(1);
        check_range("burn_rate", "alerts.long_seconds (observations)", capacity as f64, (1.0, 1e6))?;
        Ok(Self {
            alerts: config.alerts.clone(),
            windows,
            checks,
            budget: 1.0 - availability,
            errors: column("global.error_ratio")?,
            load: column("global.load")?,
            capacity,
        })
    }

    /// How many times too fast the budget burned over the last `looks` looks, the present one included.
    fn burn(&self, look: u64, memory: &[f64], looks: usize) -> f64 {
        let (mut bad, mut offered) = (0.0, 0.0);
        for back in 0..looks.min(usize::try_from(look).unwrap_or(usize::MAX).saturating_add(1)) {
            let place = ((look - back as u64) % self.capacity as u64) as usize;
            bad += memory[2 * place];
            offered += memory[2 * place + 1];
        }
        if offered > 0.0 { bad / offered / self.budget } else { 0.0 }
    }
}

impl ObservationDetector for BurnRate {
    fn checks(&self) -> &[Check] {
        &self.checks
    }

    fn start(&self) -> Vec<f64> {
        vec![0.0; 2 * self.capacity]
    }

    fn look(&self, look: u64, observation: &[f32], memory: &mut [f64], verdicts: &mut [Verdict]) {
        let place = 2 * (look % self.capacity as u64) as usize;
        let load = f64::from(observation[self.load]);
        memory[place] = f64::from(observation[self.errors]) * load;
        memory[place + 1] = load;
        for ((alert, &(long, short)), verdict) in self.alerts.iter().zip(&self.windows).zip(verdicts) {
            let (long, short) = (self.burn(look, memory, long), self.burn(look, memory, short));
            let score = long.min(short);
            *verdict = Verdict { holds: score > alert.burn, value: long * self.budget, expected: self.budget, score };
        }
    }

    fn describe(&self, check: usize, verdict: &Verdict) -> String {
        format!(
            "{:.2} % of requests are bad over the long window; the error budget of {:.2} % burns {:.1} times too fast over \
             both windows (more than {})",
            100.0 * verdict.value,
            100.0 * self.budget,
            verdict.score,
            self.alerts[check].burn
        )
    }
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// Seconds at which each alert fires, for error ratios and loads look by look (5 s).
    fn firing(config: &BurnRateConfig, seen: &[(f32, f32)]) -> Result<Vec<Vec<u64>>, Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let detector = BurnRate::new(config, &topology)?;
        let (mut memory, mut verdicts) = (detector.start(), vec![Verdict::default(); detector.checks().len()]);
        let mut firing = vec![Vec::new(); verdicts.len()];
        for (look, &(errors, load)) in seen.iter().enumerate() {
            let mut observation = vec![0.0; topology.observation_size()];
            (observation[detector.errors], observation[detector.load]) = (errors, load);
            detector.look(look as u64, &observation, &mut memory, &mut verdicts);
            for (alert, verdict) in verdicts.iter().enumerate().filter(|(_, verdict)| verdict.holds) {
                assert!(verdict.score > detector.alerts[alert].burn);
                firing[alert].push(5 * look as u64);
            }
        }
        Ok(firing)
    }

    fn fast() -> BurnRateConfig {
        let mut config = BurnRateConfig { availability: Some(0.999), ..BurnRateConfig::default() };
        config.alerts.truncate(1);
        config
    }

    #[test]
    fn it_fires_where_both_windows_burn_and_stops_as_soon_as_the_short_one_does_not() -> Outcome {
        // Long window 20 looks, short window 2. Ten percent of bad requests for four looks are 100 times too fast, of
        // which the long window keeps a twentieth a look: 5, 10, 15, 20; the short one 50, 100, 100, 100.
        let mut seen = vec![(0.0, 1.0); 40];
        seen[20..24].fill((0.1, 1.0));
        // At look 24 the short window still holds one bad look (50) and the long one all four (20).
        assert_eq!(firing(&fast(), &seen)?, [vec![110, 115, 120]]);
        Ok(())
    }

    #[test]
    fn a_look_counts_by_its_load() -> Outcome {
        let mut seen = vec![(0.0, 1.0); 40];
        seen[20..24].fill((0.1, 0.1));
        assert!(firing(&fast(), &seen)?.concat().is_empty());
        Ok(())
    }

    #[test]
    fn the_compression_divides_every_window() -> Outcome {
        let mut seen = vec![(0.0, 1.0); 400];
        seen[200..240].fill((0.1, 1.0));
        // Long window 200 looks, of which 29 bad ones burn 14.5 times too fast; short window 17, of which it takes three.
        let slower = BurnRateConfig { compression: 3.6, ..fast() };
        assert_eq!(firing(&slower, &seen)?, [(228..=253).map(|look| 5 * look).collect::<Vec<u64>>()]);
        Ok(())
    }

    #[test]
    fn the_defaults_are_the_published_alerts_and_the_scenarios_objective() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let detector = BurnRate::new(&BurnRateConfig::default(), &topology)?;
        let alerts: Vec<_> =
            detector.alerts.iter().map(|alert| (alert.burn, alert.long_seconds, alert.short_seconds)).collect();
        assert_eq!(alerts, [(14.4, 3600.0, 300.0), (6.0, 21_600.0, 1800.0)]);
        let slo = f64::from(topology.scenario().slo.availability);
        assert!((detector.budget - (1.0 - slo)).abs() < 1e-12);
        // 14.4 times over an hour spend 2 % of a budget of 30 days, 6 times over six hours 5 %.
        assert!(
            (14.4_f64 / (30.0 * 24.0) - 0.02).abs() < 1e-12 && (6.0_f64 * 6.0 / (30.0 * 24.0) - 0.05).abs() < 1e-12
        );
        Ok(())
    }

    #[test]
    fn a_short_window_longer_than_the_long_one_is_refused() -> Outcome {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let mut config = fast();
        config.alerts[0].short_seconds = 7200.0;
        let Err(error) = BurnRate::new(&config, &topology) else { return Err("accepted".into()) };
        assert!(error.to_string().contains("burn_rate.alerts.short_seconds = 7200; allowed: 0.001 to 3600"), "{error}");
        Ok(())
    }
}
