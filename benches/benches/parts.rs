//! What do an observation, a mask, a reset, a snapshot and its restoration cost, by scenario, between steps of random play?
//!
//! A reset or a restoration puts the cluster back each time, so that there is one step of play between two of them.

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use microcloud_benches::{Play, Player, criterion, topology};

const SCENARIOS: [&str; 2] = ["spine12", "online-boutique"];

/// Sums the time of `part` between steps of random play, so that it meets the caches and the states of play.
fn between_steps(player: &mut Player, parts: u64, mut part: impl FnMut(&mut Player)) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..parts {
        let action = player.choose();
        player.step(action);
        let begun = Instant::now();
        part(player);
        spent += begun.elapsed();
    }
    spent
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = criterion();
    for scenario in SCENARIOS {
        let topology = topology(scenario)?;
        let mut player = Player::new(&topology, Play::Random);
        let mut observation = vec![0.0; topology.observation_size()];
        let mut mask = vec![false; topology.num_actions()];
        let snapshot = player.environment().snapshot();
        player.environment_mut().restore(&snapshot)?;
        criterion.bench_function(&format!("observe/{scenario}"), |bencher| {
            bencher.iter_custom(|parts| {
                between_steps(&mut player, parts, |player| player.environment().observe(black_box(&mut observation)))
            });
        });
        criterion.bench_function(&format!("mask/{scenario}"), |bencher| {
            bencher.iter_custom(|parts| {
                between_steps(&mut player, parts, |player| player.environment().action_mask(black_box(&mut mask)))
            });
        });
        criterion.bench_function(&format!("reset/{scenario}"), |bencher| {
            bencher.iter_custom(|parts| between_steps(&mut player, parts, Player::reset));
        });
        criterion.bench_function(&format!("snapshot/{scenario}"), |bencher| {
            bencher.iter_custom(|parts| {
                between_steps(&mut player, parts, |player| {
                    black_box(player.environment().snapshot());
                })
            });
        });
        criterion.bench_function(&format!("restore/{scenario}"), |bencher| {
            bencher.iter_custom(|parts| {
                between_steps(&mut player, parts, |player| {
                    // It was restored above, so it fits.
                    let _ = black_box(player.environment_mut().restore(&snapshot));
                })
            });
        });
    }
    criterion.final_summary();
    Ok(())
}
