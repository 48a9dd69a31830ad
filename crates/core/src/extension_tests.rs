//! Adds a scenario, a fault and an action as CONTRIBUTING.md says, and plays them.

use crate::{Action, Environment, FaultId, Level, Scenario, ServiceId, Topology};

/// A scenario of one's own, with the fault and the actions that only tests have.
const SCENARIO: &str = r#"
name = "mine"
tick_ms = 1000
decision_ticks = 5
episode_decisions = 60
actions = "extended"
[workload]
entry = "front"
rate_per_s = 100
[[zones]]
name = "z"
[[nodes]]
name = "n"
zone = "z"
cores = 20
[[services]]
name = "front"
replicas = 4
service_time_ms = 50
[faults]
control_ratio = 0
[[faults.catalogue]]
id = "F99"
magnitude = [0.3, 0.3]
onset_s = [60, 60]
duration_s = [120, 120]
"#;

fn environment() -> Environment {
    let scenario = Scenario::from_toml(SCENARIO, "mine").expect("a sound scenario");
    let mut environment = Environment::new(Topology::new(scenario).expect("a topology"));
    environment.reset(Level::new(1).expect("a level"));
    environment
}

fn play(environment: &mut Environment, decisions: u32, action: Option<Action>) -> f64 {
    let index = action.map_or(0, |action| environment.topology().action_index(action).expect("an action"));
    (0..decisions).map(|decision| environment.step(if decision == 0 { index } else { 0 }).reward).sum()
}

#[test]
fn a_fault_added_by_a_file_and_a_row_strikes_and_ends() {
    let mut environment = environment();
    assert_eq!(environment.faults()[0].id, FaultId::F99);
    let (before, during) = (play(&mut environment, 12, None), play(&mut environment, 24, None));
    play(&mut environment, 6, None);
    let after = play(&mut environment, 12, None);
    assert!(during < before - 0.5 && after > -0.1, "{before} {during} {after}");
}

#[test]
fn an_action_added_by_a_variant_a_place_and_an_effect_is_listed_masked_and_acts() {
    let mut environment = environment();
    play(&mut environment, 14, None);
    let mut idle = environment.clone();
    let nudge = Action::Nudge(ServiceId(0));
    let index = environment.topology().action_index(nudge).expect("its place");
    assert_eq!(environment.topology().action_meanings()[index], "nudge(front)");
    assert!(environment.is_legal(nudge));
    assert!(play(&mut environment, 20, Some(nudge)) > play(&mut idle, 20, None), "a nudge adds a replica");
}
