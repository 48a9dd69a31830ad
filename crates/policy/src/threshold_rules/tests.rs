//! Properties of threshold-rules: root causes, cooldowns, undoing, and batches.

use std::sync::Arc;

use microcloud_core::{Action, NodeId, Scenario, ServiceId, Topology};
use ndarray::{Array2, Axis};

use super::{Order, RulesAgent, ThresholdRules, ThresholdRulesConfig};
use crate::Policy;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn spine() -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

/// A configuration with plain responses, so that calibrating the shipped one changes no test.
fn plain() -> ThresholdRulesConfig {
    let mut config = ThresholdRulesConfig::default();
    for rule in &mut config.rules {
        rule.window_seconds = 5;
    }
    config.choice.symptoms.clear();
    config.choice.order = Order::Severity;
    config.choice.patience_s = 0.0;
    config.choice.settle_s = 0.0;
    for response in config.responses.values_mut() {
        response.actions = vec![super::Remedy::Restart];
        response.cooldown_s = 60.0;
    }
    if let Some(response) = config.responses.get_mut("node_cpu_critical") {
        response.actions = vec![super::Remedy::Drain];
    }
    config.quiet.return_after_s = Some(30.0);
    config
}

/// An observation in which these features have these values and all others are 0.
fn observation(topology: &Topology, values: &[(String, f32)]) -> Result<Vec<f32>, String> {
    let mut observation = vec![0.0; topology.observation_size()];
    for (name, value) in values {
        observation[topology.observation_index(name).ok_or_else(|| format!("no feature {name}"))?] = *value;
    }
    Ok(observation)
}

/// The first call of the scenario, as (caller, callee) with their ids.
fn first_call(topology: &Topology) -> Option<((String, ServiceId), (String, ServiceId))> {
    let call = topology.scenario().calls.first()?;
    let id = |name: &str| topology.service_names().iter().position(|service| service == name);
    let (from, to) = (id(&call.from)?, id(&call.to)?);
    Some(((call.from.clone(), ServiceId(from as u32)), (call.to.clone(), ServiceId(to as u32))))
}

#[test]
fn where_caller_and_callee_alarm_alike_the_callee_is_restarted() -> Outcome {
    let topology = spine()?;
    let ((caller, _), (callee, id)) = first_call(&topology).ok_or("no call")?;
    let errors = |name: &str| (format!("service.{name}.error_ratio"), 0.5);
    let seen = observation(&topology, &[errors(&caller), errors(&callee)])?;
    let mask = vec![true; topology.num_actions()];
    for order in [Order::Severity, Order::Downstream, Order::Path] {
        let mut config = plain();
        config.choice.order = order;
        let agent = RulesAgent::new(config, &topology)?;
        assert_eq!(Some(agent.decide(&mut agent.start(), &seen, &mask)), topology.action_index(Action::Restart(id)));
    }
    Ok(())
}

#[test]
fn the_same_action_waits_for_its_cooldown() -> Outcome {
    let topology = spine()?;
    let ((_, _), (callee, id)) = first_call(&topology).ok_or("no call")?;
    let seen = observation(&topology, &[(format!("service.{callee}.error_ratio"), 0.5)])?;
    let mask = vec![true; topology.num_actions()];
    let mut config = plain();
    config.quiet = super::Quiet::default();
    let agent = RulesAgent::new(config, &topology)?;
    let mut state = agent.start();
    let sent: Vec<usize> = (0..13).map(|_| agent.decide(&mut state, &seen, &mask)).collect();
    let restart = topology.action_index(Action::Restart(id)).ok_or("no restart")?;
    let mut expected = vec![0; 13];
    (expected[0], expected[12]) = (restart, restart);
    assert_eq!(sent, expected);
    Ok(())
}

#[test]
fn a_masked_remedy_is_not_sent() -> Outcome {
    let topology = spine()?;
    let ((_, _), (callee, _)) = first_call(&topology).ok_or("no call")?;
    let seen = observation(&topology, &[(format!("service.{callee}.error_ratio"), 0.5)])?;
    let agent = RulesAgent::new(plain(), &topology)?;
    let mut mask = vec![false; topology.num_actions()];
    mask[0] = true;
    assert_eq!(agent.decide(&mut agent.start(), &seen, &mask), 0);
    Ok(())
}

#[test]
fn a_hot_node_is_drained_and_returns_after_quiet_time() -> Outcome {
    let topology = spine()?;
    let hot = observation(&topology, &[(format!("node.{}.cpu_pressure", topology.node_names()[0]), 1.0)])?;
    let calm = observation(&topology, &[])?;
    let drain = topology.action_index(Action::Drain(NodeId(0))).ok_or("no drain")?;
    let back = topology.action_index(Action::Return(NodeId(0))).ok_or("no return")?;
    let mut mask = vec![true; topology.num_actions()];
    for node in 0..topology.num_nodes() as u32 {
        mask[topology.action_index(Action::Return(NodeId(node))).ok_or("no return")?] = false;
    }
    let agent = RulesAgent::new(plain(), &topology)?;
    let mut state = agent.start();
    assert_eq!(agent.decide(&mut state, &hot, &mask), drain);
    (mask[drain], mask[back]) = (false, true);
    let sent: Vec<usize> = (0..6).map(|_| agent.decide(&mut state, &calm, &mask)).collect();
    assert_eq!(sent, [0, 0, 0, 0, 0, back]);
    Ok(())
}

#[test]
fn a_calm_service_above_its_initial_size_shrinks() -> Outcome {
    let topology = spine()?;
    let name = &topology.service_names()[0];
    let seen = observation(&topology, &[(format!("service.{name}.running"), 1.5)])?;
    let mut config = plain();
    config.quiet.scale_down_after_s = Some(10.0);
    let agent = RulesAgent::new(config, &topology)?;
    let mut mask = vec![true; topology.num_actions()];
    for node in 0..topology.num_nodes() as u32 {
        mask[topology.action_index(Action::Return(NodeId(node))).ok_or("no return")?] = false;
    }
    let mut state = agent.start();
    let sent: Vec<usize> = (0..3).map(|_| agent.decide(&mut state, &seen, &mask)).collect();
    assert_eq!(sent, [0, 0, topology.action_index(Action::ScaleDown(ServiceId(0))).ok_or("no scale down")?]);
    Ok(())
}

#[test]
fn a_row_does_not_depend_on_the_batch_around_it() -> Outcome {
    let topology = spine()?;
    let (rows, columns) = (6, topology.observation_size());
    let seen = Array2::from_shape_fn((rows, columns), |(row, column)| ((row * 7 + column * 3) % 11) as f32 / 10.0);
    let masks = Array2::from_elem((rows, topology.num_actions()), true);
    let mut together = vec![0; rows];
    ThresholdRules::new(plain(), &topology)?.act(seen.view(), masks.view(), &vec![true; rows], &mut together);
    for (row, &expected) in together.iter().enumerate() {
        let (one, legal) = (seen.select(Axis(0), &[row]), masks.select(Axis(0), &[row]));
        let mut alone = [0];
        ThresholdRules::new(plain(), &topology)?.act(one.view(), legal.view(), &[true], &mut alone);
        assert_eq!(alone[0], expected);
    }
    Ok(())
}

#[test]
fn a_rule_added_to_the_file_opens_incidents_and_is_answered() -> Outcome {
    let topology = spine()?;
    let added = r#"
        [[rules]]
        name = "queue_long"
        metric_name = "service.queue"
        operator = "gte"
        threshold = 0.5
        window_seconds = 5
        severity = 2

        [responses.queue_long]
        actions = ["scale-up"]
        cooldown_s = 60.0
    "#;
    let config = ThresholdRulesConfig::from_toml(&format!("{}\n{added}", plain().to_toml()))?;
    let ((_, _), (callee, id)) = first_call(&topology).ok_or("no call")?;
    let seen = observation(&topology, &[(format!("service.{callee}.queue"), 0.6)])?;
    let mask = vec![true; topology.num_actions()];
    let agent = RulesAgent::new(config, &topology)?;
    let mut state = agent.start();
    assert_eq!(Some(agent.decide(&mut state, &seen, &mask)), topology.action_index(Action::ScaleUp(id)));
    let incidents = agent.detector().incidents(state.detector());
    assert!(incidents.iter().any(|incident| incident.rule_name == "queue_long"));
    assert_eq!(RulesAgent::new(plain(), &topology)?.decide(&mut agent.start(), &seen, &mask), 0);
    Ok(())
}

#[test]
fn a_response_to_a_rule_that_does_not_exist_is_refused() -> Outcome {
    let topology = spine()?;
    let mut config = plain();
    let response = config.responses.remove("cpu_high").ok_or("no response")?;
    config.responses.insert("cpu_hihg".to_owned(), response);
    let Err(error) = ThresholdRules::new(config, &topology) else { return Err("accepted".into()) };
    assert!(error.to_string().contains("did you mean `cpu_high`"), "{error}");
    Ok(())
}
