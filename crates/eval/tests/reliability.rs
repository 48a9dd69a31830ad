//! How soon the reliability platform notices and acts: scrapes of 10 s, detection and policies every 30 s.

use std::{error::Error, sync::Arc};

use microcloud_core::{Environment, FaultPlan, Level, Scenario, Topology};
use microcloud_policy::{
    Agent,
    detector::{DetectorConfig, DetectorSet},
    policy_engine::{PolicyEngine, PolicySet},
};

/// Seconds from a fault of every phase of the platform's half-minute cycle to the z-score's incident and to the policy
/// engine's action; none where the episode's remainder passed without.
fn delays(zscore_only: &DetectorConfig) -> Result<Vec<[Option<f64>; 2]>, Box<dyn Error>> {
    let topology: Arc<Topology> = Topology::new(Scenario::load("reliability")?)?;
    let engine = PolicyEngine::new(PolicySet::shipped()?, &topology)?;
    let detectors = DetectorSet::new(zscore_only, &topology)?;
    let (mut observation, mut mask) = (vec![0.0; topology.observation_size()], vec![false; topology.num_actions()]);
    let mut delays = Vec::new();
    for phase in 0..15 {
        let onset_s = 400.0 + 2.0 * phase as f32;
        let mut environment = Environment::new(Arc::clone(&topology));
        let fault = FaultPlan::new("F06".parse()?, Some("orders"), 0.9, onset_s, 600.0).with_blast_radius(1.0);
        environment.reset_with_faults(Level::new(phase).ok_or("a level")?, &[fault])?;
        let (mut state, mut detected) = (engine.start(), detectors.start());
        let mut first = [None, None];
        while environment.time_s() < f64::from(onset_s) + 200.0 {
            environment.observe(&mut observation);
            environment.action_mask(&mut mask);
            detectors.observe(&mut detected, &observation);
            let action = engine.decide(&mut state, &observation, &mask);
            let since = environment.time_s() - f64::from(onset_s);
            if since >= 0.0 {
                let seen = detected.opened_incident().then_some(since);
                first[0] = first[0].or(seen);
                first[1] = first[1].or((action != 0).then_some(since));
            }
            environment.step(0);
        }
        delays.push(first);
    }
    Ok(delays)
}

#[test]
fn an_outage_is_seen_and_answered_within_seventy_seconds_whatever_the_phase() -> Result<(), Box<dyn Error>> {
    let config = DetectorConfig { zscore: DetectorConfig::all().zscore, ..DetectorConfig::default() };
    let delays = delays(&config)?;
    for (phase, [seen, answered]) in delays.iter().enumerate() {
        assert!(seen.is_some_and(|seen| seen <= 70.0), "phase {phase}: seen after {seen:?} s");
        assert!(answered.is_some_and(|answered| answered <= 70.0), "phase {phase}: answered after {answered:?} s");
    }
    // The phase decides: not all are alike.
    assert!(delays.iter().any(|delay| delay[1] != delays[0][1]), "{delays:?}");
    Ok(())
}
