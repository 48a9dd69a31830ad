//! Prints what one level does to a scenario, with an action sent at a decision or none:
//! `cargo run --example inspect -- spine12 7 "scale up(auth)" 30`.

use microcloud_core::{Environment, Level, Scenario, Topology};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let scenario = Scenario::load(&arguments.next().unwrap_or_else(|| "spine12".into()))?;
    let number = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let topology = Topology::new(scenario)?;
    let mut environment = Environment::new(topology.clone());
    environment.reset(Level::new(number).ok_or("no such level")?);
    let action = arguments.next().unwrap_or_else(|| "no-op".into());
    let action = topology.action_meanings().iter().position(|meaning| *meaning == action).ok_or("no such action")?;
    let at = arguments.next().map_or(Ok(0), |text| text.parse())?;
    println!("faults {:?}", environment.faults());
    let mut observation = vec![0.0; topology.observation_size()];
    for decision in 0..topology.scenario().episode_decisions {
        let transition = environment.step(if decision == at { action } else { 0 });
        let metrics = environment.metrics();
        if decision % 6 == 0 || transition.terminated {
            println!(
                "t {:5} offered {:7.1} bad {:.4} p99 {:7.1} reward {:.4}",
                environment.time_s(),
                metrics.offered,
                metrics.bad / metrics.offered,
                metrics.p99_ms,
                transition.reward
            );
        }
        if decision % 20 == 19 {
            environment.observe(&mut observation);
            for (name, value) in topology.observation_names().iter().zip(&observation) {
                if ["utilisation", "error_ratio", "p99_latency", "ready", "requests", "weight"]
                    .iter()
                    .any(|end| name.ends_with(&format!(".{end}")))
                {
                    print!("{name}={value:.3} ");
                }
            }
            println!();
        }
        if transition.terminated {
            break;
        }
    }
    Ok(())
}
