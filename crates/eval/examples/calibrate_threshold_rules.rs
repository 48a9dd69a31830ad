//! Searches for the threshold-rules configuration with the highest mean return on train levels, and prints it as TOML.
//!
//! `cargo run --example calibrate_threshold_rules -- [SCENARIO,…] [LEVELS] [RESTARTS] > best.toml`
//!
//! Coordinate descent: one setting after the other is put to each of its options while the rest stays as it is, until a
//! whole round improves nothing; restarts shake some settings of the best so far and descend again. S1's metrics,
//! operators, thresholds and severities stay as they are; windows, responses, cooldowns, the order of choice and what is
//! undone in quiet times are free. Progress goes to standard error.

use std::{error::Error, sync::Arc};

use microcloud_core::{Level, Scenario, Split, Topology};
use microcloud_eval::{Contender, mean_return};
use microcloud_policy::{
    Policy, ThresholdRules, ThresholdRulesConfig,
    threshold_rules::{HostRank, Order, Remedy},
};

type Change = Box<dyn Fn(&mut ThresholdRulesConfig)>;

/// A setting and the values it may take.
struct Coordinate {
    name: String,
    options: Vec<Change>,
}

/// What a configuration is judged on.
struct Judge {
    played: Vec<(Arc<Topology>, Vec<Level>)>,
    evaluations: usize,
}

const RULES: [&str; 12] = [
    "error_rate_high",
    "error_rate_critical",
    "cpu_high",
    "cpu_critical",
    "memory_high",
    "p99_high",
    "node_cpu_high",
    "node_cpu_critical",
    "zone_error_rate_critical",
    "node_disk_high",
    "node_mismatch_high",
    "node_notice",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let scenarios = arguments.next().unwrap_or_else(|| "spine12,online-boutique".to_owned());
    let levels: usize = arguments.next().map_or(Ok(240), |text| text.parse())?;
    let restarts: u64 = arguments.next().map_or(Ok(6), |text| text.parse())?;
    let mut judge = Judge::new(&scenarios, 1, levels)?;
    let mut validation = Judge::new(&scenarios, 2, 2 * levels)?;
    let coordinates = coordinates();

    let mut best = ThresholdRulesConfig::default();
    let mut value = judge.value(&best)?;
    eprintln!("as shipped: {value:.3}, on other train levels {:.3}", validation.value(&best)?);
    for restart in 0..=restarts {
        let start = if restart == 0 { best.clone() } else { shaken(&best, &coordinates, restart) };
        let (found, found_value) = descend(start, &coordinates, &mut judge)?;
        if found_value > value {
            (best, value) = (found, found_value);
        }
        // The best so far can be taken from the log of a search that is cut short.
        eprintln!("{}", best.to_toml());
        eprintln!(
            "restart {restart}: {found_value:.3}, best {value:.3}, on other train levels {:.3}, {} evaluations",
            validation.value(&best)?,
            judge.evaluations
        );
    }
    print!("{}", best.to_toml());
    Ok(())
}

impl Judge {
    /// Fault levels of every scenario, and a sixth as many control levels, which punish needless actions.
    fn new(scenarios: &str, seed: u64, count: usize) -> Result<Self, Box<dyn Error>> {
        let mut played = Vec::new();
        for name in scenarios.split(',') {
            let topology = Topology::new(Scenario::load(name)?)?;
            let mut levels = topology.draw_levels(Split::Train, seed, count, false);
            levels.extend(topology.draw_levels(Split::Train, seed, count.div_ceil(6), true));
            played.push((topology, levels));
        }
        Ok(Self { played, evaluations: 0 })
    }

    /// The mean return over levels, then over scenarios.
    fn value(&mut self, config: &ThresholdRulesConfig) -> Result<f64, Box<dyn Error>> {
        self.evaluations += 1;
        let config = config.clone();
        let contender = Contender::new("threshold-rules", move |topology| {
            let policy: Box<dyn Policy> = Box::new(ThresholdRules::new(config.clone(), topology)?);
            Ok(policy)
        });
        let mut total = 0.0;
        for (topology, levels) in &self.played {
            total += mean_return(topology, &contender, levels)?;
        }
        Ok(total / self.played.len() as f64)
    }
}

fn descend(
    mut best: ThresholdRulesConfig,
    coordinates: &[Coordinate],
    judge: &mut Judge,
) -> Result<(ThresholdRulesConfig, f64), Box<dyn Error>> {
    let mut value = judge.value(&best)?;
    loop {
        let before = value;
        for coordinate in coordinates {
            let from = best.clone();
            for option in &coordinate.options {
                let mut changed = from.clone();
                option(&mut changed);
                if changed == from {
                    continue;
                }
                let changed_value = judge.value(&changed)?;
                if changed_value > value + 1e-6 {
                    eprintln!("  {value:.3} -> {changed_value:.3} by {}", coordinate.name);
                    (best, value) = (changed, changed_value);
                }
            }
        }
        if value < before + 0.01 {
            return Ok((best, value));
        }
    }
}

/// A third of the settings put to an option drawn by the restart's number.
fn shaken(best: &ThresholdRulesConfig, coordinates: &[Coordinate], restart: u64) -> ThresholdRulesConfig {
    let mut config = best.clone();
    let mut state = restart.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for coordinate in coordinates {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = (state >> 33) as usize;
        if draw.is_multiple_of(3) {
            coordinate.options[draw / 3 % coordinate.options.len()](&mut config);
        }
    }
    config
}

fn coordinate<T: Clone + 'static>(name: &str, values: &[T], set: fn(&mut ThresholdRulesConfig, T)) -> Coordinate {
    let option = |value: &T| {
        let value = value.clone();
        Box::new(move |config: &mut ThresholdRulesConfig| set(config, value.clone())) as Change
    };
    Coordinate { name: name.to_owned(), options: values.iter().map(option).collect() }
}

fn coordinates() -> Vec<Coordinate> {
    let mut all = vec![
        coordinate("order", &[Order::Severity, Order::Downstream, Order::Path], |c, v| c.choice.order = v),
        coordinate("hosts", &[HostRank::First, HostRank::BySeverity, HostRank::Last], |c, v| c.choice.hosts = v),
        coordinate("fall_through", &[true, false], |c, v| c.choice.fall_through = v),
        coordinate("patience_s", &[0.0, 5.0, 10.0, 20.0, 30.0], |c, v| c.choice.patience_s = v),
        coordinate("settle_s", &[0.0, 10.0, 20.0, 30.0, 60.0, 120.0], |c, v| c.choice.settle_s = v),
        coordinate("return_after_s", &waits(), |c, v| c.quiet.return_after_s = v),
        coordinate("rebalance_after_s", &waits(), |c, v| c.quiet.rebalance_after_s = v),
        coordinate("scale_down_after_s", &waits(), |c, v| c.quiet.scale_down_after_s = v),
        coordinate("scale_down_below", &[0.2, 0.3, 0.4, 0.5, 0.6], |c, v| c.quiet.scale_down_below = v),
        coordinate("symptoms", &symptoms(), |c, v| c.choice.symptoms = v.iter().map(|&name| name.to_owned()).collect()),
    ];
    for metric in [
        "service.error_ratio",
        "service.utilisation",
        "service.memory",
        "service.p99_latency_ms",
        "node.cpu_pressure",
        "zone.error_ratio",
        "node.disk",
        "node.mismatch",
    ] {
        let window = |seconds: u32| {
            Box::new(move |config: &mut ThresholdRulesConfig| {
                config
                    .rules
                    .iter_mut()
                    .filter(|rule| rule.metric_name == metric)
                    .for_each(|rule| rule.window_seconds = seconds);
            }) as Change
        };
        let options = [5, 10, 15, 20, 30, 60].map(window).into_iter().collect();
        all.push(Coordinate { name: format!("window of {metric}"), options });
    }
    for rule in RULES {
        let actions = |remedies: Vec<Remedy>| {
            Box::new(move |config: &mut ThresholdRulesConfig| {
                if let Some(response) = config.responses.get_mut(rule) {
                    response.actions.clone_from(&remedies);
                }
            }) as Change
        };
        let cooldown = |seconds: f64| {
            Box::new(move |config: &mut ThresholdRulesConfig| {
                if let Some(response) = config.responses.get_mut(rule) {
                    response.cooldown_s = seconds;
                }
            }) as Change
        };
        let options = responses(rule).into_iter().map(actions).collect();
        all.push(Coordinate { name: format!("actions of {rule}"), options });
        let options = [0.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0].map(cooldown).into_iter().collect();
        all.push(Coordinate { name: format!("cooldown of {rule}"), options });
    }
    all
}

fn waits() -> Vec<Option<f64>> {
    vec![None, Some(15.0), Some(30.0), Some(60.0), Some(120.0), Some(300.0)]
}

/// Which of a service's symptoms explains the others.
fn symptoms() -> Vec<Vec<&'static str>> {
    let (error, cpu) = ("service.error_ratio", "service.utilisation");
    let (memory, latency) = ("service.memory", "service.p99_latency_ms");
    vec![
        vec![],
        vec![memory, cpu, latency, error],
        vec![memory, cpu, error, latency],
        vec![memory, error, cpu, latency],
        vec![cpu, memory, error, latency],
        vec![error, memory, latency, cpu],
        vec![latency, memory, error, cpu],
    ]
}

/// Remedies worth trying for a rule.
fn responses(rule: &str) -> Vec<Vec<Remedy>> {
    use Remedy::{Drain, Rebalance, RebalanceAll, Restart, ScaleUp};
    if rule.starts_with("node") || rule.starts_with("zone") {
        return vec![
            vec![],
            vec![Drain],
            vec![Rebalance],
            vec![RebalanceAll],
            vec![Drain, Rebalance],
            vec![Rebalance, RebalanceAll],
            vec![RebalanceAll, Rebalance],
        ];
    }
    vec![
        vec![],
        vec![Restart],
        vec![ScaleUp],
        vec![Restart, ScaleUp],
        vec![ScaleUp, Restart],
        vec![Restart, RebalanceAll],
        vec![ScaleUp, Drain],
        vec![Drain],
        vec![Drain, Restart],
        vec![Rebalance],
        vec![RebalanceAll],
        vec![RebalanceAll, Restart],
        vec![RebalanceAll, ScaleUp],
    ]
}
