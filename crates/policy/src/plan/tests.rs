//! Properties of plans: what is refused and how, what is sent and when, and that nothing that is sent in panics.

use std::sync::Arc;

use microcloud_core::{Scenario, Topology, mix_bits};

use super::{Plan, PlanDispatcher, PlanError, PlanLimits, PlanState, StepState};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn topology(scenario: &str) -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load(scenario)?)?)
}

/// A plan of these steps, each the inside of a JSON object.
fn plan(steps: &[&str]) -> String {
    let steps: Vec<String> = steps.iter().map(|step| format!("{{{step}}}")).collect();
    format!("{{\"schema\": 1, \"incident\": \"test\", \"steps\": [{}]}}", steps.join(", "))
}

fn refusal(steps: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    refusal_of(&plan(steps), PlanLimits::default())
}

fn refusal_of(json: &str, limits: PlanLimits) -> Result<String, Box<dyn std::error::Error>> {
    let mut dispatcher = PlanDispatcher::new(&topology("spine12")?, limits);
    let before = dispatcher.state().clone();
    let Err(error) = dispatcher.submit(json) else { return Err(format!("accepted: {json}").into()) };
    assert_eq!(*dispatcher.state(), before, "a refused plan changes nothing");
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    Ok(message)
}

/// A dispatcher with what it is fed: an observation of zeros and a mask that allows everything.
struct Bench {
    topology: Arc<Topology>,
    dispatcher: PlanDispatcher,
    observation: Vec<f32>,
    mask: Vec<bool>,
}

impl Bench {
    fn new(steps: &[&str]) -> Result<Self, Box<dyn std::error::Error>> {
        let topology = topology("spine12")?;
        let mut dispatcher = PlanDispatcher::new(&topology, PlanLimits::default());
        dispatcher.submit(&plan(steps))?;
        let observation = vec![0.0; topology.observation_size()];
        let mask = vec![true; topology.num_actions()];
        Ok(Self { topology, dispatcher, observation, mask })
    }

    fn set(&mut self, feature: &str, value: f32) -> Outcome {
        let column = self.topology.observation_index(feature).ok_or("no feature")?;
        self.observation[column] = value;
        Ok(())
    }

    fn allow(&mut self, action: &str, legal: bool) -> Outcome {
        let meanings = self.topology.action_meanings();
        self.mask[meanings.iter().position(|meaning| meaning == action).ok_or("no action")?] = legal;
        Ok(())
    }

    /// The next decisions' actions in words.
    fn act(&mut self, decisions: usize) -> Result<Vec<String>, PlanError> {
        let meanings = self.topology.action_meanings().to_vec();
        (0..decisions)
            .map(|_| self.dispatcher.act(&self.observation, &self.mask).map(|action| meanings[action].clone()))
            .collect()
    }

    fn states(&self) -> Vec<StepState> {
        self.dispatcher.status().steps.iter().map(|step| step.state).collect()
    }
}

#[test]
fn the_documented_example_is_a_plan_for_spine12() -> Outcome {
    let page = include_str!("../../../../docs/plans.md");
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).ok_or("no example")?;
    let mut dispatcher = PlanDispatcher::new(&topology("spine12")?, PlanLimits::default());
    dispatcher.submit(example)?;
    let plan = Plan::from_json(example)?;
    assert!(plan.steps.len() >= 3);
    assert_eq!(Plan::from_json(&plan.to_json())?, plan);
    Ok(())
}

#[test]
fn every_key_of_a_plan_is_documented() -> Outcome {
    let page = include_str!("../../../../docs/plans.md");
    let keys = ["schema", "incident", "steps", "id", "action", "after", "preconditions", "metric", "operator"];
    let more = ["threshold", "wait_s", "timeout_s", "on_timeout", "reason", "max_steps", "max_bytes", "cooldown_s"];
    for key in keys.iter().chain(&more).chain(&["max_actions_per_plan", "max_actions_per_episode", "max_time_s"]) {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
    Ok(())
}

#[test]
fn a_cycle_is_named() -> Outcome {
    let message = refusal(&[
        r#""id": "a", "action": "restart(auth)", "after": ["c"]"#,
        r#""id": "b", "action": "drain(a1)", "after": ["a"]"#,
        r#""id": "c", "action": "rebalance(a)", "after": ["b"]"#,
    ])?;
    let cycles = ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"];
    assert!(cycles.iter().any(|cycle| message.contains(cycle)), "{message}");
    assert!(refusal(&[r#""id": "a", "action": "restart(auth)", "after": ["a"]"#])?.contains("a -> a"));
    Ok(())
}

#[test]
fn an_unknown_action_is_answered_with_the_nearest() -> Outcome {
    let message = refusal(&[r#""id": "a", "action": "restrat(auth)""#])?;
    assert!(message.contains("did you mean `restart(auth)`"), "{message}");
    Ok(())
}

#[test]
fn an_action_that_is_never_legal_is_refused() -> Outcome {
    let topology = topology("random")?;
    let never = (0..topology.num_actions()).find(|&index| topology.action(index).is_none()).ok_or("no padding")?;
    let step = format!("\"id\": \"a\", \"action\": \"{}\"", topology.action_meanings()[never]);
    let error = PlanDispatcher::new(&topology, PlanLimits::default()).submit(&plan(&[&step]));
    assert!(matches!(error, Err(PlanError::IllegalAction { .. })), "{error:?}");
    Ok(())
}

#[test]
fn an_action_that_an_authority_forbids_is_refused() -> Outcome {
    let topology = topology("spine12")?;
    let mut permitted = vec![true; topology.num_actions()];
    permitted[1] = false;
    let validator = super::PlanValidator::new(&topology, PlanLimits::default()).permitting(&permitted);
    let mut dispatcher = PlanDispatcher::with_validator(Arc::new(validator));
    let step = |index: usize| format!("\"id\": \"a\", \"action\": \"{}\"", topology.action_meanings()[index]);
    let error = dispatcher.submit(&plan(&[&step(1)]));
    assert!(matches!(error, Err(PlanError::IllegalAction { .. })), "{error:?}");
    dispatcher.submit(&plan(&[&step(2)]))?;
    Ok(())
}

#[test]
fn an_unknown_metric_is_answered_with_the_nearest() -> Outcome {
    let message = refusal(&[r#""id": "a", "action": "restart(auth)",
        "preconditions": [{"metric": "service.auth.eror_ratio", "operator": "gt", "threshold": 0.1}]"#])?;
    assert!(message.contains("did you mean `service.auth.error_ratio`"), "{message}");
    Ok(())
}

#[test]
fn over_budget_plans_are_refused_by_plan_and_by_episode() -> Outcome {
    let steps = [r#""id": "a", "action": "restart(auth)""#, r#""id": "b", "action": "drain(a1)""#];
    let tight = PlanLimits { max_actions_per_plan: 1, ..PlanLimits::default() };
    assert!(refusal_of(&plan(&steps), tight)?.contains("2 actions; allowed: at most 1 a plan"));
    let limits = PlanLimits { max_actions_per_episode: 2, ..PlanLimits::default() };
    let topology = topology("spine12")?;
    let mut dispatcher = PlanDispatcher::new(&topology, limits);
    dispatcher.submit(&plan(&steps[..1]))?;
    dispatcher.act(&vec![0.0; topology.observation_size()], &vec![true; topology.num_actions()])?;
    assert_eq!(dispatcher.status().state, Some(PlanState::Completed));
    let steps = [steps[1], r#""id": "c", "action": "drain(a2)""#];
    let error = dispatcher.submit(&plan(&steps));
    assert!(matches!(error, Err(PlanError::EpisodeBudget { actions: 2, sent: 1, most: 2 })), "{error:?}");
    dispatcher.submit(&plan(&steps[..1]))?;
    Ok(())
}

#[test]
fn the_same_action_too_soon_again_is_refused_within_a_plan_and_after_the_last() -> Outcome {
    let first = r#""id": "a", "action": "restart(auth)""#;
    let message = refusal(&[first, r#""id": "b", "action": "restart(auth)", "after": ["a"], "wait_s": 20"#])?;
    assert!(message.contains("after 20 s") && message.contains("at least 30 s"), "{message}");
    assert!(refusal(&[first, r#""id": "b", "action": "restart(auth)", "wait_s": 90"#])?.contains("`restart(auth)`"));
    let far = r#""id": "b", "action": "restart(auth)", "after": ["a"], "wait_s": 30"#;
    let mut bench = Bench::new(&[first, far])?;
    assert_eq!(bench.act(8)?.iter().filter(|action| *action == "restart(auth)").count(), 2);
    let error = bench.dispatcher.submit(&plan(&[first]));
    assert!(matches!(error, Err(PlanError::Cooldown { .. })), "{error:?}");
    bench.dispatcher.submit(&plan(&[&format!("{first}, \"wait_s\": 60")]))?;
    Ok(())
}

#[test]
fn times_that_are_negative_or_not_finite_are_refused() -> Outcome {
    for (key, value) in [("wait_s", "-1"), ("timeout_s", "-0.5"), ("timeout_s", "4000")] {
        let message = refusal(&[&format!("\"id\": \"a\", \"action\": \"drain(a1)\", \"{key}\": {value}")])?;
        assert!(message.contains(&format!("{key} = {value}; allowed: 0 to 3600")), "{message}");
    }
    assert!(refusal(&[r#""id": "a", "action": "drain(a1)", "wait_s": 1e999"#])?.contains("number out of range"));
    let mut infinite = Plan::from_json(&plan(&[r#""id": "a", "action": "drain(a1)",
        "preconditions": [{"metric": "global.load", "operator": "gt", "threshold": 0}]"#]))?;
    let mut dispatcher = PlanDispatcher::new(&topology("spine12")?, PlanLimits::default());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        infinite.steps[0].preconditions[0].threshold = value;
        let error = dispatcher.submit_plan(&infinite);
        assert!(matches!(error, Err(PlanError::Number { key: "threshold", .. })), "{error:?}");
    }
    infinite.steps[0].timeout_s = f64::NAN;
    assert!(matches!(dispatcher.submit_plan(&infinite), Err(PlanError::Number { key: "timeout_s", .. })));
    Ok(())
}

#[test]
fn ids_that_are_double_dangling_or_empty_are_refused() -> Outcome {
    let (one, other) = (r#""id": "shift", "action": "drain(a1)""#, r#""id": "shift", "action": "drain(a2)""#);
    assert!(refusal(&[one, other])?.contains("`shift` stands there twice"));
    let message = refusal(&[one, r#""id": "b", "action": "drain(a2)", "after": ["shfit"]"#])?;
    assert!(message.contains("no such step; did you mean `shift`?"), "{message}");
    assert!(refusal(&[r#""id": " ", "action": "drain(a1)""#])?.contains("steps[0]"));
    let long = format!("\"id\": \"{}\", \"action\": \"drain(a1)\"", "x".repeat(65));
    assert!(refusal(&[&long])?.contains("1 to 64 characters"));
    Ok(())
}

#[test]
fn plans_that_are_too_large_empty_or_of_another_schema_are_refused() -> Outcome {
    assert!(refusal(&[])?.contains("0 steps; allowed: 1 to 64"));
    let many: Vec<String> = (0..65).map(|step| format!("\"id\": \"s{step}\", \"action\": \"no-op\"")).collect();
    assert!(refusal(&many.iter().map(String::as_str).collect::<Vec<_>>())?.contains("65 steps"));
    let long = format!("{{\"schema\": 1, \"incident\": \"{}\", \"steps\": []}}", "x".repeat(70_000));
    assert!(refusal_of(&long, PlanLimits::default())?.contains("at most 65536"));
    let other = plan(&[r#""id": "a", "action": "drain(a1)""#]).replace("\"schema\": 1", "\"schema\": 2");
    assert!(refusal_of(&other, PlanLimits::default())?.contains("schema = 2; allowed: 1"));
    assert!(refusal(&[r#""id": "a", "action": "drain(a1)", "colour": "red""#])?.contains("unknown field `colour`"));
    assert!(refusal_of("{", PlanLimits::default())?.contains("line 1"));
    Ok(())
}

#[test]
fn a_second_plan_waits_for_the_first_or_its_cancelling() -> Outcome {
    let mut bench = Bench::new(&[r#""id": "a", "action": "drain(a1)", "wait_s": 50"#])?;
    let other = plan(&[r#""id": "b", "action": "drain(a2)""#]);
    assert!(matches!(bench.dispatcher.submit(&other), Err(PlanError::Busy(_))));
    bench.dispatcher.cancel("a better one is known");
    assert_eq!(bench.states(), [StepState::Cancelled]);
    bench.dispatcher.submit(&other)?;
    assert_eq!(bench.act(2)?, ["drain(a2)", "no-op"]);
    Ok(())
}

#[test]
fn observations_and_masks_of_another_scenario_are_refused() -> Outcome {
    let mut bench = Bench::new(&[r#""id": "a", "action": "drain(a1)""#])?;
    bench.observation.pop();
    assert!(matches!(bench.act(1), Err(PlanError::Shape { what: "observation", .. })));
    bench.observation.push(0.0);
    bench.mask.push(true);
    assert!(matches!(bench.act(1), Err(PlanError::Shape { what: "mask", .. })));
    bench.mask.pop();
    assert_eq!(bench.act(1)?, ["drain(a1)"]);
    Ok(())
}

#[test]
fn a_step_runs_once_its_predecessors_are_done_and_one_action_a_decision_is_sent() -> Outcome {
    let mut bench = Bench::new(&[
        r#""id": "last", "action": "rebalance(all)", "after": ["left", "right"]"#,
        r#""id": "left", "action": "drain(a1)""#,
        r#""id": "right", "action": "drain(a2)", "wait_s": 10"#,
    ])?;
    assert_eq!(bench.act(5)?, ["drain(a1)", "no-op", "drain(a2)", "rebalance(all)", "no-op"]);
    assert_eq!(bench.dispatcher.status().state, Some(PlanState::Completed));
    assert_eq!(bench.dispatcher.status().actions_sent, 3);
    Ok(())
}

#[test]
fn a_step_waits_for_its_preconditions_and_is_skipped_when_they_never_hold() -> Outcome {
    let steps = [
        r#""id": "a", "action": "restart(auth)", "timeout_s": 20,
           "preconditions": [{"metric": "service.auth.p99_latency_ms", "operator": "gt", "threshold": 500}]"#,
        r#""id": "b", "action": "drain(a1)", "after": ["a"]"#,
    ];
    let mut bench = Bench::new(&steps)?;
    bench.set("service.auth.p99_latency", 0.49)?;
    assert_eq!(bench.act(2)?, ["no-op", "no-op"]);
    bench.set("service.auth.p99_latency", 0.51)?;
    assert_eq!(bench.act(2)?, ["restart(auth)", "drain(a1)"]);
    let mut bench = Bench::new(&steps)?;
    assert_eq!(bench.act(6)?, ["no-op", "no-op", "no-op", "no-op", "drain(a1)", "no-op"]);
    assert_eq!(bench.states(), [StepState::Skipped, StepState::Sent]);
    Ok(())
}

#[test]
fn a_step_that_must_not_be_skipped_aborts_the_plan() -> Outcome {
    let mut bench = Bench::new(&[
        r#""id": "a", "action": "restart(auth)", "timeout_s": 0, "on_timeout": "abort",
           "preconditions": [{"metric": "global.load", "operator": "gt", "threshold": 2}]"#,
        r#""id": "b", "action": "drain(a1)", "wait_s": 5"#,
    ])?;
    assert_eq!(bench.act(3)?, ["no-op", "no-op", "no-op"]);
    let status = bench.dispatcher.status();
    assert_eq!(status.state, Some(PlanState::Aborted));
    assert!(status.why.contains("`a`"), "{}", status.why);
    assert_eq!(bench.states(), [StepState::Cancelled, StepState::Cancelled]);
    Ok(())
}

#[test]
fn a_masked_action_waits_for_the_mask() -> Outcome {
    let mut bench = Bench::new(&[r#""id": "a", "action": "drain(a1)""#, r#""id": "b", "action": "drain(a2)""#])?;
    bench.allow("drain(a1)", false)?;
    assert_eq!(bench.act(2)?, ["drain(a2)", "no-op"]);
    bench.allow("drain(a1)", true)?;
    assert_eq!(bench.act(1)?, ["drain(a1)"]);
    Ok(())
}

#[test]
fn a_plan_under_way_survives_being_written_and_read() -> Outcome {
    let steps =
        [r#""id": "a", "action": "drain(a1)""#, r#""id": "b", "action": "drain(a2)", "after": ["a"], "wait_s": 9"#];
    let mut bench = Bench::new(&steps)?;
    bench.act(1)?;
    let kept: super::DispatchState = serde_json::from_str(&serde_json::to_string(bench.dispatcher.state())?)?;
    let expected = bench.act(4)?;
    bench.dispatcher.reset();
    assert_eq!(bench.act(1)?, ["no-op"]);
    bench.dispatcher.restore(kept)?;
    assert_eq!(bench.act(4)?, expected);
    let foreign = PlanDispatcher::new(&topology("random")?, PlanLimits::default()).state().clone();
    assert!(bench.dispatcher.restore(foreign).is_err());
    Ok(())
}

/// A JSON text that is nearly a plan, drawn by a number: words of plans in random places, cut and spliced.
fn scrawl(seed: u64) -> String {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "true",
        "-1",
        "1e308",
        "1e999",
        "0",
        "1",
        "\"\"",
        "\"a\"",
        "\"b\"",
        "\"schema\"",
        "\"steps\"",
        "\"id\"",
        "\"action\"",
        "\"after\"",
        "\"preconditions\"",
        "\"timeout_s\"",
        "\"wait_s\"",
        "\"restart(auth)\"",
        "\"drain(a1)\"",
        "\"metric\"",
        "\"operator\"",
        "\"gt\"",
        "\"threshold\"",
        "\"service.auth.error_ratio\"",
        "NaN",
        "\u{1F300}",
    ];
    let draw = |at: u64, most: u64| (mix_bits(seed ^ mix_bits(at)) % most) as usize;
    if seed.is_multiple_of(2) {
        return (0..draw(0, 60) as u64).map(|at| words[draw(at + 1, words.len() as u64)]).collect();
    }
    let mut text: Vec<char> = include_str!("../../../../docs/plans.md")
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap_or_default()
        .chars()
        .collect();
    for at in 0..=draw(0, 6) as u64 {
        let (place, word) = (draw(2 * at + 1, text.len() as u64), words[draw(2 * at + 2, words.len() as u64)]);
        text.splice(place..(place + draw(at + 90, 12)).min(text.len()), word.chars());
    }
    text.into_iter().collect()
}

#[test]
fn whatever_is_submitted_nothing_panics_and_only_legal_actions_are_sent() -> Outcome {
    let topology = topology("spine12")?;
    let mut dispatcher = PlanDispatcher::new(&topology, PlanLimits::default());
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..20_000_u64 {
        match dispatcher.submit(&scrawl(seed)) {
            Ok(()) => accepted += 1,
            Err(_) => refused += 1,
        }
        let observation: Vec<f32> = (0..topology.observation_size() as u64)
            .map(|column| (mix_bits(seed ^ mix_bits(column)) % 1000) as f32 / 1000.0)
            .collect();
        let mask: Vec<bool> = (0..topology.num_actions() as u64)
            .map(|action| action == 0 || mix_bits(seed ^ action).is_multiple_of(2))
            .collect();
        let action = dispatcher.act(&observation, &mask)?;
        assert!(mask[action]);
        if seed % 97 == 0 {
            dispatcher.reset();
        }
    }
    assert!(accepted > 20 && refused > 10_000, "{accepted} accepted, {refused} refused");
    Ok(())
}
