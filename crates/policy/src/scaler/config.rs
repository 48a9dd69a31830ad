//! What can be set in the scalers, and what is shipped.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::forecast::{ForecastError, Smoothing};

/// The files that the shipped configurations are read from.
const AUTOSCALER: &str = include_str!("../autoscaler.toml");
const PREDICTIVE_SCALER: &str = include_str!("../predictive_scaler.toml");

/// When and how far services are scaled; where both parts are set, the higher number of replicas counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalerConfig {
    /// Seconds between two looks: `--horizontal-pod-autoscaler-sync-period`.
    pub sync_s: f64,
    /// Seconds whose lowest recommendation counts before a service grows: `behavior.scaleUp.stabilizationWindowSeconds`.
    pub scale_up_stabilisation_s: f64,
    /// Seconds whose highest recommendation counts before a service shrinks: `behavior.scaleDown.stabilizationWindowSeconds`.
    pub scale_down_stabilisation_s: f64,
    /// Most growth in one look, relative to what there is: the policy of type `Percent`, over 100.
    pub scale_up_ratio: f64,
    /// Most growth in one look in replicas: the policy of type `Pods`; the policy that allows more counts.
    pub scale_up_replicas: f64,
    /// Scaling by what is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reactive: Option<Reactive>,
    /// Scaling by what is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictive: Option<Predictive>,
}

/// Scaling by the ratio of utilisation to its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reactive {
    /// Utilisation that each service is kept at; above 0, at most 1.
    pub utilisation_target: f64,
    /// Relative deviation that changes nothing: `--horizontal-pod-autoscaler-tolerance`.
    pub tolerance: f64,
    /// Whether the mean over 30 s is looked at instead of the last scrape.
    pub smoothed: bool,
}

/// Scaling by a forecast of each service's requests and Little's law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predictive {
    /// Utilisation that the expected load is to meet; above 0, at most 1.
    pub utilisation_target: f64,
    /// Seconds that the forecast looks ahead beyond the service's own start-up time.
    pub lead_s: f64,
    /// Weight of the newest measurement in the time a request takes, 0 to 1; 0 keeps what the scenario declares.
    pub service_time_weight: f64,
    /// Weights of level, trend and season.
    pub smoothing: Smoothing,
}

/// Why a scaler's configuration cannot be used.
#[derive(Debug, Error, PartialEq)]
pub enum ScalerError {
    /// A value outside its range.
    #[error("{key} = {value}; allowed: {allowed}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// Neither part is set.
    #[error("neither [reactive] nor [predictive] is set; allowed: one of them or both")]
    Nothing,
    /// The forecast's weights.
    #[error("predictive.smoothing: {0}")]
    Forecast(#[from] ForecastError),
}

impl ScalerConfig {
    /// The configuration of the baseline `autoscaler`: Kubernetes' rule.
    pub fn autoscaler() -> Self {
        // The file is part of the program, and a test reads it: the other value is unreachable.
        Self::from_toml(AUTOSCALER).unwrap_or_else(|_| Self::bare())
    }

    /// The configuration of the baseline `predictive-scaler`.
    pub fn predictive_scaler() -> Self {
        Self::from_toml(PREDICTIVE_SCALER).unwrap_or_else(|_| Self::bare())
    }

    /// The configuration in a TOML text.
    ///
    /// # Errors
    /// What serde finds wrong with it, on one line.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().replace('\n', " "))
    }

    /// The configuration as a TOML text that reads again to an equal one.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    /// Whether every value is in its range.
    ///
    /// # Errors
    /// The first value that is not, or that neither part is set.
    pub fn check(&self) -> Result<(), ScalerError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let mut ranges = vec![
            ("sync_s", self.sync_s, positive(self.sync_s), "above 0"),
            (
                "scale_up_stabilisation_s",
                self.scale_up_stabilisation_s,
                not_negative(self.scale_up_stabilisation_s) && self.scale_up_stabilisation_s <= 3600.0,
                "0 to 3600",
            ),
            (
                "scale_down_stabilisation_s",
                self.scale_down_stabilisation_s,
                not_negative(self.scale_down_stabilisation_s) && self.scale_down_stabilisation_s <= 3600.0,
                "0 to 3600",
            ),
            ("scale_up_ratio", self.scale_up_ratio, not_negative(self.scale_up_ratio), "at least 0"),
            ("scale_up_replicas", self.scale_up_replicas, not_negative(self.scale_up_replicas), "at least 0"),
        ];
        if let Some(reactive) = &self.reactive {
            let target = reactive.utilisation_target;
            ranges.push(("reactive.utilisation_target", target, share(target), "above 0, at most 1"));
            let tolerance = reactive.tolerance;
            ranges.push(("reactive.tolerance", tolerance, (0.0..1.0).contains(&tolerance), "0 to 1"));
        }
        if let Some(predictive) = &self.predictive {
            let target = predictive.utilisation_target;
            ranges.push(("predictive.utilisation_target", target, share(target), "above 0, at most 1"));
            ranges.push(("predictive.lead_s", predictive.lead_s, not_negative(predictive.lead_s), "at least 0"));
            let weight = predictive.service_time_weight;
            ranges.push(("predictive.service_time_weight", weight, (0.0..=1.0).contains(&weight), "0 to 1"));
            predictive.smoothing.check()?;
        }
        if self.reactive.is_none() && self.predictive.is_none() {
            return Err(ScalerError::Nothing);
        }
        match ranges.into_iter().find(|(_, _, fine, _)| !fine) {
            Some((key, value, _, allowed)) => Err(ScalerError::Range { key, value, allowed }),
            None => Ok(()),
        }
    }

    /// Kubernetes' defaults.
    fn bare() -> Self {
        Self {
            sync_s: 15.0,
            scale_up_stabilisation_s: 0.0,
            scale_down_stabilisation_s: 300.0,
            scale_up_ratio: 1.0,
            scale_up_replicas: 4.0,
            reactive: Some(Reactive { utilisation_target: 0.5, tolerance: 0.1, smoothed: false }),
            predictive: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_read_and_survive_a_round_trip() {
        for text in [AUTOSCALER, PREDICTIVE_SCALER] {
            let shipped = ScalerConfig::from_toml(text);
            assert!(shipped.as_ref().is_ok_and(|config| config.check().is_ok()), "{shipped:?}");
            let again = shipped.as_ref().map(|config| ScalerConfig::from_toml(&config.to_toml()));
            assert_eq!(again.ok(), Some(shipped.clone()));
        }
    }

    #[test]
    fn the_autoscaler_keeps_kubernetes_period_tolerance_window_and_limits() {
        let config = ScalerConfig::autoscaler();
        assert_eq!((config.sync_s, config.scale_down_stabilisation_s), (15.0, 300.0));
        assert_eq!((config.scale_up_ratio, config.scale_up_replicas), (1.0, 4.0));
        assert_eq!(config.reactive.map(|reactive| reactive.tolerance), Some(0.1));
        assert!(config.predictive.is_none());
    }

    #[test]
    fn values_out_of_range_are_named() {
        let mut config = ScalerConfig { sync_s: -15.0, ..ScalerConfig::autoscaler() };
        assert_eq!(config.check().map_err(|e| e.to_string()), Err("sync_s = -15; allowed: above 0".to_owned()));
        config.sync_s = 15.0;
        config.reactive = None;
        assert_eq!(config.check(), Err(ScalerError::Nothing));
    }
}
