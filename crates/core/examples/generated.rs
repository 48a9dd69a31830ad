//! Prints what the topologies of `random` look like without a fault and how long a big cluster takes to load:
//! `cargo run --example generated`.

use std::time::Instant;

use microcloud_core::{Environment, Scenario, Split, Topology};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for seed in 0..Scenario::RANDOM_TEST_TOPOLOGIES.end {
        describe(Scenario::random(seed)?)?;
    }
    for services in [100, 300, 1000] {
        let begun = Instant::now();
        let text = Scenario::generate(0, services)?.to_toml();
        let written_s = begun.elapsed().as_secs_f64();
        let scenario = Scenario::from_toml(&text, "generated")?;
        let read_s = begun.elapsed().as_secs_f64();
        let topology = Topology::new(scenario)?;
        let built_s = begun.elapsed().as_secs_f64();
        Environment::new(topology);
        let settled_s = begun.elapsed().as_secs_f64();
        println!(
            "{services} services: {:.3} s to generate and write, {:.3} s to read and check, {:.3} s for tables, {:.3} s to \
             settle",
            written_s,
            read_s - written_s,
            built_s - read_s,
            settled_s - built_s,
        );
    }
    Ok(())
}

/// One line: sizes, the worst of a level without a fault, and how many targets each fault has.
fn describe(scenario: Scenario) -> Result<(), Box<dyn std::error::Error>> {
    let replicas = || scenario.services.iter().map(|service| service.replicas);
    let sizes = format!(
        "{:9} {} services, {} calls, {:.1} replicas each, at most {}",
        scenario.name,
        scenario.services.len(),
        scenario.calls.len(),
        f64::from(replicas().sum::<u32>()) / scenario.services.len() as f64,
        replicas().max().unwrap_or(0),
    );
    let faults = scenario.faults.catalogue.iter().map(|fault| format!(" {}:{}", fault.id, fault.targets.len()));
    let faults: String = faults.collect();
    let topology = Topology::new(scenario.clone())?;
    let level = *topology.draw_levels(Split::Train, 1, 1, true).first().ok_or("no level without a fault")?;
    let mut environment = Environment::new(topology.clone());
    environment.reset(level);
    let mut observation = vec![0.0; topology.observation_size()];
    let (mut sum, mut p99_ms, mut bad, mut utilisation) = (0.0, 0.0_f64, 0.0_f64, 0.0_f32);
    loop {
        let transition = environment.step(0);
        sum += transition.reward;
        p99_ms = p99_ms.max(environment.metrics().p99_ms);
        bad = bad.max(environment.metrics().bad / environment.metrics().offered);
        environment.observe(&mut observation);
        for (name, &value) in topology.observation_names().iter().zip(&observation) {
            if name.ends_with(".utilisation_30s") {
                utilisation = utilisation.max(value);
            }
        }
        if transition.terminated || transition.truncated {
            break;
        }
    }
    println!(
        "{sizes}; p99 {p99_ms:.0} of {} ms, bad {bad:.4}, utilisation {utilisation:.2}, return {sum:.3};{faults}",
        scenario.slo.p99_ms
    );
    Ok(())
}
