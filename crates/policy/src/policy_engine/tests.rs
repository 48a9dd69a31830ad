//! Properties of the policy engine: each of an evaluation's six steps, its period, and one action a target.

use std::sync::Arc;

use microcloud_core::{Action, Scenario, Topology};

use super::{EngineState, PolicyEngine, PolicySet};
use crate::{detector::IncidentTarget, per_environment::Agent};

type Outcome = Result<(), Box<dyn std::error::Error>>;

struct Bench {
    topology: Arc<Topology>,
    engine: PolicyEngine,
    state: EngineState,
    seen: Vec<f32>,
    mask: Vec<bool>,
}

impl Bench {
    fn new(policies: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let engine = PolicyEngine::new(PolicySet::from_yaml(policies, "test.yaml")?, &topology)?;
        Ok(Self {
            state: engine.start(),
            engine,
            seen: vec![0.0; topology.observation_size()],
            mask: vec![true; topology.num_actions()],
            topology,
        })
    }

    fn set(&mut self, feature: &str, value: f32) -> Result<(), String> {
        self.seen[self.topology.observation_index(feature).ok_or(feature)?] = value;
        Ok(())
    }

    fn act(&mut self) -> String {
        let action = self.engine.decide(&mut self.state, &self.seen, &self.mask);
        self.topology.action_meanings()[action].clone()
    }

    fn service(&self, name: &str) -> Result<IncidentTarget, String> {
        Ok(IncidentTarget::Service(self.topology.service(name).ok_or(name)?))
    }
}

/// Restarts what fails, with a cooldown of a minute.
const RESTART: &str = "policies:
  - { name: failing, condition: error_rate > 0.05, action: restart_container, cooldown: 60 }
";

#[test]
fn fetch_reads_each_policys_metric() -> Outcome {
    let mut bench = Bench::new(
        "policies:
  - { name: a, condition: cpu > 0.5, action: scale_up, service: auth }
  - { name: b, condition: memory > 0.5, action: alert, service: cache }
",
    )?;
    bench.set("service.auth.utilisation", 0.25)?;
    bench.set("service.cache.memory", 0.75)?;
    assert_eq!(bench.engine.fetch(&bench.seen), [0.25, 0.75]);
    Ok(())
}

#[test]
fn match_keeps_what_holds_and_finds_the_cause_among_callers_and_callees() -> Outcome {
    let mut bench = Bench::new(RESTART)?;
    for service in ["gateway", "auth", "log-ingest"] {
        bench.set(&format!("service.{service}.error_ratio"), 0.5)?;
    }
    bench.set("service.cache.error_ratio", 0.04)?;
    let matched = bench.engine.matched(&bench.engine.fetch(&bench.seen));
    let services: Vec<usize> = matched.clone();
    // A check stands for a service here, in the topology's order.
    let place = |name: &str| bench.topology.service(name).map(|id| id.index());
    assert!(!services.contains(&place("gateway").ok_or("gateway")?), "its callees fail");
    assert!(!services.contains(&place("cache").ok_or("cache")?), "it is below the threshold");
    assert!(services.contains(&place("log-ingest").ok_or("log-ingest")?));
    Ok(())
}

#[test]
fn cooldown_drops_what_acted_too_recently() -> Outcome {
    let mut bench = Bench::new(RESTART)?;
    bench.engine.set_cooldown(&mut bench.state, 3, 100.0);
    assert_eq!(bench.engine.ready(&bench.state, &[2, 3], 159.0), [2]);
    assert_eq!(bench.engine.ready(&bench.state, &[2, 3], 160.0), [2, 3]);
    Ok(())
}

#[test]
fn execute_takes_the_first_that_is_legal() -> Outcome {
    let mut bench = Bench::new(RESTART)?;
    let illegal = bench.topology.action_index(Action::Restart(microcloud_core::ServiceId(0))).ok_or("no restart")?;
    let legal = bench.topology.action_index(Action::Restart(microcloud_core::ServiceId(1))).ok_or("no restart")?;
    bench.mask[illegal] = false;
    bench.state.waiting = vec![1, 0];
    assert_eq!(bench.engine.execute(&mut bench.state, &bench.seen, &bench.mask), Some((1, legal)));
    assert_eq!(bench.engine.execute(&mut bench.state, &bench.seen, &bench.mask), None);
    Ok(())
}

#[test]
fn record_keeps_who_did_what_to_what_and_when() -> Outcome {
    let mut bench = Bench::new(RESTART)?;
    bench.set("service.auth.error_ratio", 0.5)?;
    assert_eq!(bench.act(), "restart(auth)");
    let done = &bench.state.history()[0];
    assert_eq!((done.time_s, done.policy, done.target), (0.0, 0, bench.service("auth")?));
    assert!(done.action.is_some());
    Ok(())
}

#[test]
fn set_starts_the_cooldown_so_that_the_same_action_waits() -> Outcome {
    let mut bench = Bench::new(RESTART)?;
    bench.set("service.auth.error_ratio", 0.5)?;
    let sent: Vec<bool> = (0..13).map(|_| bench.act() == "restart(auth)").collect();
    // Evaluations at 0, 30 and 60 s; the cooldown of 60 s leaves the first and the last.
    assert_eq!(sent.iter().enumerate().filter(|(_, sent)| **sent).map(|(at, _)| at).collect::<Vec<_>>(), [0, 12]);
    Ok(())
}

#[test]
fn what_begins_between_two_evaluations_waits_for_the_next() -> Outcome {
    let mut bench = Bench::new(RESTART)?;
    bench.act();
    bench.set("service.auth.error_ratio", 0.5)?;
    let sent: Vec<String> = (0..6).map(|_| bench.act()).collect();
    assert_eq!(sent[..5], ["no-op"; 5]);
    assert_eq!(sent[5], "restart(auth)");
    Ok(())
}

#[test]
fn an_alert_is_recorded_and_leaves_the_decision_to_others() -> Outcome {
    let mut bench = Bench::new(
        "policies:
  - { name: tell, condition: error_rate > 0.05, action: alert, service: auth }
  - { name: mend, condition: error_rate > 0.05, action: restart_container, service: auth }
  - { name: too-late, condition: error_rate > 0.05, action: scale_up, service: auth }
  - { name: off, condition: error_rate > 0.05, action: scale_up, service: gateway, enabled: false }
",
    )?;
    bench.set("service.auth.error_ratio", 0.5)?;
    bench.set("service.gateway.error_ratio", 0.5)?;
    assert_eq!([bench.act(), bench.act()], ["restart(auth)", "no-op"]);
    let done: Vec<(usize, bool)> =
        bench.state.history().iter().map(|done| (done.policy, done.action.is_some())).collect();
    assert_eq!(done, [(0, false), (1, true)]);
    Ok(())
}

#[test]
fn an_unknown_service_is_answered_with_the_nearest() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let set = PolicySet::from_yaml(&RESTART.replace("cooldown: 60", "service: gatewya"), "test.yaml")?;
    let Err(error) = PolicyEngine::new(set, &topology) else { return Err("accepted".into()) };
    let message = error.to_string();
    assert!(message.contains("unknown service `gatewya`; did you mean `gateway`?"), "{message}");
    assert!(message.contains("allowed: *, ") && !message.contains('\n'), "{message}");
    Ok(())
}
