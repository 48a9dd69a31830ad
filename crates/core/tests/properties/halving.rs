//! Half the tick, the same cluster: what happens does not depend on how finely it is computed.

use microcloud_core::{Environment, Level, Split, Topology};

use crate::play::{scenario, scenario_names};

/// Levels over which means are taken: so many that one in which a storm hangs by a thread does not tip them.
const LEVELS: u64 = 120;
/// Decisions between two actions of the script.
const PERIOD: u32 = 8;
/// Relative difference that is allowed, and the ratio of bad requests from which it is asked for.
const ALLOWED: f64 = 0.05;
const LEAST_BAD: f64 = 0.005;

/// Means over levels.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    bad: f64,
    p99_ms: f64,
    reward: f64,
}

fn environment(name: &str, halvings: u32, off: &[&str]) -> Environment {
    let mut scenario = scenario(name);
    scenario.rules_off = ["arrival-noise", "telemetry-noise"].iter().chain(off).map(|&rule| rule.into()).collect();
    scenario.tick_ms >>= halvings;
    scenario.decision_ticks <<= halvings;
    Environment::new(Topology::new(scenario).expect("a topology"))
}

/// What the script sends in turn: nothing that takes capacity away for good.
fn script(environment: &Environment) -> Vec<usize> {
    let meanings = environment.topology().action_meanings();
    let sent = ["restart", "scale up", "rebalance(all)"];
    (0..meanings.len()).filter(|&action| sent.iter().any(|kind| meanings[action].starts_with(kind))).collect()
}

/// Plays a level, with the script or without any action.
fn play(environment: &mut Environment, level: Level, script: &[usize]) -> Outcome {
    environment.reset(level);
    let (mut sums, mut decisions, mut offered, mut bad) = (Outcome::default(), 0_u32, 0.0, 0.0);
    loop {
        let turn = (decisions / PERIOD) as usize;
        let acts = !script.is_empty() && decisions % PERIOD == PERIOD - 1;
        let transition = environment.step(if acts { script[turn * 5 % script.len()] } else { 0 });
        decisions += 1;
        offered += environment.metrics().offered;
        bad += environment.metrics().bad;
        sums.p99_ms += environment.metrics().p99_ms;
        sums.reward += transition.reward;
        if transition.terminated || transition.truncated {
            return Outcome { bad: bad / offered, p99_ms: sums.p99_ms / f64::from(decisions), reward: sums.reward };
        }
    }
}

fn mean(name: &str, halvings: u32, off: &[&str], is_scripted: bool) -> Outcome {
    let mut environment = environment(name, halvings, off);
    let script = if is_scripted { script(&environment) } else { Vec::new() };
    let mut sum = Outcome::default();
    for k in 0..LEVELS {
        let one = play(&mut environment, Level::draw(Split::Train, 12, k), &script);
        sum = Outcome { bad: sum.bad + one.bad, p99_ms: sum.p99_ms + one.p99_ms, reward: sum.reward + one.reward };
    }
    let each = |sum: f64| sum / LEVELS as f64;
    Outcome { bad: each(sum.bad), p99_ms: each(sum.p99_ms), reward: each(sum.reward) }
}

fn compare(off: &[&str], is_scripted: bool) {
    for name in scenario_names() {
        let (whole, half) = (mean(name, 0, off, is_scripted), mean(name, 1, off, is_scripted));
        let close = |a: f64, b: f64, least: f64| (a - b).abs() < ALLOWED * a.abs().max(b.abs()).max(least);
        assert!(close(whole.bad, half.bad, LEAST_BAD), "{name}: {whole:?}, {half:?}");
        assert!(close(whole.p99_ms, half.p99_ms, 1.0), "{name}: {whole:?}, {half:?}");
        assert!(close(whole.reward, half.reward, 1.0), "{name}: {whole:?}, {half:?}");
    }
}

#[test]
fn half_the_tick_changes_no_mean_without_actions() {
    compare(&[], false);
}

/// Whether a restart ends a retry storm is chaotic: no tick length predicts it, so the script is played without storms.
#[test]
fn half_the_tick_changes_no_mean_under_a_script_of_actions() {
    compare(&["F08"], true);
}
