//! Additive Holt-Winters forecasts, and an observation extended by forecasts of the services' requests.
//!
//! Source: R. J. Hyndman and G. Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, sections 8.2 (linear
//! trend, damped trend) and 8.3 (additive seasonality), <https://otexts.com/fpp3/holt-winters.html>, in component form.

use std::sync::Arc;

use microcloud_core::{Topology, observation::BOUND};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Smoothing weights of [`HoltWinters`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smoothing {
    /// Weight of the newest value in the level, 0 to 1.
    pub level: f64,
    /// Weight of the newest slope in the trend, 0 to 1; 0 keeps the trend at none.
    pub trend: f64,
    /// What is left of the trend after each step ahead, 0 to 1; 1 goes on for ever.
    #[serde(default = "one")]
    pub damping: f64,
    /// The season, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<Season>,
}

/// An additive season.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Season {
    /// Steps from a value to the one a period later; at least 2.
    pub period: usize,
    /// Weight of the newest deviation in the season, 0 to 1.
    pub weight: f64,
}

/// Why a forecast cannot be made.
#[derive(Debug, Error, PartialEq)]
pub enum ForecastError {
    /// A weight outside its range.
    #[error("{key} = {value}; allowed: 0 to 1")]
    Weight {
        /// The weight's name.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// A season too short to be one.
    #[error("season.period = {0}; allowed: at least 2")]
    Period(usize),
    /// A horizon that is no time ahead.
    #[error("horizon = {0} s; allowed: above 0")]
    Horizon(f64),
    /// The observation has no requests to forecast.
    #[error("the observation of `{0}` has no service with requests to forecast")]
    NoRequests(String),
}

/// Level, trend and season of one series; a value each step, a forecast at any time.
///
/// With level `l`, trend `b`, season `s` of period `m`, damping `phi` and weights `alpha`, `beta`, `gamma`:
/// `l' = alpha (y - s) + (1 - alpha) (l + phi b)`, `b' = beta (l' - l) + (1 - beta) phi b`,
/// `s' = gamma (y - l - phi b) + (1 - gamma) s`; `h` steps ahead lies `l + (phi + ... + phi^h) b + s(h)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoltWinters {
    smoothing: Smoothing,
    level: f64,
    trend: f64,
    /// The season by place in the period; empty without one, filled by the first period's values.
    season: Vec<f64>,
    seen: u64,
}

impl HoltWinters {
    /// A forecaster that has seen nothing.
    ///
    /// # Errors
    /// Weights outside 0 to 1, a period below 2.
    pub fn new(smoothing: Smoothing) -> Result<Self, ForecastError> {
        smoothing.check()?;
        Ok(Self { smoothing, level: 0.0, trend: 0.0, season: Vec::new(), seen: 0 })
    }

    /// A forecaster that starts from a level, a trend and a season of one value per place in the period.
    ///
    /// # Errors
    /// Weights outside 0 to 1, a period below 2 or one that `season` does not have the length of.
    pub fn with_components(
        smoothing: Smoothing,
        level: f64,
        trend: f64,
        season: Vec<f64>,
    ) -> Result<Self, ForecastError> {
        smoothing.check()?;
        if smoothing.season.as_ref().map_or(0, |season| season.period) != season.len() {
            return Err(ForecastError::Period(season.len()));
        }
        let seen = season.len().max(1) as u64;
        Ok(Self { smoothing, level, trend, season, seen })
    }

    /// Takes in the next value; one that is not finite counts as what was expected.
    ///
    /// The first value is the first level. With a season, the first period's values give the first level, their mean, and
    /// the first season, their deviations from it.
    pub fn observe(&mut self, value: f64) {
        let value = if value.is_finite() { value } else { self.forecast(1.0) };
        let place = self.seen;
        self.seen += 1;
        let period = self.smoothing.season.as_ref().map_or(0, |season| season.period as u64);
        if place < period {
            self.season.push(value);
            self.level += (value - self.level) / self.seen as f64;
            if self.seen == period {
                self.season.iter_mut().for_each(|own| *own -= self.level);
            }
            return;
        }
        if place == 0 {
            self.level = value;
            return;
        }
        let slot = if period > 0 { (place % period) as usize } else { 0 };
        let seasonal = self.season.get(slot).copied().unwrap_or(0.0);
        let Smoothing { level: alpha, trend: beta, damping, .. } = self.smoothing;
        let expected = self.level + damping * self.trend;
        let level = alpha * (value - seasonal) + (1.0 - alpha) * expected;
        self.trend = beta * (level - self.level) + (1.0 - beta) * damping * self.trend;
        self.level = level;
        if let (Some(season), Some(own)) = (&self.smoothing.season, self.season.get_mut(slot)) {
            *own += season.weight * (value - expected - *own);
        }
    }

    /// What is expected so many steps ahead; between two steps the trend is interpolated and the later one's season holds.
    /// Before the first value it is 0.
    pub fn forecast(&self, steps: f64) -> f64 {
        let steps = steps.max(0.0);
        let damping = self.smoothing.damping;
        let mut ahead = 0.0;
        let mut factor = damping;
        let whole = steps.floor().min(100_000.0);
        for _ in 0..whole as u64 {
            ahead += factor;
            factor *= damping;
        }
        ahead += factor * (steps - steps.floor());
        let seasonal = match &self.smoothing.season {
            Some(season) if self.season.len() == season.period && self.seen > 0 => {
                let place = self.seen - 1 + steps.ceil() as u64;
                self.season[(place % season.period as u64) as usize]
            }
            _ => 0.0,
        };
        self.level + ahead * self.trend + seasonal
    }

    /// The level, as the last value left it.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The trend per step, as the last value left it.
    pub fn trend(&self) -> f64 {
        self.trend
    }
}

impl Smoothing {
    /// Whether every weight is one.
    ///
    /// # Errors
    /// Weights outside 0 to 1, a period below 2.
    pub fn check(&self) -> Result<(), ForecastError> {
        let weights = [
            ("level", Some(self.level)),
            ("trend", Some(self.trend)),
            ("damping", Some(self.damping)),
            ("season.weight", self.season.as_ref().map(|season| season.weight)),
        ];
        for (key, weight) in weights {
            if let Some(value) = weight.filter(|weight| !(0.0..=1.0).contains(weight)) {
                return Err(ForecastError::Weight { key, value });
            }
        }
        match &self.season {
            Some(season) if season.period < 2 => Err(ForecastError::Period(season.period)),
            _ => Ok(()),
        }
    }
}

/// Appends forecasts of every service's requests to an observation; compiled for one topology.
#[derive(Clone, Debug)]
pub struct LoadForecast {
    smoothing: Smoothing,
    columns: Vec<usize>,
    steps: Vec<f64>,
    names: Vec<String>,
}

impl LoadForecast {
    /// Forecasts of the feature `requests` so many seconds ahead, one decision being one step of the series.
    ///
    /// # Errors
    /// Weights or horizons out of range, an observation without requests.
    pub fn new(smoothing: Smoothing, horizons_s: &[f64], topology: &Arc<Topology>) -> Result<Self, ForecastError> {
        smoothing.check()?;
        let scenario = topology.scenario();
        let decision_s = f64::from(scenario.tick_ms) * f64::from(scenario.decision_ticks) / 1000.0;
        if let Some(&horizon_s) = horizons_s.iter().find(|&&horizon_s| !(horizon_s.is_finite() && horizon_s > 0.0)) {
            return Err(ForecastError::Horizon(horizon_s));
        }
        let services = topology.service_names();
        let mut forecast = Self {
            smoothing,
            columns: Vec::new(),
            steps: horizons_s.iter().map(|horizon_s| horizon_s / decision_s).collect(),
            names: Vec::new(),
        };
        for service in services {
            let Some(column) = topology.observation_index(&format!("service.{service}.requests")) else { continue };
            forecast.columns.push(column);
            let names = horizons_s.iter().map(|horizon_s| format!("service.{service}.requests_in_{horizon_s}s"));
            forecast.names.extend(names);
        }
        if forecast.columns.is_empty() {
            return Err(ForecastError::NoRequests(scenario.name.clone()));
        }
        Ok(forecast)
    }

    /// The names of the appended features: every horizon of the first service, then of the next.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The forecasters at an episode's start, one per service.
    pub fn start(&self) -> Vec<HoltWinters> {
        let fresh =
            HoltWinters { smoothing: self.smoothing.clone(), level: 0.0, trend: 0.0, season: Vec::new(), seen: 0 };
        vec![fresh; self.columns.len()]
    }

    /// Takes in an observation and appends the forecasts, in [0, [`BOUND`]], to `out`, in the order of [`Self::names`].
    pub fn append(&self, state: &mut [HoltWinters], observation: &[f32], out: &mut Vec<f32>) {
        for (&column, series) in self.columns.iter().zip(state) {
            series.observe(observation.get(column).copied().map_or(f64::NAN, f64::from));
            out.extend(self.steps.iter().map(|&steps| (series.forecast(steps) as f32).clamp(0.0, BOUND)));
        }
    }
}

fn one() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use microcloud_core::Scenario;

    use super::*;

    fn smoothing(level: f64, trend: f64, season: Option<Season>) -> Smoothing {
        Smoothing { level, trend, damping: 1.0, season }
    }

    #[test]
    fn level_trend_and_season_follow_a_hand_computed_example() -> Result<(), ForecastError> {
        // alpha 0.5, beta 0.4, gamma 0.2, period 2, from l = 10, b = 1, s = (2, -2), the next place being the first.
        // y = 14: expected 11, l = 0.5 (14 - 2) + 0.5 * 11 = 11.5, b = 0.4 * 1.5 + 0.6 = 1.2, s1 = 0.2 * 3 + 0.8 * 2 = 2.2.
        // y = 10: expected 12.7, l = 0.5 * 12 + 6.35 = 12.35, b = 0.4 * 0.85 + 0.72 = 1.06,
        // s2 = 0.2 * -2.7 + 0.8 * -2 = -2.14.
        let season = Season { period: 2, weight: 0.2 };
        let mut series = HoltWinters::with_components(smoothing(0.5, 0.4, Some(season)), 10.0, 1.0, vec![2.0, -2.0])?;
        series.observe(14.0);
        series.observe(10.0);
        assert!((series.level() - 12.35).abs() < 1e-12 && (series.trend() - 1.06).abs() < 1e-12, "{series:?}");
        assert!((series.forecast(1.0) - (12.35 + 1.06 + 2.2)).abs() < 1e-12, "{}", series.forecast(1.0));
        assert!((series.forecast(2.0) - (12.35 + 2.12 - 2.14)).abs() < 1e-12, "{}", series.forecast(2.0));
        Ok(())
    }

    #[test]
    fn a_seasonal_series_with_a_trend_is_learned() -> Result<(), ForecastError> {
        let truth = |step: u64| 100.0 + 0.5 * step as f64 + [8.0, -3.0, -9.0, 4.0][(step % 4) as usize];
        let season = Season { period: 4, weight: 0.3 };
        let mut with = HoltWinters::new(smoothing(0.4, 0.3, Some(season)))?;
        let mut without = HoltWinters::new(smoothing(0.4, 0.3, None))?;
        let (mut error, mut blind) = (0.0_f64, 0.0_f64);
        for step in 0..400 {
            if step >= 200 {
                error = error.max((with.forecast(1.0) - truth(step)).abs());
                blind = blind.max((without.forecast(1.0) - truth(step)).abs());
            }
            with.observe(truth(step));
            without.observe(truth(step));
        }
        assert!(error < 0.05 && blind > 5.0, "with the season {error}, without {blind}");
        assert!((with.forecast(6.0) - truth(405)).abs() < 0.1);
        Ok(())
    }

    #[test]
    fn a_damped_trend_levels_off() -> Result<(), ForecastError> {
        let mut series = HoltWinters::new(Smoothing { damping: 0.5, ..smoothing(1.0, 1.0, None) })?;
        series.observe(0.0);
        series.observe(8.0);
        // The trend is 8; half of it is left one step ahead, a quarter in the second.
        assert_eq!([series.forecast(1.0), series.forecast(2.0), series.forecast(1.5)], [12.0, 14.0, 13.0]);
        assert!((series.forecast(1000.0) - 16.0).abs() < 1e-9);
        Ok(())
    }

    #[test]
    fn weights_out_of_range_are_refused() {
        let season = |period, weight| Some(Season { period, weight });
        for (wrong, message) in [
            (smoothing(1.5, 0.0, None), "level = 1.5; allowed: 0 to 1"),
            (smoothing(0.5, f64::NAN, None), "trend = NaN; allowed: 0 to 1"),
            (smoothing(0.5, 0.0, season(4, -0.1)), "season.weight = -0.1; allowed: 0 to 1"),
            (smoothing(0.5, 0.0, season(1, 0.1)), "season.period = 1; allowed: at least 2"),
        ] {
            assert_eq!(HoltWinters::new(wrong).map_err(|error| error.to_string()), Err(message.to_owned()));
        }
    }

    #[test]
    fn an_observation_is_extended_by_named_forecasts() -> Result<(), Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let forecast = LoadForecast::new(smoothing(1.0, 1.0, None), &[5.0, 30.0], &topology)?;
        assert_eq!(forecast.names().len(), 2 * topology.num_services());
        assert!(forecast.names()[1].ends_with(".requests_in_30s"), "{}", forecast.names()[1]);
        let mut state = forecast.start();
        let mut seen = vec![1.0; topology.observation_size()];
        let mut out = seen.clone();
        forecast.append(&mut state, &seen, &mut out);
        seen.fill(1.25);
        out.clear();
        forecast.append(&mut state, &seen, &mut out);
        // A step of 0.25 a decision: 1.5 in one decision of 5 s, 2.75 in six.
        assert_eq!(out[..2], [1.5, 2.75]);
        assert!(LoadForecast::new(smoothing(1.0, 1.0, None), &[0.0], &topology).is_err());
        Ok(())
    }
}
