//! Half the tick, the same cluster: what happens does not depend on how finely it is computed.

use std::collections::BTreeMap;

use microcloud_core::{Environment, Level, Scenario, Split, Topology};

/// Means over an episode.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    bad: f64,
    p99_ms: f64,
    reward: f64,
    terminated: bool,
}

fn environment(name: &str, halvings: u32) -> Environment {
    let mut scenario = Scenario::load(name).expect("a built-in scenario");
    scenario.rules_off = vec!["arrival-noise".into(), "telemetry-noise".into()];
    scenario.tick_ms >>= halvings;
    scenario.decision_ticks <<= halvings;
    Environment::new(Topology::new(scenario).expect("a topology"))
}

/// Plays a level with an action every `period` decisions, in turn, or none.
fn play(environment: &mut Environment, level: Level, period: u32) -> Outcome {
    environment.reset(level);
    let actions = environment.topology().num_actions();
    let (mut sums, mut decisions) = (Outcome::default(), 0);
    let (mut offered, mut bad) = (0.0, 0.0);
    loop {
        let turn = decisions / period.max(1);
        let action = if period > 0 && decisions % period == period - 1 { turn as usize * 7 % actions } else { 0 };
        let transition = environment.step(action);
        decisions += 1;
        let metrics = environment.metrics();
        offered += metrics.offered;
        bad += metrics.bad;
        sums.p99_ms += metrics.p99_ms;
        sums.reward += transition.reward;
        if transition.terminated || transition.truncated {
            let decisions = f64::from(decisions);
            return Outcome {
                bad: bad / offered,
                p99_ms: sums.p99_ms / decisions,
                terminated: transition.terminated,
                ..sums
            };
        }
    }
}

#[test]
fn half_the_tick_changes_nothing_that_matters() {
    for name in Scenario::builtin_names() {
        let (mut whole, mut half) = (environment(name, 0), environment(name, 1));
        for period in [0, 8] {
            let mut groups: BTreeMap<String, Vec<(Outcome, Outcome)>> = BTreeMap::new();
            for k in 0..40 {
                let level = Level::draw(Split::Train, 12, k);
                whole.reset(level);
                let fault = whole.faults().first().map_or("none".into(), |f| format!("{} {:?}", f.id, f.target));
                let pair = (play(&mut whole, level, period), play(&mut half, level, period));
                println!("{k} {fault} {pair:?}");
                groups.entry(fault[..4.min(fault.len())].to_owned()).or_default().push(pair);
            }
            for (fault, pairs) in &groups {
                let mean =
                    |of: &dyn Fn(&(Outcome, Outcome)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
                println!(
                    "{name} {period} {fault} n={} bad {:.5} {:.5} p99 {:.2} {:.2} return {:.3} {:.3}",
                    pairs.len(),
                    mean(&|p| p.0.bad),
                    mean(&|p| p.1.bad),
                    mean(&|p| p.0.p99_ms),
                    mean(&|p| p.1.p99_ms),
                    mean(&|p| p.0.reward),
                    mean(&|p| p.1.reward)
                );
            }
        }
    }
}
