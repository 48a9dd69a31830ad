//! The settings that a calibration may change, and the values it tries for each.

use microcloud_policy::{
    ThresholdRulesConfig,
    calibrated_rules::CalibratedConfig,
    detector::{Operator, Rule, Severity},
    scaler::ScalerConfig,
    threshold_rules::{HostRank, Order, Remedy, Response},
};

/// Puts a setting to one of its values.
pub(super) type Change = Box<dyn Fn(&mut CalibratedConfig) + Send + Sync>;

/// A setting and the values it may take.
pub(super) struct Coordinate {
    pub name: String,
    pub options: Vec<Change>,
}

/// The metrics that rules look at, and the thresholds worth trying.
const THRESHOLDS: [(&str, &[f64]); 11] = [
    ("service.error_ratio", &[0.02, 0.05, 0.1, 0.2, 0.4]),
    ("service.utilisation", &[0.55, 0.65, 0.75, 0.85, 0.95, 1.05]),
    ("service.memory", &[0.7, 0.8, 0.85, 0.9, 0.95]),
    ("service.p99_latency_ms", &[150.0, 300.0, 500.0, 1000.0, 2000.0]),
    ("service.ready", &[0.3, 0.5, 0.7, 0.9]),
    ("service.queue", &[0.1, 0.3, 0.6, 0.9]),
    ("node.cpu_pressure", &[0.6, 0.75, 0.85, 0.95, 1.1]),
    ("zone.error_ratio", &[0.02, 0.05, 0.1, 0.2, 0.4]),
    ("node.disk", &[0.7, 0.8, 0.9, 0.95]),
    ("node.mismatch", &[0.02, 0.05, 0.1, 0.2]),
    ("node.notice", &[0.0, 0.3, 0.6]),
];

/// Rules beyond the described system's that the search for calibrated rules may use.
const FURTHER: [(&str, &str, Operator, f64, Severity); 3] = [
    ("replicas_unready", "service.ready", Operator::Lt, 0.7, Severity::Medium),
    ("queue_high", "service.queue", Operator::Gt, 0.6, Severity::Medium),
    ("zone_error_rate_high", "zone.error_ratio", Operator::Gt, 0.05, Severity::High),
];

/// The rules with an empty response for each, so that all of it can be set; and with further rules unless thresholds are to
/// stay as described. Seconds are times `pace`.
pub(super) fn widened(mut config: ThresholdRulesConfig, described: bool, pace: f64) -> ThresholdRulesConfig {
    if !described {
        for (name, metric, operator, threshold, severity) in FURTHER {
            config.rules.push(Rule {
                name: name.to_owned(),
                metric_name: metric.to_owned(),
                operator,
                threshold,
                window_seconds: 10,
                severity,
            });
        }
    }
    for rule in &mut config.rules {
        let empty = || Response { actions: Vec::new(), cooldown_s: 120.0 };
        config.responses.entry(rule.name.clone()).or_insert_with(empty);
        rule.window_seconds = seconds(rule.window_seconds, pace);
    }
    config.choice.patience_s *= pace;
    config.choice.settle_s *= pace;
    config.responses.values_mut().for_each(|response| response.cooldown_s *= pace);
    let quiet = &mut config.quiet;
    for wait in [&mut quiet.return_after_s, &mut quiet.rebalance_after_s, &mut quiet.scale_down_after_s] {
        *wait = wait.map(|wait| wait * pace);
    }
    config
}

fn seconds(window: u32, pace: f64) -> u32 {
    (f64::from(window) * pace).round().max(1.0) as u32
}

/// Every setting; times are multiples of `pace`, the length of a decision over five seconds.
pub(super) fn coordinates(pace: f64, described: bool) -> Vec<Coordinate> {
    let mut all = choice(pace);
    all.extend(quiet(pace));
    let rules = widened(ThresholdRulesConfig::default(), described, pace).rules;
    for (metric, thresholds) in THRESHOLDS {
        let of_metric: Vec<&Rule> = rules.iter().filter(|rule| rule.metric_name == metric).collect();
        if of_metric.is_empty() {
            continue;
        }
        let window = |window: u32| -> Change {
            let window = seconds(window, pace);
            Box::new(move |config| {
                let of_metric = config.threshold_rules.rules.iter_mut().filter(|rule| rule.metric_name == metric);
                of_metric.for_each(|rule| rule.window_seconds = window);
            })
        };
        let options = [5, 10, 15, 20, 30, 60].map(window).into_iter().collect();
        all.push(Coordinate { name: format!("window of {metric}"), options });
        for rule in of_metric.iter().filter(|_| !described) {
            let options =
                thresholds.iter().map(|&threshold| of_rule(&rule.name, move |rule| rule.threshold = threshold));
            all.push(Coordinate { name: format!("threshold of {}", rule.name), options: options.collect() });
        }
    }
    for rule in &rules {
        let name = &rule.name;
        let remedies = remedies(&rule.metric_name).into_iter();
        let options = remedies.map(|actions| of_response(name, move |response| response.actions.clone_from(&actions)));
        all.push(Coordinate { name: format!("actions of {name}"), options: options.collect() });
        let cooldowns = [0.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0].into_iter();
        let options =
            cooldowns.map(|cooldown| of_response(name, move |response| response.cooldown_s = cooldown * pace));
        all.push(Coordinate { name: format!("cooldown of {name}"), options: options.collect() });
    }
    if !described {
        all.extend(scaler(pace));
    }
    all
}

fn of_rule(name: &str, set: impl Fn(&mut Rule) + Send + Sync + 'static) -> Change {
    let name = name.to_owned();
    Box::new(move |config| config.threshold_rules.rules.iter_mut().filter(|rule| rule.name == name).for_each(&set))
}

fn of_response(name: &str, set: impl Fn(&mut Response) + Send + Sync + 'static) -> Change {
    let name = name.to_owned();
    Box::new(move |config| {
        if let Some(response) = config.threshold_rules.responses.get_mut(&name) {
            set(response);
        }
    })
}

fn coordinate<T: Clone + Send + Sync + 'static>(
    name: &str,
    values: &[T],
    set: fn(&mut CalibratedConfig, T),
) -> Coordinate {
    let option = |value: &T| -> Change {
        let value = value.clone();
        Box::new(move |config| set(config, value.clone()))
    };
    Coordinate { name: name.to_owned(), options: values.iter().map(option).collect() }
}

fn choice(pace: f64) -> Vec<Coordinate> {
    let paced = |values: &[f64]| values.iter().map(|value| value * pace).collect::<Vec<f64>>();
    let (orders, hosts) =
        ([Order::Severity, Order::Downstream, Order::Path], [HostRank::First, HostRank::BySeverity, HostRank::Last]);
    vec![
        coordinate("order", &orders, |config, value| config.threshold_rules.choice.order = value),
        coordinate("hosts", &hosts, |config, value| config.threshold_rules.choice.hosts = value),
        coordinate("fall_through", &[true, false], |config, value| config.threshold_rules.choice.fall_through = value),
        coordinate("patience_s", &paced(&[0.0, 5.0, 10.0, 20.0, 30.0, 60.0]), |config, value| {
            config.threshold_rules.choice.patience_s = value;
        }),
        coordinate("settle_s", &paced(&[0.0, 10.0, 20.0, 30.0, 60.0, 120.0]), |config, value| {
            config.threshold_rules.choice.settle_s = value;
        }),
        coordinate("symptoms", &symptoms(), |config, value| {
            config.threshold_rules.choice.symptoms = value.iter().map(|&name| name.to_owned()).collect();
        }),
    ]
}

fn quiet(pace: f64) -> Vec<Coordinate> {
    let waits: Vec<Option<f64>> = [None, Some(15.0), Some(30.0), Some(60.0), Some(120.0), Some(300.0)]
        .map(|wait| wait.map(|s| s * pace))
        .to_vec();
    vec![
        coordinate("return_after_s", &waits, |config, value| config.threshold_rules.quiet.return_after_s = value),
        coordinate("rebalance_after_s", &waits, |config, value| config.threshold_rules.quiet.rebalance_after_s = value),
        coordinate("scale_down_after_s", &waits, |config, value| {
            config.threshold_rules.quiet.scale_down_after_s = value;
        }),
        coordinate("scale_down_below", &[0.2, 0.3, 0.4, 0.5, 0.6], |config, value| {
            config.threshold_rules.quiet.scale_down_below = value;
        }),
    ]
}

fn scaler(pace: f64) -> Vec<Coordinate> {
    let kinds = [None, Some(ScalerConfig::autoscaler()), Some(ScalerConfig::predictive_scaler())];
    let paced = |values: &[f64]| values.iter().map(|value| value * pace).collect::<Vec<f64>>();
    vec![
        coordinate("scaler", &kinds, |config, value| config.scaler = value),
        coordinate("scaler's target", &[0.3, 0.4, 0.5, 0.6, 0.7, 0.8], |config, value| {
            if let Some(scaler) = &mut config.scaler {
                scaler.reactive.iter_mut().for_each(|reactive| reactive.utilisation_target = value);
                scaler.predictive.iter_mut().for_each(|predictive| predictive.utilisation_target = value);
            }
        }),
        coordinate("scaler's period", &paced(&[5.0, 10.0, 15.0, 30.0]), |config, value| {
            config.scaler.iter_mut().for_each(|scaler| scaler.sync_s = value);
        }),
        coordinate("scaler's wait before it grows", &paced(&[0.0, 15.0, 30.0, 60.0]), |config, value| {
            config.scaler.iter_mut().for_each(|scaler| scaler.scale_up_stabilisation_s = value);
        }),
        coordinate("scaler's wait before it shrinks", &paced(&[15.0, 30.0, 60.0, 120.0, 300.0]), |config, value| {
            config.scaler.iter_mut().for_each(|scaler| scaler.scale_down_stabilisation_s = value);
        }),
        coordinate("scaler's tolerance", &[0.05, 0.1, 0.2, 0.3], |config, value| {
            config
                .scaler
                .iter_mut()
                .filter_map(|scaler| scaler.reactive.as_mut())
                .for_each(|own| own.tolerance = value);
        }),
        coordinate("scaler's smoothing", &[true, false], |config, value| {
            config.scaler.iter_mut().filter_map(|scaler| scaler.reactive.as_mut()).for_each(|own| own.smoothed = value);
        }),
        coordinate("scaler's lead", &paced(&[0.0, 10.0, 20.0, 40.0]), |config, value| {
            config.scaler.iter_mut().filter_map(|scaler| scaler.predictive.as_mut()).for_each(|own| own.lead_s = value);
        }),
    ]
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

/// Remedies worth trying for a rule on a metric.
fn remedies(metric: &str) -> Vec<Vec<Remedy>> {
    use Remedy::{Drain, Rebalance, RebalanceAll, Restart, ScaleUp};
    if metric.starts_with("node") || metric.starts_with("zone") {
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
        vec![Rebalance, Restart],
        vec![RebalanceAll],
        vec![RebalanceAll, Restart],
        vec![RebalanceAll, ScaleUp],
    ]
}
