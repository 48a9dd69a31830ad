//! What each fault costs without action, and which repeated action helps most: `cargo run --example fault_losses`.

use std::collections::BTreeMap;

use microcloud_core::{Environment, Level, Scenario, Topology};

/// The summed reward of a level when an action is sent `times` times from 20 s after the first fault's onset.
fn play(environment: &mut Environment, level: Level, action: usize, times: u32) -> f64 {
    environment.reset(level);
    let onset = environment.faults().first().map_or(f64::MAX, |fault| fault.onset_s + 20.0);
    let (mut sent, mut sum) = (0, 0.0);
    loop {
        let act = environment.time_s() >= onset && sent < times;
        sent += u32::from(act);
        let transition = environment.step(if act { action } else { 0 });
        sum += transition.reward;
        if transition.terminated || transition.truncated {
            return sum;
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenario = Scenario::load(&std::env::args().nth(1).unwrap_or_else(|| "spine12".into()))?;
    let topology = Topology::new(scenario)?;
    let mut environment = Environment::new(topology.clone());
    let mut groups: BTreeMap<String, Vec<Level>> = BTreeMap::new();
    for number in 0..600 {
        let level = Level::new(number).ok_or("no such level")?;
        environment.reset(level);
        let Some(fault) = environment.faults().first().copied() else {
            groups.entry("control".into()).or_default().push(level);
            continue;
        };
        let target = match fault.target {
            microcloud_core::FaultTarget::Service(service) => topology.service_names()[service.index()].as_str(),
            microcloud_core::FaultTarget::Node(node) => topology.node_names()[node.index()].as_str(),
            microcloud_core::FaultTarget::Zone(zone) => topology.zone_names()[zone.index()].as_str(),
            microcloud_core::FaultTarget::Cluster => "cluster",
        };
        groups.entry(format!("{} {target}", fault.id)).or_default().push(level);
    }
    for (name, levels) in &groups {
        let levels = &levels[..levels.len().min(4)];
        let mut mean = |action, times| {
            levels.iter().map(|&level| play(&mut environment, level, action, times)).sum::<f64>() / levels.len() as f64
        };
        let idle = mean(0, 0);
        let mut tried: Vec<(f64, String)> = Vec::new();
        for action in 1..topology.num_actions() {
            for times in [1, 3] {
                tried.push((mean(action, times), format!("{} x{times}", topology.action_meanings()[action])));
            }
        }
        tried.sort_by(|a, b| b.0.total_cmp(&a.0));
        let show = |entry: &(f64, String)| format!("{:.2} {}", entry.0, entry.1);
        println!(
            "{name:16} n={} no-op {idle:8.2} | {} | {} | {} | worst {}",
            levels.len(),
            show(&tried[0]),
            show(&tried[1]),
            show(&tried[2]),
            show(&tried[tried.len() - 1])
        );
    }
    Ok(())
}
