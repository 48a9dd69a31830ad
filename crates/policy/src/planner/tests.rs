//! Properties of the planner: its texts read again, its plans pass the validator, and it acts by the observation alone.

use std::sync::Arc;

use microcloud_core::{Environment, Scenario, Split, Topology, mix_bits};
use ndarray::{Array2, Axis};

use super::{ErrorClass, Planner, PlannerAgent, PlannerConfig, ScriptedPlanner, Situation, incident_text};
use crate::{
    Policy,
    detector::Detector,
    plan::{Plan, PlanDispatcher, PlanLimits},
    threshold_rules::{Remedy, ThresholdRulesConfig},
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn topology(scenario: &str) -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load(scenario)?)?)
}

/// A configuration with plain templates, so that calibrating the shipped one changes no test.
fn plain() -> PlannerConfig {
    let mut config = PlannerConfig::default();
    config.choice.patience_s = 0.0;
    config.choice.settle_s = 0.0;
    config.choice.symptoms.clear();
    config.choice.callers_wait = true;
    config.choice.max_actions = 16;
    config.limits = PlanLimits::default();
    config.templates.retain(|name, _| !name.contains(':'));
    for rule in config.logs.iter_mut().chain(&mut config.metrics) {
        rule.window_seconds = 5;
    }
    for (name, template) in &mut config.templates {
        template.steps = match name.as_str() {
            "error_rate_high" => vec![Remedy::Restart, Remedy::ScaleUp],
            "node_cpu_high" => vec![Remedy::Drain],
            _ => Vec::new(),
        };
        (template.wait_s, template.timeout_s, template.cooldown_s) = (20.0, 10.0, 60.0);
    }
    config
}

fn observation(topology: &Topology, values: &[(&str, f32)]) -> Result<Vec<f32>, String> {
    let mut observation = vec![0.0; topology.observation_size()];
    for (name, value) in values {
        observation[topology.observation_index(name).ok_or_else(|| format!("no feature {name}"))?] = *value;
    }
    Ok(observation)
}

fn plan_of(config: PlannerConfig, values: &[(&str, f32)]) -> Result<Plan, Box<dyn std::error::Error>> {
    let topology = topology("spine12")?;
    let agent = PlannerAgent::new(config, &topology)?;
    let (seen, mask) = (observation(&topology, values)?, vec![true; topology.num_actions()]);
    let mut state = agent.start();
    agent.decide(&mut state, &seen, &mask);
    let text = agent.describe(&agent.start(), &seen, &mask);
    assert!(text.contains("0 incidents"), "{text}");
    let mut state = agent.start();
    agent.observe(&mut state, &seen);
    Ok(Plan::from_json(&agent.script().plan(&agent.describe(&state, &seen, &mask)).ok_or("no plan")?)?)
}

#[test]
fn the_plan_follows_the_call_graph_and_steps_are_guarded_by_their_symptom() -> Outcome {
    let seen = [
        ("service.gateway.error_ratio", 0.07),
        ("service.auth.error_ratio", 0.07),
        ("service.gateway.ready", 1.0),
        ("service.auth.ready", 1.0),
        ("node.a1.cpu_pressure", 0.9),
    ];
    let plan = plan_of(plain(), &seen)?;
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.action.as_str()).collect();
    assert_eq!(
        actions,
        ["drain(a1)", "restart(auth)", "scale up(auth)", "restart(gateway)", "scale up(gateway)"],
        "{}",
        plan.to_json()
    );
    assert_eq!(plan.steps[2].after, [plan.steps[1].id.clone()]);
    assert_eq!(plan.steps[2].wait_s, 20.0);
    assert_eq!(plan.steps[3].after, [plan.steps[2].id.clone()], "the gateway waits for auth");
    let guard = &plan.steps[3].preconditions[0];
    assert_eq!((guard.metric.as_str(), guard.threshold), ("service.gateway.error_ratio", 0.05));
    Ok(())
}

#[test]
fn a_class_of_errors_has_its_own_template() -> Outcome {
    let mut config = plain();
    let mut template = config.templates["error_rate_high"].clone();
    template.steps = vec![Remedy::RebalanceAll];
    config.templates.insert("error_rate_high:outage".to_owned(), template);
    let errors = ("service.auth.error_ratio", 0.07);
    assert_eq!(plan_of(config.clone(), &[errors, ("service.auth.ready", 0.2)])?.steps[0].action, "rebalance(all)");
    assert_eq!(plan_of(config, &[errors, ("service.auth.ready", 1.0)])?.steps[0].action, "restart(auth)");
    Ok(())
}

#[test]
fn what_is_masked_or_cooling_is_not_planned() -> Outcome {
    let topology = topology("spine12")?;
    let script = ScriptedPlanner::new(plain(), &topology);
    let head = "At 100 s 1 incidents are open, calm for 0 s.\n\
                Incident error_rate_high on service auth, severity 3, open for 5 s: service.auth.error_ratio is 0.070, above \
                0.05. Errors are of class failures.\n";
    let actions = |rest: &str| -> Vec<String> {
        let plan = script.plan(&format!("{head}{rest}")).and_then(|json| Plan::from_json(&json).ok());
        plan.into_iter().flat_map(|plan| plan.steps).map(|step| step.action).collect()
    };
    assert_eq!(actions(""), ["restart(auth)", "scale up(auth)"]);
    assert_eq!(actions("Not legal now: restart(auth)."), ["scale up(auth)"]);
    assert_eq!(actions("Sent: restart(auth) 55 s ago."), ["scale up(auth)"]);
    assert_eq!(actions("Sent: restart(auth) 60 s ago."), ["restart(auth)", "scale up(auth)"]);
    Ok(())
}

#[test]
fn an_external_service_that_fails_does_not_spoil_the_plan_for_the_others() -> Outcome {
    let plan = plan_of(plain(), &[("service.external.error_ratio", 0.5), ("service.auth.error_ratio", 0.5)])?;
    assert!(plan.steps.iter().all(|step| step.action.ends_with("(auth)")), "{}", plan.to_json());
    Ok(())
}

#[test]
fn texts_read_again_as_what_they_were_written_from_and_scrawl_is_no_plan() -> Outcome {
    let topology = topology("spine12")?;
    let agent = PlannerAgent::new(PlannerConfig::default(), &topology)?;
    let mut with_incidents = 0;
    for level in topology.draw_levels(Split::Train, 3, 4, false) {
        let mut environment = Environment::new(Arc::clone(&topology));
        environment.reset(level);
        let mut state = agent.start();
        let (mut seen, mut mask) = (vec![0.0; topology.observation_size()], vec![false; topology.num_actions()]);
        loop {
            environment.observe(&mut seen);
            environment.action_mask(&mut mask);
            let action = agent.decide(&mut state, &seen, &mask);
            let text = agent.describe(&state, &seen, &mask);
            let situation = Situation::from_text(&text);
            assert_eq!(situation.to_text(), text);
            with_incidents += usize::from(!situation.incidents.is_empty());
            assert_eq!(state.refused(), None, "{text}");
            let transition = environment.step(action);
            if transition.terminated || transition.truncated {
                break;
            }
            let cut: String = text.chars().skip((mix_bits(u64::from(environment.decision())) % 300) as usize).collect();
            let _ = agent.script().plan(&cut);
        }
    }
    assert!(with_incidents > 50, "{with_incidents}");
    assert_eq!(agent.script().plan("Everything burns; do something!"), None);
    Ok(())
}

#[test]
fn the_documented_text_is_one_that_the_planner_writes() -> Outcome {
    let page = include_str!("../../../../docs/plans.md");
    let example = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).ok_or("no example")?;
    assert_eq!(Situation::from_text(example).to_text(), example);
    let plan = ScriptedPlanner::new(plain(), &topology("spine12")?).plan(example);
    assert!(plan.is_some());
    Ok(())
}

#[test]
fn a_planner_outside_gets_the_incidents_that_the_detector_has_open() -> Outcome {
    let topology = topology("spine12")?;
    let detector = Detector::new(ThresholdRulesConfig::default().rules, &topology)?;
    let mut state = detector.start();
    let seen = observation(&topology, &[("service.auth.error_ratio", 0.3), ("service.auth.p99_latency", 0.8)])?;
    detector.observe(&mut state, &seen);
    let mut mask = vec![true; topology.num_actions()];
    mask[3] = false;
    let text = incident_text(&topology, &detector, &state, &seen, &mask, &[(1, 40.0)]);
    assert!(text.contains("error_rate_critical on service auth, severity 4"), "{text}");
    assert!(text.contains("service.auth.error_ratio is 0.300, above 0.1"), "{text}");
    assert!(text.contains("service.auth.p99_latency_ms is 2000.000, above 500"), "{text}");
    assert!(text.contains(&format!("Not legal now: {}.", topology.action_meanings()[3])), "{text}");
    assert!(text.contains(&format!("Sent: {} 40 s ago.", topology.action_meanings()[1])), "{text}");
    // What it says is enough for a plan that the dispatcher takes.
    let plan = ScriptedPlanner::new(plain(), &topology).plan(&text).ok_or("no plan")?;
    PlanDispatcher::new(&topology, PlanLimits::default()).submit(&plan)?;
    assert_eq!(Situation::from_text(&text).incidents[0].class, Some(ErrorClass::Outage));
    Ok(())
}

#[test]
fn only_legal_actions_are_sent_each_with_a_reason_and_never_on_a_calm_cluster() -> Outcome {
    for (scenario, control) in [("spine12", false), ("spine12", true), ("online-boutique", false), ("random", false)] {
        let topology = topology(scenario)?;
        let mut planner = Planner::new(PlannerConfig::default(), &topology)?;
        let mut sent = 0;
        for level in topology.draw_levels(Split::Train, 5, 3, control) {
            let mut environment = Environment::new(Arc::clone(&topology));
            environment.reset(level);
            let mut seen = Array2::zeros((1, topology.observation_size()));
            let mut mask = Array2::from_elem((1, topology.num_actions()), false);
            let (mut action, mut starts) = ([0], true);
            loop {
                environment.observe(seen.as_slice_mut().ok_or("layout")?);
                environment.action_mask(mask.as_slice_mut().ok_or("layout")?);
                planner.act(seen.view(), mask.view(), &[starts], &mut action);
                starts = false;
                assert!(mask[[0, action[0]]], "{scenario}: {}", topology.action_meanings()[action[0]]);
                assert_eq!(planner.reason(0).is_some_and(|reason| !reason.is_empty()), action[0] != 0);
                assert_eq!(planner.state(0).and_then(|state| state.refused()), None);
                sent += usize::from(action[0] != 0);
                let transition = environment.step(action[0]);
                if transition.terminated || transition.truncated {
                    break;
                }
            }
        }
        assert!(control && sent <= 3 || !control && sent > 0, "{scenario}: {sent} actions");
    }
    Ok(())
}

#[test]
fn a_row_does_not_depend_on_the_batch_around_it() -> Outcome {
    let topology = topology("spine12")?;
    let (rows, columns) = (5, topology.observation_size());
    let seen = Array2::from_shape_fn((rows, columns), |(row, column)| ((row * 7 + column * 3) % 11) as f32 / 10.0);
    let masks = Array2::from_elem((rows, topology.num_actions()), true);
    let mut together = vec![0; rows];
    let mut planner = Planner::new(plain(), &topology)?;
    planner.act(seen.view(), masks.view(), &vec![true; rows], &mut together);
    let refused: Vec<_> = (0..rows).filter_map(|row| planner.state(row)?.refused()).collect();
    assert!(together.iter().any(|&action| action != 0), "{refused:?}");
    for (row, &expected) in together.iter().enumerate() {
        let (one, legal) = (seen.select(Axis(0), &[row]), masks.select(Axis(0), &[row]));
        let mut alone = [0];
        Planner::new(plain(), &topology)?.act(one.view(), legal.view(), &[true], &mut alone);
        assert_eq!(alone[0], expected);
    }
    Ok(())
}

#[test]
fn templates_for_unknown_rules_and_negative_times_are_refused() -> Outcome {
    let topology = topology("spine12")?;
    let mut config = plain();
    let template = config.templates.remove("cpu_high").ok_or("no template")?;
    config.templates.insert("cpu_hihg:overload".to_owned(), template.clone());
    let Err(error) = PlannerAgent::new(config.clone(), &topology) else { return Err("accepted".into()) };
    assert!(error.to_string().contains("did you mean `cpu_high`"), "{error}");
    config.templates.remove("cpu_hihg:overload");
    config.templates.insert("cpu_high".to_owned(), super::Template { wait_s: -1.0, ..template });
    let Err(error) = PlannerAgent::new(config, &topology) else { return Err("accepted".into()) };
    assert!(error.to_string().contains("templates.cpu_high: wait_s = -1; allowed: 0 to"), "{error}");
    Ok(())
}
