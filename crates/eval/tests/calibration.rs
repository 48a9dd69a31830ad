//! A search for rules keeps to its budget, and what it finds is no worse than where it began.

use std::error::Error;

use microcloud_core::{Scenario, Topology};
use microcloud_eval::{CalibrationConfig, calibrate};

type Outcome = Result<(), Box<dyn Error>>;

const SMALL: CalibrationConfig =
    CalibrationConfig { total_timesteps: 220_000, levels: 8, seed: 3, described_thresholds: false };

#[test]
fn a_calibration_spends_at_most_its_budget_and_more_of_it_finds_no_worse() -> Outcome {
    let topologies = [Topology::new(Scenario::load("spine12")?)?];
    let found = calibrate(&topologies, &SMALL, &())?;
    assert!(found.timesteps <= SMALL.total_timesteps, "{}", found.timesteps);
    assert!(found.candidates > 20, "{}", found.candidates);
    // Without rivals to be played instead, the levels that decide are those that the descents go by.
    let described = |total_timesteps: u64| {
        let config = CalibrationConfig { total_timesteps, described_thresholds: true, ..SMALL };
        calibrate(&topologies, &config, &())
    };
    let (more, less) = (described(150_000)?, described(40_000)?);
    assert!(more.candidates > less.candidates && more.train_return >= less.train_return, "{more:?} {less:?}");
    let refused = calibrate(&topologies, &CalibrationConfig { total_timesteps: 1, ..SMALL }, &());
    assert!(refused.is_err_and(|error| error.to_string().contains("total_timesteps = 1; allowed: ")));
    Ok(())
}

#[test]
fn the_same_seed_finds_the_same_rules_on_any_number_of_threads() -> Outcome {
    let topologies = [Topology::new(Scenario::load("spine12")?)?];
    let config = CalibrationConfig { total_timesteps: 100_000, ..SMALL };
    let on = |threads: usize| -> Result<_, Box<dyn Error>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(pool.install(|| calibrate(&topologies, &config, &()))?.config)
    };
    assert_eq!(on(1)?, on(2)?);
    Ok(())
}

#[test]
fn rules_of_the_described_system_keep_its_thresholds() -> Outcome {
    let topologies = [Topology::new(Scenario::load("spine12")?)?];
    let config = CalibrationConfig { total_timesteps: 80_000, described_thresholds: true, ..SMALL };
    let found = calibrate(&topologies, &config, &())?;
    assert!(found.config.scaler.is_none());
    let threshold = |name: &str| {
        found.config.threshold_rules.rules.iter().find(|rule| rule.name == name).map(|rule| rule.threshold)
    };
    assert_eq!(
        [threshold("error_rate_high"), threshold("cpu_high"), threshold("p99_high")],
        [0.05, 0.85, 500.0].map(Some)
    );
    Ok(())
}
