//! Laws of acting: a healthy cluster is best left alone.

use microcloud_core::{Environment, Level, Scenario, Split, Topology};

/// Decisions after which an action is judged: start-up, warm-up and what it costs until then.
const JUDGED: u32 = 60;

fn total(mut environment: Environment, action: usize) -> f64 {
    (0..JUDGED).map(|decision| environment.step(if decision == 0 { action } else { 0 }).reward).sum()
}

/// What each action is worth beside no-op, in a healthy cluster, with and without noise.
fn advantages(name: &str) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    for off in [vec![], vec!["arrival-noise".to_owned(), "telemetry-noise".to_owned()]] {
        let mut scenario = Scenario::load(name).expect("a built-in scenario");
        scenario.rules_off = off;
        let topology = Topology::new(scenario).expect("a topology");
        let mut environment = Environment::new(topology.clone());
        let controls: Vec<Level> = topology.draw_levels(Split::Train, 21, 3, true);
        for level in controls {
            environment.reset(level);
            for _ in 0..10 {
                environment.step(0);
            }
            let idle = total(environment.clone(), 0);
            for action in 1..topology.num_actions() {
                let meaning = topology.action_meanings()[action].clone();
                found.push((meaning, total(environment.clone(), action) - idle));
            }
        }
    }
    found
}

#[test]
fn no_action_beats_doing_nothing_in_a_healthy_cluster() {
    for name in Scenario::builtin_names() {
        for (meaning, advantage) in advantages(name) {
            // An action has its price; what it saves besides may not be worth it.
            assert!(advantage < 0.0, "{name}: {meaning} gains {advantage}");
        }
    }
}

#[test]
fn a_restart_of_a_healthy_service_is_never_better_than_none() {
    for name in Scenario::builtin_names() {
        let restarts = advantages(name).into_iter().filter(|(meaning, _)| meaning.starts_with("restart"));
        for (meaning, advantage) in restarts {
            let price = Scenario::load(name).expect("a built-in scenario").reward.action;
            assert!(advantage <= -f64::from(price) * 0.99, "{name}: {meaning} gains {advantage}");
        }
    }
}
