//! Properties of the z-score: bounds, confidence, windows, and the false-alarm rates that follow from them.

use std::sync::Arc;

use microcloud_core::{CounterRng, Scenario, Stream, Topology};

use super::{ZScore, ZScoreConfig, bounds, confidence, largest_z};
use crate::detector::{DetectorError, ObservationDetector, Verdict};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn spine() -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

/// Standard normal draws by Box and Muller's method.
struct Normal(CounterRng);

impl Normal {
    fn draw(&mut self) -> f64 {
        let (first, second) = (1.0 - f64::from(self.0.uniform()), f64::from(self.0.uniform()));
        (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos()
    }
}

/// Alarms and judgements of independent normal series after `rounds` checks.
fn count(config: &ZScoreConfig, rounds: u64) -> Result<(u64, u64), Box<dyn std::error::Error>> {
    let topology = spine()?;
    let detector = ZScore::new(config, &topology)?;
    let mut memory = detector.start();
    let mut normal = Normal(CounterRng::new(7, Stream::Exact, 1));
    let mut observation = vec![0.0_f32; topology.observation_size()];
    let (mut alarms, mut judged) = (0, 0);
    let first = detector.sample_looks * config.window as u64;
    for look in 0..first + rounds * detector.every_looks {
        if look % detector.sample_looks == 0 {
            for &column in &detector.columns {
                observation[column] = normal.draw() as f32;
            }
        }
        let mut verdicts = vec![Verdict { score: -1.0, ..Verdict::default() }; detector.checks().len()];
        detector.look(look, &observation, &mut memory, &mut verdicts);
        judged += verdicts.iter().filter(|verdict| verdict.score >= 0.0).count() as u64;
        alarms += verdicts.iter().filter(|verdict| verdict.holds).count() as u64;
    }
    Ok((alarms, judged))
}

#[test]
fn with_known_mean_and_deviation_one_and_a_quarter_percent_of_normal_values_lie_outside_the_bounds() {
    let mut normal = Normal(CounterRng::new(5, Stream::Exact, 0));
    let (low, high) = bounds(0.0, 1.0, 2.5);
    let draws = 400_000;
    let outside = (0..draws).map(|_| normal.draw()).filter(|&value| value < low || value > high).count();
    // P(|Z| > 2.5) = 1.242 % for a standard normal Z.
    let (rate, expected) = (outside as f64 / f64::from(draws), 0.012_419);
    let error = (expected * (1.0 - expected) / f64::from(draws)).sqrt();
    assert!((rate - expected).abs() < 4.0 * error, "{rate} against {expected} ± {error}");
}

#[test]
fn with_both_estimated_from_twenty_values_it_is_two_and_a_half_percent() -> Outcome {
    // A check every 21 values: no two windows share one, so that alarms are independent and their error binomial.
    let config = ZScoreConfig { every_seconds: 210.0, ..ZScoreConfig::default() };
    let (alarms, judged) = count(&config, 4000)?;
    // (X - mean) / (S √(1 + 1/20)) has Student's t distribution with 19 degrees of freedom, and
    // P(|T| > 2.5 / √1.05) = 2.47 %.
    let (rate, expected) = (alarms as f64 / judged as f64, 0.0247);
    let error = (expected * (1.0 - expected) / judged as f64).sqrt();
    assert!(judged >= 60 * 3900 && (rate - expected).abs() < 4.0 * error, "{rate} against {expected} ± {error}");
    Ok(())
}

#[test]
fn sixty_series_checked_every_thirty_seconds_alarm_once_or_twice_per_check_though_nothing_is_wrong() -> Outcome {
    let topology = spine()?;
    let config = ZScoreConfig::default();
    assert_eq!(ZScore::new(&config, &topology)?.checks().len(), 60);
    let rounds = 3000;
    let (alarms, judged) = count(&config, rounds)?;
    let per_check = alarms as f64 / (judged as f64 / 60.0);
    // 60 × 1.24 % = 0.75 to 60 × 2.47 % = 1.48; windows overlap six times, which widens the error of the mean at most
    // by √7 over that of independent checks, √1.48 / √3000.
    let error = (7.0_f64 * 1.48 / rounds as f64).sqrt();
    assert!((0.74..1.48 + 3.0 * error).contains(&per_check), "{per_check} per check, error {error}");
    assert!((per_check - 1.48).abs() < 3.0 * error, "{per_check} per check, error {error}");
    Ok(())
}

#[test]
fn confidence_is_a_half_plus_a_tenth_of_z_and_never_above_one() {
    assert_eq!([0.0, 2.5, 5.0, 40.0].map(confidence), [0.5, 0.75, 1.0, 1.0]);
    assert_eq!(confidence(-9.0), 0.0);
}

#[test]
fn a_window_that_holds_its_own_value_and_is_too_short_to_alarm_is_refused_with_the_reason() -> Outcome {
    let topology = spine()?;
    let config = |window, includes_current| ZScoreConfig { window, includes_current, ..ZScoreConfig::default() };
    assert!((largest_z(8) - 2.4749).abs() < 1e-4 && (largest_z(9) - 2.6667).abs() < 1e-4);
    let Err(error) = ZScore::new(&config(8, true), &topology) else { return Err("accepted".into()) };
    assert!(matches!(error, DetectorError::Setting { .. }) && error.to_string().contains("2.475"), "{error}");
    assert!(ZScore::new(&config(9, true), &topology).is_ok() && ZScore::new(&config(8, false), &topology).is_ok());
    Ok(())
}

#[test]
fn the_largest_z_of_a_window_is_reached_by_one_value_apart_from_equal_ones_and_passed_by_none() -> Outcome {
    let topology = spine()?;
    let config = ZScoreConfig { includes_current: true, ..ZScoreConfig::default() };
    let detector = ZScore::new(&config, &topology)?;
    let mut window = [0.0; 20];
    window[7] = 3.0;
    assert!((detector.judge(3.0, &window).score - largest_z(20)).abs() < 1e-9);
    let mut normal = Normal(CounterRng::new(9, Stream::Exact, 0));
    for _ in 0..1000 {
        let window: Vec<f64> = (0..20).map(|_| normal.draw().powi(5)).collect();
        assert!(window.iter().all(|&value| detector.judge(value, &window).score <= largest_z(20) + 1e-9));
    }
    Ok(())
}

#[test]
fn nothing_is_judged_before_the_window_is_full_and_a_jump_after_it_is_an_anomaly_until_the_next_check() -> Outcome {
    let topology = spine()?;
    let detector = ZScore::new(&ZScoreConfig::default(), &topology)?;
    let (mut memory, mut verdicts) = (detector.start(), vec![Verdict::default(); detector.checks().len()]);
    let mut held = Vec::new();
    for look in 0..=54_u64 {
        let mut observation = vec![0.0; topology.observation_size()];
        // Two looks a value, six a check: values 0.4 and 0.6 in turn, and one jump at look 48, which is a check.
        let value = if (look / 2) % 2 == 0 { 0.4 } else { 0.6 };
        observation[detector.columns[0]] = if (48..50).contains(&look) { 2.0 } else { value };
        detector.look(look, &observation, &mut memory, &mut verdicts);
        held.push(verdicts[0].holds);
    }
    let holding: Vec<usize> = (0..held.len()).filter(|&look| held[look]).collect();
    assert_eq!(holding, [48, 49, 50, 51, 52, 53]);
    Ok(())
}
