//! Searches for the planner's configuration with the highest mean return on train levels, and prints it as TOML.
//!
//! `cargo run --example calibrate_planner -- [SCENARIO,…] [LEVELS] [MINUTES] > best.toml`
//!
//! Coordinate descent, as for threshold-rules: one setting after the other is put to each of its options while the rest
//! stays as it is, until a whole round improves nothing or the minutes are over. Rules' metrics, thresholds and severities
//! stay as they are; windows, templates, their times, and how a plan is put together are free. Both the search's levels and
//! those that it reports on are of the split `train`. Progress goes to standard error.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use microcloud_core::{Level, Scenario, Split, Topology};
use microcloud_eval::{Contender, mean_return};
use microcloud_policy::{
    Planner, PlannerConfig, Policy,
    planner::Template,
    threshold_rules::{HostRank, Remedy},
};

type Change = Box<dyn Fn(&mut PlannerConfig)>;

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

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let scenarios = arguments.next().unwrap_or_else(|| "spine12,online-boutique".to_owned());
    let levels: usize = arguments.next().map_or(Ok(72), |text| text.parse())?;
    let minutes: u64 = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let mut judge = Judge::new(&scenarios, 1, levels)?;
    let mut validation = Judge::new(&scenarios, 2, 2 * levels)?;

    let mut best = PlannerConfig::default();
    let mut value = judge.value(&best)?;
    eprintln!("as shipped: {value:.3}, on other train levels {:.3}", validation.value(&best)?);
    let rules = judge.of("threshold-rules")?;
    eprintln!("threshold-rules: {rules:.3}, on other train levels {:.3}", validation.of("threshold-rules")?);
    'search: loop {
        let before = value;
        for coordinate in coordinates(&best) {
            let from = best.clone();
            for (number, option) in coordinate.options.iter().enumerate() {
                let mut changed = from.clone();
                option(&mut changed);
                if changed == from {
                    continue;
                }
                if Instant::now() > until {
                    break 'search;
                }
                let changed_value = judge.value(&changed)?;
                if changed_value > value + 1e-6 {
                    eprintln!("  {value:.3} -> {changed_value:.3} by option {number} of {}", coordinate.name);
                    (best, value) = (changed, changed_value);
                }
            }
        }
        // The best so far can be taken from the log of a search that is cut short.
        eprintln!("{}", best.to_toml());
        if value < before + 0.01 {
            break;
        }
    }
    eprintln!(
        "best {value:.3}, on other train levels {:.3}, {} evaluations",
        validation.value(&best)?,
        judge.evaluations
    );
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
    fn value(&mut self, config: &PlannerConfig) -> Result<f64, Box<dyn Error>> {
        self.evaluations += 1;
        let config = config.clone();
        let contender = Contender::new("planner", move |topology| {
            let policy: Box<dyn Policy> = Box::new(Planner::new(config.clone(), topology)?);
            Ok(policy)
        });
        self.mean(&contender)
    }

    fn of(&self, baseline: &str) -> Result<f64, Box<dyn Error>> {
        self.mean(&Contender::baseline(baseline)?)
    }

    fn mean(&self, contender: &Contender) -> Result<f64, Box<dyn Error>> {
        let mut total = 0.0;
        for (topology, levels) in &self.played {
            total += mean_return(topology, contender, levels)?;
        }
        Ok(total / self.played.len() as f64)
    }
}

fn coordinate<T: Clone + 'static>(
    name: impl Into<String>,
    values: &[T],
    set: impl Fn(&mut PlannerConfig, T) + Clone + 'static,
) -> Coordinate {
    let option = |value: &T| {
        let (value, set) = (value.clone(), set.clone());
        Box::new(move |config: &mut PlannerConfig| set(config, value.clone())) as Change
    };
    Coordinate { name: name.into(), options: values.iter().map(option).collect() }
}

/// Templates first: they matter most. The lists of remedies are those that `experiment calibrate` tries.
fn coordinates(config: &PlannerConfig) -> Vec<Coordinate> {
    let mut all = Vec::new();
    let hosts = [HostRank::First, HostRank::BySeverity, HostRank::Last];
    all.push(coordinate("callers_wait", &[true, false], |c, v| c.choice.callers_wait = v));
    all.push(coordinate("patience_s", &[0.0, 5.0, 10.0, 15.0, 20.0, 30.0], |c, v| c.choice.patience_s = v));
    all.push(coordinate("settle_s", &[0.0, 10.0, 20.0, 30.0, 60.0], |c, v| c.choice.settle_s = v));
    all.push(coordinate("max_actions", &[1, 2, 4, 8, 16], |c, v| c.choice.max_actions = v));
    let mut names: Vec<String> = config.logs.iter().chain(&config.metrics).map(|rule| rule.name.clone()).collect();
    for rule in ["error_rate_high", "error_rate_critical"] {
        names.extend(["outage", "overload", "timeouts", "failures"].map(|class| format!("{rule}:{class}")));
    }
    for name in &names {
        let set = |name: String, change: fn(&mut Template, f64)| {
            move |config: &mut PlannerConfig, value: f64| {
                if let Some(template) = config.templates.get_mut(&name) {
                    change(template, value);
                }
            }
        };
        let of_class = name.split_once(':').map(|(rule, _)| rule.to_owned());
        let key = name.clone();
        let steps = move |config: &mut PlannerConfig, steps: Vec<Remedy>| {
            let whole = of_class.as_ref().and_then(|rule| config.templates.get(rule)).cloned().unwrap_or_default();
            config.templates.entry(key.clone()).or_insert(whole).steps = steps;
        };
        all.push(coordinate(format!("steps of {name}"), &remedies(name), steps));
        let cooldowns = [0.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0];
        all.push(coordinate(
            format!("cooldown of {name}"),
            &cooldowns,
            set(name.clone(), |template, value| template.cooldown_s = value),
        ));
        let waits = [0.0, 10.0, 20.0, 40.0];
        all.push(coordinate(
            format!("wait of {name}"),
            &waits,
            set(name.clone(), |template, value| template.wait_s = value),
        ));
        let timeouts = [0.0, 5.0, 10.0, 20.0];
        all.push(coordinate(
            format!("timeout of {name}"),
            &timeouts,
            set(name.clone(), |template, value| template.timeout_s = value),
        ));
    }
    all.push(coordinate("hosts", &hosts, |c, v| c.choice.hosts = v));
    all.push(coordinate("replan", &[true, false], |c, v| c.choice.replan = v));
    all.push(coordinate("cooldown_s", &[5.0, 15.0, 20.0, 30.0], |c, v| c.limits.cooldown_s = v));
    let waits = [None, Some(15.0), Some(30.0), Some(60.0), Some(120.0), Some(300.0)];
    all.push(coordinate("return_after_s", &waits, |c, v| c.quiet.return_after_s = v));
    all.push(coordinate("rebalance_after_s", &waits, |c, v| c.quiet.rebalance_after_s = v));
    all.push(coordinate("scale_down_after_s", &waits, |c, v| c.quiet.scale_down_after_s = v));
    all.push(coordinate("scale_down_below", &[0.2, 0.3, 0.4, 0.5], |c, v| c.quiet.scale_down_below = v));
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
        all.push(coordinate(format!("window of {metric}"), &[5, 10, 15, 20, 30], move |config, seconds| {
            let rules = config.logs.iter_mut().chain(&mut config.metrics);
            rules.filter(|rule| rule.metric_name == metric).for_each(|rule| rule.window_seconds = seconds);
        }));
    }
    all
}

fn remedies(rule: &str) -> Vec<Vec<Remedy>> {
    use Remedy::{Drain, Rebalance, RebalanceAll, Restart, ScaleUp};
    if rule.starts_with("node") || rule.starts_with("zone") {
        return vec![
            vec![],
            vec![Drain],
            vec![Rebalance],
            vec![RebalanceAll],
            vec![Drain, Rebalance],
            vec![Rebalance, RebalanceAll],
            vec![Rebalance, Drain],
        ];
    }
    vec![
        vec![],
        vec![Restart],
        vec![ScaleUp],
        vec![Restart, ScaleUp],
        vec![ScaleUp, Restart],
        vec![Drain],
        vec![Restart, Drain],
        vec![Rebalance],
        vec![RebalanceAll],
        vec![RebalanceAll, Restart],
        vec![RebalanceAll, ScaleUp],
    ]
}
