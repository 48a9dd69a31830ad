//! Plays random clusters and the built-in scenarios at random, and audits every tick:
//! `cargo run --release --example soak -- --ticks 100000000 --seed 0`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use microcloud_core::{Audit, Balance, CounterRng, Environment, Level, Scenario, Split, Stream, Topology};

#[path = "../tests/properties/random_cluster.rs"]
mod random_cluster;

use random_cluster::{Draw, Shape, scenario};

/// Episodes between two on a built-in scenario.
const BUILT_IN: u64 = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut ticks, mut seed, mut episodes) = (1_000_000, 0, u64::MAX);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value: u64 = arguments.next().ok_or_else(|| format!("{name} needs a number"))?.parse()?;
        match name.as_str() {
            "--ticks" => ticks = value,
            "--seed" => seed = value,
            "--episodes" => episodes = value,
            _ => return Err(format!("unknown argument {name}; allowed: --ticks, --seed, --episodes").into()),
        }
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = stopped.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;
    let start = Instant::now();
    let (mut played, mut violations, mut worst) = (0, 0, [0.0_f64; Balance::ALL.len()]);
    let first = seed;
    while played < ticks && !stopped.load(Ordering::Relaxed) && seed - first < episodes {
        let (name, audit) = episode(seed)?;
        played += audit.ticks();
        for (worst, balance) in worst.iter_mut().zip(Balance::ALL) {
            *worst = worst.max(audit.imbalance(balance));
        }
        if audit.violation().is_some() || audit.broken().next().is_some() {
            violations += 1;
            println!("{name}, --seed {seed} --episodes 1: {}", audit.violation().unwrap_or("finite"));
            for balance in audit.broken() {
                println!("    {balance:?} {:.1e}", audit.imbalance(balance));
            }
        }
        seed += 1;
    }
    println!("{played} ticks of {} episodes in {:.0} s", seed - first, start.elapsed().as_secs_f64());
    for (worst, balance) in worst.iter().zip(Balance::ALL) {
        println!("worst imbalance of {balance:?}: {worst:.1e}");
    }
    println!("violations: {violations}");
    if violations > 0 { Err("the simulation does not add up".into()) } else { Ok(()) }
}

/// One episode of random actions, which the seed alone fixes.
fn episode(seed: u64) -> Result<(String, Audit), Box<dyn std::error::Error>> {
    let mut draw = Draw::new(!seed);
    let scenario = if seed.is_multiple_of(BUILT_IN) {
        let names = Scenario::builtin_names();
        Scenario::load(names[draw.below(names.len())])?
    } else {
        let zones = 1 + draw.below(4);
        scenario(Shape { services: 1 + draw.below(12), zones, nodes: zones + draw.below(9 - zones), seed })
    };
    let name = format!("{} {:?}", scenario.name, scenario.rules_off);
    let topology = Topology::new(scenario)?;
    let mut environment = Environment::new(topology.clone());
    let split = [Split::Train, Split::Test, Split::Heldout][draw.below(3)];
    environment.reset(Level::draw(split, seed, 0));
    let mut rng = CounterRng::new(seed, Stream::Phases, u64::MAX);
    let mut audit = Audit::new();
    let eagerness = draw.scale(0.02, 1.0);
    loop {
        let any = (rng.uniform() * (topology.num_actions() + 2) as f32) as usize;
        let transition = environment.step_audited(if rng.uniform() < eagerness { any } else { 0 }, &mut audit);
        if transition.terminated || transition.truncated {
            return Ok((name, audit));
        }
    }
}
