//! What does a step cost: in calm and under random play, by scenario, one environment on one thread?

use std::{
    error::Error,
    time::{Duration, Instant},
};

use criterion::Throughput;
use microcloud_benches::{Play, Player, criterion, topology};

const SCENARIOS: [&str; 4] = ["spine12", "online-boutique", "random-1", "random-64"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = criterion();
    let mut group = criterion.benchmark_group("step");
    for (name, play) in [("calm", Play::Calm), ("random", Play::Random)] {
        for scenario in SCENARIOS {
            let topology = topology(scenario)?;
            let mut player = Player::new(&topology, play);
            group.throughput(Throughput::Elements(u64::from(topology.scenario().decision_ticks)));
            group.bench_function(format!("{name}/{scenario}"), |bencher| {
                // Choosing an action and beginning a level are not what is asked for.
                bencher.iter_custom(|steps| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..steps {
                        let action = player.choose();
                        let begun = Instant::now();
                        player.step(action);
                        spent += begun.elapsed();
                    }
                    spent
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
