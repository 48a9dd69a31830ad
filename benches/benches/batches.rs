//! What does a step of a whole batch of `spine12` cost, by its size, on one thread, with observations, masks and resets?

use std::{
    error::Error,
    time::{Duration, Instant},
};

use criterion::Throughput;
use microcloud_benches::{Batch, criterion, topology};

const NUM_ENVS: [usize; 4] = [1, 16, 256, 1024];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = criterion();
    let topology = topology("spine12")?;
    let mut group = criterion.benchmark_group("batch");
    for num_envs in NUM_ENVS {
        let mut batch = Batch::new(&topology, num_envs)?;
        group.throughput(Throughput::Elements(num_envs as u64 * u64::from(topology.scenario().decision_ticks)));
        group.bench_function(num_envs.to_string(), |bencher| {
            // Random actions are drawn by the policy, whose time is not asked for.
            bencher.iter_custom(|steps| {
                let mut spent = Duration::ZERO;
                for _ in 0..steps {
                    batch.draw_actions();
                    let begun = Instant::now();
                    batch.step();
                    spent += begun.elapsed();
                }
                spent
            });
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
