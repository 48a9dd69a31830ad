//! Properties of the scalers: urgency, one action a decision, limits, windows, restoring, and acting before the load comes.

use std::sync::Arc;

use microcloud_core::{Action, Scenario, ServiceId, Topology};

use super::{Predictive, Scaler, ScalerConfig, ScalerState};
use crate::forecast::Smoothing;

type Outcome = Result<(), Box<dyn std::error::Error>>;

struct Bench {
    topology: Arc<Topology>,
    scaler: Scaler,
    state: ScalerState,
    seen: Vec<f32>,
    mask: Vec<bool>,
}

impl Bench {
    /// All services at their initial size, at half their load.
    fn new(config: ScalerConfig) -> Result<Self, Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let scaler = Scaler::new(config, &topology)?;
        let mut bench = Self {
            state: scaler.start(),
            scaler,
            seen: vec![0.0; topology.observation_size()],
            mask: vec![true; topology.num_actions()],
            topology,
        };
        for name in bench.topology.service_names().to_vec() {
            bench.set(&name, "running", 1.0)?;
            bench.set(&name, "utilisation", 0.3)?;
            bench.set(&name, "requests", 1.0)?;
        }
        Ok(bench)
    }

    fn set(&mut self, service: &str, feature: &str, value: f32) -> Result<(), String> {
        let name = format!("service.{service}.{feature}");
        self.seen[self.topology.observation_index(&name).ok_or(name)?] = value;
        Ok(())
    }

    fn act(&mut self) -> Option<Action> {
        let index = self.scaler.decide(&mut self.state, &self.seen, &self.mask)?;
        self.topology.action(index)
    }

    fn id(&self, service: &str) -> Result<ServiceId, String> {
        self.topology.service(service).ok_or_else(|| service.to_owned())
    }
}

fn kubernetes() -> ScalerConfig {
    let mut config = ScalerConfig::autoscaler();
    if let Some(reactive) = &mut config.reactive {
        reactive.utilisation_target = 0.5;
        reactive.smoothed = false;
    }
    config
}

#[test]
fn the_service_that_lacks_most_goes_first_and_one_a_decision() -> Outcome {
    let mut bench = Bench::new(kubernetes())?;
    bench.set("auth", "utilisation", 0.6)?;
    bench.set("gateway", "utilisation", 0.9)?;
    assert_eq!(bench.act(), Some(Action::ScaleUp(bench.id("gateway")?)));
    // Eight grow to ten, and to twelve, but 15 are wanted by then; a masked step goes to the next service.
    let index = bench.topology.action_index(Action::ScaleUp(bench.id("gateway")?)).ok_or("no action")?;
    bench.mask[index] = false;
    assert_eq!(bench.act(), Some(Action::ScaleUp(bench.id("auth")?)));
    Ok(())
}

#[test]
fn within_the_tolerance_nothing_is_sent() -> Outcome {
    let mut bench = Bench::new(kubernetes())?;
    bench.set("gateway", "utilisation", 0.54)?;
    assert_eq!(bench.act(), None);
    Ok(())
}

#[test]
fn a_look_comes_every_sync_period() -> Outcome {
    let mut bench = Bench::new(kubernetes())?;
    assert_eq!(bench.act(), None);
    bench.set("gateway", "utilisation", 0.9)?;
    let sent: Vec<bool> = (0..3).map(|_| bench.act().is_some()).collect();
    assert_eq!(sent, [false, false, true]);
    Ok(())
}

#[test]
fn growth_in_a_look_is_limited_to_double_or_four_more() -> Outcome {
    let mut config = kubernetes();
    if let Some(reactive) = &mut config.reactive {
        reactive.utilisation_target = 0.1;
    }
    let mut bench = Bench::new(config)?;
    for name in ["gateway", "config"] {
        bench.set(name, "utilisation", 1.0)?;
    }
    bench.act();
    let desired: Vec<f64> = bench.scaler.desired(&bench.state).collect();
    // Ten times as many are asked for: eight may double, one may grow by four.
    assert_eq!(desired[bench.id("gateway")?.index()], 16.0);
    assert_eq!(desired[bench.id("config")?.index()], 5.0);
    Ok(())
}

#[test]
fn a_service_is_restored_after_the_stabilisation_window_and_no_further() -> Outcome {
    let mut bench = Bench::new(kubernetes())?;
    bench.set("gateway", "utilisation", 0.9)?;
    bench.set("gateway", "running", 1.5)?;
    bench.act();
    bench.set("gateway", "utilisation", 0.1)?;
    // The look at 0 s counts until 300 s have passed: 60 decisions later it no longer does.
    let sent: Vec<Option<Action>> = (0..60).map(|_| bench.act()).filter(Option::is_some).collect();
    assert_eq!(sent.last(), Some(&Some(Action::ScaleDown(bench.id("gateway")?))), "{sent:?}");
    assert_eq!(sent.iter().flatten().filter(|action| matches!(action, Action::ScaleDown(_))).count(), 1);
    bench.set("gateway", "running", 1.0)?;
    assert!((0..60).all(|_| bench.act().is_none()));
    Ok(())
}

#[test]
fn the_predictive_scaler_acts_before_the_load_comes() -> Outcome {
    let predictive = |trend: f64| ScalerConfig {
        sync_s: 5.0,
        reactive: None,
        predictive: Some(Predictive {
            utilisation_target: 0.7,
            lead_s: 0.0,
            service_time_weight: 0.0,
            smoothing: Smoothing { level: 0.5, trend, damping: 1.0, season: None },
        }),
        ..ScalerConfig::autoscaler()
    };
    let first_action = |config: ScalerConfig| -> Result<Option<u32>, Box<dyn std::error::Error>> {
        let mut bench = Bench::new(config)?;
        let gateway = bench.id("gateway")?;
        for decision in 0..100 {
            bench.set("gateway", "requests", 1.0 + 0.02 * decision as f32)?;
            if bench.act() == Some(Action::ScaleUp(gateway)) {
                return Ok(Some(decision));
            }
        }
        Ok(None)
    };
    let (with_trend, without) = (first_action(predictive(0.3))?, first_action(predictive(0.0))?);
    // 400 a second for 18 ms at two a replica are 3.6; 8 replicas at 70 % carry 1.55 times that.
    let load_comes = 28;
    assert!(with_trend.is_some_and(|decision| decision + 3 <= load_comes), "{with_trend:?}");
    assert!(without.is_some_and(|decision| decision >= load_comes), "{without:?}");
    Ok(())
}
