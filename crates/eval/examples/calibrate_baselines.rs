//! Searches for a baseline's configuration with the highest mean return on train levels, and prints the settings it found.
//!
//! `cargo run --example calibrate_baselines -- supervisor|autoscaler|predictive-scaler|policy-engine|bandit|all
//! [SCENARIO,…] [LEVELS] [RESTARTS]`
//!
//! Coordinate descent: one setting after the other is put to each of its values while the rest stays as it is, until a whole
//! round improves nothing; restarts shake a third of the settings of the best so far and descend again. What a baseline
//! takes from elsewhere is not among its settings: Kubernetes' period, tolerance, window and limits, the supervisor's
//! numbers of looks. `all` only prints what every baseline returns, as shipped. Progress goes to standard error.

use std::{error::Error, sync::Arc};

use microcloud_core::{Level, Scenario, Split, Topology};
use microcloud_eval::{Contender, mean_return};
use microcloud_policy::{
    BASELINE_NAMES, PerEnvironment, Policy,
    policy_engine::{PolicyEngine, PolicySet},
    scaler::{Scaler, ScalerConfig},
    supervisor::{Supervisor, SupervisorConfig},
};
use serde_json::{Value, json};

/// What the levels of a scenario are for.
struct Judge {
    played: Vec<(Arc<Topology>, Vec<Level>)>,
    evaluations: usize,
}

/// A setting by its JSON pointer, and the values it may take; null leaves it out.
type Setting = (String, Vec<Value>);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: calibrate_baselines BASELINE|all [SCENARIO,…] [LEVELS] [RESTARTS]")?;
    let scenarios = arguments.next().unwrap_or_else(|| "spine12,online-boutique".to_owned());
    let levels: usize = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let restarts: u64 = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let mut judge = Judge::new(&scenarios, 1, levels)?;
    if name == "all" {
        for name in BASELINE_NAMES {
            println!("{name}: {}", judge.describe(&Contender::baseline(name)?)?);
        }
        return Ok(());
    }
    let (shipped, settings) = start(&name)?;
    let mut best = shipped.clone();
    let mut value = judge.value(&contender(&name, &best))?;
    eprintln!("as shipped: {value:.3}");
    for restart in 0..=restarts {
        let from = if restart == 0 { best.clone() } else { shaken(&best, &settings, restart) };
        let (found, found_value) = descend(&name, from, &settings, &mut judge)?;
        if found_value > value {
            (best, value) = (found, found_value);
        }
        eprintln!("restart {restart}: {found_value:.3}, best {value:.3}, {} evaluations", judge.evaluations);
        eprintln!("{best}");
    }
    let validation = Judge::new(&scenarios, 2, 2 * levels)?;
    println!("on other train levels: as shipped {}", validation.describe(&contender(&name, &shipped))?);
    println!("on other train levels: best       {}", validation.describe(&contender(&name, &best))?);
    for (key, _) in &settings {
        println!("{key} = {}", best.pointer(key).unwrap_or(&Value::Null));
    }
    Ok(())
}

/// The shipped configuration, and what may change in it.
fn start(name: &str) -> Result<(Value, Vec<Setting>), Box<dyn Error>> {
    let setting = |key: &str, values: Value| (key.to_owned(), values.as_array().cloned().unwrap_or_default());
    Ok(match name {
        "supervisor" => (
            serde_json::to_value(SupervisorConfig::default())?,
            vec![
                setting("/error_ratio_above", json!([0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0])),
                setting("/latency_s_above", json!([0.5, 1.0, 2.0, 5.0, 1e6])),
                setting("/ready_below", json!([0.0, 0.3, 0.5, 0.7, 0.8, 0.9])),
                setting("/back_off_s", json!([10.0, 30.0, 60.0, 120.0, 300.0])),
                setting("/most_back_off_s", json!([300.0, 600.0, 1200.0])),
                setting("/blame_callees", json!([true, false])),
            ],
        ),
        "autoscaler" => (
            serde_json::to_value(ScalerConfig::autoscaler())?,
            vec![
                setting("/reactive/utilisation_target", json!([0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9])),
                setting("/reactive/smoothed", json!([true, false])),
                setting("/scale_up_stabilisation_s", json!([0.0, 15.0, 30.0, 60.0])),
            ],
        ),
        "predictive-scaler" => (
            serde_json::to_value(ScalerConfig::predictive_scaler())?,
            vec![
                setting("/predictive/utilisation_target", json!([0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9])),
                setting("/predictive/lead_s", json!([0.0, 5.0, 15.0, 30.0])),
                setting("/predictive/service_time_weight", json!([0.0, 0.02, 0.05, 0.1, 0.3, 1.0])),
                setting("/predictive/smoothing/level", json!([0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0])),
                setting("/predictive/smoothing/trend", json!([0.0, 0.05, 0.1, 0.2, 0.4])),
                setting("/predictive/smoothing/damping", json!([0.6, 0.8, 0.9, 0.95, 1.0])),
                setting("/sync_s", json!([5.0, 10.0, 15.0])),
                setting("/scale_up_stabilisation_s", json!([0.0, 10.0, 15.0, 30.0])),
                setting("/scale_down_stabilisation_s", json!([15.0, 30.0, 60.0, 120.0, 300.0])),
                setting(
                    "/reactive",
                    json!([
                        null,
                        { "utilisation_target": 0.6, "tolerance": 0.1, "smoothed": false },
                        { "utilisation_target": 0.7, "tolerance": 0.1, "smoothed": false },
                        { "utilisation_target": 0.8, "tolerance": 0.1, "smoothed": false },
                    ]),
                ),
            ],
        ),
        "policy-engine" => {
            let shipped = PolicySet::shipped()?;
            let mut settings = Vec::new();
            for (index, policy) in shipped.policies.iter().enumerate() {
                let own = |key: &str| format!("/policies/{index}/{key}");
                let (actions, conditions) = alternatives(&policy.name);
                settings.push(setting(&own("enabled"), json!([true, false])));
                settings.push(setting(&own("cooldown"), json!([30.0, 60.0, 120.0, 300.0, 600.0, 1200.0])));
                settings.push(setting(&own("action"), actions));
                settings.push(setting(&own("condition"), conditions));
            }
            (serde_json::to_value(shipped)?, settings)
        }
        _ => {
            return Err(format!(
                "unknown baseline `{name}`; allowed: policy-engine, supervisor, autoscaler, predictive-scaler"
            )
            .into());
        }
    })
}

/// Actions and conditions worth trying for a policy of the engine.
fn alternatives(name: &str) -> (Value, Value) {
    let node = json!(["drain_node", "rebalance", "rebalance_all"]);
    let service = json!(["restart_container", "scale_up", "rebalance_all", "drain_node", "rebalance"]);
    match name {
        "node-taken-back" => (node, json!(["node.notice > 0"])),
        "node-disagrees" => (node, json!(["node.mismatch > 0.02", "node.mismatch > 0.05", "node.mismatch > 0.1"])),
        "node-disk-full" => (node, json!(["node.disk > 0.8", "node.disk > 0.9", "node.disk > 0.95"])),
        "node-hot" => {
            (node, json!(["node.cpu_pressure > 0.75", "node.cpu_pressure > 0.85", "node.cpu_pressure > 0.95"]))
        }
        "zone-failing" => {
            (node, json!(["zone.error_ratio > 0.05", "zone.error_ratio > 0.1", "zone.error_ratio > 0.2"]))
        }
        "memory-high" => (service, json!(["memory > 0.75", "memory > 0.8", "memory > 0.85", "memory > 0.9"])),
        "cpu-high" => (
            service,
            json!([
                "cpu > 0.65",
                "cpu > 0.7",
                "cpu > 0.75",
                "cpu > 0.8",
                "cpu > 0.85",
                "cpu > 0.9",
                "cpu_30s > 0.65",
                "cpu_30s > 0.75",
                "cpu_30s > 0.85",
                "queue > 0.5",
            ]),
        ),
        "errors-high" | "errors-critical" => (
            service,
            json!([
                "error_rate > 0.05",
                "error_rate > 0.1",
                "error_rate > 0.2",
                "error_rate > 0.4",
                "error_rate_30s > 0.05",
                "error_rate_30s > 0.1",
                "error_rate_30s > 0.2",
                "error_rate_30s > 0.4",
            ]),
        ),
        "not-in-rotation" => (service, json!(["ready < 0.9", "ready < 0.7", "ready < 0.5", "ready < 0.3"])),
        "latency-high" => (
            json!(["alert", "restart_container", "scale_up", "rebalance_all", "drain_node"]),
            json!(["latency > 0.5", "latency > 1", "latency_30s > 0.5", "latency_30s > 1", "latency_30s > 2"]),
        ),
        _ => (json!([]), json!([])),
    }
}

/// The baseline with this configuration.
fn contender(name: &str, config: &Value) -> Contender {
    let (name, config) = (name.to_owned(), config.clone());
    Contender::new(name.clone(), move |topology| {
        let config = config.clone();
        let policy: Box<dyn Policy> = match name.as_str() {
            "policy-engine" => {
                let set: PolicySet = serde_json::from_value(config)?;
                Box::new(PerEnvironment::new("policy-engine", PolicyEngine::new(set, topology)?))
            }
            "supervisor" => {
                let config: SupervisorConfig = serde_json::from_value(config)?;
                Box::new(PerEnvironment::new("supervisor", Supervisor::new(config, topology)?))
            }
            _ => {
                let config: ScalerConfig = serde_json::from_value(config)?;
                Box::new(PerEnvironment::new("scaler", Scaler::new(config, topology)?))
            }
        };
        Ok(policy)
    })
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
    fn value(&mut self, contender: &Contender) -> Result<f64, Box<dyn Error>> {
        self.evaluations += 1;
        let mut total = 0.0;
        for (topology, levels) in &self.played {
            total += mean_return(topology, contender, levels)?;
        }
        Ok(total / self.played.len() as f64)
    }

    /// The mean return in each scenario, over fault levels and over control levels.
    fn describe(&self, contender: &Contender) -> Result<String, Box<dyn Error>> {
        let mut texts = Vec::new();
        for (topology, levels) in &self.played {
            let (control, fault): (Vec<Level>, Vec<Level>) =
                levels.iter().partition(|level| topology.is_control(**level));
            let (fault, control) =
                (mean_return(topology, contender, &fault)?, mean_return(topology, contender, &control)?);
            texts.push(format!("{} {fault:.2} (control {control:.3})", topology.scenario().name));
        }
        Ok(texts.join(", "))
    }
}

fn descend(
    name: &str,
    mut best: Value,
    settings: &[Setting],
    judge: &mut Judge,
) -> Result<(Value, f64), Box<dyn Error>> {
    let mut value = judge.value(&contender(name, &best))?;
    loop {
        let before = value;
        for (key, options) in settings {
            let from = best.clone();
            for option in options {
                let mut changed = from.clone();
                set(&mut changed, key, option);
                if changed == from {
                    continue;
                }
                let changed_value = judge.value(&contender(name, &changed))?;
                if changed_value > value + 1e-6 {
                    eprintln!("  {value:.3} -> {changed_value:.3} by {key} = {option}");
                    (best, value) = (changed, changed_value);
                }
            }
        }
        if value < before + 0.01 {
            return Ok((best, value));
        }
    }
}

/// A third of the settings put to a value drawn by the restart's number.
fn shaken(best: &Value, settings: &[Setting], restart: u64) -> Value {
    let mut config = best.clone();
    let mut state = restart.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for (key, options) in settings {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = (state >> 33) as usize;
        if draw.is_multiple_of(3) {
            set(&mut config, key, &options[draw / 3 % options.len()]);
        }
    }
    config
}

/// Puts the value at a pointer; null takes it away.
fn set(config: &mut Value, key: &str, value: &Value) {
    let Some((parent, own)) = key.rsplit_once('/') else { return };
    match config.pointer_mut(parent) {
        Some(Value::Object(map)) if value.is_null() => {
            map.remove(own);
        }
        Some(Value::Object(map)) => {
            map.insert(own.to_owned(), value.clone());
        }
        Some(Value::Array(items)) => {
            if let Some(item) = own.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                *item = value.clone();
            }
        }
        _ => {}
    }
}
